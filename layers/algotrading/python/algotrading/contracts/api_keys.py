"""Bodies of /account/keys."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from algotrading.contracts.api_auth import SecondFactorCode
from algotrading.contracts.api_common import Answer, Instant, RequestBody, Storable
from algotrading.domain.api_keys import LONGEST, Scope


def _read_scope(value: object) -> Scope:
    if isinstance(value, str) and value in set(Scope):
        return Scope(value)
    raise PydanticCustomError("scope", "must be one of {scopes}", {"scopes": ", ".join(Scope)})


def _once_each(value: list[Scope]) -> list[Scope]:
    if len(set(value)) != len(value):
        raise PydanticCustomError("scopes", "must name each scope once")
    return value


GivenScope = Annotated[Scope, BeforeValidator(_read_scope)]


class CreateKeyRequest(RequestBody):
    """What a program is to be let do, and for how long."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), Storable] = Field(
        description="What you call the program", examples=["My spreadsheet"]
    )
    scopes: Annotated[list[GivenScope], Field(min_length=1, max_length=3), AfterValidator(_once_each)] = Field(
        description="`read` what the account trades; `strategies:write` create, change, start, stop; `risk:write`"
        " limits and the kill switch. One does not bring another",
        examples=[["read"]],
        json_schema_extra={"uniqueItems": True},
    )
    expires_in_days: Annotated[int, Field(ge=1, le=LONGEST.days)] = Field(default=90, examples=[90])
    code: SecondFactorCode = Field(description="Of the authenticator app, or a recovery code", examples=["492039"])


class ApiKeyView(Answer):
    """A key, without what could be used as one."""

    key_id: UUID
    name: str
    scopes: list[Scope]
    created_at: Instant
    expires_at: Instant
    last_used_at: Instant | None = Field(description="To the minute; null: never")
    is_alive: bool = Field(description="False once it has expired")


class ApiKeysView(Answer):
    """The caller's keys, the oldest first."""

    keys: list[ApiKeyView]


class NewKeyAnswer(ApiKeyView):
    """The new key. Keep it as safe as a password."""

    key: str = Field(description="For `Authorization: Bearer ...`; shown once")


class KeyRevokedAnswer(Answer):
    """It opens nothing any more."""

    key_id: UUID
