"""The price beside an answer: nice to have, never worth a failure."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from algotrading.domain.errors import RedisDown
from algotrading.domain.sessions import trading_day_of
from algotrading.domain.sight import LONGEST_UNREPORTED, Sight
from algotrading.ports import LastPrice, Meter, Runtime

logger = logging.getLogger(__name__)


OLDEST_MARK = timedelta(minutes=15)
"""While no watcher sees, a price of before that is no mark."""


def marks_of(known: Mapping[str, LastPrice], now: datetime, sight: Sight | None) -> dict[str, Decimal]:
    """Those that something may be sold upon, or an order be sized by. While watchers see, today's last price is the
    market's, however long nobody traded: a watcher that was blind is shown every price anew. Otherwise what the
    market did long before says nothing about what is lost now."""
    today = prices_of_today(known, now)
    if sight is not None and now - sight.at <= LONGEST_UNREPORTED:
        return today
    return {symbol: price for symbol, price in today.items() if now - known[symbol].at <= OLDEST_MARK}


def prices_of_today(known: Mapping[str, LastPrice], now: datetime) -> dict[str, Decimal]:
    """Those of the day that it is in India, however old: what an entry is held against, since a loss that may have been
    made up meanwhile forbids it rather than one that may not."""
    today = trading_day_of(now)
    return {symbol: last.price for symbol, last in known.items() if trading_day_of(last.at) == today}


@dataclass(frozen=True, slots=True)
class LivePrices:
    """Latest traded prices, as the watcher wrote them."""

    runtime: Runtime
    meter: Meter

    def last(self, symbol: str) -> LastPrice | None:
        """The latest price; None when none was seen, or while the runtime store is away."""
        try:
            return self.runtime.last_price(symbol)
        except RedisDown:
            logger.warning("no live price for %s: the runtime store is away", symbol)
            self.meter.count("RedisDown")
            return None

    def sight(self) -> Sight | None:
        """How the watchers see; None when none has ever reported, or while the runtime store is away, which is counted
        with the price."""
        try:
            return self.runtime.sight()
        except RedisDown:
            return None

    def last_of(self, symbols: Collection[str]) -> Mapping[str, LastPrice]:
        """The latest price of each symbol that has one; of none while the runtime store is away."""
        try:
            return self.runtime.last_prices(symbols)
        except RedisDown:
            logger.warning("no live prices: the runtime store is away")
            self.meter.count("RedisDown")
            return {}
