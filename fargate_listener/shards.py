"""Which feed carries which instrument, when one socket does not take them all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dealt:
    """Every feed's instruments, in the order in which they matter, and those that nobody has room for."""

    hands: tuple[list[int], ...]
    left_out: list[int]


class Shards:
    """Deals instruments to feeds. Each has a home, where it stays while it is wanted and fits: moving one costs a
    moment without its ticks. While its home is away it is a guest elsewhere, and it returns with it."""

    def __init__(self, feeds: int, room: int) -> None:
        """`room`: instruments that one feed takes."""
        self._feeds = range(feeds)
        self._room = room
        self._homes: dict[int, int] = {}
        self._guests: dict[int, int] = {}

    def deal(self, wanted: Sequence[int], away: Collection[int]) -> Dealt:
        """`wanted` comes in order of risk: when not all fit, the last ones stay out. `away` are feeds that carry
        nothing now; when all are, each keeps its own, for there is nobody else."""
        up = [feed for feed in self._feeds if feed not in away] or list(self._feeds)
        room = self._room * len(up)
        chosen = wanted[:room]
        self._homes = {token: self._homes[token] for token in chosen if token in self._homes}
        load = dict.fromkeys(up, 0)
        places: dict[int, int] = {}
        for token in chosen:
            for place in (self._homes.get(token), self._guests.get(token)):
                if place in load and load[place] < self._room:
                    places[token] = place
                    load[place] += 1
                    break
        for token in chosen:
            if token not in places:
                places[token] = place = min(up, key=load.__getitem__)
                load[place] += 1
            if self._homes.get(token) in {None, *up}:
                self._homes[token] = places[token]
        self._guests = {token: place for token, place in places.items() if self._homes[token] != place}
        hands: tuple[list[int], ...] = tuple([] for _ in self._feeds)
        for token in chosen:
            hands[places[token]].append(token)
        return Dealt(hands, list(wanted[room:]))
