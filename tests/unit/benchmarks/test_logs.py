"""What benchmarks read from the product's logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from benchmarks.logs import handled_lines

STRATEGY = UUID(int=7)


def line(message: str = "handled", event: str = "BUY", milliseconds: float = 250.5) -> str:
    return json.dumps(
        {
            "message": message,
            "timestamp": "2026-11-20 09:20:00,750+0000",
            "event_type": event,
            "strategy_id": str(STRATEGY),
            "execution_time_ms": milliseconds,
        }
    )


def test_a_handled_message_began_as_long_before_its_line_as_it_took(tmp_path: Path) -> None:
    log = tmp_path / "executor.log"
    log.write_text("\n".join([line(), "START RequestId: not JSON", line(event="SELL"), line("comes again in 1 s")]))

    [found] = handled_lines(log, "BUY")

    assert found.strategy_id == STRATEGY
    assert found.ended == pytest.approx(datetime(2026, 11, 20, 9, 20, 0, 750_000, tzinfo=UTC).timestamp() * 1e3)
    assert found.ended - found.began == pytest.approx(250.5)
