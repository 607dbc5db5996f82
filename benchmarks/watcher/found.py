"""What a client of the watcher's benchmark found, as it travels back over standard output."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "p99.99": 0.9999, "max": 1.0}


@dataclass(slots=True)
class Found:
    """`ages` are microseconds from a frame's sending to the decision about it."""

    ticks: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    megabytes: float = 0.0
    """Resident at its highest."""
    ages: dict[str, float] = field(default_factory=dict)
    frames: int = 0
    """That `ages` are of."""

    @property
    def rate(self) -> float:
        """Ticks a second."""
        return self.ticks / self.seconds if self.seconds else 0.0

    @property
    def cpu_nanoseconds(self) -> float:
        """Processor time per tick."""
        return 1e9 * self.cpu_seconds / self.ticks if self.ticks else 0.0

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Self:
        """From `dump`."""
        return cls(**json.loads(text))


class Stretch:
    """The part of a run that counts, from the warm-up's end on."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._cpu = time.process_time()

    def end(self, ticks: int, ages: Sequence[int]) -> Found:
        """What was found in it."""
        return Found(
            ticks=ticks,
            seconds=time.perf_counter() - self._began,
            cpu_seconds=time.process_time() - self._cpu,
            megabytes=_highest_resident(),
            ages=percentiles(ages),
            frames=len(ages),
        )


def _highest_resident() -> float:
    """Megabytes since this program began (what getrusage tells includes the process it was forked from)."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Nearest rank; empty without values."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {name: float(ordered[math.ceil(share * len(ordered)) - 1]) for name, share in SHARES.items()}
