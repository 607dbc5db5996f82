"""Answers HTTP requests about broker connections."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_broker
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import BrokerSettings

_settings = BrokerSettings.load()
set_up_logging("broker", _settings.log_level)
_door = build_broker(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload version 2.0."""
    return _door.resolve(event, context)
