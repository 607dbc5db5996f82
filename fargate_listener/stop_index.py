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


class StopIndex:
    """Thresholds by key, on the instruments of a table. Keys are whole numbers of the caller's."""

    def __init__(self, table: MarketTable) -> None:
        self._table = table
        self._sides: dict[tuple[int, _Sign], MarketSide] = {}
        self._places: dict[int, tuple[int, _Sign]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def arm(self, key: int, token: int, threshold: Threshold) -> None:
        """Set a threshold, instead of wherever the key's was before. The instrument is watched from now on."""
        self.disarm(key)
        sign: _Sign = 1 if isinstance(threshold, Fall | TrailingFall) else -1
        place = (token, sign)
        slot = self._table.watch(token)
        side = self._sides.get(place)
        if side is None:
            side = self._sides[place] = MarketSide()
        self._follow(slot, side, sign)
        match threshold:
            case Fall(level) | Rise(level):
                side.fix(key, sign * level)
            case TrailingFall(distance, turning) | TrailingRise(distance, turning):
                side.trail(key, distance, sign * turning)
        self._places[key] = place
        self._publish(slot, side, sign)

    def disarm(self, key: int) -> None:
        """Take a threshold back; no error when there is none."""
        place = self._places.pop(key, None)
        if place is None:
            return
        token, sign = place
        side = self._sides[place]
        slot = self._table.slot_of(token)
        if slot is not None:
            self._follow(slot, side, sign)
        side.remove(key)
        self._done(slot, side, place)

    def advance(self, token: int, price: int) -> list[int]:
        """A price came: trailing thresholds move with it; those reached are removed and their keys returned, on each
        side the one nearest to the market first."""
        slot = self._table.slot_of(token)
        reached: list[int] = []
        for sign in (_BELOW, _ABOVE):
            side = self._sides.get((token, sign))
            if side is not None:
                if slot is not None:
                    self._follow(slot, side, sign)
                keys = [key for _, key in side.advance(sign * price)]
                for key in keys:
                    del self._places[key]
                reached += keys
                self._done(slot, side, (token, sign))
        return reached

    def _done(self, slot: int | None, side: MarketSide, place: tuple[int, _Sign]) -> None:
        if slot is not None:
            self._publish(slot, side, place[1])
        if not len(side):
            del self._sides[place]

    def _follow(self, slot: int, side: MarketSide, sign: _Sign) -> None:
        """Learn how far the compiled path has moved the youngest trailing levels."""
        turning = int(self._table.rows[slot, Column.CREST if sign == _BELOW else Column.TROUGH])
        if turning not in {NEVER_ABOVE, NEVER_BELOW}:
            side.follow(sign * turning)

    def _publish(self, slot: int, side: MarketSide, sign: _Sign) -> None:
        """Tell the compiled path where the nearest levels are."""
        row, near = self._table.rows[slot], side.nearest()
        if sign == _BELOW:
            fixed = NEVER_BELOW if near.fixed is None else near.fixed
            row[Column.FIXED_FALL] = fixed
            row[Column.FALL] = fixed if near.crest is None else max(fixed, near.crest - near.tight)
            row[Column.CREST] = NEVER_ABOVE if near.crest is None else near.crest
            row[Column.NEXT_CREST] = NEVER_ABOVE if near.next_crest is None else near.next_crest
            row[Column.TIGHT_FALL] = near.tight
        else:
            fixed = NEVER_ABOVE if near.fixed is None else -near.fixed
            row[Column.FIXED_RISE] = fixed
            row[Column.RISE] = fixed if near.crest is None else min(fixed, near.tight - near.crest)
            row[Column.TROUGH] = NEVER_BELOW if near.crest is None else -near.crest
            row[Column.NEXT_TROUGH] = NEVER_BELOW if near.next_crest is None else -near.next_crest
            row[Column.TIGHT_RISE] = near.tight
