"""Reads the broker's REST quotes where the feeds show nothing or contradict them, and the day's circuit limits.

What is asked is `quote_plan`'s to say, and when is `quote_pace`'s. How long a stop waits in the worst case, while two
watchers share the one request a second:

- a socket stands still: its last movement is noticed up to 1 s late, and 3 s later it is in doubt;
- one of the two is answered every 2.3 s at the latest, and mostly each second: each leaves every second turn to the
  other, and a watcher that is alone asks every 2.3 s;
- the answer takes some tenths of a second.

That is 6.3 s and the answer where up to 500 instruments are in doubt at once. Of more, those of less risk wait for one
more turn for each further 500.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from itertools import count
from struct import Struct
from typing import TYPE_CHECKING, Final

from algotrading.domain.errors import BrokerAuthFailed
from algotrading.domain.sessions import trading_day_of
from fargate_listener.circuit_limits import CircuitLimits
from fargate_listener.counters import Counters
from fargate_listener.crossing import Crossing
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.feeds import Feeds
from fargate_listener.liveness import Liveness
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.quote_pace import PACE_SECONDS, QuotePace
from fargate_listener.quote_plan import Needs, QuotePlan
from fargate_listener.stop_guard import StopGuard
from fargate_listener.tick_kernel import HIGHEST_PRICE, Column
from fargate_listener.watchlist import Watchlist
from fargate_listener.wire_prices import to_wire_stop

if TYPE_CHECKING:
    from algotrading.brokers.kite.quotes import Quote

logger = logging.getLogger(__name__)

COVERED_SECONDS = 5.0
"""A price read this long ago still counts as seen."""
UNTRADED_SECONDS = 30.0
"""What has not traded today, on a socket that shows the rest of the market, is asked for again after this: its first
trade would be a tick."""
COMPARE_SECONDS = 4.0
"""Less than two turns of the key: where requests are made anyway, every second one compares too."""
_COMPARED_AT_ONCE = 50
_LOOK_SECONDS = 1.0
"""Between looks for limits that are due, where nothing is in doubt: each holds ticks up for about a millisecond."""
_SEVERAL = 4
"""Requests without an answer, one after the other: more than the other watcher is the cause of."""
_PACKET = Struct(">HII")
_COUNT = Struct(">H")


class RestCover:
    """Never raises for what the network or the broker does. Prices are evaluated as if they had ticked, unless a tick
    of a feed that is believed came while the broker answered."""

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
        self._limits = CircuitLimits(table=table, watchlist=watchlist, hours=hours, monotonic=monotonic)
        self._plan = QuotePlan()
        self._pace = QuotePace(pace_seconds=pace_seconds)
        self._covered_at: dict[int, float] = {}
        self._untraded: set[int] = set()
        """Of the covered ones those that have not traded today."""
        self._asked = count()
        self._looked_at = self._compared_at = float("-inf")
        self._turn = 0
        self._failures = 0
        self.crossing: Final = Crossing(counters)

    def covered(self) -> frozenset[int]:
        """Instruments whose price was read from quotes a moment ago, and those without one that have not traded."""
        now, quiet = self._monotonic(), self._quiet()
        return frozenset(
            token
            for token, at in self._covered_at.items()
            if now - at <= COVERED_SECONDS + (UNTRADED_SECONDS if token in quiet else 0.0)
        )

    def unlimited(self) -> list[int]:
        """Instruments with an armed stop whose circuit limits are not known."""
        return self._limits.unknown(self._liveness.armed_tokens)

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            begun = self._monotonic()
            pause = self._pace.after(await self.ask())
            await asyncio.sleep(max(0.0, begun + pause - self._monotonic()))

    async def ask(self) -> bool | None:
        """One request, where something is to be asked. False when the broker had no answer, None without a request."""
        self._limits.turn_day()
        needs = self._needs()
        request = self._plan.next(needs)
        if not request.tokens:
            return None
        batch = self._table.batch
        compared = set(needs.compared).difference(request.covered)
        before = {token: self._ticked_price(token) for token in compared.union(needs.crossed)}
        quotes = await self._ask(request.tokens)
        if quotes is None:
            return False
        if needs.compared and compared.issubset(request.tokens):
            self._turn_to_next()
        for token in request.limits:
            self._limits.asked(token)
        for quote in quotes:
            self._limits.hear(quote)
        today = [quote for quote in quotes if self._is_of_today(quote)]
        prices = {q.instrument_token: to_wire_stop(q.instrument_token, q.last_price) for q in today}
        self._compare({token: price for token, price in prices.items() if token in before}, before)
        self._note_untraded({quote.instrument_token for quote in quotes} - set(prices), request.covered)
        # What this comparison found is covered by the same answer.
        covered = self.crossing.crossed.union(request.covered)
        missed = {q.instrument_token for q in today if q.instrument_token not in covered and self._was_missed(q)}
        read = self._cover({token: price for token, price in prices.items() if token in covered | missed}, batch)
        if missed := missed & read:
            self._liveness.miss(missed)
        return True

    # --- what is to be asked ------------------------------------------------------------------------

    def _needs(self) -> Needs:
        now = self._monotonic()
        doubtful = self._hours.tradable(self._liveness.doubtful())
        crossed = self._hours.tradable(self._watchlist.by_risk(self.crossing.crossed))
        kept = {*doubtful, *crossed}
        self._covered_at = {token: at for token, at in self._covered_at.items() if token in kept}
        self._untraded &= kept
        quiet = self._quiet()
        untraded = [t for t in doubtful if t in quiet and now - self._covered_at[t] >= UNTRADED_SECONDS]
        doubtful = [token for token in doubtful if token not in quiet]
        if not (doubtful or crossed or untraded) and now - self._looked_at < _LOOK_SECONDS:
            return Needs()
        self._looked_at = now
        return Needs(doubtful, crossed, self._limits.due(), untraded, self._next_to_compare(now))

    def _quiet(self) -> set[int]:
        """What has not traded today, on a socket that is believed."""
        return self._untraded & self._believed()

    def _believed(self) -> frozenset[int]:
        """Instruments whose ticks say where the market stands."""
        return self._feeds.shown - self._feeds.doubtful

    def _next_to_compare(self, now: float) -> list[int]:
        """Those about which there is doubt, and the armed instruments in turn; none before it is time. A socket that
        is in doubt itself is no other source."""
        if now - self._compared_at < COMPARE_SECONDS:
            return []
        armed = self._hours.tradable(self._watchlist.by_risk(self._watchlist.armed_tokens))
        self.crossing.keep(armed)
        # Those that are told are read again and again anyway, and would keep the others from their turn.
        told, believed = self.crossing.crossed, self._believed()
        doubtful = [token for token in self.crossing.doubtful if token not in told][:_COMPARED_AT_ONCE]
        self._turn = self._turn if self._turn < len(armed) else 0
        sample = armed[self._turn : self._turn + _COMPARED_AT_ONCE]
        chosen = [token for token in (*doubtful, *sample) if token in believed]
        if not chosen:
            self._turn_to_next()
        return chosen

    def _turn_to_next(self) -> None:
        """Only when the broker has answered for this sample: where it refused, the same one is asked for again, and two
        watchers that refused each other fall apart."""
        self._compared_at = self._monotonic()
        self._turn += _COMPARED_AT_ONCE

    # --- what was answered --------------------------------------------------------------------------

    def _was_missed(self, quote: Quote) -> bool:
        """Whether the price of an instrument that seemed well reaches a threshold, and the trade behind it is one that
        the feed has not shown: whatever was asked for, a stop that is reached is reached."""
        token, slot = quote.instrument_token, self._table.slot_of(quote.instrument_token)
        if slot is None or quote.last_trade is None:
            return False
        price, row = to_wire_stop(token, quote.last_price), self._table.rows[slot]
        is_reached = price <= row[Column.FALL] or price >= row[Column.RISE]
        return bool(is_reached) and self._liveness.is_missing(token, quote.last_trade)

    def _cover(self, prices: dict[int, int], batch: int) -> set[int]:
        """Evaluate quotes, unless a tick that is believed came since `batch`; those that were. Of an instrument with
        two prices both count: which one is the market's nobody here can know."""
        now = self._monotonic()
        ticked = self._believed().intersection(self._table.seen_since(batch + 1)) - self.crossing.crossed
        fresh = [(t, price) for t, price in prices.items() if t not in ticked and 0 < price <= HIGHEST_PRICE]
        if fresh:
            packets = b"".join(_PACKET.pack(8, token, price) for token, price in fresh)
            self._guard.on_frames([_COUNT.pack(len(fresh)) + packets], now)
            self._liveness.by_quote.update(dict.fromkeys((token for token, _ in fresh), self._table.batch))
            self._counters.quotes += len(fresh)
        for token, price in prices.items():
            # What was not believed (zero, or beyond the limits) covers nothing.
            if token in ticked or self._table.latest(token) == price:
                self._covered_at[token] = now
        self._untraded -= prices.keys()
        return {token for token, price in fresh if self._table.latest(token) == price}

    def _note_untraded(self, untraded: Collection[int], covered: Collection[int]) -> None:
        """The broker shows a price of another day: nothing has traded, so there is nothing that was not seen."""
        noted = [token for token in covered if token in untraded]
        self._covered_at.update(dict.fromkeys(noted, self._monotonic()))
        self._untraded.update(noted)

    def _compare(self, prices: dict[int, int], before: dict[int, int | None]) -> None:
        now = self._monotonic()
        for token, price in prices.items():
            ours = (before[token], self._ticked_price(token))
            if token in self.crossing.crossed and ours == (None, None):
                continue  # The last price is a quote, which proves nothing of the feed.
            if self.crossing.compare(token, ours, price, now):
                carrier = self._feeds.carrier_of(token)
                if carrier is not None and self._liveness.may_redial(carrier):
                    carrier.redial("the feed and the broker's quotes disagree")

    def _ticked_price(self, token: int) -> int | None:
        """The last price, unless it came by a quote."""
        slot = self._table.slot_of(token)
        if slot is None or self._table.rows[slot, Column.SEEN] == self._liveness.by_quote.get(token):
            return None
        return self._table.latest(token)

    async def _ask(self, tokens: Sequence[int]) -> list[Quote] | None:
        """The quotes of watched instruments; None without an answer."""
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
            self._failures += 1
            if self._failures == _SEVERAL:
                logger.warning("the broker's quotes cannot be read: %s", type(error).__name__)
            if isinstance(error, BrokerAuthFailed):
                # The account has logged in anew, and its old socket lives on.
                await feed.renew_credentials()
            return None
        self._failures = 0
        expected = set(keys.values())
        # Tokens are used again after expiry: a row of another instrument than was meant says nothing.
        told = [quote for quote in quotes if quote.instrument_token in expected]
        self._counters.missing_quotes += len(expected.difference(quote.instrument_token for quote in told))
        return told

    def _is_of_today(self, quote: Quote) -> bool:
        """An instrument that has not traded yet shows yesterday's close."""
        return quote.last_trade is None or trading_day_of(quote.last_trade) >= self._hours.day
