"""ports.OrderQueue and entrypoints.queue.Redelivery, on the fake and on the SQS that the twin runs (MiniStack).

The queues are made as the deployment makes them. Real time passes on the emulator: so one rule is tried on the fake
alone, that a repetition is delivered again once five minutes have passed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast
from uuid import UUID, uuid4

import boto3
import pytest

from algotrading.adapters.request_names import answering
from algotrading.adapters.sqs_queue import SqsOrderQueue, SqsRedelivery
from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.entrypoints.queue import command_of
from algotrading.ports import Lane, OrderQueue
from tests.fakes.clock import VirtualClock
from tests.fakes.examples import MOMENT, TRADING_DAY
from tests.fakes.queue import MemoryQueue
from twin.aws import AwsAccess, start_emulator
from twin.processes import StateFolder

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

ACCOUNT, REGION = "000000000000", "ap-south-1"
HIGH_THROUGHPUT = {
    "FifoQueue": "true",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
}
"""As cdk/constructs/fifo_lane.py has them."""


@dataclass(frozen=True, slots=True)
class Received:
    """A command as a worker gets it."""

    command: OrderCommand
    deliveries: int
    receipt: Any


class Inbox(Protocol):
    """A queue's port with what its workers do, whatever is behind it."""

    @property
    def port(self) -> OrderQueue:
        """What is tried."""
        ...

    def receive(self, lane: Lane, *, visibility: int = 30) -> Received | None:
        """The next that may be handled now, hidden for so many seconds."""
        ...

    def delete(self, lane: Lane, received: Received) -> None:
        """It was handled."""
        ...

    def delay(self, lane: Lane, received: Received, seconds: int) -> None:
        """It was not, and is to come again."""
        ...

    def let_pass(self, seconds: int) -> None:
        """Time goes by."""
        ...


class MemoryInbox:
    """On the fake."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.port = MemoryQueue(self.clock)

    def receive(self, lane: Lane, *, visibility: int = 30) -> Received | None:
        message = self.port.receive(lane, visibility=visibility)
        return None if message is None else Received(message.command, message.receives, message)

    def delete(self, lane: Lane, received: Received) -> None:
        self.port.delete(lane, received.receipt)

    def delay(self, lane: Lane, received: Received, seconds: int) -> None:
        self.port.hide(received.receipt, seconds)

    def let_pass(self, seconds: int) -> None:
        self.clock.sleep(seconds)


class SqsInbox:
    """On an SQS."""

    def __init__(self, client: SQSClient) -> None:
        run, attributes = uuid4().hex, cast(Any, HIGH_THROUGHPUT)
        self._client = client
        self._urls = {
            lane: client.create_queue(QueueName=f"{lane}-{run}.fifo", Attributes=attributes)["QueueUrl"]
            for lane in (Lane.NORMAL, Lane.PRIORITY)
        }
        self._redelivery = SqsRedelivery(lambda: client, tuple(self._urls.values()))
        self.port = SqsOrderQueue(client, self._urls[Lane.NORMAL], self._urls[Lane.PRIORITY])

    def receive(self, lane: Lane, *, visibility: int = 30) -> Received | None:
        answer = self._client.receive_message(
            QueueUrl=self._urls[lane],
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            VisibilityTimeout=visibility,
        )
        for message in answer.get("Messages", []):
            named = message.get("MessageAttributes", {}).items()
            shown = {name: {"stringValue": each["StringValue"]} for name, each in named}
            command = command_of({"body": message["Body"], "messageAttributes": shown})
            assert message["Attributes"]["MessageGroupId"] == str(command.strategy_id)
            assert message["Attributes"]["MessageDeduplicationId"] == command.deduplication_id
            deliveries = int(message["Attributes"]["ApproximateReceiveCount"])
            return Received(command, deliveries, message["ReceiptHandle"])
        return None

    def delete(self, lane: Lane, received: Received) -> None:
        self._client.delete_message(QueueUrl=self._urls[lane], ReceiptHandle=received.receipt)

    def delay(self, lane: Lane, received: Received, seconds: int) -> None:
        name = self._urls[lane].rsplit("/", 1)[-1]
        self._redelivery.delay(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}", received.receipt, seconds)

    def let_pass(self, seconds: int) -> None:
        time.sleep(seconds)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsAccess]:
    state = StateFolder(tmp_path_factory.mktemp("aws"))
    state.logs.mkdir()
    with asyncio.Runner() as runner:
        process, access = runner.run(start_emulator(state, ACCOUNT, REGION))
        yield access
        runner.run(process.stop())


@pytest.fixture
def queue_in_memory() -> Inbox:
    return MemoryInbox()


@pytest.fixture
def queue_in_sqs(emulator: AwsAccess) -> Inbox:
    return SqsInbox(boto3.client("sqs", **emulator.client_options()))


@pytest.fixture(params=["queue_in_memory", "queue_in_sqs"])
def inbox(request: pytest.FixtureRequest) -> Inbox:
    return cast(Inbox, request.getfixturevalue(request.param))


def commands(inbox: Inbox, lane: Lane = Lane.NORMAL) -> list[OrderCommand]:
    """What three workers that ask one after the other get."""
    received = [inbox.receive(lane) for _ in range(3)]
    return [each.command for each in received if each is not None]


def received(inbox: Inbox, *, visibility: int = 30) -> Received:
    """What a worker gets, where something is there."""
    found = inbox.receive(Lane.NORMAL, visibility=visibility)
    assert found is not None
    return found


def a_command(strategy_id: UUID | None = None, **changes: Any) -> OrderCommand:
    identity = strategy_id or uuid4()
    return OrderCommand(
        strategy_id=identity,
        user_id=uuid4(),
        event=OrderEvent.BUY,
        trading_day=TRADING_DAY,
        timestamp=1,
        due=MOMENT,
        cause="schedule",
        deduplication_id=f"{identity}:{TRADING_DAY}:BUY:1",
    ).model_copy(update=changes)


def test_a_command_arrives_in_its_lane_as_it_was_sent(inbox: Inbox) -> None:
    command = a_command()
    inbox.port.send(command, Lane.PRIORITY)

    assert commands(inbox, Lane.NORMAL) == []
    assert commands(inbox, Lane.PRIORITY) == [command]


def test_a_command_bears_the_names_of_the_request_that_causes_it(inbox: Inbox) -> None:
    with answering("request-1", "app-42"):
        inbox.port.send(a_command(), Lane.PRIORITY)
    inbox.port.send(a_command(), Lane.NORMAL)

    (caused,), (other,) = commands(inbox, Lane.PRIORITY), commands(inbox, Lane.NORMAL)
    assert (caused.request_id, caused.client_request_id) == ("request-1", "app-42")
    assert (other.request_id, other.client_request_id) == (None, None)


def test_a_name_that_its_reader_would_refuse_stops_no_command(inbox: Inbox) -> None:
    command = a_command()
    with answering("x" * 65, "two words"):
        inbox.port.send(command, Lane.PRIORITY)

    assert commands(inbox, Lane.PRIORITY) == [command]


# --- repetitions ----------------------------------------------------------------------------------


def test_a_repeated_command_is_delivered_once(inbox: Inbox) -> None:
    command = a_command()
    inbox.port.send(command, Lane.NORMAL)
    inbox.port.send(command, Lane.NORMAL)

    assert commands(inbox) == [command]


def test_what_two_requests_ask_for_alike_is_delivered_once_all_the_same(inbox: Inbox) -> None:
    command = a_command()
    for name in ("request-1", "request-2"):
        with answering(name):
            inbox.port.send(command, Lane.NORMAL)

    first = received(inbox)
    inbox.delete(Lane.NORMAL, first)

    assert first.command == command.model_copy(update={"request_id": "request-1"})
    assert commands(inbox) == []


def test_a_repetition_is_dropped_even_after_the_first_was_handled(inbox: Inbox) -> None:
    command = a_command()
    inbox.port.send(command, Lane.NORMAL)
    inbox.delete(Lane.NORMAL, received(inbox))

    inbox.port.send(command, Lane.NORMAL)

    assert commands(inbox) == []


def test_the_same_identity_is_another_command_in_another_lane_and_of_another_strategy(inbox: Inbox) -> None:
    mine, other = a_command(deduplication_id="same"), a_command(deduplication_id="same")
    inbox.port.send(mine, Lane.NORMAL)
    inbox.port.send(other, Lane.NORMAL)
    inbox.port.send(mine, Lane.PRIORITY)

    assert commands(inbox, Lane.NORMAL) == [mine, other]
    assert commands(inbox, Lane.PRIORITY) == [mine]


def test_the_fake_delivers_a_repetition_once_five_minutes_have_passed() -> None:
    inbox, command = MemoryInbox(), a_command()
    inbox.port.send(command, Lane.NORMAL)
    inbox.delete(Lane.NORMAL, received(inbox))

    inbox.let_pass(299)
    inbox.port.send(command, Lane.NORMAL)
    within = commands(inbox)
    inbox.let_pass(1)
    inbox.port.send(command, Lane.NORMAL)

    assert (within, commands(inbox)) == ([], [command])


# --- order, and what was not handled --------------------------------------------------------------


def test_a_strategys_next_command_waits_for_the_one_being_handled(inbox: Inbox) -> None:
    first, other = a_command(), a_command()
    second = first.model_copy(update={"deduplication_id": "second"})
    inbox.port.send(first, Lane.NORMAL)
    handled = received(inbox)
    inbox.port.send(second, Lane.NORMAL)
    inbox.port.send(other, Lane.NORMAL)

    while_it_is_handled = commands(inbox)
    inbox.delete(Lane.NORMAL, handled)

    assert while_it_is_handled == [other]
    assert commands(inbox) == [second]


def test_what_was_not_handled_in_time_comes_again_before_what_came_after_it(inbox: Inbox) -> None:
    first = a_command()
    second = first.model_copy(update={"deduplication_id": "second"})
    inbox.port.send(first, Lane.NORMAL)
    inbox.port.send(second, Lane.NORMAL)
    once = received(inbox, visibility=1)
    meanwhile = commands(inbox)

    inbox.let_pass(1)
    again = received(inbox)

    assert meanwhile == []
    assert (once.command, once.deliveries) == (first, 1)
    assert (again.command, again.deliveries) == (first, 2)


def test_what_could_not_be_handled_comes_again_when_its_worker_says(inbox: Inbox) -> None:
    inbox.port.send(a_command(), Lane.NORMAL)
    failed = received(inbox, visibility=30)

    inbox.delay(Lane.NORMAL, failed, 1)
    at_once = commands(inbox)
    inbox.let_pass(1)
    again = received(inbox)
    inbox.delay(Lane.NORMAL, again, 0)

    assert at_once == []
    assert (again.command, again.deliveries) == (failed.command, 2)
    assert received(inbox).deliveries == 3
