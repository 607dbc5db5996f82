"""One lost subscription on a socket that is well: the quotes that prove it are not thrown away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest

from algotrading.brokers.kite.quotes import Quote
from algotrading.domain.nse_calendar import NSE_SESSIONS
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.market_hours import MarketHours
from fargate_listener.rest_cover import RestCover
from fargate_listener.stop_guard import Hit, StopGuard
from tests.unit.fargate_listener.examples import armed, ltp_frame
from tests.unit.fargate_listener.test_liveness import OPTION, TCS, Afternoon, Stand

RARELY = 60
"""Seconds between two ticks of TCS, as long as it ticks."""


class Loss(Afternoon):
    """TCS, guarded at 1500, ticks once a minute at 1510 until its subscription is lost; the option beside it moves."""

    def __init__(self, stand: Stand) -> None:
        super().__init__(stand, "12:00:00")
        stand.feed.is_well = True
        stand.feed.asked = frozenset({OPTION, TCS})
        stand.feed._last_known = FeedCredentials("key", "token")
        self.hits: list[Hit] = []
        guard = StopGuard(table=stand.table, report=self.hits.extend, counters=self.counters)
        self.watchlist._guard = guard
        self.watchlist.apply(armed(2, "1500", instrument_token=TCS, symbol="TCS", quantity=100))
        self.price, self.traded = Decimal(1510), self.clock.now()
        self.cover = RestCover(
            read=self.read,
            feeds=self.liveness._feeds,
            liveness=self.liveness,
            table=stand.table,
            guard=guard,
            watchlist=self.watchlist,
            hours=MarketHours(NSE_SESSIONS, self.clock),
            monotonic=lambda: stand.now,
            counters=self.counters,
        )
        self.seconds = 0

    def read(self, _credentials: FeedCredentials, keys: Sequence[str]) -> Sequence[Quote]:
        whole_second = self.traded.replace(microsecond=0)
        return [Quote(TCS, self.price, Decimal(1400), Decimal(1700), whole_second)] if "NSE:TCS" in keys else []

    def second(self, *, is_subscribed: bool) -> None:
        """One passes, and whoever reads quotes asks once."""
        self.seconds += 1
        is_tick = is_subscribed and self.seconds % RARELY == 1
        self.traded = self.clock.now() + timedelta(seconds=1) if is_tick else self.traded
        ticks = [(TCS, 151_000)] if is_tick else []
        self.live(1, (OPTION, 160_000 + self.seconds), *ticks, index=2_000 + self.seconds)
        asyncio.run(self.cover.ask())


@pytest.fixture
def loss() -> Loss:
    loss = Loss(Stand())
    for _ in range(5 * RARELY):
        loss.second(is_subscribed=True)
    assert loss.hits == []
    assert loss.liveness.unshown() == []
    return loss


def test_a_stop_is_seen_within_seconds_though_its_subscription_is_lost(loss: Loss) -> None:
    # When it trades within a hundredth of what the feed showed last, below its stop
    loss.price, loss.traded = Decimal(1499), loss.clock.now()
    for _ in range(5):
        loss.second(is_subscribed=False)

    assert [hit.wire_price for hit in loss.hits] == [149_900]
    assert loss.liveness.unshown() == [TCS]
    assert loss.cover.covered() == {TCS}

    # Then it is read from quotes until it ticks again
    for _ in range(60):
        loss.second(is_subscribed=False)
        assert loss.cover.covered() == {TCS}
    loss.live(1, (TCS, 151_000), (OPTION, 1), index=1)
    assert loss.liveness.unshown() == []


def test_a_quote_that_the_feed_has_outdated_hits_nothing(loss: Loss) -> None:
    # Given a stop that is raised above what was traded before the last tick, which the broker's quotes still show
    loss.stand.table.on_frames([ltp_frame((TCS, 151_000))])
    loss.price, loss.traded = Decimal(1499), loss.clock.now() - timedelta(seconds=1)
    for _ in range(15):
        loss.second(is_subscribed=False)

    assert loss.hits == []
    assert loss.liveness.unshown() == []
    assert loss.stand.table.latest(TCS) == 151_000
