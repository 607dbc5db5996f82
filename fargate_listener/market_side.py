"""The thresholds on one side of an instrument's market.

Written for the side below: levels are reached by falling prices, and trailing levels follow the high. The side above is
the same with every price's sign turned.

A trailing level is the highest price since it was set, less its distance. Levels set at different times follow
different highs; those that follow the same one form a group. A new high belongs to the group whose high is lowest,
the youngest; when it reaches the next group's high, the two are one from then on. So only the youngest group ever
moves, the others stand still, and all work is O(log n), amortised.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import count

from fargate_listener.level_heap import LevelHeap


@dataclass(frozen=True, slots=True)
class Nearest:
    """What the compiled path compares prices with."""

    fixed: int | None
    """The highest level that stands still."""
    crest: int | None
    """The high that the youngest group follows."""
    next_crest: int | None
    """The high at which it joins the next one."""
    tight: int
    """The youngest group's smallest distance; 0 without one."""


class _Group:
    """Trailing levels that follow the same high."""

    __slots__ = ("crest", "name", "tight")

    def __init__(self, name: int, crest: int, live: dict[int, int]) -> None:
        self.name = name
        self.crest = crest
        self.tight = LevelHeap(live)
        """Distances below zero, so that the smallest comes first."""

    @property
    def nearest(self) -> int:
        """The highest of its levels; an empty group has none."""
        top = self.tight.top()
        assert top is not None
        return self.crest + top


class MarketSide:
    """Levels by key. Keys are whole numbers of the caller's; one that is set again must be removed before."""

    __slots__ = ("_fixed", "_group_of", "_groups", "_live", "_named", "_serials", "_standing")

    def __init__(self) -> None:
        self._live: dict[int, int] = {}
        self._serials = count()
        self._fixed = LevelHeap(self._live)
        self._groups: list[_Group] = []
        """Oldest first: their highs fall."""
        self._named: dict[int, _Group] = {}
        self._group_of: dict[int, _Group] = {}
        """Of every key that trails."""
        self._standing = LevelHeap({})
        """The nearest level of each group but the youngest, under the group's name."""

    def __len__(self) -> int:
        return len(self._live)

    @property
    def is_trailing(self) -> bool:
        """Whether any level follows a high."""
        return bool(self._groups)

    def fix(self, key: int, level: int) -> None:
        """Set a level that stands still."""
        self._fixed.push(level, next(self._serials), key)

    def trail(self, key: int, distance: int, high: int) -> None:
        """Set a level that follows the high, which is `high` so far."""
        at = bisect_left(self._groups, -high, key=_by_crest)
        if at == len(self._groups) or self._groups[at].crest != high:
            self._insert(at, high)
        group = self._groups[at]
        group.tight.push(-distance, next(self._serials), key)
        self._group_of[key] = group
        self._settle(group)

    def remove(self, key: int) -> None:
        """Take back a level that is set."""
        group = self._group_of.pop(key, None)
        if group is None:
            self._fixed.remove(key)
        else:
            group.tight.remove(key)
            self._settle(group)

    def follow(self, high: int) -> None:
        """The youngest group's high is here by now: the compiled path has moved it."""
        if self._groups:
            self._groups[-1].crest = high

    def advance(self, price: int) -> list[int]:
        """A price came: trailing levels move up to it, and those reached are removed; their keys, the highest level
        first."""
        if not self._groups:
            return self._fixed.take_keys(price)
        reached = self._fixed.take(price)
        if self._groups[-1].crest < price:
            self._raise(price)
        trailing = self._take_trailing(price)
        return [key for _, key in sorted((*reached, *trailing), key=_highest_first)]

    def nearest_fixed(self) -> int | None:
        """The highest level that stands still, where none trails."""
        return self._fixed.top()

    def nearest(self) -> Nearest:
        """Where everything stands now."""
        fixed, standing = self._fixed.top(), self._standing.top()
        if standing is not None:
            fixed = standing if fixed is None else max(fixed, standing)
        if not self._groups:
            return Nearest(fixed, None, None, 0)
        youngest = self._groups[-1]
        next_crest = self._groups[-2].crest if len(self._groups) > 1 else None
        return Nearest(fixed, youngest.crest, next_crest, youngest.crest - youngest.nearest)

    def _insert(self, at: int, high: int) -> None:
        youngest = self._groups[-1] if self._groups else None
        group = _Group(next(self._serials), high, self._live)
        self._named[group.name] = group
        self._groups.insert(at, group)
        if youngest is not None and group is self._groups[-1]:
            self._standing.push(youngest.nearest, next(self._serials), youngest.name)

    def _settle(self, group: _Group) -> None:
        """Make the rest true after the group gained or lost a level."""
        if group is not self._groups[-1]:
            if group.name in self._standing:
                self._standing.remove(group.name)
            if len(group.tight):
                self._standing.push(group.nearest, next(self._serials), group.name)
        if not len(group.tight):
            del self._groups[bisect_left(self._groups, -group.crest, key=_by_crest)], self._named[group.name]
            if self._groups and self._groups[-1].name in self._standing:
                self._standing.remove(self._groups[-1].name)

    def _raise(self, high: int) -> None:
        raised = self._groups.pop()
        while self._groups and self._groups[-1].crest <= high:
            older = self._groups.pop()
            self._standing.remove(older.name)
            smaller, larger = sorted((raised, older), key=lambda group: len(group.tight))
            for key in larger.tight.absorb(smaller.tight):
                self._group_of[key] = larger
            del self._named[smaller.name]
            raised = larger
        raised.crest = high
        self._groups.append(raised)

    def _take_trailing(self, price: int) -> list[tuple[int, int]]:
        hit = [self._named[name] for _, name in self._standing.take(price)]
        if self._groups[-1].nearest >= price:
            hit.append(self._groups[-1])
        reached: list[tuple[int, int]] = []
        for group in hit:
            for distance, key in group.tight.take(price - group.crest):
                del self._group_of[key]
                reached.append((group.crest + distance, key))
        for group in hit:
            self._settle(group)
        return reached


def _by_crest(group: _Group) -> int:
    return -group.crest


def _highest_first(pair: tuple[int, int]) -> int:
    return -pair[0]
