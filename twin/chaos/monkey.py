"""Carries the plan out, and undoes at its end whatever is not over."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from twin.api_client import ApiClient
from twin.chaos.deeds import (
    FEED,
    BreakBroker,
    BreakLine,
    Deed,
    EndSessions,
    KillCache,
    KillFunction,
    KillToken,
    KillWatcher,
    KillWorker,
    Pause,
    PauseWorker,
    Redeliver,
)
from twin.chaos.insistence import insist
from twin.chaos.poller import ForgetfulPoller
from twin.chaos.proxy import Break, Network
from twin.chaos.victims import Cache, Paused, end_sessions
from twin.lambda_runtime import ExecutionEnvironment, Function
from twin.running import Twin

_UNDOING = "undoing"
"""Begins the name of a task that is not cut short by the end of the chaos."""


@dataclass(frozen=True, slots=True)
class People:
    """Whom the deeds speak of."""

    traders: Sequence[ApiClient]
    accounts: Sequence[str]
    """Their user ids at the broker."""
    operator: ApiClient
    feed_account: str

    def account(self, number: int) -> str:
        """The broker account of a trader, or the feed's."""
        return self.feed_account if number == FEED else self.accounts[number]

    def person(self, number: int) -> ApiClient:
        """Who logs in to it."""
        return self.operator if number == FEED else self.traders[number]


@dataclass(slots=True)
class Done:
    """What came of the plan."""

    struck: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How often each kind of deed had an effect."""
    missed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How often there was nothing for it to strike."""


class Monkey:
    """Acts on a running twin."""

    def __init__(
        self,
        twin: Twin,
        people: People,
        *,
        network: Network,
        poller: ForgetfulPoller,
        find_strategy: Callable[[int], UUID | None],
        stack: AsyncExitStack,
    ) -> None:
        self._twin = twin
        self._network = network
        self._poller = poller
        self._people = people
        self._cache = Cache(twin, network, stack)
        self._paused = Paused()
        self._doomed: dict[str, deque[float]] = defaultdict(deque)
        self._armed: dict[int, tuple[str, int]] = {}
        self._acting: set[asyncio.Task[None]] = set()
        self._find_strategy = find_strategy
        self.done = Done()

    async def act(self, plan: Sequence[Deed]) -> None:
        """Do everything at its time; `heal` ends it."""
        begun = time.monotonic()
        for name in {deed.function for deed in plan if isinstance(deed, KillFunction)}:
            function = self._twin.functions[name]
            function.on_work = self._executioner(function)
        for deed in plan:
            await asyncio.sleep(max(0.0, begun + deed.at - time.monotonic()))
            task = asyncio.create_task(self._do(deed))
            self._acting.add(task)
            task.add_done_callback(self._acting.discard)

    async def heal(self) -> None:
        """No more faults: let go of everything, and wait for what is being undone."""
        self._doomed.clear()
        self._poller.owed = 0
        unhurried = [task for task in self._acting if not task.get_name().startswith(_UNDOING)]
        for task in unhurried:
            task.cancel()
        self._network.heal()
        self._paused.end()
        self._count_broker_faults(await self._twin.exchange.faults_left())
        await self._twin.exchange.clear_faults()
        await asyncio.gather(*tuple(self._acting), return_exceptions=True)
        self._network.heal()
        self.done.struck["redelivery"] = self._poller.redelivered

    def release(self) -> None:
        """As much of `heal` as can be done without waiting, for an end that was not planned."""
        self._paused.end()
        for task in tuple(self._acting):
            task.cancel()

    async def _do(self, deed: Deed) -> None:
        act = self._deeds()[type(deed)]
        has_struck = await act(deed)
        if has_struck is not None:
            self._count(deed.kind, has_struck=has_struck)

    def _count(self, kind: str, *, has_struck: bool) -> None:
        (self.done.struck if has_struck else self.done.missed)[kind] += 1

    def _deeds(self) -> dict[type[Deed], Callable[[Any], Coroutine[Any, Any, bool | None]]]:
        return {
            KillFunction: self._doom,
            KillWorker: self._kill_worker,
            PauseWorker: self._pause_worker,
            KillWatcher: self._kill_watcher,
            KillCache: self._kill_cache,
            Pause: self._pause,
            EndSessions: self._end_sessions,
            BreakLine: self._break_line,
            BreakBroker: self._break_broker,
            KillToken: self._kill_token,
            Redeliver: self._redeliver,
        }

    # --- processes ---------------------------------------------------------------------------------

    async def _doom(self, deed: KillFunction) -> None:
        self._doomed[deed.function].append(deed.after_seconds)

    def _executioner(self, function: Function) -> Callable[[ExecutionEnvironment], None]:
        """What kills the doomed: too late for one that was quick, it waits for the next, and not so long."""

        def on_work(environment: ExecutionEnvironment) -> None:
            waiting = self._doomed[function.spec.name]
            if waiting:
                task = asyncio.create_task(execute(environment, waiting.popleft()))
                self._acting.add(task)
                task.add_done_callback(self._acting.discard)

        async def execute(environment: ExecutionEnvironment, after_seconds: float) -> None:
            work = environment.payload
            await asyncio.sleep(after_seconds)
            if await function.kill_busy(lambda payload: payload is work):
                self._count(f"kill {function.spec.name}", has_struck=True)
            else:
                self._doomed[function.spec.name].append(after_seconds / 2)

        return on_work

    async def _kill_worker(self, deed: KillWorker) -> bool:
        strategy = self._find_strategy(deed.player)
        if strategy is None:
            return False
        # The queue's message is JSON inside the event's JSON; an id needs no escape in either.
        name = str(strategy).encode()
        return await self._twin.functions["executor"].kill_busy(lambda payload: name in payload) > 0

    async def _pause_worker(self, deed: PauseWorker) -> bool:
        strategy = self._find_strategy(deed.player)
        if strategy is None:
            return False
        name = str(strategy).encode()
        functions = (self._twin.functions[each] for each in ("executor", "priority_executor"))
        pids = [pid for function in functions for pid in function.pids_at_work(lambda payload: name in payload)]
        await asyncio.gather(*(self._paused.pause(pid, deed.seconds) for pid in pids))
        return bool(pids)

    async def _kill_watcher(self, _deed: KillWatcher) -> bool:
        return self._twin.watchers.kill_one()

    async def _kill_cache(self, deed: KillCache) -> bool:
        await self._cache.kill(deed.down_seconds)
        return True

    async def _pause(self, deed: Pause) -> None:
        pid = {
            "Redis": self._cache.pid,
            "PostgreSQL": self._twin.servers.postgres.pid,
            "watcher": self._twin.watchers.next.pid,
        }[deed.who]
        self._count(deed.kind, has_struck=True)
        await self._paused.pause(pid, deed.seconds, with_children=deed.who == "PostgreSQL")

    async def _end_sessions(self, deed: EndSessions) -> bool:
        return await end_sessions(self._twin.servers.administrator, deed.share) > 0

    # --- the network -------------------------------------------------------------------------------

    async def _break_line(self, deed: BreakLine) -> None:
        line = self._network.line(deed.side, deed.part)
        line.strike(deed.fault, delay_seconds=deed.delay_seconds)
        self._count(deed.kind, has_struck=True)
        if deed.fault is not Break.RESET:
            try:
                await asyncio.sleep(deed.seconds)
            finally:
                line.heal(deed.fault)

    # --- the broker --------------------------------------------------------------------------------

    async def _break_broker(self, deed: BreakBroker) -> None:
        fault_id = await self._twin.exchange.arm_fault(
            deed.name,
            user_id=self._people.account(deed.trader),
            count=deed.count,
            route=deed.route,
            params=deed.params,
        )
        self._armed[fault_id] = (deed.kind, deed.count)

    def _count_broker_faults(self, left: Mapping[int, int]) -> None:
        """Faults strike when something passes that they apply to, or never."""
        for fault_id, (kind, armed) in self._armed.items():
            unused = left.get(fault_id, 0)
            self.done.struck[kind] += armed - unused
            self.done.missed[kind] += unused

    async def _kill_token(self, deed: KillToken) -> bool:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(f"{_UNDOING} a token's death")
        await self._twin.exchange.kill_token(self._people.account(deed.trader))
        await asyncio.sleep(deed.login_after)
        await insist(self._people.person(deed.trader).log_in_to_broker)
        return True

    # --- the queues --------------------------------------------------------------------------------

    async def _redeliver(self, deed: Redeliver) -> None:
        self._poller.owed += deed.count
