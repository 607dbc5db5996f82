"""Margins are blocked and released, positions net, and shares settle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange_simulator.clock import to_ist
from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.margins import margin_for
from exchange_simulator.engine.matching import Side
from exchange_simulator.engine.portfolio import Holding, Position
from exchange_simulator.engine.universe import standard_universe
from exchange_simulator.money import paise
from tests.unit.exchange_simulator.floor import LAKH, MONDAY_10_AM_IST_NS, Floor

UNIVERSE = {
    line.symbol: line for line in standard_universe(to_ist(MONDAY_10_AM_IST_NS).date()) if line.exchange != "BSE"
}
INFY = UNIVERSE["INFY"]
NIFTY_FUTURE = next(line for line in UNIVERSE.values() if line.kind == "FUT" and line.name == "NIFTY")
NIFTY_CALL = next(line for line in UNIVERSE.values() if line.kind == "CE" and line.name == "NIFTY")


def deliver(account: TradingAccount, instrument: Instrument, quantity: int, average: str) -> None:
    account.portfolio.holdings[instrument.key] = Holding(instrument, quantity, paise(average))


@pytest.mark.parametrize(
    ("instrument", "product", "side", "percent"),
    [
        (INFY, "CNC", "BUY", 100),
        (INFY, "CNC", "SELL", 0),
        (INFY, "MIS", "BUY", 20),
        (INFY, "MIS", "SELL", 20),
        (INFY, "MTF", "BUY", 25),
        (NIFTY_FUTURE, "NRML", "SELL", 15),
        (NIFTY_CALL, "NRML", "BUY", 100),
    ],
)
def test_margin_depends_on_product_and_side(instrument: Instrument, product: str, side: Side, percent: int) -> None:
    margin = margin_for(instrument, product, side, 100, 10_000)
    assert margin.total == 100 * 10_000 * percent // 100


def test_short_option_ties_up_a_share_of_its_strike() -> None:
    assert margin_for(NIFTY_CALL, "NRML", "SELL", 65, 100).total == 65 * NIFTY_CALL.strike * 15 // 100


def test_open_order_blocks_money_and_its_cancel_releases_it(floor: Floor) -> None:
    account = floor.account(cash=LAKH)
    order = floor.order(account, product="CNC", order_type="LIMIT", price="1500.00")
    assert account.available() == LAKH - 10 * paise("1500.00")
    floor.venue.manager.cancel(account, order)
    assert account.available() == LAKH


def test_closing_order_needs_no_money(floor: Floor) -> None:
    # given an account whose money is all in a position
    account = floor.account(cash=4000_00)
    floor.order(account)
    assert account.available() < 1000_00
    # when the position is offered for sale
    closing = floor.order(account, side="SELL", order_type="LIMIT", price="1600.00")
    # then that blocks nothing, but a second sale would open a short position
    assert closing.status == "OPEN"
    assert floor.order(account, side="SELL", order_type="LIMIT", price="1600.00").status == "REJECTED"


def test_funds_run_out_order_by_order(floor: Floor) -> None:
    account = floor.account(cash=40_000_00)
    orders = [floor.order(account, product="CNC", order_type="LIMIT", price="1500.00") for _ in range(3)]
    assert [order.status for order in orders] == ["OPEN", "OPEN", "REJECTED"]


def test_round_trip_leaves_profit_and_frees_margin(floor: Floor) -> None:
    # given ten shares bought at 1545.10, the best offer
    account = floor.account(cash=LAKH)
    floor.price("1545.00")
    floor.order(account)
    # when they are sold after a rise to 1600.00, whose best bid is 1599.90
    floor.price("1600.00")
    floor.order(account, side="SELL")
    # then the position stays listed at zero with its profit
    position = account.portfolio.position(INFY, "MIS")
    assert (position.quantity, position.realised) == (0, 10 * (paise("1599.90") - paise("1545.10")))
    assert account.available() == LAKH + position.realised


@given(st.lists(st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 50), st.integers(90, 110)), max_size=20))
def test_position_keeps_every_paisa(trades: list[tuple[Side, int, int]]) -> None:
    # given any sequence of trades
    position = Position(INFY, "MIS")
    for side, quantity, price in trades:
        position.apply(side, quantity, price)
    # then quantity and money agree with the trades
    signed = [(q if side == "BUY" else -q, price) for side, q, price in trades]
    assert position.quantity == sum(quantity for quantity, _ in signed)
    assert position.cost - position.realised == sum(quantity * price for quantity, price in signed)


def test_delivery_sale_uses_todays_purchase_before_holdings(floor: Floor) -> None:
    account = floor.account()
    deliver(account, INFY, 20, "1000.00")
    floor.order(account, product="CNC", quantity=5)
    floor.order(account, product="CNC", side="SELL", quantity=12)
    assert account.portfolio.holdings["NSE:INFY"].used_quantity == 7
    assert account.portfolio.net_quantity(INFY, "CNC") == -7


def test_shares_cannot_be_sold_twice(floor: Floor) -> None:
    account = floor.account()
    deliver(account, INFY, 10, "1000.00")
    first = floor.order(account, product="CNC", side="SELL", order_type="LIMIT", price="1600.00")
    second = floor.order(account, product="CNC", side="SELL", order_type="LIMIT", price="1600.00")
    assert (first.status, second.status) == ("OPEN", "REJECTED")


def test_bought_shares_become_holdings_and_are_paid_when_the_day_ends(floor: Floor) -> None:
    account = floor.account(cash=LAKH)
    bought = floor.order(account, product="CNC")
    floor.venue.roll_day([account])
    holding = account.portfolio.holdings["NSE:INFY"]
    assert (holding.quantity, holding.t1_quantity) == (0, 10)
    assert account.cash == LAKH - bought.filled_value
    assert account.portfolio.positions == {}


def test_intraday_position_is_squared_off_when_the_day_ends(floor: Floor) -> None:
    account = floor.account(cash=LAKH)
    bought = floor.order(account)
    floor.price("1555.00")
    floor.venue.roll_day([account])
    assert account.portfolio.positions == {}
    assert account.cash == LAKH + 10 * paise("1555.00") - bought.filled_value


def test_derivative_position_is_carried_overnight(floor: Floor) -> None:
    account = floor.account()
    floor.order(account, exchange="NFO", symbol=NIFTY_FUTURE.symbol, product="NRML", quantity=65)
    floor.venue.roll_day([account])
    position = account.portfolio.position(NIFTY_FUTURE, "NRML")
    assert (position.overnight_quantity, position.quantity, position.day_buy_quantity) == (65, 65, 0)


def test_position_converts_to_another_product(floor: Floor) -> None:
    account = floor.account()
    floor.order(account)
    assert account.portfolio.convert(INFY, "BUY", 4, "MIS", "CNC")
    assert account.portfolio.net_quantity(INFY, "MIS") == 6
    assert account.portfolio.net_quantity(INFY, "CNC") == 4
    assert not account.portfolio.convert(INFY, "BUY", 7, "MIS", "CNC")
