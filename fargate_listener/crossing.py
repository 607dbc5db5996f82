"""Prices about which two sources disagree for longer than one of them can be late."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from fargate_listener.counters import Counters

logger = logging.getLogger(__name__)

CROSSED_SECONDS = 5.0
BAND = 100
"""Prices that differ by more than their hundredth part disagree."""
LEAST_BAND = 20
"""Wire units: four ticks of a share, for what costs next to nothing."""


class Crossing:
    """Remembers since when each instrument is in doubt."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._since: dict[int, float] = {}
        self._told: set[int] = set()

    @property
    def crossed(self) -> frozenset[int]:
        """Instruments of which two prices are told."""
        return frozenset(self._told)

    @property
    def doubtful(self) -> list[int]:
        """Instruments that disagreed at the last comparison, the longest first."""
        return list(self._since)

    def keep(self, tokens: Collection[int]) -> None:
        """Forget all others."""
        kept = set(tokens)
        self._since = {token: since for token, since in self._since.items() if token in kept}
        self._told &= kept

    def compare(self, token: int, ours: Sequence[int | None], theirs: int, now: float) -> bool:
        """`ours` are the prices known before and after `theirs` was asked for: a price that moved meanwhile agrees
        with either. True when this comparison makes the instrument crossed."""
        known = [price for price in ours if price]
        if not known or theirs <= 0 or any(abs(price - theirs) <= max(LEAST_BAND, price // BAND) for price in known):
            self._since.pop(token, None)
            self._told.discard(token)
            return False
        since = self._since.setdefault(token, now)
        if now - since < CROSSED_SECONDS or token in self._told:
            return False
        self._told.add(token)
        self._counters.crossed_prices += 1
        logger.error("two prices of one instrument", extra={"token": token, "feed": known[-1], "quote": theirs})
        return True
