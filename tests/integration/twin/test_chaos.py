"""The monkey's reach: real processes are killed, stopped and brought back, and everything is undone in the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import psutil
import pytest
from redis import Redis

from twin.api_client import ApiClient
from twin.aws import Endpoint
from twin.chaos.deeds import BreakBroker, BreakLine, KillFunction, KillWorker, PauseWorker, Redeliver
from twin.chaos.monkey import Monkey, People
from twin.chaos.poller import ForgetfulPoller
from twin.chaos.proxy import Break, Network
from twin.chaos.victims import Cache, Paused
from twin.lines import Part, Side
from twin.processes import StateFolder
from twin.servers import start_valkey

if TYPE_CHECKING:
    from tests.integration.twin.conftest import StartFunction
    from twin.lambda_runtime import Function

STRATEGY = UUID(int=5)


@dataclass
class Exchange:
    """Takes faults, of which every second use is still to come."""

    armed: list[str] = field(default_factory=list)
    cleared: bool = False

    async def arm_fault(self, name: str, **_: object) -> int:
        self.armed.append(name)
        return len(self.armed)

    async def faults_left(self) -> Mapping[int, int]:
        return {1: 2}

    async def clear_faults(self) -> None:
        self.cleared = True


class Poller(ForgetfulPoller):
    """Without a queue behind it."""

    def __init__(self) -> None:
        self.deleted: list[str] = []
        self.shown: list[str] = []

    async def make_visible(self, _queue_url: str, receipt_handle: str) -> None:
        self.shown.append(receipt_handle)

    async def _call(self, action: str, **request: Any) -> dict[str, Any]:
        self.deleted.append(request["ReceiptHandle"])
        return {}


@dataclass
class Cage:
    """A monkey, and what it can reach."""

    monkey: Monkey
    function: Function
    exchange: Exchange
    poller: Poller
    network: Network


@pytest.fixture
async def cage(start_function: StartFunction, state: StateFolder) -> AsyncIterator[Cage]:
    function, idle, exchange, poller = start_function(), start_function(), Exchange(), Poller()
    await function.warm(1)
    functions = {"everything": function, "executor": function, "priority_executor": idle}
    network = Network()
    await network.lay(Side.FUNCTIONS, Part.CLOUD, Endpoint("127.0.0.1", 1))
    valkey = SimpleNamespace(pid=0)
    twin = SimpleNamespace(
        functions=functions, exchange=exchange, state=state, servers=SimpleNamespace(valkey=valkey), watchers=None
    )
    people = People([cast("ApiClient", None)], ["TRADER00"], cast("ApiClient", None), "FEED01")
    async with AsyncExitStack() as stack:
        monkey = Monkey(
            cast("Any", twin),
            people,
            network=network,
            poller=poller,
            find_strategy=lambda number: STRATEGY if number == 1 else None,
            stack=stack,
        )
        yield Cage(monkey, function, exchange, poller, network)
        monkey.release()
    await network.stop()


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110  what is waited for happens in other processes
            await asyncio.sleep(0.01)


async def invoke(function: Function, **event: Any) -> dict[str, Any]:
    result = await function.invoke(json.dumps(event).encode())
    document: dict[str, Any] = json.loads(result.payload)
    return document


async def test_a_doomed_function_is_killed_in_the_midst_of_its_next_event(cage: Cage) -> None:
    await cage.monkey.act([KillFunction(0.0, "everything", 0.2)])
    await asyncio.sleep(0.05)

    # One that is quick escapes, and the next one pays for it
    assert "pid" in await invoke(cage.function)
    await asyncio.sleep(0.3)
    assert (await invoke(cage.function, sleep=30))["errorType"] == "Runtime.ExitError"

    await until(lambda: cage.monkey.done.struck == {"kill everything": 1})
    assert "pid" in await invoke(cage.function)


async def test_the_worker_of_one_strategy_is_killed(cage: Cage) -> None:
    working = asyncio.create_task(invoke(cage.function, sleep=30, say=str(STRATEGY)))
    await asyncio.sleep(0.1)

    await cage.monkey.act([KillWorker(0.0, 1), KillWorker(0.0, 2)])

    assert (await working)["errorType"] == "Runtime.ExitError"
    await until(lambda: cage.monkey.done.struck == {"kill executor": 1})
    assert cage.monkey.done.missed == {"kill executor": 1}


async def test_a_stopped_worker_goes_on_where_it_was(cage: Cage) -> None:
    began = time.monotonic()
    working = asyncio.create_task(invoke(cage.function, sleep=0.1, say=str(STRATEGY)))
    await asyncio.sleep(0.05)

    await cage.monkey.act([PauseWorker(0.0, 1, 0.7)])

    assert "pid" in await working
    assert time.monotonic() - began > 0.6


async def test_healing_lets_everything_go_at_once(cage: Cage) -> None:
    working = asyncio.create_task(invoke(cage.function, sleep=0.1, say=str(STRATEGY)))
    await asyncio.sleep(0.05)
    deeds = [
        PauseWorker(0.0, 1, 600.0),
        BreakLine(0.0, Side.FUNCTIONS, Part.CLOUD, Break.REFUSE, 600.0),
        BreakBroker(0.0, "burst_429", 0, 5, None, {}),
        Redeliver(0.0, 2),
    ]
    await cage.monkey.act(deeds)
    await asyncio.sleep(0.05)

    async with asyncio.timeout(5):
        await cage.monkey.heal()
        assert "pid" in await working

    assert not cage.network.line(Side.FUNCTIONS, Part.CLOUD).is_broken
    assert cage.exchange.cleared
    assert cage.poller.owed == 0
    # Of five armed, two were still to come
    assert (cage.monkey.done.struck["exchange burst_429"], cage.monkey.done.missed["exchange burst_429"]) == (3, 2)


async def test_what_was_handled_is_shown_again_as_often_as_told() -> None:
    poller = Poller()
    poller.owed = 1

    await poller.delete("queue", "first")
    await poller.delete("queue", "second")

    assert (poller.shown, poller.deleted, poller.redelivered) == (["first"], ["second"], 1)


async def test_redis_comes_back_empty_behind_the_same_line(state: StateFolder, tmp_path: Path) -> None:
    network = Network()
    with start_valkey(tmp_path / "first") as address:
        here = await network.lay(Side.FUNCTIONS, Part.CACHE, Endpoint(address.host, address.port))
        twin = SimpleNamespace(servers=SimpleNamespace(valkey=address), state=state)
        async with AsyncExitStack() as stack:
            cache = Cache(cast("Any", twin), network, stack)
            client = Redis(port=here.port, socket_timeout=5)
            await asyncio.to_thread(client.set, "key", "value")

            await cache.kill(0.05)

            again = Redis(port=here.port, socket_timeout=5)
            assert await asyncio.to_thread(again.get, "key") is None
            assert cache.pid != address.pid
            client.close()
            again.close()
            second = cache.pid
        assert not psutil.pid_exists(second)
    await network.stop()


async def test_a_pause_takes_children_along_and_ends_when_told() -> None:
    process = await asyncio.create_subprocess_exec("sh", "-c", "sleep 60 & wait")
    paused = Paused()
    try:
        await until(psutil.Process(process.pid).children)
        children = psutil.Process(process.pid).children()
        pausing = asyncio.create_task(paused.pause(process.pid, 60, with_children=True))
        await asyncio.sleep(0.1)
        assert {psutil.Process(process.pid).status(), children[0].status()} == {psutil.STATUS_STOPPED}

        pausing.cancel()
        await asyncio.gather(pausing, return_exceptions=True)

        assert psutil.STATUS_STOPPED not in {psutil.Process(process.pid).status(), children[0].status()}
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        await process.wait()
