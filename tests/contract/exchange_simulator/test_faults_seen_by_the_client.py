"""Each fault looks to the official client as it did to users of the real API, and the book tells what happened."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect.exceptions import KiteException

from exchange_simulator.simulator import Options
from exchange_simulator.threaded import ThreadedExchange
from tests.contract.exchange_simulator.desk import buy, control, finished, last_state, until

Client = Any
Arm = Callable[..., dict[str, Any]]


@pytest.fixture
def arm(exchange: ThreadedExchange, kite: Client) -> Arm:
    """Arms a fault for the client's user."""
    user_id = kite.profile()["user_id"]

    def arm_fault(name: str, *, count: int | None = 1, route: str | None = None, **params: Any) -> dict[str, Any]:
        body = {"name": name, "user_id": user_id, "count": count, "route": route, "params": params}
        armed: dict[str, Any] = control(exchange.url, "POST", "/faults", **body)
        return armed

    return arm_fault


def only_order(kite: Client) -> dict[str, Any]:
    """Wait for the one order of the book."""
    [row] = until(kite.orders)
    order: dict[str, Any] = row
    return order


def test_accepted_order_whose_answer_never_comes(kite: Client, arm: Arm) -> None:
    arm("accept_then_timeout", appear_after_ms=300, hold_ms=5000)
    kite.timeout = 0.2
    with pytest.raises(requests.exceptions.ReadTimeout):
        buy(kite, tag="lost")
    kite.timeout = 5
    assert kite.orders() == []
    assert only_order(kite)["tag"] == "lost"


def test_accepted_order_answered_with_503(kite: Client, arm: Arm) -> None:
    arm("accept_then_503")
    with pytest.raises(KiteException, match="kitetrade-oms") as failure:
        buy(kite, tag="lost")
    assert failure.value.code == 503
    assert only_order(kite)["tag"] == "lost"


def test_accepted_order_answered_with_400_timed_out(kite: Client, arm: Arm) -> None:
    arm("400_timed_out_but_placed", appear_after_ms=200)
    with pytest.raises(KiteException, match="Order request timed out") as failure:
        buy(kite, tag="lost")
    assert failure.value.code == 400
    assert only_order(kite)["tag"] == "lost"


def test_order_in_limbo(kite: Client, arm: Arm) -> None:
    arm("limbo", ms=300)
    order_id = buy(kite)
    assert last_state(kite, order_id)["status"] == "PUT ORDER REQ RECEIVED"
    finished(kite, order_id)


def test_partial_fill_that_goes_on_later(kite: Client, arm: Arm) -> None:
    arm("partial_fill", quantity=3, rest_ms=300)
    order_id = buy(kite, quantity=10)
    row = finished(kite, order_id, "OPEN")
    assert until(lambda: last_state(kite, order_id)["filled_quantity"] == 3)
    assert row["quantity"] == 10
    finished(kite, order_id)
    assert sum(trade["quantity"] for trade in kite.order_trades(order_id)) == 10


def test_rejection_with_a_reason(kite: Client, arm: Arm) -> None:
    arm("reject", message="RMS:Blocked for this test")
    assert finished(kite, buy(kite), "REJECTED")["status_message"] == "RMS:Blocked for this test"


@pytest.mark.parametrize(
    ("fault", "params", "error", "code"),
    [
        ("refuse", {"error_type": "OrderException", "message": "No.", "status": 400}, "OrderException", 400),
        ("burst_429", {}, "NetworkException", 429),
        ("html_502", {}, "DataException", 502),
        ("token_death", {}, "TokenException", 403),
    ],
)
def test_refused_order_is_not_placed(
    exchange: ThreadedExchange, kite: Client, arm: Arm, fault: str, params: dict[str, Any], error: str, code: int
) -> None:
    user_id = kite.profile()["user_id"]
    arm(fault, route="place", **params)
    with pytest.raises(KiteException) as failure:
        buy(kite)
    assert (type(failure.value).__name__, failure.value.code) == (error, code)
    assert control(exchange.url, "GET", f"/orders?user_id={user_id}") == []


def test_connection_reset_before_acceptance(kite: Client, arm: Arm) -> None:
    arm("reset_before_accept", route="place")
    with pytest.raises(requests.exceptions.ConnectionError):
        buy(kite)
    assert kite.orders() == []


def test_success_without_data_still_places(kite: Client, arm: Arm) -> None:
    arm("data_null", route="place")
    with pytest.raises(TypeError):
        buy(kite)
    assert len(kite.orders()) == 1


def test_late_fill_after_an_acknowledged_cancel(kite: Client, arm: Arm) -> None:
    order_id = buy(kite, order_type="LIMIT", price=1450)
    finished(kite, order_id, "OPEN")
    arm("late_fill_after_cancel", ms=100)
    assert kite.cancel_order("regular", order_id) == order_id
    assert finished(kite, order_id)["filled_quantity"] == 1


def test_book_that_lags_behind(kite: Client, arm: Arm) -> None:
    order_id = buy(kite)
    finished(kite, order_id)
    arm("book_lag", ms=60_000)
    assert kite.orders() == []
    assert kite.orders()[0]["status"] == "COMPLETE"


def test_orders_come_only_from_allowed_addresses(exchange: ThreadedExchange, kite: Client) -> None:
    user_id = kite.profile()["user_id"]
    control(exchange.url, "PATCH", f"/accounts/{user_id}", allowed_ips=["203.0.113.7"])
    with pytest.raises(KiteException, match="not allowed to place orders") as failure:
        buy(kite)
    assert failure.value.code == 403
    kite.reqsession.headers["X-Sim-Source-IP"] = "203.0.113.7"
    finished(kite, buy(kite))


def test_requests_over_the_limit_are_429() -> None:
    # given an exchange with the real limits
    with ThreadedExchange(Options()) as exchange:
        app = exchange.run(lambda server: server.create_account())
        kite = KiteConnect(app.api_key, app.access_token, root=exchange.url)
        # when quotes are asked for faster than one a second
        with pytest.raises(KiteException, match="Too many requests") as failure:
            [kite.ltp("NSE:INFY") for _ in range(3)]
        kite.reqsession.close()
    # then the client reports what it cannot tell from a failed order
    assert (type(failure.value).__name__, failure.value.code) == ("NetworkException", 429)


def test_every_request_is_on_record(exchange: ThreadedExchange, kite: Client) -> None:
    user_id = kite.profile()["user_id"]
    buy(kite)
    record = control(exchange.url, "GET", f"/accounts/{user_id}/requests")
    assert [(row["method"], row["path"], row["status"]) for row in record] == [
        ("GET", "/user/profile", 200),
        ("POST", "/orders/regular", 200),
    ]


def test_control_plane_knows_exact_times(exchange: ThreadedExchange, kite: Client) -> None:
    user_id = kite.profile()["user_id"]
    finished(kite, buy(kite))
    [row] = control(exchange.url, "GET", f"/orders?user_id={user_id}")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", row["received_at"])
    assert row["received_ns"] <= row["fills"][0]["at_ns"]
    assert row["states"][-1]["status"] == "COMPLETE"


def test_control_plane_remembers_when_each_tick_was_sent(exchange: ThreadedExchange) -> None:
    since_ns = control(exchange.url, "GET", "/clock")["now_ns"]
    for price in ("1700.00", "1710.00"):
        control(exchange.url, "POST", "/prices/SUNPHARMA", price=price, pin=True)
    sent = control(exchange.url, "GET", f"/ticks/SUNPHARMA?since_ns={since_ns}")["sent"]
    assert [tick["last_price"] for tick in sent][:2] == [1700.0, 1710.0]
    assert since_ns <= sent[0]["emitted_ns"] <= sent[1]["emitted_ns"]


def test_day_ends_at_six_on_the_clock_of_the_simulator() -> None:
    with ThreadedExchange(Options(rate_limits=False)) as exchange:
        app = exchange.run(lambda server: server.create_account(user_id="AB1234"))
        kite = KiteConnect(app.api_key, app.access_token, root=exchange.url)
        finished(kite, buy(kite, product="CNC"))
        control(exchange.url, "POST", "/clock", seconds=86_400)
        with pytest.raises(KiteException, match="Incorrect `api_key` or `access_token`"):
            kite.orders()
        fresh = control(exchange.url, "POST", "/accounts/AB1234/token")
        kite.set_access_token(fresh["access_token"])
        assert kite.orders() == []
        assert kite.holdings()[0]["t1_quantity"] == 1
        kite.reqsession.close()


def test_session_table_covers_the_day(exchange: ThreadedExchange) -> None:
    table = control(exchange.url, "GET", "/session-table")
    assert (table["name"], table["calendar"]) == ("round-the-clock", "every-day")
    assert table["segments"]["NSE"] == {"continuous": ["00:00:00", "23:59:59"]}
