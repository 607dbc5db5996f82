"""The session and its deeds are drawn from the seed, and from nothing else."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from exchange_simulator.faults import CATALOGUE
from twin.chaos.cast import PER_TRADER, Script, traders_needed, write_script
from twin.chaos.deeds import FEED, BreakBroker, BreakLine, Deed, KillFunction, KillToken, KillWorker, PauseWorker
from twin.chaos.plan import (
    CHAOS_BEFORE,
    EVIDENCE_SECONDS,
    LONGEST_APPEARANCE_MS,
    LONGEST_HOLD_SECONDS,
    LONGEST_PAUSE_SECONDS,
    make_plan,
)
from twin.chaos.proxy import Break
from twin.script import HIT, Market, Role

BEGINS = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
MARKETS = [Market(f"S{number}", Decimal("0.05"), Decimal(100 + number)) for number in range(PER_TRADER)]
SECONDS = 100.0


def script(seed: int = 7, strategies: int = 100) -> Script:
    return write_script(seed, BEGINS, MARKETS, strategies)


def plan(seed: int = 7) -> tuple[Deed, ...]:
    return make_plan(seed, script(seed), seconds=SECONDS)


def test_the_same_seed_is_the_same_session() -> None:
    assert script() == script()
    assert plan() == plan()


def test_another_seed_is_another_session() -> None:
    assert script(7) != script(8)
    assert plan(7) != plan(8)


@pytest.mark.parametrize("strategies", [1, 3, 100, 101, 400])
def test_no_trader_has_two_strategies_in_one_symbol(strategies: int) -> None:
    players = script(strategies=strategies).players

    assert len(players) == strategies
    assert max(Counter((p.trader, p.part.market.symbol) for p in players).values()) == 1
    assert {p.trader for p in players} == set(range(traders_needed(strategies)))


def test_a_session_has_every_role_and_bursts() -> None:
    players = script().players

    assert {p.part.role for p in players} == set(Role)
    at_once = Counter(p.part.buy_at for p in players).most_common(3)
    assert all(number >= 8 for _, number in at_once)
    assert {p.part.buy_at >= BEGINS for p in players} == {True}


def test_stops_that_are_to_be_hit_are_above_the_fall_and_others_below() -> None:
    session = script()
    falls = {fall.symbol: fall.price for fall in session.falls}
    for player in session.players:
        fall = falls.get(player.part.market.symbol, Decimal(0))
        if player.part.role in HIT:
            assert fall < player.part.stop_loss < player.part.market.price
        else:
            assert player.part.stop_loss < fall or fall == 0


def test_nobody_starts_after_the_buy_and_everything_is_over_at_the_last_event() -> None:
    session = script()
    late = [p for p in session.players if p.starts_at is not None]

    assert late
    assert all(p.starts_at < p.part.buy_at - timedelta(seconds=5) for p in late if p.starts_at)
    assert session.last_event_at >= max(p.part.buy_at for p in session.players)
    assert session.last_event_at < BEGINS + timedelta(seconds=SECONDS + 30)


def test_every_kind_of_fault_is_planned_over_a_few_seeds() -> None:
    kinds = {deed.kind for seed in range(20) for deed in plan(seed)}
    names = {deed.name for seed in range(20) for deed in plan(seed) if isinstance(deed, BreakBroker)}

    for killed in ("executor", "priority_executor", "converge", "trigger", "strategy", "watcher", "Redis"):
        assert f"kill {killed}" in kinds
    for fault in Break:
        assert any(kind.startswith("line ") and kind.endswith(fault) for kind in kinds)
    assert {"pause Redis", "pause PostgreSQL", "pause watcher", "pause executor", "end PostgreSQL sessions"} <= kinds
    assert {"token death", "redelivery"} <= kinds
    assert names <= CATALOGUE.keys()
    assert {"accept_then_timeout", "accept_then_503", "400_timed_out_but_placed", "limbo", "ws_mute"} <= names


def test_deeds_are_in_order_and_inside_the_chaos() -> None:
    times = [deed.at for deed in plan()]

    assert times == sorted(times)
    assert min(times) >= 0
    assert max(times) <= SECONDS + CHAOS_BEFORE + 0.5


def test_every_deed_speaks_of_somebody() -> None:
    session = script()
    for deed in plan():
        if isinstance(deed, KillWorker | PauseWorker):
            assert deed.player in range(len(session.players))
        if isinstance(deed, BreakBroker | KillToken):
            assert deed.trader == FEED or deed.trader in range(session.traders)
        if isinstance(deed, KillFunction):
            assert deed.after_seconds > 0


def test_an_order_can_not_surface_after_the_evidence_window() -> None:
    """The window was made shorter because this is known of the faults; it must stay true of them."""
    deeds = [deed for seed in range(50) for deed in plan(seed)]
    holds = [deed.seconds for deed in deeds if isinstance(deed, BreakLine) and deed.fault is Break.HOLD]
    appearances = [
        int(str(deed.params["appear_after_ms"]))
        for deed in deeds
        if isinstance(deed, BreakBroker) and "appear_after_ms" in deed.params
    ]

    pauses = [deed.seconds for deed in deeds if isinstance(deed, PauseWorker)]

    assert max(pauses) <= LONGEST_PAUSE_SECONDS
    assert max(holds) <= LONGEST_HOLD_SECONDS
    assert max(appearances) <= LONGEST_APPEARANCE_MS
    assert EVIDENCE_SECONDS >= 2 * (LONGEST_PAUSE_SECONDS + LONGEST_HOLD_SECONDS + LONGEST_APPEARANCE_MS / 1000)
