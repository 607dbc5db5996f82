"""ports.PushDevices on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.domain.audit import AuditKind, channel_entry
from algotrading.domain.errors import NotFound
from algotrading.domain.notifications import Channel
from algotrading.domain.push import MOST_DEVICES, PushDevice


class PostgresPushDevices:
    """Each user's own, under row-level security; only that a token is given up reaches further."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register(self, device: PushDevice) -> None:
        """See ports.PushDevices."""
        with self._database.tenant(device.user_id) as session:
            # Of two that bring one token the second waits here for the first one's commit.
            session.execute(
                "select pg_advisory_xact_lock(3020, hashtext(encode(%s::bytea, 'hex')))", (device.token_hash,)
            )
            login = session.execute(
                "select 1 from logins where device_id = %s and user_id = %s and ended_at is null and expires_at > %s"
                " for update",
                (device.device_id, device.user_id, device.registered_at),
            ).fetchone()
            if login is None:
                raise NotFound("no such device is logged in")
            known = session.execute(
                "select 1 from push_devices where device_id = %s and token_hash = %s",
                (device.device_id, device.token_hash),
            ).fetchone()
            if known is not None:
                return
            session.execute("select free_push_token(%s)", (device.token_hash,))
            session.execute("delete from push_devices where device_id = %s", (device.device_id,))
            session.execute(
                "insert into push_devices (device_id, user_id, token_hash, sealed_token, registered_at)"
                " values (%s, %s, %s, %s, %s)",
                (device.device_id, device.user_id, device.token_hash, device.sealed_token, device.registered_at),
            )
            target = str(device.device_id)
            entry = channel_entry(device.user_id, AuditKind.CHANNEL_SET, Channel.PUSH, target, device.registered_at)
            audit.append(session, entry)

    def of_user(self, user_id: UUID, now: datetime) -> Sequence[PushDevice]:
        """See ports.PushDevices."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                "select p.user_id, p.device_id, p.token_hash, p.sealed_token, p.registered_at"
                " from push_devices p join logins l using (device_id, user_id)"
                " where p.user_id = %s and l.ended_at is null and l.expires_at > %s"
                " order by p.registered_at desc, p.device_id limit %s",
                (user_id, now, MOST_DEVICES),
            ).fetchall()
        return [
            PushDevice(
                user_id=row["user_id"],
                device_id=row["device_id"],
                token_hash=bytes(row["token_hash"]),
                sealed_token=row["sealed_token"],
                registered_at=row["registered_at"],
            )
            for row in rows
        ]

    def remove(self, user_id: UUID, device_id: UUID, now: datetime) -> bool:
        """See ports.PushDevices."""
        return self._remove(user_id, "device_id", device_id, now)

    def forget(self, user_id: UUID, token_hash: bytes, now: datetime) -> bool:
        """See ports.PushDevices."""
        return self._remove(user_id, "token_hash", token_hash, now)

    def _remove(self, user_id: UUID, column: str, value: UUID | bytes, now: datetime) -> bool:
        with self._database.tenant(user_id) as session:
            row = session.execute(
                f"delete from push_devices where user_id = %s and {column} = %s returning device_id",  # noqa: S608 - constants
                (user_id, value),
            ).fetchone()
            if row is not None:
                target = str(row["device_id"])
                audit.append(session, channel_entry(user_id, AuditKind.CHANNEL_REMOVED, Channel.PUSH, target, now))
        return row is not None
