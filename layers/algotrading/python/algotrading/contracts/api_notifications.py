"""Bodies of /notifications."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from algotrading.contracts.api_common import Answer, Instant, RequestBody, Storable
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import Channel

ChannelName = Literal["email", "webhook", "telegram", "push", "sms"]
_MOST_IDS = 200
_PUSH_TOKEN = re.compile(r"Expo(nent)?PushToken\[[A-Za-z0-9_-]{1,100}\]", re.ASCII)


def _known_kind(value: str) -> str:
    if value not in set(NoticeKind):
        raise PydanticCustomError("kind", "must be a kind of notice: GET /notifications/preferences lists them")
    return value


def _push_token(value: str) -> str:
    if not _PUSH_TOKEN.fullmatch(value):
        raise PydanticCustomError("push_token", "must be what Expo's push service gave the app: ExponentPushToken[...]")
    return value


KindName = Annotated[str, StringConstraints(max_length=50), AfterValidator(_known_kind)]
NoticeId = Annotated[int, Field(ge=1, lt=2**53)]


class NoticeView(Answer):
    """One notice."""

    notice_id: int
    kind: str = Field(description="One of docs/notifications.md", examples=["bought"])
    text: str = Field(examples=["bought 10 at 3520.25 on average"])
    created_at: Instant
    strategy_id: UUID | None
    account_id: UUID | None = Field(
        description="The broker account that the strategy traded in; its name is in the text where you have several"
    )
    symbol: str | None
    read_at: Instant | None


class InboxView(Answer):
    """The newest first."""

    notices: list[NoticeView]
    unread: int = Field(description="Of the whole inbox, up to 1,000")
    next_cursor: int | None


class MarkReadRequest(RequestBody):
    """Which notices were read; all of them where nothing is named."""

    notice_ids: Annotated[list[NoticeId], Field(min_length=1, max_length=_MOST_IDS)] | None = Field(
        default=None, examples=[[4711]]
    )


class MarkReadAnswer(Answer):
    """How many of them were unread."""

    read: int


class DeliveryView(Answer):
    """One notice's way to one channel."""

    notice_id: int
    kind: str
    channel: ChannelName
    state: Literal["waiting", "delivered", "given_up"]
    attempts: int
    created_at: Instant
    ended_at: Instant | None = Field(description="When it had arrived, or was given up")
    next_try_at: Instant | None
    last_error: str | None = Field(description="What the channel answered last, other than taking it")


class DeliveriesView(Answer):
    """Of the newest notices first."""

    deliveries: list[DeliveryView]
    next_cursor: int | None


class ChannelView(Answer):
    """A way to the caller outside of the app."""

    status: Literal["on", "unconfirmed", "off"]
    target: str | None = Field(description="The address, the URL, the chat")


class PushView(Answer):
    """Pushes to the app on phones."""

    status: Literal["on", "off"]
    devices: list[UUID] = Field(description="Those that take them, as GET /auth/devices calls them")


class SmsView(Answer):
    """Text messages to the caller's mobile number."""

    status: Literal["on", "unconfirmed", "off", "unavailable"] = Field(
        description="`unavailable`: none are sent in this deployment"
    )
    target: str | None = Field(description="What is shown of the number", examples=["+91******3210"])


class PreferencesView(Answer):
    """Which kinds of notices go where. The inbox has them all."""

    kinds: dict[str, list[ChannelName]] = Field(examples=[{"bought": ["email", "webhook"]}])
    email: ChannelView
    webhook: ChannelView
    telegram: ChannelView
    push: PushView
    sms: SmsView


class PreferencesRequest(RequestBody):
    """The whole choice. Kinds that are left out go by default: everything by webhook; by mail, Telegram and push all
    but the steps on the way (`buy_accepted`, `partly_bought`, `sell_accepted`, `partly_sold`); by SMS the few that
    matter most (docs/notifications.md)."""

    kinds: dict[KindName, Annotated[list[ChannelName], Field(max_length=len(Channel))]] = Field(
        examples=[{"bought": ["email"], "buy_accepted": []}]
    )


class WebhookRequest(RequestBody):
    """Have notices posted there."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=500), Storable] = Field(
        description="HTTPS, port 443, a host of the public internet", examples=["https://hooks.example.com/trades"]
    )


class WebhookAnswer(Answer):
    """Notices are posted there from now on."""

    url: str
    secret: str = Field(description="Signs every message (standardwebhooks.com); shown this once")


class ChatRequest(RequestBody):
    """Have notices sent to a chat with the deployment's bot."""

    chat_id: Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,20}$")] = Field(
        description="As the bot's chat is numbered; start the chat first", examples=["123456789"]
    )


class ChatAnswer(Answer):
    """A code is on its way to the chat."""

    status: Literal["asked"] = "asked"


class ChatCodeRequest(RequestBody):
    """The code that has arrived in the chat."""

    code: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40), Storable] = Field(
        examples=["9f86d081884c7d65"]
    )


class SmsRequest(RequestBody):
    """Have notices sent to a mobile number."""

    number: Annotated[str, StringConstraints(min_length=1, max_length=30), Storable] = Field(
        description="With its country's code (E.164); without one it is a number of India",
        examples=["+919876543210"],
        repr=False,
    )


class SmsAnswer(Answer):
    """A code is on its way to the number."""

    status: Literal["asked"] = "asked"
    target: str = Field(description="What is shown of the number", examples=["+91******3210"])


class SmsCodeRequest(RequestBody):
    """The code that has arrived by SMS."""

    code: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{6}$")] = Field(examples=["204671"])


class PushRequest(RequestBody):
    """Have notices pushed to this phone."""

    token: Annotated[
        str,
        AfterValidator(_push_token),
        WithJsonSchema({"type": "string", "pattern": f"^{_PUSH_TOKEN.pattern}$"}),
    ] = Field(
        description="What Expo's push service gave the app on it",
        examples=["ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]"],
        repr=False,
    )


class ChannelStateAnswer(Answer):
    """Whether notices go there."""

    status: Literal["on", "off"]
