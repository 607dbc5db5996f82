"""What a benchmark finds: figures with their unit, their target and the peers measured beside them."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

Progress = Callable[[str], None]
Values = Mapping[str, float]
"""Statistic -> value, such as {"p50": 1.2, "p99": 4.0, "max": 7.5}."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a figure should be at most, or at least."""

    statistic: str
    limit: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{self.statistic} {'≥' if self.at_least else '≤'} {self.limit:g}"

    def is_met(self, values: Values) -> bool:
        """Whether `values` are as they should be."""
        value = values[self.statistic]
        return value >= self.limit if self.at_least else value <= self.limit


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing measured. `peers` are others doing the same, or floors that nobody can pass, in the same unit."""

    benchmark: str
    name: str
    unit: str
    values: Values
    count: int
    """How many measurements the values are of."""
    target: Target | None = None
    peers: Mapping[str, Values] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As it goes into the file of results."""
        target = None if self.target is None else asdict(self.target) | {"met": self.target.is_met(self.values)}
        return asdict(self) | {"target": target}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile (nearest rank) and maximum."""
    if not values:
        raise ValueError("nothing was measured")
    ordered = sorted(values)
    ranks = {"p50": 0.50, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[math.ceil(share * len(ordered)) - 1], 3) for name, share in ranks.items()}


def machine_facts() -> dict[str, Any]:
    """What the figures depend on. `load_average` tells how busy the machine was before the run."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }
