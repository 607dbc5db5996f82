"""A user's second factor: set up, confirm, ask for, take away."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote, urlencode
from uuid import UUID

from algotrading.domain.errors import AuthenticationFailed, Conflict, SecondFactorNeeded
from algotrading.domain.mail import PRODUCT
from algotrading.domain.second_factor import (
    RECOVERY_CODES,
    RECOVERY_SALT_BYTES,
    STEP_SECONDS,
    SecondFactor,
    is_digits,
    read_recovery,
    steps_around,
    unsalted_hash,
)
from algotrading.ports import Clock, Passwords, SecondFactors, Vault

_SECRET_BYTES = 20
"""As long as the hash of HMAC-SHA-1, which every authenticator app speaks (RFC 4226, section 4)."""
_FIELD = "totp_secret"
_WRONG = "the code is not right, or was used before"
_USED = "these digits were used already: wait for the next ones that your app shows"
_NEEDED = (
    "the code of your authenticator app is needed, too, or a recovery code: if you have neither, whoever runs the"
    " service can take the second factor away"
)


@dataclass(frozen=True, slots=True, repr=False)
class Enrolment:
    """What an authenticator app is given, once. `repr` shows nothing of it."""

    secret: str
    """Base32, for typing."""
    uri: str
    """For a QR code (Google Authenticator's key URI format)."""

    def __repr__(self) -> str:
        return "Enrolment(hidden)"


@dataclass(frozen=True, slots=True)
class SecondFactorKeeper:
    """Keeps second factors, and judges codes."""

    factors: SecondFactors
    vault: Vault
    clock: Clock
    passwords: Passwords

    def is_on(self, user_id: UUID) -> bool:
        """Whether the user's logins need a code."""
        factor = self.factors.find(user_id)
        return factor is not None and factor.is_on

    def recovery_left(self, user_id: UUID) -> int | None:
        """How many recovery codes are not used up; None where no second factor is on."""
        return self.factors.recovery_left(user_id) if self.is_on(user_id) else None

    def begin(self, user_id: UUID, email: str) -> Enrolment:
        """A new secret, which counts once it is confirmed; one that was never confirmed is forgotten.

        Raises:
            Conflict: a second factor is on.
        """
        secret = base64.b32encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        sealed = self.vault.seal(user_id, {_FIELD: secret})[_FIELD]
        salt = secrets.token_bytes(RECOVERY_SALT_BYTES)
        self.factors.begin(SecondFactor(user_id, sealed, self.clock.now(), recovery_salt=salt))
        label = quote(f"{PRODUCT}:{email}")
        return Enrolment(secret, f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': PRODUCT})}")

    def confirm(self, user_id: UUID, code: str) -> Sequence[str]:
        """From now on logins need it. Answers the recovery codes, which nobody can show again.

        Raises:
            AuthenticationFailed: the code is not the phone's.
            Conflict: nothing waits for a confirmation, or another one was begun meanwhile.
        """
        factor = self.factors.find(user_id)
        if factor is None or factor.is_on:
            raise Conflict("there is no second factor to confirm")
        step = self._step_of(factor, code)
        if step is None:
            raise AuthenticationFailed(_WRONG)
        codes = [f"{code[:5]}-{code[5:]}" for code in (secrets.token_hex(5) for _ in range(RECOVERY_CODES))]
        hashes = [each for each in (self._hash(factor, code) for code in codes) if each is not None]
        self.factors.confirm(factor, step, hashes, self.clock.now())
        return codes

    def remove(self, user_id: UUID, code: str, *, but: UUID | None = None) -> None:
        """Take it away; logins need the password alone, and every one `but` that ends. Raises SecondFactorNeeded,
        AuthenticationFailed."""
        self.check(user_id, code)
        self.factors.remove(user_id, self.clock.now(), but=but)

    def check(self, user_id: UUID, code: str | None) -> bool:
        """Let pass who has no second factor, or shows it; which of the two. Digits are good once, and so is a recovery
        code. Ask whoever has shown the password alone: the words tell digits that were used from wrong ones.

        Raises:
            SecondFactorNeeded: it is on, and no code was given.
            AuthenticationFailed: the code is wrong, or was used before, which its owner is told, unless the second
                factor was switched on by these very digits.
        """
        factor = self.factors.find(user_id)
        if factor is None or not factor.is_on:
            return False
        if code is None:
            raise SecondFactorNeeded(_NEEDED)
        step = self._step_of(factor, code) if is_digits(code) else None
        if step is not None:
            if self.factors.use_step(user_id, step):
                return True
            # Who has just switched it on may well try the digits that the phone shows still.
            if step != factor.confirmed_step:
                self.factors.note_reuse(user_id, self.clock.now())
            raise AuthenticationFailed(_USED)
        code_hash = self._hash(factor, code)
        if code_hash is not None and self.factors.use_recovery(user_id, code_hash, self.clock.now()):
            return True
        raise AuthenticationFailed(_WRONG)

    def _hash(self, factor: SecondFactor, code: str) -> bytes | None:
        """What is stored of a recovery code of this set; None for what cannot be one. As slow as a password's hash:
        whoever has the hashes cannot try all 40 bits."""
        recovery = read_recovery(code)
        if recovery is None or factor.recovery_salt is None:
            return None if recovery is None else unsalted_hash(recovery)
        return self.passwords.derive(recovery, factor.recovery_salt)

    def _step_of(self, factor: SecondFactor, code: str) -> int | None:
        """The latest step whose digits these are, among those that are taken now, whether they were used or not."""
        secret = base64.b32decode(self.vault.unseal(factor.user_id, {_FIELD: factor.sealed_secret})[_FIELD])
        for step in reversed(steps_around(self.clock.now())):
            if secrets.compare_digest(digits_of(secret, step).encode(), code.encode()):
                return step
        return None


def digits_of(secret: bytes, step: int) -> str:
    """What an authenticator app shows in a step."""
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    # RFC 6238's own hash; nothing that is weak in SHA-1 weakens HMAC-SHA-1 here.
    totp = TOTP(secret, 6, SHA1(), STEP_SECONDS, enforce_key_length=False)  # noqa: S303
    return totp.generate(step * STEP_SECONDS).decode()
