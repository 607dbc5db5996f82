"""Which stops a price reaches, at a cost that does not depend on how many stops there are."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from uuid import UUID

_Entry = tuple[int, int, UUID]
"""(-stop, serial, strategy): the heap's smallest is the highest stop, the one a falling price meets first."""


class StopIndex:
    """Stops below the market, in integer wire units, one heap per instrument.

    A moved or removed stop leaves its old entry in the heap, known as stale by its serial; it is thrown
    away when it comes to the top, or all at once when stale entries outnumber the live ones. So arm,
    move and disarm are O(log n) amortised, and a tick is one look into `nearest`.
    """

    def __init__(self) -> None:
        self.nearest: dict[int, int] = {}
        """Highest stop per token: the only thing the tick path looks at. Tokens without a stop are absent."""
        self._heaps: dict[int, list[_Entry]] = {}
        self._live: dict[UUID, tuple[int, int]] = {}
        self._live_on: dict[int, int] = {}
        self._serials = count()

    def __len__(self) -> int:
        return len(self._live)

    def arm(self, strategy_id: UUID, token: int, stop: int) -> None:
        """Guard the strategy at `stop`, instead of wherever it was guarded before."""
        self.disarm(strategy_id)
        serial = next(self._serials)
        self._live[strategy_id] = (token, serial)
        self._live_on[token] = self._live_on.get(token, 0) + 1
        heappush(self._heaps.setdefault(token, []), (-stop, serial, strategy_id))
        if stop > self.nearest.get(token, stop - 1):
            self.nearest[token] = stop

    def disarm(self, strategy_id: UUID) -> None:
        """Guard the strategy no longer; no error when it was not."""
        known = self._live.pop(strategy_id, None)
        if known is None:
            return
        token = known[0]
        self._live_on[token] -= 1
        if self._heaps[token][0][2] == strategy_id:
            self._settle(token)
        elif len(self._heaps[token]) > 2 * self._live_on[token] + 16:
            self._heaps[token] = [entry for entry in self._heaps[token] if self._is_live(entry)]
            heapify(self._heaps[token])

    def take(self, token: int, price: int) -> list[UUID]:
        """Remove and return every strategy whose stop is at or above `price`, highest stop first."""
        reached: list[UUID] = []
        heap = self._heaps.get(token, [])
        while heap and -heap[0][0] >= price:
            entry = heappop(heap)
            if self._is_live(entry):
                del self._live[entry[2]]
                self._live_on[token] -= 1
                reached.append(entry[2])
        if reached:
            self._settle(token)
        return reached

    def _is_live(self, entry: _Entry) -> bool:
        known = self._live.get(entry[2])
        return known is not None and known[1] == entry[1]

    def _settle(self, token: int) -> None:
        """Bring a live stop to the top and publish it as the nearest one."""
        heap = self._heaps[token]
        while heap and not self._is_live(heap[0]):
            heappop(heap)
        if heap:
            self.nearest[token] = -heap[0][0]
        else:
            del self._heaps[token], self._live_on[token]
            self.nearest.pop(token, None)
