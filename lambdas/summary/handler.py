"""After the close of each trading day: tells every trader how it went."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_summary
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import SummarySettings

_settings = SummarySettings.load()
set_up_logging("summary", _settings.log_level)
_summary = build_summary(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answers how many were told, for the log."""
    return {"told": _summary.run()}
