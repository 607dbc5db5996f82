"""Routes of notifications: the inbox, what becomes of deliveries, and which channels there are for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, get_args
from uuid import UUID

from aws_lambda_powertools.event_handler import Request, Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Query

from algotrading.contracts.api_notifications import (
    ChannelName,
    ChannelStateAnswer,
    ChannelView,
    ChatAnswer,
    ChatCodeRequest,
    ChatRequest,
    DeliveriesView,
    DeliveryView,
    InboxView,
    MarkReadAnswer,
    MarkReadRequest,
    NoticeView,
    PreferencesRequest,
    PreferencesView,
    PushRequest,
    PushView,
    SmsAnswer,
    SmsCodeRequest,
    SmsRequest,
    SmsView,
    WebhookAnswer,
    WebhookRequest,
)
from algotrading.domain.errors import (
    AlgotradingError,
    Conflict,
    EmailUnverified,
    LinkInvalid,
    NotFound,
    PreconditionFailed,
    RequestInvalid,
    TooManyTries,
)
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import Channel, DeliveryRecord, InboxNotice
from algotrading.domain.roles import Role
from algotrading.entrypoints.api.answers import BEARER, answers
from algotrading.entrypoints.http import admitted, caller, new_router
from algotrading.entrypoints.http_versions import seen_tag, tagged
from algotrading.services.notification_center import NotificationCenter, Preferences

_TAGS = ["Notifications"]
_LARGEST_PAGE = 200
_PAGE = 50
_ALL = MarkReadRequest()
Limit = Annotated[int, Query(ge=1, le=_LARGEST_PAGE)]
Cursor = Annotated[int | None, Query(ge=1, lt=2**53)]


class NotificationRoutes:
    """`services` is called at each request; the first call may build them."""

    def __init__(self, services: Callable[[], NotificationCenter]) -> None:
        self._services = services

    def router(self) -> Router:
        """These routes, for a door or for the document."""
        router = new_router()
        base = "/api/v1/notifications"

        router.get(base, **_described("My notices", "A page of the inbox", RequestInvalid))(self.show_inbox)
        router.post(f"{base}/read", **_described("Mark notices as read", "They are", RequestInvalid))(self.mark_read)
        router.get(
            f"{base}/deliveries", **_described("What became of deliveries", "A page of the log", RequestInvalid)
        )(self.show_deliveries)
        router.get(f"{base}/preferences", **_described("Which notices go where", "As it stands", NotFound))(
            self.show_preferences
        )
        router.put(
            f"{base}/preferences",
            **_described("Choose which notices go where", "Chosen", RequestInvalid, NotFound, PreconditionFailed),
        )(self.choose)
        self._add_channels(router, base)
        return router

    def _add_channels(self, router: Router, base: str) -> None:
        router.put(f"{base}/webhook", **_described("Set a webhook up", "It is on", RequestInvalid))(self.set_webhook)
        router.delete(f"{base}/webhook", **_described("Take the webhook away", "It is off", NotFound))(
            self.remove_webhook
        )
        router.put(
            f"{base}/telegram", **_described("Name a Telegram chat", "A code is sent", RequestInvalid, Conflict)
        )(self.set_chat)
        router.post(
            f"{base}/telegram/confirm",
            **_described("Confirm the Telegram chat", "It is on", RequestInvalid, LinkInvalid),
        )(self.confirm_chat)
        router.delete(f"{base}/telegram", **_described("Take the Telegram chat away", "It is off", NotFound))(
            self.remove_chat
        )
        router.put(
            f"{base}/sms",
            **_described(
                "Name a mobile number", "A code is sent", RequestInvalid, Conflict, EmailUnverified, TooManyTries
            ),
        )(self.set_number)
        router.post(
            f"{base}/sms/confirm",
            **_described("Confirm the mobile number", "It is on", RequestInvalid, LinkInvalid),
        )(self.confirm_number)
        router.delete(f"{base}/sms", **_described("Take the mobile number away", "It is off", NotFound))(
            self.remove_number
        )
        router.put(f"{base}/push/<id>", **_described("Push to a device", "It is on", RequestInvalid, NotFound))(
            self.set_push
        )
        router.delete(f"{base}/push/<id>", **_described("Push to a device no more", "It is off", NotFound))(
            self.remove_push
        )

    def show_inbox(self, request: Request, limit: Limit = _PAGE, cursor: Cursor = None) -> InboxView:
        """Everything that the caller was told, the newest first: `limit` notices that are older than the one that
        `cursor` names, the `next_cursor` of the page before. A viewer is not shown those about who gets into the
        account."""
        as_viewer = admitted(request).role is Role.VIEWER
        services = self._services()
        page, following, unread = services.inbox(caller(request), limit=limit, before=cursor, as_viewer=as_viewer)
        return InboxView(notices=[_notice(each) for each in page], unread=unread, next_cursor=following)

    def mark_read(self, request: Request, body: MarkReadRequest = _ALL) -> MarkReadAnswer:
        """These, or all where none is named. What is not the caller's is passed over."""
        return MarkReadAnswer(read=self._services().mark_read(caller(request), body.notice_ids))

    def show_deliveries(self, request: Request, limit: Limit = _PAGE, cursor: Cursor = None) -> DeliveriesView:
        """What was sent where, with the channel's last answer where it did not take it at once. A page may be longer
        than `limit` by what belongs to its last notice."""
        records, following = self._services().log(caller(request), limit=limit, before=cursor)
        return DeliveriesView(deliveries=[_delivery(each) for each in records], next_cursor=following)

    def show_preferences(self, request: Request) -> Response[PreferencesView]:
        """Every kind of notice with its channels, and how each channel stands. The ETag is of the choice alone."""
        return _preferences(self._services().preferences(caller(request)))

    def choose(self, request: Request, body: PreferencesRequest) -> Response[PreferencesView]:
        """The whole choice; what it leaves out goes by default. Who gets into the account is always mailed: a choice
        that names such a kind without `email` is refused. With `If-Match`, only the choice that the caller has seen is
        replaced."""
        chosen = {NoticeKind(kind): [Channel(each) for each in channels] for kind, channels in body.kinds.items()}
        return _preferences(self._services().choose(caller(request), chosen, seen=seen_tag(request)))

    def set_webhook(self, request: Request, body: WebhookRequest) -> WebhookAnswer:
        """Have notices posted to an address of the public internet, signed with a secret that is shown this once;
        setting it again makes a new one. An answer other than 2xx is tried again, for an hour and a half."""
        secret = self._services().set_webhook(caller(request), body.url)
        return WebhookAnswer(url=body.url, secret=secret)

    def remove_webhook(self, request: Request) -> ChannelStateAnswer:
        """Nothing more is posted."""
        self._services().remove(caller(request), Channel.WEBHOOK)
        return ChannelStateAnswer(status="off")

    def set_chat(self, request: Request, body: ChatRequest) -> ChatAnswer:
        """Have a code sent to a chat; notices go there once the code has come back."""
        self._services().set_chat(caller(request), body.chat_id)
        return ChatAnswer()

    def confirm_chat(self, request: Request, body: ChatCodeRequest) -> ChannelStateAnswer:
        """Shows that the chat is the caller's, within a quarter of an hour."""
        self._services().confirm(caller(request), Channel.TELEGRAM, body.code)
        return ChannelStateAnswer(status="on")

    def remove_chat(self, request: Request) -> ChannelStateAnswer:
        """Nothing more is sent there."""
        self._services().remove(caller(request), Channel.TELEGRAM)
        return ChannelStateAnswer(status="off")

    def set_number(self, request: Request, body: SmsRequest) -> SmsAnswer:
        """Have a code sent to a mobile number by SMS; the few notices that matter most go there once the code has come
        back. Only where the deployment sends SMS (else `CONFLICT`), to numbers of countries on its list, for an account
        whose e-mail is confirmed, and a few times a day. The number is stored sealed and answered to nobody."""
        return SmsAnswer(target=self._services().sms.name(caller(request), body.number))

    def confirm_number(self, request: Request, body: SmsCodeRequest) -> ChannelStateAnswer:
        """Shows that the number is the caller's, within a quarter of an hour and five tries."""
        self._services().confirm(caller(request), Channel.SMS, body.code)
        return ChannelStateAnswer(status="on")

    def remove_number(self, request: Request) -> ChannelStateAnswer:
        """Nothing more is sent there, and the number is forgotten."""
        self._services().remove(caller(request), Channel.SMS)
        return ChannelStateAnswer(status="off")

    def set_push(self, request: Request, id: UUID, body: PushRequest) -> ChannelStateAnswer:
        """Have notices pushed to the phone that asks, under its own login and until that ends. The token replaces the
        login's former one, and is taken from any other login that has it: a phone shows the notices of who logged in on
        it last."""
        # Under another login a phone would go on being pushed to after its own was ended.
        if id != admitted(request).device_id:
            raise NotFound("pushes go to the phone that asks for them: this is not its login")
        self._services().set_push(caller(request), id, body.token)
        return ChannelStateAnswer(status="on")

    def remove_push(self, request: Request, id: UUID) -> ChannelStateAnswer:
        """Nothing more is pushed there."""
        self._services().remove_push(caller(request), id)
        return ChannelStateAnswer(status="off")


def _described(summary: str, success: str, *errors: type[AlgotradingError]) -> dict[str, Any]:
    return {"summary": summary, "tags": _TAGS, "security": BEARER, "responses": answers(success, *errors)}


def _notice(notice: InboxNotice) -> NoticeView:
    return NoticeView(
        notice_id=notice.notice_id,
        kind=notice.kind,
        text=notice.text,
        created_at=notice.created_at,
        strategy_id=notice.strategy_id,
        account_id=notice.account_id,
        symbol=notice.symbol,
        read_at=notice.read_at,
    )


def _delivery(record: DeliveryRecord) -> DeliveryView:
    return DeliveryView(
        notice_id=record.notice_id,
        kind=record.kind,
        channel=_name(record.channel),
        state=record.state.value,
        attempts=record.attempts,
        created_at=record.created_at,
        ended_at=record.ended_at,
        next_try_at=record.next_try_at,
        last_error=record.last_error,
    )


def _preferences(preferences: Preferences) -> Response[PreferencesView]:
    view = PreferencesView(
        kinds={kind.value: [_name(each) for each in each_of] for kind, each_of in preferences.channels_by_kind.items()},
        email=ChannelView(status="on" if preferences.is_email_verified else "unconfirmed", target=preferences.email),
        webhook=_channel(preferences, Channel.WEBHOOK),
        telegram=_channel(preferences, Channel.TELEGRAM),
        push=PushView(status="on" if preferences.push_devices else "off", devices=list(preferences.push_devices)),
        sms=_sms(preferences),
    )
    return tagged(view, preferences.tag)


def _sms(preferences: Preferences) -> SmsView:
    if not preferences.has_sms:
        return SmsView(status="unavailable", target=None)
    of_number = _channel(preferences, Channel.SMS)
    return SmsView(status=of_number.status, target=of_number.target)


def _channel(preferences: Preferences, channel: Channel) -> ChannelView:
    for setup in preferences.setups:
        if setup.channel is channel:
            return ChannelView(status="unconfirmed" if setup.confirmed_at is None else "on", target=setup.target)
    return ChannelView(status="off", target=None)


def _name(channel: Channel) -> ChannelName:
    return next(name for name in get_args(ChannelName) if name == channel)
