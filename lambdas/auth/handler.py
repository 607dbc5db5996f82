"""Answers HTTP requests about accounts."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_auth
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import AuthSettings

_settings = AuthSettings.load()
set_up_logging("auth", _settings.log_level)
_door = build_auth(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload version 2.0."""
    return _door.resolve(event, context)
