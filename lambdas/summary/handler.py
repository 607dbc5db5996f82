"""What every trader is told once a day: before the open what is not ready, after the close how it went."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_morning, build_summary
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import SummarySettings

_settings = SummarySettings.load()
set_up_logging("summary", _settings.log_level)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answers how many were told, for the log. `{"tell": "readiness"}` is the morning's event, any other the day's."""
    is_morning = event.get("tell") == "readiness"
    return {"told": build_morning(_settings).run() if is_morning else build_summary(_settings).run()}
