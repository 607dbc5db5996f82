"""What the product's log files say of the messages that were handled."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class HandledLine:
    """One message of the order queues. Milliseconds since the epoch; the log counts in whole ones."""

    strategy_id: UUID
    began: float
    ended: float


def handled_lines(log: Path, event: str) -> Iterator[HandledLine]:
    """Messages of that kind which were handled, in the log's order: the line's own time, and that less what the
    handler took."""
    for line in json_lines(log):
        if line.get("event_type") == event and line["message"] == "handled":
            at = datetime.strptime(line["timestamp"], "%Y-%m-%d %H:%M:%S,%f%z").timestamp() * 1e3
            yield HandledLine(UUID(line["strategy_id"]), at - float(line["execution_time_ms"]), at)


def json_lines(log: Path) -> list[dict[str, Any]]:
    """Every line that is a JSON object."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
