"""Answers HTTP requests of the deployment's staff."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_admin
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import AdminSettings

_settings = AdminSettings.load()
set_up_logging("admin", _settings.log_level)
_door = build_admin(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload version 2.0."""
    return _door.resolve(event, context)
