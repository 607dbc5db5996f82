"""When a stop is hit, and when that is said again."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest

from fargate_listener.counters import Counters
from fargate_listener.durations import Spread
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import REPEAT_SECONDS, REPEATED_AT_ONCE, SAMPLED_READS, Hit, StopGuard
from fargate_listener.watcher import Watcher
from tests.unit.fargate_listener.examples import DAY, INFY, armed, ltp_frame, strategy_id


class Desk:
    """A guard with a memory of what it reported."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.counters = Counters()
        self.prices = MarketTable()
        self.guard = StopGuard(table=self.prices, report=self.hits.extend, counters=self.counters)
        self.guard.watch(INFY)

    def tick(self, price: int, at: float = 0.0, token: int = INFY) -> None:
        self.guard.on_frames([ltp_frame((token, price))], at)

    @property
    def reported(self) -> list[int]:
        """The strategies' numbers, in order."""
        return [hit.stop.strategy_id.int - 1000 for hit in self.hits]


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_price_at_the_stop_is_a_hit_and_one_above_is_not(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500.00"), now=0)

    desk.tick(150_001, at=1.0)
    desk.tick(150_000, at=2.0)

    assert desk.hits == [Hit(armed(1, "1500.00"), wire_price=150_000, received=2.0)]
    assert desk.counters.hits == 1


def test_a_gap_through_the_stop_is_a_hit_too(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)

    desk.tick(160_000)
    desk.tick(120_000)

    assert desk.reported == [1]


def test_one_frame_can_hit_many_strategies_on_many_instruments(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.guard.arm(armed(2, "1490"), now=0)
    desk.guard.arm(armed(3, "10", instrument_token=257, symbol="OTHER"), now=0)

    desk.guard.on_frames([ltp_frame((257, 999), (INFY, 149_500), (513, 1))], 0.0)

    assert desk.reported == [3, 1]


def test_a_falling_market_says_it_once(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)

    for price in range(150_000, 149_000, -10):
        desk.tick(price, at=1.0)

    assert desk.reported == [1]


def test_a_strategy_still_armed_below_its_stop_is_reported_again(desk: Desk) -> None:
    # Given a hit after which no tick comes any more
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.tick(149_900, at=1.0)

    desk.guard.repeat(now=1.0 + REPEAT_SECONDS - 0.1)
    assert desk.reported == [1]

    desk.guard.repeat(now=1.0 + REPEAT_SECONDS)
    desk.guard.repeat(now=1.0 + 2 * REPEAT_SECONDS)
    assert desk.reported == [1, 1, 1]


def test_thousands_that_return_at_once_let_ticks_pass_and_are_reported_together(desk: Desk) -> None:
    # Given a crash: more stops than one portion has room for were hit by one price
    stops = range(1, 3 * REPEATED_AT_ONCE + 1)
    for number in stops:
        desk.guard.arm(armed(number, "1500"), now=0)
    desk.guard.arm(armed(1000, "1400"), now=0)
    desk.tick(149_900, at=1.0)
    desk.hits.clear()

    # When they have rested, then ticks that come between the portions are heard at once
    assert desk.guard.repeat(now=1.0 + REPEAT_SECONDS)
    assert desk.guard.repeat(now=1.0 + REPEAT_SECONDS)
    assert desk.reported == []
    desk.tick(140_000, at=1.1 + REPEAT_SECONDS)
    assert desk.reported == [1000]

    # And those that rested are reported with the last portion, all at once
    assert not desk.guard.repeat(now=1.0 + REPEAT_SECONDS)
    assert desk.reported[1:] == list(stops)


def test_a_stop_that_is_moved_or_ends_while_others_return_is_not_reported_as_it_stood(desk: Desk) -> None:
    stops = range(1, 2 * REPEATED_AT_ONCE + 1)
    for number in stops:
        desk.guard.arm(armed(number, "1500"), now=0)
    desk.tick(149_900, at=1.0)
    desk.hits.clear()

    assert desk.guard.repeat(now=1.0 + REPEAT_SECONDS)
    desk.guard.disarm(strategy_id(1))
    desk.guard.arm(armed(2, "1400"), now=1.0 + REPEAT_SECONDS)
    assert not desk.guard.repeat(now=1.0 + REPEAT_SECONDS)

    assert desk.reported == list(stops)[2:]
    while desk.guard.repeat(now=1.0 + 2 * REPEAT_SECONDS):
        assert len(desk.reported) == len(stops) - 2
    assert desk.reported == [*list(stops)[2:], *list(stops)[2:]]


async def test_the_watcher_goes_on_until_all_have_returned(desk: Desk) -> None:
    stops = range(1, 3 * REPEATED_AT_ONCE + 1)
    for number in stops:
        desk.guard.arm(armed(number, "1500"), now=0)
    desk.tick(149_900, at=1.0)
    parts: dict[str, Any] = dict.fromkeys(part.name for part in fields(Watcher) if part.init)
    watcher = Watcher(**parts | {"guard": desk.guard, "monotonic": lambda: 2.0 + REPEAT_SECONDS})

    repeating = asyncio.create_task(watcher._repeat())
    async with asyncio.timeout(5):
        while len(desk.reported) < 2 * len(stops):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    repeating.cancel()

    assert desk.reported == [*stops, *stops]


def test_a_price_that_recovered_is_not_reported_until_it_falls_again(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.tick(149_900, at=1.0)
    desk.tick(150_100, at=2.0)

    desk.guard.repeat(now=20.0)
    assert desk.reported == [1]

    desk.tick(149_900, at=21.0)
    assert desk.reported == [1, 1]


def test_a_disarmed_strategy_is_never_reported_again(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.tick(149_900)

    desk.guard.disarm(strategy_id(1))
    desk.tick(140_000)
    desk.guard.repeat(now=100.0)

    assert desk.reported == [1]
    assert desk.guard.armed == 0


def test_arming_below_the_known_price_waits_and_above_it_hits_at_once(desk: Desk) -> None:
    # Given the market stands at 1500
    desk.tick(150_000)

    desk.guard.arm(armed(1, "1499.95"), now=1.0)
    desk.guard.arm(armed(2, "1500"), now=1.0)

    assert desk.reported == [2]


def test_a_price_from_before_a_disconnection_hits_nothing(desk: Desk) -> None:
    desk.tick(140_000)
    desk.guard.forget_prices()

    desk.guard.arm(armed(1, "1500"), now=1.0)

    assert desk.reported == []


def test_a_changed_stop_starts_afresh(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.tick(149_900, at=1.0)

    # When the trader lowers the stop below the market, and the market reaches it a moment later
    desk.guard.arm(armed(1, "1490"), now=2.0)
    assert desk.reported == [1]
    desk.tick(149_000, at=2.5)

    assert desk.reported == [1, 1]


def test_saying_the_same_again_changes_nothing(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.tick(149_900, at=1.0)

    desk.guard.arm(armed(1, "1500.00"), now=2.0)

    assert desk.reported == [1]


def test_rearming_starts_afresh(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.tick(149_900, at=1.0)

    desk.guard.disarm(strategy_id(1))
    desk.guard.arm(armed(1, "1500"), now=2.0)

    assert desk.reported == [1, 1]


def test_the_next_day_starts_afresh(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.tick(149_900, at=1.0)

    desk.guard.arm(armed(1, "1500", trading_day=DAY + timedelta(days=1)), now=90_000.0)

    assert desk.reported == [1, 1]


@pytest.mark.parametrize("impossible", [0, 2**31, 2**32 - 1])
def test_an_impossible_price_hits_nothing_and_is_no_last_price(desk: Desk, impossible: int) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.tick(151_000)

    desk.guard.watch(513)
    desk.guard.on_frames([ltp_frame((INFY, impossible), (513, 77))], 1.0)

    assert desk.reported == []
    counted = desk.prices.take_counted()
    assert (counted.ticks, counted.invalid) == (2, 1)
    assert desk.prices.latest(INFY) == 151_000
    assert desk.prices.latest(513) == 77


def test_a_stop_between_two_wire_prices_is_compared_exactly(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500.0049"), now=0)

    desk.tick(150_001)
    assert desk.reported == []
    desk.tick(150_000)
    assert desk.reported == [1]


def test_one_read_of_several_is_timed_from_its_arrival_to_its_evaluation() -> None:
    decisions, now = Spread(), [100.0]
    guard = StopGuard(
        table=MarketTable(),
        report=lambda _: None,
        counters=Counters(),
        decisions=decisions,
        monotonic=lambda: now[0],
    )
    for _ in range(2 * SAMPLED_READS):
        now[0] += 1.0
        guard.on_frames([ltp_frame((INFY, 150_000))], now[0] - 0.002)

    assert decisions.take() == [pytest.approx(2.0), pytest.approx(2.0)]


def test_a_stop_that_is_set_anew_while_its_hit_rests_keeps_nobody_else_from_returning(desk: Desk) -> None:
    desk.guard.arm(armed(1, "1500"), now=0)
    desk.guard.arm(armed(2, "1450"), now=0)
    desk.tick(150_000, at=0.0)
    desk.guard.arm(armed(1, "1400"), now=1.0)
    desk.tick(145_000, at=2.0)
    desk.tick(140_000, at=4.0)
    assert desk.reported == [1, 2, 1]

    desk.guard.repeat(now=2.0 + REPEAT_SECONDS)

    assert desk.reported == [1, 2, 1, 2]
