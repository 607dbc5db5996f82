"""The owner changes a strategy in the seconds in which an executor prepares its entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.errors import Conflict, Fenced
from algotrading.domain.instruments import Product
from algotrading.domain.orders import Leg, OrderTicket, Side
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.ports import EntryGate
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import loses
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading_world import TradingWorld

TOKENS = {"TCS": 101, "INFY": 202}


@pytest.fixture
def world() -> TradingWorld:
    world = TradingWorld()
    world.instruments.replace_all([make_instrument(s, instrument_token=token) for s, token in TOKENS.items()])
    world.exchange.prices["NSE:INFY"] = Decimal(1500)
    return world


class _Meanwhile(MemoryLedger):
    """Lets something happen between a worker's take of the cycle and its decision, once."""

    def __init__(self, world: TradingWorld, act: Callable[[], object]) -> None:
        super().__init__(world.database)
        self._act: Callable[[], object] | None = act

    def gate(self, cycle: Cycle) -> EntryGate:
        gate = super().gate(cycle)
        act, self._act = self._act, None
        if act is not None:
            act()
        return gate


def buy_while(world: TradingWorld, strategy: Strategy, act: Callable[[], object]) -> Cycle | None:
    """The worker's BUY with `act` in between, and the same message once more, a second after it was fenced off."""
    world.clock.sleep_until(world.at(time(9, 29)))
    message = world.command(strategy, OrderEvent.BUY, time(9, 30))
    with pytest.raises(Fenced):
        world.make_executor(_Meanwhile(world, act)).handle(message)
    assert world.exchange.received == []
    world.clock.sleep(1)
    return world.executor.handle(message)


@pytest.mark.parametrize(
    "plan",
    [
        {"symbol": "INFY", "stop_loss": Decimal(1400)},
        {"quantity": 20},
        {"product": Product.CNC},
        {"stop_loss": Decimal(3400), "sell_time": time(14)},
    ],
    ids=lambda plan: next(iter(plan)),
)
def test_the_new_plan_is_bought_and_never_the_old_one(world: TradingWorld, plan: dict[str, Any]) -> None:
    # given an executor that has taken the cycle for a strategy whose owner then changes it
    strategy = world.add_running()
    after = replace(strategy.plan, **plan)

    cycle = buy_while(world, strategy, lambda: world.change(strategy, plan=after))

    # then the message that came again has bought what he wants now, within the grace
    assert cycle is not None
    assert (cycle.state, cycle.plan) == (CycleState.LONG, after)
    assert [bought_by(ticket) for ticket in world.sent(Side.BUY)] == [(after.symbol, after.quantity, after.product)]
    sent_at = cycle.intents[0].sent_at
    assert sent_at is not None
    assert world.at(time(9, 30)) <= sent_at <= world.at(time(9, 30)) + timedelta(seconds=2)
    told = world.runtime.changes[-1]
    assert (told.symbol, told.instrument_token, told.armed) == (after.symbol, TOKENS[after.symbol], True)
    assert told.stop_loss == after.stop_loss


def bought_by(ticket: OrderTicket) -> tuple[str, int, Product]:
    return ticket.symbol, ticket.quantity, ticket.product


def test_an_entry_whose_time_has_moved_is_dropped(world: TradingWorld) -> None:
    strategy = world.add_running()
    later = replace(strategy.plan, buy_time=time(10))

    cycle = buy_while(world, strategy, lambda: world.change(strategy, plan=later))

    assert cycle is None
    assert world.exchange.received == []
    assert world.cycle(strategy).state is CycleState.IDLE
    moved = world.executor.handle(world.command(strategy, OrderEvent.BUY, time(10)))
    assert moved is not None
    assert moved.intents[0].sent_at == world.at(time(10))


def test_an_entry_of_a_strategy_that_is_stopped_meanwhile_is_dropped(world: TradingWorld) -> None:
    strategy = world.add_running()

    cycle = buy_while(world, strategy, lambda: world.change(strategy, status=StrategyStatus.STOPPED))

    assert cycle is None
    assert world.exchange.received == []


def test_once_the_entry_is_written_down_the_owner_comes_too_late(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)

    with pytest.raises(Conflict, match="symbol cannot change now"):
        world.change(strategy, plan=replace(strategy.plan, symbol="INFY"))


def test_the_watcher_is_told_the_instrument_of_what_is_held(world: TradingWorld) -> None:
    # given a position in TCS, and a strategy that says INFY, however that came about
    strategy = world.add_running()
    world.buy(strategy)
    elsewhere = replace(strategy, plan=replace(strategy.plan, symbol="INFY"), version=2)
    world.database.strategies[strategy.strategy_id] = elsewhere

    world.executor.handle(world.command(strategy, OrderEvent.SQUARE_OFF))

    assert {(change.symbol, change.instrument_token) for change in world.runtime.changes} == {("TCS", 101)}


# --- the same symbol in two strategies ------------------------------------------------------------


def add_second(world: TradingWorld, buy_time: time = time(12), **plan: Any) -> Strategy:
    """A strategy whose hours begin after the first one's end."""
    return world.add_running(buy_time=buy_time, sell_time=time(15), **plan)


def test_nothing_is_bought_on_top_of_another_strategys_shares(world: TradingWorld) -> None:
    # given a strategy whose shares are still there an hour after they were to be sold
    first = world.add_running(sell_time=time(11))
    second = add_second(world)
    world.buy(first)

    cycle = world.buy(second)

    assert (cycle.state, cycle.intents) == (CycleState.FLAT, ())
    assert len(world.sent(Side.BUY)) == 1
    assert world.told()[-1] == "entry_missed"
    assert "the position of another strategy in TCS is not sold yet; not bought" in world.database.notices[-1].text


def test_another_product_is_another_position(world: TradingWorld) -> None:
    first = world.add_running(sell_time=time(11))
    second = add_second(world, product=Product.CNC)
    world.buy(first)

    assert world.buy(second).state is CycleState.LONG


def test_a_sale_timed_just_before_the_entry_is_waited_for(world: TradingWorld) -> None:
    # given a strategy that sells at 11:00:00 and one that buys the same at 11:00:01
    first = world.add_running(sell_time=time(11))
    second = add_second(world, time(11, 0, 1))
    world.buy(first)
    seller = world.executor

    def sell() -> None:
        seller.handle(world.command(first, OrderEvent.SELL, time(11)))

    # when the second one's worker looks before the first one's has sold
    world.clock.sleep_until(world.at(time(10, 59)))
    message = world.command(second, OrderEvent.BUY, time(11, 0, 1))
    cycle = world.make_executor(_Meanwhile(world, sell)).handle(message)

    # then it buys what is free by then, at its instant
    assert cycle is not None
    assert cycle.state is CycleState.LONG
    assert cycle.intents[0].sent_at == world.at(time(11, 0, 1))
    assert [ticket.side for ticket in world.exchange.received] == [Side.BUY, Side.SELL, Side.BUY]


def test_what_surfaces_of_another_strategy_is_not_sold_as_ones_own(world: TradingWorld) -> None:
    # given a buy that was proven absent, and surfaces after all while a second strategy's buy is of unknown fate
    first = world.add_running(sell_time=time(11))
    second = add_second(world)
    world.exchange.plan(loses(placed=True, appears_after=9_600))
    world.buy(first)
    for _ in range(2):
        world.clock.sleep(180)
        world.executor.handle(world.command(first, OrderEvent.RECONCILE))
    assert world.cycle(first).intents[0].state is IntentState.NOT_PLACED
    world.exchange.plan(loses(placed=False))
    world.buy(second)
    world.clock.sleep_until(world.at(time(12, 15)))

    # when the second one wants to leave
    world.executor.handle(world.command(second, OrderEvent.STOPLOSS))

    # then nothing is sold for it: the ten shares that the broker shows are the first one's
    assert world.sent(Side.SELL) == []
    assert world.cycle(second).open_intents(Leg.EXIT) == ()
