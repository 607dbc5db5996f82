"""The day's circuit limits of every watched instrument: which are to be read, and what is believed of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import ROUND_CEILING
from typing import TYPE_CHECKING

import numpy as np

from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.tick_kernel import HIGHEST_PRICE, Column
from fargate_listener.watchlist import Watchlist
from fargate_listener.wire_prices import decimals_of, to_wire_stop

if TYPE_CHECKING:
    from algotrading.brokers.kite.quotes import Quote

LIMITS_SECONDS = 600.0
"""Limits of shares with derivatives move in the day: they are read again after this."""
NEAR_LIMIT_SECONDS = 10.0
_NEAR = 50
"""A price within its fiftieth part of a limit is near it."""
_BEFORE_THE_BELL = timedelta(minutes=10)
_LIMITS_AND_LAST = [int(column) for column in (Column.LOWEST, Column.HIGHEST, Column.LAST)]


class CircuitLimits:
    """Puts limits into force in the market table, and remembers when."""

    def __init__(
        self, *, table: MarketTable, watchlist: Watchlist, hours: MarketHours, monotonic: Callable[[], float]
    ) -> None:
        self._table = table
        self._watchlist = watchlist
        self._hours = hours
        self._monotonic = monotonic
        self._read_at: dict[int, float] = {}
        self._day = date.min

    def turn_day(self) -> None:
        """Yesterday's limits are not today's. With them goes what was known of instruments that nobody watches now."""
        if self._hours.day != self._day:
            self._day = self._hours.day
            self._read_at.clear()
            for token in self._watchlist.tokens:
                self._table.limit(token, 1, HIGHEST_PRICE)

    def due(self) -> list[int]:
        """Instruments whose limits are to be read, the one with most at risk first."""
        slots = {token: slot for token in self._watchlist.tokens if (slot := self._table.slot_of(token)) is not None}
        # In a few sweeps over arrays: row by row, ticks waited four times as long.
        lowest, highest, last = self._table.rows[np.ix_(list(slots.values()), _LIMITS_AND_LAST)].T
        age = self._monotonic() - np.array([self._read_at.get(token, -np.inf) for token in slots])
        is_near = (last > 0) & ((last - lowest <= last // _NEAR) | (highest - last <= last // _NEAR))
        is_unknown = (lowest == 1) & (highest == HIGHEST_PRICE)
        is_due = (age > LIMITS_SECONDS) | ((age > NEAR_LIMIT_SECONDS) & (is_near | is_unknown))
        due = [token for token, is_one in zip(slots, is_due.tolist(), strict=True) if is_one]
        return self._hours.tradable(due, early=_BEFORE_THE_BELL)

    def unknown(self, tokens: Iterable[int]) -> list[int]:
        """Those of the watched `tokens` whose limits nobody has told yet while their market is open: any price of
        theirs is believed, so that a true one is not missed."""
        known = self._table.rows
        return [
            token
            for token in self._hours.tradable(tokens)
            if (slot := self._table.slot_of(token)) is not None
            and (known[slot, Column.LOWEST], known[slot, Column.HIGHEST]) == (1, HIGHEST_PRICE)
        ]

    def asked(self, token: int) -> None:
        """They were asked for: where the broker told none, it is asked again in a while."""
        self._read_at[token] = self._monotonic()

    def hear(self, quote: Quote) -> None:
        """What the broker says they are."""
        token = quote.instrument_token
        if quote.lowest is None or quote.highest is None:
            return
        lowest = to_wire_stop(token, quote.lowest)
        highest = int(quote.highest.scaleb(decimals_of(token)).to_integral_value(ROUND_CEILING))
        # Between any others there is room for no price, and nothing of the instrument would be believed.
        if max(0, lowest) < min(highest, HIGHEST_PRICE):
            self._table.limit(token, lowest, highest)
            self.asked(token)
