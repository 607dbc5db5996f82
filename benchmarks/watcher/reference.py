"""Decisions that are obviously right: every tick is compared with every threshold of its instrument, one by one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import unpack_from
from typing import NamedTuple

from fargate_listener.stop_index import Fall, Rise, Threshold, TrailingFall, TrailingRise

_STAMP_AT = {184: 60, 32: 28}
"""Where the exchange's time stands, by a packet's length; the others carry none."""
_LENGTHS = {8, 28, 32, 44, 184}
_HIGHEST_PRICE = 2**31 - 1


class Told(NamedTuple):
    """What a packet says."""

    token: int
    price: int
    stamp: int
    """The exchange's time, Unix seconds; 0 without one."""


def packets_of(frame: bytes) -> Iterator[Told]:
    """The packets that a frame has whole; one that claims to go on beyond its end is none, and ends it."""
    count, at = int.from_bytes(frame[:2], "big") if len(frame) >= 2 else 0, 2
    for _ in range(count):
        length, packet = int.from_bytes(frame[at : at + 2], "big"), frame[at + 2 :]
        if len(frame) < at + 2 or len(packet) < length:
            return
        if length in _LENGTHS:
            token, price = unpack_from(">II", packet)
            yield Told(token, price, unpack_from(">I", packet, _STAMP_AT[length])[0] if length in _STAMP_AT else 0)
        at += 2 + length


@dataclass
class Belief:
    """Which prices are believed: neither zero, absurd or beyond the day's limits, nor stale or out of order."""

    limits: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Lowest and highest price by instrument."""
    stamps: dict[int, int] = field(default_factory=dict)
    """The newest that was believed, by instrument."""
    oldest: int = 0
    newest: int = 0
    """What stamps may say now."""

    def believes(self, told: Told) -> bool:
        """Whether that is a price. A stamp of the future is none, but takes nothing from its price."""
        lowest, highest = self.limits.get(told.token, (1, _HIGHEST_PRICE))
        if not max(1, lowest) <= told.price <= min(_HIGHEST_PRICE, highest):
            return False
        if told.stamp == 0:
            return True
        if told.stamp < max(self.oldest, self.stamps.get(told.token, 0)):
            return False
        if told.stamp <= self.newest:
            self.stamps[told.token] = told.stamp
        return True


@dataclass
class Reference:
    """What the compiled tick path and its index have to agree with. Prices in wire units."""

    armed: dict[int, tuple[int, Threshold]] = field(default_factory=dict)
    """Instrument and threshold by key."""
    turning: dict[int, int] = field(default_factory=dict)
    """The high or low that a trailing threshold follows."""
    _keys: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def arm(self, key: int, token: int, threshold: Threshold) -> None:
        """Set a threshold, instead of wherever the key's was before."""
        self.disarm(key)
        self.armed[key] = (token, threshold)
        self._keys[token].add(key)
        match threshold:
            case TrailingFall(_, turning) | TrailingRise(_, turning):
                self.turning[key] = turning

    def disarm(self, key: int) -> None:
        """Take a threshold back; no error when there is none."""
        armed = self.armed.pop(key, None)
        if armed is not None:
            self._keys[armed[0]].discard(key)

    def tick(self, token: int, price: int) -> set[int]:
        """The keys that this price reaches; they are armed no longer."""
        reached = {key for key in self._keys[token] if self._is_reached(key, self.armed[key][1], price)}
        for key in reached:
            self.disarm(key)
        return reached

    def _is_reached(self, key: int, threshold: Threshold, price: int) -> bool:
        match threshold:
            case Fall(level):
                return price <= level
            case Rise(level):
                return price >= level
            case TrailingFall(distance, _):
                self.turning[key] = max(self.turning[key], price)
                return price <= self.turning[key] - distance
            case TrailingRise(distance, _):
                self.turning[key] = min(self.turning[key], price)
                return price >= self.turning[key] + distance
