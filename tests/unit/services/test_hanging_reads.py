"""What a broker that takes orders and answers no question does to the instant of an order."""

from __future__ import annotations

from datetime import time, timedelta

import pytest

from algotrading.contracts.messages import OrderEvent
from tests.fakes.trading_world import TradingWorld

FOR_EVER = 1e6
"""Seconds."""


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


@pytest.mark.parametrize("has_price", [True, False])
def test_a_buy_leaves_at_its_instant_without_what_the_account_held_before(world: TradingWorld, has_price: bool) -> None:
    strategy = world.add_running()
    if has_price:
        world.runtime.put_price("TCS", world.exchange.prices["NSE:TCS"], world.at(time(9, 29, 55)))
    world.exchange.answer_takes = FOR_EVER

    cycle = world.buy(strategy)

    sent_at = cycle.intents[0].sent_at
    assert sent_at is not None
    assert timedelta(0) <= sent_at - world.at(time(9, 30)) < timedelta(seconds=0.2 if has_price else 0.5)
    assert cycle.held_before is None


def test_what_is_answered_in_time_is_waited_for(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.exchange.answer_takes = 0.15

    cycle = world.buy(strategy)

    assert cycle.held_before == 0
    assert cycle.intents[0].sent_at == world.at(time(9, 30))


def test_a_timed_sale_waits_for_its_quantity_and_says_so(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.exchange.answer_takes = FOR_EVER
    world.clock.sleep_until(world.at(time(14, 58, 30)))

    cycle = world.executor.handle(world.command(strategy, OrderEvent.SELL, time(15, 0)))

    assert cycle is not None
    sent_at = cycle.intents[-1].sent_at
    assert sent_at is not None
    assert timedelta(seconds=1) < sent_at - world.at(time(15, 0)) < timedelta(seconds=5)
    (accepted,) = [text for text in (notice.text for notice in world.database.notices) if "accepted the sell" in text]
    assert "s later: the broker took 5.0 s over what is held" in accepted
