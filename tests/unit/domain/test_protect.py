"""What a held position needs, told as stories of single decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from algotrading.domain.cycle import Cycle, CycleState, ExitReason, Intent, IntentState, TurnAnswer
from algotrading.domain.decide import decide
from algotrading.domain.effects import (
    CancelOrder,
    Decision,
    RaiseAlarm,
    ReadBook,
    ReadPosition,
    RetryExit,
    SendOrder,
    StopStrategy,
    Tell,
    TurnStop,
)
from algotrading.domain.events import Answered, BookRead, ExitDue, StopTurned
from algotrading.domain.instruments import Product
from algotrading.domain.orders import Accepted, BookReading, BrokerStatus, Leg, OrderRow, Refused, Side, Unknown
from algotrading.domain.policy import Policy
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_plan, make_strategy

POLICY = Policy()


def long(*more: Intent, bought: int = 10, **changes: Any) -> Cycle:
    """Ten TCS held since MOMENT; `more` orders exist."""
    strategy = make_strategy(uuid4(), broker_stop=True)
    cycle = Cycle(
        strategy.strategy_id,
        strategy.user_id,
        strategy.account_id,
        TRADING_DAY,
        strategy.plan,
        state=CycleState.LONG,
        epoch=1,
    )
    entry = make_intent(
        cycle, state=IntentState.DONE, broker_order_id="E1", broker_status=BrokerStatus.COMPLETE, filled=bought
    )
    cycle = replace(cycle, intents=(entry,))
    return replace(cycle, intents=(entry, *more), **changes)


def resting(cycle: Cycle | None = None, attempt: int = 1, **changes: Any) -> Intent:
    """A stop order of ten at 3500 that waits for its trigger."""
    made = make_intent(
        cycle or long(),
        Leg.STOP,
        attempt,
        state=IntentState.ACCEPTED,
        broker_order_id=f"S{attempt}",
        broker_status=BrokerStatus.WAITING,
        trigger_price=Decimal(3500),
    )
    return replace(made, **changes)


def look(
    cycle: Cycle, at: float = 60, held: int | None = None, rows: tuple[OrderRow, ...] = (), others: int = 0
) -> Decision:
    """A reading of the book; `others` is what orders that are not ours have bought less sold."""
    now = MOMENT + timedelta(seconds=at)
    reading = BookReading(now, rows, (), {f"NSE:TCS:{cycle.plan.product}": others})
    return decide(cycle, BookRead(now, reading, held), POLICY)


def want_out(
    cycle: Cycle,
    reason: ExitReason = ExitReason.STOPLOSS,
    held: int | None = 10,
    at: float = 60,
    *,
    is_book_away: bool = False,
) -> Decision:
    now = MOMENT + timedelta(seconds=at)
    return decide(cycle, ExitDue(now, now, reason, held, is_book_away=is_book_away), POLICY)


def kinds(decision: Decision) -> list[type]:
    return [type(effect) for effect in decision.effects]


def alarms(decision: Decision) -> list[str]:
    return [effect.metric for effect in decision.effects if isinstance(effect, RaiseAlarm)]


class TestOneStopOrder:
    def test_a_position_without_one_gets_one_over_what_is_held(self) -> None:
        decision = look(long(bought=7))

        assert [type(effect) for effect in decision.effects] == [SendOrder]
        stop = decision.cycle.intents[-1]
        assert (stop.leg, stop.side, stop.quantity, stop.trigger_price) == (Leg.STOP, Side.SELL, 7, Decimal(3500))

    def test_of_two_that_wait_the_older_one_goes(self) -> None:
        decision = look(long(resting(attempt=1), resting(attempt=2)))

        assert [e.broker_order_id for e in decision.effects if isinstance(e, CancelOrder)] == ["S1"]

    @pytest.mark.parametrize("wrong", [{"quantity": 8}, {"trigger_price": Decimal(3400)}], ids=str)
    def test_one_that_is_not_as_the_plan_has_it_is_cancelled_before_another_is_placed(
        self, wrong: dict[str, Any]
    ) -> None:
        decision = look(long(resting(**wrong)))

        assert kinds(decision) == [CancelOrder, ReadBook]

    def test_one_that_is_still_on_its_way_is_waited_for(self) -> None:
        decision = look(long(resting(broker_status=BrokerStatus.WORKING)))

        assert kinds(decision) == [ReadBook]
        assert decision.cycle.state is CycleState.LONG

    def test_one_that_fired_is_the_exit_whoever_notices(self) -> None:
        decision = look(long(resting(broker_status=BrokerStatus.OPEN)))

        assert (decision.cycle.state, decision.cycle.claim) == (CycleState.EXITING, ExitReason.STOPLOSS)

    def test_an_exchange_that_holds_it_in_limbo_does_not_make_it_an_exit(self) -> None:
        # "PUT ORDER REQ RECEIVED" was seen for 83 s: it says nothing about the price
        decision = look(long(resting(broker_status=BrokerStatus.WORKING)), at=83)

        assert decision.cycle.state is CycleState.LONG


class TestWhoeverWantsOut:
    def test_turns_the_order_that_waits(self) -> None:
        decision = want_out(long(resting()))

        assert kinds(decision) == [TurnStop]
        assert decision.cycle.state is CycleState.EXITING

    def test_does_not_turn_one_that_is_over_more_than_is_held(self) -> None:
        decision = want_out(long(resting()), held=6)

        assert kinds(decision) == [CancelOrder, ReadBook]
        assert (decision.cycle.state, decision.cycle.wanted) == (CycleState.LONG, ExitReason.STOPLOSS)

    def test_waits_for_one_whose_fate_is_not_known(self) -> None:
        unsure = resting(state=IntentState.UNKNOWN, broker_order_id=None, broker_status=None)

        decision = want_out(long(unsure))

        assert alarms(decision) == ["ExitBlocked"]
        assert SendOrder not in kinds(decision)

    def test_sells_by_another_order_once_it_is_proven_absent(self) -> None:
        absent = resting(state=IntentState.NOT_PLACED, broker_order_id=None, broker_status=None)

        decision = want_out(long(absent))

        assert kinds(decision) == [SendOrder]
        assert decision.cycle.intents[-1].leg is Leg.EXIT

    def test_is_not_kept_from_it_by_a_lost_answer(self) -> None:
        turned = want_out(long(resting())).cycle
        tag = turned.intents[-1].tag

        decision = decide(turned, StopTurned(MOMENT, tag, MOMENT, Unknown("read timed out", {})), POLICY)

        assert kinds(decision) == [ReadBook]

    def test_cancels_one_that_the_broker_refuses_to_turn_at_the_next_look(self) -> None:
        turned = want_out(long(resting())).cycle
        tag = turned.intents[-1].tag
        refused = decide(turned, StopTurned(MOMENT, tag, MOMENT, Refused("ORDER", "no", True, {})), POLICY).cycle

        decision = look(refused, at=60.1)

        assert [e.broker_order_id for e in decision.effects if isinstance(e, CancelOrder)] == ["S1"]


class TestWhatSurfacesLate:
    def test_an_excess_alone_is_sold_and_the_stop_order_stays(self) -> None:
        found = look(long(resting(), bought=20))
        assert alarms(found) == ["LateOrder"]
        assert found.effects[-1] == RetryExit(ExitReason.EXCESS, 0.0)

        decision = want_out(found.cycle, ExitReason.EXCESS, held=20)

        assert kinds(decision) == [SendOrder]
        assert decision.cycle.intents[-1].quantity == 10
        assert decision.cycle.intents[-2].rests

    def test_a_stop_that_is_hit_meanwhile_is_not_forgotten(self) -> None:
        selling = want_out(look(long(resting(), bought=20)).cycle, ExitReason.EXCESS, held=20).cycle

        decision = want_out(selling, ExitReason.STOPLOSS)

        assert decision.cycle.wanted is ExitReason.STOPLOSS

    def test_an_entry_that_surfaces_open_beside_the_position_is_cancelled(self) -> None:
        stray = make_intent(
            long(), attempt=2, state=IntentState.ACCEPTED, broker_order_id="E2", broker_status=BrokerStatus.OPEN
        )

        decision = look(long(stray))

        assert [e.broker_order_id for e in decision.effects if isinstance(e, CancelOrder)] == ["E2"]

    def test_a_sale_beyond_what_was_held_is_told_once(self) -> None:
        sold = make_intent(
            long(),
            Leg.EXIT,
            state=IntentState.DONE,
            broker_status=BrokerStatus.COMPLETE,
            broker_order_id="X1",
            filled=12,
        )
        flat = replace(long(sold), state=CycleState.FLAT)

        first = look(flat)
        second = look(first.cycle)

        assert alarms(first) == ["Oversold"]
        assert second.effects == ()

    def test_two_orders_under_one_mark_stop_the_strategy(self) -> None:
        cycle = long()
        entry = cycle.intents[0]
        rows = tuple(
            OrderRow(
                broker_order_id=order_id,
                tags=frozenset({entry.tag}),
                exchange="NSE",
                symbol="TCS",
                side=Side.BUY,
                product="MIS",
                quantity=10,
                filled_quantity=10,
                average_price=Decimal(3600),
                status=BrokerStatus.COMPLETE,
                status_text="COMPLETE",
                message=None,
                raw={},
            )
            for order_id in ("E1", "E2")
        )

        decision = look(cycle, rows=rows)

        assert "DuplicateOrder" in alarms(decision)
        assert StopStrategy in kinds(decision)
        assert decision.cycle.excess == 10


class TestSoldBySomebodyElse:
    def test_one_reading_that_shows_less_is_doubted(self) -> None:
        decision = look(long(plan=make_plan()), held=3)

        assert kinds(decision) == [ReadPosition]
        assert decision.cycle.open_quantity == 10

    def test_an_order_in_the_book_that_sold_it_is_proof(self) -> None:
        cycle = look(long(plan=make_plan()), held=3, others=-7).cycle

        assert (cycle.open_quantity, cycle.closed_outside, cycle.state) == (3, 7, CycleState.LONG)
        assert cycle.note == "7 were no longer held: sold outside this strategy"
        assert look(cycle, held=3, others=-7).cycle.closed_outside == 7  # and counted once

    def test_intraday_the_book_alone_is_proof_while_positions_lag(self) -> None:
        cycle = look(long(resting()), held=10, others=-10)

        assert CancelOrder in kinds(cycle)

    def test_a_position_that_could_be_carried_from_earlier_is_not_taken_for_ours(self) -> None:
        carried = long(plan=make_plan(product=Product.CNC))

        cycle = look(carried, held=10, others=-5).cycle

        assert (cycle.open_quantity, cycle.doubted_since) == (10, None)

    def test_without_an_order_that_explains_it_only_time_is_believed(self) -> None:
        early = look(look(long(plan=make_plan()), held=3, at=60).cycle, held=3, at=149).cycle
        late = look(early, held=3, at=150).cycle

        assert (early.open_quantity, late.open_quantity) == (10, 3)
        # A conversion into another product looks the same, and leaves no order.
        assert late.note == "7 were no longer held: sold, or converted to another product, outside this strategy"

    def test_of_what_was_shown_meanwhile_the_most_counts(self) -> None:
        cycle = long(plan=make_plan())
        for at, held in ((60, 5), (90, 6), (150, 0)):
            cycle = look(cycle, held=held, at=at).cycle

        assert (cycle.open_quantity, cycle.closed_outside) == (6, 4)

    def test_a_reading_that_shows_it_again_starts_anew(self) -> None:
        cycle = long(plan=make_plan())
        for at, held in ((60, 3), (100, 10), (149, 3), (200, 3)):
            cycle = look(cycle, held=held, at=at).cycle

        assert (cycle.open_quantity, cycle.doubted_since) == (10, MOMENT + timedelta(seconds=149))

    def test_no_stop_order_is_placed_over_a_position_in_doubt(self) -> None:
        doubted = look(long(resting()), held=0).cycle
        cancelled = replace(
            doubted,
            intents=(
                doubted.intents[0],
                replace(doubted.intents[1], state=IntentState.DONE, broker_status=BrokerStatus.CANCELLED),
            ),
        )

        decision = look(cancelled)

        assert kinds(decision) == [ReadPosition]


def test_an_exit_need_not_wait_for_the_end_of_an_entry_that_cannot_be_cancelled() -> None:
    cycle = replace(long(bought=4), state=CycleState.ENTERING, wanted=ExitReason.STOPLOSS)
    stuck = replace(cycle.intents[0], state=IntentState.ACCEPTED, broker_status=BrokerStatus.OPEN, cancels=2)
    cycle = replace(cycle, intents=(stuck,))

    decision = look(cycle)

    assert decision.cycle.state is CycleState.LONG
    assert RetryExit(ExitReason.STOPLOSS, 0.0) in decision.effects


def test_an_answer_to_a_stop_order_is_looked_up_in_the_book() -> None:
    placed = look(long()).cycle

    decision = decide(placed, Answered(MOMENT, placed.intents[-1].tag, MOMENT, Accepted("S1", {})), POLICY)

    assert kinds(decision) == [ReadBook]
    assert decision.cycle.intents[-1].rests


class TestAfterTheEnd:
    def flat(self, **changes: Any) -> Cycle:
        sold = make_intent(long(), Leg.EXIT, state=IntentState.DONE, broker_status=BrokerStatus.COMPLETE, filled=10)
        return replace(long(sold), state=CycleState.FLAT, **changes)

    def test_that_nothing_is_short_is_looked_up_once(self) -> None:
        assert self.flat().needs_verifying
        decision = look(self.flat(), held=0)

        assert decision.cycle.is_verified
        assert decision.effects == ()

    def test_a_short_position_is_alarmed_and_told(self) -> None:
        decision = look(self.flat(), held=-10)

        assert alarms(decision) == ["Oversold"]
        assert not decision.cycle.needs_verifying


class TestEntryOfUnknownFate:
    def entering(self, **changes: Any) -> Cycle:
        lost = replace(long().intents[0], state=IntentState.UNKNOWN, broker_order_id=None, broker_status=None, filled=0)
        return replace(long(), intents=(lost,), state=CycleState.ENTERING, **changes)

    def test_what_the_account_holds_beyond_before_is_sold(self) -> None:
        decision = want_out(self.entering(held_before=5), held=15)

        assert [type(effect) for effect in decision.effects] == [RaiseAlarm, SendOrder]
        assert (decision.cycle.state, decision.cycle.intents[-1].quantity) == (CycleState.EXITING, 10)

    def test_is_sold_once_whoever_asks_again(self) -> None:
        entering = self.entering(held_before=5)
        under_way = make_intent(entering, Leg.EXIT, state=IntentState.ACCEPTED, broker_status=BrokerStatus.OPEN)

        decision = want_out(replace(entering, intents=(*entering.intents, under_way)), held=15)

        assert SendOrder not in kinds(decision)

    def test_an_exit_that_sold_nothing_leaves_it_unknown_and_wanted(self) -> None:
        leaving = want_out(self.entering(held_before=5), held=15).cycle
        rejected = replace(leaving.intents[-1], state=IntentState.DONE, broker_status=BrokerStatus.REJECTED)
        cancelled = replace(rejected, broker_status=BrokerStatus.CANCELLED)

        for ended in (rejected, cancelled):
            decision = look(replace(leaving, intents=(leaving.intents[0], ended)), at=61)

            assert (decision.cycle.state, decision.cycle.wanted) == (CycleState.ENTERING, ExitReason.STOPLOSS)
            assert RetryExit in kinds(decision)

    def test_a_login_that_ends_at_a_second_try_does_not_forget_what_the_first_has_bought(self) -> None:
        first = replace(long().intents[0], broker_status=BrokerStatus.CANCELLED, filled=4)
        second = make_intent(long(), attempt=2)
        entering = replace(long(), intents=(first, second), state=CycleState.ENTERING)
        refused = Refused("TokenException", "log in", retryable=False, raw={}, is_auth=True)

        decision = decide(entering, Answered(MOMENT, second.tag, MOMENT, refused), POLICY)

        assert (decision.cycle.state, decision.cycle.open_quantity) == (CycleState.LONG, 4)

    @pytest.mark.parametrize(("before", "held"), [(None, 15), (5, 5), (5, None), (15, 15), (5, 6), (5, 16)])
    def test_what_may_be_the_traders_own_is_not(self, before: int | None, held: int | None) -> None:
        decision = want_out(self.entering(held_before=before), held=held)

        assert SendOrder not in kinds(decision)
        assert decision.cycle.wanted is ExitReason.STOPLOSS

    @pytest.mark.parametrize(
        ("entry", "age", "is_away", "is_sold"),
        [
            ({}, 60, True, True),
            ({}, 60, False, False),
            ({}, 301, True, False),
            ({"broker_status": BrokerStatus.OPEN}, 60, True, False),
            ({"broker_status": BrokerStatus.OPEN, "cancels": 1}, 60, True, False),
            ({"broker_status": BrokerStatus.OPEN, "cancels": 2}, 60, True, True),
            ({"broker_status": BrokerStatus.OPEN, "cancels": 2}, 60, False, False),
        ],
        ids=[
            "not seen, book away",
            "book answers",
            "too long ago",
            "at work",
            "being cancelled",
            "cancelled in vain",
            "in vain, book answers",
        ],
    )
    def test_of_an_order_that_was_taken_positions_speak_only_where_the_book_cannot(
        self, entry: dict[str, Any], age: int, is_away: bool, is_sold: bool
    ) -> None:
        entering = self.entering(held_before=0)
        now = MOMENT + timedelta(seconds=60)
        sent_at = now - timedelta(seconds=age)
        fields = {"state": IntentState.ACCEPTED, "broker_order_id": "E1", "sent_at": sent_at, **entry}
        taken = replace(entering.intents[0], cancel_asked_at=now, **fields)

        decision = want_out(replace(entering, intents=(taken,)), held=10, is_book_away=is_away)

        assert (SendOrder in kinds(decision)) is is_sold

    def test_the_entry_that_surfaces_then_settles_it(self) -> None:
        sold = want_out(self.entering(held_before=0), held=10).cycle
        exit_ = replace(sold.intents[-1], state=IntentState.DONE, broker_status=BrokerStatus.COMPLETE, filled=10)
        flat = look(replace(sold, intents=(sold.intents[0], exit_))).cycle
        assert (flat.state, flat.is_settled) == (CycleState.FLAT, False)

        entry = flat.intents[0]
        row = OrderRow(
            broker_order_id="E1",
            tags=frozenset({entry.tag}),
            exchange="NSE",
            symbol="TCS",
            side=Side.BUY,
            product="MIS",
            quantity=10,
            filled_quantity=10,
            average_price=Decimal(3600),
            status=BrokerStatus.COMPLETE,
            status_text="COMPLETE",
            message=None,
            raw={},
        )
        ended = look(flat, rows=(row,)).cycle

        assert (ended.open_quantity, ended.is_settled) == (0, True)

    def test_one_sold_by_half_upon_positions_stays_guarded_until_the_book_shows_it(self) -> None:
        sold = want_out(self.entering(held_before=0), held=10).cycle
        exit_ = replace(sold.intents[-1], state=IntentState.DONE, broker_status=BrokerStatus.CANCELLED, filled=5)

        cycle = look(replace(sold, intents=(sold.intents[0], exit_))).cycle

        assert (cycle.state, cycle.wanted, cycle.is_armed) == (CycleState.ENTERING, ExitReason.STOPLOSS, True)

    @pytest.mark.parametrize(("held", "is_told"), [(0, False), (None, False), (-10, True)])
    def test_what_was_sold_upon_positions_is_not_bought_back_because_the_book_never_showed_the_buy(
        self, held: int | None, is_told: bool
    ) -> None:
        sold = want_out(self.entering(held_before=0), held=10).cycle
        absent = replace(sold.intents[0], state=IntentState.NOT_PLACED, clean_reads=2)
        exit_ = replace(sold.intents[-1], state=IntentState.DONE, broker_status=BrokerStatus.COMPLETE, filled=10)
        flat = replace(sold, state=CycleState.FLAT, intents=(absent, exit_))

        decision = look(flat, held=held)

        kinds_told = [effect.kind for effect in decision.effects if isinstance(effect, Tell)]
        assert kinds_told == (["oversold"] if is_told else [])

    @pytest.mark.parametrize(("held", "quantity"), [(5, 5), (10, None), (4, None)])
    def test_of_its_other_half_only_what_positions_show_without_the_first_is_sold(
        self, held: int, quantity: int | None
    ) -> None:
        sold = want_out(self.entering(held_before=0), held=10).cycle
        exit_ = replace(sold.intents[-1], state=IntentState.DONE, broker_status=BrokerStatus.CANCELLED, filled=5)
        cycle = look(replace(sold, intents=(sold.intents[0], exit_))).cycle

        again = want_out(cycle, held=held)

        sent = [i.quantity for i in again.cycle.intents[2:]]
        assert sent == ([] if quantity is None else [quantity])


def test_a_login_that_died_leaves_the_stop_order_and_is_told_once() -> None:
    turned = want_out(long(resting()), ExitReason.SELL_TIME).cycle
    dead = Refused("TOKEN", "Incorrect api_key", retryable=False, raw={}, is_auth=True)

    decision = decide(turned, StopTurned(MOMENT, turned.intents[-1].tag, MOMENT, dead), POLICY)

    assert [type(effect) for effect in decision.effects] == [RaiseAlarm, Tell]
    assert (decision.cycle.state, decision.cycle.wanted) == (CycleState.LONG, ExitReason.SELL_TIME)
    assert decision.cycle.intents[-1].rests


def test_a_turn_that_nobody_heard_an_answer_to_is_asked_for_again() -> None:
    turned = want_out(long(resting()), at=60).cycle

    assert TurnStop not in kinds(look(turned, at=60.5))
    assert kinds(look(turned, at=61.5)) == [TurnStop]


def test_an_exit_of_everything_survives_the_sale_of_an_excess_that_is_refused() -> None:
    selling = want_out(replace(long(bought=20), wanted=ExitReason.SQUARE_OFF), ExitReason.EXCESS, held=20).cycle
    assert (selling.claim, selling.wanted) == (ExitReason.EXCESS, ExitReason.SQUARE_OFF)
    refused = Refused("MARGIN", "no", retryable=True, raw={})

    decision = decide(selling, Answered(MOMENT, selling.intents[-1].tag, MOMENT, refused), POLICY)

    assert [effect.reason for effect in decision.effects if isinstance(effect, RetryExit)] == [ExitReason.SQUARE_OFF]


def test_a_turned_order_that_has_reached_the_exchange_is_not_asked_again() -> None:
    turned = want_out(long(resting()), at=60).cycle
    trading = replace(turned.intents[-1], broker_status=BrokerStatus.OPEN)

    decision = look(replace(turned, intents=(turned.intents[0], trading)), at=61.5)

    assert kinds(decision) == [ReadBook]


def test_a_turned_order_is_given_its_time_from_the_turn_and_not_from_its_placing() -> None:
    turned = want_out(long(resting()), at=600).cycle
    trading = replace(turned.intents[-1], broker_status=BrokerStatus.OPEN, turn_answer=TurnAnswer.TAKEN)
    trading_now = replace(turned, intents=(turned.intents[0], trading))

    assert CancelOrder not in kinds(look(trading_now, at=602.9))
    assert CancelOrder in kinds(look(trading_now, at=603))


def test_one_that_cannot_be_turned_is_cancelled_at_once() -> None:
    turned = want_out(long(resting()), at=60).cycle
    refused = replace(turned.intents[-1], turn_answer=TurnAnswer.REFUSED)

    assert CancelOrder in kinds(look(replace(turned, intents=(turned.intents[0], refused)), at=60.1))


@pytest.mark.parametrize(
    "stops",
    [
        (resting(cancels=1, cancel_asked_at=MOMENT + timedelta(seconds=59)),),
        (resting(attempt=1), resting(attempt=2)),
    ],
    ids=["one that is being cancelled", "two"],
)
def test_what_could_sell_twice_is_not_turned(stops: tuple[Intent, ...]) -> None:
    decision = want_out(long(*stops))

    assert TurnStop not in kinds(decision)
    assert SendOrder not in kinds(decision)
    assert decision.cycle.wanted is ExitReason.STOPLOSS


def test_a_stop_order_that_surfaces_beside_another_exit_is_cancelled_before_it_can_sell_too() -> None:
    leaving = want_out(long()).cycle
    surfaced = resting(leaving)

    decision = look(replace(leaving, intents=(*leaving.intents, surfaced)), at=61)

    assert [e.broker_order_id for e in decision.effects if isinstance(e, CancelOrder)] == ["S1"]


def test_an_exit_that_surfaces_beside_a_held_position_is_cancelled() -> None:
    stray = make_intent(
        long(), Leg.EXIT, state=IntentState.ACCEPTED, broker_order_id="X1", broker_status=BrokerStatus.OPEN
    )

    decision = look(long(stray))

    assert [e.broker_order_id for e in decision.effects if isinstance(e, CancelOrder)] == ["X1"]
    assert SendOrder not in kinds(decision)


def test_what_was_held_before_the_last_sale_says_nothing_of_after_it() -> None:
    leaving = want_out(long()).cycle
    through = replace(leaving.intents[-1], state=IntentState.DONE, broker_status=BrokerStatus.COMPLETE, filled=10)

    over = look(replace(leaving, intents=(leaving.intents[0], through)), held=10).cycle

    assert (over.state, over.is_verified) == (CycleState.FLAT, False)


def test_no_more_counts_as_sold_by_hand_than_was_held() -> None:
    cycle = look(long(), held=-5, others=-15).cycle

    assert (cycle.state, cycle.closed_outside, cycle.open_quantity) == (CycleState.FLAT, 10, 0)


def test_an_excess_that_is_gone_is_sold_no_more() -> None:
    decision = want_out(long(wanted=ExitReason.EXCESS), ExitReason.EXCESS)

    assert (decision.cycle.wanted, kinds(decision)) == (None, [ReadBook])
