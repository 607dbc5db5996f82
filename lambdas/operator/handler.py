"""The operator's function: the kill switch of the whole deployment, and the audit trail's verification.

Invoked by hand, with the AWS CLI (docs/risk.md).
"""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_operator
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import OperatorSettings

_settings = OperatorSettings.load()
set_up_logging("operator", _settings.log_level)
_door = build_operator(_settings)


def lambda_handler(event: Any, context: object) -> dict[str, Any]:
    """One action; an answer with `error` changed nothing."""
    return _door.handle(event)
