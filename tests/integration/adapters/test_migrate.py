"""Migrations: once each, in order, whole or not at all, by one runner at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
from algotrading.adapters.postgres.database import Credentials, Database
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.postgres.migrate import Migration, MigrationFailed, Migrator, migrate, read_migrations
from algotrading.adapters.postgres.risks import PostgresRisks
from algotrading.adapters.postgres.snapshots import PostgresSnapshots
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.domain.accounts import first_account_of
from algotrading.domain.risk import Booked, booked_of
from algotrading.domain.strategy import Strategy
from tests.fakes.examples import MOMENT, TRADING_DAY, make_strategy, make_user
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


# --- databases of before 0025 ---------------------------------------------------------------------

OLD_SAVE = """
    with before as materialized (select broker_user_id from broker_keys where user_id = %(user_id)s)
    insert into broker_keys (user_id, broker, api_key, secret_key, access_token, broker_user_id, status,
                             token_at, updated_at, places_orders)
    values (%(user_id)s, 'kite', 'key', 'secret', %(token)s, %(login)s, 'connected', now(), now(), true)
    on conflict (user_id) do update set
        broker = excluded.broker, api_key = excluded.api_key, secret_key = excluded.secret_key,
        access_token = excluded.access_token, broker_user_id = excluded.broker_user_id,
        status = excluded.status, token_at = excluded.token_at, updated_at = excluded.updated_at,
        places_orders = excluded.places_orders
    returning (select broker_user_id from before) as before
"""
"""As the version before 0025 stores a connection."""


def test_what_was_there_before_accounts_belongs_to_the_first(
    postgres_server: ServerAddress, database_name: str, owner: Connection
) -> None:
    # given a connected trader with a strategy, a cycle and a kept book
    migrate(owner, ROLE_PASSWORDS, [each for each in read_migrations() if each.name < "0025"])
    strategy = add_old_strategy(owner)
    add_old_cycle(owner, strategy, TRADING_DAY, Decimal(3500))
    add_old_connection(owner, strategy.user_id, "AB0001", MOMENT)
    owner.execute(
        "insert into book_snapshots values (%s, %s, %s, '[]', '[]', '[]')", (strategy.user_id, TRADING_DAY, MOMENT)
    )

    # when it is migrated
    migrate(owner, ROLE_PASSWORDS)

    # then all of it is the first account's, by the id that the library knows without asking
    first = first_account_of(strategy.user_id)
    app = open_database(postgres_server, database_name, "app_role")
    cycle = PostgresLedger(app).find(strategy.user_id, strategy.strategy_id, TRADING_DAY)
    connection = PostgresBrokerAccounts(app).find(strategy.user_id)
    book = PostgresSnapshots(app).find(strategy.user_id, first, TRADING_DAY)
    moved = PostgresStrategies(app).get(strategy.user_id, strategy.strategy_id)
    app.close()
    assert cycle is not None
    assert connection is not None
    assert book is not None
    assert {cycle.account_id, connection.account_id, moved.account_id} == {first}


def test_the_version_before_accounts_goes_on_with_whoever_has_one(
    postgres_server: ServerAddress, database_name: str, owner: Connection
) -> None:
    # given a user of the version before, whose functions still run on the migrated database
    migrate(owner, ROLE_PASSWORDS)
    user = make_user()
    first = first_account_of(user.user_id)
    app = open_database(postgres_server, database_name, "app_role")
    with app.tenant(user.user_id) as session:
        session.execute("insert into users values (%s, %s, 'hash', %s)", (user.user_id, user.email, MOMENT))
        session.execute(OLD_SAVE, {"user_id": user.user_id, "login": "AB0001", "token": "of today"})

    # when they store the connection again, and a strategy and its cycle
    strategy = make_strategy(user.user_id)
    with app.tenant(user.user_id) as session:
        again = session.execute(OLD_SAVE, {"user_id": user.user_id, "login": "AB0001", "token": "of now"}).fetchone()
        session.execute(
            "insert into strategies (strategy_id, user_id, exchange, symbol, product, buy_time, sell_time, stop_loss,"
            " quantity, status, version, created_at, updated_at)"
            " values (%s, %s, 'NSE', 'TCS', 'MIS', '09:30', '15:00', 1, 1, 'running', 1, now(), now())",
            (strategy.strategy_id, user.user_id),
        )
        session.execute(
            "insert into cycles (strategy_id, trading_day, user_id, epoch, state, exchange, symbol, product, buy_time,"
            " sell_time, stop_loss, quantity, updated_at)"
            " values (%s, %s, %s, 1, 'long', 'NSE', 'TCS', 'MIS', '09:30', '15:00', 1, 1, now())",
            (strategy.strategy_id, TRADING_DAY, user.user_id),
        )
        seen = session.execute("select access_token from broker_keys where user_id = %s", (user.user_id,)).fetchall()

    # then they see what they stored, and it is the first account's
    accounts = PostgresBrokerAccounts(app)
    connection = accounts.find(user.user_id, first)
    cycle = PostgresLedger(app).find(user.user_id, strategy.strategy_id, TRADING_DAY)
    assert again == {"before": "AB0001"}
    assert seen == [{"access_token": "of now"}]
    assert connection is not None
    assert connection.access_token == "of now"
    assert cycle is not None
    assert cycle.account_id == first

    # a login by them takes the mark of a refused token away, of which they know nothing
    assert connection.token_at is not None
    accounts.mark_refused(user.user_id, first, token_at=connection.token_at, now=MOMENT)
    marked = accounts.find(user.user_id)
    with app.tenant(user.user_id) as session:
        session.execute(OLD_SAVE, {"user_id": user.user_id, "login": "AB0001", "token": "of later"})
    logged_in = accounts.find(user.user_id)
    assert marked is not None
    assert marked.refused_at == MOMENT
    assert logged_in is not None
    assert (logged_in.access_token, logged_in.refused_at) == ("of later", None)

    # and what they remove is gone
    with app.tenant(user.user_id) as session:
        removed = session.execute(
            "delete from broker_keys where user_id = %s returning broker_user_id", (user.user_id,)
        )
        assert removed.fetchall() == [{"broker_user_id": "AB0001"}]
    assert accounts.find(user.user_id) is None
    app.close()


def test_the_version_before_accounts_sees_no_connection_of_whoever_has_two(
    postgres_server: ServerAddress, database_name: str, owner: Connection
) -> None:
    # given two users, connected in their first accounts, of whom one opens a second
    migrate(owner, ROLE_PASSWORDS)
    app = open_database(postgres_server, database_name, "app_role")
    users = [make_user(), make_user()]
    for number, user in enumerate(users):
        with app.tenant(user.user_id) as session:
            session.execute("insert into users values (%s, %s, 'hash', %s)", (user.user_id, user.email, MOMENT))
            session.execute(OLD_SAVE, {"user_id": user.user_id, "login": f"AB000{number}", "token": "token"})
    second = uuid4()
    owner.execute(
        "insert into broker_accounts values (%s, %s, 'the other', false, now(), null)", (second, users[0].user_id)
    )

    # then the version before trades for the other user alone, and this one keeps what is connected
    visible = "select user_id from broker_keys"
    assert owner.execute(visible).fetchall() == [(users[1].user_id,)]
    accounts = PostgresBrokerAccounts(app)
    stored = accounts.find(users[0].user_id)
    assert stored is not None
    accounts.save(replace(stored, account_id=second, broker_user_id="HUF001"))
    assert owner.execute(visible).fetchall() == [(users[1].user_id,)]

    # until the second is removed again
    accounts.remove(users[0].user_id, second, now=MOMENT)
    owner.execute("update broker_accounts set removed_at = now() where account_id = %s", (second,))
    assert {user_id for (user_id,) in owner.execute(visible).fetchall()} == {user.user_id for user in users}
    app.close()


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
