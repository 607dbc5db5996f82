"""The watcher of the benchmark, shortly: it runs beside its ticks what the task runs, and none of it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.watcher.runs import OURS, run
from benchmarks.watcher.task import Task
from twin.servers import start_valkey


@pytest.mark.timeout(120)
def test_every_part_lives_through_a_paced_run(tmp_path: Path) -> None:
    with start_valkey(tmp_path) as valkey:
        # A part that ended before its time would end the run without a result, see Beside.end
        found = run(OURS, Task(pace=10_000, stops=1_000, seconds=2.5, redis_port=valkey.port))

    assert found.ticks > 0
    assert found.frames == pytest.approx(found.ticks / Task().packets, rel=0.05)
    assert 0 < found.ages["p50"] <= found.ages["max"]
