"""The numbers behind the trading rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from algotrading.domain.rates import RateLimits


@dataclass(frozen=True, slots=True)
class Policy:
    """Durations are seconds unless they are timedeltas."""

    entry_grace: timedelta = timedelta(seconds=120)
    """How late a BUY may still leave; later it is recorded as missed."""
    attempts: int = 3
    """Proven refusals of an entry after which the strategy stops."""
    retry_pause: float = 0.5
    """Back-off after a refusal: of an entry always this, of an exit doubled with every further try."""
    throttle_pause: float = 1.0
    """Kite counts its limits per calendar second."""
    longest_retry_pause: float = 6.0
    entry_patience: timedelta = timedelta(seconds=5)
    """How long an entry may rest unfilled before its remainder is cancelled."""
    exit_patience: timedelta = timedelta(seconds=3)
    """How long the first exit may rest (a protected market order can) before it is replaced; twice as
    long with every further one, for each replacement loses its place in the exchange's queue."""
    longest_exit_patience: timedelta = timedelta(seconds=60)
    cancel_patience: timedelta = timedelta(seconds=2)
    """How long a cancel may take to show in the book before it is asked for again."""
    evidence_window: timedelta = timedelta(seconds=180)
    """An order was once seen to surface 83 s after its time-out; absence means nothing before this."""
    clean_reads: int = 2
    """Book readings after the window that must agree that an order does not exist."""
    unshown_window: timedelta = timedelta(seconds=15)
    """How long an order that the broker took may be missing from its book before that is alarmed and told: orders were
    seen to surface 8 s after their answer."""
    absent_window: timedelta = timedelta(seconds=90)
    """How long the broker has to show less than our trades say, without an order in its book that explains it,
    before that is believed: positions can lag behind fills."""
    absent_pause: float = 5.0
    """Back-off between two such readings."""
    stop_pause: timedelta = timedelta(seconds=10)
    """Between two tries at a stop order that the broker does not take."""
    stop_attempts: int = 3
    """Stop orders at one trigger price that the broker may refuse before the watcher guards alone."""
    rates: RateLimits = RateLimits()  # noqa: RUF009 - frozen
    """How many requests the broker takes of one account."""
