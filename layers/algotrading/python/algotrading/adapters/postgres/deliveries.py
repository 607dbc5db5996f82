"""ports.Deliveries on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.json_values import clean_text
from algotrading.adapters.postgres.notifications import NOTICE, NOTICES, inbox_notice
from algotrading.domain.delivery import PATIENCE, Waiting, next_of
from algotrading.domain.notifications import Channel, Delivery, DeliveryRecord, DeliveryState, whole_notices

_LONGEST_ERROR = 200
_UNDER_ITS_LEASE = (
    "user_id = %s and notice_id = %s and channel = %s and attempts = %s"
    " and delivered_at is null and given_up_at is null"
)
"""Each claim counts: nobody has claimed the delivery since."""


class PostgresDeliveries:
    """Each user's own, under row-level security."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user_id: UUID, notice_id: int, channels: Collection[Channel], now: datetime) -> None:
        """See ports.Deliveries."""
        with self._database.tenant(user_id) as session:
            session.execute(
                "insert into deliveries (notice_id, channel, user_id, created_at)"
                " select o.notice_id, c, o.user_id, %s from outbox o, unnest(%s::text[]) c"
                " where o.user_id = %s and o.notice_id = %s on conflict (notice_id, channel) do nothing",
                (now, sorted(channels), user_id, notice_id),
            )

    def claim(self, user_id: UUID, channel: Channel, now: datetime, *, lease: timedelta) -> Delivery | None:
        """See ports.Deliveries."""
        with self._database.tenant(user_id) as session:
            # As the outbox does it: the first that is due or holds the later ones up.
            row = session.execute(
                f"select {NOTICE}, d.attempts, d.next_try_at"  # noqa: S608 - constants
                f" from deliveries d join ({NOTICES}) on o.notice_id = d.notice_id and o.user_id = d.user_id"
                " where d.user_id = %s and d.channel = %s and d.delivered_at is null and d.given_up_at is null"
                " and (d.next_try_at is null or d.next_try_at <= %s or d.attempts < %s)"
                " order by d.notice_id limit 1 for update of d",
                (user_id, channel, now, PATIENCE),
            ).fetchone()
            if row is None or next_of([Waiting(row["notice_id"], row["attempts"], row["next_try_at"])], now) is None:
                return None
            session.execute(
                "update deliveries set attempts = attempts + 1, next_try_at = %s"
                " where notice_id = %s and channel = %s and user_id = %s",
                (now + lease, row["notice_id"], channel, user_id),
            )
        return Delivery(user_id, channel, inbox_notice(row), row["attempts"] + 1)

    def mark_delivered(self, delivery: Delivery, now: datetime) -> None:
        """See ports.Deliveries."""
        with self._database.tenant(delivery.user_id) as session:
            session.execute(
                f"update deliveries set delivered_at = %s, next_try_at = null where {_UNDER_ITS_LEASE}",  # noqa: S608 - constant
                (now, *_identity(delivery)),
            )

    def mark_failed(self, delivery: Delivery, error: str, *, now: datetime, retry_at: datetime | None) -> None:
        """See ports.Deliveries."""
        with self._database.tenant(delivery.user_id) as session:
            session.execute(
                "update deliveries set last_error = %s, next_try_at = %s, given_up_at = %s"  # noqa: S608 - constant
                f" where {_UNDER_ITS_LEASE}",
                (
                    clean_text(error)[:_LONGEST_ERROR],
                    retry_at,
                    now if retry_at is None else None,
                    *_identity(delivery),
                ),
            )

    def delivered_since(self, user_id: UUID, channel: Channel, since: datetime) -> int:
        """See ports.Deliveries."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select count(*) as arrived from deliveries where user_id = %s and channel = %s and delivered_at >= %s",
                (user_id, channel, since),
            ).fetchone()
        assert row is not None
        return int(row["arrived"])

    def log(self, user_id: UUID, *, limit: int, before: int | None) -> Sequence[DeliveryRecord]:
        """See ports.Deliveries."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                "select d.*, o.kind from deliveries d join outbox o using (notice_id, user_id)"
                " where d.user_id = %(user)s and (%(before)s::bigint is null or d.notice_id < %(before)s)"
                " order by d.notice_id desc, d.channel fetch first %(limit)s rows only",
                {"user": user_id, "before": before, "limit": limit + len(Channel) - 1},
            ).fetchall()
        return whole_notices([_record(row) for row in rows], limit)


def _identity(delivery: Delivery) -> tuple[UUID, int, Channel, int]:
    return delivery.user_id, delivery.notice.notice_id, delivery.channel, delivery.attempts


def _record(row: Mapping[str, Any]) -> DeliveryRecord:
    state = DeliveryState.WAITING
    if row["delivered_at"] is not None:
        state = DeliveryState.DELIVERED
    elif row["given_up_at"] is not None:
        state = DeliveryState.GIVEN_UP
    return DeliveryRecord(
        notice_id=row["notice_id"],
        kind=row["kind"],
        channel=Channel(row["channel"]),
        state=state,
        attempts=row["attempts"],
        created_at=row["created_at"],
        ended_at=row["delivered_at"] or row["given_up_at"],
        next_try_at=row["next_try_at"] if state is DeliveryState.WAITING else None,
        last_error=row["last_error"],
    )
