"""Order updates from the exchange's own courier, over HTTP, to the function behind the API."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

import pytest

from algotrading.domain.cycle import CycleState
from algotrading.domain.sessions import trading_day_of
from exchange_simulator.threaded import ThreadedExchange
from tests.http_events import http_event
from tests.integration.api.deployment import Deployment
from tests.integration.api.people import register
from tests.integration.hand_orders import buy_by_hand
from tests.stores import PostgresStore

PATIENCE = 30.0


class Gateway:
    """What API Gateway does, for the one route; keeps what came and what was answered."""

    def __init__(self, deployment: Deployment) -> None:
        self.seen: list[tuple[dict[str, Any], int]] = []
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                event = http_event("POST", self.path, body=body, headers=dict(self.headers.items()))
                route = deployment.route_of("POST", self.path)
                event["routeKey"] = f"POST {route.path}"
                event["pathParameters"] = {"account": self.path.rsplit("/", 1)[1]}
                answer = deployment.handlers[route.function].lambda_handler(event, None)
                gateway.seen.append((json.loads(body), answer["statusCode"]))
                self.send_response(answer["statusCode"])
                self.end_headers()
                self.wfile.write(answer["body"].encode())

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        """The API's address."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def wait_for(self, number: int) -> list[tuple[dict[str, Any], int]]:
        """The first `number` updates that came."""
        deadline = time.monotonic() + PATIENCE
        while len(self.seen) < number:
            assert time.monotonic() < deadline, self.seen
            time.sleep(0.01)
        return self.seen


@contextmanager
def serving(deployment: Deployment) -> Iterator[Gateway]:
    gateway = Gateway(deployment)
    thread = threading.Thread(target=gateway.server.serve_forever, daemon=True)
    thread.start()
    yield gateway
    gateway.server.shutdown()
    gateway.server.server_close()
    thread.join()


@pytest.fixture
def gateway(deployment: Deployment) -> Iterator[Gateway]:
    with serving(deployment) as gateway:
        yield gateway


def control(exchange: ThreadedExchange, method: str, path: str, **body: Any) -> Any:
    request = Request(f"{exchange.url}{path}", json.dumps(body).encode(), method=method)
    request.add_header("Content-Type", "application/json")
    with urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def new_trader(deployment: Deployment, exchange: ThreadedExchange, gateway: Gateway) -> tuple[str, dict[str, Any]]:
    """A connected trader whose app at the exchange posts to the trader's address: token and account."""
    token = register(deployment)
    account = control(exchange, "POST", "/sim/accounts", funds=1_000_000)
    keys = {name: account[name] for name in ("api_key", "api_secret", "access_token")}
    assert deployment.call("POST", "/broker/connect", keys, token)[0] == 200
    _, broker = deployment.call("GET", "/broker", token=token)
    path = broker["postback_url"].removeprefix("https://api.example.com")
    control(exchange, "PATCH", f"/sim/accounts/{account['user_id']}", postback_url=f"{gateway.url}{path}")
    return token, account


def hold(deployment: Deployment, store: PostgresStore, token: str) -> UUID:
    """A strategy in TCS that holds its shares, as the ledger has it."""
    _, made = deployment.call(
        "POST",
        "/strategy/create",
        {"symbol": "TCS", "buy_time": "00:10:00", "sell_time": "23:50:00", "stop_loss": 3000, "quantity": 1},
        token,
    )
    with store.owner() as owner:
        owner.execute(
            """
            insert into cycles (strategy_id, trading_day, user_id, epoch, state, exchange, symbol, product, buy_time,
                                sell_time, stop_loss, quantity, updated_at)
            select strategy_id, %s, user_id, 1, %s, exchange, symbol, product, buy_time, sell_time, stop_loss, quantity,
                   now()
            from strategies where strategy_id = %s
            """,
            (trading_day_of(datetime.now(UTC)), CycleState.LONG, made["strategy_id"]),
        )
    return UUID(made["strategy_id"])


def test_an_order_by_hand_makes_us_look_at_what_we_hold_there(
    deployment: Deployment, exchange: ThreadedExchange, postgres_module_store: PostgresStore, gateway: Gateway
) -> None:
    token, account = new_trader(deployment, exchange, gateway)
    strategy_id = hold(deployment, postgres_module_store, token)

    buy_by_hand(exchange.url, account["api_key"], account["access_token"])

    ((update, status),) = gateway.wait_for(1)
    assert (status, update["status"], update["tag"]) == (200, "COMPLETE", "byhand")
    (command,) = deployment.messages("orders-priority")
    assert (command["event"], command["cause"]) == ("RECONCILE", "postback")
    assert UUID(command["strategy_id"]) == strategy_id


def test_updates_that_are_doubled_on_the_way_ask_once(
    deployment: Deployment, exchange: ThreadedExchange, postgres_module_store: PostgresStore, gateway: Gateway
) -> None:
    token, account = new_trader(deployment, exchange, gateway)
    hold(deployment, postgres_module_store, token)
    control(
        exchange,
        "POST",
        "/sim/faults",
        name="duplicate_updates",
        user_id=account["user_id"],
        count=1,
        params={"channel": "postback"},
    )

    buy_by_hand(exchange.url, account["api_key"], account["access_token"])

    assert [status for _, status in gateway.wait_for(2)] == [200, 200]
    assert len(deployment.messages("orders-priority")) == 1


def test_another_accounts_update_is_refused_at_this_address(
    deployment: Deployment, exchange: ThreadedExchange, postgres_module_store: PostgresStore, gateway: Gateway
) -> None:
    # given somebody who enters a trader's address into an app of their own
    token, account = new_trader(deployment, exchange, gateway)
    hold(deployment, postgres_module_store, token)
    address = next(
        each["postback_url"]
        for each in control(exchange, "GET", "/sim/accounts")
        if each["user_id"] == account["user_id"]
    )
    stranger = control(exchange, "POST", "/sim/accounts", funds=1_000_000, postback_url=address)

    buy_by_hand(exchange.url, stranger["api_key"], stranger["access_token"])

    assert [status for _, status in gateway.wait_for(1)] == [403]
    assert deployment.messages("orders-priority") == []
