"""ports.Users and ports.BrokerAccounts in memory."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from algotrading.domain.accounts import Login, SealedBrokerAccount, User
from algotrading.domain.audit import broker_entry, disconnected_entry
from algotrading.domain.errors import EmailTaken, NotFound
from tests.fakes import audit
from tests.fakes.database import MemoryDatabase


class MemoryUsers:
    """ports.Users in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def add(self, user: User, password_hash: str) -> None:
        """See ports.Users."""
        with self._database.turn:
            if self.find_login(user.email) is not None:
                raise EmailTaken("an account with this e-mail exists")
            self._database.users[user.user_id] = (user, password_hash)

    def find_login(self, email: str) -> Login | None:
        """See ports.Users."""
        for user, password_hash in self._database.users.values():
            if user.email.lower() == email.lower():
                return Login(user.user_id, password_hash)
        return None

    def get(self, user_id: UUID) -> User:
        """See ports.Users."""
        if user_id not in self._database.users:
            raise NotFound("no such user")
        return self._database.users[user_id][0]


class MemoryBrokerAccounts:
    """ports.BrokerAccounts in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def save(self, account: SealedBrokerAccount) -> None:
        """See ports.BrokerAccounts."""
        with self._database.turn:
            before = self.find(account.user_id)
            self._database.broker_accounts[account.user_id] = account
            self._database.postback_ids.setdefault(account.user_id, uuid4())
            audit.append(self._database, broker_entry(account, before=before.broker_user_id if before else None))

    def find(self, user_id: UUID) -> SealedBrokerAccount | None:
        """See ports.BrokerAccounts."""
        return self._database.broker_accounts.get(user_id)

    def remove(self, user_id: UUID, *, now: datetime) -> None:
        """See ports.BrokerAccounts."""
        with self._database.turn:
            removed = self._database.broker_accounts.pop(user_id, None)
            self._database.postback_ids.pop(user_id, None)
            if removed is not None:
                entry = disconnected_entry(user_id, removed.broker, removed.broker_user_id, now)
                audit.append(self._database, entry)

    def find_by_email(self, email: str) -> SealedBrokerAccount | None:
        """See ports.BrokerAccounts."""
        login = MemoryUsers(self._database).find_login(email)
        return None if login is None else self.find(login.user_id)

    def postback_id(self, user_id: UUID) -> UUID | None:
        """See ports.BrokerAccounts."""
        return self._database.postback_ids.get(user_id)

    def find_by_postback(self, postback_id: UUID) -> SealedBrokerAccount | None:
        """See ports.BrokerAccounts."""
        owners = [user_id for user_id, its_id in self._database.postback_ids.items() if its_id == postback_id]
        return self.find(owners[0]) if owners else None
