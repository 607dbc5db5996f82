"""ports.Errands on an SQS queue."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from algotrading.contracts.errands import AnyErrand

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


_LONGEST_DELAY = 900
"""Seconds; SQS takes no longer one."""


class SqsErrands:
    """A standard queue: errands have no order."""

    def __init__(self, make_client: Callable[[], SQSClient], queue_url: str) -> None:
        self._make_client = make_client
        self._queue_url = queue_url

    def ask(self, errand: AnyErrand, *, delay: timedelta = timedelta(0)) -> None:
        """See ports.Errands."""
        seconds = min(math.ceil(delay.total_seconds()), _LONGEST_DELAY)
        self._make_client().send_message(
            QueueUrl=self._queue_url, MessageBody=errand.model_dump_json(), DelaySeconds=seconds
        )
