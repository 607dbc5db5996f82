"""The PostgreSQL connection: tenancy, failures, reconnection. And what row-level security holds against."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import suppress
from uuid import UUID, uuid4

import psycopg
import pytest

from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
from algotrading.adapters.postgres.database import Database, TransactionFailed
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.postgres.users import PostgresUsers
from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount, User, first_account_of
from algotrading.domain.errors import NotFound
from tests.fakes.examples import MOMENT, make_strategy
from tests.stores import PostgresStore


def add_user(database: Database, email: str) -> UUID:
    user = User(uuid4(), email, MOMENT)
    PostgresUsers(database).add(user, "hash")
    return user.user_id


def test_nothing_connects_before_the_first_transaction(postgres_store: PostgresStore) -> None:
    # given a database whose server does not exist
    database = Database(host="127.0.0.1", port=1, name="none", credentials=lambda: pytest.fail("asked"), tls=False)

    # then making and closing it asks for nothing
    database.close()


def test_an_unreachable_server_is_a_clear_error(postgres_store: PostgresStore) -> None:
    nowhere = postgres_store.open("app_role")
    nowhere._port = 1

    with pytest.raises(TransactionFailed, match="connection"), nowhere.tenant(uuid4()):
        pass


def test_a_transaction_is_stored_whole_or_not_at_all(postgres_store: PostgresStore) -> None:
    user_id = uuid4()

    def fail_half_way() -> None:
        with postgres_store.app.tenant(user_id) as session:
            session.execute("insert into users values (%s, 'a@b.c', 'hash', %s)", (user_id, MOMENT))
            raise ZeroDivisionError

    # when a transaction fails half-way
    with pytest.raises(ZeroDivisionError):
        fail_half_way()

    # then nothing of it is there, and the same connection goes on working
    with pytest.raises(NotFound):
        PostgresUsers(postgres_store.app).get(user_id)


def test_a_swallowed_statement_error_does_not_pass_for_a_commit(postgres_store: PostgresStore) -> None:
    user_id = uuid4()

    def swallow_an_error() -> None:
        with postgres_store.app.tenant(user_id) as session:
            session.execute("insert into users values (%s, 'a@b.c', 'hash', %s)", (user_id, MOMENT))
            with suppress(psycopg.errors.UndefinedTable):
                session.execute("select * from nowhere")

    with pytest.raises(TransactionFailed, match="nothing was stored"):
        swallow_an_error()


def test_transactions_do_not_nest(postgres_store: PostgresStore) -> None:
    app = postgres_store.app

    with pytest.raises(RuntimeError, match="nest"), app.tenant(uuid4()), app.tenant(uuid4()):
        pass


def test_a_connection_that_broke_while_idle_is_replaced_unnoticed(postgres_store: PostgresStore) -> None:
    # given a connection that the server has ended between two transactions
    user_id = add_user(postgres_store.app, "idle@example.com")
    with postgres_store.owner() as owner:
        owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app_role'")

    # then the next transaction works
    assert PostgresUsers(postgres_store.app).get(user_id).email == "idle@example.com"


def test_a_connection_that_breaks_inside_a_transaction_fails_it(postgres_store: PostgresStore) -> None:
    user_id = uuid4()

    def lose_the_connection() -> None:
        with postgres_store.app.tenant(user_id) as session:
            session.execute("insert into users values (%s, 'cut@example.com', 'hash', %s)", (user_id, MOMENT))
            with postgres_store.owner() as owner:
                owner.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app_role'")
            session.execute("select 1")

    # when the server ends the connection of an open transaction
    with pytest.raises(TransactionFailed):
        lose_the_connection()

    # then nothing of it was stored, and the next transaction works
    with pytest.raises(NotFound):
        PostgresUsers(postgres_store.app).get(user_id)


def test_a_server_that_hangs_is_not_waited_for_for_ever(postgres_store: PostgresStore) -> None:
    # given a server whose kernel acknowledges everything, while its process stands still
    database = postgres_store.open("system_role")
    database._answer_seconds = 1.0
    with database.system() as session:
        row = session.execute("select pg_backend_pid() as pid").fetchone()
        assert row is not None
    os.kill(row["pid"], signal.SIGSTOP)
    begun = time.monotonic()

    # then the wait ends, once and not again for what has to be rolled back
    try:
        with pytest.raises(TransactionFailed), database.system():
            pass
        assert 1.0 <= time.monotonic() - begun < 1.9
    finally:
        os.kill(row["pid"], signal.SIGCONT)

    # and the next transaction has another connection
    with database.system() as session:
        other = session.execute("select pg_backend_pid() as pid").fetchone()
    assert other is not None
    assert other["pid"] != row["pid"]
    database.close()


def test_an_answered_error_leaves_the_connection_open(postgres_store: PostgresStore) -> None:
    database = postgres_store.open("system_role")
    database._answer_seconds = 5.0
    pids = []

    def sleep_too_long() -> None:
        with database.system(statement_seconds=0.05) as session:
            row = session.execute("select pg_backend_pid() as pid").fetchone()
            assert row is not None
            pids.append(row["pid"])
            session.execute("select pg_sleep(2)")

    for _ in range(2):
        with pytest.raises(TransactionFailed):
            sleep_too_long()

    assert pids[0] == pids[1]
    database.close()


def test_waiting_for_a_row_ends_with_a_clear_error(postgres_store: PostgresStore) -> None:
    # given a row that somebody else holds
    user_id = add_user(postgres_store.app, "held@example.com")
    impatient = postgres_store.open("app_role", lock_seconds=0.05)

    with postgres_store.app.tenant(user_id) as holder:
        holder.execute("select from users where id = %s for no key update", (user_id,))
        # then another transaction gives up after its lock time-out
        with pytest.raises(TransactionFailed, match="lock timeout"), impatient.tenant(user_id) as session:
            session.execute("select from users where id = %s for no key update", (user_id,))
    impatient.close()


def test_a_deadlock_ends_with_a_clear_error_for_one_of_the_two(postgres_store: PostgresStore) -> None:
    # given two users' rows, locked crosswise by two connections
    first, second = (add_user(postgres_store.app, f"{name}@example.com") for name in ("first", "second"))
    lock = "select from users where id = %s for no key update"
    both_hold_one = threading.Barrier(2)
    failures: list[Exception] = []

    def lock_both(one: UUID, other: UUID) -> None:
        database = postgres_store.open("app_role", lock_seconds=10)
        try:
            with database.tenant(one) as session:
                session.execute(lock, (one,))
                both_hold_one.wait(10)
                session.execute("select set_config('app.user_id', %s, true)", (str(other),))
                session.execute(lock, (other,))
        except TransactionFailed as error:
            failures.append(error)
        finally:
            database.close()

    threads = [threading.Thread(target=lock_both, args=pair) for pair in ((first, second), (second, first))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    # then the server ends exactly one of them
    assert [str(failure) for failure in failures] == ["the database gave up a transaction: deadlock detected"]


TENANT_TABLES = [
    "broker_connections",
    "broker_accounts",
    "broker_keys",
    "strategies",
    "cycles",
    "order_intents",
    "trades",
    "order_logs",
    "outbox",
    "audit_log",
    "audit_heads",
    "book_snapshots",
]


@pytest.mark.parametrize("table", [*TENANT_TABLES, "users"])
def test_without_a_tenant_the_app_role_sees_no_row_at_all(postgres_store: PostgresStore, table: str) -> None:
    add_user(postgres_store.app, "someone@example.com")

    with postgres_store.app.system() as session:
        assert session.execute(f"select * from {table}").fetchall() == []


def test_raw_sql_shows_another_tenant_nothing_and_lets_it_change_nothing(postgres_store: PostgresStore) -> None:
    # given a user with a strategy, and a stranger
    owner, stranger = (add_user(postgres_store.app, f"{name}@example.com") for name in ("owner", "stranger"))
    strategy = make_strategy(owner)
    PostgresStrategies(postgres_store.app).add(strategy)

    # when the stranger's transaction runs statements without any condition
    with postgres_store.app.tenant(stranger) as session:
        seen = session.execute("select * from strategies").fetchall()
        changed = session.execute("update strategies set quantity = 1000").rowcount
        accounts = session.execute("select email from users").fetchall()

    # then it met nobody else's rows
    assert (seen, changed, accounts) == ([], 0, [{"email": "stranger@example.com"}])


def test_a_postback_address_opens_its_own_connection_to_reading_and_nothing_else(postgres_store: PostgresStore) -> None:
    # given two connected traders
    accounts = PostgresBrokerAccounts(postgres_store.app)
    traders = [add_user(postgres_store.app, f"{name}@example.com") for name in ("one", "two")]
    for trader, login in zip(traders, ("AB1234", "CD5678"), strict=True):
        accounts.save(
            SealedBrokerAccount(
                trader,
                first_account_of(trader),
                BrokerName.KITE,
                "key",
                "secret",
                "token",
                login,
                ConnectionStatus.CONNECTED,
                MOMENT,
                MOMENT,
            )
        )
    address = accounts.postback_id(traders[0])
    assert address is not None

    # when statements without any condition run with the address of one of them
    with postgres_store.app.postback(address) as session:
        seen = session.execute("select user_id from broker_connections").fetchall()
        changed = session.execute("update broker_connections set access_token = 'mine'").rowcount
        removed = session.execute("delete from broker_connections").rowcount
        elsewhere = [
            session.execute(f"select * from {table}").fetchall()
            for table in (*set(TENANT_TABLES).difference({"broker_connections", "broker_keys"}), "users")
        ]

    assert (seen, changed, removed) == ([{"user_id": traders[0]}], 0, 0)
    assert not any(elsewhere)


def test_nothing_can_be_written_in_another_users_name(postgres_store: PostgresStore) -> None:
    owner, stranger = (add_user(postgres_store.app, f"{name}@example.com") for name in ("owner", "stranger"))

    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        postgres_store.app.tenant(stranger) as session,
    ):
        session.execute("insert into outbox (user_id, kind, text, created_at) values (%s, 'K', 't', now())", (owner,))


def test_nothing_can_be_hung_on_another_users_strategy(postgres_store: PostgresStore) -> None:
    # given another user's strategy id
    owner, stranger = (add_user(postgres_store.app, f"{name}@example.com") for name in ("owner", "stranger"))
    strategy = make_strategy(owner)
    PostgresStrategies(postgres_store.app).add(strategy)

    # then a notice of one's own about it is refused: foreign keys name the owner, too
    with (
        pytest.raises(psycopg.errors.ForeignKeyViolation),
        postgres_store.app.tenant(stranger) as session,
    ):
        session.execute(
            "insert into outbox (user_id, strategy_id, kind, text, created_at) values (%s, %s, 'K', 't', now())",
            (stranger, strategy.strategy_id),
        )


@pytest.mark.parametrize("table", ["audit_log", "trades", "order_logs", "book_snapshots"])
@pytest.mark.parametrize("command", ["delete from", "truncate"])
def test_no_login_role_can_erase_the_record(postgres_store: PostgresStore, table: str, command: str) -> None:
    for database in (postgres_store.app, postgres_store.system):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.system() as session:
            session.execute(f"{command} {table}")


def test_a_login_sees_the_one_account_of_its_email(postgres_store: PostgresStore) -> None:
    for name in ("one", "two"):
        add_user(postgres_store.app, f"{name}@example.com")

    with postgres_store.app.login("ONE@example.com") as session:
        assert session.execute("select email from users").fetchall() == [{"email": "one@example.com"}]


# --- reading only -----------------------------------------------------------------------------------


def test_while_only_reading_nothing_is_stored_whatever_is_tried(postgres_store: PostgresStore) -> None:
    user_id = add_user(postgres_store.app, "owner@example.com")

    with postgres_store.app.reading_only():
        assert PostgresUsers(postgres_store.app).get(user_id).email == "owner@example.com"
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            PostgresStrategies(postgres_store.app).add(make_strategy(user_id))
        # What takes it back for itself comes too late: PostgreSQL refuses it after the first look.
        with pytest.raises(psycopg.errors.ActiveSqlTransaction), postgres_store.app.tenant(user_id) as session:
            session.execute("set transaction read write")

    assert list(PostgresStrategies(postgres_store.app).list_for(user_id)) == []


def test_after_only_reading_things_are_stored_again(postgres_store: PostgresStore) -> None:
    user_id = add_user(postgres_store.app, "owner@example.com")
    with suppress(ZeroDivisionError), postgres_store.app.reading_only():
        raise ZeroDivisionError

    PostgresStrategies(postgres_store.app).add(make_strategy(user_id))

    assert len(list(PostgresStrategies(postgres_store.app).list_for(user_id))) == 1
