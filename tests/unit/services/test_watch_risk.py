"""Loss limits between entries, and the square-off of one strategy, carried out."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import CycleState, ExitReason
from algotrading.domain.limits import RiskLimits
from algotrading.domain.orders import Side
from algotrading.domain.strategy import StrategyStatus
from algotrading.ports import Lane
from algotrading.services.worker import Pace
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import fills
from tests.fakes.trading_world import TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    """Ten TCS bought at 3600, and a loss limit of 500 rupees a day."""
    world = TradingWorld()
    world.buy(world.add_running())
    world.risks.set_limits(world.user_id, RiskLimits(daily_loss=Decimal(500)), world.clock.now())
    return world


def fall(world: TradingWorld, price: int) -> None:
    """The watcher sees another price."""
    world.exchange.set_price("TCS", Decimal(price))
    world.runtime.put_price("TCS", Decimal(price), world.clock.now())


def converge(world: TradingWorld) -> None:
    """The next minute's run, and the priority lane after it."""
    world.clock.sleep(60)
    world.converge.run()
    while (message := world.queue.receive(Lane.PRIORITY)) is not None:
        world.executor.handle(message.command)
        world.queue.delete(Lane.PRIORITY, message)


def losses(world: TradingWorld) -> list[str]:
    """Loss limits recorded so far."""
    return [row.event.kind for row in world.database.risk_events if row.event.kind.endswith("_loss")]


def test_a_loss_below_the_limit_is_nobodys_business(world: TradingWorld) -> None:
    fall(world, 3560)

    converge(world)

    assert losses(world) == []
    assert "loss_limit" not in world.told()


def test_a_reached_limit_is_told_once_a_day_and_sells_nothing_by_itself(world: TradingWorld) -> None:
    fall(world, 3550)

    for _ in range(3):
        converge(world)

    (strategy,) = world.database.strategies.values()
    assert losses(world) == ["daily_loss"]
    assert world.told().count("loss_limit") == 1
    assert world.meter.counts["LossLimits"] == 1
    assert world.cycle(strategy).state is CycleState.LONG


def test_where_the_profile_says_so_a_reached_limit_sells_what_is_held(world: TradingWorld) -> None:
    limits = RiskLimits(daily_loss=Decimal(500), square_off=True)
    world.risks.set_limits(world.user_id, limits, world.clock.now())
    fall(world, 3550)

    converge(world)

    (strategy,) = world.database.strategies.values()
    cycle = world.cycle(strategy)
    assert (cycle.state, cycle.claim) == (CycleState.FLAT, ExitReason.RISK)
    assert len(world.sent(Side.SELL)) == 1
    assert strategy.status is StrategyStatus.RUNNING


def test_day_and_week_are_told_apart(world: TradingWorld) -> None:
    limits = RiskLimits(daily_loss=Decimal(400), weekly_loss=Decimal(500))
    world.risks.set_limits(world.user_id, limits, world.clock.now())

    fall(world, 3560)
    converge(world)
    assert losses(world) == ["daily_loss"]

    fall(world, 3550)
    converge(world)
    assert losses(world) == ["daily_loss", "weekly_loss"]
    # each is told once in its own period: the trading Friday, and the week of its Monday
    periods = {row.event.kind: row.period for row in world.database.risk_events if row.period is not None}
    assert periods == {"daily_loss": date(2026, 11, 20), "weekly_loss": date(2026, 11, 16)}


def test_while_redis_is_away_an_open_loss_is_not_guessed(world: TradingWorld) -> None:
    fall(world, 3000)
    world.runtime.is_down = True

    world.clock.sleep(60)
    world.converge.run()

    assert losses(world) == []
    assert world.meter.counts["RedisDown"] >= 1


def test_a_killed_user_is_brought_flat_by_the_kill_not_by_the_limit(world: TradingWorld) -> None:
    limits = RiskLimits(daily_loss=Decimal(500), square_off=True)
    world.risks.set_limits(world.user_id, limits, world.clock.now())
    world.risks.lock(world.user_id, by="its owner", reason=None, now=world.clock.now())
    fall(world, 3550)

    converge(world)

    (strategy,) = world.database.strategies.values()
    assert world.cycle(strategy).claim is ExitReason.KILL
    assert OrderEvent.SQUARE_OFF not in {command.event for _, command in world.queue.sent}


class TestSquareOff:
    def test_it_sells_and_the_strategy_runs_on_without_buying_again_that_day(self, world: TradingWorld) -> None:
        (strategy,) = world.database.strategies.values()

        cycle = world.executor.handle(world.command(strategy, OrderEvent.SQUARE_OFF))

        assert cycle is not None
        assert (cycle.state, cycle.claim) == (CycleState.FLAT, ExitReason.SQUARE_OFF)
        assert world.strategies.get(strategy.user_id, strategy.strategy_id).is_running
        # the same day buys no second time
        world.executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))
        assert len(world.sent(Side.BUY)) == 1

    def test_an_idle_cycle_stays_as_it_is(self) -> None:
        world = TradingWorld()
        strategy = world.add_running()
        world.executor.handle(world.command(strategy, OrderEvent.SQUARE_OFF))

        assert world.buy(strategy).state is CycleState.LONG

    def test_a_buy_that_rests_is_cancelled_and_what_it_bought_is_sold(self) -> None:
        world = TradingWorld()
        strategy = world.add_running()
        world.exchange.plan(fills((0.0, 4)))
        world.clock.sleep_until(world.at(time(9, 30)) - timedelta(seconds=1))
        hasty = replace(world.executor, pace=Pace(follow=1.0))
        hasty.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))
        assert world.cycle(strategy).state is CycleState.ENTERING

        cycle = world.executor.handle(world.command(strategy, OrderEvent.SQUARE_OFF))

        assert cycle is not None
        assert (cycle.state, cycle.bought, cycle.sold) == (CycleState.FLAT, 4, 4)


@pytest.mark.parametrize("age", [timedelta(minutes=13), timedelta(minutes=16)])
@pytest.mark.parametrize("seen", [timedelta(seconds=2), timedelta(seconds=4)])
def test_a_share_that_nobody_trades_counts_at_its_last_price_while_a_watcher_sees(
    age: timedelta, seen: timedelta
) -> None:
    # Given a position whose last price, of a while ago, is a loss beyond the limit
    world = TradingWorld()
    world.buy(world.add_running(stop_loss=Decimal(2900)))
    world.runtime.put_price("TCS", Decimal(3000), world.clock.now() - age)
    world.risks.set_limits(world.user_id, RiskLimits(daily_loss=Decimal(500), square_off=True), world.clock.now())

    # When converge looks while watchers see, or while they are away
    world.runtime.is_watched = False
    world.runtime.report_sight(world.clock.now() + timedelta(minutes=1) - seen)
    converge(world)

    # Then it is sold: the price is the market's, or at least young
    is_sold = age < timedelta(minutes=15) or seen < timedelta(seconds=3)
    assert len(world.sent(Side.SELL)) == is_sold


@pytest.mark.parametrize(
    ("age", "bought"),
    [(timedelta(hours=18), CycleState.LONG), (timedelta(minutes=16), CycleState.FLAT)],
    ids=["of the day before", "of this morning"],
)
def test_nothing_is_sold_upon_a_price_of_long_before_and_nothing_bought_upon_todays(
    age: timedelta, bought: CycleState
) -> None:
    # Given a position that is worth what it cost, and a store that knows a price of long before alone
    world = TradingWorld()
    world.instruments.replace_all([make_instrument("TCS"), make_instrument("INFY")])
    world.exchange.set_price("INFY", Decimal(1500))
    world.runtime.is_watched = False
    world.runtime.put_price("TCS", Decimal(3000), world.clock.now() - age)
    world.buy(world.add_running(stop_loss=Decimal(2900)))
    limits = RiskLimits(daily_loss=Decimal(500), square_off=True)
    world.risks.set_limits(world.user_id, limits, world.clock.now())

    # When converge looks, and another strategy is due
    converge(world)
    second = world.buy(world.add_running(symbol="INFY", stop_loss=Decimal(1400), buy_time=time(9, 40)))

    # Then nothing is sold, and it is bought unless the day's last price speaks against it
    assert world.sent(Side.SELL) == []
    assert second.state is bought
