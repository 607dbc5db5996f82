"""Faults that once cost a position its exit, an owner their plan, or a strategy its life."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, IntentState
from algotrading.domain.orders import Side
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.ports import Lane
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemorySchedules
from tests.fakes.examples import TRADING_DAY, make_instrument
from tests.fakes.exchange import fills, loses, refuses, rests, throttles
from tests.fakes.trading_world import OPENING, TradingWorld


class InterruptedClock(VirtualClock):
    """Something happens at a moment while somebody waits."""

    def __init__(self) -> None:
        super().__init__(OPENING)
        self._at: datetime | None = None
        self._act: Callable[[], object] = lambda: None

    def interrupt(self, at: datetime, act: Callable[[], object]) -> None:
        self._at, self._act = at, act

    def sleep_until(self, instant: datetime) -> None:
        if self._at is not None and self.now() < self._at <= instant:
            super().sleep_until(self._at)
            self._at = None
            self._act()
        super().sleep_until(instant)


class DeniedSchedules(MemorySchedules):
    """A client that answers with an exception of its own."""

    def names(self) -> frozenset[str]:
        raise RuntimeError("AccessDeniedException")


@pytest.fixture
def clock() -> InterruptedClock:
    return InterruptedClock()


@pytest.fixture
def world(clock: InterruptedClock) -> TradingWorld:
    return TradingWorld(clock=clock)


def wait_and_buy(world: TradingWorld, strategy: Strategy) -> Cycle | None:
    return world.executor.handle(world.command(strategy, OrderEvent.BUY, strategy.plan.buy_time))


def run_minutes(world: TradingWorld, minutes: int) -> None:
    """Converge every minute, and executors that do what it asks for."""
    for _ in range(minutes):
        world.clock.sleep(60)
        world.converge.run()
        while message := world.queue.receive(Lane.PRIORITY):
            world.executor.handle(message.command)
            world.queue.delete(Lane.PRIORITY, message)


def on_monday(command: OrderCommand) -> OrderCommand:
    """The same message, about the next trading day."""
    assert command.due is not None
    days = timedelta(days=3)
    return command.model_copy(update={"trading_day": TRADING_DAY + days, "due": command.due + days})


class TestWhileTheExecutorWaits:
    def test_a_changed_plan_is_what_trades(self, world: TradingWorld, clock: InterruptedClock) -> None:
        strategy = world.add_running()
        plan = replace(strategy.plan, quantity=3, stop_loss=Decimal(3400))
        clock.interrupt(world.at(time(9, 29, 30)), lambda: world.change(strategy, plan=plan))

        wait_and_buy(world, strategy)

        assert [ticket.quantity for ticket in world.sent(Side.BUY)] == [3]
        assert world.runtime.changes[-1].stop_loss == Decimal(3400)

    def test_another_symbol_is_bought_and_guarded_there(self, world: TradingWorld, clock: InterruptedClock) -> None:
        world.instruments.replace_all([make_instrument("TCS"), make_instrument("INFY", instrument_token=7)])
        world.exchange.set_price("INFY", Decimal(1500))
        strategy = world.add_running()
        plan = replace(strategy.plan, symbol="INFY", stop_loss=Decimal(1400))
        clock.interrupt(world.at(time(9, 29, 30)), lambda: world.change(strategy, plan=plan))

        wait_and_buy(world, strategy)

        assert [ticket.symbol for ticket in world.sent(Side.BUY)] == ["INFY"]
        guarded = world.runtime.changes[-1]
        assert (guarded.symbol, guarded.instrument_token, guarded.stop_loss) == ("INFY", 7, Decimal(1400))

    def test_a_stopped_strategy_does_not_buy(self, world: TradingWorld, clock: InterruptedClock) -> None:
        strategy = world.add_running()
        stop = lambda: world.change(strategy, status=StrategyStatus.STOPPED)  # noqa: E731 - read at the interruption
        clock.interrupt(world.at(time(9, 29, 30)), stop)

        assert wait_and_buy(world, strategy) is None
        assert world.sent(Side.BUY) == []

    def test_a_stop_moved_above_the_price_is_not_bought(self, world: TradingWorld, clock: InterruptedClock) -> None:
        strategy = world.add_running()
        plan = replace(strategy.plan, stop_loss=Decimal(3700))
        clock.interrupt(world.at(time(9, 29, 30)), lambda: world.change(strategy, plan=plan))

        wait_and_buy(world, strategy)

        assert world.told() == ["entry_skipped"]


class TestCancels:
    def test_a_lost_cancel_of_an_exit_is_asked_for_again_and_alarmed(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.exchange.plan(rests())
        world.exchange.plan_cancels(throttles())

        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        run_minutes(world, 3)

        assert world.cycle(strategy).state is CycleState.FLAT
        assert world.meter.counts["CancelRepeated"] >= 1

    def test_a_lost_cancel_of_an_entry_does_not_disable_its_stop(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(fills((0.1, 4)))
        world.exchange.plan_cancels(throttles(), throttles())
        world.buy(strategy)

        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        run_minutes(world, 3)

        assert (world.cycle(strategy).bought, world.cycle(strategy).sold) == (4, 4)


class TestExitsThatDoNotFill:
    def test_they_are_counted_alarmed_told_once_and_spaced_out(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.exchange.plan(*(rests() for _ in range(100)))

        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        run_minutes(world, 15)

        assert len(world.sent(Side.SELL)) < 20
        assert world.meter.counts["ExitUnfilled"] >= 1
        assert world.told().count("exit_unfilled") == 1
        assert world.cycle(strategy).is_armed

    def test_refusals_are_spaced_out_whoever_asks(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.exchange.plan(*(refuses() for _ in range(100)))

        for _ in range(12):
            world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        seconds = (world.clock.now() - world.at(time(9, 30))).total_seconds()

        assert len(world.sent(Side.SELL)) <= 6 + seconds / 6


class TestDays:
    def test_a_book_of_another_day_proves_nothing(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(loses(placed=True, appears_after=1e6))
        world.buy(strategy)
        world.clock.sleep(86_400)

        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        cycle = world.cycle(strategy)
        assert cycle.state is CycleState.FAILED
        assert cycle.intents[0].state is not IntentState.NOT_PLACED
        assert world.told()[-1] == "unsettled"
        assert world.meter.counts["OldCycleOpen"] == 1
        assert not world.strategies.get(strategy.user_id, strategy.strategy_id).is_running

    def test_a_position_left_over_blocks_the_next_days_buy(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        later = on_monday(world.command(strategy, OrderEvent.BUY, time(9, 30)))
        world.log_in_again(at=world.at(time(8, 0)) + timedelta(days=3))

        world.executor.handle(later)

        assert len(world.sent(Side.BUY)) == 1
        assert world.told() == ["buy_accepted", "bought", "entry_missed"]


class TestWhatSurfacesLate:
    def test_an_order_that_was_given_up_is_sold_when_it_surfaces(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(loses(placed=True, appears_after=400))
        world.buy(strategy)

        run_minutes(world, 12)

        cycle = world.cycle(strategy)
        assert (cycle.state, cycle.bought, cycle.sold) == (CycleState.FLAT, 10, 10)
        assert cycle.claim is ExitReason.LATE
        assert world.meter.counts["LateOrder"] == 1
        assert "late_order" in world.told()


class TestLogins:
    def test_yesterdays_login_misses_the_entry_and_leaves_the_strategy_running(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        later = on_monday(world.command(strategy, OrderEvent.BUY, time(9, 30)))
        world.clock.sleep_until(world.at(time(9, 28)) + timedelta(days=3))

        world.executor.handle(later)

        assert world.told() == ["not_ready", "entry_missed"]
        assert world.sent(Side.BUY) == []
        assert world.strategies.get(strategy.user_id, strategy.strategy_id).is_running

    @pytest.mark.parametrize("event", [OrderEvent.BUY, OrderEvent.SELL])
    def test_a_login_during_the_wait_ends_the_old_token_and_not_the_order(
        self, world: TradingWorld, clock: InterruptedClock, event: OrderEvent
    ) -> None:
        # Given an executor that waits for its instant with a token which its owner's next login ends
        strategy = world.add_running()
        due = strategy.plan.buy_time
        if event is OrderEvent.SELL:
            world.buy(strategy)
            due = strategy.plan.sell_time
            clock.sleep_until(world.at(due) - timedelta(seconds=60))
        clock.interrupt(world.at(due) - timedelta(seconds=30), world.renew_broker_token)

        world.executor.handle(world.command(strategy, event, due))

        # Then its order leaves in time, and the broker takes it
        state = CycleState.LONG if event is OrderEvent.BUY else CycleState.FLAT
        assert world.cycle(strategy).state is state
        assert clock.now() < world.at(due) + timedelta(seconds=1)

    def test_a_token_that_died_misses_the_entry_and_leaves_the_strategy_running(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(refuses("TOKEN", "Incorrect access_token.", retryable=False, is_auth=True))

        world.buy(strategy)

        assert world.told() == ["login_refused", "entry_missed"]
        assert world.strategies.get(strategy.user_id, strategy.strategy_id).is_running


def test_a_deleted_strategy_that_still_holds_something_is_sold(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    world.database.deleted.add(strategy.strategy_id)

    run_minutes(world, 1)

    assert world.cycle(strategy).state is CycleState.FLAT


def test_an_order_that_surfaces_after_its_strategy_was_deleted_is_sold(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.exchange.plan(loses(placed=True, appears_after=400.0))
    world.buy(strategy)
    run_minutes(world, 5)
    stopped = world.change(strategy, status=StrategyStatus.STOPPED)
    world.strategies.delete(
        stopped.user_id, stopped.strategy_id, expected_version=stopped.version, now=world.clock.now()
    )

    run_minutes(world, 5)

    assert [order.filled(world.clock.now()) for order in world.exchange.all_orders()] == [10, 10]
    assert world.cycle(strategy).state is CycleState.FLAT


def test_an_order_whose_sender_died_is_alarmed_by_whoever_finds_it(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    cycle = world.cycle(strategy)
    intent = replace(cycle.intents[0], tag="never-sent", attempt=1, leg=cycle.intents[0].leg)
    abandoned = replace(
        intent,
        leg=intent.leg.EXIT,
        state=IntentState.PENDING,
        broker_order_id=None,
        broker_status=None,
        filled=0,
        created_at=world.clock.now(),
        due_at=world.clock.now(),
    )
    key = (strategy.strategy_id, TRADING_DAY)
    exiting = replace(cycle, state=CycleState.EXITING, intents=(*cycle.intents, abandoned), claim=ExitReason.STOPLOSS)
    world.database.cycles[key] = exiting

    run_minutes(world, 1)

    assert world.meter.counts["OrderUnknown"] == 1


def test_a_fault_of_one_service_does_not_keep_converge_from_the_rest(world: TradingWorld) -> None:
    world.schedules = DeniedSchedules()
    world.buy(world.add_running())

    repairs = world.converge.run()

    assert repairs.failures == 1
    assert [notice.kind for notice in world.notifier.published] == ["buy_accepted", "bought"]
