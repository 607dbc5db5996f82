"""Historical candles: made up for the past, recorded from the tape since the start, loaded from a replay file."""

import math
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from exchange_simulator.clock import IST, NANOS
from exchange_simulator.engine.market import Market
from exchange_simulator.money import round_to_tick

INTERVAL_MINUTES = {
    "minute": 1,
    "3minute": 3,
    "5minute": 5,
    "10minute": 10,
    "15minute": 15,
    "30minute": 30,
    "60minute": 60,
    "day": 1440,
}
MAX_SPAN_DAYS = {
    "minute": 60,
    "3minute": 100,
    "5minute": 100,
    "10minute": 100,
    "15minute": 200,
    "30minute": 200,
    "60minute": 400,
    "day": 2000,
}
_OPEN, _CLOSE = time(9, 15), time(15, 30)
_SESSION_MINUTES = 375
_MINUTE = 60


@dataclass(slots=True)
class Candle:
    """Prices in paise over one interval that starts at `start`, seconds since the epoch."""

    start: int
    open: int
    high: int
    low: int
    close: int
    volume: int = 0

    def absorb(self, later: "Candle") -> None:
        """Extend over a candle that follows."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume


class CandleStore:
    """Minute candles of every instrument that has traded or was loaded."""

    def __init__(self, started_ns: int) -> None:
        self._started = started_ns // NANOS // _MINUTE * _MINUTE
        self._minutes: dict[int, list[Candle]] = {}
        self._volume_seen: dict[int, int] = {}

    def load(self, token: int, candles: list[Candle]) -> None:
        """Add known minute candles of the past, in order of time."""
        self._minutes[token] = sorted([*candles, *self._minutes.get(token, [])], key=lambda candle: candle.start)

    def record(self, market: Market, now_ns: int) -> None:
        """Take the last price into the current minute."""
        token, price = market.instrument.token, market.last
        traded = max(market.day.volume - self._volume_seen.get(token, 0), 0)
        self._volume_seen[token] = market.day.volume
        start = now_ns // NANOS // _MINUTE * _MINUTE
        minutes = self._minutes.setdefault(token, [])
        tick = Candle(start, price, price, price, price, traded)
        if minutes and minutes[-1].start == start:
            minutes[-1].absorb(tick)
        else:
            minutes.append(tick)

    def candles(self, market: Market, since: datetime, until: datetime, interval: str) -> list[Candle]:
        """Candles that start inside [since, until], never in the future."""
        known = self._minutes.get(market.instrument.token, [])
        first_known = min(known[0].start if known else self._started, self._started)
        start, end = int(since.timestamp()), min(int(until.timestamp()), self._latest(known))
        if interval == "day":
            start = int(_midnight(start).timestamp())
            past = _invented_days(market, start, min(end, first_known - 1))
        else:
            past = _invented(market, start, min(end, first_known - 1), INTERVAL_MINUTES[interval])
        lower = bisect_left(known, start, key=lambda candle: candle.start)
        upper = bisect_left(known, end + 1, key=lambda candle: candle.start)
        merged = _merge([*past, *known[lower:upper]], interval)
        if interval == "day" and merged and merged[-1].start == _bucket(market.tick_ns // NANOS, interval):
            # What is made up of today does not know where the price stands.
            last = market.last
            merged[-1].absorb(Candle(merged[-1].start, last, last, last, last))
        return merged

    def _latest(self, known: list[Candle]) -> int:
        return max(known[-1].start if known else 0, self._started)


def _merge(candles: list[Candle], interval: str) -> list[Candle]:
    merged: list[Candle] = []
    for candle in candles:
        start = _bucket(candle.start, interval)
        if merged and merged[-1].start == start:
            merged[-1].absorb(candle)
        else:
            merged.append(Candle(start, candle.open, candle.high, candle.low, candle.close, candle.volume))
    return merged


def _bucket(start: int, interval: str) -> int:
    """Where the interval that holds a minute begins: at midnight for days, else counted from 09:15."""
    midnight = int(_midnight(start).timestamp())
    if interval == "day":
        return midnight
    width = INTERVAL_MINUTES[interval] * _MINUTE
    opening = midnight + (_OPEN.hour * 60 + _OPEN.minute) * _MINUTE
    return opening + (start - opening) // width * width


def _midnight(at: int) -> datetime:
    return datetime.fromtimestamp(at, IST).replace(hour=0, minute=0, second=0, microsecond=0)


def _weekdays(start: int, end: int) -> Iterator[datetime]:
    day = _midnight(start)
    while day.timestamp() <= end:
        if day.weekday() < 5:
            yield day
        day += timedelta(days=1)


def _invented(market: Market, start: int, end: int, step: int) -> Iterator[Candle]:
    """Made-up candles of the exchange's ordinary hours on weekdays."""
    for day in _weekdays(start, end):
        opening = int(datetime.combine(day.date(), _OPEN, IST).timestamp())
        closing = int(datetime.combine(day.date(), _CLOSE, IST).timestamp())
        for minute in range(opening, closing, step * _MINUTE):
            if start <= minute <= end:
                yield _made_up(market, minute, min(step * _MINUTE, closing - minute))


def _invented_days(market: Market, start: int, end: int) -> Iterator[Candle]:
    for day in _weekdays(start, end):
        opening = int(datetime.combine(day.date(), _OPEN, IST).timestamp())
        candle = _made_up(market, opening, _SESSION_MINUTES * _MINUTE)
        candle.start = int(day.timestamp())
        yield candle


def _made_up(market: Market, start: int, seconds: int) -> Candle:
    """A candle of a smooth, repeatable curve around the previous close, so that equal questions get equal answers."""
    samples = [_curve(market, start + seconds * part // 8) for part in range(9)]
    volume = (1 + abs(hash((market.instrument.token, start))) % 900) * market.instrument.lot * max(seconds // 60, 1)
    return Candle(start, samples[0], max(samples), min(samples), samples[-1], volume)


def _curve(market: Market, at: int) -> int:
    phase = market.instrument.token % 997
    wave = sum(
        size * math.sin(at / period + phase * (rank + 1))
        for rank, (size, period) in enumerate(((0.03, 900_000), (0.012, 90_000), (0.004, 5_300), (0.0012, 310)))
    )
    return round_to_tick(market.day.close * (1 + wave), market.instrument.tick)
