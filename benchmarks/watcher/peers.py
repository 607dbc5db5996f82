"""Peers of the watcher: what others would run in its place, all on the official ticker as it is shipped.

- `official`: the ticker alone; its callback counts and compares nothing.
- `linear`: its callback compares each tick with every stop.
- `literal`: its callback does what the product's specification says word for word: for each tick, the strategies of
  the symbol from Redis, and each one's hash.

Run as `python -m benchmarks.watcher.peers NAME`; reads its task from standard input and prints what it found.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.watcher.found import Stretch
from benchmarks.watcher.task import HIGHEST_STOP, Task, age_of, tokens

Decide = Callable[[dict[str, Any]], None]
PEERS = ("official", "linear", "literal")


def official(_task: Task) -> Decide:
    """Nothing is decided."""

    def decide(_tick: dict[str, Any]) -> None:
        """The ticks were parsed: that is all."""

    return decide


def linear(task: Task) -> Decide:
    """Every stop, every tick."""
    names = tokens()
    stops = [(names[number % len(names)], (1 + number % HIGHEST_STOP) / 100) for number in range(task.stops)]

    def decide(tick: dict[str, Any]) -> None:
        token, price = tick["instrument_token"], tick["last_price"]
        for stop_token, stop in stops:
            if stop_token == token and price <= stop:
                raise AssertionError("the benchmark's prices hit no stop")

    return decide


def literal(task: Task) -> Decide:
    """Redis, every tick."""
    from redis import Redis

    names = tokens()
    redis: Any = Redis(port=task.redis_port, decode_responses=True)
    pipeline: Any = redis.pipeline(transaction=False)
    for number in range(task.stops):
        pipeline.sadd(f"symbol:{names[number % len(names)]}:strategies", number)
        fields = {"stop_loss": str((1 + number % HIGHEST_STOP) / 100), "status": "running", "quantity": "1"}
        pipeline.hset(f"strategy:{number}", mapping=fields)
    pipeline.execute()

    def decide(tick: dict[str, Any]) -> None:
        for strategy in redis.smembers(f"symbol:{tick['instrument_token']}:strategies"):
            fields = redis.hgetall(f"strategy:{strategy}")
            if tick["last_price"] <= float(fields["stop_loss"]):
                raise AssertionError("the benchmark's prices hit no stop")

    return decide


def main() -> None:
    """One run, in Twisted's reactor, which the official ticker lives in."""
    from kiteconnect import KiteTicker
    from twisted.internet import reactor as the_reactor

    reactor: Any = the_reactor

    name, task = sys.argv[1], Task.read()
    if task.core is not None:
        os.sched_setaffinity(0, {task.core})
    decide = {"official": official, "linear": linear, "literal": literal}[name](task)
    ages: list[int] = []
    ticks = 0
    stretch: Stretch | None = None

    def on_ticks(_ticker: Any, received: list[dict[str, Any]]) -> None:
        nonlocal ticks, stretch
        for tick in received:
            decide(tick)
        if stretch is None:
            return
        ticks += len(received)
        if task.pace:
            ages.append(age_of(round(received[0]["last_price"] * 100), time.monotonic_ns() // 1000))

    def on_connect(ticker: Any, _response: object) -> None:
        ticker.subscribe(tokens())
        reactor.callLater(task.warm_seconds, begin)

    def begin() -> None:
        nonlocal stretch
        stretch = Stretch()
        reactor.callLater(task.seconds, end)

    def end() -> None:
        assert stretch is not None
        print(stretch.end(ticks, ages).dump(), flush=True)
        os._exit(0)

    ticker = KiteTicker("key", "token", root=task.url, reconnect=False)
    ticker.on_ticks, ticker.on_connect = on_ticks, on_connect
    ticker.connect()


if __name__ == "__main__":
    main()
