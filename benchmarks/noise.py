"""A neighbour who sends a hundred requests to the API for each of somebody else's, whatever is answered."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

RATIO = 100
PACE = 50
"""Requests a second. What is sent is sent: an answer is not waited for."""
_MOST_OUTSTANDING = 50
"""Half of the client's connections: the quiet one's requests are not to wait for one."""

Send = Callable[[int], Awaitable[int]]
"""Sends the n-th request; its HTTP status."""


@dataclass(slots=True)
class Pair:
    """Two users of one deployment. Whatever the quiet one sends is to be counted with `note_quiet`, and the noisy one
    sends RATIO times as much."""

    look: Callable[[], Awaitable[None]]
    """The quiet one's request, when it is its turn."""
    send: Send
    """The noisy one's."""
    pause: float = 1 / PACE
    quiet: int = 0
    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)

    def note_quiet(self) -> None:
        """The quiet one has sent one."""
        self.quiet += 1

    @property
    def owes(self) -> int:
        """What the noisy one has still to send."""
        return RATIO * self.quiet - self.sent

    @property
    def refused(self) -> int:
        """Requests answered 429."""
        return self.statuses[429]

    @property
    def failed(self) -> int:
        """Requests that the product should have answered, and did not."""
        return sum(count for status, count in self.statuses.items() if status >= 500)

    async def play(self, until: Callable[[], Awaitable[None]]) -> None:
        """Both send while `until` goes on, and the noisy one after it what is still owed."""
        measured = asyncio.ensure_future(until())
        room = asyncio.Semaphore(_MOST_OUTSTANDING)
        async with asyncio.TaskGroup() as requests:
            try:
                while not measured.done() or self.owes > 0:
                    if self.owes <= 0:
                        self.note_quiet()
                        requests.create_task(self._look())
                    await room.acquire()
                    requests.create_task(self._send(self.sent, room))
                    self.sent += 1
                    await asyncio.sleep(self.pause)
                await measured
            finally:
                measured.cancel()

    async def _look(self) -> None:
        await self.look()

    async def _send(self, number: int, room: asyncio.Semaphore) -> None:
        try:
            self.statuses[await self.send(number)] += 1
        finally:
            room.release()


def shares(pairs: Sequence[Pair]) -> dict[str, float]:
    """Of all that noisy neighbours sent, in percent: refused, and failed."""
    sent = sum(pair.sent for pair in pairs)
    if not sent:
        raise ValueError("nothing was sent")
    return {
        "refused": round(100 * sum(pair.refused for pair in pairs) / sent, 1),
        "failed": round(100 * sum(pair.failed for pair in pairs) / sent, 1),
    }
