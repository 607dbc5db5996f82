"""Days on which the broker shows only a part of the truth, and messages or connections are lost beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import CycleState
from algotrading.domain.errors import BrokerUnavailable
from algotrading.domain.orders import Side
from algotrading.domain.strategy import StrategyStatus
from algotrading.ports import Lane
from algotrading.services.worker import Pace
from tests.fakes.broker import MemoryBroker
from tests.fakes.exchange import not_sent, rests, throttles
from tests.fakes.trading_world import TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def refuse_to_answer(*_: Any) -> Any:
    raise BrokerUnavailable("HTTP 503")


def converge(world: TradingWorld) -> None:
    """The next minute's run, and the priority lane after it."""
    world.clock.sleep(60)
    world.converge.run()
    while message := world.queue.receive(Lane.PRIORITY):
        world.executor.handle(message.command)
        world.queue.delete(Lane.PRIORITY, message)


def log_in_again(world: TradingWorld) -> None:
    account = world.accounts.find(world.user_id)
    assert account is not None
    world.accounts.save(replace(account, token_at=world.clock.now(), updated_at=world.clock.now()))


def test_a_stop_sells_what_the_broker_says_is_held_while_the_order_book_is_away(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an entry that was accepted and filled, a book that cannot be read, and positions that can
    strategy = world.add_running()
    monkeypatch.setattr(MemoryBroker, "read_book", refuse_to_answer)
    world.buy(strategy)
    assert world.cycle(strategy).state is CycleState.ENTERING

    # When the price stays below the stop for five minutes
    for _ in range(60):
        world.clock.sleep(5)
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS, price=Decimal(3490)))

    # Then it is sold, once
    assert len(world.sent(Side.SELL)) == 1


def test_a_position_of_the_day_before_is_given_back_to_its_owner(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.clock.sleep_until(world.at(time(9, 15)) + timedelta(days=3))
    log_in_again(world)

    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS, price=Decimal(3490)))
    converge(world)

    assert world.sent(Side.SELL) == []
    assert world.cycle(strategy).state is CycleState.FAILED
    assert world.told()[-1] == "unsettled"


def test_a_position_of_the_day_before_is_not_sold_upon_the_record_alone(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an intraday position that our record does not know settled, and that the broker has squared off since
    strategy = world.add_running()
    world.buy(strategy)
    world.clock.sleep_until(world.at(time(9, 15)) + timedelta(days=3))
    log_in_again(world)
    monkeypatch.setattr(MemoryBroker, "positions", refuse_to_answer)

    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS, price=Decimal(3490)))

    assert world.sent(Side.SELL) == []


def test_orders_that_never_left_do_not_stop_a_strategy(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.exchange.plan(not_sent(), not_sent(), not_sent())

    world.buy(strategy)

    assert world.strategies.get(strategy.user_id, strategy.strategy_id).status is StrategyStatus.RUNNING


@pytest.mark.parametrize(
    ("changed_at", "told"),
    [(time(9, 30, 10), ["buy_accepted", "bought"]), (time(9, 32, 30), ["entry_missed"])],
    ids=["while it may still be bought", "too late"],
)
def test_a_change_of_the_stop_does_not_hide_that_an_entry_was_lost(
    world: TradingWorld, changed_at: time, told: list[str]
) -> None:
    # Given a due time whose alarm and message were lost
    strategy = world.add_running()
    world.clock.sleep_until(world.at(changed_at))

    # When its owner changes the stop right after
    plan = replace(strategy.plan, stop_loss=Decimal(3490))
    world.change(strategy, plan=plan, timed_at=strategy.due_since)
    for _ in range(5):
        converge(world)

    # Then it is bought late, or its owner hears that it was not
    assert world.told() == told


def test_a_buy_time_that_is_new_and_past_is_not_bought_upon(world: TradingWorld) -> None:
    strategy = world.add_running(buy_time=time(11, 0))
    world.clock.sleep_until(world.at(time(9, 30, 10)))

    world.change(strategy, plan=replace(strategy.plan, buy_time=time(9, 29, 55)), timed_at=world.clock.now())
    for _ in range(3):
        converge(world)

    assert world.sent(Side.BUY) == []
    assert world.told() == []


def test_an_exit_that_cannot_leave_is_alarmed_and_told_once(world: TradingWorld) -> None:
    # Given a position whose stop is hit while no connection to the broker comes about
    strategy = world.add_running()
    world.buy(strategy)
    world.exchange.plan(*[not_sent()] * 60)

    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS, price=Decimal(3490)))
    for _ in range(3):
        converge(world)

    # Then everybody hears of it, and its owner once
    assert world.told().count("exit_blocked") == 1
    assert world.meter.counts["ExitBlocked"] > 3
    assert "ExitRefused" not in world.meter.counts


def test_two_exits_that_a_limit_holds_back_for_a_second_each_are_no_news(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.exchange.plan(throttles(), throttles())

    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS, price=Decimal(3490)))

    assert world.cycle(strategy).state is CycleState.FLAT
    assert "exit_blocked" not in world.told()


def test_an_order_that_works_in_the_book_is_not_taken_for_filled_by_what_its_owner_bought(world: TradingWorld) -> None:
    # Given an entry that rests, whose owner cancels it in the broker's app and buys just as many by hand
    strategy = world.add_running()
    world.exchange.plan(rests())
    hasty = replace(world.executor, pace=Pace(follow=1.0))
    world.clock.sleep_until(world.at(time(9, 29, 59)))
    hasty.handle(world.command(strategy, OrderEvent.BUY, strategy.plan.buy_time))
    (entry,) = world.exchange.all_orders()
    world.exchange.cancel(entry)
    world.buy_by_hand("TCS", 10)

    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS, price=Decimal(3490)))

    assert world.sent(Side.SELL) == []
    assert world.cycle(strategy).state is CycleState.FLAT
