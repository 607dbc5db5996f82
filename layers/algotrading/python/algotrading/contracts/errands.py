"""What the functions that reach people are asked for, through their queues. No message holds a secret: links and codes
are made by whoever sends them."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter
from pydantic_core import from_json

from algotrading.domain.notifications import Channel

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class ResetPasswordErrand(BaseModel):
    """Send a link for a new password to whoever has an account with this e-mail; to nobody where there is none."""

    model_config = _FROZEN

    kind: Literal["reset_password"] = "reset_password"
    email: str


class RegistrationErrand(BaseModel):
    """Send the link that opens an account to the address that asked for one; where it has one, tell its owner."""

    model_config = _FROZEN

    kind: Literal["registration"] = "registration"
    user_id: UUID
    """Of the registration."""


class VerifyEmailErrand(BaseModel):
    """Send a link that verifies the account's e-mail."""

    model_config = _FROZEN

    kind: Literal["verify_email"] = "verify_email"
    user_id: UUID


class LoginsHeldUpErrand(BaseModel):
    """Tell whoever has an account with this e-mail that somebody guesses at its password."""

    model_config = _FROZEN

    kind: Literal["logins_held_up"] = "logins_held_up"
    email: str


class AccountDeletedErrand(BaseModel):
    """Tell an address that the account it had was deleted. The message is the last place that holds the address."""

    model_config = _FROZEN

    kind: Literal["account_deleted"] = "account_deleted"
    email: str


Errand = Annotated[
    ResetPasswordErrand | RegistrationErrand | VerifyEmailErrand | LoginsHeldUpErrand | AccountDeletedErrand,
    Field(discriminator="kind"),
]

_ERRAND: TypeAdapter[Errand] = TypeAdapter(Errand)


def read_errand(text: str) -> Errand:
    """A message of the queue. Raises pydantic.ValidationError."""
    return _ERRAND.validate_json(text)


# --- the function that delivers notices -----------------------------------------------------------


class NoticeErrand(BaseModel):
    """A notice has left the outbox: deliver it to its user's channels."""

    model_config = _FROZEN

    kind: Literal["notice"] = "notice"
    user_id: UUID
    notice_id: int


class DeliverErrand(BaseModel):
    """Try again what waits for one channel of a user."""

    model_config = _FROZEN

    kind: Literal["deliver"] = "deliver"
    user_id: UUID
    channel: Channel


class ChatCodeErrand(BaseModel):
    """Send a code to the chat that a user has named."""

    model_config = _FROZEN

    kind: Literal["chat_code"] = "chat_code"
    user_id: UUID


class SmsCodeErrand(BaseModel):
    """Send a code to the mobile number that a user has named, once: a queue may deliver this more than once, and each
    message costs money."""

    model_config = _FROZEN

    kind: Literal["sms_code"] = "sms_code"
    user_id: UUID
    named_at: AwareDatetime
    """When the number was named: a later one has an errand of its own."""


class PushTicket(BaseModel):
    """One phone's push that the push service took."""

    model_config = _FROZEN

    id: str
    token_hash: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class PushReceiptsErrand(BaseModel):
    """Ask the push service what became of pushes."""

    model_config = _FROZEN

    kind: Literal["push_receipts"] = "push_receipts"
    user_id: UUID
    tickets: list[PushTicket]
    looks: int = 1
    """How often it will have been asked with this."""


DeliveryErrand = Annotated[
    NoticeErrand | DeliverErrand | ChatCodeErrand | SmsCodeErrand | PushReceiptsErrand, Field(discriminator="kind")
]
AnyErrand = (
    ResetPasswordErrand
    | RegistrationErrand
    | VerifyEmailErrand
    | LoginsHeldUpErrand
    | AccountDeletedErrand
    | NoticeErrand
    | DeliverErrand
    | ChatCodeErrand
    | SmsCodeErrand
    | PushReceiptsErrand
)

_DELIVERY_ERRAND: TypeAdapter[DeliveryErrand] = TypeAdapter(DeliveryErrand)


class _Attribute(BaseModel):
    Value: str


class _TopicMessage(BaseModel):
    """What SNS wraps a message in for a queue (Amazon SNS developer guide, SQS subscriptions)."""

    Type: Literal["Notification"]
    MessageAttributes: dict[str, _Attribute]


def read_delivery_errand(text: str) -> DeliveryErrand:
    """A message of the notifier's queue: an errand of ours, or a notice that came through the topic.

    Raises:
        pydantic.ValidationError: it is neither.
    """
    if "Type" not in from_json(text):
        return _DELIVERY_ERRAND.validate_json(text)
    attributes = _TopicMessage.model_validate_json(text).MessageAttributes
    return NoticeErrand(user_id=UUID(attributes["user_id"].Value), notice_id=int(attributes["notice_id"].Value))
