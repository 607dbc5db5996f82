"""What the price of a strategy's instrument did today, and where the strategy's orders met it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from algotrading.domain.candles import Candle
from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import RedisDown
from algotrading.domain.orders import Side
from algotrading.domain.sessions import trading_day_of
from algotrading.domain.strategy import Strategy
from algotrading.ports import Clock, Ledger, Meter, Runtime, Strategies

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Executed:
    """What one order has bought or sold so far: when it was filled last, and its average price in rupees."""

    at: datetime
    side: Side
    quantity: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class DayChart:
    """One strategy's instrument on one Asia/Kolkata day. `executed` is empty where the day's orders were for another
    instrument: the plan was changed since."""

    strategy: Strategy
    day: date
    candles: Sequence[Candle]
    executed: Sequence[Executed]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class DayChartReader:
    """Answers how today went. Days before are not kept: their prices are the broker's to tell."""

    strategies: Strategies
    ledger: Ledger
    runtime: Runtime
    clock: Clock
    meter: Meter

    def read(self, user_id: UUID, strategy_id: UUID) -> DayChart:
        """Today's chart of a strategy.

        Raises:
            NotFound: no such strategy of this user.
            RedisDown: the candles are out of reach.
        """
        strategy = self.strategies.get(user_id, strategy_id)
        now = self.clock.now()
        day = trading_day_of(now)
        candles = self._candles(strategy, day)
        return DayChart(strategy, day, candles, self._executed(strategy, day), now)

    def _candles(self, strategy: Strategy, day: date) -> Sequence[Candle]:
        try:
            return self.runtime.day_candles(strategy.plan.exchange, strategy.plan.symbol, day)
        except RedisDown as down:
            logger.warning("no candles of %s: the runtime store is away", strategy.plan.symbol)
            self.meter.count("RedisDown")
            # What the store's client said names hosts.
            raise RedisDown("today's prices cannot be read just now: try again in a minute") from down

    def _executed(self, strategy: Strategy, day: date) -> Sequence[Executed]:
        cycle = self.ledger.latest(strategy.user_id, strategy.strategy_id)
        if cycle is None or cycle.trading_day != day or not _is_of(cycle, strategy):
            return []
        filled = {intent.broker_order_id: intent for intent in cycle.intents if intent.filled}
        last: dict[str, datetime] = {}
        fills = self.ledger.fills(strategy.user_id, strategy.strategy_id, trading_day=day) if filled else ()
        for fill in fills:
            if fill.filled_at is not None and fill.broker_order_id in filled:
                last[fill.broker_order_id] = max(fill.filled_at, last.get(fill.broker_order_id, fill.filled_at))
        told = (
            Executed(at, filled[order].side, filled[order].filled, filled[order].average_price)
            for order, at in last.items()
        )
        return sorted(told, key=lambda one: one.at)


def _is_of(cycle: Cycle, strategy: Strategy) -> bool:
    return (cycle.plan.exchange, cycle.plan.symbol) == (strategy.plan.exchange, strategy.plan.symbol)
