"""Decisions that are obviously right: every tick is compared with every threshold of its instrument, one by one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from fargate_listener.stop_index import Fall, Rise, Threshold, TrailingFall, TrailingRise


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
