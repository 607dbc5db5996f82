"""Queues feed functions as in AWS, on the emulator that the twin runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

import aiohttp
import boto3
import psutil
import pytest

from twin.aws import AwsAccess, start_emulator
from twin.event_sources import QueueConsumer, SqsClient
from twin.wiring import EventSourceSpec

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

    from tests.integration.twin.conftest import StartFunction
    from twin.lambda_runtime import Function
    from twin.processes import StateFolder
    from twin.telemetry import Telemetry

ACCOUNT, REGION = "000000000000", "ap-south-1"
VISIBILITY_SECONDS = 1
PATIENCE_SECONDS = 15.0


@pytest.fixture
async def access(state: StateFolder) -> AsyncIterator[AwsAccess]:
    child, access = await start_emulator(state, ACCOUNT, REGION)
    yield access
    await child.stop()


@pytest.fixture
def sqs(access: AwsAccess) -> SQSClient:
    return boto3.client("sqs", **access.client_options())


@pytest.fixture
async def queue_url(sqs: SQSClient) -> str:
    attributes: Any = {"FifoQueue": "true", "VisibilityTimeout": str(VISIBILITY_SECONDS)}
    made = await asyncio.to_thread(sqs.create_queue, QueueName="orders.fifo", Attributes=attributes)
    return made["QueueUrl"]


@pytest.fixture
async def consume(access: AwsAccess, queue_url: str) -> AsyncIterator[Callable[[Function], None]]:
    running: list[tuple[QueueConsumer, asyncio.Task[None]]] = []
    async with aiohttp.ClientSession() as http:

        def start(function: Function) -> None:
            spec = EventSourceSpec(
                queue_url=queue_url,
                queue_arn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders.fifo",
                function="everything",
                batch_size=1,
                reports_item_failures=True,
                max_concurrency=3,
            )
            consumer = QueueConsumer(spec, function, SqsClient(http, access), REGION)
            running.append((consumer, asyncio.create_task(consumer.run())))

        yield start
        for consumer, task in running:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await consumer.stop()


def send(sqs: SQSClient, queue_url: str, body: str, group: str) -> None:
    sqs.send_message(QueueUrl=queue_url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=body)


def waiting(sqs: SQSClient, queue_url: str) -> int:
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(value) for value in counts.values())


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not is_so():  # noqa: ASYNC110  what is waited for is in another process
            await asyncio.sleep(0.02)


async def test_a_handled_message_leaves_the_queue(
    start_function: StartFunction, consume: Callable[[Function], None], sqs: SQSClient, queue_url: str
) -> None:
    function = start_function()
    consume(function)

    send(sqs, queue_url, "good", "one")

    await until(lambda: waiting(sqs, queue_url) == 0)


async def test_a_reported_failure_comes_again_after_its_visibility_time_out(
    start_function: StartFunction,
    consume: Callable[[Function], None],
    sqs: SQSClient,
    queue_url: str,
    telemetry: Telemetry,
) -> None:
    function = start_function()
    consume(function)

    send(sqs, queue_url, "bad", "one")

    await until(lambda: len(telemetry.values("Received")) >= 2)
    assert telemetry.values("Received")[:2] == (1.0, 2.0)
    assert waiting(sqs, queue_url) == 1


async def test_a_group_waits_for_its_failed_message_and_other_groups_do_not(
    start_function: StartFunction,
    consume: Callable[[Function], None],
    sqs: SQSClient,
    queue_url: str,
    state: StateFolder,
) -> None:
    function = start_function()
    send(sqs, queue_url, "bad first", "one")
    send(sqs, queue_url, "good second", "one")
    send(sqs, queue_url, "good other", "two")

    consume(function)

    log = state.logs / "everything.log"
    await until(lambda: log.exists() and log.read_text().count("received bad first") == 2)
    assert "received good other" in log.read_text()
    assert "received good second" not in log.read_text()


async def test_a_waiting_receive_wakes_when_a_message_is_sent(
    access: AwsAccess, sqs: SQSClient, queue_url: str
) -> None:
    async with aiohttp.ClientSession() as http:
        receiving = asyncio.create_task(SqsClient(http, access).receive(queue_url, 1))
        await asyncio.sleep(0.3)

        await asyncio.to_thread(send, sqs, queue_url, "hello", "one")

        assert [message["Body"] for message in await receiving] == ["hello"]


async def test_the_emulator_listens_on_one_loopback_port_only(
    state: StateFolder, access: AwsAccess, sqs: SQSClient
) -> None:
    await asyncio.to_thread(sqs.list_queues)

    ((_, emulator),) = state.survivors()
    listening = [
        connection.laddr
        for process in (emulator, *emulator.children(recursive=True))
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    ]

    assert [(address.ip, f"http://{address.ip}:{address.port}") for address in listening] == [("127.0.0.1", access.url)]
