"""A function that does whatever its event asks for, to see how the runtime bears it."""

from __future__ import annotations

import json
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
    for record in event.get("Records", ()):
        sys.stdout.write(f"received {record['body']}\n")
        _count("Received", int(record["attributes"]["ApproximateReceiveCount"]))
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


def _count(metric: str, value: int) -> None:
    directive = {"Namespace": "test", "Metrics": [{"Name": metric}]}
    sys.stdout.write(json.dumps({"_aws": {"CloudWatchMetrics": [directive]}, metric: value}) + "\n")
