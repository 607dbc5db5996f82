"""Metrics: what was counted, told once in a while."""

from __future__ import annotations

import asyncio
from dataclasses import fields

from algotrading.ports import Meter
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations, Spread, sample
from fargate_listener.feeds import Feeds
from fargate_listener.health import Health
from fargate_listener.hit_sender import HitSender
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import StopGuard

INTERVAL_SECONDS = 10.0

_TICK_NAMES = {
    "ticks": "Ticks",
    "invalid": "InvalidTicks",
    "malformed": "MalformedPackets",
    "stale": "StaleTicks",
    "future": "FutureTicks",
    "unwatched": "UnwatchedTicks",
}
_NAMES = {
    "hits": "StopLossHits",
    "reconnects": "FeedConnections",
    "mute_sockets": "FeedMute",
    "frozen_sockets": "FeedFrozen",
    "skewed_sockets": "FeedSkewed",
    "stale_instruments": "InstrumentsStale",
    "crossed_prices": "PricesCrossed",
    "instruments_without_room": "FeedWithoutRoom",
    "quotes": "QuotesUsed",
    "failed_quotes": "QuotesFailed",
    "missing_quotes": "QuotesMissing",
    "refused_dials": "FeedRefused",
    "missing_credentials": "FeedCredentialsMissing",
    "order_updates": "FeedOrderUpdates",
    "dropped_order_updates": "OrderUpdatesDropped",
    "invalid_order_updates": "OrderUpdatesInvalid",
    "failed_order_hints": "OrderHintsFailed",
    "failed_order_sockets": "OrderSocketsFailed",
    "order_sockets_refused_room": "OrderSocketsWithoutRoom",
    "feed_errors": "FeedErrors",
    "invalid_changes": "StopChangesInvalid",
    "repaired_stops": "StopsRepaired",
    "failed_checks": "StopCheckFailed",
    "failed_price_writes": "PriceWritesFailed",
    "failed_sight_reports": "SightReportsFailed",
    "failed_candle_writes": "CandleWritesFailed",
    "lost_candles": "CandlesLost",
    "wrong_clocks": "ClockWrong",
    "redis_failures": "RedisDown",
}
_DURATION_NAMES = {
    "decisions": "DecisionLatency",
    "tick_lags": "TickLag",
    "loop_lags": "LoopLag",
    "gc_pauses": "GcPause",
    "clock_offsets": "ClockOffset",
}


class Reporter:
    """Emits the counters and starts them anew."""

    def __init__(
        self,
        *,
        table: MarketTable,
        counters: Counters,
        durations: Durations,
        sender: HitSender,
        feed: Feeds,
        guard: StopGuard,
        health: Health,
        meter: Meter,
    ) -> None:
        self._table = table
        self._counters = counters
        self._durations = durations
        self._sender = sender
        self._feed = feed
        self._guard = guard
        self._health = health
        self._meter = meter

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_SECONDS)
            self.report()

    def report(self) -> None:
        """One report. `Blind` is 1 while the watcher would not see a stop, but for a closed market that nobody is
        logged in for: alarmed."""
        counted = self._table.take_counted()
        for kind in fields(counted):
            value = getattr(counted, kind.name)
            if value or kind.name == "ticks":
                self._meter.count(_TICK_NAMES[kind.name], value)
        for counter in fields(self._counters):
            if value := getattr(self._counters, counter.name):
                self._meter.count(_NAMES[counter.name], value)
            setattr(self._counters, counter.name, 0)
        delivered = self._sender.take_report()
        if delivered.failures:
            self._meter.count("StopLossDeliveryFailed", delivered.failures)
        self._meter.distribution("TickToQueue", sample(delivered.latencies_ms))
        for kind in fields(self._durations):
            spread: Spread = getattr(self._durations, kind.name)
            self._meter.distribution(_DURATION_NAMES[kind.name], spread.take())
        if self._guard.armed:
            self._meter.milliseconds("Staleness", 1000 * self._health.liveness.longest_silence)
        silence = self._feed.silence
        if silence is not None:
            self._meter.milliseconds("FeedSilence", 1000 * silence)
        self._meter.count("UndeliveredHits", self._sender.undelivered)
        self._meter.count("ArmedStops", self._guard.armed)
        self._meter.count("Blind", int(self._health.is_alarming()))
