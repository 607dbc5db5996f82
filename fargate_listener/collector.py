"""Garbage collection without pauses: nothing that lives long is ever walked while the market is open.

A collection stops everything, for as long as it takes to walk what it looks at; with a hundred thousand stops in memory
that is hundreds of milliseconds. So Python's automatic collection is off. Often enough that there is little to walk,
what is new is looked at once, and whatever has a user is frozen: no later collection looks at it again. Objects without
a user go at once, as always in Python; only those that hold each other in a ring need a collector.

The price: a ring that breaks off after it was frozen stays in memory. A thorough collection walks everything and frees
it, once a day while the market is closed; earlier only when memory has grown beyond a bound, for then a pause is better
than the end of the process.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
from collections import deque
from collections.abc import Callable, Sequence, Sized
from datetime import date
from pathlib import Path
from typing import Final, Protocol, cast

from fargate_listener.durations import Durations

logger = logging.getLogger(__name__)

LOOK_SECONDS: Final = 0.02
FEW: Final = 50
"""Fewer new objects can wait."""
MOST: Final = 150
"""More new objects are frozen without being looked at: each costs up to 4 us here, and a pause must stay below
a millisecond. They come with loading, and with full checks, whose objects are no rings."""
MOST_ENTRIES: Final = 10_000
"""New containers with more entries between them are frozen without being looked at, too: a collection walks each entry
(10,000 took 0.17 ms here, 100,000 took 1.9), and a dictionary of every stop is a single new object."""
GROWTH_BYTES: Final = 256 << 20
"""By so much memory may grow above what was in use after the last thorough collection."""
_MEMORY_SECONDS: Final = 10.0
_CONTAINERS: Final = (dict, list, set, tuple, frozenset, deque)


class Rubbish(Protocol):
    """What is used of the module `gc`."""

    def disable(self) -> None:
        """Collect when told only."""
        ...

    def collect(self, generation: int = 2) -> int:
        """Collect a generation and all younger ones."""
        ...

    def freeze(self) -> None:
        """Leave everything there is out of later collections."""
        ...

    def unfreeze(self) -> None:
        """The other way round."""
        ...

    def get_objects(self, generation: int | None = None) -> Sequence[object]:
        """Every container of a generation."""
        ...


class Collector:
    """Looks fifty times a second. Event loop only: a collection stops every thread wherever it is asked for."""

    def __init__(
        self,
        *,
        durations: Durations,
        monotonic: Callable[[], float],
        today: Callable[[], date],
        is_closed: Callable[[], bool],
        memory: Callable[[], int] | None = None,
        rubbish: Rubbish = gc,
    ) -> None:
        """`is_closed`: whether no market is open or about to open. `memory`: bytes in use, resident memory unless
        given."""
        self._durations = durations
        self._monotonic = monotonic
        self._today = today
        self._is_closed = is_closed
        self._memory = memory or resident_bytes
        self._rubbish = rubbish
        self._thorough_on = date.min
        self._bound = 0
        self._memory_at = float("-inf")

    def begin(self) -> None:
        """From now on collect when told only: loading a hundred thousand stops would set off one collection after the
        other, each longer than the one before."""
        self._rubbish.disable()
        self._thorough_on = self._today()
        self._look_at_memory()

    def settle(self) -> None:
        """Everything is loaded: collect once, and freeze it all."""
        self._collect_thoroughly()

    async def run(self) -> None:
        """Look until cancelled."""
        self.begin()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """One look. Nothing before the beginning."""
        if not self._bound:
            return
        if self._is_thorough_due():
            self._collect_thoroughly()
            return
        # Python's own count sinks with every object that is freed, however old, and says little of how many are new.
        new = self._rubbish.get_objects(0)
        if len(new) < FEW:
            return
        is_short = len(new) <= MOST and sum(map(_entries_of, new)) <= MOST_ENTRIES
        del new  # What it holds has a user as long as it is there.
        if is_short:
            self._collect(0)
        self._rubbish.freeze()

    def _is_thorough_due(self) -> bool:
        now = self._monotonic()
        if now - self._memory_at < _MEMORY_SECONDS:
            return False
        self._memory_at = now
        if self._memory() > self._bound:
            logger.warning("memory has grown beyond its bound: everything is collected", extra={"bound": self._bound})
            return True
        return self._thorough_on < self._today() and self._is_closed()

    def _collect_thoroughly(self) -> None:
        self._rubbish.unfreeze()
        freed = self._collect(2)
        self._rubbish.freeze()
        self._thorough_on = self._today()
        self._look_at_memory()
        logger.info("everything was collected", extra={"freed": freed})

    def _look_at_memory(self) -> None:
        self._memory_at = self._monotonic()
        # From what is in use now, so that memory that is needed does not cause one collection after the other.
        self._bound = self._memory() + GROWTH_BYTES

    def _collect(self, generation: int) -> int:
        begun = self._monotonic()
        freed = self._rubbish.collect(generation)
        self._durations.gc_pauses.add(self._monotonic() - begun)
        return freed


def resident_bytes() -> int:
    """Memory of this process that is in use; 0 where the system does not say (it is Linux's way)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _entries_of(new: object) -> int:
    # By its type: `isinstance` asks the object itself, and a weak proxy, of which there are some, answers for what it
    # stands for, or raises where that is gone.
    return len(cast(Sized, new)) if issubclass(type(new), _CONTAINERS) else 0
