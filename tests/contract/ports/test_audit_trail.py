"""ports.AuditTrail: every change of the repositories leaves its record, in one chain per user."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from algotrading.domain.audit import GENESIS, AuditHead, AuditRecord, Cause, chain_hash
from algotrading.domain.cycle import Cycle, CycleState, Decision, EntryMissed, Tell
from algotrading.domain.errors import Fenced
from algotrading.ports import Ledger
from tests.contract.ports.conftest import Stores, memory_stores, postgres_stores
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent
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
    decision = Decision(entering, (Tell("entry_missed", "TCS: too late."),))

    stores.ledger.save(decision, event=MISSED, now=MOMENT, cause=cause)

    record = chain_of(stores, cycle.user_id)[-1]
    said = json.loads(record.record)
    assert (record.kind, record.strategy_id, record.trading_day) == ("decision", cycle.strategy_id, TRADING_DAY)
    assert record.at == MOMENT
    assert said["data"]["event"] == {"type": "EntryMissed", "now": MOMENT.isoformat(), "why": "it came too late"}
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
    from algotrading.adapters.postgres.ledger import PostgresLedger

    stores = postgres_stores(postgres_store)
    cycles = takes_of_one_user(stores, 8)
    databases = [postgres_store.open("app_role") for _ in cycles]

    write_together([PostgresLedger(database) for database in databases], cycles, 5)

    for database in databases:
        database.close()
    assert_one_chain(stores, cycles, 5)
