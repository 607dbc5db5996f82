"""The door for queue messages: one record in, one command handled, and a failure told to SQS.

The event sources deliver batches of one. After a fault of our own tree the message may simply come
again, for the ledger knows what was sent; it is made visible again soon instead of blocking its
strategy for the whole visibility time-out. Any other exception leaves it to that time-out, or to what is left of
the hold that was kept on it (entrypoints/hold.py).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from algotrading.contracts.messages import REQUEST_NAME, OrderCommand, OrderEvent
from algotrading.domain.errors import AlgotradingError, Fenced

logger = logging.getLogger(__name__)

_NAMES = ("request_id", "client_request_id")
_NAME = re.compile(REQUEST_NAME)
_ASKED_AGAIN = {OrderEvent.RECONCILE, OrderEvent.SNAPSHOT}
_LONGEST_ENTRY_DELAY = 15
_LONGEST_EXIT_DELAY = 4
"""Seconds. A message that waits blocks every later one of its strategy: an exit must not wait long."""
_FENCED_ENTRY_DELAY = 1
"""Seconds. Most often its owner has changed the strategy while it was about to buy: there is nothing to wait for, and
its instant is here."""


class Redelivery(Protocol):
    """Sets when an undelivered message shows again."""

    def delay(self, source_arn: str, receipt_handle: str, seconds: int) -> None:
        """Make the message visible again after `seconds`."""
        ...


class Hold(Protocol):
    """Keeps a message from other workers while the block runs, and soon gives it to another when its worker dies."""

    def __call__(self, source_arn: str, receipt_handle: str) -> AbstractContextManager[None]:
        """For the message that came with `receipt_handle`. Never raises for a hold that it could not keep."""
        ...


def serve(
    event: Mapping[str, Any],
    handle: Callable[[OrderCommand], object],
    redelivery: Redelivery,
    hold: Hold | None = None,
) -> dict[str, list[dict[str, str]]]:
    """Handle the event's records in order; the answer names the first that failed and all after it,
    as ReportBatchItemFailures wants it for FIFO queues. Without a `hold` the queue's time-out keeps the message."""
    records = event["Records"]
    for index, record in enumerate(records):
        if not _served(record, handle, redelivery, hold):
            return {"batchItemFailures": [{"itemIdentifier": rest["messageId"]} for rest in records[index:]]}
    return {"batchItemFailures": []}


def command_of(record: Mapping[str, Any]) -> OrderCommand:
    """What is asked, and what the request is called that caused it: attributes of the message, which readers of before
    pass over (see OrderCommand.request_id). A name that is none is passed over, too: no stop is lost for its sake."""
    command = OrderCommand.model_validate_json(record["body"])
    shown = record.get("messageAttributes") or {}
    names = {name: shown[name].get("stringValue") for name in _NAMES if name in shown}
    fit = {name: value for name, value in names.items() if value is not None and _NAME.fullmatch(value)}
    return command.model_copy(update=fit) if fit else command


def _served(
    record: Mapping[str, Any], handle: Callable[[OrderCommand], object], redelivery: Redelivery, hold: Hold | None
) -> bool:
    command = command_of(record)
    fields = {
        "event_type": command.event.value,
        "strategy_id": str(command.strategy_id),
        "user_id": str(command.user_id),
        "cause": command.cause,
        "request_id": command.request_id,
        "client_request_id": command.client_request_id,
    }
    started = time.perf_counter()
    try:
        # Over before anything else is told to the queue: what is said last counts.
        with hold(record["eventSourceARN"], record["receiptHandle"]) if hold is not None else nullcontext():
            handle(command)
    except AlgotradingError as fault:
        what = f"{type(fault).__name__}: {fault.message}"
        if command.event in _ASKED_AGAIN:
            # Converge asks again within a minute; kept here, it would stand in the way of an exit.
            logger.warning("given up until converge asks again: %s", what, extra=fields)
            return True
        deliveries = int(record["attributes"].get("ApproximateReceiveCount", "1"))
        delay = min(2 ** (deliveries - 1), _longest_delay(command.event, fault))
        logger.warning("comes again in %s s: %s", delay, what, extra=fields)
        redelivery.delay(record["eventSourceARN"], record["receiptHandle"], delay)
        return False
    milliseconds = round((time.perf_counter() - started) * 1000, 3)
    logger.info("handled", extra=fields | {"execution_time_ms": milliseconds})
    return True


def _longest_delay(event: OrderEvent, fault: AlgotradingError) -> int:
    if event is not OrderEvent.BUY:
        return _LONGEST_EXIT_DELAY
    return _FENCED_ENTRY_DELAY if isinstance(fault, Fenced) else _LONGEST_ENTRY_DELAY
