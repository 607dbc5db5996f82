"""Every morning before the session: loads the broker's instrument dump."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_instruments
from algotrading.settings import InstrumentsSettings

_loader = build_instruments(InstrumentsSettings.load())


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answers how many instruments there are now, for the log."""
    return {"instruments": _loader.load()}
