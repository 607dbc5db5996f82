"""Migrations: once each, in order, whole or not at all, by one runner at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from algotrading.adapters.postgres.database import Credentials, Database
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.postgres.migrate import Migration, MigrationFailed, Migrator, migrate, read_migrations
from algotrading.adapters.postgres.risks import PostgresRisks
from algotrading.domain.risk import Booked, booked_of
from algotrading.domain.strategy import Strategy
from tests.fakes.examples import MOMENT, TRADING_DAY, make_user
from tests.integration.adapters.test_audit_chain import add_old_strategy
from tests.stores import OWNER_PASSWORD, ROLE_PASSWORDS, connect_as_owner, open_database
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

    # As when a deployment is taken back: the version before runs on the schema of the one that failed
    assert migrate(owner, ROLE_PASSWORDS, [FIRST]) == ()
    assert migrate(owner, ROLE_PASSWORDS, [FIRST, SECOND]) == ()


def test_a_file_that_this_version_never_had_is_another_history(owner: Connection) -> None:
    migrate(owner, ROLE_PASSWORDS, [FIRST, SECOND])

    with pytest.raises(MigrationFailed, match="0001_first"):
        migrate(owner, ROLE_PASSWORDS, [SECOND])


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


# --- databases of 0001 ----------------------------------------------------------------------------


def add_old_cycle(owner: Connection, strategy: Strategy, day: date, *prices: Decimal) -> None:
    """A cycle of before 0003 whose ten shares were bought at the first price and sold at the second, if any."""
    plan = strategy.plan
    owner.execute(
        "insert into cycles (strategy_id, trading_day, user_id, epoch, state, exchange, symbol, product, buy_time,"
        " sell_time, stop_loss, quantity, updated_at) values (%s, %s, %s, 1, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            *(strategy.strategy_id, day, strategy.user_id, "flat" if len(prices) == 2 else "long"),
            *(plan.exchange, plan.symbol, plan.product, plan.buy_time, plan.sell_time, plan.stop_loss, 10, MOMENT),
        ),
    )
    for leg, side, price in zip(("entry", "exit"), ("BUY", "SELL"), prices, strict=False):
        owner.execute(
            "insert into order_intents (strategy_id, trading_day, leg, attempt, user_id, tag, side, quantity, state,"
            " created_at, due_at, filled, average_price)"
            " values (%s, %s, %s, 1, %s, %s, %s, 10, 'done', %s, %s, 10, %s)",
            (strategy.strategy_id, day, leg, strategy.user_id, uuid4().hex[:18], side, MOMENT, MOMENT, price),
        )


def test_results_of_before_the_limits_count_against_them(
    postgres_server: ServerAddress, database_name: str, owner: Connection
) -> None:
    # given a database of 0001 in which one trader lost on Monday and still holds something of today, and another won
    migrate(owner, ROLE_PASSWORDS, read_migrations()[:1])
    loser, winner, idle = (add_old_strategy(owner) for _ in range(3))
    monday = TRADING_DAY - timedelta(days=TRADING_DAY.weekday())
    add_old_cycle(owner, loser, monday, Decimal(3500), Decimal("2999.955"))
    add_old_cycle(owner, loser, TRADING_DAY, Decimal(3000))
    add_old_cycle(owner, winner, monday, Decimal(100), Decimal(101))
    add_old_cycle(owner, idle, monday)

    # when it is migrated
    migrate(owner, ROLE_PASSWORDS)

    # then each result is there to the paisa, as if it had been traded since
    app = open_database(postgres_server, database_name, "app_role")
    ledger, risks = PostgresLedger(app), PostgresRisks(app)
    booked = {each: risks.standing(each.user_id, TRADING_DAY, MOMENT).usage.booked for each in (loser, winner, idle)}
    for strategy, on_days in booked.items():
        for day, result in on_days.items():
            cycle = ledger.find(strategy.user_id, strategy.strategy_id, day)
            assert cycle is not None
            assert result == booked_of(cycle)
    app.close()
    assert booked[loser].keys() == {monday, TRADING_DAY}
    assert booked[loser][monday].realised == Decimal("-5000.45")
    assert booked[loser][monday].charges > 0
    assert booked[loser][TRADING_DAY].realised == 0
    assert booked[loser][TRADING_DAY].charges > 0
    assert booked[winner][monday].realised == 10
    assert booked[idle][monday] == Booked()


# --- databases of before 0019 ---------------------------------------------------------------------


def add_old_connection(owner: Connection, user_id: UUID, broker_user_id: str | None, token_at: datetime) -> None:
    owner.execute(
        "insert into broker_keys (user_id, broker, api_key, secret_key, access_token, broker_user_id, status, token_at,"
        " updated_at) values (%s, 'kite', 'key', 'secret', 'token', %s, 'connected', %s, %s)",
        (user_id, broker_user_id, token_at, MOMENT),
    )


def test_of_two_who_held_one_broker_account_whoever_trades_keeps_it_and_who_carries_prices_goes_on(
    owner: Connection,
) -> None:
    # given a trader and the account of the prices, which logged in after them to the same broker account; and two
    # traders at another, of whom the one who logged in first has a strategy that runs
    migrate(owner, ROLE_PASSWORDS, [each for each in read_migrations() if each.name < "0019"])
    trader, running, stopped = (add_old_strategy(owner) for _ in range(3))
    feed = make_user()
    owner.execute(
        "insert into users (id, email, password_hash, created_at) values (%s, %s, 'hash', %s)",
        (feed.user_id, feed.email, MOMENT),
    )
    owner.execute("update strategies set status = 'stopped' where user_id = %s", (stopped.user_id,))
    later = MOMENT + timedelta(minutes=5)
    add_old_connection(owner, trader.user_id, "AB0001", MOMENT)
    add_old_connection(owner, feed.user_id, "AB0001", later)
    add_old_connection(owner, running.user_id, "AB0002", MOMENT)
    add_old_connection(owner, stopped.user_id, "AB0002", later)

    # when it is migrated
    migrate(owner, ROLE_PASSWORDS)

    # then nobody who has something at stake lost the login by which it is sold, nor did the watchers theirs
    rows = owner.execute("select user_id, broker_user_id, access_token, status, places_orders from broker_keys")
    assert {row[0]: row[1:] for row in rows.fetchall()} == {
        trader.user_id: ("AB0001", "token", "connected", True),
        feed.user_id: ("AB0001", "token", "connected", False),
        running.user_id: ("AB0002", "token", "connected", True),
        stopped.user_id: (None, None, "login_required", True),
    }
