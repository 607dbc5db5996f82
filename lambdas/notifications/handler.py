"""Answers HTTP requests about notifications."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_notifications
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import NotificationsSettings

_settings = NotificationsSettings.load()
set_up_logging("notifications", _settings.log_level)
_door = build_notifications(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload version 2.0."""
    return _door.resolve(event, context)
