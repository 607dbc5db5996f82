"""Delivers notices, once they have left the outbox, to the channels that their users have set up."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_notifier
from algotrading.entrypoints.errands import serve_each
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import NotifierSettings

_settings = NotifierSettings.load()
set_up_logging("notifier", _settings.log_level)
_run = build_notifier(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Messages of the queue of notices."""
    return serve_each(event, _run)
