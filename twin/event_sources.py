"""SQS event source mappings: queue in, function out, as Lambda's pollers do it.

A message is deleted when its invocation succeeds and left to its visibility time-out otherwise. With
`ReportBatchItemFailures` the answer names the failed messages; an answer that is not understood fails the
whole batch (AWS Lambda documentation, handling errors for an SQS event source). The order of a FIFO group
is the queue's: it hands out no message of a group while another is in flight.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from typing import Any

import aiohttp

from twin.aws import AwsAccess
from twin.lambda_runtime import Function, InvocationResult, Throttled
from twin.wiring import EventSourceSpec

_LONG_POLL_SECONDS = 20
_RETRY_SECONDS = 1.0
_THROTTLED_PAUSE_SECONDS = 0.25

logger = logging.getLogger(__name__)


class SqsClient:
    """The three calls a poller makes, in SQS's JSON protocol."""

    def __init__(self, session: aiohttp.ClientSession, access: AwsAccess) -> None:
        self._session = session
        self._url = access.url
        # The emulator checks no signature; it reads account and region from the credential's scope.
        self._authorization = f"AWS4-HMAC-SHA256 Credential={access.account}/20260101/{access.region}/sqs/aws4_request"

    async def receive(self, queue_url: str, count: int) -> list[dict[str, Any]]:
        """Up to `count` messages; waits for the first one."""
        answer = await self._call(
            "ReceiveMessage",
            QueueUrl=queue_url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=_LONG_POLL_SECONDS,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    async def delete(self, queue_url: str, receipt_handle: str) -> None:
        """Remove a message for good."""
        await self._call("DeleteMessage", QueueUrl=queue_url, ReceiptHandle=receipt_handle)

    async def make_visible(self, queue_url: str, receipt_handle: str) -> None:
        """Give a message back at once."""
        await self._call(
            "ChangeMessageVisibility", QueueUrl=queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=0
        )

    async def _call(self, action: str, **request: Any) -> dict[str, Any]:
        headers = {
            "Authorization": self._authorization,
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"AmazonSQS.{action}",
        }
        async with self._session.post(self._url, data=json.dumps(request), headers=headers) as response:
            text = await response.text()
            response.raise_for_status()
            answer: dict[str, Any] = json.loads(text or "{}")
            return answer


class QueueConsumer:
    """Feeds one function from one queue."""

    def __init__(self, spec: EventSourceSpec, function: Function, sqs: SqsClient, region: str) -> None:
        self._spec = spec
        self._function = function
        self._sqs = sqs
        self._region = region
        limit = min(spec.max_concurrency or function.concurrency, function.concurrency)
        self._slots = asyncio.Semaphore(limit)
        self._working: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            # A message is taken only when something is free to work on it.
            await self._slots.acquire()
            try:
                messages = await self._receive()
            except BaseException:
                self._slots.release()
                raise
            if not messages:
                self._slots.release()
                continue
            task = asyncio.create_task(self._work(messages))
            self._working.add(task)
            task.add_done_callback(self._working.discard)

    async def stop(self) -> None:
        """Abandon what is being worked on, as a poller that vanishes does: it comes again."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _receive(self) -> list[dict[str, Any]]:
        try:
            return await self._sqs.receive(self._spec.queue_url, self._spec.batch_size)
        except (aiohttp.ClientError, TimeoutError):
            logger.exception("cannot read %s", self._spec.queue_url)
            await asyncio.sleep(_RETRY_SECONDS)
            return []

    async def _work(self, messages: Sequence[dict[str, Any]]) -> None:
        event = {"Records": [self._record(message) for message in messages]}
        try:
            result = await self._function.invoke(json.dumps(event).encode())
        except Throttled:
            await asyncio.sleep(_THROTTLED_PAUSE_SECONDS)
            for message in messages:
                await self._sqs.make_visible(self._spec.queue_url, message["ReceiptHandle"])
        else:
            failed = failed_items(result, [m["MessageId"] for m in messages], reports=self._spec.reports_item_failures)
            for message in messages:
                if message["MessageId"] not in failed:
                    await self._delete(message)
        finally:
            self._slots.release()

    async def _delete(self, message: dict[str, Any]) -> None:
        try:
            await self._sqs.delete(self._spec.queue_url, message["ReceiptHandle"])
        except aiohttp.ClientResponseError as error:
            # SQS too refuses a receipt whose visibility time-out is over: the message comes again.
            logger.warning("a message handled by %s stays in its queue: %s", self._spec.function, error.message)

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message.get("Attributes", {}),
            "messageAttributes": {
                name: {"stringValue": each.get("StringValue"), "dataType": each["DataType"]}
                for name, each in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message.get("MD5OfBody", ""),
            "eventSource": "aws:sqs",
            "eventSourceARN": self._spec.queue_arn,
            "awsRegion": self._region,
        }


def failed_items(result: InvocationResult, batch: Sequence[str], *, reports: bool) -> frozenset[str]:
    """Which messages of `batch` stay in the queue after `result`."""
    everything = frozenset(batch)
    if result.is_error:
        return everything
    if not reports:
        return frozenset()
    answer = json.loads(result.payload or b"null")
    if not answer:
        return frozenset()
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else ()
    if failures is None:
        return frozenset()
    identifiers = frozenset(item.get("itemIdentifier") for item in failures if isinstance(item, dict))
    is_understood = isinstance(answer, dict) and len(identifiers) == len(failures) and identifiers <= everything
    return frozenset(identifier for identifier in identifiers if identifier) if is_understood else everything
