"""When nothing of ours is held, and whose it is when something is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest

from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.flatness import ForeignPosition, judge_flat
from algotrading.domain.instruments import Product
from algotrading.domain.orders import BookReading, BrokerStatus, Holding, Leg, OrderRow, Side
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_plan


def traded(bought: int = 10, sold: int = 10, *, closed_outside: int = 0, symbol: str = "TCS") -> Cycle:
    """A cycle that is over."""
    cycle = Cycle(uuid4(), uuid4(), uuid4(), TRADING_DAY, make_plan(symbol=symbol), CycleState.FLAT)
    for leg, filled in ((Leg.ENTRY, bought), (Leg.EXIT, sold)):
        intent = make_intent(cycle, leg, state=IntentState.DONE, filled=filled)
        cycle = replace(cycle, intents=(*cycle.intents, intent))
    return replace(cycle, closed_outside=closed_outside)


def book(*cycles: Cycle, **filled: int) -> BookReading:
    """The broker's rows of these cycles' orders, as our record has them, or with other quantities by leg."""
    rows = tuple(
        OrderRow(
            broker_order_id=intent.tag,
            tags=frozenset({intent.tag}),
            exchange=cycle.plan.exchange,
            symbol=cycle.plan.symbol,
            side=intent.side,
            product=str(cycle.plan.product),
            quantity=10,
            filled_quantity=filled.get(intent.leg, intent.filled),
            average_price=Decimal(1),
            status=BrokerStatus.COMPLETE,
            status_text="COMPLETE",
            message=None,
            raw={},
        )
        for cycle in cycles
        for intent in cycle.intents
    )
    return BookReading(MOMENT, rows, ())


def held(quantity: int, symbol: str = "TCS", product: str = "MIS") -> Holding:
    return Holding("NSE", symbol, product, quantity, Decimal(1), Decimal(1))


def test_record_book_and_positions_that_agree_are_flat() -> None:
    cycle = traded()

    assert judge_flat([cycle], book(cycle), [held(0)]).why_not is None
    assert judge_flat([cycle], book(cycle), []).why_not is None
    assert judge_flat([], book(), [held(7, "SBIN")]).why_not is None


def test_a_position_in_another_symbol_or_product_is_not_looked_at() -> None:
    cycle = traded()

    verdict = judge_flat([cycle], book(cycle), [held(5, "SBIN"), held(5, product=str(Product.CNC))])

    assert (verdict.why_not, verdict.foreign) == (None, ())


@pytest.mark.parametrize("quantity", [7, -7])
def test_what_is_left_when_ours_is_gone_is_the_traders_own(quantity: int) -> None:
    cycle = traded()

    verdict = judge_flat([cycle], book(cycle), [held(quantity)])

    assert verdict.why_not is None
    assert verdict.foreign == (ForeignPosition("NSE", "TCS", "MIS", quantity),)


def test_a_record_that_holds_something_is_not_flat() -> None:
    cycle = traded(10, 6)

    verdict = judge_flat([cycle], book(cycle), [held(4)])

    assert verdict.why_not is not None
    assert "our record holds 4" in verdict.why_not


def test_a_book_that_shows_another_quantity_than_our_record_is_not_flat() -> None:
    # given an exit that we count whole, of which the book shows less
    cycle = traded()

    verdict = judge_flat([cycle], book(cycle, exit=6), [held(4)])

    assert verdict.why_not is not None
    assert "the broker's book shows 4" in verdict.why_not


def test_a_book_without_our_orders_proves_nothing() -> None:
    cycle = traded(10, 10)
    without_exit = replace(cycle, intents=cycle.intents[:1])

    assert judge_flat([cycle], book(without_exit), []).why_not is not None


def test_shares_sold_by_hand_are_flat_when_the_position_is_gone() -> None:
    cycle = traded(10, 0, closed_outside=10)

    assert judge_flat([cycle], book(cycle), [held(0)]).why_not is None


def test_shares_believed_sold_by_hand_that_are_still_there_are_not_flat() -> None:
    cycle = traded(10, 0, closed_outside=10)

    verdict = judge_flat([cycle], book(cycle), [held(10)])

    assert verdict.why_not is not None
    assert "believed to be sold by hand" in verdict.why_not


def test_two_strategies_in_one_symbol_are_added_up() -> None:
    one, other = traded(), traded(5, 5)

    assert judge_flat([one, other], book(one, other), [held(0)]).why_not is None
    assert judge_flat([one, other], book(one), [held(0)]).why_not is None, "its orders net to nothing either way"


def test_rows_of_others_count_for_nothing() -> None:
    cycle, stranger = traded(), traded(10, 0)

    assert judge_flat([cycle], book(cycle, stranger), [held(10)]).foreign == (ForeignPosition("NSE", "TCS", "MIS", 10),)
    assert all(row.side is Side.BUY for row in book(stranger).rows[:1])
