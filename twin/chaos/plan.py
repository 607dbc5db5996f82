"""The monkey's plan: drawn from the seed before anything happens, so that the same seed means the same deeds."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from twin.chaos.cast import Script
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
from twin.chaos.proxy import Break
from twin.lines import Part, Side

CHAOS_BEFORE = 4.0
"""Seconds before the first buy at which the chaos begins."""
LONGEST_HOLD_SECONDS = 5.0
LONGEST_APPEARANCE_MS = 8000
"""Until an order whose answer was lost shows in the exchange's book."""
LONGEST_PAUSE_SECONDS = 8.0
"""For which an executor stands still between two lines."""
EVIDENCE_SECONDS = 45
"""The product's evidence window for this exchange. An order leaves at most LONGEST_PAUSE_SECONDS after it was
written down, is under way for LONGEST_HOLD_SECONDS, and shows LONGEST_APPEARANCE_MS later: twice all that is about
what the safe default is to what was seen of Kite."""

_READS = ("orders", "trades", "positions", "ltp")


@dataclass(frozen=True, slots=True)
class _BrokerFault:
    name: str
    weight: float
    routes: tuple[str | None, ...] = (None,)
    params: Callable[[random.Random], dict[str, object]] = lambda _: {}
    most: int = 1
    feeds: bool = False
    """Strikes the sockets, and there the feed's account."""


def _appears(chance: random.Random) -> dict[str, object]:
    return {"appear_after_ms": chance.randint(0, LONGEST_APPEARANCE_MS)}


def _channel(_: random.Random) -> dict[str, object]:
    return {"channel": "both"}


_BROKER_FAULTS = (
    _BrokerFault("accept_then_timeout", 5, params=_appears),
    _BrokerFault("accept_then_503", 5, params=_appears),
    _BrokerFault("400_timed_out_but_placed", 5, params=_appears),
    _BrokerFault("limbo", 2, params=lambda chance: {"ms": chance.randint(500, 12_000)}),
    _BrokerFault(
        "partial_fill",
        4,
        params=lambda chance: {"quantity": chance.randint(0, 3), "rest_ms": chance.choice((None, 500, 6000))},
    ),
    _BrokerFault("late_fill_after_cancel", 2, params=lambda chance: {"ms": chance.randint(100, 3000)}),
    _BrokerFault("reject", 1, params=lambda _: {"message": "RMS: rule check"}),
    _BrokerFault("html_502", 4, ("place", "cancel", *_READS), lambda chance: {"accept": chance.random() < 0.5}),
    _BrokerFault("data_null", 3, ("place", *_READS), lambda chance: {"accept": chance.random() < 0.5}),
    _BrokerFault("burst_429", 3, ("place", *_READS), most=4),
    _BrokerFault("reset_before_accept", 3, ("place", *_READS)),
    _BrokerFault("slow", 3, ("place", *_READS), lambda chance: {"ms": chance.randint(300, 6000)}),
    _BrokerFault("book_lag", 3, params=lambda chance: {"ms": chance.randint(300, 3000)}, most=6),
    _BrokerFault("duplicate_updates", 1, params=_channel, most=5),
    _BrokerFault("missing_updates", 2, params=_channel, most=5),
    _BrokerFault("reordered_updates", 1, params=_channel, most=5),
    _BrokerFault("ws_lag", 1, params=lambda chance: {"ms": chance.randint(300, 2500)}, most=20, feeds=True),
    _BrokerFault("403_on_reconnect", 1, feeds=True),
    _BrokerFault("ws_mute", 1, params=lambda chance: {"ms": chance.randint(2000, 9000)}, feeds=True),
    _BrokerFault("ws_close_1006", 1, feeds=True),
)

_LINE_FAULTS = {Break.RESET: 4.0, Break.REFUSE: 2.0, Break.HOLD: 2.0, Break.DELAY: 2.0, Break.LOSE_ANSWERS: 3.0}
_USED = tuple((side, part) for side in Side for part in Part)


def make_plan(seed: int, script: Script, *, seconds: float) -> tuple[Deed, ...]:
    """Every deed of a session whose chaos lasts `seconds`, in order of time. The numbers grow with the strategies."""
    planner = _Planner(random.Random(f"plan {seed}"), script, seconds)  # noqa: S311
    return tuple(sorted(planner.deeds(), key=lambda deed: (deed.at, deed.kind)))


class _Planner:
    def __init__(self, chance: random.Random, script: Script, seconds: float) -> None:
        self._chance = chance
        self._script = script
        self._seconds = seconds
        self._scale = len(script.players) / 100

    def deeds(self) -> Iterator[Deed]:
        """All of them, in no order."""
        yield from (KillWorker(at, number) for at, number in self._workers(14))
        yield from (
            PauseWorker(at, number, self._between(0.3, LONGEST_PAUSE_SECONDS)) for at, number in self._workers(10)
        )
        for make, number in self._kinds().items():
            for _ in range(number):
                yield make()
        if self._chance.random() < 0.5:
            yield self._token_death(FEED)

    def _kinds(self) -> dict[Callable[[], Deed], int]:
        """How each kind is drawn, and how often: what strikes single strategies grows with their number."""
        chance = self._chance
        return {
            partial(self._kill_function, "priority_executor"): self._some(8),
            partial(self._kill_function, "strategy"): self._some(4),
            partial(self._kill_function, "converge"): 2,
            partial(self._kill_function, "trigger"): 2,
            lambda: KillWatcher(self._when()): 2,
            lambda: KillCache(self._when(), self._between(0.2, 4)): 2,
            lambda: Pause(self._when(), "Redis", self._between(0.3, 4)): 2,
            lambda: Pause(self._when(), "PostgreSQL", self._between(0.3, 3)): 2,
            lambda: Pause(self._when(), "watcher", self._between(0.3, 8)): 1,
            lambda: EndSessions(self._when(), self._between(0.2, 1)): 3,
            self._broken_line: 18,
            self._broker_fault: self._some(50),
            lambda: self._token_death(chance.randrange(self._script.traders)): 2,
            lambda: Redeliver(self._when(), chance.randint(1, 3)): 6,
        }

    def _between(self, least: float, most: float) -> float:
        return round(self._chance.uniform(least, most), 3)

    def _kill_function(self, function: str) -> KillFunction:
        return KillFunction(self._when(), function, self._between(0.005, 0.4))

    def _some(self, of_hundred: int) -> int:
        return max(1, round(of_hundred * self._scale))

    def _when(self) -> float:
        return round(self._chance.uniform(0, self._seconds), 2)

    def _workers(self, of_hundred: int) -> Iterator[tuple[float, int]]:
        """Moments around the instant at which an order leaves, where a death can cost most, and whose order."""
        players: Sequence[int] = range(len(self._script.players))
        for number in self._chance.sample(players, min(self._some(of_hundred), len(players))):
            player = self._script.players[number]
            instants = [player.part.buy_at, player.part.sell_at]
            at = (self._chance.choice(instants) - self._script.begins_at).total_seconds()
            at = at if at < self._seconds else (player.part.buy_at - self._script.begins_at).total_seconds()
            yield max(0.0, round(at + CHAOS_BEFORE + self._chance.uniform(-2.5, 0.5), 3)), number

    def _broken_line(self) -> BreakLine:
        chance = self._chance
        side, part = chance.choice(_USED)
        fault = chance.choices(list(_LINE_FAULTS), weights=list(_LINE_FAULTS.values()))[0]
        longest = LONGEST_HOLD_SECONDS if fault is Break.HOLD else 4.0
        return BreakLine(
            self._when(),
            side,
            part,
            fault,
            seconds=self._between(0.3, longest),
            delay_seconds=self._between(0.02, 0.4) if fault is Break.DELAY else 0.0,
        )

    def _broker_fault(self) -> BreakBroker:
        chance = self._chance
        fault = chance.choices(_BROKER_FAULTS, weights=[each.weight for each in _BROKER_FAULTS])[0]
        return BreakBroker(
            self._when(),
            fault.name,
            trader=FEED if fault.feeds else chance.randrange(self._script.traders),
            count=chance.randint(1, fault.most),
            route=chance.choice(fault.routes),
            params=fault.params(chance),
        )

    def _token_death(self, trader: int) -> KillToken:
        return KillToken(self._when(), trader, self._between(3, 12))
