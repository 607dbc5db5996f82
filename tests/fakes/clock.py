"""Time that passes only when somebody waits."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from tests.fakes.examples import MOMENT


class VirtualClock:
    """ports.Clock whose waits take no time and move it exactly as far as asked."""

    def __init__(self, start: datetime = MOMENT) -> None:
        self._now = start.astimezone(UTC)
        self._turn = threading.Lock()

    def now(self) -> datetime:
        """The current instant, UTC."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move on by `seconds` (none when not positive), to the microsecond."""
        if seconds > 0:
            with self._turn:
                self._now += max(timedelta(seconds=seconds), timedelta.resolution)

    def sleep_until(self, instant: datetime) -> None:
        """Move on to `instant`; stay when it is past."""
        with self._turn:
            self._now = max(self._now, instant.astimezone(UTC))
