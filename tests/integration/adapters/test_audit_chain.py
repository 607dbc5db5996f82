"""The audit trail in PostgreSQL: nobody changes it, nobody writes into another's, old records start it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from algotrading.adapters.postgres import audit
from algotrading.adapters.postgres.audit import record_text
from algotrading.adapters.postgres.audit_trail import PostgresAuditTrail
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.postgres.migrate import migrate, read_migrations
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.adapters.postgres.users import PostgresUsers
from algotrading.domain.audit import DEPLOYMENT, GENESIS, AuditEntry, AuditKind, chain_hash
from algotrading.domain.audit_chain import ChainCheck
from algotrading.domain.cycle import CycleState
from algotrading.domain.effects import Decision
from algotrading.domain.events import EntryMissed
from algotrading.domain.strategy import Strategy, StrategyStatus
from tests.fakes.examples import MOMENT, TRADING_DAY, make_strategy, make_user
from tests.stores import ROLE_PASSWORDS, PostgresStore, audit_trail_opened, connect_as_owner, open_database
from twin.servers import SUPERUSER, ServerAddress

TABLES = ["audit_log", "audit_heads"]
COMMANDS = {
    "audit_log": ["update audit_log set record = '{}'", "delete from audit_log", "truncate audit_log"],
    "audit_heads": ["update audit_heads set seq = 1", "delete from audit_heads", "truncate audit_heads"],
}
EVERY_COMMAND = [command for table in TABLES for command in COMMANDS[table]]


def entry_for(user_id: UUID, **data: object) -> AuditEntry:
    return AuditEntry(user_id, AuditKind.STRATEGY_CREATED, MOMENT, data)


@pytest.fixture
def trader(postgres_store: PostgresStore) -> UUID:
    """A user with two records."""
    user = make_user()
    PostgresUsers(postgres_store.app).add(user, "hash")
    for number in (1, 2):
        with postgres_store.app.tenant(user.user_id) as session:
            audit.append(session, entry_for(user.user_id, number=number))
    return user.user_id


@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_no_login_role_can_change_the_trail(postgres_store: PostgresStore, trader: UUID, command: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres_store.app.tenant(trader) as session:
        session.execute(command)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres_store.system.system() as session:
        session.execute(command)


@pytest.mark.parametrize("mode", ["origin", "replica", "local"])
@pytest.mark.parametrize("command", EVERY_COMMAND)
def test_nor_can_its_owner_in_whatever_mode(
    postgres_store: PostgresStore, trader: UUID, command: str, mode: str
) -> None:
    with postgres_store.owner() as owner:
        owner.execute(f"set session_replication_role = {mode}")
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="is refused"):
            owner.execute(command)


def test_a_head_moves_by_one_record_only(postgres_store: PostgresStore, trader: UUID) -> None:
    with postgres_store.owner() as owner:
        for change in ("seq = seq + 2", "seq = seq - 1", "hash = sha256('')", "user_id = gen_random_uuid()"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="one record"):
                owner.execute(f"update audit_heads set {change}")


@pytest.mark.parametrize("role", ["app", "system"])
def test_no_login_role_writes_past_the_chain(postgres_store: PostgresStore, trader: UUID, role: str) -> None:
    database = getattr(postgres_store, role)
    columns = "user_id, seq, prev_hash, hash, at, kind, record"
    forged = (trader, 3, GENESIS, GENESIS, MOMENT, "decision", "{}")

    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.tenant(trader) as session:
        session.execute(f"insert into audit_log ({columns}) values (%s, %s, %s, %s, %s, %s, %s)", forged)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), database.tenant(trader) as session:
        session.execute("insert into audit_heads values (%s, 1, %s)", (uuid4(), GENESIS))
    for statement in ("select * from audit_pending", "insert into audit_pending (user_id) values (default)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), database.tenant(trader) as session:
            session.execute(statement)


def test_nobody_appends_in_another_users_name(postgres_store: PostgresStore, trader: UUID) -> None:
    for tenant in (uuid4(), UUID(int=0)):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres_store.app.tenant(tenant) as session:
            audit.append(session, entry_for(trader))
    with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres_store.app.system() as session:
        audit.append(session, entry_for(trader))


def test_nobody_hangs_a_record_on_anothers_strategy(postgres_store: PostgresStore, trader: UUID) -> None:
    owner = make_user()
    PostgresUsers(postgres_store.app).add(owner, "hash")
    strategy = make_strategy(owner.user_id)
    PostgresStrategies(postgres_store.app).add(strategy)
    entry = AuditEntry(trader, AuditKind.DECISION, MOMENT, {}, strategy.strategy_id, TRADING_DAY)

    with pytest.raises(psycopg.errors.ForeignKeyViolation), postgres_store.app.tenant(trader) as session:
        audit.append(session, entry)


def test_a_user_sees_its_own_trail_and_no_other(postgres_store: PostgresStore, trader: UUID) -> None:
    with postgres_store.app.tenant(uuid4()) as session:
        assert [session.execute(f"select * from {table}").fetchall() for table in TABLES] == [[], []]
    with postgres_store.app.tenant(trader) as session:
        assert [len(session.execute(f"select * from {table}").fetchall()) for table in TABLES] == [2, 1]


def test_a_transaction_that_fails_after_its_record_leaves_none(postgres_store: PostgresStore, trader: UUID) -> None:
    def fail_after_the_record() -> None:
        with postgres_store.app.tenant(trader) as session:
            audit.append(session, entry_for(trader, number=3))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_the_record()

    records = [record for record, _ in PostgresAuditTrail(postgres_store.system).chains()]
    assert [json.loads(record.record)["data"]["number"] for record in records] == [1, 2]


def test_a_writer_that_has_not_committed_holds_up_nobody(postgres_store: PostgresStore, trader: UUID) -> None:
    """A worker may freeze or die after its record: an exit of the same user must not wait for it."""
    other = postgres_store.open("app_role", lock_seconds=0.2)

    with postgres_store.app.tenant(trader) as session:
        audit.append(session, entry_for(trader, number="first begun"))
        with other.tenant(trader) as other_session:
            audit.append(other_session, entry_for(trader, number="first committed"))
    other.close()

    records = [record for record, _ in PostgresAuditTrail(postgres_store.system).chains()]
    assert [json.loads(r.record)["data"]["number"] for r in records] == [1, 2, "first committed", "first begun"]
    assert [record.seq for record in records] == [1, 2, 3, 4]


def test_records_of_one_transaction_are_chained_in_their_order_and_nothing_is_left_pending(
    postgres_store: PostgresStore, trader: UUID
) -> None:
    with postgres_store.app.tenant(trader) as session:
        for number in (3, 4, 5):
            audit.append(session, entry_for(trader, number=number))

    records = [record for record, _ in PostgresAuditTrail(postgres_store.system).chains()]
    assert [json.loads(record.record)["data"]["number"] for record in records] == [1, 2, 3, 4, 5]
    with postgres_store.owner() as owner:
        assert owner.execute("select count(*) from audit_pending").fetchone() == (0,)


def test_a_record_verifies_with_nothing_but_sha256(postgres_store: PostgresStore, trader: UUID) -> None:
    """What docs tell an auditor: the two columns and one hash function, in SQL as well."""
    with postgres_store.owner() as owner:
        rows = owner.execute(
            "select hash = sha256(prev_hash || convert_to(record, 'UTF8')) from audit_log order by seq"
        ).fetchall()

    assert rows == [(True,), (True,)]


def plain(user_id: UUID, **said: object) -> str:
    """A record's text."""
    text: dict[str, object] = json.loads(record_text(entry_for(user_id)))
    return json.dumps({**text, **said})


POISON: list[Mapping[str, object]] = [
    *({"at": at} for at in ("infinity", "-infinity", "now", "9999-12-31T23:59:59+00:00", "0044-03-15T04:00:00+00:00")),
    *({"at": at} for at in ("2026-11-20", "2026-11-20T04:00:60+00:00", "2026-11-20 04:00:00+00:00", None, 5)),
    *({"trading_day": day} for day in ("infinity", "20261120", "today", 20261120)),
    *({"kind": kind} for kind in (None, 5, ["decision"])),
    {"strategy_id": "{6f1f4b5c-8f3e-4a57-9a55-1d2a3b4c5d6e}"},
]


@pytest.mark.parametrize("said", POISON, ids=str)
def test_what_a_verification_could_not_read_is_never_written_down(
    postgres_store: PostgresStore, trader: UUID, said: Mapping[str, object]
) -> None:
    with pytest.raises(psycopg.errors.InvalidParameterValue), postgres_store.app.tenant(trader) as session:
        session.execute("select audit_append(%s)", (plain(trader, **said),))

    with postgres_store.app.tenant(trader) as session:
        session.execute("select audit_append(%s)", (plain(trader),))
    trail = PostgresAuditTrail(postgres_store.system)
    assert list(ChainCheck().follow(trail.chains(), trail.empty_heads(), trail.unchained())) == []


def test_only_the_system_speaks_for_the_deployment(postgres_store: PostgresStore, trader: UUID) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres_store.app.tenant(DEPLOYMENT) as session:
        audit.append(session, entry_for(DEPLOYMENT))

    with postgres_store.system.tenant(DEPLOYMENT) as session:
        audit.append(session, entry_for(DEPLOYMENT))
    assert trader


# --- databases of 0001 ----------------------------------------------------------------------------


@pytest.fixture
def old_database(postgres_server: ServerAddress) -> Iterator[str]:
    """A database at 0001."""
    name = f"old_{uuid4().hex}"
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute(f"create database {name}")
    with connect_as_owner(postgres_server, name) as owner:
        migrate(owner, ROLE_PASSWORDS, read_migrations()[:1])
    yield name
    with connect_as_owner(postgres_server, SUPERUSER) as owner:
        owner.execute(f"drop database {name} with (force)")


def add_old_strategy(owner: psycopg.Connection[Any]) -> Strategy:
    user = make_user()
    strategy = make_strategy(user.user_id, status=StrategyStatus.RUNNING)
    plan = strategy.plan
    owner.execute("insert into users values (%s, %s, 'hash', %s)", (user.user_id, user.email, MOMENT))
    owner.execute(
        "insert into strategies values (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'running', null, 1, %s, %s, null)",
        (
            strategy.strategy_id,
            user.user_id,
            plan.exchange,
            plan.symbol,
            plan.product,
            plan.buy_time,
            plan.sell_time,
            plan.stop_loss,
            plan.quantity,
            MOMENT,
            MOMENT,
        ),
    )
    return strategy


def add_old_record(owner: psycopg.Connection[Any], strategy: Strategy, number: int) -> None:
    event, effects = {"type": "EntryMissed", "why": f"₹ {number}"}, [{"type": "Tell", "text": f"told {number}"}]
    owner.execute(
        "insert into audit_log (user_id, strategy_id, trading_day, epoch, at, event, state, effects)"
        " values (%s, %s, %s, %s, %s, %s, 'flat', %s)",
        (
            strategy.user_id,
            strategy.strategy_id,
            date(2026, 11, 19),
            number,
            datetime(2026, 11, 19, 4, 0, number, 123456, UTC),
            json.dumps(event),
            json.dumps(effects),
        ),
    )


def test_records_of_0001_become_the_start_of_the_chains(postgres_server: ServerAddress, old_database: str) -> None:
    # given two users' records of 0001, written alternately
    with connect_as_owner(postgres_server, old_database) as owner:
        first, second = add_old_strategy(owner), add_old_strategy(owner)
        for number in (1, 2, 3):
            add_old_record(owner, first, number)
            add_old_record(owner, second, number)

        # when the database is migrated, and one of them trades on
        migrate(owner, ROLE_PASSWORDS)
    app, system = (open_database(postgres_server, old_database, role) for role in ("app_role", "system_role"))
    cycle = PostgresLedger(app).take(first, TRADING_DAY)
    PostgresLedger(app).save(Decision(cycle), event=EntryMissed(MOMENT, "late"), now=MOMENT)

    # then each chain begins with that user's old records, in their order, and goes on
    rows = list(PostgresAuditTrail(system).chains())
    app.close()
    system.close()
    chain = [record for record, _ in rows if record.user_id == first.user_id]
    assert [record.seq for record in chain] == [1, 2, 3, 4]
    assert [record.prev_hash for record in chain] == [GENESIS, *(record.hash for record in chain[:-1])]
    assert all(record.hash == chain_hash(record.prev_hash, record.record) for record in chain)
    said = json.loads(chain[1].record)
    assert said["data"]["event"] == {"type": "EntryMissed", "why": "₹ 2"}
    assert said["data"]["effects"] == [{"type": "Tell", "text": "told 2"}]
    assert said["data"]["cycle"] == {"state": "flat", "epoch": 2}
    assert said["at"] == chain[1].at.isoformat() == "2026-11-19T04:00:02.123456+00:00"
    assert (chain[1].strategy_id, chain[1].trading_day) == (first.strategy_id, date(2026, 11, 19))
    assert len([record for record, _ in rows if record.user_id == second.user_id]) == 3


def test_a_user_of_0001_without_a_record_lacks_none(postgres_server: ServerAddress, old_database: str) -> None:
    with connect_as_owner(postgres_server, old_database) as owner:
        strategy = add_old_strategy(owner)
        migrate(owner, ROLE_PASSWORDS)
    app, system = (open_database(postgres_server, old_database, role) for role in ("app_role", "system_role"))
    trail = PostgresAuditTrail(system)
    assert (list(trail.unchained()), list(trail.empty_heads())) == ([], [])

    # when he trades, then his chain begins like every other, and is missed when it is gone
    cycle = replace(PostgresLedger(app).take(strategy, TRADING_DAY), state=CycleState.FLAT)
    PostgresLedger(app).save(Decision(cycle), event=EntryMissed(MOMENT, "late"), now=MOMENT)
    assert [(record.seq, record.prev_hash) for record, _ in trail.chains()] == [(1, GENESIS)]
    with connect_as_owner(postgres_server, old_database) as owner, audit_trail_opened(owner):
        owner.execute("delete from audit_log")
        owner.execute("update audit_heads set seq = 0")
    assert list(trail.unchained()) == [strategy.user_id]
    app.close()
    system.close()
