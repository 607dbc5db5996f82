"""JSON lines on standard output, for every logger of the process."""

from __future__ import annotations

import logging
import sys

from aws_lambda_powertools.logging.formatter import LambdaPowertoolsFormatter


def set_up_logging(level: str) -> None:
    """One handler on the root logger."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(LambdaPowertoolsFormatter(service="listener", utc=True))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Their debug output carries message bodies and addresses.
    for chatty in ("botocore", "boto3", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
