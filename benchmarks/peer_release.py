"""Peers of the release benchmark: the official client, sent at an instant in the two usual manners.

`processes`: one process per order, asleep until the instant, with its connection open: nothing is left
out that could be. `timers`: one process with a timer loop and a pool of threads, as APScheduler works.

Run by the benchmark as `python -m benchmarks.peer_release MANNER`; reads its task as JSON from standard
input and prints how many milliseconds after the instant each call began.
"""

from __future__ import annotations

import heapq
import json
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

MANNERS = {
    "processes": "one bare process per order, official client, open connection",
    "timers": "one process, timer loop and threads, official client, open connections",
}


def main() -> None:
    """Read the task, play, print."""
    manner = sys.argv[1]
    task = json.load(sys.stdin)
    clients = [_client(task, number) for number in range(task["count"])]
    play = {"processes": _play_processes, "timers": _play_timers}[manner]
    print(json.dumps(play(clients, manner, task)))


def _client(task: dict[str, Any], number: int) -> Any:
    from kiteconnect import KiteConnect

    api_key, access_token = task["accounts"][number % len(task["accounts"])]
    return KiteConnect(api_key=api_key, access_token=access_token, root=task["url"])


def _play_processes(clients: Sequence[Any], manner: str, task: dict[str, Any]) -> list[float]:
    context = multiprocessing.get_context("fork")
    children = []
    for number, client in enumerate(clients):
        ours, theirs = context.Pipe(duplex=False)
        child = context.Process(target=_sleep_and_place, args=(client, manner, number, task, theirs))
        child.start()
        children.append((child, ours))
    late = [pipe.recv() for _, pipe in children]
    for child, _ in children:
        child.join()
    return late


def _sleep_and_place(client: Any, manner: str, number: int, task: dict[str, Any], pipe: Connection) -> None:
    _open_connection(client)
    time.sleep(max(0.0, task["due"] - time.time()))
    pipe.send(_place(client, manner, number, task))


def _play_timers(clients: Sequence[Any], manner: str, task: dict[str, Any]) -> list[float]:
    timers = [(task["due"], number) for number in range(len(clients))]
    heapq.heapify(timers)
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(_open_connection, clients))
        jobs = []
        while timers:
            at, number = heapq.heappop(timers)
            time.sleep(max(0.0, at - time.time()))
            jobs.append(pool.submit(_place, clients[number], manner, number, task))
        return [job.result() for job in jobs]


def _open_connection(client: Any) -> None:
    """`requests` keeps the connection of an unknown path just as well, and no rate limit counts it."""
    client.reqsession.get(f"{client.root}/nothing-here", timeout=10)


def _place(client: Any, manner: str, number: int, task: dict[str, Any]) -> float:
    symbol = task["symbols"][number % len(task["symbols"])]
    began = time.time()
    client.place_order(
        "regular", "NSE", symbol, "BUY", 1, "MIS", "MARKET", market_protection=-1, tag=f"peer{manner}{number}"
    )
    return float((began - task["due"]) * 1000)


if __name__ == "__main__":
    main()
