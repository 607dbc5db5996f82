"""The connection to PostgreSQL: one per process, reused across invocations, one transaction at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from algotrading.domain.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from psycopg import Connection

    Session = Connection[dict[str, Any]]
    """A connection inside one transaction; rows come as dictionaries."""

_SETTINGS: Final = (
    "select set_config(%s, %s, true), set_config('statement_timeout', %s, true),"
    " set_config('lock_timeout', %s, true), set_config('idle_in_transaction_session_timeout', '5s', true)"
)
_SETTINGS_READING_ONLY: Final = f"{_SETTINGS}, set_config('transaction_read_only', 'on', true)"
_RDS_AUTHORITIES = Path(__file__).with_name("rds-ap-south-1.pem")


class TransactionFailed(DatabaseUnavailable):
    """PostgreSQL was unreachable or overloaded, or gave up because of a deadlock or a time-out."""


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """Who connects. `repr` hides the password."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Credentials({self.user}, password hidden)"


class Database:
    """Transactions under one of the two login roles. Nothing connects before the first of them.

    Every transaction-scoped setting is made inside its transaction: RDS Proxy pins a session that
    changes anything longer-lived or prepares statements, and refuses start-up options altogether.
    """

    def __init__(
        self,
        *,
        host: str,
        port: int,
        name: str,
        credentials: Callable[[], Credentials],
        tls: bool = True,
        root_certificate: str | None = None,
        statement_seconds: float = 5.0,
        lock_seconds: float = 3.0,
        answer_seconds: float | None = None,
    ) -> None:
        """`credentials` is asked at every connect, so that a rotated password is picked up. `answer_seconds`, longer
        than any statement may take, ends the wait for a server that keeps its connection alive and says nothing, which
        no time-out of its own and none of the kernel's does; None waits for ever, where the caller's own end is near.

        With `tls` the server must prove its name. `root_certificate` is a file of certificate
        authorities; without it libpq's own PGSSLROOTCERT names one, and without that RDS's own
        authorities of ap-south-1 hold, which the public lists do not know.
        """
        self._host, self._port, self._name = host, port, name
        self._credentials = credentials
        self._tls = tls
        self._root_certificate = root_certificate
        self._statement_seconds = statement_seconds
        self._lock_seconds = lock_seconds
        self._answer_seconds = answer_seconds
        self._connection: Session | None = None
        self._turn = threading.RLock()
        self._is_busy = False
        self._is_reading_only = False

    @contextmanager
    def tenant(self, user_id: UUID) -> Iterator[Session]:
        """A transaction that sees and writes rows of one user only."""
        with self._transaction("app.user_id", str(user_id)) as session:
            yield session

    @contextmanager
    def login(self, email: str) -> Iterator[Session]:
        """A transaction that sees the one account with this e-mail, for checking a password."""
        with self._transaction("app.login_email", email.lower()) as session:
            yield session

    @contextmanager
    def postback(self, postback_id: UUID) -> Iterator[Session]:
        """A transaction that sees the one broker connection with this address."""
        with self._transaction("app.postback_id", str(postback_id)) as session:
            yield session

    @contextmanager
    def system(self, *, statement_seconds: float | None = None) -> Iterator[Session]:
        """A transaction without a tenant: the system role sees every user's rows, others none."""
        with self._transaction("app.user_id", "", statement_seconds) as session:
            yield session

    @contextmanager
    def reading_only(self) -> Iterator[None]:
        """Within the block PostgreSQL refuses every statement that would store something."""
        self._is_reading_only = True
        try:
            yield
        finally:
            self._is_reading_only = False

    @contextmanager
    def dedicated(self) -> Iterator[Connection[Any]]:
        """A connection of its own in autocommit, without time-outs: for running migrations."""
        import psycopg

        with psycopg.connect(**self._address(), autocommit=True) as connection:
            yield connection

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def _transaction(self, setting: str, value: str, statement_seconds: float | None = None) -> Iterator[Session]:
        import psycopg

        with self._turn:
            if self._is_busy:
                # A nested transaction would go on under the inner one's tenant.
                raise RuntimeError("transactions do not nest")
            self._is_busy = True
            try:
                session = self._begin(setting, value, statement_seconds or self._statement_seconds)
                yield session
                _commit(session)
            except (psycopg.OperationalError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
                raise TransactionFailed(f"the database gave up a transaction: {_first_line(error)}") from error
            finally:
                self._settle()
                self._is_busy = False

    def _begin(self, setting: str, value: str, statement_seconds: float) -> Session:
        """A connection with an open transaction and its settings made; a connection that broke while
        idle is replaced once, which is safe because nothing has been asked of it yet."""
        import psycopg

        reused = self._connection is not None
        session = self._connection or self._connect()
        self._connection = session
        try:
            self._open_transaction(session, setting, value, statement_seconds)
        except psycopg.OperationalError:
            if not (reused and session.broken):
                raise
            self._connection = session = self._connect()
            self._open_transaction(session, setting, value, statement_seconds)
        return session

    def _open_transaction(self, session: Session, setting: str, value: str, statement_seconds: float) -> None:
        # The connection is not in autocommit mode: its first statement begins the transaction.
        session.execute(
            _SETTINGS_READING_ONLY if self._is_reading_only else _SETTINGS,
            (setting, value, f"{statement_seconds * 1000:.0f}ms", f"{self._lock_seconds * 1000:.0f}ms"),
        )

    def _settle(self) -> None:
        """End what is left of a transaction, or drop a connection that cannot."""
        import psycopg

        session = self._connection
        if session is None:
            return
        try:
            session.rollback()
        except psycopg.Error:
            session.close()
        if session.closed:
            self._connection = None

    def _connect(self) -> Session:
        from psycopg.rows import dict_row

        from algotrading.adapters.postgres.answers import AnsweringConnection

        # A peer that vanished is noticed within seconds, not after the kernel's quarter of an hour.
        session = AnsweringConnection.connect(**self._address(), row_factory=dict_row, tcp_user_timeout=6000)
        session.answer_seconds = self._answer_seconds
        return session

    def _address(self) -> dict[str, Any]:
        credentials = self._credentials()
        return {
            "host": self._host,
            "port": self._port,
            "dbname": self._name,
            "user": credentials.user,
            "password": credentials.password,
            "application_name": "algotrading",
            "prepare_threshold": None,
            "connect_timeout": 3,
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            "sslmode": "verify-full" if self._tls else "disable",
            "sslrootcert": self._certificates() if self._tls else None,
        }

    def _certificates(self) -> str:
        return self._root_certificate or os.environ.get("PGSSLROOTCERT") or str(_RDS_AUTHORITIES)


def go_on_for(session: Session, user_id: UUID) -> None:
    """From here on the transaction sees and writes rows of this user only, who is another one than it began for."""
    session.execute("select set_config('app.user_id', %s, true)", (str(user_id),))


def _commit(session: Session) -> None:
    from psycopg.pq import TransactionStatus

    # PostgreSQL answers a COMMIT of a failed transaction with a silent ROLLBACK.
    if session.info.transaction_status is not TransactionStatus.INTRANS:
        raise TransactionFailed("a statement of the transaction failed: nothing was stored")
    session.commit()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
