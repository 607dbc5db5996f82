"""Queues and schedules."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from algotrading.contracts.messages import OrderCommand, ScheduleInput


class Lane(StrEnum):
    """Which FIFO queue: exits and repairs never stand behind entries."""

    NORMAL = "normal"
    PRIORITY = "priority"


class OrderQueue(Protocol):
    """The two FIFO queues, message group = strategy id."""

    def send(self, command: OrderCommand, lane: Lane) -> None:
        """Hand over; a repeated `deduplication_id` within five minutes may be dropped by the queue."""
        ...


@dataclass(frozen=True, slots=True)
class Alarm:
    """One early alarm: fires every day at `hour`:`minute` Asia/Kolkata with `payload`."""

    name: str
    hour: int
    minute: int
    payload: ScheduleInput


class Schedules(Protocol):
    """EventBridge Scheduler, one group per environment."""

    def put(self, alarm: Alarm) -> None:
        """Create or fully replace."""
        ...

    def remove(self, name: str) -> None:
        """Delete; no error when there is none."""
        ...

    def names(self) -> frozenset[str]:
        """Every name that is scheduled in the group."""
        ...

    def find(self, name: str) -> Alarm | None:
        """What is scheduled under that name, for comparison (payload without its scheduled time)."""
        ...
