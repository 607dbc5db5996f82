"""Which thresholds a price reaches, at a cost that does not depend on how many there are.

The compiled tick path compares each price with the nearest levels of its instrument. This is the rest: it keeps the
nearest levels true while thresholds are set, moved and removed, and says which ones a price reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from fargate_listener.market_side import MarketSide
from fargate_listener.market_table import MarketTable
from fargate_listener.tick_kernel import NEVER_ABOVE, NEVER_BELOW, Column


@dataclass(frozen=True, slots=True)
class Fall:
    """Reached by a price at or below `level`: the stop of a long position, the target of a short one."""

    level: int


@dataclass(frozen=True, slots=True)
class Rise:
    """Reached by a price at or above `level`: the target of a long position, the stop of a short one."""

    level: int


@dataclass(frozen=True, slots=True)
class TrailingFall:
    """Reached by a price `distance` or more below the highest one since; `high` is what is known of that so far."""

    distance: int
    high: int


@dataclass(frozen=True, slots=True)
class TrailingRise:
    """Reached by a price `distance` or more above the lowest one since; `low` is what is known of that so far."""

    distance: int
    low: int


Threshold = Fall | Rise | TrailingFall | TrailingRise
"""Prices and distances in the wire units of the instrument; a distance is at least 1."""

_Sign = Literal[1, -1]
_BELOW: Final = 1
_ABOVE: Final = -1
_FALL: Final = int(Column.FALL)
_RISE: Final = int(Column.RISE)
_CREST: Final = int(Column.CREST)
_NEXT_CREST: Final = int(Column.NEXT_CREST)
_TIGHT_FALL: Final = int(Column.TIGHT_FALL)
_FIXED_FALL: Final = int(Column.FIXED_FALL)
_TROUGH: Final = int(Column.TROUGH)
_NEXT_TROUGH: Final = int(Column.NEXT_TROUGH)
_TIGHT_RISE: Final = int(Column.TIGHT_RISE)
_FIXED_RISE: Final = int(Column.FIXED_RISE)
"""Plain numbers: an index that is an enumeration's member costs as much again as the cell it finds."""


class _Place:
    """One side of one instrument's market."""

    __slots__ = ("is_trailing", "side", "sign", "token")

    def __init__(self, token: int, sign: _Sign) -> None:
        self.token = token
        self.sign: _Sign = sign
        self.side = MarketSide()
        self.is_trailing = False
        """Whether the compiled path moves levels of this side."""


class StopIndex:
    """Thresholds by key, on the instruments of a table. Keys are whole numbers of the caller's."""

    def __init__(self, table: MarketTable) -> None:
        self._table = table
        self._below: dict[int, _Place] = {}
        self._above: dict[int, _Place] = {}
        """By instrument."""
        self._places: dict[int, _Place] = {}

    def __len__(self) -> int:
        return len(self._places)

    def arm(self, key: int, token: int, threshold: Threshold) -> None:
        """Set a threshold, instead of wherever the key's was before. The instrument is watched from now on."""
        if key in self._places:
            self.disarm(key)
        slot = self._table.watch(token)
        match threshold:
            case Fall(level):
                self._fix(key, slot, self._place(token, _BELOW), level)
            case Rise(level):
                self._fix(key, slot, self._place(token, _ABOVE), -level)
            case TrailingFall(distance, high):
                self._trail(key, slot, self._place(token, _BELOW), distance, high)
            case TrailingRise(distance, low):
                self._trail(key, slot, self._place(token, _ABOVE), distance, -low)

    def disarm(self, key: int) -> None:
        """Take a threshold back; no error when there is none."""
        place = self._places.pop(key, None)
        if place is None:
            return
        slot = self._table.slot_of(place.token)
        self._follow(slot, place)
        place.side.remove(key)
        self._done(slot, place)

    def advance(self, token: int, price: int) -> list[int]:
        """A price came: trailing thresholds move with it; those reached are removed and their keys returned, on each
        side the one nearest to the market first."""
        slot = self._table.slot_of(token)
        below, above = self._below.get(token), self._above.get(token)
        reached = [] if below is None else self._reach(slot, below, price)
        if above is not None:
            reached += self._reach(slot, above, -price)
        return reached

    def _reach(self, slot: int | None, place: _Place, price: int) -> list[int]:
        self._follow(slot, place)
        keys = place.side.advance(price)
        for key in keys:
            del self._places[key]
        self._done(slot, place)
        return keys

    def _place(self, token: int, sign: _Sign) -> _Place:
        places = self._below if sign == _BELOW else self._above
        place = places.get(token)
        if place is None:
            place = places[token] = _Place(token, sign)
        return place

    def _fix(self, key: int, slot: int, place: _Place, level: int) -> None:
        self._follow(slot, place)
        place.side.fix(key, level)
        self._places[key] = place
        rows = self._table.rows
        nearest = rows[slot, _FIXED_FALL] if place.sign == _BELOW else -rows[slot, _FIXED_RISE]
        # A level behind others changes nothing for the compiled path, and of many stops most are.
        if level > nearest:
            self._publish(slot, place)

    def _trail(self, key: int, slot: int, place: _Place, distance: int, high: int) -> None:
        self._follow(slot, place)
        place.side.trail(key, distance, high)
        self._places[key] = place
        self._publish(slot, place)

    def _done(self, slot: int | None, place: _Place) -> None:
        if slot is not None:
            self._publish(slot, place)
        if not len(place.side):
            del (self._below if place.sign == _BELOW else self._above)[place.token]

    def _follow(self, slot: int | None, place: _Place) -> None:
        """Learn how far the compiled path has moved the youngest trailing levels."""
        if not place.is_trailing or slot is None:
            return
        turning = int(self._table.rows[slot, _CREST if place.sign == _BELOW else _TROUGH])
        if turning not in {NEVER_ABOVE, NEVER_BELOW}:
            place.side.follow(place.sign * turning)

    def _publish(self, slot: int, place: _Place) -> None:
        """Tell the compiled path where the nearest levels are."""
        side = place.side
        if side.is_trailing or place.is_trailing:
            place.is_trailing = side.is_trailing
            self._publish_trailing(slot, place)
            return
        rows, nearest = self._table.rows, side.nearest_fixed()
        if place.sign == _BELOW:
            rows[slot, _FIXED_FALL] = rows[slot, _FALL] = NEVER_BELOW if nearest is None else nearest
        else:
            rows[slot, _FIXED_RISE] = rows[slot, _RISE] = NEVER_ABOVE if nearest is None else -nearest

    def _publish_trailing(self, slot: int, place: _Place) -> None:
        row, near = self._table.rows[slot], place.side.nearest()
        if place.sign == _BELOW:
            fixed = NEVER_BELOW if near.fixed is None else near.fixed
            row[_FIXED_FALL] = fixed
            row[_FALL] = fixed if near.crest is None else max(fixed, near.crest - near.tight)
            row[_CREST] = NEVER_ABOVE if near.crest is None else near.crest
            row[_NEXT_CREST] = NEVER_ABOVE if near.next_crest is None else near.next_crest
            row[_TIGHT_FALL] = near.tight
        else:
            fixed = NEVER_ABOVE if near.fixed is None else -near.fixed
            row[_FIXED_RISE] = fixed
            row[_RISE] = fixed if near.crest is None else min(fixed, near.tight - near.crest)
            row[_TROUGH] = NEVER_BELOW if near.crest is None else -near.crest
            row[_NEXT_TROUGH] = NEVER_BELOW if near.next_crest is None else -near.next_crest
            row[_TIGHT_RISE] = near.tight
