"""Executes the order commands of `orders.fifo`: entries and timed exits, which wait here for their instant."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_executor, build_hold
from algotrading.entrypoints.logs import set_up_logging
from algotrading.entrypoints.queue import serve
from algotrading.settings import ExecutorSettings

_settings = ExecutorSettings.load()
set_up_logging("executor", _settings.log_level)
_executor, _redelivery = build_executor(_settings)
_hold = build_hold(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """One SQS record in, batch item failures out."""
    return serve(event, _executor.handle, _redelivery, _hold)
