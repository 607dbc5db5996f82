"""How many requests a caller may make in a minute, and what is left of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

WINDOW_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """So many requests within one window, which begins with its first request."""

    name: str
    """As answers name it."""
    requests: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What is left of an allowance, with this request counted."""

    allowance: Allowance
    used: int
    resets_in: float
    """Seconds until a new window may begin."""

    @property
    def left(self) -> int:
        """Requests that may still be made in this window."""
        return max(0, self.allowance.requests - self.used)

    @property
    def is_over(self) -> bool:
        """Whether this request is one too many."""
        return self.used > self.allowance.requests

    @property
    def seconds(self) -> int:
        """Whole seconds until a new window may begin."""
        return max(1, math.ceil(self.resets_in))
