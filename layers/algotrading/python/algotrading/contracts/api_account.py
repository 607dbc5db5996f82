"""Bodies of /account/export and /account/delete."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from algotrading.contracts.api_auth import SecondFactorCode
from algotrading.contracts.api_common import Answer, RequestBody, Storable


class ExportView(Answer):
    """A page of everything that is kept of the caller."""

    sections: dict[str, list[dict[str, Any]]] = Field(
        description="Rows by section, as they are stored, but for instants, which are written as everywhere; a section"
        " may go on in the next page. `record` of the audit trail is the very text that its hash is of"
    )
    next_cursor: str | None


class DeleteAccountRequest(RequestBody):
    """Cannot be undone, so the password is asked for again."""

    password: Annotated[str, StringConstraints(min_length=1, max_length=128), Storable] = Field(
        examples=["a long passphrase"]
    )
    code: SecondFactorCode | None = Field(
        default=None, description="Of the authenticator app, or a recovery code, where a second factor is on"
    )


class AccountDeletedAnswer(Answer):
    """Nobody can log in to it any more."""

    status: Literal["deleted"] = "deleted"
