"""ports.NamedAccounts on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.users import hold_open
from algotrading.domain.audit import AuditKind, disconnected_entry, named_account_entry
from algotrading.domain.errors import BrokerAccountInUse, BrokerAccountIsDefault, NotFound
from algotrading.domain.named_accounts import NamedAccount, no_such_account, refuse_one_more, refuse_taken_name
from algotrading.domain.seen import require_seen
from algotrading.domain.sessions import trading_day_of

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_OF_USER = """
    select account_id, user_id, name, is_default, created_at from broker_accounts
    where user_id = %s and removed_at is null order by created_at, account_id
"""
_IN_USE = """
    select (select count(*) from strategies
            where account_id = %(account)s and user_id = %(user)s and deleted_at is null) as strategies,
        exists (select from cycles c where c.account_id = %(account)s and c.user_id = %(user)s and is_unsettled(c))
            as is_unsettled,
        -- Its book is asked until the day ends: the kill switch proves by it that nothing is held, it is kept, and an
        -- order that was proven absent may surface in it, and be there to sell.
        exists (select from order_intents i join cycles c using (strategy_id, trading_day)
                where c.account_id = %(account)s and c.user_id = %(user)s and i.trading_day = %(day)s) as had_orders
"""


class PostgresNamedAccounts:
    """The broker accounts of users, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_user(self, user_id: UUID) -> Sequence[NamedAccount]:
        """See ports.NamedAccounts."""
        with self._database.tenant(user_id) as session:
            return _read(session, user_id)

    def get(self, user_id: UUID, account_id: UUID | None = None) -> NamedAccount:
        """See ports.NamedAccounts."""
        return _one(self.of_user(user_id), account_id)

    def add(self, account: NamedAccount) -> None:
        """See ports.NamedAccounts."""
        with self._database.tenant(account.user_id) as session:
            # One after the other: two at once would both find room for the last.
            _hold_open(session, account.user_id)
            refuse_one_more(_read(session, account.user_id), _opened(session, account.user_id), account.name)
            session.execute(
                "insert into broker_accounts (account_id, user_id, name, is_default, created_at)"
                " values (%s, %s, %s, false, %s)",
                (account.account_id, account.user_id, account.name, account.created_at),
            )
            audit.append(session, named_account_entry(account, AuditKind.BROKER_ACCOUNT_OPENED, account.created_at))

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
        with self._database.tenant(user_id) as session:
            _hold_open(session, user_id)
            held = _read(session, user_id)
            before = _one(held, account_id)
            after = replace(before, name=name or before.name, is_default=before.is_default or make_default)
            if after != before:
                refuse_taken_name((each for each in held if each.account_id != account_id), after.name)
            require_seen(before.tag, seen)
            if after == before:
                return before
            if after.is_default and not before.is_default:
                # Before the other is: there is never more than one.
                session.execute("update broker_accounts set is_default = false where user_id = %s", (user_id,))
            session.execute(
                "update broker_accounts set name = %s, is_default = %s where account_id = %s and user_id = %s",
                (after.name, after.is_default, account_id, user_id),
            )
            audit.append(session, named_account_entry(after, AuditKind.BROKER_ACCOUNT_CHANGED, now))
        return after

    def remove(self, user_id: UUID, account_id: UUID, now: datetime, *, seen: str | None = None) -> None:
        """See ports.NamedAccounts."""
        with self._database.tenant(user_id) as session:
            # Who connects a broker takes this lock, too.
            _hold_open(session, user_id)
            account = _one(_read(session, user_id), account_id)
            if account.is_default:
                raise BrokerAccountIsDefault
            # Who binds a strategy to the account shares this lock: it is there for the look below, or finds no account.
            session.execute(
                "select from broker_accounts where account_id = %s and user_id = %s for no key update",
                (account_id, user_id),
            )
            _refuse_in_use(session, account, now)
            require_seen(account.tag, seen)
            # Before the account is: of a user who has one account left, one connection is shown to the version before.
            disconnected = session.execute(
                "delete from broker_connections where account_id = %s and user_id = %s"
                " returning account_id, broker, broker_user_id",
                (account_id, user_id),
            ).fetchone()
            if disconnected is not None:
                audit.append(session, disconnected_entry(user_id, **disconnected, at=now))
            session.execute(
                "update broker_accounts set removed_at = %s where account_id = %s and user_id = %s",
                (now, account_id, user_id),
            )
            audit.append(session, named_account_entry(account, AuditKind.BROKER_ACCOUNT_REMOVED, now))


def hold_account(session: Session, user_id: UUID, account_id: UUID) -> None:
    """Keep an account from being removed until the transaction ends. Raises StrategyInvalid: the user has no such."""
    row = session.execute(
        "select from broker_accounts where account_id = %s and user_id = %s and removed_at is null for share",
        (account_id, user_id),
    ).fetchone()
    if row is None:
        raise no_such_account()


def _hold_open(session: Session, user_id: UUID) -> None:
    if hold_open(session, user_id) is None:
        raise NotFound("no such user")


def _read(session: Session, user_id: UUID) -> list[NamedAccount]:
    return [NamedAccount(**row) for row in session.execute(_OF_USER, (user_id,)).fetchall()]


def _opened(session: Session, user_id: UUID) -> int:
    row = session.execute("select count(*) as opened from broker_accounts where user_id = %s", (user_id,)).fetchone()
    assert row is not None
    return int(row["opened"])


def _one(held: Sequence[NamedAccount], account_id: UUID | None) -> NamedAccount:
    wanted = (each for each in held if (each.is_default if account_id is None else each.account_id == account_id))
    account = next(wanted, None)
    if account is None:
        raise NotFound("no such broker account")
    return account


def _refuse_in_use(session: Session, account: NamedAccount, now: datetime) -> None:
    row: Mapping[str, Any] | None = session.execute(
        _IN_USE, {"account": account.account_id, "user": account.user_id, "day": trading_day_of(now)}
    ).fetchone()
    assert row is not None
    if row["strategies"]:
        raise BrokerAccountInUse(f"strategies trade in this account ({row['strategies']})")
    if row["is_unsettled"]:
        raise BrokerAccountInUse("an order in this account is not settled")
    if row["had_orders"]:
        raise BrokerAccountInUse.today()
