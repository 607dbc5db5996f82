"""Every morning before the session: loads the broker's instrument dump."""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_instruments
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import InstrumentsSettings

_settings = InstrumentsSettings.load()
set_up_logging("instruments", _settings.log_level)
_loader = build_instruments(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answers how many instruments there are now, for the log."""
    return {"instruments": _loader.load()}
