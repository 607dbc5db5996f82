"""Whether what the feeds bring is the market of this moment: frozen and skewed sockets, instruments gone silent.

A mute socket is the feed's own affair. Everything here looks once a second at the market table, off the tick path, and
only in continuous trading: outside of it silence and standing still are what is to be expected.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Container
from datetime import datetime, timedelta
from itertools import repeat
from typing import Final

import numpy as np

from algotrading.ports import Clock
from fargate_listener.counters import Counters
from fargate_listener.feed import Feed
from fargate_listener.feeds import Feeds
from fargate_listener.market_hours import MarketHours, exchange_of
from fargate_listener.market_table import MarketTable
from fargate_listener.socket_watch import SocketWatch
from fargate_listener.tick_kernel import Column
from fargate_listener.watchlist import Watchlist

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_AROUND_THE_SESSION = timedelta(minutes=30)
STALE_SECONDS = 20.0
"""No instrument is stale sooner."""
STALE_TIMES = 8.0
"""Of its mean interval, after which an instrument is stale. Intervals of a random stream are longer than this times
their mean once in three thousand."""
CLOCK_SECONDS = 2.0
"""By so much the exchange's clock and ours may differ before it is told (`clock_check`)."""
_MEMORY = 0.1
"""The weight of the newest interval in the mean."""


class RateWatch:
    """Knows how often each instrument ticks, and which have been silent for much longer."""

    def __init__(self, table: MarketTable) -> None:
        self._table = table
        self._token = np.full(len(table.rows), -1, np.int64)
        self._seen = np.zeros(len(table.rows), np.int64)
        self._last = np.zeros(len(table.rows))
        self._mean = np.zeros(len(table.rows))
        self.longest_silence = 0.0
        """Seconds since the last tick of the one that has been silent longest, at the last look."""

    def look(self, tokens: Collection[int], excused: Container[int], by_quote: dict[int, int], now: float) -> set[int]:
        """Those of `tokens` that are stale. `excused` have a reason not to tick (their socket is away, their market is
        closed): their silence begins when that ends. `by_quote`: the batch in which a quote moved an instrument."""
        table = self._table
        slots = table.slots_of(tokens)
        is_watched = slots >= 0
        names, slots = np.fromiter(tokens, np.int64, len(tokens))[is_watched], slots[is_watched]
        self.longest_silence = 0.0
        if not len(names):
            return set()
        self._grow()
        quoted = np.fromiter(map(by_quote.get, tokens, repeat(-1)), np.int64, len(tokens))[is_watched]
        is_excused = np.fromiter(map(excused.__contains__, tokens), np.bool_, len(tokens))[is_watched]
        seen = table.rows[slots, Column.SEEN]
        is_new = self._token[slots] != names
        self._token[slots] = names
        self._mean[slots[is_new]] = 0.0
        has_ticked = (seen != self._seen[slots]) & (seen != quoted) & ~is_new
        self._seen[slots] = seen
        interval = now - self._last[slots]
        mean = self._mean[slots]
        learnt = np.where(mean > 0, mean + _MEMORY * (interval - mean), np.maximum(interval, LOOK_SECONDS))
        self._mean[slots] = np.where(has_ticked, learnt, mean)
        self._last[slots] = np.where(has_ticked | is_new | is_excused, now, self._last[slots])
        silent = now - self._last[slots]
        self.longest_silence = float(silent.max())
        is_stale = silent > np.maximum(STALE_SECONDS, STALE_TIMES * self._mean[slots])
        return set(names[is_stale].tolist())

    def last_tick(self, token: int) -> float | None:
        """A moment at which the last tick of an instrument that was looked at had come, or from which it has been
        watched; None where it has moved since the last look."""
        slot = self._table.slot_of(token)
        if slot is None or slot >= len(self._token) or self._token[slot] != token:
            return None
        return float(self._last[slot]) if self._table.rows[slot, Column.SEEN] == self._seen[slot] else None

    def _grow(self) -> None:
        room = len(self._table.rows)
        if room > len(self._token):
            more = room - len(self._token)
            self._token = np.concatenate([self._token, np.full(more, -1, np.int64)])
            self._seen = np.concatenate([self._seen, np.zeros(more, np.int64)])
            self._last = np.concatenate([self._last, np.zeros(more)])
            self._mean = np.concatenate([self._mean, np.zeros(more)])


class Liveness:
    """Looks at everything once a second, tells what it finds once, and acts: a socket is dialled again, an instrument
    is left to the broker's quotes."""

    def __init__(
        self,
        *,
        feeds: Feeds,
        table: MarketTable,
        watchlist: Watchlist,
        hours: MarketHours,
        clock: Clock,
        monotonic: Callable[[], float],
        counters: Counters,
    ) -> None:
        self._feeds = feeds
        self._table = table
        self._watchlist = watchlist
        self._hours = hours
        self._clock = clock
        self._monotonic = monotonic
        self._counters = counters
        self.by_quote: Final[dict[int, int]] = {}
        """The batch in which a quote, and not a tick, last moved an instrument; kept by whoever reads quotes."""
        self._sockets: Final = [(feed, SocketWatch(feed, table, self.by_quote)) for feed in feeds.all]
        self._rates = RateWatch(table)
        self.stale: frozenset[int] = frozenset()
        """Armed instruments that have been silent for too long, or of which quotes have shown what no tick did."""
        self._missed: set[int] = set()
        """The latter."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look_at_sockets()
            await asyncio.sleep(0)  # each takes about half a millisecond, for which no tick waits twice
            self.look_at_instruments()

    def is_market_closed(self) -> bool:
        """Whether no market is open, nor was or will be within the next half hour."""
        return self._hours.is_closed(_AROUND_THE_SESSION)

    def look_at_sockets(self) -> None:
        """One look for those that are frozen, skewed or in doubt."""
        now = self._monotonic()
        for feed, watch in self._sockets:
            if self._has_to_move(feed):
                self._judge(feed, watch, now)
                continue
            watch.rest()
            feed.doubtful_from = None
            if not self._hours.tradable(feed.subscribed):
                feed.fault = None

    def look_at_instruments(self) -> None:
        """One look for those that have fallen silent."""
        self._forget_quotes()
        self._find_stale(self._monotonic())

    @property
    def longest_silence(self) -> float:
        """Seconds since the last tick of the armed instrument that has been silent longest, among those that ought to
        tick; 0.0 without one."""
        return self._rates.longest_silence

    @property
    def armed_tokens(self) -> frozenset[int]:
        """Instruments with an armed stop."""
        return self._watchlist.armed_tokens

    def unshown(self) -> list[int]:
        """Armed instruments whose ticks would not be seen now, the one with most at risk first: their socket is away,
        they have none, or they have fallen silent."""
        armed = self._watchlist.armed_tokens
        return self._watchlist.by_risk((armed - self._feeds.shown) | (self.stale & armed))

    def doubtful(self) -> list[int]:
        """Armed instruments of sockets that have been quiet or still for a moment, and those above: what is better
        read from quotes too, in the same order."""
        armed = self._watchlist.armed_tokens
        return self._watchlist.by_risk((self._feeds.doubtful & armed).union(self.unshown()))

    def may_redial(self, feed: Feed) -> bool:
        """Whether it is time for another dial of a feed in which somebody else found a fault; it counts as made."""
        return dict(self._sockets)[feed].may_redial(self._monotonic())

    def is_missing(self, token: int, traded: datetime) -> bool:
        """Whether the feed has brought nothing of an armed instrument since before a trade at that time. Not where the
        two are so near each other, or the time is so far ahead, that a wrong clock would explain it."""
        ticked = self._rates.last_tick(token)
        if ticked is None:
            return False
        age = self._clock.now().timestamp() - traded.timestamp()
        return age > -CLOCK_SECONDS and self._monotonic() - ticked > age + CLOCK_SECONDS

    def miss(self, tokens: Collection[int]) -> None:
        """Quotes have moved armed instruments to where no tick had: they are not shown until they tick again."""
        self._missed.update(tokens)
        self._tell_stale(self.stale.union(tokens))

    def _has_to_move(self, feed: Feed) -> bool:
        """An index says something of every socket while all shares trade, and derivatives go on after them. From 15:15
        on shares without derivatives trade alone, and which those are nobody here knows: none of them moves a socket
        on which no stop is armed. What is armed then has to be seen."""
        if self._hours.is_open():
            return True
        exchanges = {exchange_of(token) for token in feed.subscribed}
        if any(self._hours.is_open(exchange) for exchange in exchanges if exchange is not None):
            return True
        return bool(self._hours.tradable(feed.subscribed & self._watchlist.armed_tokens))

    def _judge(self, feed: Feed, watch: SocketWatch, now: float) -> None:
        if feed.sentinel is not None and feed.sentinel not in self._table:
            self._table.watch(feed.sentinel)
        found = watch.look(now, self._clock.now().timestamp(), is_index_due=self._hours.is_open())
        if found is not None and found != feed.fault:
            self._counters.frozen_sockets += found == "frozen"
            self._counters.skewed_sockets += found == "skewed"
            logger.error("the price %s is %s", feed.name, found)
        elif found is None and feed.fault is not None:
            logger.warning("the price %s is no longer %s", feed.name, feed.fault)
        feed.fault, feed.doubtful_from = found, watch.doubtful_from
        if found is not None and feed.connection is not None and watch.may_redial(now):
            feed.redial(f"the feed is {found}")

    def _find_stale(self, now: float) -> None:
        armed = self._watchlist.armed_tokens
        shown = self._feeds.shown
        excused = armed.difference(filter(shown.__contains__, self._hours.settled(armed)))
        stale = self._rates.look(armed, excused, self.by_quote, now)
        self._tell_stale(frozenset(stale.union(self._missed & armed)))

    def _tell_stale(self, stale: frozenset[int]) -> None:
        new = stale - self.stale
        if new:
            self._counters.stale_instruments += len(new)
            names = [self._watchlist.quote_key(token) or str(token) for token in self._watchlist.by_risk(new)[:5]]
            logger.warning("armed instruments do not tick any more: %s", ", ".join(names), extra={"stale": len(stale)})
        self.stale = stale

    def _forget_quotes(self) -> None:
        """Those that a tick came after, and those of instruments that nobody watches now."""
        for token, batch in list(self.by_quote.items()):
            slot = self._table.slot_of(token)
            if slot is None or self._table.rows[slot, Column.SEEN] != batch:
                del self.by_quote[token]
        self._missed.intersection_update(self.by_quote)
