"""What of the watcher looks at prices, in a process of its own: the product's parts from the socket to the hit, with
the product's own time-outs. Hits go to standard output instead of a queue.

Run as `python -m benchmarks.chaos_feed.eye`, with its task as JSON in the first argument; it ends when its input does.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Sequence

import uvloop

from algotrading.adapters.clock import SystemClock
from algotrading.brokers.kite.quotes import KiteQuotes
from algotrading.contracts.session_table import SessionTableDocument
from benchmarks.chaos_feed.market import SENTINEL, Market
from exchange_simulator.session_table import SESSION_TABLE
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.feed import Feed
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.feeds import Feeds
from fargate_listener.liveness import Liveness
from fargate_listener.market_hours import MarketHours
from fargate_listener.market_table import MarketTable
from fargate_listener.rest_cover import RestCover
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.tick_kernel import HIGHEST_PRICE, Column
from fargate_listener.timekeeper import Timekeeper
from fargate_listener.watchlist import Watchlist

_CREDENTIALS = FeedCredentials("key", "token")


class Eye:
    """Wired like the watcher (fargate_listener.wiring). `is_careless`: without what looks after the feed, to show that
    the run can fail."""

    def __init__(self, *, url: str, api_url: str, seed: int, is_careless: bool) -> None:
        clock, counters, table = SystemClock(), Counters(), MarketTable()
        self.market, self.table = Market(seed), table
        self.guard = StopGuard(table=table, report=self._report, counters=counters)
        watchlist = Watchlist(self.guard, time.monotonic)
        self.feeds = Feeds(
            feeds=[
                Feed(
                    url=url,
                    credentials=lambda: _CREDENTIALS,
                    guard=self.guard,
                    counters=counters,
                    monotonic=time.monotonic,
                    sentinel=SENTINEL,
                )
            ],
            watchlist=watchlist,
            counters=counters,
            monotonic=time.monotonic,
        )
        hours = MarketHours(SessionTableDocument.model_validate(SESSION_TABLE).to_table(), clock)
        liveness = Liveness(
            feeds=self.feeds,
            table=table,
            watchlist=watchlist,
            hours=hours,
            clock=clock,
            monotonic=time.monotonic,
            counters=counters,
        )
        quotes = KiteQuotes(api_url=api_url, api_key=_CREDENTIALS.api_key, access_token=_CREDENTIALS.access_token)
        cover = RestCover(
            read=lambda _credentials, keys: quotes.read(keys),
            feeds=self.feeds,
            liveness=liveness,
            table=table,
            guard=self.guard,
            watchlist=watchlist,
            hours=hours,
            monotonic=time.monotonic,
            counters=counters,
        )
        keeper = Timekeeper(
            table=table, clock=clock, monotonic=time.monotonic, durations=Durations(), on_minute=lambda _minute: None
        )
        for change in self.market.changes():
            watchlist.apply(change)
        self._parts = [self.feeds, keeper, *(() if is_careless else (liveness, cover))]
        self._is_careless = is_careless

    async def run(self) -> None:
        """Until standard input ends."""
        parts = [asyncio.create_task(part.run()) for part in self._parts]
        ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        while not self._is_ready():  # noqa: ASYNC110 - what is waited for knows nothing of it
            await asyncio.sleep(0.05)
        _say({"ready": True})
        await ended
        for part in parts:
            part.cancel()

    def _is_ready(self) -> bool:
        """Every price is seen, and what prices are to be believed is known."""
        slots = [slot for token in self.market.tokens if (slot := self.table.slot_of(token)) is not None]
        rows = self.table.rows[slots]
        has_limits = self._is_careless or bool((rows[:, Column.HIGHEST] < HIGHEST_PRICE).all())
        return has_limits and bool((rows[:, Column.LAST] > 0).all())

    def _report(self, hits: Sequence[Hit]) -> None:
        now = time.monotonic()
        for hit in hits:
            _say({"stop": hit.stop.strategy_id.int - 1, "at": now, "price": hit.wire_price})


def _say(what: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """The process."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    uvloop.run(Eye(**json.loads(sys.argv[1])).run())


if __name__ == "__main__":
    main()
