"""How long the watchers were blind, as far as they could tell the shared store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LONGEST_UNREPORTED: Final = timedelta(seconds=3)
"""Every watcher that sees reports once a second. A longer silence is time in which nobody saw; a shorter
one is a late timer or one lost report."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What the watchers of an environment have reported together.

    A position was guarded from `earlier.at` on exactly when `later.blind == earlier.blind` and `later.at`
    is recent: compare two readings, the absolute figure means nothing (the store may have been emptied).
    A feed that falls silent counts as sight until its silence limit. Where the store was away, the first watcher that
    reports afterwards says since when it has seen; until then, a second or two, the absence passes for blindness.
    """

    at: datetime
    """When a watcher last reported that it sees. UTC, by the watcher's clock, to the millisecond."""
    blind: timedelta
    """The total of all times between two reports in which no watcher saw, since the store began."""

    def blind_at(self, now: datetime) -> timedelta:
        """The total as it would be if a watcher saw again at `now`: with the blindness that still lasts."""
        silence = now - self.at
        return self.blind + silence if silence > LONGEST_UNREPORTED else self.blind

    def with_report(self, now: datetime, since: datetime | None = None) -> Sight:
        """As it stands after a report of `now` by a watcher that has seen without a break since `since` (since now,
        when not given); of reports out of order the later one counts."""
        return Sight(max(self.at, now), self.blind_at(since or now))
