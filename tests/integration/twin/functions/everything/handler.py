"""A function that does whatever its event asks for, to see how the runtime bears it."""

from __future__ import annotations

import os
import sys
import time
from typing import Any


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    sys.stdout.write(f"{event.get('say', '')}\n")
    time.sleep(event.get("sleep", 0.0))
    if "raise" in event:
        raise ValueError(event["raise"])
    if "exit" in event:
        os._exit(event["exit"])
    failures = [
        {"itemIdentifier": record["messageId"]} for record in event.get("Records", ()) if "bad" in record["body"]
    ]
    return {
        "pid": os.getpid(),
        "echo": event,
        "memory": context.memory_limit_in_mb,
        "remaining_ms": context.get_remaining_time_in_millis(),
        "request_id": context.aws_request_id,
        "variable": os.environ["MARK"],
        "batchItemFailures": failures,
    }
