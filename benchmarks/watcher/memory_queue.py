"""A queue for hits that takes everything at once."""

from __future__ import annotations

from collections.abc import Sequence

from algotrading.contracts.messages import OrderCommand


class MemoryQueue:
    """See hit_queue.HitQueue. Messages are made into text, as for SQS."""

    def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        """None is refused."""
        for command in commands:
            command.model_dump_json()
        return ()

    def probe(self) -> None:
        """Always there."""
