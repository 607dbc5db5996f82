"""What the watcher counts between two reports: plain integers, so that counting costs nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """Everything since the last report. Written by the event loop only."""

    hits: int = 0
    reconnects: int = 0
    mute_sockets: int = 0
    frozen_sockets: int = 0
    """Frames came, and every price and time stamp stood still."""
    skewed_sockets: int = 0
    """The time stamps were not those of our clock."""
    stale_instruments: int = 0
    """Armed instruments that fell silent for much longer than they are used to."""
    crossed_prices: int = 0
    """Instruments about whose price the feed and the broker's quotes disagreed for seconds."""
    instruments_without_room: int = 0
    """At each dealing: instruments that no socket had room for."""
    quotes: int = 0
    """Instruments read from the broker's quotes because the feed did not show them."""
    failed_quotes: int = 0
    missing_quotes: int = 0
    """Instruments of an answer of which it told nothing that could be read."""
    refused_dials: int = 0
    missing_credentials: int = 0
    order_updates: int = 0
    dropped_order_updates: int = 0
    """Of accounts that sent more than can be looked at."""
    invalid_order_updates: int = 0
    failed_order_hints: int = 0
    failed_order_sockets: int = 0
    order_sockets_refused_room: int = 0
    """Traders, at each look, for whom one task has no more sockets."""
    feed_errors: int = 0
    invalid_changes: int = 0
    repaired_stops: int = 0
    """Differences between memory and PostgreSQL that a full check had to correct."""
    failed_checks: int = 0
    failed_price_writes: int = 0
    failed_sight_reports: int = 0
    failed_candle_writes: int = 0
    lost_candles: int = 0
    """Of minutes that Redis was away for too long to be told of."""
    wrong_clocks: int = 0
    """Comparisons in which our clock and another differed by too much."""
    redis_failures: int = 0
