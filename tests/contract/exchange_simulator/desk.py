"""Shorthand for driving the exchange and waiting for what a client should see."""

import time
from collections.abc import Callable
from typing import Any

import requests

DEADLINE_S = 5.0


def until(condition: Callable[[], Any]) -> Any:
    """Poll until something true comes back, and return it; fails after the deadline."""
    end = time.monotonic() + DEADLINE_S
    while not (value := condition()):
        assert time.monotonic() < end, f"still {value!r}"
        time.sleep(0.005)
    return value


def last_state(kite: Any, order_id: str) -> dict[str, Any]:
    """The order's newest row in its history."""
    state: dict[str, Any] = kite.order_history(order_id)[-1]
    return state


def finished(kite: Any, order_id: str, status: str = "COMPLETE") -> dict[str, Any]:
    """Wait until the order has a status and return its row."""
    row: dict[str, Any] = until(lambda: (state := last_state(kite, order_id))["status"] == status and state)
    return row


def control(url: str, method: str, path: str, **body: Any) -> Any:
    """Call the control plane."""
    response = requests.request(method, f"{url}/sim{path}", json=body or None, timeout=DEADLINE_S)
    response.raise_for_status()
    return response.json()


def buy(kite: Any, **wish: Any) -> str:
    """Buy one INFY intraday at the market, with whatever is said otherwise; returns the order id."""
    order = {
        "variety": "regular",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 1,
        "product": "MIS",
        "order_type": "MARKET",
        "market_protection": -1,
    }
    order_id: str = kite.place_order(**order | wish)
    return order_id
