"""Secrets Manager, read through a cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

_KEPT_SECONDS = 300.0
_DOUBTED_SECONDS = 10.0


class SecretReader:
    """Reads secrets that hold JSON objects. A value is kept for five minutes, within which a rotation
    leaves the previous value valid."""

    def __init__(self, client: SecretsManagerClient, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._monotonic = monotonic
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}
        self._generations: dict[str, tuple[float, list[dict[str, Any]]]] = {}

    def json(self, arn: str) -> dict[str, Any]:
        """The secret's current value."""
        now = self._monotonic()
        kept = self._kept.get(arn)
        if kept is None or now - kept[0] >= _KEPT_SECONDS:
            kept = (now, json.loads(self._client.get_secret_value(SecretId=arn)["SecretString"]))
            self._kept[arn] = kept
        return dict(kept[1])

    def generations(self, arn: str, *, is_doubted: bool = False) -> list[dict[str, Any]]:
        """The current value, and the one before where there was one. When it `is_doubted` that what is kept is still
        true, it is read again after ten seconds already: whoever doubts for nothing causes no more reads than that."""
        now = self._monotonic()
        kept = self._generations.get(arn)
        if kept is None or now - kept[0] >= (_DOUBTED_SECONDS if is_doubted else _KEPT_SECONDS):
            kept = (now, [json.loads(text) for text in self._texts(arn)])
            self._generations[arn] = kept
        return [dict(each) for each in kept[1]]

    def _texts(self, arn: str) -> Iterator[str]:
        yield self._client.get_secret_value(SecretId=arn)["SecretString"]
        try:
            yield self._client.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS")["SecretString"]
        except self._client.exceptions.ResourceNotFoundException:
            # It was never changed.
            return
