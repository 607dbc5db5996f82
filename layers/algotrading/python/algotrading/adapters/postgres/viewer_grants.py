"""ports.ViewerGrants on PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database, go_on_for
from algotrading.adapters.postgres.outbox import write_notice
from algotrading.adapters.postgres.users import hold_undeleted
from algotrading.domain.account_notices import viewer_joined
from algotrading.domain.accounts import User
from algotrading.domain.audit import AuditKind, viewer_entry
from algotrading.domain.email_links import LINK_IS_OVER
from algotrading.domain.errors import Conflict, LinkInvalid, NotFound
from algotrading.domain.notices import NoticeKind
from algotrading.domain.roles import MOST_VIEWERS, ViewerGrant

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_COLUMNS = "grant_id, user_id, name, owner_email, created_at, expires_at, viewer_id, viewer_email, accepted_at"


class PostgresViewerGrants:
    """Who reads whose account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def invite(self, grant: ViewerGrant, token_hash: bytes) -> None:
        """See ports.ViewerGrants."""
        with self._database.tenant(grant.user_id) as session:
            # One after the other: two invitations at once would both find room for the last.
            hold_undeleted(session, grant.user_id)
            session.execute(
                "delete from viewer_grants where user_id = %s and viewer_id is null and expires_at <= %s",
                (grant.user_id, grant.created_at),
            )
            row = session.execute(
                "select count(*) as held from viewer_grants where user_id = %s", (grant.user_id,)
            ).fetchone()
            if row is not None and row["held"] >= MOST_VIEWERS:
                raise Conflict(f"an account has {MOST_VIEWERS} viewers at most: remove one first")
            session.execute(
                "insert into viewer_grants (grant_id, user_id, name, owner_email, token_hash, created_at, expires_at)"
                " values (%s, %s, %s, %s, %s, %s, %s)",
                (
                    grant.grant_id,
                    grant.user_id,
                    grant.name,
                    grant.owner_email,
                    token_hash,
                    grant.created_at,
                    grant.expires_at,
                ),
            )
            audit.append(session, viewer_entry(grant, AuditKind.VIEWER_INVITED, grant.created_at, by=grant.user_id))

    def of_account(self, user_id: UUID, now: datetime) -> Sequence[ViewerGrant]:
        """See ports.ViewerGrants."""
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                f"select {_COLUMNS} from viewer_grants"  # noqa: S608 - constant columns
                " where user_id = %s and (viewer_id is not null or expires_at > %s) order by created_at, grant_id",
                (user_id, now),
            ).fetchall()
        return [ViewerGrant(**row) for row in rows]

    def revoke(self, user_id: UUID, grant_id: UUID, now: datetime) -> None:
        """See ports.ViewerGrants."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                f"delete from viewer_grants where user_id = %s and grant_id = %s returning {_COLUMNS}",  # noqa: S608
                (user_id, grant_id),
            ).fetchone()
            if row is None:
                raise NotFound("no such viewer")
            audit.append(session, viewer_entry(ViewerGrant(**row), AuditKind.VIEWER_REMOVED, now, by=user_id))

    def accept(self, account: UUID, token_hash: bytes, viewer: User, now: datetime) -> ViewerGrant:
        """See ports.ViewerGrants."""
        from psycopg.errors import UniqueViolation

        try:
            with self._database.tenant(viewer.user_id) as session:
                hold_undeleted(session, viewer.user_id)
                go_on_for(session, account)
                row = session.execute(
                    "update viewer_grants"  # noqa: S608 - constant columns
                    " set token_hash = null, viewer_id = %s, viewer_email = %s, accepted_at = %s"
                    " where user_id = %s and token_hash = %s and expires_at > %s"
                    " and exists (select from users where id = %s and deleted_at is null)"
                    f" returning {_COLUMNS}",
                    (viewer.user_id, viewer.email, now, account, token_hash, now, account),
                ).fetchone()
                if row is None:
                    raise LinkInvalid(LINK_IS_OVER)
                grant = ViewerGrant(**row)
                audit.append(session, viewer_entry(grant, AuditKind.VIEWER_ACCEPTED, now, by=viewer.user_id))
                write_notice(session, account, NoticeKind.VIEWER_JOINED, viewer_joined(grant), now)
        except UniqueViolation as error:
            raise Conflict("you read this account already") from error
        return grant

    def shared_with(self, viewer_id: UUID) -> Sequence[ViewerGrant]:
        """See ports.ViewerGrants."""
        with self._database.tenant(viewer_id) as session:
            rows = session.execute(
                f"select {_COLUMNS} from viewer_grants where viewer_id = %s"  # noqa: S608 - constant columns
                " order by owner_email, user_id",
                (viewer_id,),
            ).fetchall()
        return [ViewerGrant(**row) for row in rows]

    def leave(self, account: UUID, viewer_id: UUID, now: datetime) -> None:
        """See ports.ViewerGrants. In the tenancy of the account that is read: its trail holds the record."""
        with self._database.tenant(account) as session:
            row = session.execute(
                f"delete from viewer_grants where user_id = %s and viewer_id = %s returning {_COLUMNS}",  # noqa: S608
                (account, viewer_id),
            ).fetchone()
            if row is None:
                raise NotFound("no such account is shared with you")
            audit.append(session, viewer_entry(ViewerGrant(**row), AuditKind.VIEWER_REMOVED, now, by=viewer_id))


def revoke_viewers(session: Session, user_id: UUID, now: datetime) -> None:
    """Nobody reads the user's account any more, and nobody is invited to."""
    rows = session.execute(
        f"delete from viewer_grants where user_id = %s returning {_COLUMNS}",  # noqa: S608 - constant columns
        (user_id,),
    ).fetchall()
    for row in rows:
        audit.append(session, viewer_entry(ViewerGrant(**row), AuditKind.VIEWER_REMOVED, now, by=user_id))
