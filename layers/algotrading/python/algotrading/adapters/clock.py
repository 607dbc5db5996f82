"""ports.Clock on the machine's clock: the only place that reads it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_NAP = 0.5
"""Seconds. The wall clock is looked at again at least this often, since it may be corrected meanwhile."""


class SystemClock:
    """Time as the operating system keeps it (NTP-disciplined on AWS)."""

    def now(self) -> datetime:
        """The current instant, UTC."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait `seconds` (none when not positive)."""
        if seconds > 0:
            time.sleep(seconds)

    def sleep_until(self, instant: datetime) -> None:
        """Wait until `instant`, never returning early; late by no more than the kernel's timer, some
        tens of microseconds."""
        due = (instant - _EPOCH) // timedelta(microseconds=1) * 1000
        while (remaining := due - time.time_ns()) > 0:
            time.sleep(min(remaining / 1e9, _LONGEST_NAP))
