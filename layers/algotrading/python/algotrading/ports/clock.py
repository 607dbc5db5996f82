"""The only source of time."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The current instant, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait `seconds` (none when not positive)."""
        ...

    def sleep_until(self, instant: datetime) -> None:
        """Wait until `instant`, never returning early; at once when it is past."""
        ...
