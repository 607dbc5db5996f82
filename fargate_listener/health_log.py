"""Keeps the health verdict in the log: whoever is woken by an alarm asks the log, and not a task that may be gone."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from typing import Final

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
_COUNT: Final = re.compile(r"\b\d+ (?=instruments\b|hits\b)")
"""How many there are is told with the rest, and is no change: it moves with every tick."""


class HealthLog:
    """A line whenever a reason or a note appears or goes, once a second at most."""

    def __init__(self, *, reasons: Callable[[], Sequence[str]], notes: Callable[[], Sequence[str]]) -> None:
        self._reasons = reasons
        self._notes = notes
        self._told: tuple[set[str], set[str]] | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """One look. The first one always leaves a line: from there on the log is complete."""
        reasons, notes = list(self._reasons()), list(self._notes())
        kinds = {_COUNT.sub("", reason) for reason in reasons}, {_COUNT.sub("", note) for note in notes}
        if kinds == self._told:
            return
        self._told = kinds
        level, what = (logging.WARNING, "would not see or report every stop") if reasons else (logging.INFO, "sees")
        logger.log(level, "the watcher %s", what, extra={"reasons": reasons, "notes": notes})
