"""The smaller AWS ports in memory: schedules, vault, notifier, meter."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID

from algotrading.domain.audit import AuditHead
from algotrading.domain.errors import AccessDenied
from algotrading.ports import Alarm, Notice

_NOT_RUNG = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class MemorySchedules:
    """ports.Schedules in memory."""

    alarms: dict[str, Alarm] = field(default_factory=dict)

    def put(self, alarm: Alarm) -> None:
        """See ports.Schedules."""
        payload = alarm.payload.model_copy(update={"scheduled_time": _NOT_RUNG})
        self.alarms[alarm.name] = replace(alarm, payload=payload)

    def remove(self, name: str) -> None:
        """See ports.Schedules."""
        self.alarms.pop(name, None)

    def names(self) -> frozenset[str]:
        """See ports.Schedules."""
        return frozenset(self.alarms)

    def find(self, name: str) -> Alarm | None:
        """See ports.Schedules."""
        return self.alarms.get(name)


class MemoryAuditRoots:
    """ports.AuditRoots in memory."""

    def __init__(self) -> None:
        self.kept: list[tuple[datetime, Mapping[UUID, AuditHead]]] = []

    def newest(self, now: datetime) -> Mapping[UUID, AuditHead]:
        """See ports.AuditRoots."""
        recent = [(at, heads) for at, heads in self.kept if at > now - timedelta(days=60)]
        return max(recent, key=lambda one: one[0])[1] if recent else {}

    def keep(self, heads: Mapping[UUID, AuditHead], now: datetime) -> None:
        """See ports.AuditRoots."""
        self.kept.append((now, dict(heads)))


class MemoryVault:
    """ports.Vault in memory: nothing is encrypted, but an envelope opens under the same conditions."""

    def seal(self, user_id: UUID, secrets: Mapping[str, str]) -> dict[str, str]:
        """See ports.Vault."""
        return {
            name: base64.b64encode(json.dumps([value, _digest(user_id, name, value)]).encode()).decode()
            for name, value in secrets.items()
        }

    def unseal(self, user_id: UUID, sealed: Mapping[str, str]) -> dict[str, str]:
        """See ports.Vault."""
        return {name: _open(user_id, name, envelope) for name, envelope in sealed.items()}


@lru_cache(maxsize=1024)
def _open(user_id: UUID, name: str, envelope: str) -> str:
    try:
        value, digest = json.loads(base64.b64decode(envelope, validate=True))
    except ValueError as error:
        raise AccessDenied("this envelope cannot be opened") from error
    if digest != _digest(user_id, name, value):
        raise AccessDenied("this envelope cannot be opened")
    return str(value)


def _digest(user_id: UUID, name: str, value: str) -> str:
    return hashlib.sha256(f"{user_id}|{name}|{value}".encode()).hexdigest()


@dataclass(slots=True)
class MemoryNotifier:
    """ports.Notifier in memory."""

    published: list[Notice] = field(default_factory=list)

    def publish(self, notice: Notice) -> None:
        """See ports.Notifier."""
        self.published.append(notice)


@dataclass(slots=True)
class MemoryMeter:
    """ports.Meter in memory."""

    counts: dict[str, int] = field(default_factory=dict)
    durations: dict[str, list[float]] = field(default_factory=dict)

    def count(self, metric: str, value: int = 1) -> None:
        """See ports.Meter."""
        self.counts[metric] = self.counts.get(metric, 0) + value

    def milliseconds(self, metric: str, value: float) -> None:
        """See ports.Meter."""
        self.durations.setdefault(metric, []).append(value)

    def distribution(self, metric: str, milliseconds: Sequence[float]) -> None:
        """See ports.Meter."""
        if milliseconds:
            self.durations.setdefault(metric, []).extend(milliseconds)
