"""When the simulated exchange trades: around the clock, every day, in every segment."""

from typing import Any

_ALL_DAY = ["00:00:00", "23:59:59"]

SESSION_TABLE: dict[str, Any] = {
    "name": "round-the-clock",
    "calendar": "every-day",
    "segments": {segment: {"continuous": list(_ALL_DAY)} for segment in ("NSE", "BSE", "NFO", "BFO", "CDS", "MCX")},
}
