"""Tells API Gateway who calls."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_authorizer
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import AuthorizerSettings

_settings = AuthorizerSettings.load()
set_up_logging("authorizer", _settings.log_level)
_authorizer = build_authorizer(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A request authorizer event, payload version 2.0; answers a simple response."""
    return _authorizer.judge(event)
