"""The session calendar: which days trade, and until when an exit can still be sent.

Our own versioned table, because the public calendars know neither the closing auction nor the
derivatives' longer day, and some answer "open every weekday" for a year they have no data for. A
year without data raises `CalendarMissing`: trading fails closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache

from algotrading.domain.errors import CalendarMissing
from algotrading.domain.instruments import Instrument, Product

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""India Standard Time. A fixed offset: India has had no daylight saving since 1945."""

_BOOKS_WIPED = time(6)
_SETTLING = timedelta(minutes=5)
_LATEST_KEEPING = time(23, 50)
_REMEMBERED = 4096
"""Due instants, and alarm times: asked for in every minute's sweep, and few for as many strategies as there are."""


@lru_cache(maxsize=_REMEMBERED)
def instant_of(day: date, at: time) -> datetime:
    """The UTC instant of an Asia/Kolkata time of day."""
    return datetime.combine(day, at, IST).astimezone(UTC)


def trading_day_of(instant: datetime) -> date:
    """The Asia/Kolkata calendar day of an instant."""
    return instant.astimezone(IST).date()


@dataclass(frozen=True, slots=True)
class EffectiveExit:
    """When an exit asked for at some time will really be sent; `reason` is None when unchanged."""

    at: time
    reason: str | None


@dataclass(frozen=True, slots=True)
class SessionHours:
    """One instrument's trading hours on one day, Asia/Kolkata.

    `closes` is the latest time a strategy may name; `last_exit` the last moment at which a market
    order still meets continuous trading, with the reason to tell the trader.
    """

    opens: time
    closes: time
    last_exit: time
    last_exit_reason: str
    square_off: Mapping[Product, time] = field(default_factory=dict)
    """The broker's own forced exits by product; ours must come before them."""

    def effective_exit(self, asked: time, product: Product) -> EffectiveExit:
        """The earliest of what was asked, the end of continuous trading and the broker's square-off."""
        square_off = self.square_off.get(product)
        candidates = [(asked, None), (self.last_exit, self.last_exit_reason)]
        if square_off is not None:
            candidates.append((square_off, f"the broker squares off {product} positions shortly after {square_off}"))
        at, reason = min(candidates, key=lambda candidate: candidate[0])
        return EffectiveExit(at, reason)


@dataclass(frozen=True, slots=True)
class SegmentRule:
    """Hours of one kind of instrument from `since` on (a rule holds until a later one starts)."""

    since: date
    exchange: str
    closing_auction: bool | None
    """True: only stocks with derivatives; False: only the others; None: every instrument."""
    hours: SessionHours

    def covers(self, day: date, instrument: Instrument) -> bool:
        """Whether this rule speaks of `instrument` on `day`."""
        return (
            self.since <= day
            and self.exchange == instrument.exchange
            and (self.closing_auction is None or self.closing_auction == instrument.has_derivatives)
        )


@dataclass(frozen=True, slots=True)
class SessionTable:
    """A named, versioned calendar. `holidays` maps each covered year to its closed weekdays;
    None means the table trades every day of the week (a simulated exchange)."""

    name: str
    version: str
    rules: tuple[SegmentRule, ...]
    holidays: Mapping[int, frozenset[date]] | None

    def is_trading_day(self, day: date) -> bool:
        """Whether the exchange trades on `day`.

        Raises:
            CalendarMissing: the table has no data for that year.
        """
        if self.holidays is None:
            return True
        if day.year not in self.holidays:
            raise CalendarMissing(f"the session table {self.name} {self.version} has no data for {day.year}")
        return day.weekday() < 5 and day not in self.holidays[day.year]

    def hours(self, day: date, instrument: Instrument) -> SessionHours | None:
        """Hours of `instrument` under the rules in force on `day`, or None when it never trades."""
        covering = [rule for rule in self.rules if rule.covers(day, instrument)]
        return max(covering, key=lambda rule: rule.since).hours if covering else None

    def day_to_keep(self, now: datetime) -> date | None:
        """The trading day whose book the broker still has and changes no more, if there is one: from five
        minutes after the last segment's close until tokens die and books are wiped, at 06:00 of the next day
        (Kite Connect documentation, user and orders). A table that never closes has ten minutes to midnight."""
        for day in (trading_day_of(now), trading_day_of(now) - timedelta(days=1)):
            is_time = self._keeping_starts(day) <= now < instant_of(day + timedelta(days=1), _BOOKS_WIPED)
            if is_time and self.is_trading_day(day):
                return day
        return None

    def _keeping_starts(self, day: date) -> datetime:
        closes = max((rule.hours.closes for rule in self.rules if rule.since <= day), default=_LATEST_KEEPING)
        return min(instant_of(day, closes) + _SETTLING, instant_of(day, _LATEST_KEEPING))

    def next_trading_day(self, day: date) -> date:
        """The first trading day on or after `day`."""
        for ahead in range(15):
            candidate = day + timedelta(days=ahead)
            if self.is_trading_day(candidate):
                return candidate
        raise CalendarMissing(f"no trading day within two weeks of {day}")
