"""Secrets Manager, read through a cache."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from algotrading.adapters.clock import SystemClock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueResponseTypeDef

_KEPT_SECONDS = 300.0
_DOUBTED_SECONDS = 10.0


@dataclass(frozen=True, slots=True, repr=False)
class _Version:
    """A value of a secret, and when it was made."""

    value: dict[str, Any]
    made_at: datetime


def _version(found: GetSecretValueResponseTypeDef) -> _Version:
    return _Version(json.loads(found["SecretString"]), found["CreatedDate"])


class SecretReader:
    """Reads secrets that hold JSON objects. A value is kept for five minutes, within which a rotation
    leaves the previous value valid."""

    def __init__(
        self,
        client: SecretsManagerClient,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._client = client
        self._monotonic = monotonic
        self._now = now or SystemClock().now
        self._kept: dict[str, tuple[float, dict[str, Any]]] = {}
        self._generations: dict[str, tuple[float, list[_Version]]] = {}

    def json(self, arn: str) -> dict[str, Any]:
        """The secret's current value."""
        now = self._monotonic()
        kept = self._kept.get(arn)
        if kept is None or now - kept[0] >= _KEPT_SECONDS:
            kept = (now, json.loads(self._client.get_secret_value(SecretId=arn)["SecretString"]))
            self._kept[arn] = kept
        return dict(kept[1])

    def generations(self, arn: str, *, overlap: timedelta, is_doubted: bool = False) -> list[dict[str, Any]]:
        """The current value and, for as long as `overlap` after it was made, the one before. When it `is_doubted` that
        what is kept is still true, it is read again after ten seconds already: whoever doubts for nothing causes no
        more reads than that."""
        now = self._monotonic()
        kept = self._generations.get(arn)
        if kept is None or now - kept[0] >= (_DOUBTED_SECONDS if is_doubted else _KEPT_SECONDS):
            kept = (now, list(self._versions(arn)))
            self._generations[arn] = kept
        current, *before = kept[1]
        overlaps = self._now() - current.made_at < overlap
        return [dict(each.value) for each in (current, *(before if overlaps else ()))]

    def _versions(self, arn: str) -> Iterator[_Version]:
        yield _version(self._client.get_secret_value(SecretId=arn, VersionStage="AWSCURRENT"))
        try:
            yield _version(self._client.get_secret_value(SecretId=arn, VersionStage="AWSPREVIOUS"))
        except self._client.exceptions.ResourceNotFoundException:
            # It was never changed.
            return
