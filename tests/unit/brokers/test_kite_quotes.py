"""Quotes of which one row is not as it should be."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from algotrading.brokers.kite.quotes import KiteQuotes
from fargate_listener.wire_prices import to_wire_stop
from tests.unit.brokers.kite_session import ACCESS_TOKEN, API_KEY, QUICK
from tests.unit.brokers.misbehaving_server import MisbehavingServer, answers, success

TCS = 2953217
INFY = 408065


def quote_row(token: int, **fields: Any) -> dict[str, Any]:
    row = {
        "instrument_token": token,
        "last_price": 1499.95,
        "lower_circuit_limit": 1350,
        "upper_circuit_limit": 1650.5,
        "last_trade_time": "2026-11-20 09:31:05",
    }
    return {**row, **fields}


@pytest.mark.parametrize(
    "wrong",
    [
        {"last_trade_time": "0001-01-01 00:00:00"},
        {"last_trade_time": "yesterday"},
        {"last_price": "1e999999"},
        {"lower_circuit_limit": "-1e999999"},
        {"upper_circuit_limit": "1e999999999"},
        {"last_price": "NaN"},
        {"last_price": {}},
        {"instrument_token": "1e999999"},
        {"instrument_token": None},
    ],
)
def test_a_row_that_cannot_be_read_keeps_no_other_from_being_read(
    server: MisbehavingServer, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any]
) -> None:
    caplog.set_level(logging.WARNING, "algotrading.brokers.kite.quotes")
    server.will(answers(success({"NSE:TCS": quote_row(TCS, **wrong), "NSE:INFY": quote_row(INFY)})))

    quotes = KiteQuotes(api_url=server.url, api_key=API_KEY, access_token=ACCESS_TOKEN, limits=QUICK)
    (quote,) = quotes.read(["NSE:TCS", "NSE:INFY"])

    assert (quote.instrument_token, quote.last_price) == (INFY, Decimal("1499.95"))
    assert quote.last_trade == datetime(2026, 11, 20, 4, 1, 5, tzinfo=UTC)
    assert [vars(line)["instruments"] for line in caplog.records] == [["NSE:TCS"]]


@pytest.mark.parametrize("price", ["9" * 19, "1e-999999999", "1." + "1" * 4000])
def test_every_price_that_is_read_can_be_computed_with(server: MisbehavingServer, price: str) -> None:
    server.will(answers(success({"NSE:INFY": quote_row(INFY, last_price=price)})))

    quotes = KiteQuotes(api_url=server.url, api_key=API_KEY, access_token=ACCESS_TOKEN, limits=QUICK)
    (quote,) = quotes.read(["NSE:INFY"])

    assert to_wire_stop(3, quote.last_price) >= 0


def test_a_price_without_a_trade_has_no_moment(server: MisbehavingServer) -> None:
    server.will(answers(success({"NSE:INFY": quote_row(INFY, last_trade_time=None)})))

    quotes = KiteQuotes(api_url=server.url, api_key=API_KEY, access_token=ACCESS_TOKEN, limits=QUICK)

    assert [quote.last_trade for quote in quotes.read(["NSE:INFY"])] == [None]
