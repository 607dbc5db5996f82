"""Our bearer tokens: JSON Web Tokens under HS256."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import jwt

from algotrading.domain.errors import TokenExpired, TokenInvalid
from algotrading.ports import Clock

_ISSUER = "algotrading"
_ALGORITHM = "HS256"
_CLAIMS = ["iss", "aud", "sub", "iat", "exp"]


class JwtTokens:
    """Signs and checks tokens. Times are checked against our own clock, not inside the library."""

    def __init__(self, key: Callable[[], str], clock: Clock) -> None:
        """`key` is asked at each use; it may cache."""
        self._key = key
        self._clock = clock

    def issue(self, user_id: UUID, *, audience: str, lifetime: timedelta) -> str:
        """A token that says who the user is."""
        now = self._clock.now()
        claims = {
            "iss": _ISSUER,
            "aud": audience,
            "sub": str(user_id),
            "iat": int(now.timestamp()),
            "exp": int((now + lifetime).timestamp()),
        }
        return jwt.encode(claims, self._key(), algorithm=_ALGORITHM)

    def verify(self, token: str, *, audience: str) -> UUID:
        """Whose token it is.

        Raises:
            TokenExpired: it was ours and is over.
            TokenInvalid: it is anything else but a good one.
        """
        try:
            claims = jwt.decode(
                token,
                self._key(),
                algorithms=[_ALGORITHM],
                audience=audience,
                issuer=_ISSUER,
                options={"require": _CLAIMS, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
            user_id, expires = UUID(claims["sub"]), int(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
            raise TokenInvalid("this token is not one of ours") from error
        if self._clock.now().timestamp() >= expires:
            raise TokenExpired("this token has expired: log in again")
        return user_id
