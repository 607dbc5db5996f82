"""Orders leave from the addresses that their broker knows, or nothing is bought."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta

import pytest

from algotrading.adapters.postgres.egress_routes import DeployedRoute
from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import CycleState
from algotrading.domain.orders import Side
from algotrading.domain.strategy import Strategy
from tests.fakes.examples import make_instrument
from tests.fakes.trading_world import TradingWorld

PAIR = DeployedRoute(name="pair", addresses=("13.200.0.1", "13.200.0.2"), proxies=("10.0.1.5:3128", "10.0.2.5:3128"))


@pytest.fixture
def world() -> TradingWorld:
    """Orders are bound to the trader's pair of addresses, and would leave from the first of them."""
    world = TradingWorld(is_bound=True)
    world.database.deploy_routes([PAIR])
    world.accounts.claim_egress(world.user_id)
    world.exchange.outward = {"10.0.1.5:3128": "13.200.0.1", "10.0.2.5:3128": "13.200.0.2"}
    return world


def buy_in_time(world: TradingWorld, strategy: Strategy) -> None:
    world.executor.handle(world.command(strategy, OrderEvent.BUY, strategy.plan.buy_time))


def test_from_an_address_that_the_broker_knows_it_is_bought(world: TradingWorld) -> None:
    strategy = world.add_running()

    buy_in_time(world, strategy)

    assert world.cycle(strategy).state is CycleState.LONG
    assert "EgressWrong" not in world.meter.counts


def test_from_another_address_nothing_is_bought_and_its_owner_hears_which(world: TradingWorld) -> None:
    world.exchange.outward = {"10.0.1.5:3128": "52.66.1.1"}
    strategy = world.add_running()

    buy_in_time(world, strategy)

    assert world.sent(Side.BUY) == []
    cycle = world.cycle(strategy)
    assert "52.66.1.1" in (cycle.note or "")
    assert "13.200.0.1 and 13.200.0.2" in (cycle.note or "")
    assert world.told() == ["entry_missed"]
    assert world.meter.counts["EgressWrong"] == 1


def test_a_way_that_nobody_can_look_at_is_left_to_the_broker(world: TradingWorld) -> None:
    world.exchange.outward = {}
    strategy = world.add_running()

    buy_in_time(world, strategy)

    assert world.cycle(strategy).state is CycleState.LONG
    assert world.meter.counts["EgressUnseen"] == 2


def test_the_second_way_is_looked_at_as_well(world: TradingWorld) -> None:
    world.exchange.outward["10.0.2.5:3128"] = "52.66.1.1"
    strategy = world.add_running()

    buy_in_time(world, strategy)

    assert world.sent(Side.BUY) == []
    assert world.meter.counts["EgressWrong"] == 1


def test_who_has_no_addresses_buys_nothing_and_still_sells(world: TradingWorld) -> None:
    world.instruments.replace_all([make_instrument("TCS"), make_instrument("INFY", instrument_token=7)])
    bought, waiting = world.add_running(), world.add_running(symbol="INFY", buy_time=time(9, 40))
    buy_in_time(world, bought)
    world.database.egress_holders.clear()

    buy_in_time(world, waiting)
    world.executor.handle(world.command(bought, OrderEvent.STOPLOSS))

    assert "no addresses are set aside" in (world.cycle(waiting).note or "")
    assert world.cycle(bought).state is CycleState.FLAT


def test_what_is_right_is_asked_once_a_day_and_anew_on_the_next(world: TradingWorld) -> None:
    route = world.accounts.claim_egress(world.user_id)
    world.way_out.look(route)
    world.exchange.outward["10.0.1.5:3128"] = "52.66.1.1"

    world.way_out.look(route)
    same_day = world.way_out.problem(route)
    world.clock.sleep(timedelta(days=1).total_seconds())
    world.way_out.look(route)

    assert same_day is None
    assert world.way_out.problem(route) is not None


def test_what_was_wrong_is_asked_again_and_forgotten_the_next_day(world: TradingWorld) -> None:
    route = world.accounts.claim_egress(world.user_id)
    right = world.exchange.outward
    world.exchange.outward = {**right, "10.0.1.5:3128": "52.66.1.1"}
    world.way_out.look(route)
    wrong = world.way_out.problem(route)

    world.exchange.outward = right
    world.way_out.look(route)
    mended = world.way_out.problem(route)
    world.exchange.outward = {**right, "10.0.1.5:3128": "52.66.1.1"}
    world.clock.sleep(timedelta(days=1).total_seconds())

    assert (wrong is None, mended) == (False, None)
    assert world.way_out.problem(route) is None


def test_a_way_that_could_not_be_looked_at_is_looked_at_again(world: TradingWorld) -> None:
    route = world.accounts.claim_egress(world.user_id)
    del world.exchange.outward["10.0.2.5:3128"]
    world.way_out.look(route)
    world.exchange.outward["10.0.2.5:3128"] = "52.66.1.1"

    world.way_out.look(route)

    assert world.way_out.problem(route) is not None


def test_an_entry_that_is_due_at_once_is_not_held_up_by_asking(world: TradingWorld) -> None:
    world.exchange.outward = {"10.0.1.5:3128": "52.66.1.1"}
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(9, 29, 50)))

    buy_in_time(world, strategy)

    assert world.cycle(strategy).state is CycleState.LONG


def test_where_orders_are_taken_from_anywhere_nobody_is_asked(world: TradingWorld) -> None:
    free = replace(world.way_out, is_bound=False)

    free.look(None)

    assert free.problem(None) is None
