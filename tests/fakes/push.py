"""ports.PushDevices and ports.Pushes in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from algotrading.domain.audit import AuditKind, channel_entry
from algotrading.domain.errors import NotFound
from algotrading.domain.notifications import Channel
from algotrading.domain.push import MOST_DEVICES, Push, PushDevice, Receipt, Ticket
from tests.fakes import audit
from tests.fakes.database import MemoryDatabase


class MemoryPushDevices:
    """ports.PushDevices in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def register(self, device: PushDevice) -> None:
        """See ports.PushDevices."""
        with self._database.turn:
            login = self._database.logins.get(device.device_id)
            if login is None or login.user_id != device.user_id or not login.is_alive(device.registered_at):
                raise NotFound("no such device is logged in")
            kept = self._database.push_devices
            known = kept.get(device.device_id)
            if known is not None and known.token_hash == device.token_hash:
                return
            for each in [each for each in kept.values() if each.token_hash == device.token_hash]:
                del kept[each.device_id]
            kept[device.device_id] = device
            self._record(device, AuditKind.CHANNEL_SET, device.registered_at)

    def of_user(self, user_id: UUID, now: datetime) -> Sequence[PushDevice]:
        """See ports.PushDevices."""
        logins = self._database.logins
        found = [
            each
            for each in self._database.push_devices.values()
            if each.user_id == user_id and logins[each.device_id].is_alive(now)
        ]
        found.sort(key=lambda each: (-each.registered_at.timestamp(), each.device_id))
        return found[:MOST_DEVICES]

    def remove(self, user_id: UUID, device_id: UUID, now: datetime) -> bool:
        """See ports.PushDevices."""
        return self._remove([each for each in self._of(user_id) if each.device_id == device_id], now)

    def forget(self, user_id: UUID, token_hash: bytes, now: datetime) -> bool:
        """See ports.PushDevices."""
        return self._remove([each for each in self._of(user_id) if each.token_hash == token_hash], now)

    def _of(self, user_id: UUID) -> list[PushDevice]:
        return [each for each in self._database.push_devices.values() if each.user_id == user_id]

    def _remove(self, found: Sequence[PushDevice], now: datetime) -> bool:
        with self._database.turn:
            for each in found:
                del self._database.push_devices[each.device_id]
                self._record(each, AuditKind.CHANNEL_REMOVED, now)
            return bool(found)

    def _record(self, device: PushDevice, kind: AuditKind, at: datetime) -> None:
        entry = channel_entry(device.user_id, kind, Channel.PUSH, str(device.device_id), at)
        audit.append(self._database, entry)


def receipt_of(token: str) -> str:
    """The number of a token's receipts."""
    return "receipt of " + token.partition("[")[2].removesuffix("]")


@dataclass(slots=True)
class MemoryPushes:
    """ports.Pushes in memory: every token has a phone, but for those that a test says otherwise of."""

    sent: list[tuple[str, Push]] = field(default_factory=list)
    """By token, what its phone showed."""
    faults: list[Exception] = field(default_factory=list)
    """What the next requests end with."""
    dead: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)
    """Tokens whose pushes are not taken now."""
    known_receipts: dict[str, Receipt] = field(default_factory=dict)

    def send(self, tokens: Sequence[str], push: Push) -> Sequence[Ticket]:
        """See ports.Pushes."""
        if self.faults:
            raise self.faults.pop(0)
        return [self._take(token, push) for token in tokens]

    def receipts(self, receipt_ids: Collection[str]) -> Mapping[str, Receipt]:
        """See ports.Pushes."""
        if self.faults:
            raise self.faults.pop(0)
        return {each: self.known_receipts[each] for each in receipt_ids if each in self.known_receipts}

    def _take(self, token: str, push: Push) -> Ticket:
        if token in self.dead:
            return Ticket(None, "DeviceNotRegistered", is_dead=True)
        if token in self.failing:
            return Ticket(None, "InvalidCredentials")
        self.sent.append((token, push))
        return Ticket(receipt_of(token))
