"""Logs of the functions, and the metrics that they carry in CloudWatch's embedded metric format.

The format: a log line that is a JSON object with `_aws.CloudWatchMetrics`, whose metric names are members
of the object (CloudWatch documentation, embedded metric format specification).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

FaultListener = Callable[[str, str, Path], None]
"""Takes a function, what kind of error it ended with, and its log."""


class Telemetry:
    """Keeps each function's log in a file and its metrics in memory, and passes on which invocations failed."""

    def __init__(self, logs: Path, on_fault: FaultListener) -> None:
        self._logs = logs
        self._on_fault = on_fault
        self._values: dict[str, list[float]] = defaultdict(list)

    def record(self, function: str, line: bytes) -> None:
        """Take one line of a function's output."""
        with self._log(function).open("ab") as log:
            log.write(line)
        if b'"_aws"' in line:
            for name, value in _metrics(line):
                self._values[name].append(value)

    def record_fault(self, function: str, kind: str, message: str) -> None:
        """Take an invocation or a start that failed, Lambda's own error kinds included."""
        self.record(function, f"{kind}: {message}\n".encode())
        self._on_fault(function, kind, self._log(function))

    def _log(self, function: str) -> Path:
        return self._logs / f"{function}.log"

    def total(self, metric: str) -> float:
        """Sum of everything recorded under `metric`, over all functions."""
        return sum(self._values.get(metric, ()))

    def totals(self) -> Mapping[str, float]:
        """Every metric seen, with its sum."""
        return {name: sum(values) for name, values in sorted(self._values.items())}

    def values(self, metric: str) -> tuple[float, ...]:
        """Every value recorded under `metric`, in order of arrival."""
        return tuple(self._values.get(metric, ()))


def _metrics(line: bytes) -> Iterator[tuple[str, float]]:
    try:
        document: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return  # an ordinary log line that happens to speak of the format
    for directive in document.get("_aws", {}).get("CloudWatchMetrics", ()):
        for metric in directive.get("Metrics", ()):
            value = document.get(metric["Name"], ())
            for number in value if isinstance(value, list) else [value]:
                yield metric["Name"], float(number)
