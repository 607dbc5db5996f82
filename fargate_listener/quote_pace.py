"""When to ask the broker for quotes next: one request a second, which two watchers with one key share.

Neither knows of the other, and nothing between them has to work. Whoever was answered leaves the next turn to the
other. Whoever was refused came within a second of somebody else's request, and tries again in small steps of chance, so
that two who begin together fall apart, and each keeps about its place from then on.

Where both want all they can get, an answer at 0 leaves the time from 1.0 to 2.1 to the other one alone, and no step is
longer than that: one of the two is answered every 2.3 s, each every 4 s, and the time the answers take (the tests try
thousands of beginnings). A third watcher, of which a deployment makes one for a moment, is refused more often, and
served still.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

PACE_SECONDS: Final = 1.05
"""The broker answers one request a second, with a little for its clock."""
TURNS: Final = 2
"""Watchers that share a key."""
PLAY_SECONDS: Final = 0.2
"""So much longer may a turn be: two whose turns fill the time would leave no gap for a third."""
IDLE_SECONDS: Final = 0.25
"""Where nothing had to be asked, the turn is still there: for so long nobody looks whether that has changed."""
_STEPS: Final = (0.25, 0.5, 0.5, 0.5, 1.0)
"""The longest pauses after the first refusals and every further one; the shortest are half as long. The other watcher
causes no more than four: from the fifth on something else is wrong."""


class QuotePace:
    """Pauses from the beginning of one request to that of the next."""

    def __init__(self, *, pace_seconds: float = PACE_SECONDS, chance: Callable[[], float] = random.random) -> None:
        """`chance` is drawn from 0 to 1."""
        self._scale = pace_seconds / PACE_SECONDS
        self._chance = chance
        self._refusals = 0

    def after(self, is_answered: bool | None) -> float:
        """Seconds from the request on; `is_answered` is None where nothing was asked."""
        if is_answered is None:
            return IDLE_SECONDS * self._scale
        if is_answered:
            self._refusals = 0
            return (TURNS * PACE_SECONDS + PLAY_SECONDS * self._chance()) * self._scale
        step = _STEPS[min(self._refusals, len(_STEPS) - 1)]
        self._refusals += 1
        return step * (0.5 + 0.5 * self._chance()) * self._scale
