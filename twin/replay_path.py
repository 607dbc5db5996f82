"""Where a replayed file's prices will go during the session, so that a stop can be laid in their way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from algotrading.domain.sessions import IST
from exchange_simulator.engine.replay import ReplayFile, read_replay

_SETTLED = timedelta(seconds=3)
"""From the first buy until a stop is surely armed."""
_REACH = timedelta(seconds=25)
"""How far after the first buy a stop may still be hit."""


@dataclass(frozen=True, slots=True)
class ReplayPath:
    """A file, called `name`, that has been playing since `opened_at` at `speed` times life."""

    name: str
    file: ReplayFile
    opened_at: datetime
    speed: float

    @classmethod
    def read(cls, path: Path, opened_at: datetime, speed: float) -> ReplayPath:
        """Raises ValueError naming the line that is wrong."""
        return cls(path.name, read_replay(path), opened_at, speed)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The file's symbols."""
        return tuple(sorted(self.file.candles))

    def describe(self, now: datetime) -> str:
        """What is replayed, where it stands now, and what it does not change."""
        minutes = self.file.minutes
        first, last = (datetime.fromtimestamp(minute, IST) for minute in (minutes[0], minutes[-1]))
        place = self._place(now)
        here = f"at {datetime.fromtimestamp(minutes[place], IST):%Y-%m-%d %H:%M}" if place < len(minutes) else "over"
        return (
            f"replaying {self.name}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, {self.speed:g} times as fast as "
            f"life, now {here}; only prices are replayed: the strategies' times are the wall clock's"
        )

    def stop_hint(self, symbol: str, now: datetime, first_buy: datetime) -> Decimal | None:
        """A price between the lowest until the stop is armed and the lowest after; None when it only rises."""
        before = self._lowest(symbol, now, first_buy + _SETTLED)
        after = self._lowest(symbol, first_buy + _SETTLED, first_buy + _REACH)
        if before is None or after is None or after >= before:
            return None
        return after + (before - after) / 2

    def _lowest(self, symbol: str, start: datetime, end: datetime) -> Decimal | None:
        minutes = self.file.minutes[self._place(start) : self._place(end) + 1]
        wanted = frozenset(minutes)
        lows = [candle.low for candle in self.file.candles[symbol] if candle.start in wanted]
        return Decimal(min(lows)) / 100 if lows else None

    def _place(self, at: datetime) -> int:
        return max(int((at - self.opened_at).total_seconds() * self.speed / 60), 0)
