"""Turns an early alarm of EventBridge Scheduler into an order command."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_trigger
from algotrading.contracts.messages import ScheduleInput
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import TriggerSettings

_settings = TriggerSettings.load()
set_up_logging("trigger", _settings.log_level)
_trigger = build_trigger(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """A schedule's payload in; says whether it was queued, for the log."""
    return {"queued": _trigger.fire(ScheduleInput.model_validate(event))}
