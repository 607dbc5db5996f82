"""ports.Vault: envelope encryption, AES-256-GCM under KMS data keys.

An envelope is base64 of: version (1 byte), length of the wrapped key (2), wrapped key, nonce (12),
ciphertext with its tag. The data key is bound to the user by KMS's encryption context; the
ciphertext is bound to the user and to its field's name by the authenticated data.
"""

from __future__ import annotations

import base64
import json
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.domain.errors import AccessDenied

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

_VERSION = 1
_NONCE_BYTES = 12
BROKER_CREDENTIALS = "broker-credentials"
SECOND_FACTOR = "second-factor"
WEBHOOK = "webhook"
_KEPT_SECONDS = 300.0
_KEPT_KEYS = 256
_UNAVAILABLE = {"ThrottlingException", "KMSInternalException", "DependencyTimeoutException", "LimitExceededException"}


class KmsVault:
    """Seals and opens secrets of one user at a time. Opened data keys are kept in memory for five
    minutes, each for its own user only."""

    def __init__(
        self,
        client: KMSClient,
        key_id: str,
        *,
        purpose: str = BROKER_CREDENTIALS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`purpose`: what is sealed for one opens under no other, and permissions may be bound to one."""
        self._client = client
        self._key_id = key_id
        self._purpose = purpose
        self._monotonic = monotonic
        self._kept: OrderedDict[tuple[UUID, bytes], tuple[float, bytes]] = OrderedDict()

    def seal(self, user_id: UUID, secrets: Mapping[str, str]) -> dict[str, str]:
        """See ports.Vault."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        made = self._client.generate_data_key(
            KeyId=self._key_id, KeySpec="AES_256", EncryptionContext=self._context(user_id)
        )
        wrapped, cipher = made["CiphertextBlob"], AESGCM(made["Plaintext"])
        header = bytes([_VERSION]) + len(wrapped).to_bytes(2, "big") + wrapped
        sealed = {}
        for name, value in secrets.items():
            nonce = os.urandom(_NONCE_BYTES)
            ciphertext = cipher.encrypt(nonce, value.encode(), self._authenticated(user_id, name))
            sealed[name] = base64.b64encode(header + nonce + ciphertext).decode()
        return sealed

    def unseal(self, user_id: UUID, sealed: Mapping[str, str]) -> dict[str, str]:
        """See ports.Vault."""
        return {name: self._open(user_id, name, envelope) for name, envelope in sealed.items()}

    def _open(self, user_id: UUID, name: str, envelope: str) -> str:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            wrapped, nonce, ciphertext = _split(base64.b64decode(envelope, validate=True))
            cipher = AESGCM(self._data_key(user_id, wrapped))
            return cipher.decrypt(nonce, ciphertext, self._authenticated(user_id, name)).decode()
        except (ValueError, InvalidTag) as error:
            raise AccessDenied("this envelope cannot be opened") from error

    def _data_key(self, user_id: UUID, wrapped: bytes) -> bytes:
        identity, now = (user_id, wrapped), self._monotonic()
        kept = self._kept.get(identity)
        if kept is None or now - kept[0] >= _KEPT_SECONDS:
            kept = (now, self._unwrap(user_id, wrapped))
            self._kept[identity] = kept
            self._kept.move_to_end(identity)
            if len(self._kept) > _KEPT_KEYS:
                self._kept.popitem(last=False)
        return kept[1]

    def _unwrap(self, user_id: UUID, wrapped: bytes) -> bytes:
        from botocore.exceptions import ClientError

        try:
            return self._client.decrypt(
                KeyId=self._key_id, CiphertextBlob=wrapped, EncryptionContext=self._context(user_id)
            )["Plaintext"]
        except ClientError as error:
            # A service that is busy has refused nothing: that must not look like a forged envelope.
            if error.response["Error"]["Code"] in _UNAVAILABLE:
                raise
            raise AccessDenied("this envelope cannot be opened") from error

    def _context(self, user_id: UUID) -> dict[str, str]:
        return {"user_id": str(user_id), "purpose": self._purpose}

    def _authenticated(self, user_id: UUID, name: str) -> bytes:
        return json.dumps({**self._context(user_id), "field": name}, sort_keys=True).encode()


def _split(blob: bytes) -> tuple[bytes, bytes, bytes]:
    if len(blob) < 3 or blob[0] != _VERSION:
        raise ValueError("not an envelope of a known version")
    end_of_key = 3 + int.from_bytes(blob[1:3], "big")
    wrapped = blob[3:end_of_key]
    nonce = blob[end_of_key : end_of_key + _NONCE_BYTES]
    if not wrapped or len(nonce) < _NONCE_BYTES:
        raise ValueError("a truncated envelope")
    return wrapped, nonce, blob[end_of_key + _NONCE_BYTES :]
