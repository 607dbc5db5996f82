"""The official REST client, unmodified, can do everything it can do with the real API."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect.exceptions import InputException, TokenException

from exchange_simulator.clock import IST
from exchange_simulator.threaded import ThreadedExchange
from tests.contract.exchange_simulator.desk import buy, control, finished, until

Client = Any
METHODS = ("GET", "POST", "PUT", "DELETE")
NewClient = Callable[..., Client]


def test_browser_login_gives_a_session(exchange: ThreadedExchange, new_client: NewClient) -> None:
    # given an app with a redirect URL and no session yet
    kite = new_client(api_secret="secret", redirect_url="http://127.0.0.1:1/back?keep=1")
    kite.set_access_token(None)
    query = urlsplit(kite.login_url()).query
    # when the user opens the login page and presses the button
    page = requests.get(f"{exchange.url}/connect/login?{query}&redirect_params=state%3Dxyz", timeout=5)
    assert "Log in" in page.text
    form = {"api_key": kite.api_key, "redirect_params": "state=xyz"}
    back = requests.post(f"{exchange.url}/connect/finish", data=form, allow_redirects=False, timeout=5)
    returned = parse_qs(urlsplit(back.headers["Location"]).query)
    # then the app gets a request token beside what it asked to have echoed, and turns it into a session
    assert (returned["status"], returned["state"], returned["keep"]) == (["success"], ["xyz"], ["1"])
    session = kite.generate_session(returned["request_token"][0], "secret")
    assert isinstance(session["login_time"], datetime)
    assert kite.profile()["user_id"] == session["user_id"]


def test_refresh_token_renews_a_platform_session(exchange: ThreadedExchange, new_client: NewClient) -> None:
    kite = new_client(user_id="PLATFORM", api_secret="secret", platform=True)
    [account] = [row for row in control(exchange.url, "GET", "/accounts") if row["user_id"] == "PLATFORM"]
    old = kite.access_token
    assert kite.renew_access_token(account["refresh_token"], "secret")["access_token"] != old
    assert kite.invalidate_refresh_token(account["refresh_token"]) is True
    assert kite.profile()["user_id"] == "PLATFORM"


def test_logout_ends_the_session_and_calls_the_expiry_hook(kite: Client) -> None:
    expired = []
    kite.set_session_expiry_hook(lambda: expired.append(True))
    assert kite.invalidate_access_token() is True
    with pytest.raises(TokenException, match="Incorrect `api_key` or `access_token`"):
        kite.profile()
    assert expired == [True]


def test_funds_are_shown_whole_and_by_segment(kite: Client) -> None:
    assert kite.margins()["equity"] == kite.margins("equity")
    assert kite.margins("equity")["available"]["cash"] == 10_000_000
    assert kite.margins("commodity")["enabled"] is False


def test_market_order_is_bought_and_leaves_its_traces(kite: Client) -> None:
    order_id = buy(kite, tag="entry1")
    row = finished(kite, order_id)
    assert (row["tag"], row["order_type"], row["filled_quantity"]) == ("entry1", "LIMIT", 1)
    assert row["tags"] == ["entry1", "mktp", "mktp:2.00"]
    assert [order["order_id"] for order in kite.orders()] == [order_id]
    assert isinstance(kite.orders()[0]["order_timestamp"], datetime)
    [trade] = kite.order_trades(order_id)
    assert kite.trades() == [trade]
    assert (trade["quantity"], trade["average_price"]) == (1, row["average_price"])
    assert isinstance(trade["fill_timestamp"], datetime)
    [position] = kite.positions()["net"]
    assert (position["tradingsymbol"], position["quantity"]) == ("INFY", 1)
    assert kite.positions()["day"][0]["day_buy_quantity"] == 1


def test_empty_books_are_empty_lists(kite: Client) -> None:
    assert (kite.orders(), kite.trades(), kite.holdings()) == ([], [], [])
    assert kite.positions() == {"net": [], "day": []}


def test_limit_order_is_modified_and_cancelled(kite: Client) -> None:
    order_id = buy(kite, order_type="LIMIT", price=1450)
    finished(kite, order_id, "OPEN")
    assert kite.modify_order("regular", order_id, price=1460, quantity=3) == order_id
    row = finished(kite, order_id, "OPEN")
    assert (row["price"], row["quantity"], row["modified"]) == (1460, 3, True)
    assert kite.cancel_order("regular", order_id) == order_id
    row = finished(kite, order_id, "CANCELLED")
    assert (row["cancelled_quantity"], row["pending_quantity"]) == (3, 3)


def test_pre_check_refusal_raises_and_stays_out_of_the_book(kite: Client) -> None:
    with pytest.raises(InputException, match="Market orders without market protection") as refusal:
        buy(kite, market_protection=None)
    assert refusal.value.code == 400
    assert kite.orders() == []


def test_lack_of_funds_is_a_rejected_row(new_client: NewClient) -> None:
    kite = new_client(funds=100)
    row = finished(kite, buy(kite), "REJECTED")
    assert row["status_message"].startswith("Insufficient funds. Required margin is")
    assert row["status_message_raw"].startswith("RMS:Margin Exceeds,Required:")


def test_sliced_order_answers_with_its_children(kite: Client) -> None:
    answer = kite.place_autoslice_order(
        "regular", "NSE", "IDEA", "BUY", 150_000, "MIS", "LIMIT", price=9.5, market_protection=-1
    )
    assert len(answer["children"]) == 2
    assert all(set(child) == {"order_id"} for child in answer["children"])


def test_cover_order_is_left_through_its_second_leg(kite: Client) -> None:
    entry = buy(kite, variety="co", trigger_price=1500)
    exit_leg = until(lambda: [order for order in kite.orders() if order["parent_order_id"] == entry])[0]
    finished(kite, exit_leg["order_id"], "TRIGGER PENDING")
    kite.exit_order("co", exit_leg["order_id"], parent_order_id=entry)
    finished(kite, exit_leg["order_id"])
    assert kite.positions()["net"][0]["quantity"] == 0


def test_position_is_converted(kite: Client) -> None:
    finished(kite, buy(kite, quantity=4))
    assert kite.convert_position("NSE", "INFY", "BUY", "day", 3, "MIS", "CNC") is True
    by_product = {position["product"]: position["quantity"] for position in kite.positions()["net"]}
    assert by_product == {"MIS": 1, "CNC": 3}


def test_holdings_are_listed(exchange: ThreadedExchange) -> None:
    account = control(
        exchange.url, "POST", "/accounts", holdings=[{"symbol": "TCS", "quantity": 5, "average_price": "3000"}]
    )
    kite = KiteConnect(account["api_key"], account["access_token"], root=exchange.url)
    [holding] = kite.holdings()
    assert (holding["tradingsymbol"], holding["quantity"], holding["average_price"]) == ("TCS", 5, 3000)
    assert kite.get_auction_instruments() == []
    kite.reqsession.close()


def test_quotes_come_in_three_sizes(exchange: ThreadedExchange, kite: Client) -> None:
    control(exchange.url, "POST", "/prices/TCS", price="3100.00", pin=True)
    assert kite.ltp("NSE:TCS", "NSE:NOBODY") == {"NSE:TCS": {"instrument_token": 2953217, "last_price": 3100.0}}
    assert set(kite.ohlc(["NSE:TCS"])["NSE:TCS"]["ohlc"]) == {"open", "high", "low", "close"}
    quote = kite.quote("NSE:TCS", "NSE:NIFTY 50")
    assert isinstance(quote["NSE:TCS"]["timestamp"], datetime)
    assert [level["price"] for level in quote["NSE:TCS"]["depth"]["sell"]] == [3100.1, 3100.2, 3100.3, 3100.4, 3100.5]
    assert quote["NSE:NIFTY 50"]["instrument_token"] == 256265


def test_too_many_instruments_in_a_quote_are_refused(kite: Client) -> None:
    with pytest.raises(InputException, match="Max permitted is 500"):
        kite.quote([f"NSE:X{number}" for number in range(501)])


def test_instrument_dump_parses(kite: Client) -> None:
    everything = {(row["exchange"], row["tradingsymbol"]): row for row in kite.instruments()}
    infy = everything["NSE", "INFY"]
    assert (infy["instrument_token"], infy["exchange_token"], infy["segment"]) == (408065, "1594", "NSE")
    assert everything["NSE", "NIFTY 50"]["segment"] == "INDICES"
    futures = [row for row in kite.instruments("NFO") if row["instrument_type"] == "FUT"]
    assert all(isinstance(row["expiry"], date) for row in futures)
    assert {row["name"]: row["lot_size"] for row in futures}["NIFTY"] == 65


@pytest.mark.parametrize(
    ("interval", "minutes"), [("minute", 1), ("5minute", 5), ("15minute", 15), ("60minute", 60), ("day", 1440)]
)
def test_candles_of_every_interval(kite: Client, interval: str, minutes: int) -> None:
    candles = kite.historical_data(408065, "2026-11-02 00:00:00", "2026-11-06 23:59:59", interval, oi=True)
    assert candles[1]["date"] - candles[0]["date"] == timedelta(minutes=minutes)
    assert all(row["low"] <= min(row["open"], row["close"]) <= row["high"] for row in candles)
    assert set(candles[0]) == {"date", "open", "high", "low", "close", "volume", "oi"}


def test_the_candle_of_today_ends_where_the_price_is(exchange: ThreadedExchange, kite: Client) -> None:
    control(exchange.url, "POST", "/prices/INFY", price=1500.5, pin=True)

    now = datetime.now(IST)
    candles = kite.historical_data(408065, now - timedelta(days=7), now, "day")

    assert candles[-1]["date"].date() == now.date()
    assert candles[-1]["close"] == 1500.5
    assert candles[-1]["low"] <= 1500.5 <= candles[-1]["high"]


def test_a_price_outside_the_circuit_limits_is_refused_unless_forced(exchange: ThreadedExchange, kite: Client) -> None:
    url = f"{exchange.url}/sim/prices/INFY"

    refused = requests.post(url, json={"price": 10, "pin": True}, timeout=5)
    forced = requests.post(url, json={"price": 10, "pin": True, "force": True}, timeout=5)

    assert refused.status_code == 400
    assert "circuit limits" in refused.json()["message"]
    assert forced.json()["last_price"] == 10
    assert kite.ltp("NSE:INFY")["NSE:INFY"]["last_price"] == 10


def test_candles_over_too_long_a_time_are_refused(kite: Client) -> None:
    with pytest.raises(InputException, match="60 days"):
        kite.historical_data(408065, datetime(2026, 1, 1), datetime(2026, 6, 1), "minute")


def test_cover_order_range_is_around_the_price(kite: Client) -> None:
    band = kite.trigger_range("BUY", "NSE:INFY")["NSE:INFY"]
    assert band["lower"] < kite.ltp("NSE:INFY")["NSE:INFY"]["last_price"] < band["upper"]


def test_gtt_is_placed_read_changed_fired_and_deleted(exchange: ThreadedExchange, kite: Client) -> None:
    control(exchange.url, "POST", "/prices/WIPRO", price="246.00", pin=True)
    leg = {"transaction_type": "BUY", "quantity": 2, "order_type": "LIMIT", "product": "CNC", "price": 241.0}
    trigger_id = kite.place_gtt("single", "WIPRO", "NSE", [240.0], 246.0, [leg])["trigger_id"]
    assert kite.get_gtt(trigger_id)["status"] == "active"
    kite.modify_gtt(trigger_id, "single", "WIPRO", "NSE", [242.0], 246.0, [leg])
    assert kite.get_gtts()[0]["condition"]["trigger_values"] == [242.0]
    control(exchange.url, "POST", "/prices/WIPRO", price="242.00", pin=True)
    fired = kite.get_gtt(trigger_id)
    assert (fired["status"], fired["orders"][0]["result"]["order_result"]["status"]) == ("triggered", "success")
    assert finished(kite, fired["orders"][0]["result"]["order_result"]["order_id"], "OPEN")["price"] == 241.0
    both = [leg | {"transaction_type": "SELL", "price": price} for price in (230.0, 260.0)]
    other = kite.place_gtt("two-leg", "WIPRO", "NSE", [231.0, 259.0], 242.0, both)["trigger_id"]
    assert kite.delete_gtt(other) == {"trigger_id": other}


def test_margins_and_charges_are_calculated(kite: Client) -> None:
    order = {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "variety": "regular",
        "product": "CNC",
        "order_type": "LIMIT",
        "quantity": 10,
        "price": 1500,
    }
    [margin] = kite.order_margins([order])
    assert margin["total"] == 15_000
    [intraday] = kite.order_margins([order | {"product": "MIS"}])
    assert (intraday["total"], intraday["leverage"]) == (3_000, 5)
    basket = kite.basket_order_margins([order, order | {"transaction_type": "SELL"}], mode="compact")
    assert (basket["initial"]["total"], basket["final"]["total"]) == (15_000, 0)
    [note] = kite.get_virtual_contract_note([order | {"order_id": "any", "average_price": 1500}])
    assert note["charges"]["total"] == pytest.approx(
        sum(
            note["charges"][part]
            for part in (
                "transaction_tax",
                "exchange_turnover_charge",
                "sebi_turnover_charge",
                "brokerage",
                "stamp_duty",
            )
        )
        + note["charges"]["gst"]["total"]
    )


def test_fund_routes_say_that_there_is_nothing(kite: Client) -> None:
    assert (kite.mf_orders(), kite.mf_sips(), kite.mf_holdings(), kite.mf_instruments()) == ([], [], [], [])


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("mf_orders", ("1",)),
        ("place_mf_order", ("INF1", "BUY")),
        ("cancel_mf_order", ("1",)),
        ("mf_sips", ("1",)),
        ("place_mf_sip", ("INF1", 100, 12, "monthly")),
        ("modify_mf_sip", ("1", 100)),
        ("cancel_mf_sip", ("1",)),
    ],
)
def test_fund_orders_are_refused(kite: Client, method: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(InputException, match="fund"):
        getattr(kite, method)(*arguments)


def test_unknown_route_is_an_error_envelope(exchange: ThreadedExchange) -> None:
    response = requests.get(f"{exchange.url}/nowhere", timeout=5)
    assert (response.status_code, response.json()["error_type"]) == (404, "GeneralException")


def test_every_route_of_the_client_is_served(exchange: ThreadedExchange) -> None:
    # given the paths of the client, among them one that none of its methods uses
    paths = set(KiteConnect._routes.values()) - {"/margins/{segment}"}
    # when each is asked for by every method, without a token
    names = dict.fromkeys(re.findall(r"{(\w+)}", " ".join(paths)), "1")
    served = {
        path: {
            requests.request(method, exchange.url + path.format(**names), timeout=5).status_code for method in METHODS
        }
        for path in paths
    }
    # then none is unknown
    assert [path for path, answers in served.items() if answers <= {404, 405}] == []
