"""ports.AuditRoots in S3, in a bucket whose objects nobody can alter or remove for years (Object Lock)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from pydantic import TypeAdapter

from algotrading.contracts.operator import KeptHeads, keep_heads, known_heads
from algotrading.domain.audit import AuditHead

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PREFIX: Final = "audit/heads/"
_LOOKED_BACK: Final = timedelta(days=60)
_HEADS: TypeAdapter[KeptHeads] = TypeAdapter(KeptHeads)


class S3AuditRoots:
    """One object for each verification, named by its instant, so that names sort as instants do."""

    def __init__(self, make_client: Callable[[], S3Client], bucket: str) -> None:
        self._make_client = make_client
        self._bucket = bucket

    def newest(self, now: datetime) -> Mapping[UUID, AuditHead]:
        """See ports.AuditRoots."""
        pages = (
            self._make_client()
            .get_paginator("list_objects_v2")
            .paginate(Bucket=self._bucket, Prefix=_PREFIX, StartAfter=_name(now - _LOOKED_BACK))
        )
        names = [each["Key"] for page in pages for each in page.get("Contents", ())]
        if not names:
            return {}
        content = self._make_client().get_object(Bucket=self._bucket, Key=max(names))["Body"].read()
        return known_heads(_HEADS.validate_json(content))

    def keep(self, heads: Mapping[UUID, AuditHead], now: datetime) -> None:
        """See ports.AuditRoots. The checksum is what a bucket with Object Lock asks for."""
        self._make_client().put_object(
            Bucket=self._bucket,
            Key=_name(now),
            Body=_HEADS.dump_json(keep_heads(heads)),
            ContentType="application/json",
            ChecksumAlgorithm="SHA256",
        )


def _name(instant: datetime) -> str:
    return f"{_PREFIX}{instant:%Y-%m-%dT%H-%M-%SZ}.json"
