"""The door for queue messages: what SQS is told after each kind of outcome."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.errors import BrokerUnavailable, Fenced, LockBusy, RedisDown
from algotrading.entrypoints.queue import serve

STRATEGY = UUID(int=1)


@dataclass
class Redelivered:
    delays: list[tuple[str, str, int]] = field(default_factory=list)

    def delay(self, source_arn: str, receipt_handle: str, seconds: int) -> None:
        self.delays.append((source_arn, receipt_handle, seconds))


def record(event: OrderEvent = OrderEvent.STOPLOSS, deliveries: int = 1, body: str | None = None) -> dict[str, Any]:
    command = OrderCommand(
        strategy_id=STRATEGY,
        user_id=UUID(int=2),
        event=event,
        trading_day=date(2026, 11, 20),
        timestamp=0,
        cause="test",
        deduplication_id="one",
    )
    return {
        "messageId": f"m{deliveries}",
        "receiptHandle": "handle",
        "body": command.model_dump_json() if body is None else body,
        "attributes": {"ApproximateReceiveCount": str(deliveries)},
        "eventSourceARN": "arn:aws:sqs:ap-south-1:000000000000:orders-priority.fifo",
    }


def fail_with(fault: Exception) -> Any:
    def handle(_command: OrderCommand) -> None:
        raise fault

    return handle


def test_a_handled_message_is_done() -> None:
    handled: list[OrderCommand] = []

    answer = serve({"Records": [record()]}, handled.append, Redelivered())

    assert answer == {"batchItemFailures": []}
    assert [command.strategy_id for command in handled] == [STRATEGY]


def test_what_was_handled_is_logged_with_the_request_that_asked_for_it(caplog: pytest.LogCaptureFixture) -> None:
    names = {"request_id": "request-1", "client_request_id": "app-42"}
    handled: list[OrderCommand] = []
    with caplog.at_level(logging.INFO):
        serve({"Records": [record() | {"messageAttributes": said(names)}]}, handled.append, Redelivered())

    [line] = [vars(each) for each in caplog.records if each.msg == "handled"]
    assert (line["request_id"], line["client_request_id"]) == ("request-1", "app-42")
    assert (handled[0].request_id, handled[0].client_request_id) == ("request-1", "app-42")


@pytest.mark.parametrize("name", ["", "two words", "x" * 65])
def test_a_name_that_is_none_loses_no_message(name: str) -> None:
    handled: list[OrderCommand] = []

    serve({"Records": [record() | {"messageAttributes": said({"request_id": name})}]}, handled.append, Redelivered())

    assert [command.request_id for command in handled] == [None]


def said(names: dict[str, str]) -> dict[str, dict[str, str]]:
    """Attributes of a message, as the event source hands them on."""
    return {name: {"stringValue": value, "dataType": "String"} for name, value in names.items()}


@pytest.mark.parametrize("fault", [LockBusy("busy"), Fenced("late"), RedisDown("away"), BrokerUnavailable("down")])
def test_after_a_known_fault_the_message_comes_again_soon(fault: Exception) -> None:
    redelivered = Redelivered()

    answer = serve({"Records": [record()]}, fail_with(fault), redelivered)

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert [seconds for _, _, seconds in redelivered.delays] == [1]


@pytest.mark.parametrize(
    ("event", "deliveries", "seconds"),
    [
        (OrderEvent.STOPLOSS, 2, 2),
        (OrderEvent.STOPLOSS, 12, 4),
        (OrderEvent.STOP, 12, 4),
        (OrderEvent.BUY, 3, 4),
        (OrderEvent.BUY, 12, 15),
    ],
)
def test_each_delivery_waits_longer_and_an_exit_never_long(event: OrderEvent, deliveries: int, seconds: int) -> None:
    redelivered = Redelivered()

    serve({"Records": [record(event, deliveries)]}, fail_with(RedisDown("away")), redelivered)

    assert redelivered.delays[0][2] == seconds


@pytest.mark.parametrize("deliveries", [1, 4, 9])
def test_a_fenced_entry_comes_again_at_once_however_often_it_came(deliveries: int) -> None:
    redelivered = Redelivered()

    serve({"Records": [record(OrderEvent.BUY, deliveries)]}, fail_with(Fenced("changed")), redelivered)

    assert redelivered.delays[0][2] == 1


def test_a_failed_repair_does_not_stand_in_the_way_of_an_exit() -> None:
    redelivered = Redelivered()

    answer = serve({"Records": [record(OrderEvent.RECONCILE)]}, fail_with(BrokerUnavailable("down")), redelivered)

    assert answer == {"batchItemFailures": []}
    assert redelivered.delays == []


def test_the_first_failure_takes_all_later_ones_with_it() -> None:
    answer = serve({"Records": [record(), record(deliveries=2)]}, fail_with(LockBusy("busy")), Redelivered())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}, {"itemIdentifier": "m2"}]}


def test_a_fault_of_ours_is_left_to_the_visibility_time_out() -> None:
    redelivered = Redelivered()

    with pytest.raises(ZeroDivisionError):
        serve({"Records": [record()]}, fail_with(ZeroDivisionError()), redelivered)

    assert redelivered.delays == []


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"version": 2}'])
def test_what_cannot_be_understood_is_never_dropped(body: str) -> None:
    with pytest.raises(ValidationError):
        serve({"Records": [record(body=body)]}, fail_with(AssertionError()), Redelivered())
