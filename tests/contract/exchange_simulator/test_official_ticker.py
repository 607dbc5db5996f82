"""The official ticker, unmodified, understands the simulated socket."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kiteconnect import KiteConnect

from exchange_simulator.accounts import App
from exchange_simulator.threaded import ThreadedExchange
from tests.contract.exchange_simulator.desk import buy, control

CLIENT = Path(__file__).with_name("ticker_client.py")
Wait = Callable[[Callable[[dict[str, Any]], bool]], dict[str, Any]]


@pytest.fixture
def account(exchange: ThreadedExchange) -> App:
    return exchange.run(lambda server: server.create_account())


@pytest.fixture
def wait_for(exchange: ThreadedExchange, account: App) -> Iterator[Wait]:
    """Starts the ticker process in Indian time; waits for an event that fits."""
    command = [sys.executable, str(CLIENT), exchange.ws_url, account.api_key, account.access_token or ""]
    environment = {**os.environ, "TZ": "Asia/Kolkata"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout is not None

    def wait(fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        assert process.stdout is not None
        return next(event for event in map(json.loads, process.stdout) if fits(event))

    yield wait
    process.terminate()
    process.wait()
    process.stdout.close()


def tick_of(event: dict[str, Any], token: int) -> dict[str, Any]:
    return next((tick for tick in event.get("ticks", []) if tick["instrument_token"] == token), {})


def test_ticks_are_parsed_in_their_modes(exchange: ThreadedExchange, wait_for: Wait) -> None:
    # given INFY at a known price
    control(exchange.url, "POST", "/prices/INFY", price="1540.50", pin=True)
    # when the ticker has subscribed to it in full mode
    event = wait_for(lambda event: tick_of(event, 408065).get("mode") == "full")
    # then every field is what the exchange quotes, in Indian time
    tick = tick_of(event, 408065)
    now = control(exchange.url, "GET", "/clock")["ist"]
    assert (tick["last_price"], tick["tradable"]) == (1540.5, True)
    assert [level["price"] for level in tick["depth"]["buy"]] == [1540.4, 1540.3, 1540.2, 1540.1, 1540.0]
    assert tick["exchange_timestamp"][:13] == now[:13]
    index = wait_for(lambda event: bool(tick_of(event, 256265)))
    assert (tick_of(index, 256265)["tradable"], tick_of(index, 256265)["mode"]) == (False, "quote")


def test_order_update_arrives(exchange: ThreadedExchange, account: App, wait_for: Wait) -> None:
    wait_for(lambda event: event["event"] == "connect")
    kite = KiteConnect(account.api_key, account.access_token, root=exchange.url)
    order_id = buy(kite, tag="seen")
    update = wait_for(lambda event: event["event"] == "order")["data"]
    assert (update["order_id"], update["status"], update["tag"]) == (order_id, "COMPLETE", "seen")
    kite.reqsession.close()


def test_dropped_ticker_comes_back_and_subscribes_again(exchange: ThreadedExchange, wait_for: Wait) -> None:
    wait_for(lambda event: event["event"] == "ticks")
    control(exchange.url, "POST", "/faults", name="ws_close_1006")
    assert wait_for(lambda event: event["event"] == "close")["code"] == 1006
    wait_for(lambda event: event["event"] == "connect")
    assert wait_for(lambda event: tick_of(event, 408065).get("mode") == "full")


def test_dead_token_is_refused_at_the_upgrade(exchange: ThreadedExchange, account: App, wait_for: Wait) -> None:
    wait_for(lambda event: event["event"] == "ticks")
    control(exchange.url, "DELETE", f"/accounts/{account.user_id}/token")
    control(exchange.url, "POST", "/faults", name="ws_close_1006")
    refused = wait_for(lambda event: "403" in str(event.get("reason")))
    assert "upgrade failed (403 - Forbidden)" in refused["reason"]
