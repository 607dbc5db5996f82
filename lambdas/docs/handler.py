"""Answers HTTP requests about the document of the API, in dev."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_docs
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import DocsSettings

_settings = DocsSettings.load()
set_up_logging("docs", _settings.log_level)
_door = build_docs(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload version 2.0."""
    return _door.resolve(event, context)
