"""ports.Strategies."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from functools import partial
from time import sleep
from typing import Any
from uuid import uuid4

import pytest

from algotrading.adapters.postgres import audit, ledger_writes
from algotrading.adapters.postgres import ledger as postgres_ledger
from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.effects import Decision
from algotrading.domain.errors import AlgotradingError, Conflict, Fenced, NotFound, StrategyOverlap
from algotrading.domain.events import EntryMissed
from algotrading.domain.instruments import Product
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.ports import Strategies
from tests.contract.ports.conftest import Stores, memory_stores, postgres_stores
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_plan
from tests.stores import PostgresStore

MISSED = EntryMissed(MOMENT, "it came too late")


def started(strategy: Strategy) -> Strategy:
    return replace(strategy, status=StrategyStatus.RUNNING, version=strategy.version + 1)


def add_created(stores: Stores, *, count: int = 1, **plan: object) -> list[Strategy]:
    user = stores.add_user()
    return [stores.add_strategy(user, status=StrategyStatus.CREATED, **plan) for _ in range(count)]


def test_an_added_strategy_comes_back_as_it_was(stores: Stores) -> None:
    (strategy,) = add_created(stores, stop_loss=Decimal("3500.05"), buy_time=time(9, 30, 1))

    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == strategy


def test_strategies_are_listed_oldest_first_and_only_ones_own(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    newer = stores.add_strategy(user, status=StrategyStatus.CREATED)
    older = replace(newer, strategy_id=uuid4(), created_at=MOMENT - timedelta(days=1))
    stores.strategies.add(older)
    stores.add_strategy(other, status=StrategyStatus.CREATED)

    assert list(stores.strategies.list_for(user.user_id)) == [older, newer]


def test_another_users_strategy_is_not_found_whatever_is_asked(stores: Stores) -> None:
    (strategy,) = add_created(stores)
    stranger = stores.add_user().user_id

    with pytest.raises(NotFound):
        stores.strategies.get(stranger, strategy.strategy_id)
    with pytest.raises(NotFound):
        stores.strategies.delete(stranger, strategy.strategy_id, expected_version=1, now=MOMENT)
    with pytest.raises(NotFound):
        stores.strategies.save(replace(started(strategy), user_id=stranger), expected_version=1)
    assert not stores.strategies.is_owned(stranger, strategy.strategy_id)
    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == strategy


def test_saving_replaces_the_plan_and_the_status(stores: Stores) -> None:
    (strategy,) = add_created(stores)
    plan = make_plan(symbol="INFY", stop_loss=Decimal("1499.95"), quantity=5, sell_time=time(14))
    later = MOMENT + timedelta(hours=1)
    after = replace(started(strategy), plan=plan, stop_reason="why", updated_at=later, timed_at=later)

    stores.strategies.save(after, expected_version=1)

    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == after


def test_saving_over_a_newer_version_is_a_conflict_and_changes_nothing(stores: Stores) -> None:
    (strategy,) = add_created(stores)
    stores.strategies.save(started(strategy), expected_version=1)

    with pytest.raises(Conflict, match="version 2"):
        stores.strategies.save(replace(strategy, version=2), expected_version=1)

    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == started(strategy)


def test_a_deleted_strategy_is_nowhere_to_be_found(stores: Stores) -> None:
    (strategy,) = add_created(stores)
    stores.strategies.delete(strategy.user_id, strategy.strategy_id, expected_version=1, now=MOMENT)

    with pytest.raises(NotFound):
        stores.strategies.get(strategy.user_id, strategy.strategy_id)
    with pytest.raises(NotFound):
        stores.strategies.delete(strategy.user_id, strategy.strategy_id, expected_version=1, now=MOMENT)
    with pytest.raises(NotFound):
        stores.strategies.save(replace(strategy, version=2), expected_version=1)
    assert list(stores.strategies.list_for(strategy.user_id)) == []
    assert list(stores.system_strategies.running()) == []


def test_a_strategy_stays_its_owners_when_it_is_deleted(stores: Stores) -> None:
    (strategy,) = add_created(stores)

    stores.strategies.delete(strategy.user_id, strategy.strategy_id, expected_version=1, now=MOMENT)

    assert stores.strategies.is_owned(strategy.user_id, strategy.strategy_id)
    assert not stores.strategies.is_owned(strategy.user_id, uuid4())


def test_a_running_or_changed_strategy_is_not_deleted(stores: Stores) -> None:
    running = stores.add_strategy(stores.add_user())
    (newer,) = add_created(stores)

    with pytest.raises(Conflict, match="running"):
        stores.strategies.delete(running.user_id, running.strategy_id, expected_version=1, now=MOMENT)
    with pytest.raises(Conflict, match="version 1"):
        stores.strategies.delete(newer.user_id, newer.strategy_id, expected_version=7, now=MOMENT)

    assert stores.strategies.get(running.user_id, running.strategy_id) == running
    assert stores.strategies.get(newer.user_id, newer.strategy_id) == newer


@pytest.mark.parametrize("state", [CycleState.ENTERING, CycleState.LONG, CycleState.EXITING])
def test_a_strategy_that_may_hold_something_of_an_older_day_is_not_deleted(stores: Stores, state: CycleState) -> None:
    # given a stopped strategy with a cycle that is still open, and a newer one that is over
    strategy = stores.add_strategy(stores.add_user(), status=StrategyStatus.STOPPED)
    older = stores.ledger.take(strategy, TRADING_DAY)
    stores.ledger.save(Decision(replace(older, state=state)), event=MISSED, now=MOMENT)
    newer = stores.ledger.take(strategy, TRADING_DAY + timedelta(days=3))
    stores.ledger.save(Decision(replace(newer, state=CycleState.FLAT)), event=MISSED, now=MOMENT)

    with pytest.raises(Conflict, match="not settled"):
        stores.strategies.delete(strategy.user_id, strategy.strategy_id, expected_version=1, now=MOMENT)

    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == strategy


def test_a_strategy_with_an_order_of_unknown_fate_is_not_deleted(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user(), status=StrategyStatus.STOPPED)
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    unsure = replace(cycle, state=CycleState.FAILED, intents=(make_intent(cycle, state=IntentState.UNKNOWN),))
    stores.ledger.save(Decision(unsure), event=MISSED, now=MOMENT)

    with pytest.raises(Conflict, match="not settled"):
        stores.strategies.delete(strategy.user_id, strategy.strategy_id, expected_version=1, now=MOMENT)


def test_a_worker_that_took_the_cycle_before_the_delete_can_store_nothing_after_it(stores: Stores) -> None:
    # given a worker that has taken the day's cycle and is about to write its order down
    strategy = stores.add_strategy(stores.add_user(), status=StrategyStatus.STOPPED)
    taken = stores.ledger.take(strategy, TRADING_DAY)

    # when the strategy is deleted first
    stores.strategies.delete(strategy.user_id, strategy.strategy_id, expected_version=1, now=MOMENT)

    # then the worker comes too late
    with pytest.raises(Fenced):
        stores.ledger.save(Decision(replace(taken, state=CycleState.ENTERING)), event=MISSED, now=MOMENT)


# --- changed while somebody works -----------------------------------------------------------------


CHANGES: list[dict[str, object]] = [
    {"symbol": "INFY"},
    {"exchange": "BSE"},
    {"quantity": 20},
    {"product": Product.CNC},
    {"buy_time": time(9, 31)},
    {"stop_loss": Decimal(3400)},
]


def changed(strategy: Strategy, **plan: Any) -> Strategy:
    return replace(strategy, plan=replace(strategy.plan, **plan), version=strategy.version + 1)


@pytest.mark.parametrize("plan", CHANGES, ids=lambda plan: next(iter(plan)))
def test_a_worker_that_took_the_cycle_before_a_change_can_store_nothing_after_it(
    stores: Stores, plan: dict[str, object]
) -> None:
    # given a worker that has taken the day's cycle and is about to write its order down
    strategy = stores.add_strategy(stores.add_user())
    taken = stores.ledger.take(strategy, TRADING_DAY)

    # when the owner changes the plan first
    after = changed(strategy, **plan)
    stores.strategies.save(after, expected_version=1)

    # then the worker comes too late, and whoever takes the cycle anew has the new plan
    with pytest.raises(Fenced):
        stores.ledger.check(taken)
    with pytest.raises(Fenced):
        stores.ledger.save(Decision(replace(taken, state=CycleState.ENTERING)), event=MISSED, now=MOMENT)
    again = stores.ledger.take(after, TRADING_DAY)
    assert (again.plan, again.state) == (after.plan, CycleState.IDLE)
    stores.ledger.save(Decision(replace(again, state=CycleState.ENTERING)), event=MISSED, now=MOMENT)


def test_a_refused_change_fences_nobody(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    taken = stores.ledger.take(strategy, TRADING_DAY)

    with pytest.raises(Conflict):
        stores.strategies.save(changed(strategy, symbol="INFY"), expected_version=7)

    stores.ledger.save(Decision(replace(taken, state=CycleState.ENTERING)), event=MISSED, now=MOMENT)


def open_cycle(stores: Stores, strategy: Strategy, state: CycleState, *, day: date = TRADING_DAY) -> Cycle:
    cycle = stores.ledger.take(strategy, day)
    intents = (make_intent(cycle, state=IntentState.UNKNOWN),) if state is CycleState.FAILED else ()
    cycle = replace(cycle, state=state, intents=intents)
    stores.ledger.save(Decision(cycle), event=MISSED, now=MOMENT)
    return cycle


UNSETTLED = [CycleState.ENTERING, CycleState.LONG, CycleState.EXITING, CycleState.FAILED]


@pytest.mark.parametrize("state", UNSETTLED)
@pytest.mark.parametrize("plan", CHANGES[:4], ids=lambda plan: next(iter(plan)))
def test_what_was_bought_cannot_be_changed_while_it_is_not_settled(
    stores: Stores, plan: dict[str, object], state: CycleState
) -> None:
    strategy = stores.add_strategy(stores.add_user())
    cycle = open_cycle(stores, strategy, state)

    with pytest.raises(Conflict, match="holds a position") as refused:
        stores.strategies.save(changed(strategy, **plan), expected_version=1)

    assert [problem.field for problem in refused.value.details] == list(plan)
    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == strategy
    assert stores.ledger.check(cycle) is None


def test_an_older_days_position_fixes_the_plan_too(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    open_cycle(stores, strategy, CycleState.LONG)
    open_cycle(stores, strategy, CycleState.FLAT, day=TRADING_DAY + timedelta(days=3))

    with pytest.raises(Conflict, match="quantity"):
        stores.strategies.save(changed(strategy, quantity=20), expected_version=1)


def test_stop_and_times_of_an_open_cycle_change_and_its_worker_goes_on(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    cycle = open_cycle(stores, strategy, CycleState.LONG)

    after = changed(strategy, stop_loss=Decimal(3400), sell_time=time(14))
    stores.strategies.save(after, expected_version=1)

    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == after
    assert stores.ledger.check(cycle) is None


def test_a_change_waits_for_an_entry_that_is_being_stored_and_is_then_refused(postgres_store: PostgresStore) -> None:
    # given a worker that has written its entry down and has not committed yet
    stores = postgres_stores(postgres_store)
    strategy = stores.add_strategy(stores.add_user())
    taken = stores.ledger.take(strategy, TRADING_DAY)
    entering = Decision(replace(taken, state=CycleState.ENTERING))
    slow = postgres_store.open("app_role")
    outcomes: list[str] = []

    def change() -> None:
        try:
            stores.strategies.save(changed(strategy, symbol="INFY"), expected_version=1)
        except Conflict as refused:
            outcomes.append(refused.message)

    with slow.tenant(strategy.user_id) as session:
        ledger_writes.store(session, entering, MISSED, MOMENT, logs=(), cause=None, marks={})
        owner = threading.Thread(target=change)
        owner.start()
        owner.join(0.3)
        assert owner.is_alive(), "the change did not wait for the entry"

    # when it commits, then the change finds a position
    owner.join(10)
    slow.close()
    assert outcomes == ["the strategy holds a position: symbol cannot change now"]
    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == strategy


class _Halt:
    """Lets whoever calls it wait in the middle of its transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._inner, self._is_first = getattr(module, name), True
        monkeypatch.setattr(module, name, self)

    def __call__(self, *args: Any) -> Any:
        if self._is_first:
            self._is_first = False
            self.reached.set()
            assert self.go_on.wait(10)
        return self._inner(*args)


def test_the_days_first_take_waits_for_a_change_that_is_being_stored(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given an owner whose change is made and not committed, before there is a cycle that it could fence
    stores = postgres_stores(postgres_store)
    strategy = stores.add_strategy(stores.add_user())
    other = postgres_store.open("app_role")
    halt = _Halt(monkeypatch, audit, "append")
    after = changed(strategy, symbol="INFY")
    owner = threading.Thread(target=stores.strategies.save, args=(after,), kwargs={"expected_version": 1})
    owner.start()
    assert halt.reached.wait(10)

    # when a worker that has read the old plan takes the day's first cycle
    worker = threading.Thread(target=PostgresLedger(other).take, args=(strategy, TRADING_DAY))
    worker.start()
    worker.join(0.3)
    was_waiting = worker.is_alive()
    halt.go_on.set()
    for thread in (owner, worker):
        thread.join(10)
    other.close()

    # then it has the cycle only after the change, which it sees by reading the strategy again
    assert was_waiting, "the worker took the cycle past the change"
    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == after


def test_a_change_fences_a_first_take_that_is_not_committed_yet(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a worker in the middle of taking the day's first cycle
    stores = postgres_stores(postgres_store)
    strategy = stores.add_strategy(stores.add_user())
    other = postgres_store.open("app_role")
    halt = _Halt(monkeypatch, postgres_ledger, "_with_intents")
    taken: list[Cycle] = []
    worker = threading.Thread(target=lambda: taken.append(PostgresLedger(other).take(strategy, TRADING_DAY)))
    worker.start()
    assert halt.reached.wait(10)

    # when the owner changes the plan meanwhile
    after = changed(strategy, symbol="INFY")
    owner = threading.Thread(target=stores.strategies.save, args=(after,), kwargs={"expected_version": 1})
    owner.start()
    owner.join(0.3)
    was_waiting = owner.is_alive()
    halt.go_on.set()
    for thread in (worker, owner):
        thread.join(10)
    other.close()

    # then the change has waited, and the worker can store nothing
    assert was_waiting, "the change went past a take"
    with pytest.raises(Fenced):
        stores.ledger.save(Decision(replace(taken[0], state=CycleState.ENTERING)), event=MISSED, now=MOMENT)


# --- side by side ---------------------------------------------------------------------------------


def test_the_system_sees_the_running_strategies_of_every_user(stores: Stores) -> None:
    running = [stores.add_strategy(stores.add_user()) for _ in range(2)]
    add_created(stores)

    assert {s.strategy_id for s in stores.system_strategies.running()} == {s.strategy_id for s in running}


@pytest.mark.parametrize(
    ("buy_time", "sell_time"),
    [
        (time(10), time(11)),
        (time(9), time(15, 30)),
        (time(9), time(9, 45)),
        (time(14), time(15, 20)),
        (time(9), time(9, 30)),
        (time(15), time(15, 20)),
    ],
    ids=["inside", "around", "over the start", "over the end", "meets the start", "meets the end"],
)
def test_two_running_strategies_of_a_user_never_share_a_time_in_a_symbol(
    stores: Stores, buy_time: time, sell_time: time
) -> None:
    # given a strategy that runs from 09:30 to 15:00, and a second one of the same user in the same symbol
    user = stores.add_user()
    stores.add_strategy(user)
    second = stores.add_strategy(user, status=StrategyStatus.CREATED, buy_time=buy_time, sell_time=sell_time)

    with pytest.raises(StrategyOverlap):
        stores.strategies.save(started(second), expected_version=1)

    assert stores.strategies.get(user.user_id, second.strategy_id) == second


@pytest.mark.parametrize(
    "plan",
    [
        {"symbol": "INFY"},
        {"exchange": "BSE"},
        {"buy_time": time(9, 15), "sell_time": time(9, 29, 59)},
        {"buy_time": time(15, 0, 1), "sell_time": time(15, 10)},
    ],
    ids=["another symbol", "another exchange", "before", "after"],
)
def test_strategies_that_do_not_meet_run_side_by_side(stores: Stores, plan: dict[str, object]) -> None:
    user = stores.add_user()
    stores.add_strategy(user)
    second = stores.add_strategy(user, status=StrategyStatus.CREATED, **plan)

    stores.strategies.save(started(second), expected_version=1)

    assert stores.strategies.get(user.user_id, second.strategy_id).is_running


def test_stopped_deleted_and_other_peoples_strategies_are_in_nobodys_way(stores: Stores) -> None:
    # given strategies in the same symbol and hours that do not count
    user = stores.add_user()
    stores.add_strategy(stores.add_user())
    stores.add_strategy(user, status=StrategyStatus.STOPPED)
    deleted = stores.add_strategy(user, status=StrategyStatus.CREATED)
    stores.strategies.delete(user.user_id, deleted.strategy_id, expected_version=1, now=MOMENT)
    strategy = stores.add_strategy(user, status=StrategyStatus.CREATED)

    stores.strategies.save(started(strategy), expected_version=1)

    assert stores.strategies.get(user.user_id, strategy.strategy_id).is_running


def test_a_running_strategy_can_be_changed_in_its_own_place(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    after = changed(strategy, stop_loss=Decimal(3400))

    stores.strategies.save(after, expected_version=1)

    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == after


def start_together(views: list[Strategies], strategies: list[Strategy]) -> list[str]:
    """Start each strategy from its own thread at the same moment; the names of what came out."""
    at_once, outcomes = threading.Barrier(len(strategies)), []

    def start(view: Strategies, strategy: Strategy) -> None:
        at_once.wait(10)
        try:
            view.save(started(strategy), expected_version=1)
        except AlgotradingError as error:
            outcomes.append(type(error).__name__)
        else:
            outcomes.append("started")

    threads = [threading.Thread(target=start, args=pair) for pair in zip(views, strategies, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return sorted(outcomes)


def test_of_overlapping_starts_at_the_same_moment_one_wins_in_memory() -> None:
    stores = memory_stores()
    strategies = add_created(stores, count=4)

    assert start_together([stores.strategies] * 4, strategies) == ["StrategyOverlap"] * 3 + ["started"]


def test_of_overlapping_starts_at_the_same_moment_one_wins_in_postgres(postgres_store: PostgresStore) -> None:
    # given four processes, each with a connection of its own
    strategies = add_created(postgres_stores(postgres_store), count=4)
    databases = [postgres_store.open("app_role") for _ in strategies]

    outcomes = start_together([PostgresStrategies(database) for database in databases], strategies)

    for database in databases:
        database.close()
    assert outcomes == ["StrategyOverlap"] * 3 + ["started"]


@pytest.mark.parametrize("change", ["save", "start", "delete"])
def test_a_change_and_a_decision_that_are_chained_at_once_are_both_stored(
    postgres_store: PostgresStore, change: str
) -> None:
    # given a user whose audit head is busy, a decision that waits for it, and behind that a change of the strategy
    stores = postgres_stores(postgres_store)
    strategy = stores.add_strategy(stores.add_user(), status=StrategyStatus.CREATED)
    # over already, so that the change has no cycle to fence and does not wait for its worker there
    cycle = replace(stores.ledger.take(strategy, TRADING_DAY), state=CycleState.FLAT)
    stores.ledger.save(Decision(cycle), event=MISSED, now=MOMENT)
    other = postgres_store.open("app_role")
    views, outcomes = PostgresStrategies(other), list[object]()
    changes: dict[str, Callable[[], None]] = {
        "save": lambda: views.save(changed(strategy), expected_version=1),
        "start": lambda: views.save(started(strategy), expected_version=1),
        "delete": lambda: views.delete(strategy.user_id, strategy.strategy_id, expected_version=1, now=MOMENT),
    }
    calls = (lambda: stores.ledger.save(Decision(cycle), event=MISSED, now=MOMENT), changes[change])

    def run(call: Callable[[], None]) -> None:
        try:
            call()
        except AlgotradingError as error:
            outcomes.append(error)
        else:
            outcomes.append("stored")

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    with postgres_store.owner() as owner:
        with owner.transaction():
            owner.execute("select from audit_heads where user_id = %s for update", (strategy.user_id,))
            for waiting, thread in enumerate(threads, start=1):
                thread.start()
                _until_so_many_wait(postgres_store, waiting)
        # when it is free again, then neither keeps the other from ending
        for thread in threads:
            thread.join(10)
    other.close()
    assert outcomes == ["stored", "stored"]


def _until_so_many_wait(store: PostgresStore, count: int) -> None:
    """Until `count` transactions of this database wait for a lock."""
    for _ in range(200):
        with store.owner() as owner:
            row = owner.execute(
                "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
            ).fetchone()
        if row is not None and row[0] >= count:
            return
        sleep(0.02)
    raise AssertionError(f"{count} transactions were to wait for a lock")


def test_savers_of_one_strategy_and_its_worker_never_fail(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    strategy = stores.add_strategy(stores.add_user(), status=StrategyStatus.STOPPED)
    cycle = replace(stores.ledger.take(strategy, TRADING_DAY), state=CycleState.ENTERING)
    stores.ledger.save(Decision(cycle), event=MISSED, now=MOMENT)
    databases, failures = [postgres_store.open("app_role") for _ in range(3)], list[AlgotradingError]()

    def decide() -> None:
        PostgresLedger(databases[0]).save(Decision(cycle), event=MISSED, now=MOMENT)

    def change(view: PostgresStrategies) -> None:
        present = view.get(strategy.user_id, strategy.strategy_id)
        with suppress(Conflict):
            view.save(replace(present, version=present.version + 1), expected_version=present.version)

    def repeat(call: Callable[[], None]) -> None:
        try:
            for _ in range(60):
                call()
        except AlgotradingError as error:
            failures.append(error)

    calls = [decide, *(partial(change, PostgresStrategies(database)) for database in databases[1:])]
    threads = [threading.Thread(target=repeat, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for database in databases:
        database.close()
    assert failures == []
