"""The door for errands from a standard queue: each is handled by itself, and comes again when that fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

logger = logging.getLogger(__name__)


def serve_each(event: Mapping[str, Any], handle: Callable[[str], object]) -> dict[str, list[dict[str, str]]]:
    """Handle the body of every record; the answer names those that failed, as ReportBatchItemFailures wants it."""
    failed = []
    for record in event["Records"]:
        try:
            handle(record["body"])
        except Exception:
            # Whatever it is: the others are not to wait for it, and after some tries it is a dead letter.
            logger.exception("message %s comes again", record["messageId"])
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
