"""Which instruments the next request for quotes names: at most 500, in order of risk.

1. Armed instruments that are not shown or in doubt, in sweeps over all of them, the most at risk first in each;
2. those of which two prices are told;
3. those whose circuit limits are not known or may have moved;
4. those of which the broker has said that they have not traded today;
5. a sample of those that are well, to compare their prices.

What comes later fills the room that is left: another row costs no other request. While limits are due, a tenth of the
room is theirs, however much is in doubt: a price is believed only within its limits.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

MOST_AT_ONCE: Final = 500
"""What the broker answers for at once."""
RESERVED: Final = 50
"""Of it for limits that are due."""
LIMITS_AT_ONCE: Final = 200
"""Reading an answer holds the ticks up for ten microseconds a row: where nobody waits for it, it is a short one."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What would be asked, each list in the order of what is at risk. An instrument may be in several."""

    doubtful: Sequence[int] = ()
    crossed: Sequence[int] = ()
    limits: Sequence[int] = ()
    untraded: Sequence[int] = ()
    compared: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: every instrument once, under the first need that it was taken for."""

    covered: tuple[int, ...]
    """Whose prices are evaluated."""
    limits: tuple[int, ...]
    compared: tuple[int, ...]

    @property
    def tokens(self) -> tuple[int, ...]:
        """All of them."""
        return self.covered + self.limits + self.compared


class QuotePlan:
    """Remembers how far the sweep over what is in doubt has come."""

    def __init__(self) -> None:
        self._swept: set[int] = set()

    def next(self, needs: Needs) -> Request:
        """The next request; one without instruments when there is no need."""
        reserved = min(len(needs.limits), RESERVED)
        taken = set[int]()

        def take(tokens: Sequence[int], most: int) -> tuple[int, ...]:
            room = max(0, min(most, MOST_AT_ONCE - len(taken)))
            chosen = tuple([token for token in dict.fromkeys(tokens) if token not in taken][:room])
            taken.update(chosen)
            return chosen

        doubtful = take(self._sweep(needs.doubtful, MOST_AT_ONCE - reserved), MOST_AT_ONCE - reserved)
        crossed = take(needs.crossed, MOST_AT_ONCE - reserved - len(doubtful))
        limits = take(needs.limits, LIMITS_AT_ONCE)
        untraded = take(needs.untraded, LIMITS_AT_ONCE)
        return Request(doubtful + crossed + untraded, limits, take(needs.compared, MOST_AT_ONCE))

    def _sweep(self, doubtful: Collection[int], most: int) -> list[int]:
        """Those whose turn it is. What the last ones of a sweep leave free goes to the first ones of the next."""
        due = [token for token in doubtful if token not in self._swept]
        batch = due[:most]
        if len(due) <= most:
            self._swept.clear()
            again = set(due)
            batch += [token for token in doubtful if token not in again][: most - len(due)]
        self._swept.update(batch)
        self._swept.intersection_update(doubtful)
        return batch
