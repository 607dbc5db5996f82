"""What is read out of logs and of the exchange's control plane."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

from twin.chaos.collect import exchange_order, read_alarms

LINES = [
    {"_aws": {"Timestamp": 1_795_000_000_000}, "service": "listener", "Blind": 1},
    {"_aws": {"Timestamp": 1_795_000_001_000}, "service": "listener", "Blind": 0},
    {"_aws": {"Timestamp": 1_795_000_002_000}, "service": "listener", "Ticks": 5},
    {
        "level": "ERROR",
        "message": "INFY: refused",
        "timestamp": "2026-11-25 23:00:56,054+0000",
        "alarm": "ExitRefused",
        "strategy_id": str(UUID(int=3)),
    },
    {"level": "INFO", "message": "handled", "timestamp": "2026-11-25 23:00:57,000+0000"},
]


def test_alarms_are_troubles_that_counted_and_alarms_of_strategies(tmp_path: Path) -> None:
    text = "\n".join([*map(json.dumps, LINES), "no json", '{"half": '])
    (tmp_path / "watcher.log").write_text(text)

    alarms = read_alarms(tmp_path)

    assert [(alarm.metric, alarm.strategy_id) for alarm in alarms] == [("Blind", None), ("ExitRefused", UUID(int=3))]


def test_an_order_lives_until_its_final_status() -> None:
    row = {
        "order_id": "1",
        "tag": "t",
        "user_id": "TRADER00",
        "tradingsymbol": "INFY",
        "transaction_type": "BUY",
        "quantity": 10,
        "filled_quantity": 4,
        "average_price": 1500.25,
        "status": "OPEN",
        "received_ns": 5,
        "fills": [{"at_ns": 7, "quantity": 4}],
        "states": [{"status": "OPEN", "at_ns": 6}],
    }
    assert exchange_order(row).ended_ns is None
    ended = row | {
        "status": "CANCELLED",
        "states": [{"status": "OPEN", "at_ns": 6}, {"status": "CANCELLED", "at_ns": 9}],
    }
    assert exchange_order(ended).ended_ns == 9
    assert [trade.quantity for trade in exchange_order(ended).trades] == [4]
