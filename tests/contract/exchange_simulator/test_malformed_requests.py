"""Whatever a client sends, it gets an envelope with a refusal, never a breakdown."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from exchange_simulator.threaded import ThreadedExchange
from tests.contract.exchange_simulator.desk import control

ORDER = {
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": "1",
    "product": "MIS",
    "order_type": "LIMIT",
    "price": "1500",
}
NASTY: tuple[Any, ...] = ("", "x", "-1", "1e400", "nan", "9" * 40, "\x00", "💥", "[]", "{}", "null")


def send(exchange: ThreadedExchange, kite: Any, method: str, path: str, **content: Any) -> requests.Response:
    """Call a route with the client's credentials."""
    headers = {"Authorization": f"token {kite.api_key}:{kite.access_token}", **content.pop("headers", {})}
    return requests.request(method, exchange.url + path, headers=headers, timeout=5, **content)


@pytest.mark.parametrize("field", [*ORDER, "trigger_price", "market_protection", "validity", "disclosed_quantity"])
@pytest.mark.parametrize("value", NASTY)
def test_order_with_a_nasty_field(exchange: ThreadedExchange, kite: Any, field: str, value: str) -> None:
    response = send(exchange, kite, "POST", "/orders/regular", data={**ORDER, field: value})
    assert response.status_code < 500
    assert response.json()["status"] in {"success", "error"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/orders/nonsense"),
        ("PUT", "/orders/regular/1"),
        ("DELETE", "/orders/regular/1"),
        ("GET", "/orders/1"),
        ("PUT", "/portfolio/positions"),
        ("GET", "/user/margins/gold"),
        ("GET", "/instruments/historical/x/minute"),
        ("GET", "/instruments/historical/408065/minute?from=x&to=y"),
        ("POST", "/gtt/triggers"),
        ("GET", "/gtt/triggers/x"),
        ("PUT", "/gtt/triggers/1"),
        ("DELETE", "/gtt/triggers/99999999999999999999"),
        ("POST", "/margins/orders"),
        ("POST", "/margins/basket"),
        ("POST", "/charges/orders"),
        ("POST", "/session/token"),
        ("POST", "/connect/finish"),
        ("GET", "/connect/login"),
        ("GET", "/"),
        ("PATCH", "/orders"),
        ("POST", "/sim/accounts"),
        ("POST", "/sim/prices/INFY"),
        ("POST", "/sim/depth/INFY"),
        ("POST", "/sim/faults"),
        ("POST", "/sim/clock"),
        ("PATCH", "/sim/accounts/nobody"),
        ("GET", "/sim/orders?user_id=nobody"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[1]", b'{"a":', b"a=%ff&condition=[]&orders=[1]&type=single"])
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "application/json; charset=nonsense"])
def test_malformed_request_is_refused(
    exchange: ThreadedExchange, kite: Any, method: str, path: str, body: bytes, content_type: str
) -> None:
    response = send(exchange, kite, method, path, data=body, headers={"Content-Type": content_type})
    assert response.status_code < 500
    assert "json" in response.headers["Content-Type"]


def test_huge_body_is_refused(exchange: ThreadedExchange, kite: Any) -> None:
    response = send(exchange, kite, "POST", "/orders/regular", data={**ORDER, "tag": "x" * 2_000_000})
    assert (response.status_code, response.json()["status"]) == (413, "error")


def test_control_plane_names_what_is_wrong(exchange: ThreadedExchange) -> None:
    with pytest.raises(requests.HTTPError, match="400"):
        control(exchange.url, "POST", "/faults", name="gremlins")
    with pytest.raises(requests.HTTPError, match="404"):
        control(exchange.url, "POST", "/prices/NOBODY", price="1")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:8600", "Origin": "http://localhost:8081"}, 200),
        ({"Host": "rebound.example.com:8600"}, 403),
        ({"Origin": "https://elsewhere.example.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Content-Type": "text/plain"}, 400),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 400),
    ],
)
def test_control_plane_takes_no_commands_from_pages_elsewhere(
    exchange: ThreadedExchange, headers: dict[str, str], status: int
) -> None:
    url = f"{exchange.url}/sim/prices/INFY"
    sent = {"Content-Type": "application/json", **headers}
    last = requests.get(f"{exchange.url}/sim/ticks/INFY", timeout=5).json()["last_price"]

    answer = requests.post(url, data=f'{{"price": {last}}}', headers=sent, timeout=5)

    assert answer.status_code == status


def test_control_plane_is_read_under_its_own_name_alone(exchange: ThreadedExchange) -> None:
    answer = requests.get(f"{exchange.url}/sim/accounts", headers={"Host": "rebound.example.com"}, timeout=5)

    assert (answer.status_code, "access_token" in answer.text) == (403, False)
