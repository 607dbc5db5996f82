"""ports.NamedAccounts in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from algotrading.domain.accounts import LOCKED, first_account_of
from algotrading.domain.audit import AuditKind, disconnected_entry, named_account_entry
from algotrading.domain.errors import AccountLocked, BrokerAccountInUse, BrokerAccountIsDefault, NotFound
from algotrading.domain.named_accounts import (
    FIRST_NAME,
    NamedAccount,
    no_such_account,
    refuse_one_more,
    refuse_taken_name,
)
from algotrading.domain.seen import require_seen
from algotrading.domain.sessions import trading_day_of
from tests.fakes import audit
from tests.fakes.database import MemoryDatabase


class MemoryNamedAccounts:
    """ports.NamedAccounts in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def of_user(self, user_id: UUID) -> Sequence[NamedAccount]:
        """See ports.NamedAccounts."""
        return accounts_of(self._database, user_id)

    def get(self, user_id: UUID, account_id: UUID | None = None) -> NamedAccount:
        """See ports.NamedAccounts."""
        return account_of(self._database, user_id, account_id)

    def add(self, account: NamedAccount) -> None:
        """See ports.NamedAccounts."""
        with self._database.turn:
            self._require_open(account.user_id)
            held = self.of_user(account.user_id)
            known = [key for key, each in self._database.named_accounts.items() if each.user_id == account.user_id]
            refuse_one_more(held, len({*known, first_account_of(account.user_id)}), account.name)
            self._database.named_accounts[account.account_id] = account
            entry = named_account_entry(account, AuditKind.BROKER_ACCOUNT_OPENED, account.created_at)
            audit.append(self._database, entry)

    def change(
        self,
        user_id: UUID,
        account_id: UUID,
        *,
        name: str | None,
        make_default: bool,
        now: datetime,
        seen: str | None = None,
    ) -> NamedAccount:
        """See ports.NamedAccounts."""
        with self._database.turn:
            self._require_open(user_id)
            before = self.get(user_id, account_id)
            after = replace(before, name=name or before.name, is_default=before.is_default or make_default)
            others = [each for each in self.of_user(user_id) if each.account_id != account_id]
            if after != before:
                refuse_taken_name(others, after.name)
            require_seen(before.tag, seen)
            if after == before:
                return before
            if after.is_default:
                for other in others:
                    self._database.named_accounts[other.account_id] = replace(other, is_default=False)
            self._database.named_accounts[account_id] = after
            audit.append(self._database, named_account_entry(after, AuditKind.BROKER_ACCOUNT_CHANGED, now))
        return after

    def remove(self, user_id: UUID, account_id: UUID, now: datetime, *, seen: str | None = None) -> None:
        """See ports.NamedAccounts."""
        database = self._database
        with database.turn:
            self._require_open(user_id)
            account = self.get(user_id, account_id)
            if account.is_default:
                raise BrokerAccountIsDefault
            self._refuse_in_use(account_id, now)
            require_seen(account.tag, seen)
            connection = database.broker_accounts.pop(account_id, None)
            database.postback_ids.pop(account_id, None)
            if connection is not None:
                broker, broker_user_id = connection.broker, connection.broker_user_id
                audit.append(database, disconnected_entry(user_id, account_id, broker, broker_user_id, now))
            database.removed_accounts.add(account_id)
            audit.append(database, named_account_entry(account, AuditKind.BROKER_ACCOUNT_REMOVED, now))

    def _require_open(self, user_id: UUID) -> None:
        if user_id not in self._database.users or user_id in self._database.closed:
            raise NotFound("no such user")
        if user_id in self._database.locked:
            raise AccountLocked(LOCKED)

    def _refuse_in_use(self, account_id: UUID, now: datetime) -> None:
        database = self._database
        strategies = [s for s in database.strategies.values() if s.strategy_id not in database.deleted]
        if bound := sum(strategy.account_id == account_id for strategy in strategies):
            raise BrokerAccountInUse(f"strategies trade in this account ({bound})")
        cycles = [cycle for cycle in database.cycles.values() if cycle.account_id == account_id]
        today = trading_day_of(now)
        if any(not cycle.is_settled for cycle in cycles):
            raise BrokerAccountInUse("an order in this account is not settled")
        if any(cycle.intents and cycle.trading_day == today for cycle in cycles):
            raise BrokerAccountInUse.today()


def accounts_of(database: MemoryDatabase, user_id: UUID) -> list[NamedAccount]:
    """A user's accounts that were not removed, oldest first. There is a first one, as of a user whom migration 0025 or
    its trigger gave one."""
    kept = {key: account for key, account in database.named_accounts.items() if account.user_id == user_id}
    first = first_account_of(user_id)
    if first not in kept and user_id in database.users:
        begun = database.users[user_id][0].created_at
        kept[first] = NamedAccount(first, user_id, FIRST_NAME, is_default=True, created_at=begun)
    present = [account for key, account in kept.items() if key not in database.removed_accounts]
    return sorted(present, key=lambda account: (account.created_at, account.account_id))


def account_of(database: MemoryDatabase, user_id: UUID, account_id: UUID | None) -> NamedAccount:
    """One of them, the default where none is named. Raises NotFound."""
    for account in accounts_of(database, user_id):
        if account.is_default if account_id is None else account.account_id == account_id:
            return account
    raise NotFound("no such broker account")


def require_account(database: MemoryDatabase, user_id: UUID, account_id: UUID) -> None:
    """Raise StrategyInvalid where the user has no such account (any more): no strategy is bound to it."""
    if account_id == first_account_of(user_id) and account_id not in database.removed_accounts:
        # Also of a user whom a test has not stored.
        return
    if all(account.account_id != account_id for account in accounts_of(database, user_id)):
        raise no_such_account()
