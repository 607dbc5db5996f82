"""A new signing key in the place of the old one, by the four steps of a rotation in Secrets Manager.

Each step may come again, after itself or after the others, and then changes nothing. The version that is replaced stays
readable as the one before (AWSPREVIOUS), which is how tokens of both keys are taken for a while (adapters/secrets.py).
"""

from __future__ import annotations

import json
import logging
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from algotrading.adapters.tokens import JwtTokens
from algotrading.ports import Clock

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

logger = logging.getLogger(__name__)

_CURRENT, _PENDING = "AWSCURRENT", "AWSPENDING"
_KEY_BYTES = 32
_FRESH = timedelta(hours=1)
"""How old a key may be when it begins to sign. Tokens of the one before are taken for a time that is counted from when
the new key was made (adapters/secrets.py): by so much longer than any token lives, and no more."""
_NOBODY = UUID(int=0)


class RotationFailed(Exception):
    """The key in use stays. The message says why, and holds no key."""


class SigningKeyRotation:
    """Rotates one secret of the form {"key"}, and no other."""

    def __init__(self, client: SecretsManagerClient, secret: str, clock: Clock) -> None:
        """`secret` is its ARN."""
        self._client = client
        self._secret = secret
        self._clock = clock

    def run(self, step: str, *, secret: str, version: str) -> None:
        """Carry out one step of the rotation that is to make `version` the current one.

        Raises:
            RotationFailed: it cannot be done; nothing is changed then but a version that waits.
        """
        steps = {
            "createSecret": self._create,
            "setSecret": self._set,
            "testSecret": self._test,
            "finishSecret": self._finish,
        }
        if secret != self._secret:
            raise RotationFailed("this is not the secret that this function rotates")
        if step not in steps:
            raise RotationFailed(f"a rotation has no step {step[:40]!r}")
        stages = self._stages()
        if version not in stages:
            raise RotationFailed("this version is not prepared for a rotation")
        if _CURRENT in stages[version]:
            logger.info("%s: this version is the current one already", step)
            return
        if _PENDING not in stages[version]:
            raise RotationFailed("this version does not wait for a rotation")
        steps[step](version)

    def _create(self, version: str) -> None:
        if self._pending(version) is not None:
            logger.info("createSecret: this version has its key already")
            return
        document = {**self._current(), "key": secrets.token_hex(_KEY_BYTES)}
        try:
            self._client.put_secret_value(
                SecretId=self._secret,
                ClientRequestToken=version,
                SecretString=json.dumps(document),
                VersionStages=[_PENDING],
            )
        except self._client.exceptions.ResourceExistsException:
            logger.info("createSecret: another run has made its key meanwhile")

    def _set(self, version: str) -> None:
        """Nobody else is to be told of the key: whoever signs or checks reads it here."""

    def _test(self, version: str) -> None:
        """Sign and check as functions will, with both keys; a version without a good one never becomes the current.

        When a schedule is set up, Secrets Manager calls this step alone, upon a copy of what is current.
        """
        new, old = self._key(self._pending(version)), self._key(self._current())
        before, after = JwtTokens(lambda _: [old], self._clock), JwtTokens(lambda _: [new, old], self._clock)
        for signer in (before, after):
            token = signer.issue(_NOBODY, audience="rotation", lifetime=timedelta(minutes=1))
            if after.verify(token, audience="rotation") != _NOBODY:
                raise RotationFailed("a token that was signed is not taken")

    def _finish(self, version: str) -> None:
        self._key(self._pending(version))
        if self._clock.now() - self._made_at(version) > _FRESH:
            # Given up, so that the next rotation is not taken for this one going on.
            self._client.update_secret_version_stage(
                SecretId=self._secret, VersionStage=_PENDING, RemoveFromVersionId=version
            )
            raise RotationFailed("the new key has waited too long: tokens of the old one would end at once; start anew")
        [current] = (each for each, stages in self._stages().items() if _CURRENT in stages)
        self._client.update_secret_version_stage(
            SecretId=self._secret, VersionStage=_CURRENT, MoveToVersionId=version, RemoveFromVersionId=current
        )
        logger.info("finishSecret: the new key signs from now on")

    def _stages(self) -> dict[str, list[str]]:
        return dict(self._client.describe_secret(SecretId=self._secret)["VersionIdsToStages"])

    def _current(self) -> dict[str, Any]:
        return dict(
            json.loads(self._client.get_secret_value(SecretId=self._secret, VersionStage=_CURRENT)["SecretString"])
        )

    def _pending(self, version: str) -> dict[str, Any] | None:
        """None: the version is prepared, and still empty."""
        try:
            found = self._client.get_secret_value(SecretId=self._secret, VersionId=version, VersionStage=_PENDING)
        except self._client.exceptions.ResourceNotFoundException:
            return None
        return dict(json.loads(found["SecretString"])) if found.get("SecretString") else None

    def _made_at(self, version: str) -> datetime:
        return self._client.get_secret_value(SecretId=self._secret, VersionId=version)["CreatedDate"]

    def _key(self, document: dict[str, Any] | None) -> str:
        key = None if document is None else document.get("key")
        if not isinstance(key, str) or len(key) < _KEY_BYTES:
            raise RotationFailed("this version holds no key that tokens could be signed with")
        return key
