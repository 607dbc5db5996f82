"""ports.OrderQueue in memory, with the rules of SQS FIFO queues in high-throughput mode."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from algotrading.adapters.request_names import named_command
from algotrading.contracts.messages import OrderCommand
from algotrading.ports import Clock, Lane
from tests.fakes.clock import VirtualClock

_DEDUPLICATION = timedelta(minutes=5)


@dataclass(slots=True, eq=False)
class QueuedMessage:
    """One message; `receives` counts its deliveries so far."""

    number: int
    command: OrderCommand
    visible_at: datetime
    receives: int = 0
    group: str = field(init=False)
    """The message group."""

    def __post_init__(self) -> None:
        self.group = str(self.command.strategy_id)


@dataclass(slots=True)
class _Queue:
    waiting: list[QueuedMessage] = field(default_factory=list)
    seen: dict[tuple[str, str], datetime] = field(default_factory=dict)


class MemoryQueue:
    """ports.OrderQueue in memory.

    A repeated deduplication id within five minutes in the same group is accepted and dropped, also
    after the first was deleted. Within a group a message is received only when every earlier one is
    gone; groups do not wait for each other. `sent` keeps what was accepted and not dropped.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or VirtualClock()
        self._turn = threading.Lock()
        self._numbers = count(1)
        self._queues: defaultdict[Lane, _Queue] = defaultdict(_Queue)
        self.sent: list[tuple[Lane, OrderCommand]] = []

    def send(self, command: OrderCommand, lane: Lane) -> None:
        """See ports.OrderQueue."""
        with self._turn:
            now, queue = self._clock.now(), self._queues[lane]
            identity = (str(command.strategy_id), command.deduplication_id)
            if identity in queue.seen and now - queue.seen[identity] < _DEDUPLICATION:
                return
            queue.seen[identity] = now
            command = named_command(command)
            queue.waiting.append(QueuedMessage(next(self._numbers), command, now))
            self.sent.append((lane, command))

    def receive(self, lane: Lane, *, visibility: float = 30.0) -> QueuedMessage | None:
        """The next message that may be handled now, hidden for `visibility` seconds."""
        with self._turn:
            now, blocked = self._clock.now(), set()
            for message in self._queues[lane].waiting:
                if message.group not in blocked and message.visible_at <= now:
                    message.receives += 1
                    message.visible_at = now + timedelta(seconds=visibility)
                    return message
                blocked.add(message.group)
        return None

    def delete(self, lane: Lane, message: QueuedMessage) -> None:
        """The message was handled."""
        self._queues[lane].waiting.remove(message)

    def hide(self, message: QueuedMessage, seconds: float) -> None:
        """Receive it again in `seconds`."""
        message.visible_at = self._clock.now() + timedelta(seconds=seconds)
