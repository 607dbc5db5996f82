"""Two orders under one mark that surface after their strategy was deleted: what they bought is sold all the same."""

from __future__ import annotations

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import CycleState
from algotrading.domain.orders import Side
from tests.fakes.exchange import loses, trades
from tests.fakes.trading_world import TradingWorld


def test_what_surfaces_twice_of_a_deleted_strategy_is_sold() -> None:
    # given an entry that was proven absent, whose strategy its owner has stopped and deleted
    world = TradingWorld()
    strategy = world.add_running()
    world.exchange.plan(loses(placed=False))
    world.buy(strategy)
    ticket = world.exchange.received[-1]
    for _ in range(6):
        world.clock.sleep(60)
        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))
    assert world.cycle(strategy).has_absent_order
    assert world.cycle(strategy).state is CycleState.FLAT
    world.database.deleted.add(strategy.strategy_id)

    # when it surfaces, twice
    stored = world.accounts.find(world.user_id)
    assert stored is not None
    account = world.exchange.account_of(world.vault.unseal(world.user_id, {"api_key": stored.api_key})["api_key"])
    for _ in range(2):
        world.exchange.place(account, ticket, trades())
    for _ in range(3):
        world.clock.sleep(60)
        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

    # then all of it is sold
    cycle = world.cycle(strategy)
    assert (cycle.bought, cycle.sold, cycle.state) == (20, 20, CycleState.FLAT)
    assert sum(sent.quantity for sent in world.sent(Side.SELL)) == 20
    assert world.meter.counts["DuplicateOrder"] >= 1
