"""ports.AccountRecords: everything of one user's, no secret, and what is left when its owner is forgotten."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from algotrading.adapters.postgres.account_records import SECTIONS, PostgresAccountRecords
from algotrading.domain.api_keys import ApiKey, Scope
from algotrading.domain.cycle import CycleState, IntentState
from algotrading.domain.effects import Decision
from algotrading.domain.errors import Conflict, NotFound
from algotrading.domain.events import EntryMissed
from algotrading.domain.roles import ViewerGrant
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.strategy import StrategyStatus
from tests.contract.ports.conftest import Stores, postgres_stores
from tests.contract.ports.test_email_links import log_in
from tests.contract.ports.test_notifications import tell, webhook
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent
from tests.integration.tenancy.trader import make_trader, rows_of, sealed_account
from tests.stores import PostgresStore

LEFT_OUT = {
    "audit_heads": "the end of the chain that is exported",
    "audit_pending": "nothing outlives its transaction there",
    "daily_summaries": "the notices say it",
    "email_links": "hashes of links",
    "kept_answers": "answers of the last day, repeated",
    "recovery_codes": "hashes of codes",
    "refresh_tokens": "hashes of tokens",
}
"""Tables with a user's rows that no export has, each with its reason."""


def export(stores: Stores, user_id: UUID) -> str:
    rows = [r for name in stores.records.sections() for r in stores.records.read(user_id, name, offset=0, limit=999)]
    return "\n".join(rows)


def test_rows_come_in_pieces(stores: Stores) -> None:
    user = stores.add_user()
    tell(stores, user.user_id, 5)

    pieces = [stores.records.read(user.user_id, "notices", offset=offset, limit=2) for offset in (0, 2, 4, 6)]

    assert [len(piece) for piece in pieces] == [2, 2, 1, 0]
    assert [json.loads(row)["text"] for piece in pieces for row in piece] == [f"day {number}" for number in range(5)]


def test_nobody_elses_rows_come(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    strategy = stores.add_strategy(other)
    tell(stores, other.user_id)

    brought = export(stores, user.user_id)

    assert user.email in brought
    assert other.email not in brought
    assert str(strategy.strategy_id) not in brought


def test_a_closed_account_cannot_log_in_and_its_email_is_free(stores: Stores) -> None:
    user = stores.add_user("gone@example.com")
    log_in(stores, user.user_id)
    stores.broker_accounts.save(sealed_account(user.user_id, "mark"))
    stores.second_factors.begin(SecondFactor(user.user_id, "sealed", MOMENT))

    stores.records.close(user.user_id, MOMENT)

    assert stores.users.find_login("gone@example.com") is None
    assert stores.users.find_login(f"{user.user_id}@deleted.invalid") is None
    with pytest.raises(NotFound):
        stores.users.get(user.user_id)
    assert list(stores.logins.alive(user.user_id, MOMENT)) == []
    assert stores.broker_accounts.find(user.user_id) is None
    assert stores.second_factors.find(user.user_id) is None
    assert stores.add_user("gone@example.com").user_id != user.user_id
    with pytest.raises(NotFound):
        stores.records.close(user.user_id, MOMENT)


def test_no_key_viewer_or_role_outlives_its_account(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    log_in(stores, user.user_id)
    lasts = MOMENT + timedelta(days=1)
    stores.api_keys.add(ApiKey(uuid4(), user.user_id, "program", frozenset({Scope.READ}), MOMENT, lasts), b"k" * 32)
    for owner, viewer, token in ((user, other, b"a" * 32), (other, user, b"b" * 32)):
        stores.viewers.invite(ViewerGrant(uuid4(), owner.user_id, "reader", owner.email, MOMENT, lasts), token)
        stores.viewers.accept(owner.user_id, token, viewer, MOMENT)

    stores.records.close(user.user_id, MOMENT)

    assert list(stores.api_keys.of_user(user.user_id)) == []
    for each in (user, other):
        assert list(stores.viewers.of_account(each.user_id, MOMENT)) == []
        assert list(stores.viewers.shared_with(each.user_id)) == []


def test_an_account_that_is_not_there_cannot_be_closed(stores: Stores) -> None:
    with pytest.raises(NotFound):
        stores.records.close(uuid4(), MOMENT)


def test_an_order_that_may_surface_yet_keeps_its_account_until_the_day_is_over(stores: Stores) -> None:
    user = stores.add_user()
    strategy = stores.add_strategy(user)
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    absent = replace(make_intent(cycle, state=IntentState.NOT_PLACED), sent_at=MOMENT)
    over = replace(cycle, state=CycleState.FLAT, intents=(absent,))
    stores.ledger.save(Decision(over, ()), event=EntryMissed(MOMENT, "x"), now=MOMENT)
    stores.strategies.save(replace(strategy, status=StrategyStatus.STOPPED, version=2), expected_version=1)

    with pytest.raises(Conflict):
        stores.records.close(user.user_id, MOMENT)
    stores.records.close(user.user_id, MOMENT + timedelta(days=1))

    with pytest.raises(NotFound):
        stores.users.get(user.user_id)


@pytest.mark.parametrize("status", [StrategyStatus.RUNNING, StrategyStatus.STOPPED])
def test_whoever_trades_is_not_forgotten(stores: Stores, status: StrategyStatus) -> None:
    user = stores.add_user()
    strategy = stores.add_strategy(user)
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    held = replace(cycle, state=CycleState.LONG)
    stores.ledger.save(Decision(held, ()), event=EntryMissed(MOMENT, "x"), now=MOMENT)
    stores.strategies.save(replace(strategy, status=status, version=2), expected_version=1)

    with pytest.raises(Conflict):
        stores.records.close(user.user_id, MOMENT)

    assert stores.users.get(user.user_id).email == user.email


# --- on PostgreSQL ----------------------------------------------------------------------------------


def test_every_table_of_a_users_is_exported_or_left_out_for_a_reason(postgres_store: PostgresStore) -> None:
    with postgres_store.owner() as owner:
        rows = owner.execute(
            "select table_name from information_schema.columns join information_schema.tables"
            " using (table_schema, table_name)"
            " where table_schema = 'public' and column_name = 'user_id' and table_type = 'BASE TABLE'"
        ).fetchall()

    tables = {name for (name,) in rows} | {"users"}
    assert tables == {section.table for section in SECTIONS.values()} | set(LEFT_OUT)


def test_an_export_has_something_of_every_section_and_no_secret(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    trader = make_trader(stores)
    records = PostgresAccountRecords(postgres_store.app)

    found = {name: records.read(trader.user_id, name, offset=0, limit=999) for name in records.sections()}

    assert {name for name, rows in found.items() if not rows} <= {"risk_events"}
    text = str(found)
    for secret in (f"{trader.mark}-secret", f"{trader.mark}-token", trader.refresh_hash.hex(), "sealed", "password_"):
        assert secret not in text, secret


def test_what_is_left_of_a_closed_account_names_nobody(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user("gone@example.com")
    log_in(stores, user.user_id)
    stores.notifications.save_setup(webhook(user.user_id, "https://hooks.of-mine.in"))
    stores.broker_accounts.save(sealed_account(user.user_id, "mark"))
    stores.add_account(user)
    tell(stores, user.user_id)

    stores.records.close(user.user_id, MOMENT + timedelta(seconds=1))

    rows = rows_of(postgres_store, user.user_id)
    left = {name: str(found) for name, found in rows.items() if found}
    kept = {"audit_heads", "audit_log", "broker_accounts", "daily_summaries", "logins", "outbox", "users"}
    assert set(left) == kept
    for name, text in left.items():
        assert "gone@example.com" not in text, name
        assert "phone" not in text or name == "audit_log", name
    assert "of the family" not in left["broker_accounts"]
    assert "$argon2" not in left["users"]


def test_an_audit_chain_stays_whole(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    trader = stores.add_user()
    log_in(stores, trader.user_id)

    stores.records.close(trader.user_id, MOMENT)

    chain = [record for record, _ in stores.system_audit_trail.chains() if record.user_id == trader.user_id]
    assert [record.kind for record in chain] == ["logged_in", "account_deleted", "login_ended"]
    assert [record.seq for record in chain] == [1, 2, 3]
