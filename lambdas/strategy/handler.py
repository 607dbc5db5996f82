"""Answers HTTP requests about strategies and instruments."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_strategy
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import StrategySettings

_settings = StrategySettings.load()
set_up_logging("strategy", _settings.log_level)
_door = build_strategy(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload version 2.0."""
    return _door.resolve(event, context)
