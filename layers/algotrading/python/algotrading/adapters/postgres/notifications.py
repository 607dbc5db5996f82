"""ports.Notifications on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.outbox import write_notice
from algotrading.adapters.postgres.users import hold_undeleted
from algotrading.domain.account_notices import channel_set
from algotrading.domain.audit import AuditKind, channel_entry
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import (
    CODE_REST,
    MOST_CODE_TRIES,
    Channel,
    ChannelSetup,
    InboxNotice,
    Wishes,
    tag_of_wishes,
)
from algotrading.domain.seen import require_seen

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

NOTICE = "o.notice_id, o.kind, o.text, o.created_at, o.strategy_id, o.account_id, s.symbol"
NOTICES = "outbox o left join strategies s on s.strategy_id = o.strategy_id and s.user_id = o.user_id"
_MOST_COUNTED = 1000


class PostgresNotifications:
    """Inbox, wishes and channels, each user's own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def notice(self, user_id: UUID, notice_id: int) -> InboxNotice | None:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                f"select {NOTICE}, r.read_at from {NOTICES} left join inbox_reads r using (notice_id)"  # noqa: S608 - constants
                " where o.user_id = %s and o.notice_id = %s",
                (user_id, notice_id),
            ).fetchone()
        return None if row is None else inbox_notice(row)

    def inbox(
        self, user_id: UUID, *, limit: int, before: int | None, but: Collection[NoticeKind] = ()
    ) -> Sequence[InboxNotice]:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                f"select {NOTICE}, r.read_at from {NOTICES} left join inbox_reads r using (notice_id)"  # noqa: S608 - constants
                " where o.user_id = %(user)s and (%(before)s::bigint is null or o.notice_id < %(before)s)"
                " and o.kind <> all(%(but)s) order by o.notice_id desc limit %(limit)s",
                {"user": user_id, "before": before, "limit": limit, "but": list(but)},
            ).fetchall()
        return [inbox_notice(row) for row in rows]

    def unread(self, user_id: UUID, but: Collection[NoticeKind] = ()) -> int:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select count(*) as unread from (select 1 from outbox o where o.user_id = %s"
                " and o.kind <> all(%s)"
                " and not exists (select from inbox_reads r where r.notice_id = o.notice_id) limit %s) found",
                (user_id, list(but), _MOST_COUNTED),
            ).fetchone()
        assert row is not None
        return int(row["unread"])

    def mark_read(self, user_id: UUID, notice_ids: Collection[int] | None, now: datetime) -> int:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            hold_undeleted(session, user_id)
            marked = session.execute(
                "insert into inbox_reads (notice_id, user_id, read_at) select notice_id, user_id, %(now)s from outbox"
                " where user_id = %(user)s and (%(ids)s::bigint[] is null or notice_id = any(%(ids)s))"
                " on conflict (notice_id) do nothing",
                {"user": user_id, "now": now, "ids": None if notice_ids is None else list(notice_ids)},
            )
        return marked.rowcount

    def wishes(self, user_id: UUID) -> Wishes:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            return _wishes(session, user_id)

    def set_wishes(self, user_id: UUID, wishes: Wishes, *, seen: str | None = None) -> None:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            # One after the other: of two who saw the same, the second sees what the first has stored.
            hold_undeleted(session, user_id)
            require_seen(tag_of_wishes(_wishes(session, user_id)), seen)
            session.execute("delete from notification_wishes where user_id = %s", (user_id,))
            for (kind, channel), is_on in wishes.items():
                session.execute(
                    "insert into notification_wishes (user_id, kind, channel, is_on) values (%s, %s, %s, %s)",
                    (user_id, kind, channel, is_on),
                )

    def setups(self, user_id: UUID) -> Sequence[ChannelSetup]:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                "select user_id, channel, target, created_at, sealed_secret, code_hash, code_at, confirmed_at,"
                " code_tries from notification_channels where user_id = %s order by channel",
                (user_id,),
            ).fetchall()
        return [_setup(row) for row in rows]

    def save_setup(self, setup: ChannelSetup) -> None:
        """See ports.Notifications."""
        with self._database.tenant(setup.user_id) as session:
            hold_undeleted(session, setup.user_id)
            before = session.execute(
                "delete from notification_channels where user_id = %s and channel = %s returning target",
                (setup.user_id, setup.channel),
            ).fetchone()
            session.execute(
                "insert into notification_channels (user_id, channel, target, created_at, sealed_secret, confirmed_at)"
                " values (%s, %s, %s, %s, %s, %s)",
                (
                    setup.user_id,
                    setup.channel,
                    setup.target,
                    setup.created_at,
                    setup.sealed_secret,
                    setup.confirmed_at,
                ),
            )
            entry = channel_entry(setup.user_id, AuditKind.CHANNEL_SET, setup.channel, setup.target, setup.created_at)
            audit.append(session, entry)
            if setup.is_news_after(None if before is None else before["target"]):
                text = channel_set(setup.channel, setup.target)
                write_notice(session, setup.user_id, NoticeKind.CHANNEL_SET, text, setup.created_at)

    def spend_chat_code(self, user_id: UUID, now: datetime) -> bool:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            hold_undeleted(session, user_id)
            spent = session.execute(
                "update users set chat_code_at = %(now)s where id = %(user)s"
                " and (chat_code_at is null or chat_code_at <= %(rested)s) returning id",
                {"user": user_id, "now": now, "rested": now - CODE_REST},
            ).fetchone()
        return spent is not None

    def set_code(
        self,
        user_id: UUID,
        channel: Channel,
        target: str,
        code_hash: bytes,
        now: datetime,
        *,
        first_since: datetime | None = None,
    ) -> bool:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            # Of two at the same moment the second waits for the first, and then sees its code.
            changed = session.execute(
                "update notification_channels set code_hash = %(code)s, code_at = %(now)s"
                " where user_id = %(user)s and channel = %(channel)s and target = %(target)s and confirmed_at is null"
                " and (%(first)s::timestamptz is null or (created_at = %(first)s and code_at is null))"
                " returning channel",
                {
                    "code": code_hash,
                    "now": now,
                    "user": user_id,
                    "channel": channel,
                    "target": target,
                    "first": first_since,
                },
            ).fetchone()
        return changed is not None

    def confirm(self, user_id: UUID, channel: Channel, code_hash: bytes, *, since: datetime, now: datetime) -> bool:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            # Counted by the statement that compares: a hundred guesses side by side are a hundred.
            tried = session.execute(
                "update notification_channels set code_tries = code_tries + 1,"
                " confirmed_at = case when code_hash = %(code)s then %(now)s::timestamptz end,"
                " code_hash = nullif(code_hash, %(code)s)"
                " where user_id = %(user)s and channel = %(channel)s and code_hash is not null and code_at > %(since)s"
                " and confirmed_at is null and code_tries < %(most)s returning confirmed_at, target",
                {
                    "code": code_hash,
                    "now": now,
                    "user": user_id,
                    "channel": channel,
                    "since": since,
                    "most": MOST_CODE_TRIES,
                },
            ).fetchone()
            is_confirmed = tried is not None and tried["confirmed_at"] is not None
            if tried is not None and is_confirmed:
                write_notice(session, user_id, NoticeKind.CHANNEL_SET, channel_set(channel, tried["target"]), now)
        return is_confirmed

    def remove_setup(self, user_id: UUID, channel: Channel, now: datetime) -> bool:
        """See ports.Notifications."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "delete from notification_channels where user_id = %s and channel = %s returning target",
                (user_id, channel),
            ).fetchone()
            if row is not None:
                entry = channel_entry(user_id, AuditKind.CHANNEL_REMOVED, channel, row["target"], now)
                audit.append(session, entry)
        return row is not None


def inbox_notice(row: Mapping[str, Any]) -> InboxNotice:
    """A row of NOTICE, with when it was read if that was asked for."""
    return InboxNotice(
        notice_id=row["notice_id"],
        kind=row["kind"],
        text=row["text"],
        created_at=row["created_at"],
        strategy_id=row["strategy_id"],
        account_id=row["account_id"],
        symbol=row["symbol"],
        read_at=row.get("read_at"),
    )


def _wishes(session: Session, user_id: UUID) -> Wishes:
    rows = session.execute(
        "select kind, channel, is_on from notification_wishes where user_id = %s", (user_id,)
    ).fetchall()
    known = set(NoticeKind)
    return {(NoticeKind(r["kind"]), Channel(r["channel"])): r["is_on"] for r in rows if r["kind"] in known}


def _setup(row: Mapping[str, Any]) -> ChannelSetup:
    return ChannelSetup(
        user_id=row["user_id"],
        channel=Channel(row["channel"]),
        target=row["target"],
        created_at=row["created_at"],
        sealed_secret=row["sealed_secret"],
        code_hash=None if row["code_hash"] is None else bytes(row["code_hash"]),
        code_at=row["code_at"],
        confirmed_at=row["confirmed_at"],
        code_tries=row["code_tries"],
    )
