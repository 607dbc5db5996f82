"""ports.Ledger: taking, fencing, and storing decisions whole."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from algotrading.domain.cycle import Cycle, CycleState, ExitReason, IntentState, TurnAnswer
from algotrading.domain.effects import Decision, StopStrategy, Tell
from algotrading.domain.errors import Fenced
from algotrading.domain.events import BookRead, EntryDue, EntryMissed
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import BookReading, BrokerStatus, Fill, Leg, Side
from algotrading.domain.sessions import trading_day_of
from algotrading.domain.strategy import StrategyStatus
from algotrading.ports import Ledger, OrderLog, Watched
from tests.contract.ports.conftest import Stores, memory_stores, postgres_stores
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_plan
from tests.stores import PostgresStore

DUE = EntryDue(MOMENT, MOMENT, Decimal("3520.5"))


def save(ledger: Ledger, cycle: Cycle, *effects: Tell | StopStrategy) -> None:
    ledger.save(Decision(cycle, effects), event=DUE, now=MOMENT)


def entering(cycle: Cycle, **changes: Any) -> Cycle:
    """The cycle with its first entry written down."""
    return replace(cycle, state=CycleState.ENTERING, intents=(make_intent(cycle, **changes),))


def stored(stores: Stores, cycle: Cycle) -> Cycle | None:
    return stores.ledger.find(cycle.user_id, cycle.strategy_id, cycle.trading_day)


# --- taking ---------------------------------------------------------------------------------------


def test_the_first_take_makes_an_idle_cycle_with_the_strategys_plan(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())

    cycle = stores.ledger.take(strategy, TRADING_DAY)

    assert cycle == Cycle(
        strategy.strategy_id, strategy.user_id, strategy.account_id, TRADING_DAY, strategy.plan, epoch=1
    )
    assert stored(stores, cycle) == cycle


def test_each_take_raises_the_epoch_and_fences_off_the_one_before(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    first = stores.ledger.take(strategy, TRADING_DAY)
    second = stores.ledger.take(strategy, TRADING_DAY)

    assert (first.epoch, second.epoch) == (1, 2)
    stores.ledger.check(second)
    with pytest.raises(Fenced):
        stores.ledger.check(first)


def test_a_cycle_that_nobody_took_is_fenced(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    never_taken = Cycle(
        strategy.strategy_id, strategy.user_id, strategy.account_id, TRADING_DAY, strategy.plan, epoch=1
    )

    with pytest.raises(Fenced):
        stores.ledger.check(never_taken)
    with pytest.raises(Fenced):
        save(stores.ledger, never_taken)


def test_days_have_cycles_of_their_own_and_the_latest_is_the_newest(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    monday = stores.ledger.take(strategy, TRADING_DAY + timedelta(days=3))
    friday = stores.ledger.take(strategy, TRADING_DAY)

    assert stores.ledger.latest(strategy.user_id, strategy.strategy_id) == monday
    assert stored(stores, friday) == friday


def test_an_untouched_cycle_follows_the_whole_plan(stores: Stores) -> None:
    # given a cycle in which nothing was ordered
    strategy = stores.add_strategy(stores.add_user())
    stores.ledger.take(strategy, TRADING_DAY)

    # when the trader changes the plan
    plan = make_plan(symbol="INFY", quantity=3, buy_time=time(10), sell_time=time(11), stop_loss=Decimal(1400))
    cycle = stores.ledger.take(replace(strategy, plan=plan), TRADING_DAY)

    assert cycle.plan == plan
    assert stored(stores, cycle) == cycle


def test_an_open_cycle_follows_stop_and_sell_time_only(stores: Stores) -> None:
    # given a cycle with an order
    strategy = stores.add_strategy(stores.add_user())
    save(stores.ledger, entering(stores.ledger.take(strategy, TRADING_DAY)))

    # when the trader changes the plan
    plan = make_plan(quantity=3, buy_time=time(10), sell_time=time(11), stop_loss=Decimal(3400))
    cycle = stores.ledger.take(replace(strategy, plan=plan), TRADING_DAY)

    assert cycle.plan == replace(strategy.plan, sell_time=time(11), stop_loss=Decimal(3400))
    assert stored(stores, cycle) == cycle


def test_an_open_cycle_takes_no_stop_of_another_symbol(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    save(stores.ledger, entering(stores.ledger.take(strategy, TRADING_DAY)))

    elsewhere = make_plan(symbol="INFY", stop_loss=Decimal(1400))
    cycle = stores.ledger.take(replace(strategy, plan=elsewhere), TRADING_DAY)

    assert cycle.plan == strategy.plan


@pytest.mark.parametrize("state", [CycleState.FLAT, CycleState.FAILED])
def test_a_cycle_that_is_over_keeps_the_plan_it_had(stores: Stores, state: CycleState) -> None:
    strategy = stores.add_strategy(stores.add_user())
    save(stores.ledger, replace(stores.ledger.take(strategy, TRADING_DAY), state=state))

    cycle = stores.ledger.take(replace(strategy, plan=make_plan(stop_loss=Decimal(3400))), TRADING_DAY)

    assert cycle.plan == strategy.plan


def take_together(ledgers: list[Ledger], stores: Stores) -> list[int]:
    """Take one new cycle from one thread per ledger at the same moment; the epochs they got."""
    strategy = stores.add_strategy(stores.add_user())
    at_once, epochs = threading.Barrier(len(ledgers)), []

    def take(ledger: Ledger) -> None:
        at_once.wait(10)
        epochs.append(ledger.take(strategy, TRADING_DAY).epoch)

    threads = [threading.Thread(target=take, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return sorted(epochs)


def test_workers_that_take_at_the_same_moment_get_different_epochs_in_memory() -> None:
    stores = memory_stores()

    assert take_together([stores.ledger] * 4, stores) == [1, 2, 3, 4]


def test_workers_that_take_at_the_same_moment_get_different_epochs_in_postgres(postgres_store: PostgresStore) -> None:
    # given four processes, each with a connection of its own
    from algotrading.adapters.postgres.ledger import PostgresLedger

    databases = [postgres_store.open("app_role") for _ in range(4)]

    epochs = take_together([PostgresLedger(database) for database in databases], postgres_stores(postgres_store))

    for database in databases:
        database.close()
    assert epochs == [1, 2, 3, 4]


# --- storing --------------------------------------------------------------------------------------


def test_a_decision_comes_back_with_everything_in_it(stores: Stores) -> None:
    # given a cycle with every field in use
    cycle = stores.take_cycle()
    entry = make_intent(
        cycle,
        state=IntentState.DONE,
        broker_order_id="b1",
        broker_status=BrokerStatus.COMPLETE,
        message="fine",
        filled=10,
        average_price=Decimal("3520.123456"),
        clean_reads=1,
        cancels=2,
        cancel_asked_at=MOMENT,
        cause_at=MOMENT,
        sent_at=MOMENT + timedelta(microseconds=1),
        answered_at=MOMENT + timedelta(milliseconds=80),
    )
    cycle = replace(cycle, intents=(entry,))
    exit_order = make_intent(cycle, Leg.EXIT, state=IntentState.THROTTLED)
    cycle = replace(cycle, intents=(entry, exit_order))
    stop_order = make_intent(
        cycle,
        Leg.STOP,
        state=IntentState.ACCEPTED,
        broker_order_id="b2",
        broker_status=BrokerStatus.WAITING,
        trigger_price=Decimal("3500.05"),
        turned_at=MOMENT + timedelta(seconds=5),
        turn_answer=TurnAnswer.REFUSED,
    )
    cycle = replace(
        cycle,
        plan=replace(cycle.plan, broker_stop=True),
        state=CycleState.EXITING,
        intents=(entry, exit_order, stop_order),
        claim=ExitReason.STOPLOSS,
        wanted=ExitReason.USER,
        closed_outside=2,
        doubted_since=MOMENT,
        doubted_held=3,
        held_before=7,
        is_verified=True,
        naked=timedelta(milliseconds=1234),
        sampled_at=MOMENT,
        sampled_blind=timedelta(milliseconds=99),
        note="why",
    )

    save(stores.ledger, cycle)

    assert stored(stores, cycle) == cycle


def test_an_order_is_brought_up_to_date_by_later_workers(stores: Stores) -> None:
    # given an order written down by one worker
    strategy = stores.add_strategy(stores.add_user())
    save(stores.ledger, entering(stores.ledger.take(strategy, TRADING_DAY)))

    # when another takes over and learns that the broker has it
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    (intent,) = cycle.intents
    cycle = replace(cycle, intents=(replace(intent, state=IntentState.ACCEPTED, broker_order_id="b1"),))
    save(stores.ledger, cycle)

    assert stored(stores, cycle) == cycle


def test_orders_come_back_in_the_order_they_were_made(stores: Stores) -> None:
    cycle = stores.take_cycle()
    for number in range(1, 4):
        cycle = replace(cycle, intents=(*cycle.intents, make_intent(cycle, attempt=number)))
    save(stores.ledger, replace(cycle, intents=cycle.intents[::-1]))

    found = stored(stores, cycle)

    assert found is not None
    assert [intent.attempt for intent in found.intents] == [1, 2, 3]


def test_a_fenced_worker_stores_nothing_at_all(stores: Stores) -> None:
    # given a worker whose cycle another one has taken
    strategy = stores.add_strategy(stores.add_user())
    fenced = stores.ledger.take(strategy, TRADING_DAY)
    current = stores.ledger.take(strategy, TRADING_DAY)

    # when it stores a decision with an order, a log and effects
    decision = Decision(entering(fenced), (Tell(NoticeKind.SOLD, "text"), StopStrategy("why")))
    with pytest.raises(Fenced):
        stores.ledger.save(decision, event=DUE, now=MOMENT, logs=[make_log(fenced)])

    # then nothing of it is there
    assert stored(stores, current) == current
    assert list(stores.ledger.logs(strategy.user_id, strategy.strategy_id)) == []
    assert list(stores.system_outbox.waiting(MOMENT, 10)) == []
    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == strategy


def test_an_order_under_a_key_that_is_taken_never_overwrites_it(stores: Stores) -> None:
    # given an order that one worker wrote down
    strategy = stores.add_strategy(stores.add_user())
    first = entering(stores.ledger.take(strategy, TRADING_DAY))
    save(stores.ledger, first)

    # when a later one, who does not know it, writes its own under the same key
    later = replace(stores.ledger.take(strategy, TRADING_DAY), intents=())
    with pytest.raises(Fenced):
        save(stores.ledger, entering(later, created_at=MOMENT + timedelta(seconds=5)))

    # then the first one stands
    found = stored(stores, later)
    assert found is not None
    assert found.intents == first.intents


def test_a_tag_belongs_to_one_order_only(stores: Stores) -> None:
    one, other = stores.take_cycle(), stores.take_cycle()
    save(stores.ledger, entering(one, tag="tag0"))

    with pytest.raises(Fenced):
        save(stores.ledger, entering(other, tag="tag0"))

    assert stored(stores, other) == other


# --- what goes with it ----------------------------------------------------------------------------


def make_log(cycle: Cycle, **changes: object) -> OrderLog:
    log = OrderLog(uuid4(), cycle.strategy_id, "BUY", MOMENT, {"status": "success"}, "tag0", "b1", "accepted", 80.125)
    return replace(log, **changes)  # type: ignore[arg-type]


def make_fill(trade_id: str, order_id: str = "b1", **changes: object) -> Fill:
    fill = Fill(trade_id, order_id, "NSE", 5, Decimal("3520.05"), MOMENT)
    return replace(fill, **changes)  # type: ignore[arg-type]


def read_book(ledger: Ledger, cycle: Cycle, *fills: Fill) -> None:
    ledger.save(Decision(cycle), event=BookRead(MOMENT, BookReading(MOMENT, (), fills)), now=MOMENT)


def test_fills_of_our_orders_are_kept_once_and_others_never(stores: Stores) -> None:
    # given an order that the broker knows as b1
    cycle = entering(stores.take_cycle(), broker_order_id="b1")
    early, late = make_fill("t2"), make_fill("t1", filled_at=MOMENT + timedelta(seconds=1))

    # when the book is read twice, with a stranger's fill in it
    read_book(stores.ledger, cycle, late, make_fill("t9", "somebody-elses"))
    read_book(stores.ledger, cycle, late, early)

    assert list(stores.ledger.fills(cycle.user_id, cycle.strategy_id)) == [early, late]


def test_fills_with_the_same_trade_id_on_two_exchanges_are_two(stores: Stores) -> None:
    cycle = entering(stores.take_cycle(), broker_order_id="b1")

    read_book(stores.ledger, cycle, make_fill("t1"), make_fill("t1", exchange="BSE"))

    assert len(stores.ledger.fills(cycle.user_id, cycle.strategy_id)) == 2


def test_the_fills_of_one_day_are_read_without_those_of_the_others(stores: Stores) -> None:
    # given a strategy that bought on two days
    today = stores.take_cycle()
    strategy = stores.strategies.get(today.user_id, today.strategy_id)
    yesterday = stores.ledger.take(strategy, TRADING_DAY - timedelta(days=1))
    before, now = make_fill("t1", "b0", filled_at=MOMENT - timedelta(days=1)), make_fill("t2", "b1")
    read_book(stores.ledger, entering(yesterday, broker_order_id="b0"), before)
    read_book(stores.ledger, entering(today, broker_order_id="b1"), now)

    def fills(day: date | None) -> list[Fill]:
        return list(stores.ledger.fills(today.user_id, today.strategy_id, trading_day=day))

    assert (fills(TRADING_DAY), fills(yesterday.trading_day)) == ([now], [before])
    assert (fills(None), fills(TRADING_DAY + timedelta(days=1))) == ([before, now], [])


def test_the_orders_of_every_day_of_a_strategy_are_listed_as_they_stand(stores: Stores) -> None:
    cycle = entering(stores.take_cycle(), broker_order_id="b1")
    save(stores.ledger, cycle)

    assert tuple(stores.ledger.orders(cycle.user_id, cycle.strategy_id)) == cycle.intents
    assert list(stores.ledger.orders(uuid4(), cycle.strategy_id)) == []


def test_the_days_cycles_of_deleted_strategies_are_found(stores: Stores) -> None:
    cycle = stores.take_cycle()
    strategy = stores.strategies.get(cycle.user_id, cycle.strategy_id)
    before = list(stores.ledger.of_deleted(cycle.user_id, cycle.trading_day))
    stopped = replace(strategy, status=StrategyStatus.STOPPED, version=strategy.version + 1)
    stores.strategies.save(stopped, expected_version=strategy.version)
    stores.strategies.delete(cycle.user_id, cycle.strategy_id, expected_version=stopped.version, now=MOMENT)

    (found,) = stores.ledger.of_deleted(cycle.user_id, cycle.trading_day)

    assert (before, found.strategy_id) == ([], cycle.strategy_id)
    assert list(stores.ledger.of_deleted(cycle.user_id, cycle.trading_day - timedelta(days=1))) == []


def test_logs_keep_the_brokers_words_in_order(stores: Stores) -> None:
    cycle = stores.take_cycle()
    first = make_log(cycle, raw_response={"data": {"order_id": "b1", "price": 3520.5, "list": [1, None, True]}})
    second = make_log(cycle, timestamp=MOMENT + timedelta(seconds=1), outcome="COMPLETE", broker_order_id=None)

    stores.ledger.save(Decision(cycle), event=DUE, now=MOMENT, logs=[second, first])

    assert list(stores.ledger.logs(cycle.user_id, cycle.strategy_id)) == [first, second]


def test_logs_are_stored_on_their_own_also_by_whoever_was_fenced_off_and_once(stores: Stores) -> None:
    cycle = stores.take_cycle()
    first, second = make_log(cycle), make_log(cycle, timestamp=MOMENT + timedelta(seconds=1))
    stores.ledger.save(Decision(cycle), event=DUE, now=MOMENT, logs=[first])
    stores.ledger.take(stores.strategies.get(cycle.user_id, cycle.strategy_id), cycle.trading_day)

    stores.ledger.add_logs(cycle.user_id, [first, second])
    stores.ledger.add_logs(cycle.user_id, [second])

    assert list(stores.ledger.logs(cycle.user_id, cycle.strategy_id)) == [first, second]


def test_logs_of_a_time_are_those_from_its_beginning_and_before_its_end(stores: Stores) -> None:
    cycle = stores.take_cycle()
    logs = [make_log(cycle, timestamp=MOMENT + timedelta(seconds=n)) for n in range(4)]
    stores.ledger.add_logs(cycle.user_id, logs)

    begins, ends = logs[1].timestamp, logs[3].timestamp

    read = stores.ledger.logs
    assert list(read(cycle.user_id, cycle.strategy_id, begins=begins, ends=ends)) == logs[1:3]
    assert list(read(cycle.user_id, cycle.strategy_id, begins=begins)) == logs[1:]
    assert list(read(cycle.user_id, cycle.strategy_id, ends=ends)) == logs[:3]


def test_a_tell_is_written_with_its_decision(stores: Stores) -> None:
    cycle = stores.take_cycle()
    save(stores.ledger, cycle, Tell(NoticeKind.BOUGHT, "Bought 10 TCS"))

    notice = stores.outbox.claim(cycle.user_id, MOMENT, lease=timedelta(seconds=30))

    assert notice is not None
    assert (notice.user_id, notice.strategy_id, notice.kind, notice.text, notice.created_at, notice.attempts) == (
        cycle.user_id,
        cycle.strategy_id,
        "bought",
        "Bought 10 TCS",
        MOMENT,
        1,
    )


def test_a_decision_can_stop_its_strategy(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    later = MOMENT + timedelta(seconds=9)

    stores.ledger.save(Decision(cycle, (StopStrategy("no funds"),)), event=DUE, now=later)

    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == replace(
        strategy, status=StrategyStatus.STOPPED, stop_reason="no funds", version=2, updated_at=later
    )


def test_a_strategy_that_is_stopped_already_stays_as_it_is(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user(), status=StrategyStatus.STOPPED)
    cycle = stores.ledger.take(strategy, TRADING_DAY)

    save(stores.ledger, cycle, StopStrategy("no funds"))

    assert stores.strategies.get(strategy.user_id, strategy.strategy_id) == strategy


def test_no_word_of_a_broker_can_keep_a_decision_from_being_stored(stores: Stores) -> None:
    # given words that a database may refuse: NUL, a lone surrogate, not-a-number
    hostile = "a\x00b\ud800c"
    cycle = entering(stores.take_cycle(), message=hostile)
    cycle = replace(cycle, note=hostile)
    raw = {"m": hostile, "n": float("nan")}

    stores.ledger.save(
        Decision(cycle, (Tell(NoticeKind.SOLD, hostile), StopStrategy(hostile))),
        event=EntryMissed(MOMENT, hostile),
        now=MOMENT,
        logs=[make_log(cycle, raw_response=raw)],
    )

    assert len(stores.ledger.logs(cycle.user_id, cycle.strategy_id)) == 1
    assert len(stores.system_outbox.waiting(MOMENT, 10)) == 1


# --- reading --------------------------------------------------------------------------------------


def test_another_user_reads_nothing(stores: Stores) -> None:
    cycle = entering(stores.take_cycle(), broker_order_id="b1")
    event = BookRead(MOMENT, BookReading(MOMENT, (), (make_fill("t1"),)))
    stores.ledger.save(Decision(cycle), event=event, now=MOMENT, logs=[make_log(cycle)])
    stranger, strategy_id = stores.add_user().user_id, cycle.strategy_id

    assert stores.ledger.find(stranger, strategy_id, TRADING_DAY) is None
    assert stores.ledger.latest(stranger, strategy_id) is None
    assert list(stores.ledger.fills(stranger, strategy_id)) == []
    assert list(stores.ledger.logs(stranger, strategy_id)) == []


def test_the_cycles_of_a_day_are_those_of_one_user_and_one_day(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    first, second = (stores.add_strategy(user, symbol=symbol) for symbol in ("TCS", "INFY"))
    today = [entering(stores.ledger.take(first, TRADING_DAY)), stores.ledger.take(second, TRADING_DAY)]
    save(stores.ledger, today[0])
    stores.ledger.take(first, TRADING_DAY - timedelta(days=1))
    stores.ledger.take(stores.add_strategy(other), TRADING_DAY)

    for ledger in (stores.ledger, stores.system_ledger):
        cycles = ledger.of_day(user.user_id, TRADING_DAY)
        assert list(cycles) == sorted(today, key=lambda cycle: cycle.strategy_id)


def test_a_strategy_that_never_traded_has_no_latest_cycle(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())

    assert stores.ledger.latest(strategy.user_id, strategy.strategy_id) is None


def test_unfinished_are_all_that_may_hold_something_or_have_an_open_order(stores: Stores) -> None:
    # given cycles of several users in every state
    cycles = {state: stores.take_cycle() for state in CycleState}
    for state, cycle in cycles.items():
        save(stores.ledger, replace(cycle, state=state))
    late_order = stores.take_cycle()
    late_order = replace(late_order, state=CycleState.FAILED, intents=(make_intent(late_order),))
    save(stores.ledger, late_order)
    settled = stores.take_cycle()
    settled = replace(
        settled, state=CycleState.FLAT, intents=(make_intent(settled, state=IntentState.DONE, broker_order_id="b"),)
    )
    save(stores.ledger, settled)

    found = {cycle.strategy_id: cycle for cycle in stores.system_ledger.unfinished()}

    open_states = (CycleState.ENTERING, CycleState.LONG, CycleState.EXITING)
    assert set(found) == {cycles[state].strategy_id for state in open_states} | {late_order.strategy_id}
    assert found[late_order.strategy_id] == late_order


def test_unfinished_are_those_whose_absent_order_may_surface_and_whose_end_nobody_has_verified(stores: Stores) -> None:
    # given cycles of today that have ended: with an order that was never found, by a sale, and by one that was verified
    today = trading_day_of(datetime.now(UTC))

    def ended(state: IntentState, *, side: Side = Side.BUY, filled: int = 0, is_verified: bool = False) -> Cycle:
        taken = stores.ledger.take(stores.add_strategy(stores.add_user()), today)
        leg = Leg.ENTRY if side is Side.BUY else Leg.EXIT
        intent = make_intent(taken, leg, state=state, filled=filled)
        cycle = replace(taken, state=CycleState.FLAT, intents=(intent,), is_verified=is_verified)
        save(stores.ledger, cycle)
        return cycle

    absent = ended(IntentState.NOT_PLACED)
    sold = ended(IntentState.DONE, side=Side.SELL, filled=10)
    verified = ended(IntentState.DONE, side=Side.SELL, filled=10, is_verified=True)
    refused = ended(IntentState.REFUSED)

    found = {cycle.strategy_id for cycle in stores.system_ledger.unfinished()}

    assert found & {c.strategy_id for c in (absent, sold, verified, refused)} == {absent.strategy_id, sold.strategy_id}


def test_a_watcher_is_told_of_running_strategies_and_of_all_that_may_hold_something(stores: Stores) -> None:
    # given strategies that run, one for each state of a cycle, one without a cycle; and one that does not run
    cycles = {state: stores.take_cycle() for state in CycleState}
    for state, cycle in cycles.items():
        save(stores.ledger, replace(cycle, state=state))
    idle = stores.add_strategy(stores.add_user())
    stores.add_strategy(stores.add_user(), status=StrategyStatus.STOPPED)

    found = {each.strategy_id: each for each in stores.system_ledger.to_watch()}

    held = {CycleState.ENTERING, CycleState.LONG, CycleState.EXITING}
    assert found.keys() == {cycle.strategy_id for cycle in cycles.values()} | {idle.strategy_id}
    for state, cycle in cycles.items():
        plan, day = cycle.plan, TRADING_DAY if state in held else None
        assert found[cycle.strategy_id] == Watched(
            cycle.strategy_id, cycle.user_id, plan.exchange, plan.symbol, plan.stop_loss, plan.quantity, day
        )
    assert found[idle.strategy_id].trading_day is None


def test_what_a_stopped_strategy_holds_is_watched(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user(), status=StrategyStatus.STOPPED)
    save(stores.ledger, entering(stores.ledger.take(strategy, TRADING_DAY)))

    [watched] = stores.system_ledger.to_watch()

    assert (watched.trading_day, watched.stop_loss) == (TRADING_DAY, strategy.plan.stop_loss)


def test_a_watcher_guards_what_was_ordered_by_the_stop_of_todays_plan(stores: Stores) -> None:
    user = stores.add_user()
    strategy = stores.add_strategy(user, status=StrategyStatus.RUNNING)
    save(stores.ledger, entering(stores.ledger.take(strategy, TRADING_DAY - timedelta(days=1))))
    save(stores.ledger, entering(stores.ledger.take(strategy, TRADING_DAY)))
    moved = replace(strategy, plan=replace(strategy.plan, stop_loss=strategy.plan.stop_loss + 7), version=2)
    stores.strategies.save(moved, expected_version=1)

    [watched] = stores.system_ledger.to_watch()

    assert watched.stop_loss == moved.plan.stop_loss
    assert watched.trading_day == TRADING_DAY
    assert stores.system_ledger.to_watch() == [watched]


def test_begun_are_those_asked_for_whose_cycle_of_the_day_is_beyond_idle_of_every_user(stores: Stores) -> None:
    cycles = {state: stores.take_cycle() for state in CycleState}
    for state, cycle in cycles.items():
        save(stores.ledger, replace(cycle, state=state))

    not_asked_for = cycles.pop(CycleState.LONG)
    asked_for = [cycle.strategy_id for cycle in cycles.values()]

    begun = stores.system_ledger.begun([*asked_for, uuid4()], TRADING_DAY)

    assert begun == {cycle.strategy_id for state, cycle in cycles.items() if state is not CycleState.IDLE}
    assert not_asked_for.strategy_id not in begun
    assert stores.system_ledger.begun(asked_for, TRADING_DAY - timedelta(days=1)) == frozenset()
    assert stores.system_ledger.begun([], TRADING_DAY) == frozenset()


def test_unsettled_cycles_of_any_day_are_found_oldest_first(stores: Stores) -> None:
    strategy = stores.add_strategy(stores.add_user())
    other = stores.add_strategy(stores.add_user())
    days = [TRADING_DAY, TRADING_DAY + timedelta(days=3), TRADING_DAY + timedelta(days=4)]
    for day in reversed(days):
        save(stores.ledger, entering(stores.ledger.take(strategy, day)))
    save(stores.ledger, entering(stores.ledger.take(other, TRADING_DAY)))
    settled = stores.ledger.take(strategy, TRADING_DAY + timedelta(days=5))
    save(stores.ledger, replace(settled, state=CycleState.FLAT))

    unsettled = stores.ledger.unsettled(strategy.user_id, strategy.strategy_id)

    assert [cycle.trading_day for cycle in unsettled] == days
    assert stores.ledger.unsettled(other.user_id, strategy.strategy_id) == []
