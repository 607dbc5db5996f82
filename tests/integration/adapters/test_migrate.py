"""Migrations: once each, in order, whole or not at all, by one runner at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from algotrading.adapters.postgres.database import Credentials, Database
from algotrading.adapters.postgres.migrate import Migration, MigrationFailed, Migrator, migrate, read_migrations
from tests.stores import OWNER_PASSWORD, ROLE_PASSWORDS, connect_as_owner
from twin.servers import SUPERUSER, ServerAddress

Connection = psycopg.Connection[Any]
FIRST = Migration("0001_first.sql", "create table one (id integer); insert into one values (1);")
SECOND = Migration("0002_second.sql", "create table two (id integer);")


@pytest.fixture
def database_name(postgres_server: ServerAddress) -> Iterator[str]:
    name = f"migrate_{uuid4().hex}"
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute(f"create database {name}")
    yield name
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute(f"drop database {name} with (force)")


@pytest.fixture
def owner(postgres_server: ServerAddress, database_name: str) -> Iterator[Connection]:
    with connect_as_owner(postgres_server, database_name) as connection:
        yield connection


def test_the_real_migrations_apply_once(owner: Connection) -> None:
    names = tuple(migration.name for migration in read_migrations())

    assert migrate(owner, ROLE_PASSWORDS) == names
    assert migrate(owner, ROLE_PASSWORDS) == ()


def test_new_files_apply_after_the_old_ones(owner: Connection) -> None:
    assert migrate(owner, ROLE_PASSWORDS, [FIRST]) == ("0001_first.sql",)
    assert migrate(owner, ROLE_PASSWORDS, [FIRST, SECOND]) == ("0002_second.sql",)
    assert owner.execute("select * from one").fetchall() == [(1,)]


def test_a_failing_file_is_not_begun_and_those_before_it_stay(owner: Connection) -> None:
    broken = Migration("0002_broken.sql", "create table two (id integer); select * from nowhere;")

    with pytest.raises(psycopg.errors.UndefinedTable):
        migrate(owner, ROLE_PASSWORDS, [FIRST, broken])

    assert owner.execute("select to_regclass('one') is null, to_regclass('two') is null").fetchone() == (False, True)
    assert migrate(owner, ROLE_PASSWORDS, [FIRST, SECOND]) == ("0002_second.sql",)


def test_a_file_that_was_changed_after_it_was_applied_is_refused(owner: Connection) -> None:
    migrate(owner, ROLE_PASSWORDS, [FIRST])

    with pytest.raises(MigrationFailed, match="was changed"):
        migrate(owner, ROLE_PASSWORDS, [Migration(FIRST.name, FIRST.sql + " ")])


def test_a_database_ahead_of_this_version_is_left_alone(owner: Connection) -> None:
    migrate(owner, ROLE_PASSWORDS, [FIRST, SECOND])

    with pytest.raises(MigrationFailed, match="0002_second"):
        migrate(owner, ROLE_PASSWORDS, [FIRST])


def test_of_two_runners_at_once_one_applies_and_the_other_finds_it_done(
    postgres_server: ServerAddress, database_name: str
) -> None:
    at_once = threading.Barrier(2)
    applied: list[str] = []

    def run() -> None:
        with connect_as_owner(postgres_server, database_name) as connection:
            at_once.wait(10)
            applied.extend(migrate(connection, ROLE_PASSWORDS, [FIRST, SECOND]))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(applied) == ["0001_first.sql", "0002_second.sql"]


def test_roles_log_in_with_their_newest_password(postgres_server: ServerAddress, owner: Connection) -> None:
    def log_in(password: str) -> None:
        psycopg.connect(
            host=postgres_server.host,
            port=postgres_server.port,
            user="app_role",
            password=password,
            dbname=owner.info.dbname,
        ).close()

    migrate(owner, {**ROLE_PASSWORDS, "app_role": "it's a \\ new one"}, [FIRST])
    log_in("it's a \\ new one")

    migrate(owner, ROLE_PASSWORDS, [FIRST])
    log_in(ROLE_PASSWORDS["app_role"])
    with pytest.raises(psycopg.OperationalError, match="password"):
        log_in("it's a \\ new one")


def test_neither_role_has_any_power_over_the_server(owner: Connection) -> None:
    migrate(owner, ROLE_PASSWORDS, [FIRST])

    powers = owner.execute(
        "select rolsuper or rolcreaterole or rolcreatedb or rolbypassrls or rolreplication from pg_roles"
        " where rolname in ('app_role', 'system_role')"
    ).fetchall()

    assert powers == [(False,), (False,)]


def test_the_migrator_connects_as_the_owner_when_it_runs(postgres_server: ServerAddress, database_name: str) -> None:
    database = Database(
        host=postgres_server.host,
        port=postgres_server.port,
        name=database_name,
        credentials=lambda: Credentials(SUPERUSER, OWNER_PASSWORD),
        tls=False,
    )

    migrator = Migrator(database, lambda: ROLE_PASSWORDS)

    assert migrator.run() == tuple(migration.name for migration in read_migrations())
    assert migrator.run() == ()
