"""ports.OrderQueue on two SQS FIFO queues, when their undelivered messages show again, and how full queues are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from algotrading.adapters.request_names import named_command
from algotrading.contracts.messages import OrderCommand
from algotrading.domain.administration import QueueDepth
from algotrading.ports import Lane

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsOrderQueue:
    """The group is the strategy: one strategy's messages are handled in order, one at a time."""

    def __init__(self, client: SQSClient, orders_url: str, priority_url: str) -> None:
        self._client = client
        self._urls = {Lane.NORMAL: orders_url, Lane.PRIORITY: priority_url}

    def send(self, command: OrderCommand, lane: Lane) -> None:
        """See ports.OrderQueue."""
        named = named_command(command)
        names = {"request_id": named.request_id, "client_request_id": named.client_request_id}
        self._client.send_message(
            QueueUrl=self._urls[lane],
            MessageBody=named.model_dump_json(),
            MessageAttributes={name: {"DataType": "String", "StringValue": its} for name, its in names.items() if its},
            MessageGroupId=str(command.strategy_id),
            MessageDeduplicationId=command.deduplication_id,
        )


class SqsRedelivery:
    """entrypoints.queue.Redelivery: the event that SQS hands to a function names the queue by its ARN,
    whose last part is the last part of the queue's URL."""

    def __init__(self, make_client: Callable[[], SQSClient], urls: tuple[str, ...]) -> None:
        self._make_client = make_client
        self._urls = {url.rsplit("/", 1)[-1]: url for url in urls}

    def delay(self, source_arn: str, receipt_handle: str, seconds: int) -> None:
        """See entrypoints.queue.Redelivery."""
        url = self._urls[source_arn.rsplit(":", 1)[-1]]
        self._make_client().change_message_visibility(
            QueueUrl=url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )


class SqsGauge:
    """ports.QueueGauge: what SQS says of each queue. Only the numbers: it takes no message."""

    def __init__(self, make_client: Callable[[], SQSClient], urls: Sequence[str]) -> None:
        self._make_client = make_client
        self._urls = urls

    def depths(self) -> Sequence[QueueDepth]:
        """See ports.QueueGauge."""
        return [self._depth(url) for url in self._urls]

    def _depth(self, url: str) -> QueueDepth:
        found = self._make_client().get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        )["Attributes"]
        return QueueDepth(
            name=url.rsplit("/", 1)[-1],
            waiting=int(found["ApproximateNumberOfMessages"]),
            in_flight=int(found["ApproximateNumberOfMessagesNotVisible"]),
        )
