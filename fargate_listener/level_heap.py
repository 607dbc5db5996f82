"""Levels, of which only the highest is ever asked for."""

from __future__ import annotations

from heapq import heapify, heappop, heappush

_RUBBISH = 16


class LevelHeap:
    """A heap of (level, key), highest level first, of equal ones the older.

    A removed entry stays in the heap until it comes to the top, or until such entries outnumber the others: so
    every change is O(log n), amortised. `live` says which entry of a key is the true one, and may be shared by
    heaps: an entry moves from one to the other without either being searched.
    """

    __slots__ = ("_heap", "_live", "_size")

    def __init__(self, live: dict[int, int]) -> None:
        self._heap: list[tuple[int, int, int]] = []
        self._live = live
        self._size = 0

    def __len__(self) -> int:
        """Entries that were not removed."""
        return self._size

    def __contains__(self, key: int) -> bool:
        return key in self._live

    def push(self, level: int, serial: int, key: int) -> None:
        """Add a level under `serial`, which becomes the key's live one; serials grow."""
        self._live[key] = serial
        heappush(self._heap, (-level, serial, key))
        self._size += 1

    def remove(self, key: int) -> None:
        """Take a key that is in here out of it."""
        del self._live[key]
        self._size -= 1
        if len(self._heap) > 2 * self._size + _RUBBISH:
            self._heap = [entry for entry in self._heap if self._live.get(entry[2]) == entry[1]]
            heapify(self._heap)

    def top(self) -> int | None:
        """The highest level; None when there is none."""
        heap, live = self._heap, self._live
        while heap and live.get(heap[0][2]) != heap[0][1]:
            heappop(heap)
        return -heap[0][0] if heap else None

    def top_key(self) -> int:
        """Whose the highest level is. There must be one."""
        self.top()
        return self._heap[0][2]

    def take(self, level: int) -> list[tuple[int, int]]:
        """Remove every entry at or above `level`, and return them as (level, key), highest first."""
        heap, live = self._heap, self._live
        reached: list[tuple[int, int]] = []
        while heap and -heap[0][0] >= level:
            below, serial, key = heappop(heap)
            if live.get(key) == serial:
                del live[key]
                reached.append((-below, key))
        self._size -= len(reached)
        return reached

    def take_keys(self, level: int) -> list[int]:
        """The same, without saying where each was: in a falling market this is what ticks wait for."""
        heap, live = self._heap, self._live
        highest = -level
        keys: list[int] = []
        while heap and heap[0][0] <= highest:
            _, serial, key = heappop(heap)
            if live.get(key) == serial:
                del live[key]
                keys.append(key)
        self._size -= len(keys)
        return keys

    def absorb(self, other: LevelHeap) -> list[int]:
        """Take over every entry of another heap with the same `live`; their keys."""
        moved = [entry for entry in other._heap if self._live.get(entry[2]) == entry[1]]
        for entry in moved:
            heappush(self._heap, entry)
        self._size += len(moved)
        return [key for _, _, key in moved]
