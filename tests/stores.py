"""A migrated PostgreSQL database of a test module, and the ways into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from algotrading.adapters.postgres.database import Credentials, Database
from algotrading.adapters.postgres.migrate import ROLES, migrate
from twin.servers import SUPERUSER, ServerAddress

OWNER_PASSWORD = "owner-of-the-test-database"
ROLE_PASSWORDS = {role: f"{role}-password" for role in ROLES}
_AUDIT_GUARDS = (("audit_log", "append_only"), ("audit_heads", "append_only"), ("audit_heads", "one_step"))
_MIGRATIONS_TABLE = "schema_migrations"


@dataclass(frozen=True, slots=True)
class PostgresStore:
    """One database on the test server. `app` is under row-level security, `system` is not."""

    server: ServerAddress
    name: str
    app: Database
    system: Database

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection as the schema's owner, in autocommit."""
        with connect_as_owner(self.server, self.name) as connection:
            yield connection

    def open(self, role: str, **options: Any) -> Database:
        """One more connection of `role`, as another process would have."""
        return open_database(self.server, self.name, role, **options)

    def clear(self) -> None:
        """Empty every table."""
        with self.owner() as connection:
            rows = connection.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
            tables = [sql.Identifier(name) for (name,) in rows if name != _MIGRATIONS_TABLE]
            with connection.transaction(), audit_trail_opened(connection):
                connection.execute(sql.SQL("truncate {}").format(sql.SQL(", ").join(tables)))


@contextmanager
def audit_trail_opened(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Within the block the audit trail can be altered, as only somebody who may change the schema can do."""
    for table, trigger in _AUDIT_GUARDS:
        connection.execute(sql.SQL("alter table {} disable trigger {}").format(*map(sql.Identifier, (table, trigger))))
    yield
    for table, trigger in _AUDIT_GUARDS:
        command = sql.SQL("alter table {} enable always trigger {}")
        connection.execute(command.format(*map(sql.Identifier, (table, trigger))))


@contextmanager
def connect_as_owner(server: ServerAddress, name: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection, in autocommit."""
    with psycopg.connect(
        host=server.host, port=server.port, user=SUPERUSER, password=OWNER_PASSWORD, dbname=name, autocommit=True
    ) as connection:
        yield connection


def open_database(server: ServerAddress, name: str, role: str, **options: Any) -> Database:
    """The adapter, logged in as `role`."""
    credentials = Credentials(role, ROLE_PASSWORDS[role])
    return Database(
        host=server.host, port=server.port, name=name, credentials=lambda: credentials, tls=False, **options
    )


@contextmanager
def create_store(server: ServerAddress, template: str) -> Iterator[PostgresStore]:
    """A database copied from the migrated `template`, dropped when the block ends."""
    name = f"test_{uuid4().hex}"
    with connect_as_owner(server, SUPERUSER) as connection:
        connection.execute(f"create database {name} template {template}")
    store = PostgresStore(
        server, name, open_database(server, name, "app_role"), open_database(server, name, "system_role")
    )
    try:
        yield store
    finally:
        store.app.close()
        store.system.close()
        with connect_as_owner(server, SUPERUSER) as connection:
            connection.execute(f"drop database {name} with (force)")


def create_template(server: ServerAddress) -> str:
    """Migrate a database once, for every module's database to be copied from."""
    name = "migrated_template"
    with connect_as_owner(server, SUPERUSER) as connection:
        connection.execute(f"create database {name}")
    with connect_as_owner(server, name) as connection:
        migrate(connection, ROLE_PASSWORDS)
    return name
