"""ports.AccountRecords on PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.at_stake import is_trading
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.logins import end_all
from algotrading.adapters.postgres.second_factors import forget_second_factor
from algotrading.domain.account_notices import ERASED
from algotrading.domain.accounts import STILL_TRADING
from algotrading.domain.audit import AuditKind, account_entry, disconnected_entry
from algotrading.domain.errors import Conflict, NotFound
from algotrading.domain.logins import LoginEnd

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session


class _Section(NamedTuple):
    table: str
    order: str
    columns: str = "t.*"
    owner: str = "user_id"


SECTIONS: Final[Mapping[str, _Section]] = MappingProxyType(
    {
        "account": _Section("users", "id", "id as user_id, email, email_verified_at, created_at", "id"),
        "broker_accounts": _Section("broker_accounts", "created_at, account_id"),
        "broker": _Section(
            "broker_connections",
            "account_id",
            "account_id, broker, broker_user_id, status, token_at, refused_at, updated_at",
        ),
        "order_addresses": _Section("egress_holders", "user_id", "route, held_since"),
        "devices": _Section(
            "logins", "created_at, device_id", "device_id, name, created_at, used_at, expires_at, ended_at, end_reason"
        ),
        "second_factor": _Section("second_factors", "user_id", "created_at, confirmed_at"),
        "keys": _Section(
            "api_keys", "created_at, key_id", "key_id, name, scopes, created_at, expires_at, last_used_at"
        ),
        "roles": _Section("user_roles", "role", "role, granted_at"),
        "viewers": _Section(
            "viewer_grants", "created_at, grant_id", "name, created_at, expires_at, viewer_email, accepted_at"
        ),
        "shared_with_me": _Section(
            "viewer_grants", "accepted_at, user_id", "user_id as account_id, owner_email, accepted_at", "viewer_id"
        ),
        "strategies": _Section("strategies", "created_at, strategy_id"),
        "cycles": _Section("cycles", "trading_day, strategy_id"),
        "orders": _Section("order_intents", "created_at, tag"),
        "trades": _Section("trades", "trading_day, exchange, trade_id, broker_order_id"),
        "order_logs": _Section("order_logs", "timestamp, order_id"),
        "broker_books": _Section("book_snapshots", "trading_day, account_id"),
        "risk_profile": _Section("risk_profiles", "user_id"),
        "risk_events": _Section("risk_events", "event_id"),
        "notices": _Section("outbox", "notice_id", "notice_id, strategy_id, account_id, kind, text, created_at"),
        "notices_read": _Section("inbox_reads", "notice_id"),
        "deliveries": _Section("deliveries", "notice_id, channel"),
        "notification_wishes": _Section("notification_wishes", "kind, channel"),
        "notification_channels": _Section(
            "notification_channels", "channel", "channel, target, created_at, confirmed_at"
        ),
        "push_devices": _Section("push_devices", "registered_at, device_id", "device_id, registered_at"),
        "audit_trail": _Section("audit_log", "seq", "seq, encode(hash, 'hex') as hash, record"),
    }
)
"""What belongs to a user, in the order in which it is exported: no secret, and no hash of one."""

_FORGET = (
    "delete from refresh_tokens where user_id = %s",
    "delete from email_links where user_id = %s",
    "delete from registrations where user_id = %s",
    "delete from kept_answers where user_id = %s",
    "delete from api_keys where user_id = %s",
    "delete from viewer_grants where user_id = %s",
    "delete from viewer_grants where viewer_id = %s",
    "delete from notification_wishes where user_id = %s",
    "delete from notification_channels where user_id = %s",
    "delete from push_devices where user_id = %s",
    "update logins set name = '' where user_id = %s",
    "update broker_accounts set name = '' where user_id = %s",
    "update deliveries set last_error = null where user_id = %s",
)


class PostgresAccountRecords:
    """Everything of one user's, to be taken along or forgotten."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def sections(self) -> Sequence[str]:
        """See ports.AccountRecords."""
        return tuple(SECTIONS)

    def read(self, user_id: UUID, section: str, *, offset: int, limit: int) -> Sequence[str]:
        """See ports.AccountRecords."""
        table, order, columns, owner = SECTIONS[section]
        with self._database.tenant(user_id) as session:
            rows = session.execute(
                f"select (to_jsonb(r) - 'user_id')::text as row from (select {columns} from {table} t"  # noqa: S608 - constants
                f" where {owner} = %s order by {order} limit %s offset %s) r",
                (user_id, limit, offset),
            ).fetchall()
        return [row["row"] for row in rows]

    def refuse_trading(self, user_id: UUID, now: datetime) -> None:
        """See ports.AccountRecords."""
        with self._database.tenant(user_id) as session:
            _refuse_trading(session, user_id, now)

    def close(self, user_id: UUID, now: datetime) -> None:
        """See ports.AccountRecords."""
        with self._database.tenant(user_id) as session:
            # Starts of the user's strategies take this lock, too: none begins while it is looked whether any runs.
            known = session.execute(
                "select 1 from users where id = %s and deleted_at is null for no key update", (user_id,)
            ).fetchone()
            if known is None:
                raise NotFound("no such user")
            _refuse_trading(session, user_id, now)
            audit.append(session, account_entry(user_id, AuditKind.ACCOUNT_DELETED, now))
            disconnected = session.execute(
                "delete from broker_connections where user_id = %s returning account_id, broker, broker_user_id",
                (user_id,),
            ).fetchall()
            for row in disconnected:
                audit.append(session, disconnected_entry(user_id, **row, at=now))
            end_all(session, LoginEnd.ACCOUNT_DELETED, now)
            forget_second_factor(session, user_id, now, by=str(user_id))
            for statement in _FORGET:
                session.execute(statement.encode(), (user_id,))
            # Before the address is forgotten, by which they are found.
            session.execute("select forget_registrations_of_my_address()")
            session.execute(
                "update users set email = %s, password_hash = '', email_verified_at = null, deleted_at = %s"
                " where id = %s",
                (f"{user_id}@deleted.invalid", now, user_id),
            )
            # After that: of an account that is there, neither does anything (migrations 0029 and 0032).
            session.execute("select erase_notices(%s)", (ERASED,))
            session.execute("select forget_sms_codes()")


def _refuse_trading(session: Session, user_id: UUID, now: datetime) -> None:
    if is_trading(session, user_id, None, now):
        raise Conflict(STILL_TRADING)
