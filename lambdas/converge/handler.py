"""Every minute: compares what should exist with what does, and has the difference repaired."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from algotrading.bootstrap import build_converge
from algotrading.settings import ConvergeSettings

_converge = build_converge(ConvergeSettings.load())


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answers what was repaired, for the log."""
    return asdict(_converge.run())
