"""For how long a strategy is blocked when its executor is killed.

The whole product runs. Strategies are started and due at the same instant; some executors are killed with SIGKILL
while they wait for it, others just before it, with the strategy's lock and a cycle that is under way. Time runs from
the kill until a worker has a message of the strategy again, and until one has handled it: nothing else of the
strategy is handled before. The queue is the emulator's, with the templates' visibility time-out; the holding of
messages (entrypoints/hold.py) is the product's own. No strategy may buy twice, and those whose executor died while it
waited have to have bought in time.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from benchmarks.figures import Figure, Target, spread
from benchmarks.logs import handled_lines
from benchmarks.stage import Holding, Stage, StageFailed
from twin.lambda_runtime import ExecutionEnvironment, Function

TARGET = Target("max", 60.0)
_LEAD = timedelta(seconds=75)
"""From the first creation to the instant: a killed executor's message comes again before it."""
_WAITING = timedelta(seconds=40)
"""Before the instant; the executor has prepared everything and sleeps."""
_ACTING = timedelta(seconds=0.4)
"""Before the instant; the executor has taken the cycle, and its order is about to leave."""
_PATIENCE = 150.0


@dataclass(slots=True)
class Watch:
    """When a worker began with a message of each strategy, by the monotonic clock."""

    function: Function
    strategies: Sequence[UUID]
    began: dict[UUID, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.function.on_work = self._note_soon

    def _note_soon(self, environment: ExecutionEnvironment) -> None:
        """The environment has the event a moment later."""
        asyncio.get_running_loop().call_soon(self._note, environment, time.monotonic())

    def _note(self, environment: ExecutionEnvironment, now: float) -> None:
        for strategy in self.strategies:
            if str(strategy).encode() in environment.payload:
                self.began.setdefault(strategy, []).append(now)

    def since(self, strategy: UUID, moment: float) -> float | None:
        """Seconds from `moment` to the next beginning."""
        return next((at - moment for at in self.began.get(strategy, ()) if at > moment), None)


@dataclass(frozen=True, slots=True)
class Kill:
    """One executor's end, by both clocks."""

    strategy: UUID
    monotonic: float
    wall: float


async def measure(stage: Stage, *, count: int) -> list[Figure]:
    """Seconds of blocked time after two kinds of death, `count` of each."""
    executor = stage.twin.functions["executor"]
    stage.progress(f"{2 * count} executors are loaded")
    await executor.warm(2 * count)
    holdings = await stage.enter_more(2 * count, lead=_LEAD)
    watch = Watch(executor, [each.strategy_id for each in holdings])
    due = holdings[0].due
    stage.progress("executors are killed while they wait")
    waiting = await _kill(executor, holdings[:count], due - _WAITING)
    stage.progress("executors are killed as their orders are about to leave")
    acting = await _kill(executor, holdings[count:], due - _ACTING)
    stage.progress("waiting for their messages to be handled")
    handled = await _all_handled(stage, [*waiting, *acting])
    await _check_orders(stage, waiting, acting)
    return [
        _figure("killed while it waits: a worker has its message again", [_again(watch, kill) for kill in waiting]),
        _figure("killed as its order leaves: a worker has its message again", [_again(watch, kill) for kill in acting]),
        _figure(
            "killed as its order leaves: its message is handled",
            [handled[kill.strategy] - kill.wall for kill in acting],
        ),
    ]


def _figure(name: str, seconds: Sequence[float]) -> Figure:
    return Figure("blocked", name, "s", spread(seconds), len(seconds), target=TARGET)


def _again(watch: Watch, kill: Kill) -> float:
    seconds = watch.since(kill.strategy, kill.monotonic)
    if seconds is None:
        raise StageFailed(f"the message of {kill.strategy} did not come again")
    return seconds


async def _kill(executor: Function, holdings: Sequence[Holding], at: datetime) -> list[Kill]:
    await asyncio.sleep((at - datetime.now(UTC)).total_seconds())
    kills = []
    for holding in holdings:
        name = str(holding.strategy_id).encode()
        struck = await executor.kill_busy(lambda payload, name=name: name in payload)  # type: ignore[misc]
        if not struck:
            raise StageFailed(f"no executor was at work for {holding.strategy_id} {at - holding.due} from its instant")
        kills.append(Kill(holding.strategy_id, time.monotonic(), time.time()))
    return kills


async def _all_handled(stage: Stage, kills: Sequence[Kill]) -> dict[UUID, float]:
    """When each message was handled, seconds since the epoch."""
    killed_at = {kill.strategy: kill.wall for kill in kills}

    def handled() -> dict[UUID, float]:
        return {
            line.strategy_id: line.ended / 1e3
            for line in handled_lines(stage.logs / "executor.log", "BUY")
            if line.ended / 1e3 > killed_at.get(line.strategy_id, math.inf)
        }

    async def all_of_them() -> bool:
        return len(handled()) == len(kills)

    await stage.until(all_of_them, "every message is handled", seconds=_PATIENCE)
    return handled()


async def _check_orders(stage: Stage, waiting: Sequence[Kill], acting: Sequence[Kill]) -> None:
    """Who died while it waited is replaced in time: its strategy buys, and once. Of who died with an order on the
    way nobody knows yet whether it left, and nothing may be sent again on a guess."""
    cursor = await stage.database.execute("select strategy_id, tag from order_intents where leg = 'entry'")
    strategy_of = {tag: strategy for strategy, tag in await cursor.fetchall()}
    orders = Counter(strategy_of[tag] for tag in await stage.exchange_orders(list(strategy_of)))
    if wrong := [kill.strategy for kill in waiting if orders[kill.strategy] != 1]:
        raise StageFailed(f"not exactly one entry at the exchange: {wrong}")
    if wrong := [kill.strategy for kill in acting if orders[kill.strategy] > 1]:
        raise StageFailed(f"more than one entry at the exchange: {wrong}")
