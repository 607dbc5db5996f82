"""Secrets Manager, read through a cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_KEPT_SECONDS = 300.0


class SecretReader:
    """Reads secrets that hold JSON objects. A value is kept for five minutes, within which a rotation
    leaves the previous value valid."""

    def __init__(self, client: SecretsManagerClient, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}

    def json(self, arn: str) -> dict[str, Any]:
        """The secret's current value."""
        now = self._monotonic()
        kept = self._kept.get(arn)
        if kept is None or now - kept[0] >= _KEPT_SECONDS:
            kept = (now, json.loads(self._client.get_secret_value(SecretId=arn)["SecretString"]))
            self._kept[arn] = kept
        return dict(kept[1])
