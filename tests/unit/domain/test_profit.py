"""Profit and loss of cycles."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from algotrading.domain.charges import Charges, ChargeSegment, charges_of_order, to_paisa
from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.instruments import Product
from algotrading.domain.orders import Fill, Leg, Side
from algotrading.domain.profit import Profit, by_day, by_week, executions, profit_of, total, week_of
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_plan

PRICES = st.decimals(min_value=Decimal("0.05"), max_value=100_000, places=2)
LOTS = st.lists(st.tuples(st.integers(1, 5000), PRICES), min_size=1, max_size=5)
"""Fills of one order, quantity and price."""
ORDERS = st.lists(LOTS, min_size=1, max_size=4)


def cycle_of(product: Product = Product.MIS, **plan: object) -> Cycle:
    return Cycle(uuid4(), uuid4(), uuid4(), TRADING_DAY, make_plan(product=product, **plan), CycleState.LONG, epoch=1)


def with_order(cycle: Cycle, leg: Leg, *lots: tuple[int, Decimal]) -> tuple[Cycle, list[Fill]]:
    """The cycle with one more order, filled in these lots, and its fills."""
    attempt = 1 + sum(1 for intent in cycle.intents if intent.leg is leg)
    order_id = f"{leg}-{attempt}"
    filled = sum(quantity for quantity, _ in lots)
    value = sum((quantity * price for quantity, price in lots), Decimal(0))
    intent = make_intent(
        cycle,
        leg,
        attempt,
        state=IntentState.DONE,
        broker_order_id=order_id,
        filled=filled,
        average_price=(value / filled).quantize(Decimal("0.0001")) if filled else Decimal(0),
    )
    fills = [Fill(f"{order_id}-{i}", order_id, "NSE", q, p, MOMENT) for i, (q, p) in enumerate(lots)]
    return replace(cycle, intents=(*cycle.intents, intent)), fills


def traded(
    buys: list[list[tuple[int, Decimal]]], sells: list[list[tuple[int, Decimal]]], product: Product = Product.MIS
) -> tuple[Cycle, list[Fill]]:
    cycle, fills = cycle_of(product), []
    for leg, orders in ((Leg.ENTRY, buys), (Leg.EXIT, sells)):
        for lots in orders:
            cycle, more = with_order(cycle, leg, *lots)
            fills += more
    return cycle, fills


def value_of(orders: list[list[tuple[int, Decimal]]]) -> Decimal:
    return sum((quantity * price for lots in orders for quantity, price in lots), Decimal(0))


def charged(orders: list[list[tuple[int, Decimal]]], side: Side) -> Charges:
    notes = [charges_of_order(TRADING_DAY, ChargeSegment.INTRADAY, side, value_of([lots])) for lots in orders]
    return sum(notes, Charges())


def test_a_round_trip_that_was_stopped_out() -> None:
    """Bought 10 at 3520 (charges 14.84), sold 10 at 3499.90 (charges 22.44)."""
    cycle, fills = traded([[(10, Decimal(3520))]], [[(4, Decimal("3499.95")), (6, Decimal("3499.8666"))]])

    profit = profit_of(cycle, None, fills)

    assert profit.realised == Decimal("-201.00")
    assert profit.charges.total == Decimal("37.28")
    assert (profit.open, profit.net) == (Decimal(0), Decimal("-238.28"))


def test_what_is_held_is_worth_what_the_mark_says() -> None:
    cycle, fills = traded([[(10, Decimal(100))]], [[(4, Decimal(110))]])

    profit = profit_of(cycle, Decimal("95.50"), fills)

    assert (profit.realised, profit.open) == (Decimal(40), Decimal(-27))
    assert profit.net == Decimal(13) - profit.charges.total


def test_without_a_mark_nothing_is_claimed() -> None:
    cycle, fills = traded([[(10, Decimal(100))]], [[(4, Decimal(110))]])

    profit = profit_of(cycle, None, fills)

    assert (profit.open, profit.net, profit.unmarked) == (None, None, 1)
    assert profit.net_known == profit.net_realised == Decimal(40) - profit.charges.total


def test_shares_that_were_sold_by_hand_have_no_known_price() -> None:
    cycle, fills = traded([[(10, Decimal(100))]], [[(4, Decimal(110))]])

    profit = profit_of(replace(cycle, closed_outside=6), Decimal(105), fills)

    assert (profit.realised, profit.open, profit.unmarked) == (Decimal(40), Decimal(0), 0)
    assert (profit.net, profit.unpriced) == (None, 1)


def test_more_sold_than_bought_is_a_position_too() -> None:
    cycle, fills = traded([[(10, Decimal(100))]], [[(15, Decimal(110))]])

    profit = profit_of(cycle, Decimal(120), fills)

    assert (profit.realised, profit.open) == (Decimal(100), Decimal(-50))


def test_an_order_without_its_fills_counts_at_its_average_price() -> None:
    cycle, fills = traded([[(4, Decimal(100)), (6, Decimal(110))]], [])

    (known,) = executions(cycle, fills)
    (guessed,) = executions(cycle)
    (partly,) = executions(cycle, fills[:1])

    assert (known.value, guessed.value, partly.value) == (Decimal(1060), Decimal(1060), Decimal(1036))
    assert known.quantity == guessed.quantity == partly.quantity == 10


def test_delivery_that_is_sold_the_same_day_is_charged_as_intraday() -> None:
    buys, sells = [[(10, Decimal(100))]], [[(10, Decimal(101))]]
    mis, fills = traded(buys, sells)
    cnc, same = traded(buys, sells, Product.CNC)

    assert profit_of(cnc, None, same).charges == profit_of(mis, None, fills).charges


def test_delivery_that_is_kept_is_charged_as_delivery() -> None:
    cycle, fills = traded([[(10, Decimal(100))]], [[(4, Decimal(100))]], Product.CNC)

    charges = profit_of(cycle, Decimal(100), fills).charges

    assert charges.stt == Decimal("0.60") + Decimal("0.10")  # 0.1 % of 600 kept, 0.025 % of 400 sold
    assert charges.stamp_duty == Decimal("0.09") + Decimal("0.01")


def test_a_cycle_that_did_nothing_has_no_result() -> None:
    assert profit_of(cycle_of(), Decimal(100)) == Profit()


def test_weeks_run_from_monday_to_sunday() -> None:
    assert week_of(date(2026, 11, 20)) == week_of(date(2026, 11, 16)) == week_of(date(2026, 11, 22))
    assert week_of(date(2026, 11, 23)) == date(2026, 11, 23)


def test_sums_by_day_and_by_week() -> None:
    friday, monday = date(2026, 11, 20), date(2026, 11, 23)
    results = [(friday, Profit(Decimal(1))), (friday, Profit(Decimal(2), unmarked=1)), (monday, Profit(Decimal(4)))]

    assert by_day(results) == {friday: Profit(Decimal(3), unmarked=1), monday: Profit(Decimal(4))}
    assert by_week([*results, (date(2026, 11, 16), Profit(Decimal(8)))]) == {
        date(2026, 11, 16): Profit(Decimal(11), unmarked=1),
        monday: Profit(Decimal(4)),
    }


@given(buys=ORDERS, price=PRICES)
def test_a_flat_cycle_made_its_sells_minus_its_buys_minus_its_charges(
    buys: list[list[tuple[int, Decimal]]], price: Decimal
) -> None:
    quantity = sum(quantity for lots in buys for quantity, _ in lots)
    sells = [[(quantity, price)]]
    cycle, fills = traded(buys, sells)

    profit = profit_of(cycle, None, fills)

    assert profit.charges == charged(buys, Side.BUY) + charged(sells, Side.SELL)
    assert profit.net == value_of(sells) - value_of(buys) - profit.charges.total


@given(buys=ORDERS, sells=ORDERS, mark=PRICES)
def test_the_mark_is_a_price_at_which_all_could_be_closed(
    buys: list[list[tuple[int, Decimal]]], sells: list[list[tuple[int, Decimal]]], mark: Decimal
) -> None:
    """Whatever is open: matched and open results add up to cash in hand and the worth of what is held."""
    cycle, fills = traded(buys, sells)
    held = sum(q for lots in buys for q, _ in lots) - sum(q for lots in sells for q, _ in lots)

    profit = profit_of(cycle, mark, fills)

    assert profit.open is not None
    cash = value_of(sells) - value_of(buys)
    assert abs(profit.realised + profit.open - (cash + held * mark)) <= Decimal("0.01")


@given(cycles=st.lists(st.tuples(ORDERS, ORDERS, st.none() | PRICES), max_size=4))
def test_results_add_up_and_no_missing_mark_is_lost(
    cycles: list[tuple[list[list[tuple[int, Decimal]]], list[list[tuple[int, Decimal]]], Decimal | None]],
) -> None:
    profits = []
    for buys, sells, mark in cycles:
        cycle, fills = traded(buys, sells)
        profits.append(profit_of(cycle, mark, fills))

    together = total(profits)

    assert together.realised == sum((profit.realised for profit in profits), Decimal(0))
    assert together.charges.total == sum((profit.charges.total for profit in profits), Decimal(0))
    assert together.unmarked == sum(1 for profit in profits if profit.open is None)
    assert (together.net is None) == any(profit.net is None for profit in profits)
    assert together == total(reversed(profits))


@given(lots=st.lists(st.tuples(st.integers(1, 20), PRICES), min_size=1, max_size=5))
def test_how_an_order_was_filled_in_parts_does_not_matter_to_its_charges(lots: list[tuple[int, Decimal]]) -> None:
    cycle, fills = traded([lots], [])
    split = [replace(fill, trade_id=f"{fill.trade_id}-{i}", quantity=1) for fill in fills for i in range(fill.quantity)]

    one, other = profit_of(cycle, None, fills), profit_of(cycle, None, split)

    assert one.charges == other.charges == charged([lots], Side.BUY)
    assert to_paisa(one.charges.total) == one.charges.total
