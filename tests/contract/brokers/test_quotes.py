"""Kite's quotes as the simulated exchange serves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from algotrading.brokers.kite.quotes import MOST_QUOTES, KiteQuotes
from algotrading.domain.errors import BrokerAuthFailed, BrokerUnavailable
from exchange_simulator.accounts import App
from exchange_simulator.server import ExchangeServer
from exchange_simulator.threaded import ThreadedExchange

INFY = 408065


def open_account(server: ExchangeServer) -> App:
    return server.create_account()


@pytest.fixture
def app(simulated_exchange: ThreadedExchange) -> App:
    return simulated_exchange.run(open_account)


def session(exchange: ThreadedExchange, app: App) -> KiteQuotes:
    return KiteQuotes(api_url=exchange.url, api_key=app.api_key, access_token=app.access_token or "none")


def test_price_limits_and_last_trade_of_what_the_broker_knows(simulated_exchange: ThreadedExchange, app: App) -> None:
    (quote,) = session(simulated_exchange, app).read(["NSE:INFY", "NSE:NOSUCHSHARE"])

    assert quote.instrument_token == INFY
    assert quote.lowest is not None
    assert quote.highest is not None
    assert 0 < quote.lowest < quote.last_price < quote.highest
    assert quote.last_trade is not None
    assert abs(datetime.now(UTC) - quote.last_trade) < timedelta(hours=1)


def test_more_than_the_broker_answers_for_are_not_asked_for(simulated_exchange: ThreadedExchange, app: App) -> None:
    with pytest.raises(ValueError, match="501 instruments"):
        session(simulated_exchange, app).read([f"NSE:S{n}" for n in range(MOST_QUOTES + 1)])


def test_a_session_that_is_over_and_a_broker_that_is_away_are_told(
    simulated_exchange: ThreadedExchange, app: App
) -> None:
    quotes = KiteQuotes(api_url=simulated_exchange.url, api_key=app.api_key, access_token="yesterday")
    with pytest.raises(BrokerAuthFailed):
        quotes.read(["NSE:INFY"])

    away = KiteQuotes(api_url="http://127.0.0.1:9", api_key=app.api_key, access_token="x")
    with pytest.raises(BrokerUnavailable):
        away.read(["NSE:INFY"])
