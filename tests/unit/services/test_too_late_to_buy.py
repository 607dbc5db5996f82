"""Nothing is bought that could only be sold at once or not at all, nor what its owner was told is bought tomorrow."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import CycleState
from algotrading.domain.orders import Side
from algotrading.domain.strategy import StrategyStatus
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import refuses, throttles
from tests.fakes.trading_world import TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def test_a_late_message_within_its_grace_does_not_buy_past_the_sell_time(world: TradingWorld) -> None:
    strategy = world.add_running(buy_time=time(10, 0), sell_time=time(10, 1))
    message = world.command(strategy, OrderEvent.BUY, time(10, 0))
    world.clock.sleep_until(world.at(time(10, 1)))

    cycle = world.executor.handle(message)

    assert world.sent(Side.BUY) == []
    assert cycle is not None
    assert (cycle.state, cycle.intents) == (CycleState.FLAT, ())
    assert world.told() == ["entry_missed"]
    assert world.database.notices[-1].text == "TCS: not bought: 10:01:00, when it was to be sold, has come."


def test_a_late_message_before_the_sell_time_buys(world: TradingWorld) -> None:
    strategy = world.add_running(buy_time=time(10, 0), sell_time=time(10, 1))
    message = world.command(strategy, OrderEvent.BUY, time(10, 0))
    world.clock.sleep_until(world.at(time(10, 1)) - timedelta(seconds=5))

    world.executor.handle(message)

    assert len(world.sent(Side.BUY)) == 1


def test_a_session_that_ends_before_the_buy_time_by_now_is_not_bought_in(world: TradingWorld) -> None:
    # As on the day on which a stock gets derivatives, and with them a closing auction.
    world.instruments.replace_all([replace(make_instrument("TCS"), has_derivatives=True)])
    strategy = world.add_running(buy_time=time(15, 16), sell_time=time(15, 17))

    cycle = world.buy(strategy)

    assert world.sent(Side.BUY) == []
    assert cycle.state is CycleState.FLAT


def test_a_further_attempt_does_not_leave_once_the_sell_time_has_come(world: TradingWorld) -> None:
    strategy = world.add_running(buy_time=time(10, 0), sell_time=time(10, 0, 1))
    world.exchange.plan(refuses(), throttles())

    cycle = world.buy(strategy)

    sent_at = [intent.sent_at for intent in cycle.intents if intent.sent_at is not None]
    assert len(world.sent(Side.BUY)) == 2
    assert all(at < world.at(time(10, 0, 1)) for at in sent_at)
    assert cycle.state is CycleState.FLAT
    assert world.told()[-1] == "entry_missed"


def test_a_message_of_before_a_stop_and_a_start_after_the_buy_time_does_not_buy(world: TradingWorld) -> None:
    # given an entry whose worker died while it waited, and an owner who stopped and started the strategy meanwhile
    strategy = world.add_running()
    message = world.command(strategy, OrderEvent.BUY, time(9, 30))
    stopped = world.change(strategy, status=StrategyStatus.STOPPED)
    world.clock.sleep_until(world.at(time(9, 30, 20)))
    world.change(stopped, status=StrategyStatus.RUNNING, timed_at=world.clock.now())

    # when its message comes again, still within the grace
    world.clock.sleep(20)
    cycle = world.executor.handle(message)

    # then nothing is bought: the answer to the start has named tomorrow
    assert cycle is None
    assert world.sent(Side.BUY) == []


def test_a_start_at_the_buy_time_itself_buys(world: TradingWorld) -> None:
    strategy = world.add_running()
    message = world.command(strategy, OrderEvent.BUY, time(9, 30))
    world.clock.sleep_until(world.at(time(9, 30)))
    world.change(strategy, timed_at=world.clock.now())

    world.executor.handle(message)

    assert len(world.sent(Side.BUY)) == 1
