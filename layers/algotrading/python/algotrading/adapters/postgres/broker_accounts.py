"""ports.BrokerAccounts on PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.at_stake import is_trading
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.json_values import clean_text
from algotrading.adapters.postgres.refused_logins import tell_refused
from algotrading.adapters.postgres.users import hold_open, hold_undeleted
from algotrading.domain.accounts import (
    ACCOUNT_IS_GONE,
    CONNECTION_CHANGED,
    NOT_SOLD,
    BrokerName,
    ConnectionStatus,
    SealedBrokerAccount,
    still_trading,
)
from algotrading.domain.audit import AuditKind, broker_entry, disconnected_entry, freed_entry, token_entry
from algotrading.domain.egress import EgressRoute
from algotrading.domain.errors import BrokerAccountTaken, Conflict, NotFound, TokenInvalid

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_ACCOUNTS = """
    select k.user_id, k.account_id, k.broker, k.api_key, k.secret_key, k.access_token, k.broker_user_id, k.status,
           k.token_at, k.updated_at, k.places_orders, k.refused_at, r.name as route, r.addresses, r.proxies
    from broker_connections k left join egress_holders h using (user_id) left join egress_routes r on r.name = h.route
"""

_OF_ACCOUNT = """
    user_id = %(user_id)s and account_id = coalesce(
        %(account_id)s::uuid, (select account_id from broker_accounts where user_id = %(user_id)s and is_default))
"""


class PostgresBrokerAccounts:
    """Broker connections, secrets sealed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, account: SealedBrokerAccount, *, over: SealedBrokerAccount | None = None) -> None:
        """See ports.BrokerAccounts."""
        from psycopg.errors import UniqueViolation

        try:
            self._save(account, over)
        except UniqueViolation as error:
            if error.diag.constraint_name == "broker_keys_one_holder":
                raise BrokerAccountTaken from error
            raise

    def _save(self, account: SealedBrokerAccount, over: SealedBrokerAccount | None) -> None:
        with self._database.tenant(account.user_id) as session:
            # It may have been deleted or locked while the broker was asked: what is stored then would stay.
            if hold_open(session, account.user_id) is None:
                raise TokenInvalid(ACCOUNT_IS_GONE)
            # The same holds for the one account of its user: who removes it holds the user's row as well.
            _require_open(session, account)
            if over is not None:
                _require_unchanged(session, over)
            stored = session.execute(
                """
                with before as materialized (select broker_user_id from broker_connections where account_id = %s)
                insert into broker_connections (user_id, account_id, broker, api_key, secret_key, access_token,
                                                broker_user_id, status, token_at, updated_at, places_orders)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
                on conflict (account_id) do update set
                    broker = excluded.broker, api_key = excluded.api_key, secret_key = excluded.secret_key,
                    access_token = excluded.access_token, broker_user_id = excluded.broker_user_id,
                    status = excluded.status, token_at = excluded.token_at, updated_at = excluded.updated_at,
                    places_orders = excluded.places_orders
                returning (select broker_user_id from before) as before
                """,
                (
                    account.account_id,
                    account.user_id,
                    account.account_id,
                    account.broker,
                    account.api_key,
                    account.api_secret,
                    account.access_token,
                    account.broker_user_id,
                    account.status,
                    account.token_at,
                    account.updated_at,
                    account.places_orders,
                ),
            ).fetchone()
            assert stored is not None
            audit.append(session, broker_entry(account, before=stored["before"]))

    def find(self, user_id: UUID, account_id: UUID | None = None) -> SealedBrokerAccount | None:
        """See ports.BrokerAccounts."""
        with self._database.tenant(user_id) as session:
            row = session.execute(f"{_ACCOUNTS} where {_OF_ACCOUNT}", _key(user_id, account_id)).fetchone()
        return _account(row) if row else None

    def mark_refused(self, user_id: UUID, account_id: UUID, *, token_at: datetime, now: datetime) -> None:
        """See ports.BrokerAccounts."""
        self._mark(user_id, account_id, AuditKind.BROKER_TOKEN_REFUSED, token_at, now)

    def mark_taken(self, user_id: UUID, account_id: UUID, *, token_at: datetime, now: datetime) -> None:
        """See ports.BrokerAccounts."""
        self._mark(user_id, account_id, AuditKind.BROKER_TOKEN_TAKEN, token_at, now)

    def _mark(self, user_id: UUID, account_id: UUID, kind: AuditKind, token_at: datetime, now: datetime) -> None:
        refused_at = now if kind is AuditKind.BROKER_TOKEN_REFUSED else None
        with self._database.tenant(user_id) as session:
            marked = session.execute(
                "update broker_connections set refused_at = %s where user_id = %s and account_id = %s and token_at = %s"
                " and (refused_at is null) <> (%s::timestamptz is null)"
                " returning account_id, broker, broker_user_id, token_at",
                (refused_at, user_id, account_id, token_at, refused_at),
            ).fetchone()
            if marked is not None:
                audit.append(session, token_entry(user_id, kind, marked, now))
                if refused_at is not None:
                    tell_refused(session, user_id, account_id, token_at=token_at, now=now)

    def last_connected(self, user_id: UUID, account_id: UUID) -> str | None:
        """See ports.BrokerAccounts."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select record::jsonb -> 'data' ->> 'broker_user_id' as broker_user_id from audit_log"
                " where user_id = %s and strategy_id is null and kind = %s"
                # Records of before migration 0025 name no account: it was the first.
                " and coalesce((record::jsonb -> 'data' ->> 'account_id')::uuid, first_account_of(user_id)) = %s"
                " order by seq desc limit 1",
                (user_id, AuditKind.BROKER_CONNECTED, account_id),
            ).fetchone()
        return row["broker_user_id"] if row else None

    def is_trading(self, user_id: UUID, account_id: UUID, now: datetime) -> bool:
        """See ports.BrokerAccounts."""
        with self._database.tenant(user_id) as session:
            return is_trading(session, user_id, account_id, now)

    def remove(self, user_id: UUID, account_id: UUID | None = None, *, now: datetime) -> None:
        """See ports.BrokerAccounts."""
        with self._database.tenant(user_id) as session:
            # Strategies are started under this lock, too: none begins while it is looked whether any runs.
            hold_undeleted(session, user_id)
            removed = session.execute(
                f"delete from broker_connections where {_OF_ACCOUNT}"  # noqa: S608 - constant
                " returning account_id, broker, broker_user_id",
                _key(user_id, account_id),
            ).fetchone()
            if removed is not None:
                if is_trading(session, user_id, removed["account_id"], now):
                    raise still_trading(NOT_SOLD)
                audit.append(session, disconnected_entry(user_id, **removed, at=now))

    def find_by_email(self, email: str) -> SealedBrokerAccount | None:
        """See ports.BrokerAccounts."""
        with self._database.system() as session:
            row = session.execute(
                f"{_ACCOUNTS} join users u on u.id = k.user_id where lower(u.email) = lower(%s)"
                " and k.account_id = first_account_of(u.id)",
                (email,),
            ).fetchone()
        return _account(row) if row else None

    def with_login(self, user_ids: Collection[UUID]) -> Sequence[tuple[UUID, UUID]]:
        """See ports.BrokerAccounts."""
        with self._database.system() as session:
            rows = session.execute(
                "select user_id, account_id from broker_connections where user_id = any(%s)"
                " and access_token is not null order by account_id",
                (list(user_ids),),
            ).fetchall()
        return [(row["user_id"], row["account_id"]) for row in rows]

    def postback_id(self, user_id: UUID, account_id: UUID | None = None) -> UUID | None:
        """See ports.BrokerAccounts."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                f"select postback_id from broker_connections where {_OF_ACCOUNT}",  # noqa: S608 - constant
                _key(user_id, account_id),
            ).fetchone()
        return row["postback_id"] if row else None

    def find_by_postback(self, postback_id: UUID) -> SealedBrokerAccount | None:
        """See ports.BrokerAccounts."""
        with self._database.postback(postback_id) as session:
            row = session.execute(f"{_ACCOUNTS} where k.postback_id = %s", (postback_id,)).fetchone()
        return _account(row) if row else None

    def claim_egress(self, user_id: UUID) -> EgressRoute | None:
        """See ports.BrokerAccounts."""
        with self._database.tenant(user_id) as session:
            hold_undeleted(session, user_id)
            # Claimed by a statement of its own: the next one sees it.
            session.execute("select claim_egress()")
            row = session.execute(
                "select r.name as route, r.addresses, r.proxies from egress_holders h"
                " join egress_routes r on r.name = h.route where h.user_id = %s",
                (user_id,),
            ).fetchone()
        return _route(row) if row else None

    def free_egress(self, user_id: UUID, *, by: str, now: datetime) -> EgressRoute:
        """See ports.BrokerAccounts."""
        with self._database.tenant(user_id) as session:
            row = session.execute(
                "select r.name as route, r.addresses, r.proxies from egress_holders h"
                " join egress_routes r on r.name = h.route where h.user_id = %s",
                (user_id,),
            ).fetchone()
            route = _route(row) if row else None
            if route is None:
                raise NotFound("this user holds no pair of addresses")
            freed = session.execute("select free_egress() as route").fetchone()
            if freed is None or freed["route"] is None:
                raise Conflict("a broker is connected: the user disconnects it first, or deletes the account")
            audit.append(session, freed_entry(user_id, route, clean_text(by), now))
        return route


def _require_open(session: Session, account: SealedBrokerAccount) -> None:
    row = session.execute(
        "select from broker_accounts where account_id = %s and user_id = %s and removed_at is null",
        (account.account_id, account.user_id),
    ).fetchone()
    if row is None:
        raise NotFound("no such broker account")


def _require_unchanged(session: Session, over: SealedBrokerAccount) -> None:
    # Sealed anew, keys never look the same: whoever has stored them since is found, with the same keys even.
    row = session.execute(
        "select from broker_connections where account_id = %s and user_id = %s and api_key = %s and secret_key = %s",
        (over.account_id, over.user_id, over.api_key, over.api_secret),
    ).fetchone()
    if row is None:
        raise TokenInvalid(CONNECTION_CHANGED)


def _key(user_id: UUID, account_id: UUID | None) -> dict[str, UUID | None]:
    return {"user_id": user_id, "account_id": account_id}


def _account(row: Mapping[str, Any]) -> SealedBrokerAccount:
    return SealedBrokerAccount(
        user_id=row["user_id"],
        account_id=row["account_id"],
        broker=BrokerName(row["broker"]),
        api_key=row["api_key"],
        api_secret=row["secret_key"],
        access_token=row["access_token"],
        broker_user_id=row["broker_user_id"],
        status=ConnectionStatus(row["status"]),
        token_at=row["token_at"],
        updated_at=row["updated_at"],
        egress=_route(row),
        places_orders=row["places_orders"],
        refused_at=row["refused_at"],
    )


def _route(row: Mapping[str, Any]) -> EgressRoute | None:
    if row["route"] is None:
        return None
    return EgressRoute(row["route"], tuple(row["addresses"]), tuple(row["proxies"]))
