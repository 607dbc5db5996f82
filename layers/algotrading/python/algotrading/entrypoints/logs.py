"""Structured logs: one JSON object a line on standard output, for every logger of the process.

Fields are the specification's: timestamp, component, and what a record brings along as `extra`
(event_type, strategy_id, user_id, execution_time_ms). The broker's words are not among them: they
are in the order log, where only their owner reads them.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter

_CHATTY = ("botocore", "boto3", "urllib3", "kiteconnect", "redis")
"""Their debug output carries message bodies and addresses."""


class _StandardOutput(logging.StreamHandler[TextIO]):
    """Looks standard output up at each record: Lambda's runtime client replaces it after the import."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


def set_up_logging(component: str, level: str) -> None:
    """Make this the only handler of the root logger."""
    handler = _StandardOutput()
    handler.setFormatter(LambdaPowertoolsFormatter(component=component, utc=True))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
