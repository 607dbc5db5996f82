"""Bodies of /account/viewers and /account/shared."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from algotrading.contracts.api_auth import LinkToken
from algotrading.contracts.api_common import Answer, Instant, RequestBody, Storable

_EXAMPLE = "7f1f3c1e7b8a4a529c3b0a1b2c3d4e5f.d2hhdCBnb29kIHdvdWxkIGEgcmVhbCBvbmUgYmUgaGVyZT8"


class InviteViewerRequest(RequestBody):
    """Who is to read the account."""

    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60), Storable] = Field(
        description="What you call the viewer", examples=["My accountant"]
    )


class InvitationAnswer(Answer):
    """Hand the invitation on, by a way that only its receiver reads: whoever has it first may accept it, once."""

    grant_id: UUID
    invitation: str = Field(description="For POST /account/shared/accept; shown once", examples=[_EXAMPLE])
    expires_at: Instant


class ViewerView(Answer):
    """Somebody who was invited, and reads the account once they accepted."""

    grant_id: UUID
    name: str
    created_at: Instant
    expires_at: Instant | None = Field(description="Of an invitation that was not accepted yet")
    viewer_email: str | None = Field(description="Whose account accepted it; null before")
    accepted_at: Instant | None


class ViewersView(Answer):
    """Who reads the caller's account, the oldest invitation first."""

    viewers: list[ViewerView]


class ViewerRemovedAnswer(Answer):
    """Nothing is read by it any more."""

    grant_id: UUID


class AcceptInvitationRequest(RequestBody):
    """An invitation that its owner handed on."""

    invitation: LinkToken = Field(examples=[_EXAMPLE])


class SharedAccountView(Answer):
    """An account that the caller may read."""

    account_id: UUID = Field(description="What the header X-Account takes")
    owner_email: str
    accepted_at: Instant


class SharedAccountsView(Answer):
    """Every account that the caller may read beside their own."""

    accounts: list[SharedAccountView]


class SharedAccountLeftAnswer(Answer):
    """The caller does not read it any more."""

    account_id: UUID
