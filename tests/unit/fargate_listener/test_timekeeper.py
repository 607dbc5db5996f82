"""The time that the market table is told, and the lag that is noticed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from struct import pack

import pytest

from fargate_listener.durations import Durations
from fargate_listener.market_table import MarketTable, MinuteBar
from fargate_listener.tick_kernel import State
from fargate_listener.timekeeper import Timekeeper, until_next_look
from tests.fakes.clock import VirtualClock
from tests.unit.fargate_listener.examples import INFY, frame, ltp_frame

OPENING = datetime(2026, 3, 2, 3, 45, tzinfo=UTC)
"""09:15 in India."""


def stamped(price: int, at: datetime) -> bytes:
    """A full packet of INFY."""
    return frame([pack(">II", INFY, price) + bytes(52) + pack(">I", int(at.timestamp())) + bytes(120)])


@dataclass
class Desk:
    """A timekeeper and what it tells."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(OPENING))
    table: MarketTable = field(default_factory=MarketTable)
    durations: Durations = field(default_factory=Durations)
    minutes: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table.watch(INFY)
        self.keeper = Timekeeper(
            table=self.table,
            clock=self.clock,
            monotonic=lambda: self.clock.now().timestamp(),
            durations=self.durations,
            on_minute=self.minutes.append,
        )
        self.keeper.look()

    def look_after(self, seconds: float) -> None:
        self.clock.sleep(seconds)
        self.keeper.look()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_bar_holds_the_ticks_of_its_minute(desk: Desk) -> None:
    minute = int(OPENING.timestamp()) // 60
    desk.table.on_frames([ltp_frame((INFY, 100))])
    desk.look_after(59.9)
    desk.table.on_frames([ltp_frame((INFY, 101))])
    desk.look_after(0.1)
    desk.table.on_frames([ltp_frame((INFY, 102))])

    assert desk.minutes == [minute, minute + 1]
    assert desk.table.take_bars(minute + 1) == [MinuteBar(INFY, minute, 100, 101, 100, 101, 2)]


def test_a_clock_that_was_ahead_for_a_look_takes_no_minute_away(desk: Desk) -> None:
    minute = int(OPENING.timestamp()) // 60
    right, ahead = desk.clock, VirtualClock(OPENING + timedelta(hours=1))
    desk.keeper._clock = ahead
    desk.look_after(0.1)
    desk.keeper._clock = right
    desk.look_after(0.1)
    desk.look_after(60)

    assert desk.minutes == [minute, minute + 60, minute, minute + 1]


def test_a_stamp_from_before_today_in_india_is_not_believed(desk: Desk) -> None:
    midnight = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)

    desk.table.on_frames([stamped(100, midnight - timedelta(seconds=1))])
    assert desk.table.latest(INFY) is None
    desk.table.on_frames([stamped(100, midnight)])

    assert desk.table.latest(INFY) == 100


def test_the_day_begins_anew_at_midnight_in_india(desk: Desk) -> None:
    desk.look_after(15 * 3600)

    assert desk.table._state[State.OLDEST_STAMP] == datetime(2026, 3, 2, 18, 30, tzinfo=UTC).timestamp()


def test_a_stamp_of_the_future_is_not_believed(desk: Desk) -> None:
    desk.table.on_frames([stamped(100, OPENING + timedelta(seconds=6))])

    assert desk.table.take_counted().future == 1
    assert desk.table.latest_stamp == 0


def test_lag_is_told_when_the_stamp_moves_on_and_only_then(desk: Desk) -> None:
    desk.table.on_frames([stamped(100, OPENING)])
    desk.look_after(0.25)
    desk.look_after(0.1)

    [lag] = desk.durations.tick_lags.take()

    assert lag == pytest.approx(250, rel=0.07)


def test_the_stamp_of_a_market_that_has_closed_is_no_lag(desk: Desk) -> None:
    desk.table.on_frames([stamped(100, OPENING)])

    desk.look_after(61)

    assert desk.durations.tick_lags.take() == []


def test_a_loop_that_is_busy_is_late() -> None:
    # Given a clock that moves on by a second whenever something else is run
    desk = Desk()

    async def be_busy() -> None:
        keeping = asyncio.create_task(desk.keeper.run())
        await asyncio.sleep(0)
        desk.clock.sleep(1.1)
        await asyncio.sleep(0.2)
        keeping.cancel()

    asyncio.run(be_busy())

    assert desk.durations.loop_lags.take()[-1] == pytest.approx(1000)


@pytest.mark.parametrize(
    ("microsecond", "pause"), [(0, 0.1), (1, 0.099999), (99_999, 0.000001), (100_000, 0.1), (950_000, 0.05)]
)
def test_looks_fall_on_tenths_of_the_clocks_seconds(microsecond: int, pause: float) -> None:
    assert until_next_look(OPENING.replace(microsecond=microsecond)) == pytest.approx(pause)
