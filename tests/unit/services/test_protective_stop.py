"""The stop order that rests at the broker: it guards, it is the exit, and nothing is ever sold twice."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, IntentState
from algotrading.domain.effects import Decision, TurnStop
from algotrading.domain.errors import Fenced
from algotrading.domain.instruments import Product
from algotrading.domain.naked import naked_until
from algotrading.domain.orders import BrokerStatus, Leg, OrderTicket, OrderType, Side
from algotrading.domain.strategy import Strategy
from algotrading.ports import Lane
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import Fate, MemoryOrder, fills, loses, refuses, rejects, rests, throttles, trades
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading_world import TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


@pytest.fixture
def strategy(world: TradingWorld) -> Strategy:
    """Ten TCS at 3600, stop at 3500, with a stop order at the broker."""
    return world.add_running(broker_stop=True)


def stop_orders(world: TradingWorld) -> list[MemoryOrder]:
    return [order for order in world.exchange.all_orders() if order.ticket.order_type is not OrderType.MARKET]


def ask(world: TradingWorld, strategy: Strategy, event: OrderEvent) -> Cycle:
    at = strategy.plan.sell_time if event is OrderEvent.SELL else None
    cycle = world.executor.handle(world.command(strategy, event, at))
    assert cycle is not None
    return cycle


def sold(world: TradingWorld) -> int:
    now = world.clock.now()
    return sum(order.filled(now) for order in world.exchange.all_orders() if order.ticket.side is Side.SELL)


def trade_by_hand(world: TradingWorld, side: Side, quantity: int) -> None:
    """The trader's own order, in the broker's app."""
    account = next(iter(world.exchange._accounts.values()))
    world.exchange.place(account, OrderTicket("NSE", "TCS", side, quantity, Product.MIS, "byhand"), trades())


def run_minutes(world: TradingWorld, minutes: int) -> None:
    """Converge every minute, and executors that do what it asks for."""
    for _ in range(minutes):
        world.clock.sleep(60)
        world.converge.run()
        while message := world.queue.receive(Lane.PRIORITY):
            world.executor.handle(message.command)
            world.queue.delete(Lane.PRIORITY, message)


class _TakenOverWhileItStores(MemoryLedger):
    """Takes long over storing that the stop order is to sell, and another worker takes the cycle meanwhile."""

    def __init__(self, world: TradingWorld, strategy: Strategy) -> None:
        super().__init__(world.database)
        self._world, self._strategy = world, strategy

    def save(self, decision: Decision, **more: Any) -> None:
        super().save(decision, **more)
        for effect in decision.effects:
            if isinstance(effect, TurnStop):
                self._world.clock.sleep_until(max(effect.at, self._world.clock.now() + timedelta(seconds=0.6)))
                self.take(self._strategy, decision.cycle.trading_day)


class TestItRests:
    def test_after_the_fill_it_waits_at_the_stop_loss_over_what_is_held(
        self, world: TradingWorld, strategy: Strategy
    ) -> None:
        world.exchange.plan(fills((0.1, 7)))
        world.exchange.plan(trades())

        world.buy(strategy)
        run_minutes(world, 1)

        cycle = world.cycle(strategy)
        (stop,) = [intent for intent in cycle.intents if intent.leg is Leg.STOP]
        assert (stop.state, stop.broker_status) == (IntentState.ACCEPTED, BrokerStatus.WAITING)
        assert (stop.quantity, stop.trigger_price) == (7, Decimal(3500))
        assert cycle.state is CycleState.LONG
        assert (cycle.last_action, cycle.last_order_id(Side.SELL)) == ("BUY", None)

    @pytest.mark.parametrize("spread", [0, 500, 999])
    def test_it_rests_as_soon_as_the_rest_of_the_buy_is_cancelled(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch, spread: int
    ) -> None:
        """However early its worker began, which differs by strategy."""
        monkeypatch.setattr("tests.fakes.examples.uuid4", lambda: UUID(int=spread))
        strategy = world.add_running(broker_stop=True)
        world.exchange.plan(fills((0.0, 4)))
        world.exchange.plan(trades())

        cycle = world.buy(strategy)

        (stop,) = cycle.open_intents(Leg.STOP)
        assert (cycle.state, stop.quantity, stop.rests) == (CycleState.LONG, 4, True)
        assert world.clock.now() - world.at(strategy.plan.buy_time) < timedelta(seconds=8)

    def test_a_plan_without_it_has_none(self, world: TradingWorld) -> None:
        cycle = world.buy(world.add_running(broker_stop=False))

        assert [intent.leg for intent in cycle.intents] == [Leg.ENTRY]

    def test_an_option_gets_a_stop_limit_order_with_room_below(self, world: TradingWorld) -> None:
        option = make_instrument("TCS", instrument_type="CE", tick_size=Decimal("0.05"))
        world.instruments.replace_all([option])

        world.buy(world.add_running(broker_stop=True))

        ticket = world.sent(Side.SELL)[0]
        assert (ticket.order_type, ticket.trigger_price, ticket.price) == (OrderType.SL, Decimal(3500), Decimal(3150))

    def test_it_follows_a_changed_stop_loss(self, world: TradingWorld, strategy: Strategy) -> None:
        world.buy(strategy)
        world.change(strategy, plan=replace(strategy.plan, stop_loss=Decimal(3550)))

        cycle = ask(world, strategy, OrderEvent.RECONCILE)

        live = cycle.open_intents(Leg.STOP)
        assert [stop.trigger_price for stop in live] == [Decimal(3550)]
        assert cycle.state is CycleState.LONG
        assert sold(world) == 0

    def test_it_goes_when_its_owner_wants_it_no_more(self, world: TradingWorld, strategy: Strategy) -> None:
        world.buy(strategy)
        world.change(strategy, plan=replace(strategy.plan, broker_stop=False))

        cycle = ask(world, strategy, OrderEvent.RECONCILE)

        assert cycle.open_intents(Leg.STOP) == ()
        assert cycle.state is CycleState.LONG

    def test_one_that_is_refused_is_tried_again_and_then_told(self, world: TradingWorld, strategy: Strategy) -> None:
        world.exchange.plan(trades(), *[rejects("RMS: no stop orders today.")] * 3)

        world.buy(strategy)
        run_minutes(world, 4)

        assert len(stop_orders(world)) == 3
        assert world.told()[-1] == "stop_not_resting"
        assert world.meter.counts["StopNotResting"] == 1
        assert world.cycle(strategy).state is CycleState.LONG

    def test_another_try_is_written_down_when_it_leaves_and_not_before_its_pause(
        self, world: TradingWorld, strategy: Strategy
    ) -> None:
        """Whoever takes the cycle in the pause, because the stop was hit, must not find an order of unknown fate."""
        world.exchange.plan(trades(), *[refuses("Trigger price should be lower than the last traded price.")] * 3)

        world.buy(strategy)
        run_minutes(world, 3)

        stops = [intent for intent in world.cycle(strategy).intents if intent.leg is Leg.STOP]
        assert len(stops) == 3
        assert all(i.sent_at is not None and i.sent_at - i.created_at < timedelta(milliseconds=50) for i in stops)
        for before, after in itertools.pairwise(stops):
            assert before.answered_at is not None
            assert after.created_at - before.answered_at >= timedelta(seconds=10)

    def test_one_that_is_refused_keeps_no_exit_waiting(self, world: TradingWorld, strategy: Strategy) -> None:
        # the usual reason for a refusal: the price has reached the stop
        world.buy(strategy)
        world.exchange.set_price("TCS", Decimal(3540))
        world.change(strategy, plan=replace(strategy.plan, stop_loss=Decimal(3550)))
        before = world.clock.now()

        ask(world, strategy, OrderEvent.RECONCILE)
        cycle = ask(world, strategy, OrderEvent.STOPLOSS)

        assert (cycle.state, sold(world)) == (CycleState.FLAT, 10)
        assert world.clock.now() - before < timedelta(seconds=1)

    def test_one_that_was_taken_away_by_hand_is_put_back_but_not_for_ever(
        self, world: TradingWorld, strategy: Strategy
    ) -> None:
        world.buy(strategy)
        for _ in range(5):
            for order in stop_orders(world):
                if not order.status(world.clock.now()).is_terminal:
                    world.exchange.cancel(order)
            run_minutes(world, 1)

        assert len(stop_orders(world)) == 3
        assert world.cycle(strategy).state is CycleState.LONG

    def test_near_the_closing_auction_none_is_placed_and_the_reason_is_shown(self, world: TradingWorld) -> None:
        strategy = world.add_running(broker_stop=True, buy_time=time(15, 14, 28), sell_time=time(15, 20))
        world.exchange.plan(fills((3.0, 10)))

        cycle = world.buy(strategy)

        assert (cycle.state, cycle.bought) == (CycleState.LONG, 10)
        assert cycle.note is not None
        assert "stop orders end at 15:14:30: continuous trading in this stock ends at 15:15:00" in cycle.note
        assert world.sent(Side.SELL) == []

    def test_a_broker_without_stop_orders_is_named(self, world: TradingWorld, strategy: Strategy) -> None:
        world.exchange.stop_obstacle = "this broker has no stop orders"

        cycle = world.buy(strategy)

        assert cycle.note == "no stop order rests at the broker: this broker has no stop orders; the watcher guards"


class TestItIsTheExit:
    @pytest.mark.parametrize(
        ("event", "reason"),
        [
            (OrderEvent.STOPLOSS, ExitReason.STOPLOSS),
            (OrderEvent.SELL, ExitReason.SELL_TIME),
            (OrderEvent.STOP, ExitReason.USER),
        ],
    )
    def test_whoever_wants_out_leaves_by_that_order(
        self, world: TradingWorld, strategy: Strategy, event: OrderEvent, reason: ExitReason
    ) -> None:
        world.buy(strategy)

        cycle = ask(world, strategy, event)

        assert (cycle.state, cycle.claim, cycle.sold) == (CycleState.FLAT, reason, 10)
        assert len(world.sent(Side.SELL)) == 1
        assert cycle.last_action == ("STOPLOSS" if reason is ExitReason.STOPLOSS else "SELL")
        assert cycle.last_order_id(Side.SELL) is not None

    def test_fired_at_the_exchange_it_ends_the_day_and_the_watchers_hit_sells_nothing(
        self, world: TradingWorld, strategy: Strategy
    ) -> None:
        world.buy(strategy)
        world.exchange.set_price("TCS", Decimal(3499))

        cycle = ask(world, strategy, OrderEvent.STOPLOSS)

        assert (cycle.state, cycle.claim, sold(world)) == (CycleState.FLAT, ExitReason.STOPLOSS, 10)
        assert len(world.sent(Side.SELL)) == 1

    def test_fired_while_nobody_of_ours_looked_it_is_found_by_the_sweep(
        self, world: TradingWorld, strategy: Strategy
    ) -> None:
        world.buy(strategy)
        world.exchange.set_price("TCS", Decimal(3499))

        run_minutes(world, 1)

        cycle = world.cycle(strategy)
        assert (cycle.state, cycle.claim, cycle.sold) == (CycleState.FLAT, ExitReason.STOPLOSS, 10)
        assert world.told()[-1] == "sold"

    @pytest.mark.parametrize(("event", "at"), [(OrderEvent.STOPLOSS, time(10)), (OrderEvent.SELL, time(14, 58, 30))])
    def test_a_worker_that_was_fenced_off_while_it_stored_the_exit_does_not_turn_it(
        self, world: TradingWorld, strategy: Strategy, event: OrderEvent, at: time
    ) -> None:
        world.buy(strategy)
        world.clock.sleep_until(world.at(at))
        ledger = _TakenOverWhileItStores(world, strategy)
        due = strategy.plan.sell_time if event is OrderEvent.SELL else None

        with pytest.raises(Fenced):
            world.make_executor(ledger).handle(world.command(strategy, event, due))

        (order,) = stop_orders(world)
        assert (order.status(world.clock.now()), sold(world)) == (BrokerStatus.WAITING, 0)

    def test_where_a_limit_turns_it_away_it_is_turned_again(self, world: TradingWorld, strategy: Strategy) -> None:
        world.buy(strategy)
        world.exchange.plan_changes(throttles())

        cycle = ask(world, strategy, OrderEvent.STOPLOSS)

        assert (cycle.state, cycle.sold, len(world.sent(Side.SELL))) == (CycleState.FLAT, 10, 1)

    @pytest.mark.parametrize("fate", [refuses("ORDER"), loses(placed=False)])
    def test_where_it_cannot_be_turned_it_is_cancelled_and_another_order_sells(
        self, world: TradingWorld, strategy: Strategy, fate: Fate
    ) -> None:
        world.buy(strategy)
        world.exchange.plan_changes(fate)

        ask(world, strategy, OrderEvent.STOPLOSS)
        run_minutes(world, 2)

        cycle = world.cycle(strategy)
        assert (cycle.state, cycle.sold, sold(world)) == (CycleState.FLAT, 10, 10)
        assert [ticket.order_type for ticket in world.sent(Side.SELL)] == [OrderType.SL_M, OrderType.MARKET]

    def test_a_lost_answer_to_the_turn_that_sold_sells_nothing_more(
        self, world: TradingWorld, strategy: Strategy
    ) -> None:
        world.buy(strategy)
        world.exchange.plan_changes(loses(placed=True))

        ask(world, strategy, OrderEvent.STOPLOSS)
        run_minutes(world, 5)

        assert (world.cycle(strategy).state, sold(world)) == (CycleState.FLAT, 10)
        assert len(world.sent(Side.SELL)) == 1

    def test_while_its_fate_is_not_known_nothing_else_sells(self, world: TradingWorld, strategy: Strategy) -> None:
        world.exchange.plan(trades(), loses(placed=True, appears_after=30.0))
        world.buy(strategy)

        ask(world, strategy, OrderEvent.STOPLOSS)

        assert sold(world) == 0
        assert world.meter.counts["ExitBlocked"] >= 1
        run_minutes(world, 2)
        assert (world.cycle(strategy).state, sold(world)) == (CycleState.FLAT, 10)

    def test_proven_absent_it_stands_in_nobodys_way(self, world: TradingWorld, strategy: Strategy) -> None:
        world.exchange.plan(trades(), loses(placed=False))
        world.buy(strategy)

        ask(world, strategy, OrderEvent.STOPLOSS)
        run_minutes(world, 5)

        cycle = world.cycle(strategy)
        assert (cycle.state, sold(world)) == (CycleState.FLAT, 10)
        assert [intent.state for intent in cycle.intents if intent.leg is Leg.STOP] == [IntentState.NOT_PLACED]

    def test_sold_in_part_by_the_exchange_the_rest_is_sold_too(self, world: TradingWorld, strategy: Strategy) -> None:
        world.exchange.plan(trades(), fills((60.0, 4)))
        world.buy(strategy)
        world.clock.sleep(61)

        run_minutes(world, 2)

        cycle = world.cycle(strategy)
        assert (cycle.state, cycle.claim, sold(world)) == (CycleState.FLAT, ExitReason.STOPLOSS, 10)

    @pytest.mark.parametrize(
        ("fate", "by_itself"),
        [
            (fills((0, 4)), 4),
            (fills((0, 4), cancelled_after=1), 4),
            (fills((0, 4), (30, 6)), 4),
            (rests(), 0),
            (rejects("The exchange does not take it."), 0),
        ],
        ids=["partly", "partly, then cancelled by the broker", "in parts", "not at all", "rejected"],
    )
    def test_what_the_exchange_does_not_sell_at_the_trigger_another_order_sells(
        self, world: TradingWorld, strategy: Strategy, fate: Fate, by_itself: int
    ) -> None:
        world.buy(strategy)
        world.exchange.plan_firings(fate)
        world.exchange.set_price("TCS", Decimal(3499))
        assert sold(world) == by_itself

        ask(world, strategy, OrderEvent.STOPLOSS)
        run_minutes(world, 3)

        cycle = world.cycle(strategy)
        assert (cycle.state, cycle.claim, sold(world)) == (CycleState.FLAT, ExitReason.STOPLOSS, 10)
        assert (cycle.bought, cycle.sold) == (10, 10)

    @pytest.mark.parametrize(
        "fate",
        [fills((0, 4)), fills((0, 4), cancelled_after=1), fills((0, 4), (30, 6)), rests()],
        ids=["partly", "partly, then cancelled by the broker", "in parts", "not at all"],
    )
    def test_what_it_does_not_sell_when_it_is_turned_another_order_sells(
        self, world: TradingWorld, strategy: Strategy, fate: Fate
    ) -> None:
        world.buy(strategy)
        world.exchange.plan_firings(fate)

        ask(world, strategy, OrderEvent.SELL)
        run_minutes(world, 3)

        cycle = world.cycle(strategy)
        assert (cycle.state, cycle.claim, sold(world)) == (CycleState.FLAT, ExitReason.SELL_TIME, 10)
        assert (cycle.bought, cycle.sold) == (10, 10)


class TestSoldByHand:
    def test_the_stop_order_goes_at_once_and_the_cycle_ends_honestly(
        self, world: TradingWorld, strategy: Strategy
    ) -> None:
        world.buy(strategy)
        trade_by_hand(world, Side.SELL, 10)

        ask(world, strategy, OrderEvent.RECONCILE)
        assert all(order.status(world.clock.now()).is_terminal for order in stop_orders(world))
        run_minutes(world, 3)

        cycle = world.cycle(strategy)
        assert (cycle.state, cycle.closed_outside, cycle.sold) == (CycleState.FLAT, 10, 0)
        assert world.told()[-1] == "closed_outside"
        assert sold(world) == 10

    def test_of_a_part_the_rest_stays_guarded(self, world: TradingWorld, strategy: Strategy) -> None:
        world.buy(strategy)
        trade_by_hand(world, Side.SELL, 4)

        run_minutes(world, 4)

        cycle = world.cycle(strategy)
        assert (cycle.state, cycle.open_quantity, cycle.closed_outside) == (CycleState.LONG, 6, 4)
        assert [stop.quantity for stop in cycle.open_intents(Leg.STOP)] == [6]
        world.exchange.set_price("TCS", Decimal(3499))
        run_minutes(world, 1)
        assert (world.cycle(strategy).state, sold(world)) == (CycleState.FLAT, 10)

    def test_more_of_the_traders_own_is_left_alone(self, world: TradingWorld, strategy: Strategy) -> None:
        world.buy(strategy)
        trade_by_hand(world, Side.BUY, 25)

        run_minutes(world, 3)
        ask(world, strategy, OrderEvent.SELL)

        cycle = world.cycle(strategy)
        assert (cycle.state, cycle.sold, sold(world)) == (CycleState.FLAT, 10, 10)


class TestOrdersThatSurfaceLate:
    def test_what_was_bought_beyond_the_plan_is_sold_and_the_rest_stays_guarded(
        self, world: TradingWorld, strategy: Strategy
    ) -> None:
        # given an entry that was proven absent, a second that filled, and the first one after all
        world.exchange.plan(loses(placed=True, appears_after=400.0))
        world.buy(strategy)
        run_minutes(world, 5)
        assert world.cycle(strategy).bought == 0 or world.cycle(strategy).state is CycleState.LONG

        run_minutes(world, 6)

        cycle = world.cycle(strategy)
        assert cycle.open_quantity in {0, 10}
        assert world.meter.counts["LateOrder"] >= 1
        now = world.clock.now()
        bought = sum(o.filled(now) for o in world.exchange.all_orders() if o.ticket.side is Side.BUY)
        assert bought - sold(world) == cycle.open_quantity

    def test_a_stop_order_that_surfaces_after_the_end_is_cancelled(
        self, world: TradingWorld, strategy: Strategy
    ) -> None:
        world.exchange.plan(trades(), loses(placed=True, appears_after=500.0))
        world.buy(strategy)
        run_minutes(world, 4)
        ask(world, strategy, OrderEvent.SELL)
        run_minutes(world, 1)
        assert world.cycle(strategy).state is CycleState.FLAT

        run_minutes(world, 8)

        assert all(order.status(world.clock.now()).is_terminal for order in stop_orders(world))
        assert sold(world) == 10


class TestNakedTime:
    def test_a_seeing_watcher_leaves_none(self, world: TradingWorld) -> None:
        strategy = world.add_running(broker_stop=False)
        world.buy(strategy)

        run_minutes(world, 3)

        assert world.cycle(strategy).naked == timedelta(0)
        assert "Unguarded" not in world.meter.counts

    def test_a_blind_watcher_alone_is_counted_and_alarmed(self, world: TradingWorld) -> None:
        strategy = world.add_running(broker_stop=False)
        world.buy(strategy)
        run_minutes(world, 1)
        measured_at = world.cycle(strategy).sampled_at

        world.runtime.is_watched = False
        run_minutes(world, 2)

        cycle = world.cycle(strategy)
        assert measured_at is not None
        assert cycle.sampled_at is not None
        assert cycle.naked == cycle.sampled_at - measured_at
        assert world.meter.counts["Unguarded"] == 2

    def test_a_watcher_that_was_blind_between_two_looks_is_counted_for_that_time(self, world: TradingWorld) -> None:
        strategy = world.add_running(broker_stop=False)
        world.buy(strategy)
        run_minutes(world, 1)

        world.clock.sleep(10)
        world.runtime.sight()
        world.runtime.is_watched = False
        world.clock.sleep(7)
        world.runtime.see_again()
        run_minutes(world, 2)

        assert world.cycle(strategy).naked == timedelta(seconds=7)
        assert "Unguarded" not in world.meter.counts

    def test_it_runs_before_its_owners_eyes_until_it_is_measured(self, world: TradingWorld) -> None:
        strategy = world.add_running(broker_stop=False)
        world.buy(strategy)
        run_minutes(world, 1)
        cycle = world.cycle(strategy)

        world.clock.sleep(10)
        assert naked_until(cycle, world.clock.now(), world.runtime.sight()) == timedelta(0)
        blind_from = world.clock.now()
        world.runtime.is_watched = False
        world.clock.sleep(7)
        shown = naked_until(cycle, world.clock.now(), world.runtime.sight())
        assert shown == world.clock.now() - blind_from
        assert naked_until(cycle, world.clock.now(), None) == timedelta(0)  # nobody can say

        world.runtime.see_again()
        assert naked_until(cycle, world.clock.now(), world.runtime.sight()) == shown  # and stands
        run_minutes(world, 1)
        assert world.cycle(strategy).naked == shown

    def test_of_what_a_stop_order_covers_or_is_sold_no_time_runs(self, world: TradingWorld, strategy: Strategy) -> None:
        world.buy(strategy)
        run_minutes(world, 1)
        world.runtime.is_watched = False
        world.clock.sleep(60)
        assert naked_until(world.cycle(strategy), world.clock.now(), world.runtime.sight()) == timedelta(0)
        ask(world, strategy, OrderEvent.STOP)
        sold = world.cycle(strategy)
        world.clock.sleep(60)

        assert sold.open_quantity == 0
        assert naked_until(sold, world.clock.now(), world.runtime.sight()) == sold.naked

    def test_a_stop_order_at_the_broker_guards_meanwhile(self, world: TradingWorld, strategy: Strategy) -> None:
        world.buy(strategy)

        world.runtime.is_watched = False
        run_minutes(world, 3)

        assert world.cycle(strategy).naked == timedelta(0)
        assert "Unguarded" not in world.meter.counts

    def test_a_stop_order_that_is_taken_away_guards_no_longer(self, world: TradingWorld, strategy: Strategy) -> None:
        # given nobody who sees, and a stop order that rests at the broker until its owner cancels it by hand
        world.buy(strategy)
        run_minutes(world, 1)
        world.runtime.is_watched = False
        run_minutes(world, 1)
        measured_at = world.cycle(strategy).sampled_at
        world.exchange.cancel(stop_orders(world)[-1])
        world.clock.sleep(30)

        ask(world, strategy, OrderEvent.RECONCILE)

        # then all the time since the last look counts, for nobody knows when it was cancelled
        cycle = world.cycle(strategy)
        assert measured_at is not None
        assert cycle.sampled_at is not None
        assert cycle.naked == cycle.sampled_at - measured_at > timedelta(0)
        assert world.meter.counts["Unguarded"] >= 1

    @pytest.mark.parametrize("is_store_away", [False, True])
    def test_what_an_order_buys_that_surfaces_after_the_end_was_guarded_by_nobody_until_it_is_found(
        self, world: TradingWorld, is_store_away: bool
    ) -> None:
        # given a buy that was proven absent and is over, so that the watcher was told to look away
        world.exchange.plan(loses(placed=True, appears_after=500.0))
        strategy = world.add_running(broker_stop=False)
        world.buy(strategy)
        ask(world, strategy, OrderEvent.STOP)
        run_minutes(world, 6)
        assert world.cycle(strategy).state is CycleState.FLAT
        bought_at = next(world.exchange.all_orders()).executions[0].at
        world.clock.sleep_until(bought_at + timedelta(seconds=40))

        # when a look finds that it has bought
        world.runtime.is_down = is_store_away
        cycle = world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        # then it was naked since it did, though a watcher saw all the time; and no longer while it is sold
        assert cycle is not None
        assert world.meter.counts["LateOrder"] == 1
        assert timedelta(seconds=40) <= cycle.naked < timedelta(seconds=42)
        world.runtime.is_down = False
        run_minutes(world, 2)
        assert (world.cycle(strategy).state, sold(world)) == (CycleState.FLAT, 10)
        assert world.cycle(strategy).naked == cycle.naked

    def test_a_store_that_is_away_measures_nothing_and_is_made_up_for(self, world: TradingWorld) -> None:
        strategy = world.add_running(broker_stop=False)
        world.buy(strategy)

        world.runtime.is_down = True
        ask(world, strategy, OrderEvent.RECONCILE)
        world.runtime.is_down = False
        run_minutes(world, 1)

        assert world.cycle(strategy).naked == timedelta(0)


@pytest.mark.parametrize("lag", [0.5, 5.0])
@pytest.mark.parametrize("act", [lambda w: w.exchange.set_price("TCS", Decimal(3499)), lambda w: None])
def test_a_book_that_lags_never_makes_it_sell_twice(
    world: TradingWorld, strategy: Strategy, lag: float, act: Callable[[TradingWorld], None]
) -> None:
    world.buy(strategy)
    world.exchange.book_lag = lag
    act(world)

    ask(world, strategy, OrderEvent.STOPLOSS)
    run_minutes(world, 4)

    assert (world.cycle(strategy).state, sold(world)) == (CycleState.FLAT, 10)
