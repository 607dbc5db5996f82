"""Bodies of /auth and /account."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from algotrading.contracts.api_broker import BrokerSummary
from algotrading.contracts.api_common import Answer, Instant, RequestBody, Storable

_LONGEST_PASSWORD = 128
"""Hashing a megabyte would be a way to keep the function busy."""


def _look_like_email(value: str) -> str:
    local, at, domain = value.rpartition("@")
    plain = value.isascii() and value.isprintable() and " " not in value
    if not (at and local and plain and "@" not in local and "." in domain.strip(".")):
        raise PydanticCustomError("email", "must be an e-mail address")
    return value


Email = Annotated[str, StringConstraints(min_length=3, max_length=254), AfterValidator(_look_like_email)]


class RegisterRequest(RequestBody):
    """Open an account."""

    email: Email = Field(examples=["user@gmail.com"])
    password: Annotated[str, StringConstraints(min_length=6, max_length=_LONGEST_PASSWORD), Storable] = Field(
        description="Six to 128 characters", examples=["pass123"]
    )


class RegisterAnswer(Answer):
    """The new account, logged in."""

    user_id: UUID
    token: str = Field(description="Bearer token, valid for twelve hours")


class LoginRequest(RequestBody):
    """Log in."""

    email: Annotated[str, StringConstraints(max_length=254), Storable] = Field(examples=["user@gmail.com"])
    password: Annotated[str, StringConstraints(max_length=_LONGEST_PASSWORD), Storable] = Field(examples=["pass123"])


class LoginAnswer(Answer):
    """A login."""

    token: str = Field(description="Bearer token, valid for twelve hours")


class AccountView(Answer):
    """The caller's own account."""

    user_id: UUID
    email: str
    created_at: Instant
    broker: BrokerSummary
