"""Reads the broker's REST quotes where the feeds show nothing, and the day's circuit limits.

One request a second at most, for up to 500 instruments: what is not shown and most at risk first, then instruments
whose limits are not known or may have moved, then a comparison of prices with those of the feed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from decimal import ROUND_CEILING
from itertools import count
from struct import Struct
from typing import TYPE_CHECKING, Final

from algotrading.domain.errors import BrokerAuthFailed
from algotrading.domain.sessions import trading_day_of
from fargate_listener.counters import Counters
from fargate_listener.crossing import Crossing
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.feeds import Feeds
from fargate_listener.liveness import Liveness
from fargate_listener.market_hours import MarketHours, exchange_of
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import StopGuard
from fargate_listener.tick_kernel import HIGHEST_PRICE, Column
from fargate_listener.watchlist import Watchlist
from fargate_listener.wire_prices import decimals_of, to_wire_stop

if TYPE_CHECKING:
    from algotrading.brokers.kite.quotes import Quote

logger = logging.getLogger(__name__)

PACE_SECONDS = 1.05
"""The broker answers one request a second, with a little for its clock."""
REFUSED_SECONDS = 1.5
COVERED_SECONDS = 5.0
"""A price read this long ago still counts as seen."""
MOST_AT_ONCE = 500
_LIMITS_AT_ONCE = 100
"""Reading an answer holds the ticks up for ten microseconds a row: where nobody waits for it, it is a short one."""
LIMITS_SECONDS = 600.0
"""Limits of shares with derivatives move in the day: they are read again after this."""
NEAR_LIMIT_SECONDS = 10.0
_NEAR = 50
"""A price within its fiftieth part of a limit is near it."""
COMPARE_SECONDS = 5.0
_COMPARED_AT_ONCE = 50
_BEFORE_THE_BELL = timedelta(minutes=10)
_PACKET = Struct(">HII")
_COUNT = Struct(">H")


class RestCover:
    """Never raises for what the network or the broker does. Prices are evaluated as if they had ticked, unless a tick
    came while the broker answered."""

    def __init__(
        self,
        *,
        read: Callable[[FeedCredentials, Sequence[str]], Sequence[Quote]],
        feeds: Feeds,
        liveness: Liveness,
        table: MarketTable,
        guard: StopGuard,
        watchlist: Watchlist,
        hours: MarketHours,
        monotonic: Callable[[], float],
        counters: Counters,
        pace_seconds: float = PACE_SECONDS,
    ) -> None:
        """`read` is called in a thread, one call at a time; whatever it raises counts as no answer."""
        self._read = read
        self._feeds = feeds
        self._liveness = liveness
        self._table = table
        self._guard = guard
        self._watchlist = watchlist
        self._hours = hours
        self._monotonic = monotonic
        self._counters = counters
        self._pace_seconds = pace_seconds
        self._covered_at: dict[int, float] = {}
        self._swept: set[int] = set()
        self._asked = count()
        self._limits_at: dict[int, float] = {}
        self._compared_at = float("-inf")
        self._turn = 0
        self._day = date.min
        self._is_away = False
        self.crossing: Final = Crossing(counters)

    def covered(self) -> frozenset[int]:
        """Instruments whose price was read from quotes a moment ago."""
        oldest = self._monotonic() - COVERED_SECONDS
        return frozenset(token for token, at in self._covered_at.items() if at >= oldest)

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            begun = self._monotonic()
            is_answered = await self.ask()
            pace = self._pace_seconds if is_answered else max(self._pace_seconds, REFUSED_SECONDS)
            await asyncio.sleep(max(0.0, begun + pace - self._monotonic()))

    async def ask(self) -> bool:
        """One request, where something is to be asked. False when the broker had no answer."""
        self._turn_day()
        doubtful = self._hours.tradable(self._liveness.doubtful())
        self._covered_at = {token: self._covered_at[token] for token in doubtful if token in self._covered_at}
        if doubtful:
            # In sweeps over all of them, the most at risk first in each.
            due = [token for token in doubtful if token not in self._swept]
            if not due:
                self._swept.clear()
            batch = (due or doubtful)[:MOST_AT_ONCE]
            self._swept.update(batch)
            return await self._cover(batch)
        self._swept.clear()
        if wanted := self._without_limits():
            return await self._look_up_limits(wanted[:_LIMITS_AT_ONCE])
        if self._hours.is_open() and self._monotonic() - self._compared_at >= COMPARE_SECONDS:
            return await self._compare()
        return True

    async def _cover(self, tokens: Sequence[int]) -> bool:
        batch = self._table.batch
        quotes = await self._ask(tokens)
        if quotes is None:
            return False
        now = self._monotonic()
        ticked = set(self._table.seen_since(batch + 1))
        prices = [
            (quote.instrument_token, to_wire_stop(quote.instrument_token, quote.last_price))
            for quote in quotes
            if self._is_of_today(quote)
        ]
        fresh = [(token, price) for token, price in prices if token not in ticked and 0 < price <= HIGHEST_PRICE]
        for token, _ in prices:
            self._covered_at[token] = now
        if fresh:
            packets = b"".join(_PACKET.pack(8, token, price) for token, price in fresh)
            self._guard.on_frames([_COUNT.pack(len(fresh)) + packets], now)
            self._liveness.by_quote.update(dict.fromkeys((token for token, _ in fresh), self._table.batch))
            self._counters.quotes += len(fresh)
        return True

    async def _look_up_limits(self, tokens: Sequence[int]) -> bool:
        quotes = await self._ask(tokens)
        if quotes is None:
            return False
        self._limits_at |= dict.fromkeys(tokens, self._monotonic())
        return True

    async def _compare(self) -> bool:
        self._compared_at = self._monotonic()
        tokens = self._next_to_compare()
        before = {token: self._table.latest(token) for token in tokens}
        quotes = await self._ask(tokens)
        if quotes is None:
            return False
        now = self._monotonic()
        for quote in quotes:
            token = quote.instrument_token
            known = (before.get(token), self._table.latest(token))
            price = to_wire_stop(token, quote.last_price)
            if self._is_of_today(quote) and self.crossing.compare(token, known, price, now):
                carrier = self._feeds.carrier_of(token)
                if carrier is not None:
                    carrier.redial("the feed and the broker's quotes disagree")
        return True

    def _next_to_compare(self) -> list[int]:
        """Those in doubt, and the armed instruments in turn."""
        armed = self._hours.of(self._watchlist.by_risk(self._watchlist.armed_tokens))
        self.crossing.keep(armed)
        doubtful = self.crossing.doubtful
        self._turn = self._turn + _COMPARED_AT_ONCE if self._turn + _COMPARED_AT_ONCE < len(armed) else 0
        return [*doubtful, *(t for t in armed[self._turn :] if t not in doubtful)][:_COMPARED_AT_ONCE]

    async def _ask(self, tokens: Sequence[int]) -> list[Quote] | None:
        """The quotes of watched instruments; the limits in them are put into force. None without an answer."""
        keys = {key: token for token in tokens if (key := self._watchlist.quote_key(token)) is not None}
        accounts = [(feed, c) for feed in self._feeds.all if (c := feed.last_credentials) is not None]
        if not keys or not accounts:
            return [] if not keys else None
        feed, credentials = accounts[next(self._asked) % len(accounts)]
        try:
            quotes = await asyncio.to_thread(self._read, credentials, list(keys))
        except Exception as error:
            # Whatever the broker or the network does: the next request follows in a moment.
            self._counters.failed_quotes += 1
            if not self._is_away:
                logger.warning("the broker's quotes cannot be read: %s", type(error).__name__)
            self._is_away = True
            if isinstance(error, BrokerAuthFailed):
                # The account has logged in anew, and its old socket lives on.
                await feed.renew_credentials()
            return None
        self._is_away = False
        expected = set(keys.values())
        # Tokens are used again after expiry: a row of another instrument than was meant says nothing.
        believed = [quote for quote in quotes if quote.instrument_token in expected]
        for quote in believed:
            self._limit(quote)
        return believed

    def _limit(self, quote: Quote) -> None:
        token = quote.instrument_token
        if quote.lowest is None or quote.highest is None:
            return
        lowest = to_wire_stop(token, quote.lowest)
        highest = int(quote.highest.scaleb(decimals_of(token)).to_integral_value(ROUND_CEILING))
        # Between any others there is room for no price, and nothing of the instrument would be believed.
        if max(0, lowest) < min(highest, HIGHEST_PRICE):
            self._table.limit(token, lowest, highest)
            self._limits_at[token] = self._monotonic()

    def _without_limits(self) -> list[int]:
        """Instruments whose limits are to be read, the one with most at risk first."""
        now = self._monotonic()
        due = [token for token in self._watchlist.tokens if self._is_due(token, now)]
        return [token for token in due if self._hours.is_open(exchange_of(token), early=_BEFORE_THE_BELL)]

    def _is_due(self, token: int, now: float) -> bool:
        slot = self._table.slot_of(token)
        if slot is None:
            return False
        age = now - self._limits_at.get(token, float("-inf"))
        lowest, highest, last = self._table.rows[slot, [Column.LOWEST, Column.HIGHEST, Column.LAST]].tolist()
        if (lowest, highest) == (1, HIGHEST_PRICE):
            return age > NEAR_LIMIT_SECONDS
        is_near = last and (last - lowest <= last // _NEAR or highest - last <= last // _NEAR)
        return age > (NEAR_LIMIT_SECONDS if is_near else LIMITS_SECONDS)

    def _is_of_today(self, quote: Quote) -> bool:
        """An instrument that has not traded yet shows yesterday's close."""
        return quote.last_trade is None or trading_day_of(quote.last_trade) >= self._day

    def _turn_day(self) -> None:
        """Yesterday's limits are not today's. With them goes what was known of instruments that nobody watches now."""
        if self._hours.day != self._day:
            self._day = self._hours.day
            self._limits_at.clear()
            for token in self._watchlist.tokens:
                self._table.limit(token, 1, HIGHEST_PRICE)
