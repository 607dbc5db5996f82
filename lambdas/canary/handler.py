"""Asks the API each minute, from outside, whether it answers."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_canary
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import CanarySettings

_settings = CanarySettings.load()
set_up_logging("canary", _settings.log_level)
_canary = build_canary(_settings)


def lambda_handler(event: Any, context: object) -> dict[str, Any]:
    """Called by the clock; what it found is a metric, and in the answer."""
    return {"wrong": list(_canary.look())}
