"""Every minute: compares what should exist with what does, and has the difference repaired."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from algotrading.bootstrap import build_converge
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import ConvergeSettings

_settings = ConvergeSettings.load()
set_up_logging("converge", _settings.log_level)
_converge = build_converge(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answers what was repaired, for the log."""
    return asdict(_converge.run())
