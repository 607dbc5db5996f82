"""The executor against an exchange in memory: a day's messages, and what was sent because of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from algotrading.brokers.kite.line import Limits
from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import CycleState, ExitReason, IntentState, Position
from algotrading.domain.effects import Decision
from algotrading.domain.errors import BrokerAuthFailed, BrokerUnavailable, Fenced, LockBusy, RedisDown
from algotrading.domain.orders import Side
from algotrading.domain.strategy import Strategy, StrategyStatus
from cdk.functions import PRIORITY_TIMEOUT
from tests.fakes.broker import MemoryBroker
from tests.fakes.exchange import MemoryOrder, fills, loses, refuses, rejects, rests, throttles
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading_world import TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


class TestEntry:
    def test_an_early_message_waits_and_the_order_leaves_at_the_instant(self, world: TradingWorld) -> None:
        strategy = world.add_running()

        cycle = world.buy(strategy)

        intent = cycle.intents[0]
        assert intent.sent_at == world.at(time(9, 30))
        assert intent.created_at < world.at(time(9, 30)) <= intent.created_at + timedelta(seconds=2)
        assert (cycle.state, cycle.position, cycle.bought) == (CycleState.LONG, Position.BOUGHT, 10)

    def test_the_watcher_guards_before_the_order_leaves(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(loses(placed=True))

        world.buy(strategy)

        first = world.runtime.changes[0]
        assert (first.armed, first.stop_loss, first.strategy_id) == (True, Decimal(3500), strategy.strategy_id)

    def test_the_runtime_copy_shows_the_position(self, world: TradingWorld) -> None:
        strategy = world.add_running()

        cycle = world.buy(strategy)

        stored = world.runtime.read_cycles([strategy.strategy_id])[0]
        assert stored["position"] == "bought"
        assert stored["last_action"] == "BUY"
        assert stored["last_buy_order"] == cycle.intents[0].broker_order_id

    def test_the_same_message_twice_buys_once(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        message = world.command(strategy, OrderEvent.BUY, time(9, 30))
        world.buy(strategy)

        world.executor.handle(message)

        assert len(world.sent(Side.BUY)) == 1

    def test_a_strategy_stopped_while_its_message_waits_does_not_buy(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        message = world.command(strategy, OrderEvent.BUY, time(9, 30))
        world.change(strategy, status=StrategyStatus.STOPPED)

        assert world.executor.handle(message) is None
        assert world.sent(Side.BUY) == []

    def test_a_plan_changed_while_its_message_waits_is_what_trades(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        message = world.command(strategy, OrderEvent.BUY, time(9, 30))
        world.change(strategy, plan=replace(strategy.plan, quantity=3))

        world.executor.handle(message)

        assert [ticket.quantity for ticket in world.sent(Side.BUY)] == [3]

    def test_a_buy_time_moved_away_makes_the_old_message_void(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        message = world.command(strategy, OrderEvent.BUY, time(9, 30))
        world.change(strategy, plan=replace(strategy.plan, buy_time=time(11, 0)))

        assert world.executor.handle(message) is None
        assert world.sent(Side.BUY) == []

    def test_a_message_that_comes_after_the_grace_is_recorded_as_missed(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.clock.sleep_until(world.at(time(9, 32, 1)))

        cycle = world.executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        assert cycle is not None
        assert cycle.state is CycleState.FLAT
        assert world.told() == ["entry_missed"]

    def test_a_price_at_the_stop_is_not_bought(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.runtime.put_price("TCS", Decimal(3500), world.at(time(9, 29, 59)))

        world.buy(strategy)

        assert world.told() == ["not_ready", "entry_skipped"]
        assert world.sent(Side.BUY) == []

    def test_without_a_broker_login_the_entry_is_missed_and_told(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.log_out_of_broker()

        world.buy(strategy)

        assert world.told() == ["not_ready", "entry_missed"]

    def test_a_symbol_that_cannot_be_watched_is_not_bought(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.instruments.replace_all([])

        world.buy(strategy)

        assert world.sent(Side.BUY) == []
        assert world.told() == ["not_ready", "entry_missed"]


class TestRefusals:
    def test_three_rejections_stop_the_strategy(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(rejects(), rejects(), rejects())

        cycle = world.buy(strategy)

        stopped = world.strategies.get(strategy.user_id, strategy.strategy_id)
        assert cycle.state is CycleState.FAILED
        assert (stopped.status, stopped.stop_reason) == (StrategyStatus.STOPPED, "Insufficient funds.")
        assert len({ticket.tag for ticket in world.sent(Side.BUY)}) == 3
        assert world.told() == ["buy_accepted"] * 3 + ["entry_refused"]
        assert world.runtime.changes[-1].armed is False
        assert world.runtime.read_strategies([strategy.strategy_id])[0]["status"] == "stopped"

    def test_the_second_attempt_may_succeed(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(refuses())

        assert world.buy(strategy).state is CycleState.LONG

    def test_rate_limits_are_waited_out(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(throttles(), throttles(), throttles(), throttles())

        assert world.buy(strategy).state is CycleState.LONG

    def test_every_answer_is_in_the_order_log(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(refuses())

        world.buy(strategy)

        logs = world.ledger.logs(strategy.user_id, strategy.strategy_id)
        assert [(log.order_type, log.outcome) for log in logs] == [
            ("BUY", "refused"),
            ("BUY", "accepted"),
            ("BUY", "COMPLETE"),
        ]


class TestUnknown:
    def test_a_lost_answer_is_found_in_the_book_and_not_sent_again(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(loses(placed=True, appears_after=1.5))

        cycle = world.buy(strategy)

        assert cycle.state is CycleState.LONG
        assert len(world.sent(Side.BUY)) == 1
        assert world.meter.counts["OrderUnknown"] == 1

    def test_after_an_answer_that_took_all_the_time_the_book_is_still_looked_at(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strategy = world.add_running()
        world.exchange.plan(loses(placed=True, appears_after=8))
        place = world.exchange.place

        def place_and_never_answer(*order: Any) -> MemoryOrder:
            placed = place(*order)
            world.clock.sleep(9)
            return placed

        monkeypatch.setattr(world.exchange, "place", place_and_never_answer)

        assert world.buy(strategy).state is CycleState.LONG

    def test_an_order_that_never_was_is_given_up_only_after_the_evidence(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(loses(placed=False))
        world.buy(strategy)

        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))
        early = world.cycle(strategy)
        world.clock.sleep(180)
        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))
        late = world.cycle(strategy)

        assert early.intents[0].state is IntentState.UNKNOWN
        assert late.intents[0].state is IntentState.NOT_PLACED
        assert late.state is CycleState.FLAT
        assert len(world.sent(Side.BUY)) == 1

    def test_a_worker_that_died_after_sending_is_continued(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        message = world.command(strategy, OrderEvent.BUY, time(9, 30))
        with pytest.raises(_Killed):
            world.make_executor(_DiesAfter(world.ledger, saves=1)).handle(message)
        assert len(world.sent(Side.BUY)) == 1
        world.clock.sleep(31)

        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        assert world.cycle(strategy).state is CycleState.LONG
        assert len(world.sent(Side.BUY)) == 1

    def test_a_worker_that_died_before_sending_does_not_lead_to_a_second_order(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        message = world.command(strategy, OrderEvent.BUY, time(9, 30))
        with pytest.raises(_Killed):
            world.make_executor(_DiesAfter(world.ledger, saves=0)).handle(message)
        world.clock.sleep(31)

        world.executor.handle(message)

        assert world.sent(Side.BUY) == []
        assert world.cycle(strategy).intents[0].state is IntentState.PENDING


class TestExit:
    def test_a_stop_sells_what_is_held(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)

        tick_at = world.clock.now()
        cycle = world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS, tick_at=tick_at))

        assert cycle is not None
        assert (cycle.state, cycle.position, cycle.last_action) == (CycleState.FLAT, Position.SOLD, "STOPLOSS")
        assert [ticket.quantity for ticket in world.sent(Side.SELL)] == [10]
        assert cycle.intents[-1].cause_at == tick_at
        assert world.runtime.changes[-1].armed is False

    def test_the_sell_time_sells_at_its_instant(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.clock.sleep_until(world.at(time(14, 58, 30)))

        cycle = world.executor.handle(world.command(strategy, OrderEvent.SELL, time(15, 0)))

        assert cycle is not None
        assert cycle.intents[-1].sent_at == world.at(time(15, 0))
        assert cycle.last_action == "SELL"

    def test_a_resting_stop_order_sells_at_the_sell_time_and_not_before(self, world: TradingWorld) -> None:
        strategy = world.add_running(broker_stop=True)
        world.buy(strategy)
        world.clock.sleep_until(world.at(time(14, 58, 30)))

        cycle = world.executor.handle(world.command(strategy, OrderEvent.SELL, time(15, 0)))

        (stop,) = [order for order in world.exchange.all_orders() if order.ticket.side is Side.SELL]
        assert [execution.at for execution in stop.executions] == [world.at(time(15, 0))]
        assert cycle is not None
        assert cycle.state is CycleState.FLAT

    def test_an_entry_not_looked_after_by_the_sell_time_is_not_sold_before_it(self, world: TradingWorld) -> None:
        strategy = world.add_running(sell_time=time(9, 30, 30))
        worker = world.make_executor(_DiesAfter(world.ledger, saves=1))
        with pytest.raises(_Killed):
            worker.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        world.executor.handle(world.command(strategy, OrderEvent.SELL, time(9, 30, 30)))

        sold_at = [order.placed_at for order in world.exchange.all_orders() if order.ticket.side is Side.SELL]
        assert sold_at == [world.at(time(9, 30, 30))]

    def test_whoever_takes_a_timed_exit_over_does_not_sell_before_its_time(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Nobody knows what was held before, so that the book has to show what the entry bought.
        strategy = world.add_running(sell_time=time(9, 30, 30))
        monkeypatch.setattr(MemoryBroker, "positions", _refuse_to_answer)
        with pytest.raises(_Killed):
            world.make_executor(_DiesAfter(world.ledger, saves=2)).handle(
                world.command(strategy, OrderEvent.BUY, time(9, 30))
            )
        monkeypatch.undo()
        with pytest.raises(_Killed):
            world.make_executor(_DiesAfter(world.ledger, saves=0)).handle(
                world.command(strategy, OrderEvent.SELL, time(9, 30, 30))
            )
        wanted_at = world.clock.now()

        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        sold_at = [order.placed_at for order in world.exchange.all_orders() if order.ticket.side is Side.SELL]
        assert wanted_at < world.at(time(9, 30, 30))
        assert sold_at == [world.at(time(9, 30, 30))]

    def test_a_stop_before_the_sell_time_leaves_nothing_for_it(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        world.clock.sleep_until(world.at(time(14, 59)))

        world.executor.handle(world.command(strategy, OrderEvent.SELL, time(15, 0)))

        assert len(world.sent(Side.SELL)) == 1

    def test_a_refused_exit_is_tried_again_until_flat(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.exchange.plan(refuses(), rejects())

        cycle = world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

        assert cycle is not None
        assert cycle.state is CycleState.FLAT
        assert world.meter.counts["ExitRefused"] == 2
        assert world.told() == ["buy_accepted", "bought", "exit_refused", "sell_accepted", "sell_accepted", "sold"]

    def test_a_resting_exit_is_replaced(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.exchange.plan(fills((0.0, 4)))

        cycle = world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

        assert cycle is not None
        assert cycle.state is CycleState.FLAT
        assert [ticket.quantity for ticket in world.sent(Side.SELL)] == [10, 6]

    def test_what_the_trader_sold_by_hand_is_not_sold_again(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        account = world.executor.sessions.open(strategy.user_id, first_account_of(strategy.user_id))
        ticket = replace(world.exchange.received[0], side=Side.SELL, tag="byhand")
        account.place_order(ticket)

        cycle = world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

        assert cycle is not None
        assert (cycle.state, cycle.closed_outside) == (CycleState.FLAT, 10)
        assert world.meter.counts["ClosedOutside"] == 1
        assert [ticket.tag for ticket in world.sent(Side.SELL)] == ["byhand"]

    def test_the_owner_stopping_sells_at_once(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.change(strategy, status=StrategyStatus.STOPPED)

        cycle = world.executor.handle(world.command(strategy, OrderEvent.STOP))

        assert cycle is not None
        assert (cycle.state, cycle.claim) == (CycleState.FLAT, ExitReason.USER)

    def test_a_stop_during_a_resting_entry_cancels_it_and_sells_the_filled_part(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(fills((0.0, 3)))
        world.buy(strategy)

        cycle = world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

        assert cycle is not None
        assert (cycle.bought, cycle.sold, cycle.state) == (3, 3, CycleState.FLAT)

    def test_without_a_login_the_exit_stays_wanted_and_the_message_comes_again(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.log_out_of_broker()

        with pytest.raises(BrokerAuthFailed):
            world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

        assert world.cycle(strategy).wanted is ExitReason.STOPLOSS
        assert world.cycle(strategy).is_armed
        assert world.meter.counts["ExitBlocked"] == 1

    def test_an_unreadable_position_does_not_keep_an_exit_from_leaving(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.exchange.is_down = True
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        world.exchange.is_down = False

        cycle = world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        assert cycle is not None
        assert cycle.state is CycleState.FLAT
        assert world.meter.counts["PositionReadFailed"] >= 1

    @pytest.mark.parametrize("is_wanted_already", [False, True])
    def test_positions_that_hang_hold_no_exit_up_for_longer_than_its_worker_lives(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch, is_wanted_already: bool
    ) -> None:
        # given a broker that takes orders, and whose answer about positions does not come
        strategy = world.add_running()
        world.buy(strategy)
        world.clock.sleep(120)
        if is_wanted_already:
            cycle = world.cycle(strategy)
            world.database.cycles[cycle.strategy_id, cycle.trading_day] = replace(cycle, wanted=ExitReason.STOPLOSS)

        def hang(_: MemoryBroker) -> None:
            world.clock.sleep(Limits().connect_seconds + Limits().read_seconds)
            raise BrokerUnavailable("no answer")

        monkeypatch.setattr(MemoryBroker, "positions", hang)
        asked_at = world.clock.now()
        event = OrderEvent.RECONCILE if is_wanted_already else OrderEvent.STOPLOSS
        leaves = world.executor.handle(world.command(strategy, event))

        # then the exit leaves by what our trades say, while a worker of the priority lane is alive
        assert leaves is not None
        sent_at = leaves.intents[-1].sent_at
        assert sent_at is not None
        assert (sent_at - asked_at).total_seconds() < PRIORITY_TIMEOUT / 2
        assert (leaves.state, leaves.sold) == (CycleState.FLAT, 10)
        assert world.meter.counts["UnconfirmedExit"] == 1


class TestRedisAway:
    def test_an_entry_is_not_sent_and_its_message_comes_again(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.runtime.is_down = True

        with pytest.raises(RedisDown):
            world.buy(strategy)

        assert world.sent(Side.BUY) == []
        assert world.meter.counts["RedisDown"] >= 1

    def test_an_entry_whose_guard_cannot_be_announced_is_not_sent(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        executor = world.make_executor(_TakesRedisAway(world.ledger, world))
        message = world.command(strategy, OrderEvent.BUY, time(9, 30))

        executor.handle(message)
        for _ in range(3):
            world.clock.sleep(60)
            executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        assert world.sent(Side.BUY) == []
        assert world.cycle(strategy).state is CycleState.FLAT
        assert world.told() == ["entry_missed"]
        assert world.strategies.get(strategy.user_id, strategy.strategy_id).is_running

    def test_an_entry_held_back_for_a_moment_leaves_when_redis_is_back(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        executor = world.make_executor(_TakesRedisAway(world.ledger, world, saves=2))

        cycle = executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        assert cycle is not None
        assert cycle.state is CycleState.LONG
        assert len(world.sent(Side.BUY)) == 1

    def test_an_entry_that_is_tried_again_before_its_instant_waits_for_it(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        executor = world.make_executor(_TakesRedisAway(world.ledger, world, saves=2))

        cycle = executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        assert cycle is not None
        assert [intent.created_at < world.at(time(9, 30)) for intent in cycle.intents] == [True, True]
        assert cycle.intents[1].sent_at == world.at(time(9, 30))

    def test_an_exit_goes_on(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.runtime.is_down = True

        cycle = world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

        assert cycle is not None
        assert cycle.state is CycleState.FLAT


class TestTwoWorkers:
    def test_an_entry_leaves_a_locked_strategy_alone(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.clock.sleep_until(world.at(time(9, 29, 55)))
        world.runtime.lock(strategy.strategy_id, seconds=60)

        with pytest.raises(LockBusy):
            world.buy(strategy)

        assert world.sent(Side.BUY) == []

    def test_an_exit_takes_over_from_a_dead_worker(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.runtime.lock(strategy.strategy_id, seconds=600)

        cycle = world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

        assert cycle is not None
        assert cycle.state is CycleState.FLAT

    def test_a_worker_that_was_fenced_off_during_its_back_off_sends_nothing_more(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.exchange.plan(refuses(), rests())
        ledger = _TakenOverAfter(world.ledger, saves=2, strategy=strategy)

        with pytest.raises(Fenced):
            world.make_executor(ledger).handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        assert len(world.sent(Side.BUY)) == 1


def _refuse_to_answer(*_: Any) -> Any:
    raise BrokerUnavailable("HTTP 503")


class _Killed(BaseException):
    """The process is gone: nothing catches this."""


class _LedgerInFront:
    """Passes everything on to a ledger."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger
        self._saves = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def save(self, decision: Decision, **more: Any) -> None:
        self._ledger.save(decision, **more)
        self._saves += 1


class _DiesAfter(_LedgerInFront):
    """The worker dies at the next save after `saves` of them; with none, right after its first."""

    def __init__(self, ledger: MemoryLedger, *, saves: int) -> None:
        super().__init__(ledger)
        self._allowed = saves

    def save(self, decision: Decision, **more: Any) -> None:
        if self._saves == self._allowed and self._allowed > 0:
            raise _Killed
        super().save(decision, **more)
        if self._allowed == 0:
            raise _Killed


class _TakesRedisAway(_LedgerInFront):
    """Redis dies right after the entry's intent was committed; back after `saves` of them, if given."""

    def __init__(self, ledger: MemoryLedger, world: TradingWorld, saves: float = float("inf")) -> None:
        super().__init__(ledger)
        self._world = world
        self._until = saves

    def save(self, decision: Decision, **more: Any) -> None:
        super().save(decision, **more)
        self._world.runtime.is_down = self._saves < self._until


class _TakenOverAfter(_LedgerInFront):
    """Another worker takes the cycle right after the given save."""

    def __init__(self, ledger: MemoryLedger, *, saves: int, strategy: Any) -> None:
        super().__init__(ledger)
        self._allowed = saves
        self._strategy = strategy

    def save(self, decision: Decision, **more: Any) -> None:
        super().save(decision, **more)
        if self._saves == self._allowed:
            self._ledger.take(self._strategy, decision.cycle.trading_day)


class _StoppedAfterTheIntent(_LedgerInFront):
    """The owner stops the strategy right after the entry's intent was committed."""

    def __init__(self, ledger: MemoryLedger, world: TradingWorld, strategy: Strategy) -> None:
        super().__init__(ledger)
        self._world = world
        self._strategy = strategy

    def save(self, decision: Decision, **more: Any) -> None:
        super().save(decision, **more)
        if self._saves == 1:
            self._world.change(self._strategy, status=StrategyStatus.STOPPED)


def test_a_strategy_stopped_in_the_last_second_before_its_buy_does_not_buy(world: TradingWorld) -> None:
    strategy = world.add_running()
    executor = world.make_executor(_StoppedAfterTheIntent(world.ledger, world, strategy))

    executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

    assert world.sent(Side.BUY) == []
    assert world.cycle(strategy).state is CycleState.FLAT
    assert world.runtime.changes[-1].armed is False


def test_a_login_while_the_executor_waits_is_used() -> None:
    # Given a trader who logs in at the broker 40 s before his buy, when the executor has looked already
    world = TradingWorld()
    strategy = world.add_running()
    account = world.accounts.find(world.user_id)
    assert account is not None
    world.log_out_of_broker()
    sleep_until, logged_in_at = world.clock.sleep_until, world.at(time(9, 29, 20))

    def sleep_and_log_in(instant: datetime) -> None:
        if world.clock.now() < logged_in_at < instant:
            sleep_until(logged_in_at)
            world.accounts.save(replace(account, token_at=logged_in_at, updated_at=logged_in_at))
        sleep_until(instant)

    world.clock.sleep_until = sleep_and_log_in  # type: ignore[method-assign]

    assert world.buy(strategy).state is CycleState.LONG


class TestAfterTheEnd:
    def test_it_is_looked_up_once_that_no_more_was_sold_than_was_held(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        assert world.cycle(strategy).needs_verifying

        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        assert world.cycle(strategy).is_verified
        assert "oversold" not in world.told()

    def test_what_was_sold_beyond_that_is_told_and_alarmed(self, world: TradingWorld) -> None:
        # given an owner who sold by hand in the moment in which the strategy did
        strategy = world.add_running()
        world.buy(strategy)
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        world.trade_by_hand("TCS", 4, Side.SELL)

        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        assert world.told().count("oversold") == 1
        assert world.meter.counts["Oversold"] == 1

    def test_a_sell_time_moved_away_makes_the_old_message_void(self, world: TradingWorld) -> None:
        strategy = world.add_running(sell_time=time(14, 0))
        world.buy(strategy)
        message = world.command(strategy, OrderEvent.SELL, time(14, 0))
        world.change(strategy, plan=replace(strategy.plan, sell_time=time(15, 0)))
        world.clock.sleep_until(world.at(time(14, 0)))

        assert world.executor.handle(message) is None
        assert world.sent(Side.SELL) == []
