"""The storm of the watcher's benchmark: everything that one frame hits gets into the emulated SQS."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from algotrading.contracts.messages import OrderCommand
from benchmarks.watcher.storm import measure_storm
from fargate_listener.hit_queue import SqsHitQueue


def test_every_hit_is_acknowledged_by_the_queue_once(monkeypatch: pytest.MonkeyPatch) -> None:
    acknowledged: list[str] = []
    send = SqsHitQueue.send

    def noted(queue: SqsHitQueue, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        refused = send(queue, commands)
        acknowledged.extend(command.deduplication_id for command in commands if command not in refused)
        return refused

    monkeypatch.setattr(SqsHitQueue, "send", noted)

    storm = measure_storm(rounds=2, hits=205)

    assert (storm.hits, storm.rounds) == (205, 2)
    assert len(acknowledged) == len(set(acknowledged)) == 205
    assert 0 < storm.decided_ms < storm.made_ms
    assert storm.decided_ms < storm.handed_ms
