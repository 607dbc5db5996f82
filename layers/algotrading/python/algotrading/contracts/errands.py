"""What the function of account mails is asked for, through its queue. No message holds a secret: links are made by
whoever sends them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class ResetPasswordErrand(BaseModel):
    """Send a link for a new password to whoever has an account with this e-mail; to nobody where there is none."""

    model_config = _FROZEN

    kind: Literal["reset_password"] = "reset_password"
    email: str


class VerifyEmailErrand(BaseModel):
    """Send a link that verifies the account's e-mail."""

    model_config = _FROZEN

    kind: Literal["verify_email"] = "verify_email"
    user_id: UUID


Errand = Annotated[ResetPasswordErrand | VerifyEmailErrand, Field(discriminator="kind")]

_ERRAND: TypeAdapter[Errand] = TypeAdapter(Errand)


def read_errand(text: str) -> Errand:
    """A message of the queue. Raises pydantic.ValidationError."""
    return _ERRAND.validate_json(text)
