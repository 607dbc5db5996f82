"""Rotates the secret that bearer tokens are signed with. Secrets Manager calls it, four times in a rotation.

What goes wrong is raised: Secrets Manager then ends the rotation, the key in use stays, and an alarm rings.
"""

from __future__ import annotations

from typing import Any

from algotrading.bootstrap import build_rotate
from algotrading.entrypoints.logs import set_up_logging
from algotrading.settings import RotateSettings

_settings = RotateSettings.load()
set_up_logging("rotate", _settings.log_level)
_rotation = build_rotate(_settings)


def lambda_handler(event: dict[str, Any], context: object) -> None:
    """One step (AWS Secrets Manager documentation, rotation by Lambda function)."""
    _rotation.run(event["Step"], secret=event["SecretId"], version=event["ClientRequestToken"])
