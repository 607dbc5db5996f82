"""The stop index, by example. Its decisions are compared with a reference in test_tick_path."""

from __future__ import annotations

import pytest

from fargate_listener.market_table import MarketTable
from fargate_listener.stop_index import Fall, Rise, StopIndex, TrailingFall, TrailingRise
from fargate_listener.tick_kernel import NEVER_ABOVE, NEVER_BELOW, Column
from tests.unit.fargate_listener.examples import INFY, ltp_frame


class Desk:
    """An index, and what ticks reached."""

    def __init__(self) -> None:
        self.table = MarketTable()
        self.index = StopIndex(self.table)
        self.reached: list[int] = []
        self.events = 0
        self.table.on_event = self.hear

    def hear(self, slot: int, price: int) -> None:
        self.events += 1
        self.reached += self.index.advance(self.table.token_of(slot), price)

    def ticks(self, *prices: int) -> list[int]:
        """What these prices of one frame reach."""
        self.reached.clear()
        self.table.on_frames([ltp_frame(*((INFY, price) for price in prices))])
        return list(self.reached)

    def column(self, column: Column) -> int:
        slot = self.table.slot_of(INFY)
        assert slot is not None
        return int(self.table.rows[slot, column])


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_highest_stop_is_the_nearest(desk: Desk) -> None:
    desk.index.arm(1, INFY, Fall(100))
    desk.index.arm(2, INFY, Fall(120))

    assert desk.column(Column.FALL) == 120


def test_a_price_takes_every_stop_at_or_above_it_highest_first(desk: Desk) -> None:
    for key, stop in enumerate([100, 120, 110, 90]):
        desk.index.arm(key, INFY, Fall(stop))

    assert desk.ticks(100) == [1, 2, 0]
    assert desk.column(Column.FALL) == 90


def test_moving_a_stop_down_uncovers_the_next(desk: Desk) -> None:
    desk.index.arm(1, INFY, Fall(120))
    desk.index.arm(2, INFY, Fall(100))

    desk.index.arm(1, INFY, Fall(80))

    assert desk.ticks(100) == [2]
    assert desk.ticks(80) == [1]


def test_an_instrument_without_thresholds_has_none_anywhere(desk: Desk) -> None:
    desk.index.arm(1, INFY, Fall(120))
    desk.index.arm(2, INFY, TrailingRise(10, 100))

    desk.index.disarm(1)
    desk.index.disarm(2)
    desk.index.disarm(2)

    assert (desk.column(Column.FALL), desk.column(Column.RISE)) == (NEVER_BELOW, NEVER_ABOVE)
    assert (desk.column(Column.CREST), desk.column(Column.TROUGH)) == (NEVER_ABOVE, NEVER_BELOW)
    assert len(desk.index) == 0


def test_a_target_is_reached_from_below_and_the_nearest_first(desk: Desk) -> None:
    desk.index.arm(1, INFY, Rise(130))
    desk.index.arm(2, INFY, Rise(120))
    desk.index.arm(3, INFY, Rise(140))

    assert desk.ticks(119) == []
    assert desk.ticks(130) == [2, 1]


def test_a_trailing_stop_moves_with_the_high_and_never_back(desk: Desk) -> None:
    desk.index.arm(1, INFY, TrailingFall(10, high=100))

    assert desk.ticks(105, 120, 111) == []
    assert desk.ticks(110) == [1]


def test_a_trailing_stop_of_a_short_position_moves_with_the_low(desk: Desk) -> None:
    desk.index.arm(1, INFY, TrailingRise(10, low=100))

    assert desk.ticks(95, 80, 89) == []
    assert desk.ticks(90) == [1]


def test_a_rising_market_moves_trailing_stops_without_an_event(desk: Desk) -> None:
    for key in range(50):
        desk.index.arm(key, INFY, TrailingFall(10 + key, high=100))

    desk.ticks(*range(100, 1000))

    assert desk.events == 0
    assert desk.column(Column.FALL) == 999 - 10


def test_stops_set_at_different_highs_follow_their_own_and_join(desk: Desk) -> None:
    # Given one that has seen 200, and one that was set at 150
    desk.index.arm(1, INFY, TrailingFall(60, high=200))
    desk.index.arm(2, INFY, TrailingFall(20, high=150))

    # When the price passes both highs
    assert desk.ticks(180, 161) == []
    assert desk.ticks(250, 240) == []

    # Then both follow it
    assert desk.ticks(230) == [2]
    assert desk.ticks(190) == [1]


def test_an_older_group_is_reached_while_a_younger_one_is_not(desk: Desk) -> None:
    desk.index.arm(1, INFY, TrailingFall(60, high=200))
    desk.index.arm(2, INFY, TrailingFall(50, high=150))

    assert desk.ticks(140) == [1]
    assert desk.ticks(100) == [2]


def test_every_instrument_may_be_reached_in_one_read(desk: Desk) -> None:
    # Given two frames, so that each is reached by the first and needs its answer before the second
    tokens = range(1, 9_001)
    for token in tokens:
        desk.index.arm(token, token, Fall(100))
        desk.index.arm(10_000 + token, token, Fall(50))

    desk.table.on_frames([ltp_frame(*((token, price) for token in tokens)) for price in (60, 40)])

    assert sorted(desk.reached) == [*tokens, *(10_000 + token for token in tokens)]


def test_levels_moved_a_thousand_times_leave_no_rubbish_behind(desk: Desk) -> None:
    # Given a stop that stays on top, so that nothing below it ever comes up to be thrown away
    desk.index.arm(0, INFY, Fall(10_000))

    for stop in range(1, 1000):
        desk.index.arm(1, INFY, Fall(stop))

    side = desk.index._below[INFY].side
    assert len(side._fixed._heap) < 50
    assert desk.ticks(1) == [0, 1]


def test_a_stop_one_step_above_another_is_the_nearest(desk: Desk) -> None:
    desk.index.arm(1, INFY, Fall(100))
    desk.index.arm(2, INFY, Fall(101))

    assert desk.ticks(101) == [2]


@pytest.mark.parametrize("then", ["disarm", "trail", "fix"])
def test_whatever_changes_beside_it_a_trailing_stop_stays_where_the_market_has_moved_it(desk: Desk, then: str) -> None:
    # Given one that followed the market up to 150 without anybody being asked
    desk.index.arm(1, INFY, TrailingFall(10, 100))
    desk.index.arm(2, INFY, TrailingFall(20, 100))
    assert desk.ticks(150) == []
    assert desk.events == 0

    match then:
        case "disarm":
            desk.index.disarm(2)
        case "trail":
            desk.index.arm(3, INFY, TrailingFall(60, 150))
        case "fix":
            desk.index.arm(3, INFY, Fall(50))

    assert desk.ticks(141) == []
    assert desk.ticks(140) == [1]


def test_nothing_is_kept_of_instruments_whose_thresholds_are_gone(desk: Desk) -> None:
    for token in range(1, 50):
        desk.index.arm(token, token, Fall(100))
        desk.index.arm(1_000 + token, token, TrailingRise(10, 100))
        desk.index.disarm(token)
        desk.index.advance(token, 110)

    assert len(desk.index) == 0
    assert desk.index._below == {}
    assert desk.index._above == {}
