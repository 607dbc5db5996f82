"""ports.Outbox: user by user in order, one deliverer at a time, and nothing lost on the way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

import psycopg
import pytest

from algotrading.adapters.postgres.outbox import PostgresOutbox
from algotrading.domain.cycle import Cycle
from algotrading.domain.delivery import PATIENCE
from algotrading.domain.effects import Decision, Tell
from algotrading.domain.events import EntryDue
from algotrading.domain.notices import NoticeKind
from algotrading.ports import Notice
from tests.contract.ports.conftest import Stores, postgres_stores
from tests.fakes.examples import MOMENT
from tests.stores import PostgresStore

LEASE = timedelta(seconds=30)


def tell(stores: Stores, cycle: Cycle, *texts: str) -> None:
    """Write notices with a decision."""
    effects = tuple(Tell(NoticeKind.BOUGHT, text) for text in texts)
    stores.ledger.save(Decision(cycle, effects), event=EntryDue(MOMENT, MOMENT, None), now=MOMENT)


def at(seconds: float) -> datetime:
    return MOMENT + timedelta(seconds=seconds)


def claim(stores: Stores, cycle: Cycle, seconds: float = 0) -> Notice | None:
    return stores.outbox.claim(cycle.user_id, at(seconds), lease=LEASE)


def claimed(stores: Stores, cycle: Cycle, seconds: float = 0) -> Notice:
    notice = claim(stores, cycle, seconds)
    assert notice is not None
    return notice


def fail(stores: Stores, cycle: Cycle, times: int) -> None:
    """Let the delivery of the user's first notice fail so often, each time at once again."""
    for _ in range(times):
        stores.outbox.mark_failed(claimed(stores, cycle), "away", MOMENT)


def delivered_in_turn(stores: Stores, cycle: Cycle, seconds: float) -> Sequence[str]:
    texts = []
    while (notice := claim(stores, cycle, seconds)) is not None:
        texts.append(notice.text)
        stores.outbox.mark_delivered(notice, at(seconds))
    return texts


def test_notices_come_in_the_order_in_which_they_were_written(stores: Stores) -> None:
    cycle = stores.take_cycle()
    tell(stores, cycle, "one", "two")
    tell(stores, cycle, "three")

    assert delivered_in_turn(stores, cycle, 0) == ["one", "two", "three"]
    assert claim(stores, cycle, 3600) is None


def test_while_one_is_being_delivered_its_users_others_wait_and_another_users_do_not(stores: Stores) -> None:
    cycle, other = stores.take_cycle(), stores.take_cycle()
    tell(stores, cycle, "one", "two")
    tell(stores, other, "theirs")

    first = claimed(stores, cycle)

    assert claim(stores, cycle, 29) is None
    assert claimed(stores, other, 1).text == "theirs"
    stores.outbox.mark_delivered(first, at(1))
    assert claimed(stores, cycle, 1).text == "two"


def test_a_notice_whose_deliverer_died_is_taken_again_after_the_lease(stores: Stores) -> None:
    cycle = stores.take_cycle()
    tell(stores, cycle, "one")
    claimed(stores, cycle)

    assert claim(stores, cycle, 29.9) is None
    again = claimed(stores, cycle, 30)

    assert (again.text, again.attempts) == ("one", 2)


def test_a_notice_that_failed_is_tried_again_when_it_said_and_holds_the_later_ones_up(stores: Stores) -> None:
    cycle = stores.take_cycle()
    tell(stores, cycle, "one", "two")

    stores.outbox.mark_failed(claimed(stores, cycle), "the channel is away", at(60))

    assert claim(stores, cycle, 59) is None
    assert delivered_in_turn(stores, cycle, 60) == ["one", "two"]


def test_a_notice_that_fails_for_ever_holds_the_later_ones_up_only_for_a_while(stores: Stores) -> None:
    cycle = stores.take_cycle()
    tell(stores, cycle, "poison", "two", "three")
    fail(stores, cycle, PATIENCE - 1)

    stores.outbox.mark_failed(claimed(stores, cycle), "the channel does not take it", at(900))

    assert delivered_in_turn(stores, cycle, 1) == ["two", "three"]
    assert claimed(stores, cycle, 900).text == "poison"


def test_however_many_fail_for_ever_the_next_one_is_delivered(stores: Stores) -> None:
    # given more undeliverable notices than anybody would look at in one go, out of patience and backing off
    cycle = stores.take_cycle()
    tell(stores, cycle, *(f"poison {number}" for number in range(120)))
    for _ in range(120):
        fail(stores, cycle, PATIENCE - 1)
        stores.outbox.mark_failed(claimed(stores, cycle), "the channel does not take it", at(900))
    tell(stores, cycle, "look at once", "and then this")

    first = claimed(stores, cycle, 1)

    # then the first that can be delivered is, and holds the next one up meanwhile
    assert first.text == "look at once"
    assert claim(stores, cycle, 1) is None
    stores.outbox.mark_delivered(first, at(1))
    assert delivered_in_turn(stores, cycle, 1) == ["and then this"]
    assert claimed(stores, cycle, 900).text == "poison 0"


def test_who_waits_is_known_and_whoever_waited_longest_comes_first(stores: Stores) -> None:
    first, second, third = (stores.take_cycle() for _ in range(3))
    for cycle in (first, second, third):
        tell(stores, cycle, "one")

    stores.outbox.mark_failed(claimed(stores, first), "away", at(20))
    stores.outbox.mark_failed(claimed(stores, second), "away", at(10))
    stores.outbox.mark_delivered(claimed(stores, third), MOMENT)

    waiting = stores.system_outbox.waiting
    assert list(waiting(at(9), 10)) == []
    assert list(waiting(at(15), 10)) == [second.user_id]
    assert list(waiting(at(30), 10)) == [second.user_id, first.user_id]
    assert list(waiting(at(30), 1)) == [second.user_id]


def test_what_has_not_arrived_for_long_is_counted(stores: Stores) -> None:
    cycle = stores.take_cycle()
    tell(stores, cycle, "one", "two")
    stores.outbox.mark_delivered(claimed(stores, cycle), MOMENT)

    assert stores.system_outbox.stuck(MOMENT) == 0
    assert stores.system_outbox.stuck(at(1)) == 1


def test_a_late_failure_does_not_bring_back_what_was_delivered(stores: Stores) -> None:
    cycle = stores.take_cycle()
    tell(stores, cycle, "one")
    slow = claimed(stores, cycle)
    quick = claimed(stores, cycle, 30)
    stores.outbox.mark_delivered(quick, at(31))

    stores.outbox.mark_failed(slow, "it took too long", at(31))

    assert claim(stores, cycle, 3600) is None


def test_whoever_comes_after_the_end_of_his_lease_leaves_the_newer_one_alone(stores: Stores) -> None:
    # given a deliverer that was too slow, and another one that is at work
    cycle = stores.take_cycle()
    tell(stores, cycle, "one", "two")
    slow = claimed(stores, cycle)
    quick = claimed(stores, cycle, 30)

    stores.outbox.mark_failed(slow, "it took too long", at(31))
    assert claim(stores, cycle, 31) is None
    stores.outbox.mark_delivered(slow, at(32))
    assert claim(stores, cycle, 32) is None

    stores.outbox.mark_failed(quick, "the channel is away", at(60))
    assert (claim(stores, cycle, 59), claimed(stores, cycle, 60).attempts) == (None, 3)


def test_nobody_claims_a_strangers_notice(stores: Stores) -> None:
    cycle, stranger = stores.take_cycle(), stores.take_cycle()
    tell(stores, cycle, "one")

    assert claim(stores, stranger) is None


def test_of_two_deliverers_at_once_one_waits_and_then_finds_nothing(postgres_store: PostgresStore) -> None:
    # given two workers with connections of their own, and two notices
    stores = postgres_stores(postgres_store)
    cycle = stores.take_cycle()
    tell(stores, cycle, "one", "two")
    databases = [postgres_store.open("app_role") for _ in range(8)]
    workers = [PostgresOutbox(database) for database in databases]
    start, found = threading.Barrier(len(workers)), list[Notice | None]()

    def work(outbox: PostgresOutbox) -> None:
        start.wait()
        found.append(outbox.claim(cycle.user_id, MOMENT, lease=LEASE))

    threads = [threading.Thread(target=work, args=(outbox,)) for outbox in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for database in databases:
        database.close()

    # then only one of them delivers, and the first
    assert [notice.text for notice in found if notice is not None] == ["one"]


def test_the_last_error_stays_on_record(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    cycle = stores.take_cycle()
    tell(stores, cycle, "one")
    stores.outbox.mark_failed(claimed(stores, cycle), "NUL \x00 and " + "much " * 200, at(10))

    with postgres_store.system.system() as session:
        row = session.execute("select attempts, next_try_at, last_error from outbox").fetchone()
    assert row is not None
    assert (row["attempts"], row["next_try_at"]) == (1, at(10))
    assert row["last_error"].endswith("much ")
    assert len(row["last_error"]) == 500


@pytest.mark.parametrize("role", ["app", "system"])
@pytest.mark.parametrize("column", ["text", "kind", "user_id", "created_at", "strategy_id"])
def test_a_function_can_note_a_delivery_and_change_nothing_else(
    postgres_store: PostgresStore, role: str, column: str
) -> None:
    stores = postgres_stores(postgres_store)
    cycle = stores.take_cycle()
    tell(stores, cycle, "one")

    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        getattr(postgres_store, role).tenant(cycle.user_id) as session,
    ):
        session.execute(f"update outbox set {column} = {column}")


def test_the_system_delivers_like_a_function(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    cycle = stores.take_cycle()
    tell(stores, cycle, "one")

    for seconds in (0, 1):
        notice = stores.system_outbox.claim(cycle.user_id, at(seconds), lease=LEASE)
        assert notice is not None
        if seconds:
            stores.system_outbox.mark_delivered(notice, at(1))
        else:
            stores.system_outbox.mark_failed(notice, "away", at(1))
    assert claim(stores, cycle, 3600) is None


def test_what_was_said_is_erased_for_nobody_whose_account_is_there(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    cycle = stores.take_cycle()
    tell(stores, cycle, "one")

    with postgres_store.app.tenant(cycle.user_id) as session:
        session.execute("select erase_notices('gone')")

    with postgres_store.system.system() as session:
        rows = session.execute("select text from outbox").fetchall()
    assert [row["text"] for row in rows] == ["one"]
