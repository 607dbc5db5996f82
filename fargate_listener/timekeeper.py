"""Tells the market table the time, and notices how late everything is: the event loop, and the exchange's prices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, time
from typing import Final

from algotrading.domain.sessions import instant_of, trading_day_of
from algotrading.ports import Clock
from fargate_listener.durations import Durations
from fargate_listener.market_table import MarketTable

LOOK_MICROSECONDS: Final = 100_000
"""Looks fall on the clock's own tenths of a second, so that one of them begins each minute."""
AHEAD_SECONDS: Final = 5
"""A stamp further ahead of our clock is not believed. More than `clock_check` allows, so that a clock that is a little
behind is found by how far stamps are ahead; one that is further behind, by there being none that are believed."""
_LONGEST_LAG_SECONDS: Final = 60.0
"""An older stamp is the last one of a market that has closed, and says nothing of how quickly prices come."""


class Timekeeper:
    """Looks ten times a second. A bar's minute ends with the first look in the next one, at most a turn of the event
    loop late."""

    def __init__(
        self,
        *,
        table: MarketTable,
        clock: Clock,
        monotonic: Callable[[], float],
        durations: Durations,
        on_minute: Callable[[int], None],
    ) -> None:
        """`on_minute` hears the number of each minute that begins, counted since the epoch; of an earlier one again
        where the clock was set back."""
        self._table = table
        self._clock = clock
        self._monotonic = monotonic
        self._durations = durations
        self._on_minute = on_minute
        self._second = 0
        self._minute = 0
        self._stamp = 0

    async def run(self) -> None:
        """Look until cancelled."""
        self.look()
        while True:
            pause = until_next_look(self._clock.now())
            asleep = self._monotonic()
            await asyncio.sleep(pause)
            self._durations.loop_lags.add(self._monotonic() - asleep - pause)
            self.look()

    def look(self) -> None:
        """One look."""
        now = self._clock.now()
        unix = now.timestamp()
        if int(unix) != self._second:
            self._second = int(unix)
            midnight = instant_of(trading_day_of(now), time())
            self._table.tell_time(now=unix, oldest_stamp=int(midnight.timestamp()), ahead=AHEAD_SECONDS)
        # Another one, also an earlier one: a clock that was ahead for one look would take the next hour's minutes away.
        if self._second // 60 != self._minute:
            self._minute = self._second // 60
            self._on_minute(self._minute)
        self._look_at_stamp(unix)

    def _look_at_stamp(self, unix: float) -> None:
        stamp = self._table.latest_stamp
        if stamp <= self._stamp:
            return
        self._stamp = stamp
        lag = unix - stamp
        if lag <= _LONGEST_LAG_SECONDS:
            self._durations.tick_lags.add(lag)


def until_next_look(now: datetime) -> float:
    """Seconds to the next tenth of a second."""
    return (LOOK_MICROSECONDS - now.microsecond % LOOK_MICROSECONDS) / 1e6
