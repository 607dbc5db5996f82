"""The sizes that an environment needs for 10, 1,000 and 100,000 strategies: docs/scale.md has the reasons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from cdk.environments import Environment

BUSIEST_MINUTE: Final = 0.5
"""The share of all strategies that is due in the same minute, most often 09:15 or 09:20. Assumed."""
CONNECTIONS_FOR_EXECUTORS: Final = 0.75
"""docs/decisions/executors-are-capped-by-connections.md"""


@dataclass(frozen=True, slots=True)
class Step:
    """A number of strategies, and the estate that carries it: cells of a whole environment each."""

    strategies: int
    cells: int = 1
    sizes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the environment's row that differ from its own."""

    def apply(self, environment: Environment) -> Environment:
        """The row of one cell."""
        return replace(environment, **self.sizes)

    @property
    def executors_needed(self) -> int:
        """In one cell, in the busiest minute."""
        return math.ceil(self.strategies * BUSIEST_MINUTE / self.cells)


STEPS: Final = (
    Step(10),
    Step(
        1_000,
        sizes={
            "database_class": "t3.large",
            "database_connections": 901,
            "database_storage_gib": 100,
            "executor_concurrency": 500,
            "priority_concurrency": 150,
            "exits_ready": 20,
        },
    ),
    Step(
        100_000,
        cells=20,
        sizes={
            "database_class": "r6g.2xlarge",
            "database_connections": 5_000,
            "database_storage_gib": 500,
            "cache_node": "cache.r7g.large",
            "executor_concurrency": 2_500,
            "priority_concurrency": 500,
            "exits_ready": 50,
            "listener_cpu": 2048,
            "listener_memory_mib": 4096,
        },
    ),
)


def strategies_carried(environment: Environment) -> int:
    """How many strategies this row carries when the busiest minute is as assumed."""
    return int(environment.executor_concurrency / BUSIEST_MINUTE)
