"""ports.AccountRecords: everything of one user's, no secret, and what is left when its owner is forgotten."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from functools import partial
from uuid import UUID, uuid4

import pytest

from algotrading.adapters.postgres.account_records import SECTIONS, PostgresAccountRecords
from algotrading.adapters.request_names import answering
from algotrading.domain.account_notices import ERASED
from algotrading.domain.accounts import User
from algotrading.domain.api_keys import ApiKey, Scope
from algotrading.domain.cycle import CycleState, IntentState
from algotrading.domain.effects import Decision
from algotrading.domain.errors import Conflict, NotFound
from algotrading.domain.events import EntryMissed
from algotrading.domain.instants import with_instants
from algotrading.domain.logins import LOGIN_LASTS, DeviceLogin
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import Channel, ChannelSetup
from algotrading.domain.registrations import Registration
from algotrading.domain.roles import ViewerGrant
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.sms import CodeLimits
from algotrading.domain.strategy import StrategyStatus
from algotrading.entrypoints.api.answer_examples import FILE
from tests.contract.ports.conftest import Stores, add_account, postgres_stores
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
    "registrations": "what was asked for before there was an account, which tells the same; with hashes",
    "sms_codes": "counts of two days, and twelve bits of a hash",
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


def test_the_documents_example_of_an_export_has_the_rows_that_a_new_account_has(in_postgres: Stores) -> None:
    user = User(uuid4(), "new@example.com", MOMENT, email_verified_at=MOMENT)
    login = DeviceLogin(uuid4(), user.user_id, "My phone", MOMENT, MOMENT, MOMENT + LOGIN_LASTS)
    with answering("request-1"):
        in_postgres.users.add(user, "hash")
        in_postgres.logins.begin(login, b"t" * 32, "hash")
    (shown,) = json.loads(FILE.read_text(encoding="utf-8"))["GET /api/v1/account/export"].values()

    read = partial(in_postgres.records.read, user.user_id, offset=0, limit=9)
    kept = {name: [with_instants(json.loads(row)) for row in read(name)] for name in in_postgres.records.sections()}

    assert _shape(shown["sections"]) == _shape(kept)


def _shape(value: object) -> object:
    """Names and kinds, without what differs from one account to another."""
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_shape(each) for each in value]
    if isinstance(value, str) and value.startswith("{"):
        return _shape(json.loads(value))
    return re.sub("[0-9a-f]", "0", value.partition("@")[2] or value) if isinstance(value, str) else type(value)


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


def test_no_registration_keeps_the_address_of_a_closed_account(stores: Stores) -> None:
    user = stores.add_user("gone@example.com")
    asked, others = (Registration(uuid4(), f"{name}@example.com", "hash", MOMENT) for name in ("GONE", "other"))
    for each in (asked, others):
        stores.registrations.add(each)

    stores.records.close(user.user_id, MOMENT)

    assert stores.registrations.email_of(asked.user_id, MOMENT) is None
    assert stores.registrations.email_of(others.user_id, MOMENT) == others.email


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
    channels = {row["channel"]: row["target"] for row in map(json.loads, found["notification_channels"])}
    assert channels["sms"] == "+91******3210", "what is shown of a number: the rest is sealed"
    text = str(found)
    for secret in (f"{trader.mark}-secret", f"{trader.mark}-token", trader.refresh_hash.hex(), "sealed", "password_"):
        assert secret not in text, secret


FREE_TEXT_IN_THE_TRAIL = ("phone of Ramesh", "program of Ramesh", "Suresh the accountant", "hooks.of-ramesh.in")
"""What docs/security.md says that the trail keeps: nothing can be taken out of it."""


def test_what_is_left_of_a_closed_account_names_nobody(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    user, owner = stores.add_user("ramesh@example.com"), stores.add_user()
    lasts = MOMENT + timedelta(days=1)
    for number in range(2):
        login = DeviceLogin(uuid4(), user.user_id, "phone of Ramesh", MOMENT, MOMENT, lasts)
        stores.logins.begin(login, bytes([number]) * 32, "hash")
    stores.notifications.save_setup(webhook(user.user_id, "https://hooks.of-ramesh.in"))
    mobile = ChannelSetup(user.user_id, Channel.SMS, "+91******3210", MOMENT, "sealed number of Ramesh")
    stores.notifications.save_setup(mobile)
    assert stores.sms_codes.spend(user.user_id, 123, CodeLimits(of_deployment=9), MOMENT)
    stores.broker_accounts.save(sealed_account(user.user_id, "mark"))
    second = add_account(stores.named_accounts, user, "Ramesh Patel")
    stores.named_accounts.change(user.user_id, second, name="Ramesh N. Patel", make_default=True, now=MOMENT)
    scopes = frozenset({Scope.READ})
    stores.api_keys.add(ApiKey(uuid4(), user.user_id, "program of Ramesh", scopes, MOMENT, lasts), b"k" * 32)
    invitation = ViewerGrant(uuid4(), user.user_id, "Suresh the accountant", user.email, MOMENT, lasts)
    stores.viewers.invite(invitation, b"s" * 32)
    stores.viewers.accept(user.user_id, b"s" * 32, owner, MOMENT)
    # ... who in turn lets Ramesh read: what the owner is told of him stays with the owner.
    stores.viewers.invite(ViewerGrant(uuid4(), owner.user_id, "reader", owner.email, MOMENT, lasts), b"r" * 32)
    stores.viewers.accept(owner.user_id, b"r" * 32, user, MOMENT)
    for kind in NoticeKind:
        stores.summaries.tell(user.user_id, TRADING_DAY, kind, f"{kind}: Ramesh Patel, ramesh@example.com", MOMENT)
    notice = stores.outbox.claim(user.user_id, MOMENT, lease=timedelta(minutes=1))
    assert notice is not None
    stores.outbox.mark_failed(notice, "nobody is called ramesh@example.com", MOMENT)
    for told in stores.notifications.inbox(user.user_id, limit=1, before=None):
        stores.deliveries.add(user.user_id, told.notice_id, [Channel.EMAIL], MOMENT)
    delivery = stores.deliveries.claim(user.user_id, Channel.EMAIL, MOMENT, lease=timedelta(minutes=1))
    assert delivery is not None
    stores.deliveries.mark_failed(delivery, "nobody is called ramesh@example.com", now=MOMENT, retry_at=None)

    stores.records.close(user.user_id, MOMENT + timedelta(seconds=1))

    everything = whole_schema(postgres_store)
    trail = everything.pop("audit_log")
    for name, text in everything.items():
        assert not re.search(r"ramesh|suresh|\$argon2", text, re.IGNORECASE), name
    for known in FREE_TEXT_IN_THE_TRAIL:
        assert known in trail
        trail = trail.replace(known, "")
    assert not re.search("ramesh|suresh", trail, re.IGNORECASE)
    rows = rows_of(postgres_store, user.user_id)
    kept = {"audit_heads", "audit_log", "broker_accounts", "daily_summaries", "deliveries", "logins", "outbox", "users"}
    assert {name for name, found in rows.items() if found} == kept
    counted = json.loads(everything["sms_codes"])
    assert (counted["user_id"], counted["sent_at"]) == (None, None), "it is counted, as nobody's"


def whole_schema(store: PostgresStore) -> dict[str, str]:
    """Every row of every table, whoever's it is."""
    with store.owner() as owner:
        tables = owner.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
        rows = {name: owner.execute(f"select to_jsonb(t)::text from {name} t").fetchall() for (name,) in tables}
    return {name: "\n".join(row for (row,) in found) for name, found in rows.items()}


def test_notices_are_erased_with_the_account_and_nobody_elses(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    tell(stores, user.user_id, 2)
    tell(stores, other.user_id, 1)

    stores.records.close(user.user_id, MOMENT)

    assert [each.text for each in stores.notifications.inbox(user.user_id, limit=9, before=None)] == [ERASED, ERASED]
    assert [each.text for each in stores.notifications.inbox(other.user_id, limit=9, before=None)] == ["day 0"]


def test_no_notice_has_the_email_of_a_viewer(stores: Stores) -> None:
    # It would stay with the owner when the viewer is gone.
    owner, viewer = stores.add_user(), stores.add_user()
    lasts = MOMENT + timedelta(days=1)
    stores.viewers.invite(ViewerGrant(uuid4(), owner.user_id, "reader", owner.email, MOMENT, lasts), b"r" * 32)
    stores.viewers.accept(owner.user_id, b"r" * 32, viewer, MOMENT)

    (told,) = stores.notifications.inbox(owner.user_id, limit=9, before=None)
    assert '"reader"' in told.text
    assert viewer.email not in told.text


def test_an_audit_chain_stays_whole(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    trader = stores.add_user()
    log_in(stores, trader.user_id)

    stores.records.close(trader.user_id, MOMENT)

    chain = [record for record, _ in stores.system_audit_trail.chains() if record.user_id == trader.user_id]
    assert [record.kind for record in chain] == ["logged_in", "account_deleted", "login_ended"]
    assert [record.seq for record in chain] == [1, 2, 3]
