"""Bodies of /broker/accounts."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from algotrading.contracts.api_broker import BrokerView
from algotrading.contracts.api_common import Answer, Instant, RequestBody, Storable
from algotrading.domain.named_accounts import LONGEST_NAME, mixes_alphabets


def _one_line(value: str) -> str:
    # It stands in notices.
    if not value.isprintable():
        raise PydanticCustomError("text", "must be one line of text")
    return value


def _composed(value: object) -> object:
    # Before it is measured: one letter, however it was typed.
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


def _one_alphabet(value: str) -> str:
    if mixes_alphabets(value):
        raise PydanticCustomError("text", "must not mix Latin, Greek and Cyrillic letters, which look alike")
    return value


AccountName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME),
    Storable,
    AfterValidator(_one_line),
    AfterValidator(_one_alphabet),
    # The last is the first to be called.
    BeforeValidator(_composed),
]


def _is_true(value: object) -> object:
    # A literal takes 1 as well.
    if value is not True:
        raise PydanticCustomError("true", "must be true: another account becomes the default instead")
    return value


_Chosen = Annotated[Literal[True], BeforeValidator(_is_true)]


class OpenAccountRequest(RequestBody):
    """One more broker account, to connect a broker in."""

    name: AccountName = Field(description="What you call it", examples=["HUF"])


class ChangeAccountRequest(RequestBody):
    """What is to change of a broker account; what is left out stays as it is."""

    name: AccountName | None = Field(default=None, description="What you call it from now on", examples=["HUF"])
    is_default: _Chosen | None = Field(
        default=None,
        description="Mean this account wherever a request names none. Strategies stay in the account they are in; the "
        "account that was the default before is not any more",
    )


class BrokerAccountView(Answer):
    """One of the caller's broker accounts."""

    account_id: UUID
    name: str
    is_default: bool = Field(description="Whether it is meant where a request names none")
    etag: str = Field(
        description="The account's state, name and default: for the If-Match of what changes or removes it",
        examples=['"7d1f0c3e9a5b2c64"'],
    )
    strategies: int = Field(description="How many are in it, running or not")
    created_at: Instant
    connection: BrokerView | None = Field(description="As GET /broker shows it; null: no broker is connected in it")


class BrokerAccountList(Answer):
    """The caller's broker accounts, oldest first."""

    accounts: list[BrokerAccountView]


class BrokerAccountRemoved(Answer):
    """It is there no more; its orders stay on record."""

    account_id: UUID
    status: Literal["removed"] = "removed"
