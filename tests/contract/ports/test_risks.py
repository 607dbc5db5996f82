"""ports.Risks: limits, both switches, proofs and what is recorded about them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from time import monotonic

import pytest

from algotrading.adapters.postgres import ledger_writes
from algotrading.adapters.postgres.database import TransactionFailed
from algotrading.adapters.postgres.users import hold_undeleted
from algotrading.domain.accounts import User
from algotrading.domain.audit import DEPLOYMENT
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, IntentState
from algotrading.domain.effects import Decision, Tell
from algotrading.domain.errors import Conflict, FreshCodeNeeded, RiskLocked
from algotrading.domain.events import BookRead, EntryMissed
from algotrading.domain.flatness import FlatProof, ForeignPosition, NothingPlaced
from algotrading.domain.limits import Breach, BreachKind, Lock, Locks, RiskLimits
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import BookReading, Leg
from algotrading.domain.risk import booked_of
from algotrading.domain.strategy import StrategyStatus
from algotrading.ports import Notice
from tests.contract.ports.conftest import Stores, postgres_stores
from tests.contract.ports.test_risk_of_entries import entry_of, lose, take, write
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent
from tests.stores import PostgresStore

LIMITS = RiskLimits(
    daily_loss=Decimal("5000.50"),
    weekly_loss=Decimal(15_000),
    position_size=Decimal("99999999999.99"),
    symbol_exposure=Decimal("0.01"),
    orders_per_minute=60,
    open_strategies=10,
    square_off=True,
)
BREACH = Breach(BreachKind.DAILY_LOSS, Decimal("5001.25"), Decimal(5000), "today's loss is 5001.25")
LATER = MOMENT + timedelta(minutes=1)


def hold(stores: Stores, user: User, state: CycleState = CycleState.LONG) -> Cycle:
    """A cycle of today in that state, with ten shares bought."""
    cycle = stores.ledger.take(stores.add_strategy(user, status=StrategyStatus.STOPPED), TRADING_DAY)
    order = make_intent(cycle, state=IntentState.DONE, broker_order_id="b1", filled=10, average_price=Decimal(3600))
    cycle = replace(cycle, state=state, intents=(order,))
    stores.ledger.save(Decision(cycle), event=EntryMissed(MOMENT, "-"), now=MOMENT)
    return cycle


def kinds(stores: Stores, user: User) -> list[str]:
    """What was recorded, oldest first."""
    return [event.kind for event in reversed(stores.risks.events(user.user_id, 100))]


def texts(stores: Stores, user: User) -> list[str]:
    """The words of what the user was told, delivered thereby."""
    return [notice.text for notice in notices_of(stores, user)]


def told(stores: Stores, user: User) -> list[str]:
    """Kinds of what the user was told, delivered thereby."""
    return [notice.kind for notice in notices_of(stores, user)]


def notices_of(stores: Stores, user: User) -> list[Notice]:
    """What the user was told, delivered thereby."""
    notices = []
    while (notice := stores.system_outbox.claim(user.user_id, MOMENT, lease=timedelta(seconds=30))) is not None:
        notices.append(notice)
        stores.system_outbox.mark_delivered(notice, MOMENT)
    return notices


def audited(stores: Stores, user_id: object) -> list[str]:
    """Kinds of the user's audit records."""
    return [record.kind for record, _ in stores.system_audit_trail.chains() if record.user_id == user_id]


# --- limits ---------------------------------------------------------------------------------------


def test_a_user_starts_without_limits_and_locks(stores: Stores) -> None:
    standing = stores.risks.standing(stores.add_user().user_id, TRADING_DAY, MOMENT)

    assert (standing.limits, standing.locks, standing.flat) == (RiskLimits(), Locks(), None)
    assert (standing.usage.orders, list(standing.usage.open_cycles), standing.usage.booked) == (0, [], {})


def test_limits_come_back_to_the_paisa_and_are_replaced_whole(stores: Stores) -> None:
    user = stores.add_user()

    stores.risks.set_limits(user.user_id, LIMITS, MOMENT)
    assert stores.risks.standing(user.user_id, TRADING_DAY, MOMENT).limits == LIMITS

    stores.risks.set_limits(user.user_id, RiskLimits(open_strategies=3), LATER)
    assert stores.risks.standing(user.user_id, TRADING_DAY, MOMENT).limits == RiskLimits(open_strategies=3)
    assert kinds(stores, user) == ["limits_changed", "limits_changed"]
    assert audited(stores, user.user_id) == ["risk_limits_changed"] * 2


def test_who_may_loosen_nothing_is_compared_with_what_holds(stores: Stores) -> None:
    user = stores.add_user()
    tighter = replace(LIMITS, open_strategies=1)

    stores.risks.set_limits(user.user_id, LIMITS, MOMENT, may_loosen=False)  # none were set: these are tighter
    stores.risks.set_limits(user.user_id, tighter, MOMENT, may_loosen=False)
    with pytest.raises(FreshCodeNeeded):
        stores.risks.set_limits(user.user_id, LIMITS, LATER, may_loosen=False)

    assert stores.risks.standing(user.user_id, TRADING_DAY, MOMENT).limits == tighter
    assert audited(stores, user.user_id) == ["risk_limits_changed"] * 2


def test_new_limits_leave_the_switch_as_it_is(stores: Stores) -> None:
    user = stores.add_user()
    lock = stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    stores.risks.set_limits(user.user_id, LIMITS, LATER)

    assert stores.risks.locks(user.user_id).user == lock


# --- a user's switch ------------------------------------------------------------------------------


def test_the_switch_goes_on_once_and_is_told_recorded_and_audited(stores: Stores) -> None:
    user = stores.add_user()

    first = stores.risks.lock(user.user_id, by="its owner", reason="enough", now=MOMENT)
    second = stores.risks.lock(user.user_id, by="somebody else", reason=None, now=LATER)

    assert first == second == Lock(MOMENT, "its owner", "enough")
    assert stores.risks.locks(user.user_id) == Locks(user=first)
    assert (kinds(stores, user), told(stores, user)) == (["killed"], ["killed"])
    assert audited(stores, user.user_id) == ["kill_switch_on"]


def test_the_switch_goes_off_once_and_is_told_recorded_and_audited(stores: Stores) -> None:
    user = stores.add_user()
    stores.risks.release(user.user_id, MOMENT)
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    for _ in range(2):
        stores.risks.release(user.user_id, LATER)

    assert stores.risks.locks(user.user_id) == Locks()
    assert (kinds(stores, user), told(stores, user)) == (["killed", "released"], ["killed", "released"])
    assert audited(stores, user.user_id) == ["kill_switch_on", "kill_switch_off"]


def test_it_stays_on_while_anything_is_not_settled(stores: Stores) -> None:
    user = stores.add_user()
    cycle = hold(stores, user)
    lock = stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    with pytest.raises(Conflict, match="not settled"):
        stores.risks.release(user.user_id, LATER)
    assert stores.risks.locks(user.user_id).user == lock

    unknown = replace(cycle.intents[0], state=IntentState.UNKNOWN)
    unsure = replace(cycle, state=CycleState.FAILED, intents=(unknown,))
    stores.ledger.save(Decision(unsure), event=EntryMissed(MOMENT, "-"), now=MOMENT)
    with pytest.raises(Conflict, match="not settled"):
        stores.risks.release(user.user_id, LATER)


def test_another_users_switch_is_another(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    hold(stores, other)
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    assert stores.risks.locks(other.user_id) == Locks()
    stores.risks.release(user.user_id, LATER)
    assert (kinds(stores, other), told(stores, other)) == ([], [])


def test_hostile_words_are_stored_as_far_as_they_can_be(stores: Stores) -> None:
    user = stores.add_user()

    stores.risks.lock(user.user_id, by="its owner", reason="a\x00b\ud800c", now=MOMENT)

    lock = stores.risks.locks(user.user_id).user
    assert lock is not None
    assert lock.reason is not None
    assert lock.reason.startswith("a")


# --- proofs ---------------------------------------------------------------------------------------


def test_a_proof_counts_for_the_switch_it_is_younger_than(stores: Stores) -> None:
    user = stores.add_user()
    proof = FlatProof(LATER, 60_000, (ForeignPosition("NSE", "TCS", "MIS", -7),))
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    stores.risks.record_flat(user.user_id, proof)

    assert stores.risks.standing(user.user_id, TRADING_DAY, LATER).flat == proof
    assert kinds(stores, user)[-1] == told(stores, user)[-1] == "verified_flat"
    assert audited(stores, user.user_id)[-1] == "verified_flat"

    # a switch that is pressed later needs a proof of its own
    stores.risks.release(user.user_id, LATER)
    assert stores.risks.standing(user.user_id, TRADING_DAY, LATER).flat is None
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=LATER + timedelta(hours=1))
    assert stores.risks.standing(user.user_id, TRADING_DAY, LATER).flat is None


def test_an_order_that_surfaces_after_the_proof_takes_it_away(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    flat = hold(stores, user, CycleState.FLAT)
    for each in (user, other):
        stores.risks.lock(each.user_id, by="its owner", reason=None, now=MOMENT)
        stores.risks.record_flat(each.user_id, FlatProof(LATER, 900))
    bought = replace(flat, state=CycleState.LONG, wanted=ExitReason.LATE)

    tell = Tell(NoticeKind.LATE_ORDER, "TCS: an order that surfaced late has bought 10 after all: it is being sold.")
    stores.ledger.save(Decision(bought, (tell,)), event=EntryMissed(LATER, "-"), now=LATER)

    assert stores.risks.standing(user.user_id, TRADING_DAY, LATER).flat is None
    assert stores.risks.standing(other.user_id, TRADING_DAY, LATER).flat == FlatProof(LATER, 900)


def test_that_nothing_was_placed_is_no_proof(stores: Stores) -> None:
    user = stores.add_user()
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    stores.risks.record_nothing_placed(user.user_id, LATER)

    assert stores.risks.standing(user.user_id, TRADING_DAY, LATER).flat == NothingPlaced(LATER)
    assert kinds(stores, user)[-1] == told(stores, user)[-1] == "nothing_placed"
    assert audited(stores, user.user_id)[-1] == "nothing_placed"


def test_the_operators_switch_needs_a_proof_of_each_user_too(stores: Stores) -> None:
    user = stores.add_user()
    stores.risks.record_flat(user.user_id, FlatProof(MOMENT, 1))
    stores.system_risks.lock_deployment(by="ops", reason=None, now=LATER)
    assert stores.risks.standing(user.user_id, TRADING_DAY, LATER).flat is None

    proof = FlatProof(LATER + timedelta(seconds=1), 1000)
    stores.system_risks.record_flat(user.user_id, proof)

    assert stores.risks.standing(user.user_id, TRADING_DAY, LATER).flat == proof


# --- loss limits ----------------------------------------------------------------------------------


def test_a_reached_limit_is_recorded_once_in_its_period(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()

    again = [stores.system_risks.record_breach(user.user_id, BREACH, period=TRADING_DAY, now=MOMENT) for _ in range(2)]
    weekly = replace(BREACH, kind=BreachKind.WEEKLY_LOSS)
    other_kind = stores.system_risks.record_breach(user.user_id, weekly, period=TRADING_DAY, now=MOMENT)
    next_day = stores.system_risks.record_breach(
        user.user_id, BREACH, period=TRADING_DAY + timedelta(days=1), now=LATER
    )
    others = stores.system_risks.record_breach(other.user_id, BREACH, period=TRADING_DAY, now=MOMENT)

    assert (again, other_kind, next_day, others) == ([True, False], True, True, True)
    assert kinds(stores, user) == ["daily_loss", "weekly_loss", "daily_loss"]
    assert told(stores, user) == ["loss_limit"] * 3
    assert audited(stores, user.user_id) == ["risk_limit_reached"] * 3
    event = stores.risks.events(user.user_id, 1)[0]
    assert (event.used, event.limit, event.text) == (BREACH.used, BREACH.limit, BREACH.text)


# --- the operator's switch ------------------------------------------------------------------------


def test_the_operators_switch_goes_on_and_off_once(stores: Stores) -> None:
    user, idle = stores.add_user(), stores.add_user()
    stores.add_strategy(user)
    assert stores.system_risks.deployment() is None

    first = stores.system_risks.lock_deployment(by="ops", reason="exchange trouble", now=MOMENT)
    second = stores.system_risks.lock_deployment(by="ops2", reason=None, now=LATER)
    assert first == second == stores.system_risks.deployment() == Lock(MOMENT, "ops", "exchange trouble")
    assert stores.risks.locks(idle.user_id) == Locks(deployment=first)

    for _ in range(2):
        stores.system_risks.release_deployment(by="ops", now=LATER)
    assert stores.system_risks.deployment() is None
    assert told(stores, user) == ["deployment_killed", "deployment_released"]
    assert told(stores, idle) == []
    assert audited(stores, DEPLOYMENT) == ["kill_switch_on", "kill_switch_again", "kill_switch_off"]


def test_a_release_says_what_the_other_switch_still_keeps_back(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    stores.add_strategy(user)
    stores.add_strategy(other)
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)
    lock = stores.system_risks.lock_deployment(by="ops", reason=None, now=MOMENT)

    assert stores.risks.release(user.user_id, LATER) == Locks(deployment=lock)
    assert texts(stores, user)[-1].endswith("and nothing is bought until that is released too.")
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=LATER)
    stores.system_risks.release_deployment(by="ops", now=LATER)
    assert texts(stores, user)[-1].endswith("and nothing is bought until you release it.")
    assert texts(stores, other)[-1].endswith("running strategies buy again at their next buy time.")
    assert stores.risks.release(user.user_id, LATER) == Locks()
    assert texts(stores, user)[-1].endswith("running strategies buy again at their next buy time.")


def test_whoever_was_told_of_the_operators_switch_is_told_of_its_end(stores: Stores) -> None:
    # given a trader who was told because of a position, and holds and runs nothing any more
    user = stores.add_user()
    cycle = hold(stores, user)
    stores.system_risks.lock_deployment(by="ops", reason=None, now=MOMENT)
    stores.ledger.save(Decision(replace(cycle, state=CycleState.FLAT)), event=EntryMissed(MOMENT, "-"), now=MOMENT)
    stores.system_risks.release_deployment(by="ops", now=LATER)

    assert told(stores, user) == ["deployment_killed", "deployment_released"]


def test_it_stays_on_while_anything_of_anybody_is_not_settled(stores: Stores) -> None:
    cycle = hold(stores, stores.add_user())
    stores.system_risks.lock_deployment(by="ops", reason=None, now=MOMENT)

    with pytest.raises(Conflict, match="not settled"):
        stores.system_risks.release_deployment(by="ops", now=LATER)

    stores.ledger.save(Decision(replace(cycle, state=CycleState.FLAT)), event=EntryMissed(MOMENT, "-"), now=MOMENT)
    stores.system_risks.release_deployment(by="ops", now=LATER)


# --- who is looked after --------------------------------------------------------------------------


def test_watched_are_the_locked_and_whoever_holds_something(stores: Stores) -> None:
    locked, holder, flat, limited = (stores.add_user() for _ in range(4))
    stores.risks.lock(locked.user_id, by="its owner", reason=None, now=MOMENT)
    held = hold(stores, holder)
    hold(stores, flat, CycleState.FLAT)
    stores.risks.set_limits(limited.user_id, LIMITS, MOMENT)

    found = stores.system_risks.watched(TRADING_DAY, MOMENT)

    assert set(found) == {locked.user_id, holder.user_id}
    (cycle,) = found[holder.user_id].usage.open_cycles
    assert (cycle.strategy_id, cycle.user_id, cycle.trading_day) == (held.strategy_id, held.user_id, held.trading_day)
    assert (cycle.state, cycle.open_quantity, cycle.plan.symbol) == (CycleState.LONG, 10, "TCS")


def test_each_watched_user_stands_alone(stores: Stores) -> None:
    # given two users who both hold something, have lost something today, and have orders of this minute
    users = [stores.add_user(), stores.add_user()]
    limits = [RiskLimits(daily_loss=Decimal(10_000 * number)) for number in (1, 2)]
    for number, (user, limit) in enumerate(zip(users, limits, strict=True), start=1):
        stores.risks.set_limits(user.user_id, limit, MOMENT)
        for turn in range(number):
            lose(stores, user, 100 * number)
            hold(stores, user)
            write(stores.ledger, take(stores, user, symbol=f"S{turn}"), {})

    # when the system looks at all of them at once
    found = stores.system_risks.watched(TRADING_DAY, MOMENT)

    # then each is shown with his own only
    assert list(found) == sorted(user.user_id for user in users)
    for number, (user, limit) in enumerate(zip(users, limits, strict=True), start=1):
        standing = found[user.user_id]
        assert standing.limits == limit
        assert {cycle.user_id for cycle in standing.usage.open_cycles} == {user.user_id}
        assert len(standing.usage.open_cycles) == 2 * number
        assert standing.usage.orders == 2 * number
        assert {day: one.realised for day, one in standing.usage.booked.items()} == {
            TRADING_DAY: Decimal(-1000 * number * number)
        }


def test_under_the_operators_switch_whoever_traded_today_is_watched_too(stores: Stores) -> None:
    flat = stores.add_user()
    hold(stores, flat, CycleState.FLAT)
    assert flat.user_id not in stores.system_risks.watched(TRADING_DAY, MOMENT)

    stores.system_risks.lock_deployment(by="ops", reason=None, now=MOMENT)

    assert flat.user_id in stores.system_risks.watched(TRADING_DAY, MOMENT)


def test_results_are_booked_by_day_from_monday_on(stores: Stores) -> None:
    # given ten shares bought and sold again today, on Monday and the day before that
    user = stores.add_user()
    for days in (0, 4, 5):
        cycle = stores.ledger.take(
            stores.add_strategy(user, status=StrategyStatus.STOPPED), TRADING_DAY - timedelta(days=days)
        )
        bought = make_intent(cycle, state=IntentState.DONE, filled=10, average_price=Decimal(3600))
        cycle = replace(cycle, state=CycleState.FLAT, intents=(bought,))
        sold = make_intent(cycle, Leg.EXIT, state=IntentState.DONE, filled=10, average_price=Decimal("3590.05"))
        cycle = replace(cycle, intents=(bought, sold))
        stores.ledger.save(Decision(cycle), event=BookRead(MOMENT, BookReading(MOMENT, (), ())), now=MOMENT)

    booked = stores.risks.standing(user.user_id, TRADING_DAY, MOMENT).usage.booked

    assert sorted(booked) == [TRADING_DAY - timedelta(days=4), TRADING_DAY]
    assert booked[TRADING_DAY] == booked_of(cycle)
    assert booked[TRADING_DAY].realised == Decimal("-99.50")


# --- against entries that are being written -------------------------------------------------------


@contextmanager
def stuck_entry(stores: Stores, store: PostgresStore, user: User) -> Iterator[Cycle]:
    """Within the block a worker has looked at the locks for an entry of the user, and has not committed."""
    cycle = stores.ledger.take(stores.add_strategy(user), TRADING_DAY)
    database = store.open("app_role")
    with database.tenant(user.user_id) as session:
        ledger_writes.store(session, entry_of(cycle), EntryMissed(MOMENT, "-"), MOMENT, logs=(), cause=None, marks={})
        yield cycle
    database.close()


def test_a_lock_waits_for_no_entry_and_what_was_being_written_down_is_there_to_be_sold(
    postgres_store: PostgresStore,
) -> None:
    # given an entry that did not see the lock, in the middle of its transaction
    stores = postgres_stores(postgres_store)
    user, other = stores.add_user(), stores.add_user()
    with stuck_entry(stores, postgres_store, user) as cycle:
        # when everybody's switches are pressed, then all of them are on at once
        began = monotonic()
        locks = [stores.risks.lock(one.user_id, by="x", reason=None, now=MOMENT) for one in (user, other)]
        lock = stores.system_risks.lock_deployment(by="ops", reason=None, now=MOMENT)
        assert monotonic() - began < 1
        for one, own in zip((user, other), locks, strict=True):
            assert stores.risks.locks(one.user_id) == Locks(user=own, deployment=lock)

    # when the entry commits, then it is there, and its last look finds both locks
    assert [one.strategy_id for one in stores.ledger.unsettled_of(user.user_id)] == [cycle.strategy_id]
    obstacle = stores.ledger.check(cycle)
    assert obstacle is not None
    assert obstacle.breach is not None
    with pytest.raises(RiskLocked):
        write(stores.ledger, stores.ledger.take(stores.add_strategy(other), TRADING_DAY))


def test_a_lock_waits_for_nobody_who_saves_a_strategy(postgres_store: PostgresStore) -> None:
    # given a change of a strategy that holds its owner's row while it waits for a worker
    stores = postgres_stores(postgres_store)
    user, database = stores.add_user(), postgres_store.open("app_role")
    with database.tenant(user.user_id) as session:
        hold_undeleted(session, user.user_id)

        began = monotonic()
        stores.risks.lock(user.user_id, by="x", reason=None, now=MOMENT)

        assert monotonic() - began < 1
    database.close()


def test_a_release_waits_for_the_entry_that_is_being_written_down_and_then_sees_it(
    postgres_store: PostgresStore,
) -> None:
    # given an entry that did not see the lock, in the middle of its transaction
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    outcomes: list[str] = []

    def release() -> None:
        try:
            stores.risks.release(user.user_id, LATER)
        except Conflict:
            outcomes.append("refused")

    with stuck_entry(stores, postgres_store, user):
        lock = stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)
        thread = threading.Thread(target=release)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "the release did not wait for the entry"
    thread.join(10)

    assert outcomes == ["refused"]
    assert stores.risks.locks(user.user_id).user == lock


def test_an_entry_that_hangs_gives_its_users_turn_up_before_the_others_lose_patience(
    postgres_store: PostgresStore,
) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    second = stores.ledger.take(stores.add_strategy(user, symbol="INFY", stop_loss=Decimal(100)), TRADING_DAY)

    with pytest.raises(TransactionFailed), stuck_entry(stores, postgres_store, user):
        write(stores.ledger, second)

    assert [one.strategy_id for one in stores.ledger.unsettled_of(user.user_id)] == [second.strategy_id]


def test_limits_are_compared_with_those_that_are_being_stored(postgres_store: PostgresStore) -> None:
    """The change that comes second is tighter than what held at first: compared with that, it would undo the other."""
    stores = postgres_stores(postgres_store)
    user, answers = stores.add_user(), []
    stores.risks.set_limits(user.user_id, RiskLimits(open_strategies=9), MOMENT)

    def tighten_less() -> None:
        try:
            stores.risks.set_limits(user.user_id, RiskLimits(open_strategies=7), LATER, may_loosen=False)
        except FreshCodeNeeded as refused:
            answers.append(refused.code)

    database = postgres_store.open("app_role")
    thread = threading.Thread(target=tighten_less)
    with database.tenant(user.user_id) as session:
        session.execute("update risk_profiles set open_strategies = 5 where user_id = %s", (user.user_id,))
        thread.start()
        thread.join(0.3)
        assert thread.is_alive(), "it did not wait for the other change"
    thread.join(10)
    database.close()

    assert answers == ["FRESH_CODE_NEEDED"]
    assert stores.risks.standing(user.user_id, TRADING_DAY, LATER).limits.open_strategies == 5


def test_a_function_of_one_trader_cannot_touch_the_operators_lock(postgres_store: PostgresStore) -> None:
    import psycopg

    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    for statement in ("delete from deployment_lock", "insert into deployment_lock values (true, now(), 'me', null)"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres_store.app.tenant(user.user_id) as session:
            session.execute(statement)


@pytest.mark.parametrize("table", ["risk_profiles", "risk_events"])
def test_raw_sql_shows_another_traders_risk_to_nobody(postgres_store: PostgresStore, table: str) -> None:
    stores = postgres_stores(postgres_store)
    user, other = stores.add_user(), stores.add_user()
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    with postgres_store.app.tenant(other.user_id) as session:
        rows = session.execute(f"select * from {table}").fetchall()
    assert rows == []
