"""The day's circuit limits of every watched instrument: which are to be read, and what is believed of them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import date, timedelta
from decimal import ROUND_CEILING
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

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
_NONE = -1


class CircuitLimits:
    """Puts limits into force in the market table, and remembers when."""

    def __init__(
        self, *, table: MarketTable, watchlist: Watchlist, hours: MarketHours, monotonic: Callable[[], float]
    ) -> None:
        self._table = table
        self._watchlist = watchlist
        self._hours = hours
        self._monotonic = monotonic
        self._read: NDArray[np.int64] = np.zeros(0, np.int64)
        self._read_at: NDArray[np.float64] = np.zeros(0)
        """The instrument of each row that was asked for, and when: of another one, never."""
        self._day = date.min

    def turn_day(self) -> None:
        """Yesterday's limits are not today's. With them goes what was known of instruments that nobody watches now."""
        if self._hours.day != self._day:
            self._day = self._hours.day
            self._read[:] = _NONE
            for token in self._watchlist.tokens:
                self._table.limit(token, 1, HIGHEST_PRICE)

    def due(self) -> list[int]:
        """Instruments whose limits are to be read, the one with most at risk first."""
        # In a few sweeps over arrays, and not instrument by instrument: ticks wait meanwhile.
        self._grow()
        rows = self._table.rows
        lowest, highest, last = rows[:, Column.LOWEST], rows[:, Column.HIGHEST], rows[:, Column.LAST]
        age = np.where(self._read == self._table.tokens, self._monotonic() - self._read_at, np.inf)
        is_near = (last > 0) & ((last - lowest <= last // _NEAR) | (highest - last <= last // _NEAR))
        is_due = (age > LIMITS_SECONDS) | ((age > NEAR_LIMIT_SECONDS) & (is_near | self._is_unknown()))
        due = [token for token in self._table.tokens_at(is_due) if self._watchlist.watches(token)]
        return self._hours.tradable(self._watchlist.by_risk(due), early=_BEFORE_THE_BELL)

    def unknown(self, tokens: Collection[int]) -> list[int]:
        """Those of the watched `tokens` whose limits nobody has told yet while their market is open: any price of
        theirs is believed, so that a true one is not missed."""
        unknown = self._table.tokens_at(self._is_unknown())
        return self._hours.tradable([token for token in unknown if token in tokens])

    def asked(self, token: int) -> None:
        """They were asked for: where the broker told none, it is asked again in a while."""
        self._grow()
        slot = self._table.slot_of(token)
        if slot is not None:
            self._read[slot], self._read_at[slot] = token, self._monotonic()

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

    def _is_unknown(self) -> NDArray[np.bool_]:
        """Of each row."""
        rows = self._table.rows
        unknown: NDArray[np.bool_] = (rows[:, Column.LOWEST] == 1) & (rows[:, Column.HIGHEST] == HIGHEST_PRICE)
        return unknown

    def _grow(self) -> None:
        more = len(self._table.rows) - len(self._read)
        if more:
            self._read = np.concatenate([self._read, np.full(more, _NONE, np.int64)])
            self._read_at = np.concatenate([self._read_at, np.zeros(more)])
