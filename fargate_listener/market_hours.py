"""When prices are expected to move: continuous trading, by the session calendar."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta

from algotrading.domain.errors import CalendarMissing
from algotrading.domain.sessions import SessionTable, instant_of, trading_day_of
from algotrading.ports import Clock

SETTLING = timedelta(seconds=30)
"""After the bell not everything trades at once: an instrument alone, unlike a whole socket, may be silent so long."""
_SEGMENT = 0xFF
_EXCHANGE_OF_SEGMENT = {1: "NSE", 2: "NFO", 3: "CDS", 4: "BSE", 5: "BFO", 6: "BCD", 7: "MCX", 9: "NSE"}
"""The low byte of an instrument token (Kite Connect documentation, WebSocket streaming)."""


def exchange_of(token: int) -> str | None:
    """Where an instrument trades; None for a segment nobody told us of."""
    return _EXCHANGE_OF_SEGMENT.get(token & _SEGMENT)


class MarketHours:
    """Answers for now. An exchange or a year that the calendar does not know is closed: nothing trades there for us."""

    def __init__(self, table: SessionTable, clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._day = date.min
        self._spans: dict[str, tuple[datetime, datetime]] = {}
        self._ends: dict[str, datetime] = {}
        """When the last kind of instrument ends: from 15:15 on only some shares of NSE go on."""

    @property
    def day(self) -> date:
        """Today, Asia/Kolkata."""
        return trading_day_of(self._clock.now())

    def is_open(self, exchange: str = "NSE") -> bool:
        """Whether every instrument there is in continuous trading: an index of them is computed every second."""
        now = self._clock.now()
        self._look_up(trading_day_of(now))
        span = self._spans.get(exchange)
        return span is not None and span[0] <= now < span[1]

    def is_closed(self, margin: timedelta) -> bool:
        """Whether no exchange is open, nor was or will be within `margin`. A day that the calendar does not know is
        closed, as in `is_open`."""
        now = self._clock.now()
        self._look_up(trading_day_of(now))
        return not any(opens - margin <= now < ends + margin for opens, ends in self._spans.values())

    def tradable(self, tokens: Iterable[int], *, early: timedelta = timedelta()) -> list[int]:
        """Those of `tokens` that may be in continuous trading, from `early` before the bell on: all of an exchange
        where only some kinds of instruments still are, as a token does not say of which kind it is."""
        now = self._clock.now()
        self._look_up(trading_day_of(now))
        open_now = {
            exchange for exchange, (opens, _) in self._spans.items() if opens - early <= now < self._ends[exchange]
        }
        # By segment: thousands are asked about at once, while ticks wait.
        segments = {segment for segment, exchange in _EXCHANGE_OF_SEGMENT.items() if exchange in open_now}
        return [token for token in tokens if token & _SEGMENT in segments]

    def settled(self, tokens: Iterable[int]) -> list[int]:
        """Those of `tokens` that may be in continuous trading and have had a moment for their first trade."""
        return self.tradable(tokens, early=-SETTLING)

    def _look_up(self, day: date) -> None:
        if day == self._day:
            return
        self._day, self._spans, self._ends = day, {}, {}
        try:
            if not self._table.is_trading_day(day):
                return
        except CalendarMissing:
            return
        for exchange in {rule.exchange for rule in self._table.rules}:
            hours = _hours(self._table, exchange, day)
            if hours is not None:
                opens, first_end, last_end = hours
                self._spans[exchange] = instant_of(day, opens), instant_of(day, first_end)
                self._ends[exchange] = instant_of(day, last_end)


def _hours(table: SessionTable, exchange: str, day: date) -> tuple[time, time, time] | None:
    """The hours common to all kinds of instruments, since what some of them do alone is no sign of trouble in the
    others; and when the last kind ends."""
    latest = {}
    for rule in sorted(table.rules, key=lambda rule: rule.since):
        if rule.exchange == exchange and rule.since <= day:
            latest[rule.closing_auction] = rule.hours
    if not latest:
        return None
    ends = [hours.last_exit for hours in latest.values()]
    return max(hours.opens for hours in latest.values()), min(ends), max(ends)
