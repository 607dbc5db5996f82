"""ports.AuditTrail: every change of the repositories leaves its record, in one chain per user."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.request_names import answering
from algotrading.domain.accounts import BrokerName, ConnectionStatus, SealedBrokerAccount, first_account_of
from algotrading.domain.audit import GENESIS, AuditEntry, AuditHead, AuditKind, AuditRecord, Cause, chain_hash
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.effects import Decision, StopStrategy, Tell
from algotrading.domain.errors import Conflict, Fenced, StrategyOverlap
from algotrading.domain.events import EntryMissed
from algotrading.domain.notices import NoticeKind
from algotrading.domain.sessions import instant_of
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.ports import Ledger
from tests.contract.ports.conftest import Stores, memory_stores, postgres_stores
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_plan, make_strategy
from tests.stores import PostgresStore

MISSED = EntryMissed(MOMENT, "it came too late")


def chain_of(stores: Stores, user_id: UUID) -> list[AuditRecord]:
    return [record for record, _ in stores.system_audit_trail.chains() if record.user_id == user_id]


def decisions_of(stores: Stores, user_id: UUID) -> list[dict[str, Any]]:
    return [json.loads(r.record)["data"] for r in chain_of(stores, user_id) if r.kind == "decision"]


def heads(stores: Stores) -> dict[UUID, AuditHead | None]:
    return {record.user_id: head for record, head in stores.system_audit_trail.chains()}


def save(ledger: Ledger, cycle: Cycle, *effects: Tell) -> None:
    ledger.save(Decision(cycle, effects), event=MISSED, now=MOMENT)


def test_an_untouched_store_has_no_chain(stores: Stores) -> None:
    assert list(stores.system_audit_trail.chains()) == []
    assert list(stores.system_audit_trail.empty_heads()) == []


def test_a_decision_is_recorded_with_its_event_its_cycle_its_effects_and_its_cause(stores: Stores) -> None:
    cycle = stores.take_cycle()
    entering = replace(cycle, state=CycleState.ENTERING, intents=(make_intent(cycle),))
    cause = Cause("BUY", "schedule", MOMENT - timedelta(seconds=90), MOMENT)
    decision = Decision(entering, (Tell(NoticeKind.ENTRY_MISSED, "TCS: too late."),))

    stores.ledger.save(decision, event=MISSED, now=MOMENT, cause=cause)

    record = chain_of(stores, cycle.user_id)[-1]
    said = json.loads(record.record)
    assert (record.kind, record.strategy_id, record.trading_day) == ("decision", cycle.strategy_id, TRADING_DAY)
    assert record.at == MOMENT
    told = {"type": "EntryMissed", "now": MOMENT.isoformat(), "why": "it came too late", "breach": None}
    assert said["data"]["event"] == told
    assert said["data"]["cycle"]["intents"][0]["tag"] == entering.intents[0].tag
    assert said["data"]["effects"] == [{"type": "Tell", "kind": "entry_missed", "text": "TCS: too late."}]
    assert said["data"]["cause"]["asked_by"] == "schedule"


def test_what_stands_beside_a_record_is_what_is_in_it(stores: Stores) -> None:
    cycle = stores.take_cycle()
    save(stores.ledger, cycle)

    for record in chain_of(stores, cycle.user_id):
        said = json.loads(record.record)
        assert said["user_id"] == str(record.user_id)
        assert said["kind"] == record.kind
        assert said["at"] == record.at.isoformat()


def test_every_record_follows_the_one_before_from_genesis_to_the_head(stores: Stores) -> None:
    cycle = stores.take_cycle()
    for _ in range(3):
        save(stores.ledger, cycle)

    chain = chain_of(stores, cycle.user_id)

    previous = GENESIS
    for seq, record in enumerate(chain, start=1):
        assert (record.seq, record.prev_hash) == (seq, previous)
        assert record.hash == chain_hash(previous, record.record)
        previous = record.hash
    assert heads(stores)[cycle.user_id] == AuditHead(cycle.user_id, len(chain), previous)


def test_each_user_has_a_chain_of_its_own(stores: Stores) -> None:
    cycles = [stores.take_cycle() for _ in range(3)]
    for cycle in (*cycles, *cycles):
        save(stores.ledger, cycle)

    records = [record for record, _ in stores.system_audit_trail.chains()]

    assert [(r.user_id, r.seq) for r in records] == sorted((r.user_id, r.seq) for r in records)
    assert all(len(decisions_of(stores, cycle.user_id)) == 2 for cycle in cycles)


def test_what_was_fenced_off_leaves_no_record(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    first = stores.ledger.take(strategy, TRADING_DAY)
    stores.ledger.take(strategy, TRADING_DAY)

    with pytest.raises(Fenced):
        save(stores.ledger, first)

    assert decisions_of(stores, strategy.user_id) == []


@pytest.mark.parametrize("text", ["₹ 3,500 – मूल्य", "a\x00b", "\ud800", 'quo"te\\n\n', "\u2028"])
def test_whatever_a_text_holds_its_record_reads_back(stores: Stores, text: str) -> None:
    cycle = stores.take_cycle()
    stores.ledger.save(Decision(cycle), event=EntryMissed(MOMENT, text), now=MOMENT)

    record = chain_of(stores, cycle.user_id)[-1]

    assert record.hash == chain_hash(record.prev_hash, record.record)
    assert json.loads(record.record)["data"]["event"]["why"].startswith(text[0] if text[0] != "\ud800" else "?")


def write_together(ledgers: list[Ledger], cycles: list[Cycle], times: int) -> None:
    """Save each cycle `times` times, one thread each, begun at the same moment."""
    at_once = threading.Barrier(len(cycles))
    failures: list[Exception] = []

    def write(ledger: Ledger, cycle: Cycle) -> None:
        at_once.wait(10)
        try:
            for _ in range(times):
                save(ledger, cycle)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=pair) for pair in zip(ledgers, cycles, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def takes_of_one_user(stores: Stores, count: int) -> list[Cycle]:
    user = stores.add_user()
    return [stores.ledger.take(stores.add_strategy(user, symbol=f"S{n}"), TRADING_DAY) for n in range(count)]


def assert_one_chain(stores: Stores, cycles: list[Cycle], times: int) -> None:
    chain = chain_of(stores, cycles[0].user_id)
    assert [record.seq for record in chain] == list(range(1, len(chain) + 1))
    assert [record.prev_hash for record in chain] == [GENESIS, *(record.hash for record in chain[:-1])]
    assert len(decisions_of(stores, cycles[0].user_id)) == len(cycles) * times


def test_writers_of_one_user_at_once_make_one_chain_in_memory() -> None:
    stores = memory_stores()
    cycles = takes_of_one_user(stores, 8)

    write_together([stores.ledger] * 8, cycles, 5)

    assert_one_chain(stores, cycles, 5)


def test_writers_of_one_user_at_once_make_one_chain_in_postgres(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    cycles = takes_of_one_user(stores, 8)
    databases = [postgres_store.open("app_role") for _ in cycles]

    write_together([PostgresLedger(database) for database in databases], cycles, 5)

    for database in databases:
        database.close()
    assert_one_chain(stores, cycles, 5)


# --- what owners command --------------------------------------------------------------------------


def commands_of(stores: Stores, user_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    return [(r.kind, json.loads(r.record)["data"]) for r in chain_of(stores, user_id) if r.kind != "decision"]


def test_a_strategys_life_is_recorded_with_before_and_after(stores: Stores) -> None:
    # given a strategy that is created, changed, started, stopped and deleted
    user = stores.add_user()
    created = stores.add_strategy(user, status=StrategyStatus.CREATED)
    changed = replace(created, plan=make_plan(stop_loss=Decimal("3490.5")), version=2)
    started = replace(changed, status=StrategyStatus.RUNNING, version=3, updated_at=MOMENT + timedelta(hours=1))
    stopped = replace(started, status=StrategyStatus.STOPPED, version=4, stop_reason="by its owner")
    for version, strategy in enumerate((changed, started, stopped), start=1):
        stores.strategies.save(strategy, expected_version=version)
    gone_at = MOMENT + timedelta(hours=2)
    stores.strategies.delete(user.user_id, created.strategy_id, expected_version=4, now=gone_at)

    # then each command is on record, with what it changed
    records = [record for record in chain_of(stores, user.user_id) if record.strategy_id == created.strategy_id]
    assert [record.kind for record in records] == [
        "strategy_created",
        "strategy_changed",
        "strategy_started",
        "strategy_stopped",
        "strategy_deleted",
    ]
    assert [record.at for record in records[2:]] == [started.updated_at, stopped.updated_at, gone_at]
    said = [json.loads(record.record)["data"] for record in records]
    assert said[0]["before"] is None
    assert Decimal(said[1]["before"]["plan"]["stop_loss"]) == created.plan.stop_loss
    assert Decimal(said[1]["after"]["plan"]["stop_loss"]) == Decimal("3490.5")
    assert (said[2]["before"]["status"], said[2]["after"]["status"]) == ("created", "running")
    assert said[3]["after"]["stop_reason"] == "by its owner"
    assert (said[4]["before"]["version"], said[4]["after"]) == (4, None)


def test_a_refused_command_leaves_no_record(stores: Stores) -> None:
    user = stores.add_user()
    running = stores.add_strategy(user)
    before = commands_of(stores, user.user_id)

    with pytest.raises(StrategyOverlap):
        stores.add_strategy(user)
    with pytest.raises(Conflict):
        stores.strategies.save(replace(running, version=8), expected_version=7)
    with pytest.raises(Conflict):
        stores.strategies.delete(user.user_id, running.strategy_id, expected_version=1, now=MOMENT)

    assert commands_of(stores, user.user_id) == before


def test_a_broker_connection_is_recorded_without_its_secrets(stores: Stores) -> None:
    user = stores.add_user()
    account = SealedBrokerAccount(
        user_id=user.user_id,
        account_id=first_account_of(user.user_id),
        broker=BrokerName.KITE,
        api_key="sealed-key",
        api_secret="sealed-secret",
        access_token="sealed-token",
        broker_user_id="AB1234",
        status=ConnectionStatus.CONNECTED,
        token_at=MOMENT,
        updated_at=MOMENT,
    )
    keys_only = replace(account, access_token=None, token_at=None, status=ConnectionStatus.LOGIN_REQUIRED)
    stores.broker_accounts.save(replace(keys_only, broker_user_id=None))
    stores.broker_accounts.save(account)
    stores.broker_accounts.save(replace(account, broker_user_id="XY9876"))
    for mark in (stores.broker_accounts.mark_refused, stores.broker_accounts.mark_taken):
        for _ in range(2):
            mark(user.user_id, account.account_id, token_at=MOMENT, now=MOMENT)
    stores.broker_accounts.remove(user.user_id, now=MOMENT)
    stores.broker_accounts.remove(user.user_id, now=MOMENT)

    commands = commands_of(stores, user.user_id)

    assert [kind for kind, _ in commands] == [
        "broker_login_required",
        "broker_connected",
        "broker_connected",
        "broker_token_refused",
        "broker_token_taken",
        "broker_disconnected",
    ]
    assert (commands[2][1]["broker_user_id_before"], commands[2][1]["broker_user_id"]) == ("AB1234", "XY9876")
    account_id = str(first_account_of(user.user_id))
    known = {"account_id": account_id, "broker": "kite", "broker_user_id": "XY9876"}
    assert commands[3][1] == commands[4][1] == known | {"token_at": commands[1][1]["token_at"]}
    assert commands[5][1] == known
    assert not any("sealed" in record.record for record in chain_of(stores, user.user_id))


def test_a_record_names_the_request_that_it_was_written_down_for_and_others_stay_as_they_were(stores: Stores) -> None:
    user = stores.add_user()
    stores.add_strategy(user)
    with answering("request-1"):
        stores.add_strategy(user, symbol="INFY")

    before, after = [each for each in chain_of(stores, user.user_id) if each.kind == "strategy_created"]
    assert (before.request_id, after.request_id) == (None, "request-1")
    assert "request_id" not in before.record
    assert after.hash == chain_hash(after.prev_hash, after.record)


def test_what_led_to_nothing_is_recorded_on_its_own(stores: Stores) -> None:
    cycle = stores.take_cycle()
    data = {"cause": Cause("BUY", "schedule", MOMENT, MOMENT), "why": "the strategy does not run"}
    entry = AuditEntry(cycle.user_id, AuditKind.MESSAGE_DROPPED, MOMENT, data, cycle.strategy_id, TRADING_DAY)

    stores.ledger.note(entry)

    record = chain_of(stores, cycle.user_id)[-1]
    assert (record.kind, record.strategy_id, record.trading_day) == ("message_dropped", cycle.strategy_id, TRADING_DAY)
    assert json.loads(record.record)["data"]["cause"]["event"] == "BUY"


# --- what explains a strategy's day ---------------------------------------------------------------


BEGINS, ENDS = instant_of(TRADING_DAY, time(0)), instant_of(TRADING_DAY + timedelta(days=1), time(0))


def kinds_of_day(stores: Stores, strategy: Strategy) -> list[tuple[str, datetime]]:
    records = stores.audit_trail.of_strategy(
        strategy.user_id, strategy.strategy_id, TRADING_DAY, begins=BEGINS, ends=ENDS
    )
    assert [record.seq for record in records] == sorted(record.seq for record in records)
    return [(record.kind, record.at) for record in records]


def test_a_day_is_explained_by_its_decisions_and_by_every_command_up_to_its_end(stores: Stores) -> None:
    # given a strategy that was created the day before, traded on three days and was stopped the day after
    user = stores.add_user()
    day = timedelta(days=1)
    strategy = replace(make_strategy(user.user_id, status=StrategyStatus.RUNNING), created_at=MOMENT - day)
    stores.strategies.add(strategy)
    other = stores.add_strategy(user, symbol="INFY")
    for trading_day in (TRADING_DAY - day, TRADING_DAY, TRADING_DAY + day):
        save(stores.ledger, stores.ledger.take(strategy, trading_day))
        save(stores.ledger, stores.ledger.take(other, trading_day))
    stopped = replace(strategy, status=StrategyStatus.STOPPED, version=2, updated_at=MOMENT + day)
    stores.strategies.save(stopped, expected_version=1)

    assert kinds_of_day(stores, strategy) == [("strategy_created", MOMENT - day), ("decision", MOMENT)]


def test_a_day_is_explained_by_what_concerned_the_account_on_that_day_alone(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    for at in (BEGINS - timedelta(milliseconds=1), BEGINS, ENDS - timedelta(milliseconds=1), ENDS):
        stores.ledger.note(AuditEntry(strategy.user_id, AuditKind.BROKER_CONNECTED, at, {}))

    assert kinds_of_day(stores, strategy)[1:] == [
        ("broker_connected", BEGINS),
        ("broker_connected", ENDS - timedelta(milliseconds=1)),
    ]


def test_a_strategys_day_is_shown_to_its_owner_only(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    save(stores.ledger, stores.ledger.take(strategy, TRADING_DAY))
    stranger = stores.add_user()
    stores.ledger.note(AuditEntry(stranger.user_id, AuditKind.BROKER_CONNECTED, MOMENT, {}))

    records = stores.audit_trail.of_strategy(
        stranger.user_id, strategy.strategy_id, TRADING_DAY, begins=BEGINS, ends=ENDS
    )

    assert {record.user_id for record in records} == {stranger.user_id}
    assert stores.audit_trail.latest_day(stranger.user_id, strategy.strategy_id) is None


def test_the_latest_day_is_that_of_the_newest_trading_or_command(stores: Stores) -> None:
    user = stores.add_user()
    strategy = stores.add_strategy(user)
    find = stores.audit_trail.latest_day

    assert find(user.user_id, strategy.strategy_id) == TRADING_DAY
    save(stores.ledger, stores.ledger.take(strategy, TRADING_DAY + timedelta(days=3)))
    assert find(user.user_id, strategy.strategy_id) == TRADING_DAY + timedelta(days=3)
    # half past midnight in Kolkata is still the day before in UTC
    stopped_at = instant_of(TRADING_DAY + timedelta(days=4), time(0, 30))
    stopped = replace(strategy, status=StrategyStatus.STOPPED, version=2, updated_at=stopped_at)
    stores.strategies.save(stopped, expected_version=1)
    assert find(user.user_id, strategy.strategy_id) == TRADING_DAY + timedelta(days=4)
    assert find(user.user_id, uuid4()) is None


def test_a_strategy_that_a_decision_stops_has_its_own_record_after_it(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    stop = Decision(cycle, (StopStrategy("Insufficient funds."),))

    stores.ledger.save(stop, event=MISSED, now=MOMENT)
    stores.ledger.save(stop, event=MISSED, now=MOMENT)

    chain = chain_of(stores, strategy.user_id)
    assert [record.kind for record in chain] == ["strategy_created", "decision", "strategy_stopped", "decision"]
    said = json.loads(chain[2].record)["data"]
    assert (said["before"]["status"], said["before"]["version"]) == ("running", 1)
    assert (said["after"]["status"], said["after"]["stop_reason"]) == ("stopped", "Insufficient funds.")
