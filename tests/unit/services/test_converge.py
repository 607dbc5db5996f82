"""Converge finds what was lost: each story loses something, and the next minutes put it right."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import CycleState, ExitReason, IntentState
from algotrading.domain.effects import Decision
from algotrading.domain.errors import BrokerAuthFailed, LockBusy
from algotrading.domain.events import EntryMissed
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.orders import Leg, Side
from algotrading.domain.sessions import instant_of
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.ports import Lane
from tests.fakes.examples import TRADING_DAY, make_instrument, make_intent
from tests.fakes.exchange import loses, refuses, trades
from tests.fakes.trading_world import OPENING, TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def asked(world: TradingWorld) -> list[tuple[Lane, OrderEvent]]:
    return [(lane, command.event) for lane, command in world.queue.sent]


def work_off(world: TradingWorld) -> None:
    """Handle whatever converge has asked for."""
    while message := world.queue.receive(Lane.PRIORITY):
        world.executor.handle(message.command)
        world.queue.delete(Lane.PRIORITY, message)


def bought(world: TradingWorld) -> Strategy:
    strategy = world.add_running()
    world.buy(strategy)
    return strategy


def test_a_quiet_minute_repairs_nothing_but_missing_copies(world: TradingWorld) -> None:
    world.add_running()

    first = world.converge.run()
    second = world.converge.run()

    assert (first.schedules_restored, first.runtime_restored) == (2, 1)
    assert (second.schedules_restored, second.runtime_restored, second.failures) == (0, 0, 0)
    assert asked(world) == []


def test_deleted_schedules_come_back(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.converge.run()
    world.clock.sleep(3600)
    world.schedules.remove(f"{strategy.strategy_id}-BUY")

    assert world.converge.run().schedules_restored == 1
    assert f"{strategy.strategy_id}-BUY" in world.schedules.names()


def test_schedules_of_a_stopped_strategy_go(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.converge.run()
    world.change(strategy, status=StrategyStatus.STOPPED)

    assert world.converge.run().schedules_removed == 2
    assert world.schedules.names() == frozenset()


def test_a_lost_runtime_copy_is_written_again(world: TradingWorld) -> None:
    strategy = bought(world)
    world.runtime.lose_everything()

    world.converge.run()

    assert world.runtime.read_cycles([strategy.strategy_id])[0]["position"] == "bought"
    assert world.runtime.read_strategies([strategy.strategy_id])[0]["status"] == "running"


def test_a_lost_trigger_is_bought_within_its_grace(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(9, 30, 30)))

    world.converge.run()
    work_off(world)

    assert world.cycle(strategy).state is CycleState.LONG
    assert world.meter.counts["TriggerMissed"] == 1


def test_a_lost_trigger_found_too_late_is_recorded_once_and_never_bought(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(9, 40)))

    world.converge.run()
    work_off(world)
    world.clock.sleep(60)
    world.converge.run()

    assert world.cycle(strategy).state is CycleState.FLAT
    assert world.told() == ["entry_missed"]
    assert world.sent(Side.BUY) == []
    assert len(world.queue.sent) == 1


def test_a_strategy_started_after_its_buy_time_waits_for_tomorrow(world: TradingWorld) -> None:
    world.clock.sleep_until(world.at(time(9, 31)))
    world.add_running()

    world.converge.run()

    assert asked(world) == []


def test_a_lost_sell_is_asked_for_until_the_position_is_sold(world: TradingWorld) -> None:
    strategy = bought(world)
    world.clock.sleep_until(world.at(time(15, 0, 10)))

    world.converge.run()
    work_off(world)

    assert world.cycle(strategy).state is CycleState.FLAT
    assert asked(world) == [(Lane.PRIORITY, OrderEvent.SELL)]


def test_a_lost_sell_is_asked_for_also_while_an_absent_order_is_looked_for(world: TradingWorld) -> None:
    strategy = world.add_running(broker_stop=True)
    world.exchange.plan(trades(), loses(placed=False))
    world.buy(strategy)
    for _ in range(6):
        world.clock.sleep(60)
        world.converge.run()
        work_off(world)
    absent = [i.leg for i in world.cycle(strategy).intents if i.state is IntentState.NOT_PLACED]
    world.clock.sleep_until(world.at(time(15, 0, 10)))

    world.converge.run()
    work_off(world)

    assert absent == [Leg.STOP]
    assert world.cycle(strategy).state is CycleState.FLAT


def test_a_position_of_a_stopped_strategy_is_sold(world: TradingWorld) -> None:
    strategy = bought(world)
    world.change(strategy, status=StrategyStatus.STOPPED)

    world.converge.run()
    work_off(world)

    assert world.cycle(strategy).claim is ExitReason.USER


def test_an_exit_that_was_given_up_for_now_is_asked_for_again(world: TradingWorld) -> None:
    strategy = bought(world)
    world.exchange.plan(*(refuses() for _ in range(5)))
    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
    waiting = world.cycle(strategy)

    world.clock.sleep(60)
    world.converge.run()
    work_off(world)

    assert (waiting.state, waiting.wanted) == (CycleState.LONG, ExitReason.STOPLOSS)
    assert world.cycle(strategy).state is CycleState.FLAT


def test_an_unsettled_order_is_looked_up_until_its_outcome_is_proven(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.exchange.plan(loses(placed=False))
    world.buy(strategy)

    for _ in range(5):
        world.clock.sleep(60)
        world.converge.run()
        work_off(world)

    assert world.cycle(strategy).state is CycleState.FLAT
    assert world.cycle(strategy).is_settled


def test_no_order_is_asked_for_while_the_exchange_is_closed(world: TradingWorld) -> None:
    bought(world)
    world.clock.sleep_until(world.at(time(17, 0)))

    world.converge.run()

    assert asked(world) == [(Lane.PRIORITY, OrderEvent.SNAPSHOT)]
    assert world.meter.counts["PositionLeftOpen"] == 1


@pytest.mark.parametrize(
    ("fate", "alarms"),
    [(IntentState.THROTTLED, 0), (IntentState.UNKNOWN, 1), (IntentState.ACCEPTED, 1)],
    ids=str,
)
def test_what_is_open_after_the_close_is_a_position_or_a_buy_that_may_have_bought(
    world: TradingWorld, fate: IntentState, alarms: int
) -> None:
    cycle = world.ledger.take(world.add_running(), TRADING_DAY)
    entering = replace(cycle, state=CycleState.ENTERING, intents=(make_intent(cycle, state=fate),))
    world.ledger.save(Decision(entering, ()), event=EntryMissed(world.clock.now(), "x"), now=world.clock.now())
    world.clock.sleep_until(world.at(time(17, 0)))

    world.converge.run()

    assert world.meter.counts.get("PositionLeftOpen", 0) == alarms


# --- the book sweep -------------------------------------------------------------------------------


def with_positions(world: TradingWorld, number: int) -> list[Strategy]:
    """Strategies of one trader that have all bought, at half past nine."""
    symbols = [f"SYMBOL{position}" for position in range(number)]
    world.instruments.replace_all([make_instrument(symbol) for symbol in ("TCS", *symbols)])
    strategies = [world.add_running(symbol=symbol, stop_loss=Decimal(50), quantity=1) for symbol in symbols]
    for strategy in strategies:
        # Some tests need a while before they get here, and its buy time is waited for since the morning.
        world.database.strategies[strategy.strategy_id] = replace(strategy, timed_at=OPENING)
        world.buy(strategy)
    world.clock.sleep_until(world.at(time(10, 0)))
    return strategies


def seconds_asked(world: TradingWorld) -> Counter[int]:
    """How many looks were asked for in each second since ten o'clock."""
    start = int(1000 * world.at(time(10, 0)).timestamp())
    return Counter((command.timestamp - start) // 1000 for _, command in world.queue.sent)


def test_a_healthy_position_is_looked_at_every_minute(world: TradingWorld) -> None:
    strategy = bought(world)
    world.clock.sleep_until(world.at(time(10, 0)))

    repairs = world.converge.run()
    work_off(world)
    world.clock.sleep(60)
    world.converge.run()

    assert asked(world) == [(Lane.PRIORITY, OrderEvent.RECONCILE)] * 2
    assert {command.cause for _, command in world.queue.sent} == {"sweep"}
    assert (repairs.cycles_swept, repairs.cycles_left_for_later, repairs.orders_found_open) == (1, 0, 0)
    assert world.cycle(strategy).state is CycleState.LONG


def test_looks_of_one_account_never_come_in_a_burst(world: TradingWorld) -> None:
    with_positions(world, 30)

    repairs = world.converge.run()

    assert seconds_asked(world) == dict.fromkeys(range(15), 2)
    assert repairs.cycles_swept == 30


def test_more_positions_than_a_minute_takes_are_looked_at_in_turn(world: TradingWorld) -> None:
    strategies = with_positions(world, 100)

    first = world.converge.run()
    world.clock.sleep_until(world.at(time(10, 1)))
    world.converge.run()

    assert (first.cycles_swept, first.cycles_left_for_later) == (80, 20)
    assert {command.strategy_id for _, command in world.queue.sent} == {s.strategy_id for s in strategies}


def test_what_is_not_proven_is_looked_at_first(world: TradingWorld) -> None:
    world.exchange.plan(loses(placed=True, appears_after=3600))
    lost = world.add_running()
    world.buy(lost)
    with_positions(world, 5)

    world.converge.run()

    (_, first), *rest = world.queue.sent
    assert (first.strategy_id, first.cause) == (lost.strategy_id, "converge")
    assert {command.cause for _, command in rest} == {"sweep"}


def test_a_young_order_is_left_to_its_worker(world: TradingWorld) -> None:
    world.exchange.plan(loses(placed=True, appears_after=3600))
    world.buy(world.add_running())
    world.clock.sleep_until(world.at(time(9, 30, 14)))

    world.converge.run()

    assert asked(world) == []


def test_around_a_timed_exit_the_account_is_left_alone(world: TradingWorld) -> None:
    bought(world)
    world.clock.sleep_until(world.at(time(14, 59, 50)))

    repairs = world.converge.run()

    assert asked(world) == []
    assert repairs.cycles_left_for_later == 1


def test_a_look_does_not_disturb_a_worker(world: TradingWorld) -> None:
    # given a worker that has the strategy in its hands
    strategy = bought(world)
    world.clock.sleep_until(world.at(time(10, 0)))
    world.runtime.lock(strategy.strategy_id, seconds=30)
    epoch = world.cycle(strategy).epoch

    world.converge.run()

    with pytest.raises(LockBusy):
        work_off(world)
    assert world.cycle(strategy).epoch == epoch


def test_a_look_needs_no_runtime_store(world: TradingWorld) -> None:
    strategy = bought(world)
    world.clock.sleep_until(world.at(time(10, 0)))
    epoch = world.cycle(strategy).epoch
    world.runtime.is_down = True

    world.converge.run()
    work_off(world)

    assert world.cycle(strategy).epoch == epoch + 1


# --- notices and copies ---------------------------------------------------------------------------


def test_notices_are_delivered_once(world: TradingWorld) -> None:
    bought(world)

    world.converge.run()
    world.converge.run()

    assert [notice.kind for notice in world.notifier.published] == ["buy_accepted", "bought"]


def test_a_dead_runtime_store_does_not_keep_orders_from_being_repaired(world: TradingWorld) -> None:
    bought(world)
    world.clock.sleep_until(world.at(time(15, 0)) + timedelta(seconds=10))
    world.runtime.is_down = True

    repairs = world.converge.run()

    assert asked(world) == [(Lane.PRIORITY, OrderEvent.SELL)]
    assert repairs.failures == 1
    assert world.meter.counts["RedisDown"] >= 1


def test_a_runtime_copy_that_missed_a_change_is_written_again(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.converge.run()
    world.change(strategy, plan=replace(strategy.plan, stop_loss=Decimal(3400)))

    world.converge.run()

    assert world.runtime.read_strategies([strategy.strategy_id])[0]["stop_loss"] == "3400"


def test_at_the_very_close_a_position_is_still_asked_for(world: TradingWorld) -> None:
    strategy = bought(world)
    hours = NSE_SESSIONS.hours(TRADING_DAY, make_instrument("TCS"))
    assert hours is not None
    world.clock.sleep_until(instant_of(TRADING_DAY, hours.closes))

    world.converge.run()

    assert strategy.strategy_id in {c.strategy_id for _, c in world.queue.sent if c.event is OrderEvent.SELL}


def test_an_exit_that_waits_is_asked_for_also_around_the_sell_time(world: TradingWorld) -> None:
    # Around it, looks that know of no trouble are left out.
    strategy = bought(world)
    world.log_out_of_broker()
    with pytest.raises(BrokerAuthFailed):
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
    world.clock.sleep_until(world.at(time(14, 59, 50)))

    world.converge.run()

    assert OrderEvent.RECONCILE in [command.event for _, command in world.queue.sent]


def test_an_entry_without_an_order_under_way_is_no_mere_look(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(9, 30)))
    cycle = world.ledger.take(strategy, TRADING_DAY)
    held_up = make_intent(cycle, state=IntentState.THROTTLED, created_at=world.clock.now(), due_at=world.clock.now())
    entering = replace(cycle, state=CycleState.ENTERING, intents=(held_up,))
    world.ledger.save(Decision(entering, ()), event=EntryMissed(world.clock.now(), "x"), now=world.clock.now())
    world.clock.sleep(10)

    world.converge.run()

    assert [c.cause for _, c in world.queue.sent if c.event is OrderEvent.RECONCILE] == ["converge"]
