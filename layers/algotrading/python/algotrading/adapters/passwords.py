"""Password hashing with Argon2id."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type, hash_secret_raw

from algotrading.domain.passwords import normal_form

_DERIVED_BYTES = 32


class Argon2Passwords:
    """Argon2id with the parameters of the OWASP Password Storage Cheat Sheet (19 MiB, two passes, one
    lane): sized for a small function, and stored inside each hash, so they can grow later."""

    def __init__(self, *, memory_kib: int = 19 * 1024, passes: int = 2) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1, type=Type.ID)
        self._nobody: str | None = None
        self._memory_kib, self._passes = memory_kib, passes

    def hash(self, password: str) -> str:
        """A salted hash for storing, of the password's normal form."""
        return self._hasher.hash(normal_form(password))

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether they belong together. Without a hash (an unknown e-mail) the same work is done against
        one that nothing matches, so that the answer's timing does not say which e-mails are known. It is tried in its
        normal form, and as it was typed where that is another: so it was hashed at first."""
        self._nobody = self._nobody or self._hasher.hash("")
        forms = dict.fromkeys((normal_form(password), password))
        is_right = any(self._verify(password_hash or self._nobody, form) for form in forms)
        return is_right and password_hash is not None

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def derive(self, secret: str, salt: bytes) -> bytes:
        """See ports.Passwords. The parameters are not stored beside it: whoever changes them ends what was derived."""
        return hash_secret_raw(
            secret.encode(),
            salt,
            time_cost=self._passes,
            memory_cost=self._memory_kib,
            parallelism=1,
            hash_len=_DERIVED_BYTES,
            type=Type.ID,
        )
