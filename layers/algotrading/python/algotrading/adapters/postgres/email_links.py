"""ports.EmailLinks on PostgreSQL."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.api_keys import revoke_keys
from algotrading.adapters.postgres.channels import remove_channels
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.logins import end_all
from algotrading.adapters.postgres.new_password import tell_of_new_password
from algotrading.adapters.postgres.users import hold_undeleted
from algotrading.adapters.postgres.viewer_grants import revoke_viewers
from algotrading.domain.account_notices import password_changed
from algotrading.domain.audit import AuditKind, account_entry
from algotrading.domain.email_links import LINK_IS_OVER, LinkPurpose
from algotrading.domain.errors import LinkInvalid
from algotrading.domain.logins import LoginEnd

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session


class PostgresEmailLinks:
    """Links of e-mails. A row is a link that was not used."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self, user_id: UUID, purpose: LinkPurpose, token_hash: bytes, *, now: datetime, expires_at: datetime
    ) -> None:
        """See ports.EmailLinks."""
        with self._database.tenant(user_id) as session:
            hold_undeleted(session, user_id)
            session.execute("delete from email_links where user_id = %s and expires_at <= %s", (user_id, now))
            session.execute(
                "insert into email_links (token_hash, user_id, purpose, created_at, expires_at)"
                " values (%s, %s, %s, %s, %s)",
                (token_hash, user_id, purpose, now, expires_at),
            )

    def is_good(self, user_id: UUID, purpose: LinkPurpose, token_hash: bytes, now: datetime) -> bool:
        """See ports.EmailLinks."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select 1 from email_links where token_hash = %s and user_id = %s and purpose = %s and expires_at > %s",
                (token_hash, user_id, purpose, now),
            ).fetchone()
        return row is not None

    def reset_password(
        self, user_id: UUID, token_hash: bytes, password_hash: str, now: datetime, *, revoke_access: bool = False
    ) -> None:
        """See ports.EmailLinks."""
        with self._database.tenant(user_id) as session:
            _use(session, user_id, LinkPurpose.RESET_PASSWORD, token_hash, now)
            session.execute("update users set password_hash = %s where id = %s", (password_hash, user_id))
            audit.append(session, account_entry(user_id, AuditKind.PASSWORD_RESET, now))
            was_unverified = _verify(session, user_id, now)
            end_all(session, LoginEnd.PASSWORD_RESET, now)
            # Whoever opened an account whose address was never confirmed may not be who reads its mail.
            if revoke_access or was_unverified:
                revoke_keys(session, user_id, now)
                revoke_viewers(session, user_id, now)
            if was_unverified:
                remove_channels(session, user_id, now)
            tell_of_new_password(session, user_id, password_changed, now)

    def verify_email(self, user_id: UUID, token_hash: bytes, now: datetime) -> None:
        """See ports.EmailLinks."""
        with self._database.tenant(user_id) as session:
            _use(session, user_id, LinkPurpose.VERIFY_EMAIL, token_hash, now)
            _verify(session, user_id, now)


def _use(session: Session, user_id: UUID, purpose: LinkPurpose, token_hash: bytes, now: datetime) -> None:
    """The link and its like are gone. Of two uses at once the second waits here, and then finds none.

    Raises:
        LinkInvalid: there is no such link any more.
    """
    used = session.execute(
        "delete from email_links where token_hash = %s and user_id = %s and purpose = %s and expires_at > %s"
        " returning token_hash",
        (token_hash, user_id, purpose, now),
    ).fetchone()
    if used is None:
        raise LinkInvalid(LINK_IS_OVER)
    session.execute("delete from email_links where user_id = %s and purpose = %s", (user_id, purpose))


def _verify(session: Session, user_id: UUID, now: datetime) -> bool:
    """Whoever used a link of a mail has read it; whether nobody had before."""
    verified = session.execute(
        "update users set email_verified_at = %s where id = %s and email_verified_at is null returning id",
        (now, user_id),
    ).fetchone()
    if verified is not None:
        audit.append(session, account_entry(user_id, AuditKind.EMAIL_VERIFIED, now))
    return verified is not None
