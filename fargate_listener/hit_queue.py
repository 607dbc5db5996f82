"""Batches of order commands into the priority FIFO queue."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from algotrading.contracts.messages import OrderCommand

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

logger = logging.getLogger(__name__)

LARGEST_BATCH = 10
"""SQS, SendMessageBatch."""


class HitQueue(Protocol):
    """Where hits go. Both methods raise whatever the transport raises."""

    def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        """Hand over up to `LARGEST_BATCH` commands; returns those the queue did not take."""
        ...

    def probe(self) -> None:
        """Ask whether the queue is there; keeps the connection warm for the next hit."""
        ...


class SqsHitQueue:
    """orders-priority.fifo, message group = strategy id."""

    def __init__(self, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        """One SendMessageBatch call."""
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {
                "Id": str(position),
                "MessageBody": command.model_dump_json(),
                "MessageGroupId": str(command.strategy_id),
                "MessageDeduplicationId": command.deduplication_id,
            }
            for position, command in enumerate(commands)
        ]
        answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        if failed := answer.get("Failed"):
            logger.error("the queue refused messages", extra={"codes": sorted({entry["Code"] for entry in failed})})
        taken = {entry["Id"] for entry in answer.get("Successful", ())}
        return [command for position, command in enumerate(commands) if str(position) not in taken]

    def probe(self) -> None:
        """One GetQueueAttributes call (every role that may send to a queue may make it)."""
        self._client.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["QueueArn"])
