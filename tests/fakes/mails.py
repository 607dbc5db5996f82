"""ports.EmailLinks, ports.Errands and ports.Mailer in memory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from algotrading.contracts.errands import AnyErrand
from algotrading.domain.account_notices import password_changed
from algotrading.domain.audit import AuditKind, account_entry
from algotrading.domain.email_links import LINK_IS_OVER, LinkPurpose
from algotrading.domain.errors import LinkInvalid
from algotrading.domain.logins import LoginEnd
from algotrading.domain.mail import Mail
from algotrading.ports import MailRefused
from tests.fakes import audit
from tests.fakes.access import MemoryApiKeys, MemoryViewerGrants
from tests.fakes.accounts import MemoryLogins
from tests.fakes.database import MemoryDatabase, refuse_deleted
from tests.fakes.new_password import tell_of_new_password
from tests.fakes.notifications import MemoryNotifications


class MemoryEmailLinks:
    """ports.EmailLinks in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def add(
        self, user_id: UUID, purpose: LinkPurpose, token_hash: bytes, *, now: datetime, expires_at: datetime
    ) -> None:
        """See ports.EmailLinks."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            self._database.email_links[token_hash] = (user_id, purpose, expires_at)

    def is_good(self, user_id: UUID, purpose: LinkPurpose, token_hash: bytes, now: datetime) -> bool:
        """See ports.EmailLinks."""
        found = self._database.email_links.get(token_hash)
        return found is not None and found[:2] == (user_id, purpose) and now < found[2]

    def reset_password(
        self, user_id: UUID, token_hash: bytes, password_hash: str, now: datetime, *, revoke_access: bool = False
    ) -> None:
        """See ports.EmailLinks."""
        with self._database.turn:
            self._use(user_id, LinkPurpose.RESET_PASSWORD, token_hash, now)
            user, _ = self._database.users[user_id]
            self._database.users[user_id] = (user, password_hash)
            audit.append(self._database, account_entry(user_id, AuditKind.PASSWORD_RESET, now))
            self._verify(user_id, now)
            revoke_access = revoke_access or not user.is_email_verified
            MemoryLogins(self._database).end_for(user_id, LoginEnd.PASSWORD_RESET, now)
            keys, viewers = MemoryApiKeys(self._database), MemoryViewerGrants(self._database)
            if revoke_access:
                for key in keys.of_user(user_id):
                    keys.revoke(user_id, key.key_id, now)
                for grant in [one for one, _ in self._database.viewers.values() if one.user_id == user_id]:
                    viewers.revoke(user_id, grant.grant_id, now)
            if not user.is_email_verified:
                self._remove_channels(user_id, now)
            tell_of_new_password(self._database, user_id, password_changed, now)

    def verify_email(self, user_id: UUID, token_hash: bytes, now: datetime) -> None:
        """See ports.EmailLinks."""
        with self._database.turn:
            self._use(user_id, LinkPurpose.VERIFY_EMAIL, token_hash, now)
            self._verify(user_id, now)

    def _remove_channels(self, user_id: UUID, now: datetime) -> None:
        notifications = MemoryNotifications(self._database)
        for setup in notifications.setups(user_id):
            notifications.remove_setup(user_id, setup.channel, now)

    def _use(self, user_id: UUID, purpose: LinkPurpose, token_hash: bytes, now: datetime) -> None:
        if not self.is_good(user_id, purpose, token_hash, now):
            raise LinkInvalid(LINK_IS_OVER)
        links = self._database.email_links
        for each in [each for each, found in links.items() if found[:2] == (user_id, purpose)]:
            del links[each]

    def _verify(self, user_id: UUID, now: datetime) -> None:
        user, password_hash = self._database.users[user_id]
        if not user.is_email_verified:
            self._database.users[user_id] = (replace(user, email_verified_at=now), password_hash)
            audit.append(self._database, account_entry(user_id, AuditKind.EMAIL_VERIFIED, now))


@dataclass(slots=True)
class MemoryErrands:
    """ports.Errands in memory."""

    asked: list[AnyErrand] = field(default_factory=list)
    is_away: bool = False
    """Whether the queue cannot be reached."""

    delays: list[timedelta] = field(default_factory=list)

    def ask(self, errand: AnyErrand, *, delay: timedelta = timedelta(0)) -> None:
        """See ports.Errands."""
        if self.is_away:
            raise ConnectionError("the queue does not answer")
        self.asked.append(errand)
        self.delays.append(delay)


@dataclass(slots=True)
class MemoryMailer:
    """ports.Mailer in memory."""

    sent: list[Mail] = field(default_factory=list)
    refuses: bool = False

    def send(self, mail: Mail) -> None:
        """See ports.Mailer."""
        if self.refuses:
            raise MailRefused("MessageRejected")
        self.sent.append(mail)
