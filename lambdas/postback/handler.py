"""Answers the order updates that brokers post."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_postback
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import PostbackSettings

_settings = PostbackSettings.load()
set_up_logging("postback", _settings.log_level)
_door = build_postback(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload version 2.0."""
    return _door.resolve(event, context)
