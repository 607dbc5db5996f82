"""Our bearer tokens: JSON Web Tokens under EdDSA (RFC 8037), signed with a key that is derived from a secret; and which
refresh token follows which, by another key of the same secret.

The secret has a current value and, for some hours after a rotation, the one before: tokens are signed under the
current one, and taken under either, told apart by `kid`. So a rotation logs nobody out, and a second one takes every
token of the first key out of use at once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from uuid import UUID

import jwt

from algotrading.domain.errors import TokenExpired, TokenInvalid
from algotrading.domain.logins import Bearer
from algotrading.ports import Clock

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_ISSUER = "algotrading"
_ALGORITHM = "EdDSA"
_CLAIMS = ["iss", "aud", "sub", "iat", "exp"]
_OTP = "otp"
_ACCOUNT = "broker_account"
"""A claim of our own: which broker account a login at the broker is for."""
_DERIVED_FOR = b"algotrading bearer tokens, Ed25519, 1"
_SUCCESSORS_DERIVED_FOR = b"algotrading refresh tokens, HMAC-SHA-256, 1"


class JwtTokens:
    """Signs and checks tokens. Times are checked against our own clock, not inside the library."""

    def __init__(self, secrets: Callable[[bool], Sequence[str]], clock: Clock) -> None:
        """`secrets`: the current value first; asked at each use, may cache. With True a token has come whose key is not
        among them: it may have been signed with a value that is newer than the cached one."""
        self._secrets = secrets
        self._clock = clock

    def keys_in_use(self) -> tuple[str, ...]:
        """Names of the keys whose tokens are taken, the one that signs first."""
        return tuple(signing_key(secret)[1] for secret in self._secrets(False))

    def issue(
        self,
        user_id: UUID,
        *,
        audience: str,
        lifetime: timedelta,
        second_factor: bool = False,
        device_id: UUID | None = None,
        account_id: UUID | None = None,
    ) -> str:
        """See ports.Tokens."""
        now = self._clock.now()
        claims = {
            "iss": _ISSUER,
            "aud": audience,
            "sub": str(user_id),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
            # How the login was made (RFC 8176).
            "amr": ["pwd", _OTP] if second_factor else ["pwd"],
            **({} if device_id is None else {"sid": str(device_id)}),
            **({} if account_id is None else {_ACCOUNT: str(account_id)}),
        }
        key, kid = signing_key(self._secrets(False)[0])
        return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"kid": kid})

    def verify(self, token: str, *, audience: str) -> UUID:
        """See ports.Tokens."""
        return self.read(token, audience=audience).user_id

    def read(self, token: str, *, audience: str) -> Bearer:
        """What a good token says.

        Raises:
            TokenExpired: it was ours and is over.
            TokenInvalid: it is anything else but a good one.
        """
        try:
            claims = jwt.decode(
                token,
                self._public_key(jwt.get_unverified_header(token).get("kid")),
                algorithms=[_ALGORITHM],
                audience=audience,
                issuer=_ISSUER,
                options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            user_id, expires = UUID(claims["sub"]), int(claims["exp"])
            methods, session = claims.get("amr", []), claims.get("sid")
            device_id = None if session is None else UUID(session)
            account_id = UUID(claims[_ACCOUNT]) if _ACCOUNT in claims else None
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
            raise TokenInvalid("this token is not one of ours") from error
        if self._clock.now().timestamp() >= expires:
            raise TokenExpired("this token has expired: log in again")
        has_second_factor = isinstance(methods, list) and _OTP in methods
        return Bearer(user_id, has_second_factor=has_second_factor, device_id=device_id, account_id=account_id)

    def successor(self, of: str) -> str:
        """See ports.Tokens. Its 256 bits are as good as random to whoever does not have both `of` and the secret
        (HMAC, RFC 2104). Under another secret it is another one: while a rotation is taken up, some minutes in a
        quarter, a repetition may bring a second successor."""
        digest = hmac.digest(_successor_key(self._secrets(False)[0]), of.encode(), "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _public_key(self, kid: object) -> Ed25519PublicKey:
        for is_unknown in (False, True):
            for secret in self._secrets(is_unknown):
                key, its_kid = signing_key(secret)
                if its_kid == kid:
                    return key.public_key()
        raise TokenInvalid("this token was signed with a key that is not in use")


@lru_cache(maxsize=8)
def signing_key(secret: str) -> tuple[Ed25519PrivateKey, str]:
    """The key that is derived from a secret, and its name: a digest of the public half."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(_derive(secret, _DERIVED_FOR))
    digest = hashlib.sha256(key.public_key().public_bytes_raw()).digest()
    return key, base64.urlsafe_b64encode(digest[:9]).decode()


@lru_cache(maxsize=8)
def _successor_key(secret: str) -> bytes:
    return _derive(secret, _SUCCESSORS_DERIVED_FOR)


def _derive(secret: str, purpose: bytes) -> bytes:
    """32 bytes for one purpose alone (HKDF, RFC 5869): nothing that is made with them says anything of the others."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(secret.encode())
