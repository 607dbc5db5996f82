"""Brings a database to the schema of this version: login roles first, then every migration not applied yet."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from algotrading.adapters.postgres.backfill import AFTER
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.egress_routes import read_routes, store_routes

if TYPE_CHECKING:
    from psycopg import Connection

logger = logging.getLogger(__name__)

ROLES = ("app_role", "system_role")
"""`app_role` is under row-level security, `system_role` sees every user's rows."""
_LET_IN_BY_IAM = "rds_iam"
"""RDS's own role: its members log in with tokens."""


class MigrationFailed(Exception):
    """The files and the database do not fit together; the message says how."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One versioned file. `name` orders it and, once applied, stands for its content for ever."""

    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Migrator:
    """Migrates one database as its owner. `passwords` is asked at each run."""

    database: Database
    passwords: Callable[[], Mapping[str, str]]
    by_token: bool = False
    """Whether the login roles are let in by IAM instead."""

    def run(self, routes: str | None = None) -> tuple[str, ...]:
        """The names of the migrations applied now. `routes` is the JSON of the deployment's addresses, where it has
        any (see egress_routes). Raises ValueError when it cannot be read, before anything is changed."""
        deployed = None if routes is None else read_routes(routes)
        with self.database.dedicated() as connection:
            applied = migrate(connection, self.passwords(), by_token=self.by_token)
            if deployed is not None:
                store_routes(connection, deployed)
            return applied


def read_migrations() -> tuple[Migration, ...]:
    """The migrations of this version, in order."""
    folder = resources.files("algotrading.adapters.postgres").joinpath("migrations")
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return tuple(Migration(file.name, file.read_text("utf-8")) for file in files)


def migrate(
    connection: Connection[Any],
    passwords: Mapping[str, str],
    migrations: Sequence[Migration] | None = None,
    *,
    by_token: bool = False,
) -> tuple[str, ...]:
    """Apply what is missing and return the names applied; doing it again changes nothing.

    Each file is one transaction under a table lock, so a second runner waits and then finds it done,
    and a failing file leaves the files before it applied and itself not begun. `connection` is the
    owner's, outside a transaction; `passwords` has one for each of `ROLES`. With `by_token` IAM lets them in, and
    RDS takes their passwords no longer; without it, passwords are what counts again.

    Raises:
        MigrationFailed: an applied file was changed, the database has one that this version never had, or IAM is
            asked for on a server that does not know it.
    """
    wanted = read_migrations() if migrations is None else tuple(migrations)
    _create_table(connection)
    with connection.transaction():
        _lock(connection)
        _refuse_strangers(connection, wanted)
        for role in ROLES:
            _put_role(connection, role, passwords[role])
            _let_in(connection, role, by_token=by_token)
    return tuple(migration.name for migration in wanted if _apply(connection, migration))


def _create_table(connection: Connection[Any]) -> None:
    from psycopg.errors import DuplicateTable, UniqueViolation

    try:
        with connection.transaction():
            connection.execute(
                """
                create table if not exists schema_migrations (
                    name       text primary key,
                    checksum   text not null,
                    applied_at timestamptz not null default now()
                )
                """
            )
    except (DuplicateTable, UniqueViolation):
        # `if not exists` can lose a race against another runner: then the table is there.
        return


def _lock(connection: Connection[Any]) -> None:
    connection.execute("lock table schema_migrations in exclusive mode")


def _refuse_strangers(connection: Connection[Any], wanted: Sequence[Migration]) -> None:
    """A version that is gone back to finds files of a later one: so CloudFormation calls it while it takes a failed
    deployment back. Every schema carries the version before, and is left as it is. A file among ours that we do not
    have is another history."""
    known = {migration.name for migration in wanted}
    applied = {name for (name,) in connection.execute("select name from schema_migrations").fetchall()}
    later = {name for name in applied - known if name > max(known, default="")}
    if strangers := applied - known - later:
        raise MigrationFailed(f"the database has another history than this version: {', '.join(sorted(strangers))}")
    if later:
        logger.warning("the database is ahead of this version, and stays so: %s", ", ".join(sorted(later)))


def _put_role(connection: Connection[Any], role: str, password: str) -> None:
    from psycopg import sql

    # The server gets the SCRAM verifier, so that no statement log ever holds the password.
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    exists = connection.execute("select from pg_roles where rolname = %s", (role,)).fetchone() is not None
    command = sql.SQL("alter role {} with login password {}" if exists else "create role {} with login password {}")
    connection.execute(command.format(sql.Identifier(role), sql.Literal(verifier)))


def _let_in(connection: Connection[Any], role: str, *, by_token: bool) -> None:
    """RDS takes tokens of the members of its own role, and nothing else of them (Amazon RDS documentation, creating a
    database account using IAM authentication)."""
    from psycopg import sql

    found = connection.execute(
        "select pg_has_role(%s, oid, 'member') from pg_roles where rolname = %s", (role, _LET_IN_BY_IAM)
    ).fetchone()
    if by_token and found is None:
        raise MigrationFailed(f"this server has no role {_LET_IN_BY_IAM}: only RDS lets users in by IAM")
    if found is not None and found[0] is not by_token:
        command = "grant {} to {}" if by_token else "revoke {} from {}"
        connection.execute(sql.SQL(command).format(sql.Identifier(_LET_IN_BY_IAM), sql.Identifier(role)))


def _apply(connection: Connection[Any], migration: Migration) -> bool:
    with connection.transaction():
        _lock(connection)
        row = connection.execute("select checksum from schema_migrations where name = %s", (migration.name,)).fetchone()
        if row is not None:
            if row[0] != migration.checksum:
                raise MigrationFailed(f"{migration.name} was changed after it was applied: add a new file instead")
            return False
        connection.execute(migration.sql.encode())
        if (finish := AFTER.get(migration.name)) is not None:
            finish(connection)
        connection.execute(
            "insert into schema_migrations (name, checksum) values (%s, %s)", (migration.name, migration.checksum)
        )
        return True
