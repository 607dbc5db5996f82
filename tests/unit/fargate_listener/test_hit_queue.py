"""Batches into SQS, against botocore's own model of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from algotrading.contracts.messages import OrderCommand, OrderEvent
from fargate_listener.hit_queue import SqsHitQueue
from tests.unit.fargate_listener.examples import DAY, OWNER, strategy_id

URL = "https://sqs.ap-south-1.amazonaws.com/000000000000/orders-priority.fifo"


def command(number: int) -> OrderCommand:
    return OrderCommand(
        strategy_id=strategy_id(number),
        user_id=OWNER,
        event=OrderEvent.STOPLOSS,
        trading_day=DAY,
        timestamp=0,
        cause="watcher",
        deduplication_id=f"{strategy_id(number)}:{DAY}:STOPLOSS:1",
    )


@pytest.fixture
def sqs() -> Iterator[tuple[SqsHitQueue, Stubber]]:
    client = boto3.client("sqs", region_name="ap-south-1", aws_access_key_id="x", aws_secret_access_key="x")
    with Stubber(client) as stubber:
        yield SqsHitQueue(client, URL), stubber
        stubber.assert_no_pending_responses()


def taken(position: str) -> dict[str, str]:
    return {"Id": position, "MessageId": position, "MD5OfMessageBody": ""}


def test_a_batch_is_grouped_by_strategy_and_what_was_refused_is_returned(sqs: tuple[SqsHitQueue, Stubber]) -> None:
    queue, stubber = sqs
    commands = [command(1), command(2), command(3)]
    entries = [
        {
            "Id": str(position),
            "MessageBody": each.model_dump_json(),
            "MessageGroupId": str(each.strategy_id),
            "MessageDeduplicationId": each.deduplication_id,
        }
        for position, each in enumerate(commands)
    ]
    answer = {
        "Successful": [taken("0"), taken("2")],
        "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError"}],
    }
    stubber.add_response("send_message_batch", answer, {"QueueUrl": URL, "Entries": entries})

    assert queue.send(commands) == [command(2)]
    assert json.loads(entries[0]["MessageBody"])["event"] == "STOPLOSS"


def test_an_answer_that_names_nothing_means_that_nothing_was_taken(sqs: tuple[SqsHitQueue, Stubber]) -> None:
    queue, stubber = sqs
    stubber.add_response("send_message_batch", {"Successful": [], "Failed": []})

    assert queue.send([command(1)]) == [command(1)]


def test_the_probe_asks_for_the_queue(sqs: tuple[SqsHitQueue, Stubber]) -> None:
    queue, stubber = sqs
    stubber.add_response(
        "get_queue_attributes", {"Attributes": {"QueueArn": "x"}}, {"QueueUrl": URL, "AttributeNames": ["QueueArn"]}
    )

    queue.probe()
