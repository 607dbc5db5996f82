"""ports.Meter as CloudWatch embedded metric format: one JSON line per value, no API call."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from algotrading.adapters.clock import SystemClock
from algotrading.ports import Clock

_NAMESPACE = "AlgoTrading"
MOST_VALUES = 100
"""Of one metric in one line: its target is a number or an array of at most this many. Pairs of values and counts are
for PutMetricData (Amazon CloudWatch User Guide, embedded metric format, target members)."""


class EmfMeter:
    """Writes each value at once, so that a process that is killed has already told it.

    The one dimension is `service`; every combination of dimensions is a metric of its own in
    CloudWatch, so none may hold an id.
    """

    def __init__(
        self,
        *,
        namespace: str | None = None,
        service: str | None = None,
        clock: Clock | None = None,
        stream: TextIO | None = None,
    ) -> None:
        """What is not given comes from the variables that Powertools names for it, which its logger
        reads, too. `stream` is standard output: Lambda and ECS carry that to CloudWatch Logs."""
        self._namespace = namespace or os.environ.get("POWERTOOLS_METRICS_NAMESPACE", _NAMESPACE)
        self._service = service or os.environ.get("POWERTOOLS_SERVICE_NAME", "unnamed")
        self._clock = clock or SystemClock()
        self._stream = stream

    def count(self, metric: str, value: int = 1) -> None:
        """See ports.Meter."""
        self._write(metric, value, "Count")

    def milliseconds(self, metric: str, value: float) -> None:
        """See ports.Meter."""
        self._write(metric, round(value, 3), "Milliseconds")

    def distribution(self, metric: str, milliseconds: Sequence[float]) -> None:
        """See ports.Meter."""
        values = [round(value, 3) for value in milliseconds]
        for begin in range(0, len(values), MOST_VALUES):
            self._write(metric, values[begin : begin + MOST_VALUES], "Milliseconds")

    def _write(self, metric: str, value: float | list[float], unit: str) -> None:
        directive = {
            "Namespace": self._namespace,
            # Both: alarms look at the total, people at the service.
            "Dimensions": [[], ["service"]],
            "Metrics": [{"Name": metric, "Unit": unit}],
        }
        timestamp = int(self._clock.now().timestamp() * 1000)
        line = {
            "_aws": {"Timestamp": timestamp, "CloudWatchMetrics": [directive]},
            "service": self._service,
            metric: value,
        }
        # Looked up at each write: Lambda's runtime client replaces sys.stdout after the import.
        stream = self._stream or sys.stdout
        stream.write(json.dumps(line) + "\n")
        stream.flush()
