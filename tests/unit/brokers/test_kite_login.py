"""Credentials, the browser login, and the instrument dump."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from algotrading.brokers.kite import KiteBrokers
from algotrading.domain.accounts import BrokerName
from algotrading.domain.errors import BrokerAuthFailed, BrokerUnavailable
from tests.unit.brokers.kite_session import API_KEY, API_SECRET, CREDENTIALS, LOGIN_URL, kite_at
from tests.unit.brokers.misbehaving_server import MisbehavingServer, answers, closes, failure, http_reply, success

HEADER = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,"
    "tick_size,lot_size,instrument_type,segment,exchange\n"
)
DUMP = HEADER + (
    "408065,1594,INFY,INFOSYS,0.0,,0.0,0.05,1,EQ,NSE,NSE\n"
    '519937,2031,M&M,"MAHINDRA, & MAHINDRA",0.0,,0.0,0.05,1,EQ,NSE,NSE\n'
    "256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE\n"
    "1,1,NOTICK,NO TICK,0,,0,0,1,EQ,NSE,NSE\n"
    "2,2,BROKEN,BROKEN ROW,0,,0,cheap,1,EQ,NSE,NSE\n"
    "128083204,500325,INFY,INFOSYS,0,,0,0.05,1,EQ,BSE,BSE\n"
    "16000002,62500,INFY26NOVFUT,INFY,0,2026-11-24,0,0.1,400,FUT,NFO-FUT,NFO\n"
)


def test_the_login_page_carries_the_state() -> None:
    page = urlsplit(kite_at("http://127.0.0.1:1").login_url(BrokerName.KITE, API_KEY, "a b&c=d"))

    query = parse_qs(page.query)
    assert f"{page.scheme}://{page.netloc}{page.path}" == LOGIN_URL
    assert (query["api_key"], query["v"]) == ([API_KEY], ["3"])
    assert parse_qs(query["redirect_params"][0]) == {"state": ["a b&c=d"]}


def test_a_request_token_becomes_an_access_token(server: MisbehavingServer, brokers: KiteBrokers) -> None:
    server.will(answers(success({"access_token": "fresh", "user_id": "AB1234", "login_time": None})))

    session = brokers.exchange(CREDENTIALS, "onetime")

    assert (session.access_token, session.broker_user_id) == ("fresh", "AB1234")
    checksum = hashlib.sha256(f"{API_KEY}onetime{API_SECRET}".encode()).hexdigest()
    assert server.seen[0].form == {"api_key": API_KEY, "request_token": "onetime", "checksum": checksum}
    assert "authorization" not in server.seen[0].headers


def test_a_key_cannot_add_to_the_login_page() -> None:
    page = urlsplit(kite_at("http://127.0.0.1:1").login_url(BrokerName.KITE, "a&redirect_params=x#", "state"))

    query = parse_qs(page.query)
    assert (query["api_key"], page.fragment) == (["a&redirect_params=x#"], "")
    assert query["redirect_params"] == ["state=state"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (failure(403, "TokenException", "Token is invalid or has expired."), "used or is too old: start it again"),
        (failure(403, "TokenException", "Invalid `checksum`."), "the api_secret is most likely not"),
        (failure(403, "TokenException", "Invalid `api_key`."), "refuses these credentials"),
        (failure(400, "InputException"), "refuses these credentials"),
    ],
)
def test_a_refused_request_token(server: MisbehavingServer, brokers: KiteBrokers, reply: bytes, words: str) -> None:
    server.will(answers(reply))

    with pytest.raises(BrokerAuthFailed, match=words):
        brokers.exchange(CREDENTIALS, "used")


def test_a_lost_login_answer_is_unavailable(server: MisbehavingServer, brokers: KiteBrokers) -> None:
    server.will(closes)

    with pytest.raises(BrokerUnavailable):
        brokers.exchange(CREDENTIALS, "onetime")


@pytest.mark.parametrize("token", [None, "", "two words", "line\r\nX-Other: header", "naïve", "a:b", "x" * 300])
def test_no_session_without_a_credible_access_token(brokers: KiteBrokers, token: str | None) -> None:
    with pytest.raises(BrokerAuthFailed):
        brokers.connect(replace(CREDENTIALS, access_token=token))


def test_instruments_we_trade(server: MisbehavingServer, brokers: KiteBrokers) -> None:
    server.will(answers(http_reply(200, DUMP, "text/csv")))

    infy, mahindra, future = brokers.instruments()

    assert (infy.tradingsymbol, infy.exchange, infy.tick_size, infy.lot_size) == ("INFY", "NSE", Decimal("0.05"), 1)
    assert infy.has_derivatives
    assert (mahindra.name, mahindra.has_derivatives) == ("MAHINDRA, & MAHINDRA", False)
    assert (future.instrument_type, future.segment, future.has_derivatives) == ("FUT", "NFO-FUT", False)


@pytest.mark.parametrize(
    "reply",
    [
        http_reply(200, HEADER, "text/csv"),
        http_reply(200, "", "text/csv"),
        http_reply(200, "a,b\n1,2\n", "text/csv"),
        http_reply(200, DUMP, "text/html"),
        http_reply(503, DUMP, "text/csv"),
        http_reply(200, HEADER + "1," + "x" * 200_000, "text/csv"),
        failure(429, "NetworkException"),
    ],
)
def test_something_else_than_a_dump_is_unavailable(
    server: MisbehavingServer, brokers: KiteBrokers, reply: bytes
) -> None:
    server.will(answers(reply))

    with pytest.raises(BrokerUnavailable):
        brokers.instruments()


def test_an_address_that_is_none_refuses_to_start() -> None:
    with pytest.raises(ValueError, match="not an http"):
        kite_at("ftp://kite.example")
