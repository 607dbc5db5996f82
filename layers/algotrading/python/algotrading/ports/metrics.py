"""Operational metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Meter(Protocol):
    """Operational metrics."""

    def count(self, metric: str, value: int = 1) -> None:
        """Add to a counter."""
        ...

    def milliseconds(self, metric: str, value: float) -> None:
        """Record a duration."""
        ...

    def distribution(self, metric: str, milliseconds: Sequence[float]) -> None:
        """Record several durations of one kind; none when there are none."""
        ...
