"""ports.Errands on an SQS queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from algotrading.contracts.errands import Errand

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsErrands:
    """A standard queue: errands have no order."""

    def __init__(self, make_client: Callable[[], SQSClient], queue_url: str) -> None:
        self._make_client = make_client
        self._queue_url = queue_url

    def ask(self, errand: Errand) -> None:
        """See ports.Errands."""
        self._make_client().send_message(QueueUrl=self._queue_url, MessageBody=errand.model_dump_json())
