"""Our requests are the official client's own: compared on the wire with the unmodified client's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from kiteconnect import KiteConnect
from kiteconnect import exceptions as kite_exceptions

from algotrading.brokers.kite.broker import KiteBroker
from algotrading.domain.errors import BrokerUnavailable
from tests.unit.brokers.kite_session import ACCESS_TOKEN, API_KEY, market_order, stop_order
from tests.unit.brokers.misbehaving_server import MisbehavingServer, answers_and_closes, failure

TRANSPORT_HEADERS = {"accept-encoding"}
"""We ask for gzip alone."""


def place_official(kite: Any) -> None:
    kite.place_order(
        variety="regular",
        exchange="NSE",
        tradingsymbol="M&M",
        transaction_type="BUY",
        quantity=10,
        product="MIS",
        order_type="MARKET",
        validity="DAY",
        market_protection=-1,
        tag=market_order().tag,
    )


def place_stop_official(kite: Any) -> None:
    kite.place_order(
        variety="regular",
        exchange="NFO",
        tradingsymbol="NIFTY26NOVFUT",
        transaction_type="SELL",
        quantity=65,
        product="NRML",
        order_type="SL",
        price="24000",
        trigger_price="24010.05",
        validity="DAY",
        tag=stop_order().tag,
    )


MARGIN_OF_MARKET_ORDER = {
    "exchange": market_order().exchange,
    "tradingsymbol": market_order().symbol,
    "transaction_type": market_order().side.value,
    "variety": "regular",
    "product": market_order().product.value,
    "order_type": "MARKET",
    "quantity": market_order().quantity,
    "price": 0.0,
    "trigger_price": 0.0,
}
"""As the Kite Connect documentation (margins) has it."""

CALLS: dict[str, tuple[Callable[[KiteBroker], object], Callable[[Any], object]]] = {
    "market order": (lambda ours: ours.place_order(market_order()), place_official),
    "stop order": (lambda ours: ours.place_order(stop_order()), place_stop_official),
    "modify": (
        lambda ours: ours.modify_order("123", quantity=5, order_type="MARKET"),
        lambda kite: kite.modify_order("regular", "123", quantity=5, order_type="MARKET", market_protection=-1),
    ),
    "cancel": (lambda ours: ours.cancel_order("123"), lambda kite: kite.cancel_order("regular", "123")),
    "price": (lambda ours: ours.get_price("NSE", "NIFTY 50"), lambda kite: kite.ltp("NSE:NIFTY 50")),
    "book": (lambda ours: ours.read_book(frozenset()), lambda kite: kite.orders()),
    "history": (lambda ours: ours.order_history("9"), lambda kite: kite.order_history("9")),
    "trades": (lambda ours: ours.trades(), lambda kite: kite.trades()),
    "positions": (lambda ours: ours.positions(), lambda kite: kite.positions()),
    "margins": (lambda ours: ours.margins(), lambda kite: kite.margins("equity")),
    "order margin": (
        lambda ours: ours.required_margin(market_order()),
        lambda kite: kite.order_margins([MARGIN_OF_MARKET_ORDER]),
    ),
    "profile": (lambda ours: ours.validate_credentials(), lambda kite: kite.profile()),
}


@pytest.mark.parametrize("call", CALLS)
def test_the_request_is_the_official_clients(server: MisbehavingServer, broker: KiteBroker, call: str) -> None:
    ours, theirs = CALLS[call]
    server.will(
        answers_and_closes(failure(500, "GeneralException")), answers_and_closes(failure(500, "GeneralException"))
    )
    official = KiteConnect(api_key=API_KEY, access_token=ACCESS_TOKEN, root=server.url)

    ignore_refusal(lambda: ours(broker))
    ignore_refusal(lambda: theirs(official))

    mine, other = server.seen
    assert (mine.method, mine.target, mine.form, mine.body) == (other.method, other.target, other.form, other.body)
    assert {name: mine.headers[name] for name in other.headers if name not in TRANSPORT_HEADERS} == {
        name: value for name, value in other.headers.items() if name not in TRANSPORT_HEADERS
    }
    assert mine.headers["authorization"] == f"token {API_KEY}:{ACCESS_TOKEN}"


def test_every_order_is_an_ordinary_day_order_with_its_tag(server: MisbehavingServer, broker: KiteBroker) -> None:
    broker.place_order(market_order())
    broker.place_order(stop_order())

    market, stop = (seen.form for seen in server.seen)
    assert (market["variety"], market["validity"], market["tag"]) == ("regular", "DAY", market_order().tag)
    assert market["market_protection"] == "-1"
    assert "market_protection" not in stop
    assert (stop["price"], stop["trigger_price"]) == ("24000", "24010.05")


def ignore_refusal(call: Callable[[], object]) -> None:
    with contextlib.suppress(BrokerUnavailable, kite_exceptions.KiteException):
        call()
