"""Request limits of the API in fixed windows of the simulator's clock (Kite Connect documentation, exceptions)."""

from collections.abc import Mapping
from types import MappingProxyType

from exchange_simulator.clock import NANOS
from exchange_simulator.errors import too_many_requests

STANDARD_LIMITS: Mapping[str, tuple[tuple[int, int], ...]] = MappingProxyType(
    {
        "quote": ((1, 1),),
        "historical": ((3, 1),),
        "order": ((10, 1), (400, 60), (5000, 86_400)),
        "other": ((10, 1),),
    }
)
"""Bucket -> (requests, seconds) windows."""


class RateLimiter:
    """Counts the requests of one account."""

    def __init__(self, limits: Mapping[str, tuple[tuple[int, int], ...]]) -> None:
        self.limits = dict(limits)
        self._windows: dict[tuple[str, int], tuple[int, int]] = {}

    def count(self, bucket: str, now_ns: int) -> None:
        """Count a request; raises KiteError with HTTP 429 when a window of its bucket is full."""
        full = False
        for allowed, seconds in self.limits.get(bucket, ()):
            window = now_ns // (seconds * NANOS)
            started, used = self._windows.get((bucket, seconds), (window, 0))
            used = used + 1 if started == window else 1
            self._windows[bucket, seconds] = (window, used)
            full = full or used > allowed
        if full:
            raise too_many_requests()
