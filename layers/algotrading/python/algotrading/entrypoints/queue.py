"""The door for queue messages: one record in, one command handled, and a failure told to SQS.

The event sources deliver batches of one. A fault after which nothing was sent makes the message
visible again soon instead of blocking its strategy for the whole visibility time-out; any other
exception leaves the message to that time-out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from algotrading.contracts.messages import OrderCommand
from algotrading.domain.errors import BrokerFault, Fenced, LockBusy, RedisDown

logger = logging.getLogger(__name__)

SAFE_FAULTS = (LockBusy, Fenced, RedisDown, BrokerFault)
"""Faults after which the same message may simply come again."""
_LONGEST_DELAY = 30


class Redelivery(Protocol):
    """Sets when an undelivered message shows again."""

    def delay(self, source_arn: str, receipt_handle: str, seconds: int) -> None:
        """Make the message visible again after `seconds`."""
        ...


def serve(
    event: Mapping[str, Any], handle: Callable[[OrderCommand], object], redelivery: Redelivery
) -> dict[str, list[dict[str, str]]]:
    """Handle the event's records in order; the answer names the first that failed and all after it,
    as ReportBatchItemFailures wants it for FIFO queues."""
    records = event["Records"]
    for index, record in enumerate(records):
        if not _served(record, handle, redelivery):
            return {"batchItemFailures": [{"itemIdentifier": rest["messageId"]} for rest in records[index:]]}
    return {"batchItemFailures": []}


def _served(record: Mapping[str, Any], handle: Callable[[OrderCommand], object], redelivery: Redelivery) -> bool:
    command = OrderCommand.model_validate_json(record["body"])
    fields = {
        "event_type": command.event.value,
        "strategy_id": str(command.strategy_id),
        "user_id": str(command.user_id),
        "cause": command.cause,
    }
    started = time.perf_counter()
    try:
        handle(command)
    except SAFE_FAULTS as fault:
        deliveries = int(record["attributes"].get("ApproximateReceiveCount", "1"))
        delay = min(2 ** (deliveries - 1), _LONGEST_DELAY)
        logger.warning("comes again in %s s: %s: %s", delay, type(fault).__name__, fault.message, extra=fields)
        redelivery.delay(record["eventSourceARN"], record["receiptHandle"], delay)
        return False
    milliseconds = round((time.perf_counter() - started) * 1000, 3)
    logger.info("handled", extra=fields | {"execution_time_ms": milliseconds})
    return True
