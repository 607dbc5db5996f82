"""A request's id goes from the answer in the app's hand to the tag at the broker, and back."""

from __future__ import annotations

import json
import logging
from datetime import time
from typing import Any

import pytest

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.sessions import instant_of
from tests.fakes.audit import chained
from tests.unit.api.told_stage import Workers
from tests.unit.api.world import TODAY, Answer, ApiWorld

START, SELL = "11111111-aaaa-4aaa-8aaa-000000000001", "22222222-bbbb-4bbb-8bbb-000000000002"

FIELDS_OF_BEFORE = {
    "version",
    "strategy_id",
    "user_id",
    "event",
    "trading_day",
    "timestamp",
    "due",
    "strategy_version",
    "tick_at",
    "price",
    "cause",
    "deduplication_id",
}


class Trader:
    """A trader whose requests are called as a test wants, and the workers who carry them out."""

    def __init__(self) -> None:
        self.world = ApiWorld()
        self.workers = Workers(self.world)
        self.token = self.world.register()
        self.keys = self.world.connect(self.token)
        self.strategy_id = self.world.create(self.token, broker_stop=False)

    def ask(self, request_id: str, path: str, client: str = "") -> Answer:
        self.world.request_id = request_id
        named = {"X-Client-Request-Id": client} if client else None
        body = {"strategy_id": self.strategy_id} if path.startswith("/strategy") else {}
        answer = self.world.call("POST", path, body, token=self.token, headers=named)
        assert (answer.status, answer.headers["X-Request-Id"]) == (200, request_id), answer.body
        return answer

    def buy(self) -> None:
        """Start within the minutes of the buy's own alarm, and let it come."""
        self.world.at("09:29:00")
        self.ask(START, "/strategy/start")
        self.workers.work()

    def lines(self) -> list[dict[str, Any]]:
        self.world.request_id = "a-later-look"
        answer = self.world.call("GET", f"/strategy/{self.strategy_id}/timeline", token=self.token)
        assert answer.status == 200
        lines: list[dict[str, Any]] = answer.body["lines"]
        return lines


@pytest.fixture
def trader() -> Trader:
    return Trader()


def told(caplog: pytest.LogCaptureFixture, **fields: str) -> list[dict[str, Any]]:
    """The records that have these fields: what a search of the logs finds."""
    return [vars(each) for each in caplog.records if fields.items() <= vars(each).items()]


def test_one_search_leads_from_the_id_of_an_answer_to_the_brokers_tag_and_back(
    trader: Trader, caplog: pytest.LogCaptureFixture
) -> None:
    trader.buy()
    trader.world.at("10:00:00")
    with caplog.at_level(logging.INFO):
        trader.ask(SELL, "/strategy/square-off", client="app-42")
        trader.workers.work()

    about_order = "the broker answered about an order"
    [answered, sent] = told(caplog, request_id=SELL)
    assert (answered["msg"], sent["msg"]) == ("answered", about_order)
    assert (sent["event_type"], sent["outcome"], sent["client_request_id"]) == ("SQUARE_OFF", "accepted", "app-42")
    [at_broker] = [each for each in trader.world.exchange.all_orders() if each.ticket.tag == sent["tag"]]
    assert at_broker.order_id == sent["broker_order_id"]
    assert [each["request_id"] for each in told(caplog, tag=sent["tag"])] == [SELL]


def test_the_timeline_says_which_request_asked(trader: Trader) -> None:
    trader.buy()
    trader.world.at("10:00:00")
    trader.ask(SELL, "/strategy/square-off")
    trader.workers.work()

    named = [(each["kind"], each["asked_by"], each["request_id"]) for each in trader.lines() if each["request_id"]]
    assert named == [
        ("connection", None, "request-1"),
        ("command", None, "request-1"),
        ("command", None, START),
        ("message", "start", START),
        ("message", "user", SELL),
    ]


@pytest.mark.parametrize(
    ("path", "event"),
    [
        ("/strategy/square-off", OrderEvent.SQUARE_OFF),
        ("/strategy/stop", OrderEvent.STOP),
        ("/risk/kill", OrderEvent.KILL),
    ],
)
def test_whatever_a_request_asks_of_executors_bears_its_id_and_is_on_record_with_it(
    trader: Trader, path: str, event: OrderEvent
) -> None:
    trader.buy()
    before = len(trader.world.commands())
    trader.ask(SELL, path, client="app-42")

    [(_, command)] = trader.world.commands()[before:]
    assert (command.event, command.request_id, command.client_request_id) == (event, SELL, "app-42")
    assert SELL not in command.deduplication_id

    trader.workers.work()
    causes = [
        said["data"]["cause"]
        for said in map(json.loads, (each.record for each in chained(trader.world.database.audit)))
        if said["kind"] == "decision" and said["data"]["cause"]["event"] == event
    ]
    assert causes
    assert {(each["request_id"], each["client_request_id"]) for each in causes} == {(SELL, "app-42")}


def test_a_login_at_the_broker_names_the_request_that_wakes_an_exit(trader: Trader) -> None:
    trader.buy()
    before = len(trader.world.commands())
    trader.world.request_id = SELL
    keys = trader.world.exchange.log_in(trader.keys.api_key)
    body = {"api_key": keys.api_key, "api_secret": keys.api_secret, "access_token": keys.access_token}
    assert trader.world.call("POST", "/broker/connect", body, token=trader.token).status == 200

    [(_, command)] = trader.world.commands()[before:]
    assert (command.event, command.cause, command.request_id) == (OrderEvent.RECONCILE, "login", SELL)


def test_what_no_request_asks_for_bears_no_id(trader: Trader) -> None:
    trader.world.at("08:30:00")
    trader.ask(START, "/strategy/start")
    trader.world.at("09:28:30")
    command = trader.workers.command(
        trader.world.database.strategies[next(iter(trader.world.database.strategies))], OrderEvent.BUY, time(9, 30)
    )
    trader.workers.executor.handle(command)

    [message] = [each for each in trader.lines() if each["kind"] == "message"]
    assert (message["asked_by"], message["request_id"]) == ("test", None)
    # Which request had it run stands at the command of its owner.
    [started] = [each for each in trader.lines() if each["text"].startswith("started by its owner")]
    assert started["request_id"] == START


def test_messages_and_records_of_before_are_still_read(trader: Trader) -> None:
    trader.buy()
    [(_, command)] = [each for each in trader.world.commands() if each[1].event is OrderEvent.BUY]
    assert command.request_id == START

    body = json.loads(command.model_dump_json())
    read = OrderCommand.model_validate_json(json.dumps(body))

    # A worker of the release before refuses a body with anything else.
    assert set(body) == FIELDS_OF_BEFORE
    assert (read.request_id, read.client_request_id) == (None, None)
    assert read.due == instant_of(TODAY, time(9, 30))
    for entry in trader.world.database.audit:
        assert json.loads(chained([entry])[0].record).get("request_id") == entry.request_id
