"""What users do with their notices: read them, choose channels, set them up."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from algotrading.contracts.errands import ChatCodeErrand
from algotrading.domain.errors import Conflict, FieldProblem, LinkInvalid, NotFound, RequestInvalid
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import (
    CODE_LASTS,
    WHO_GETS_IN,
    Channel,
    ChannelSetup,
    DeliveryRecord,
    InboxNotice,
    channels_by_kind,
    silenced,
    tag_of_wishes,
    wishes_of,
)
from algotrading.domain.push import PushDevice, push_token_hash
from algotrading.ports import (
    Chats,
    Clock,
    Deliveries,
    Errands,
    Notifications,
    PushDevices,
    Users,
    Vault,
    Webhooks,
)
from algotrading.services.deliver_notices import WEBHOOK_SECRET, code_hash_of
from algotrading.services.push_notices import PUSH_TOKEN
from algotrading.services.sms_numbers import SmsNumbers

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which kinds go where, and which channels are ready."""

    channels_by_kind: Mapping[NoticeKind, Sequence[Channel]]
    email: str
    is_email_verified: bool
    setups: Sequence[ChannelSetup]
    push_devices: Sequence[UUID]
    """The logins whose phones take pushes."""
    tag: str
    """Of the choice: see `domain.seen`."""
    has_sms: bool
    """Whether the deployment sends text messages."""


@dataclass(frozen=True, slots=True)
class NotificationCenter:
    """Everything under /notifications."""

    users: Users
    notifications: Notifications
    deliveries: Deliveries
    push_devices: PushDevices
    vault: Vault
    webhooks: Webhooks
    chats: Chats
    sms: SmsNumbers
    errands: Errands
    clock: Clock

    def inbox(
        self, user_id: UUID, *, limit: int, before: int | None, as_viewer: bool = False
    ) -> tuple[Sequence[InboxNotice], int | None, int]:
        """A page, the newest first; what to go on with where more follow; and how many are unread. A viewer is shown
        nothing of who gets into the account: it names other viewers, devices and keys."""
        but = WHO_GETS_IN if as_viewer else ()
        found = self.notifications.inbox(user_id, limit=limit + 1, before=before, but=but)
        page = found[:limit]
        following = page[-1].notice_id if len(found) > limit else None
        return page, following, self.notifications.unread(user_id, but)

    def mark_read(self, user_id: UUID, notice_ids: Collection[int] | None) -> int:
        """These, or all; how many were unread. What is not the user's is passed over."""
        return self.notifications.mark_read(user_id, notice_ids, self.clock.now())

    def log(self, user_id: UUID, *, limit: int, before: int | None) -> tuple[Sequence[DeliveryRecord], int | None]:
        """What became of deliveries, the newest notice first; and what to go on with where more may follow."""
        found = self.deliveries.log(user_id, limit=limit, before=before)
        return found, found[-1].notice_id if len(found) >= limit else None

    def preferences(self, user_id: UUID) -> Preferences:
        """As they stand. Raises NotFound."""
        user = self.users.get(user_id)
        wishes = self.notifications.wishes(user_id)
        devices = [each.device_id for each in self.push_devices.of_user(user_id, self.clock.now())]
        return Preferences(
            channels_by_kind(wishes),
            user.email,
            user.is_email_verified,
            self.notifications.setups(user_id),
            devices,
            tag_of_wishes(wishes),
            has_sms=self.sms.is_available(),
        )

    def choose(
        self, user_id: UUID, chosen: Mapping[NoticeKind, Collection[Channel]], *, seen: str | None = None
    ) -> Preferences:
        """Every kind that is left out goes by default.

        Raises:
            RequestInvalid: a kind that is always mailed was to be mailed no more; nothing is stored.
            PreconditionFailed: the choice is not the one that was `seen` any more.
        """
        names = [f"kinds.{kind}" for kind in silenced(chosen)]
        if names:
            problems = tuple(FieldProblem(name, "must have email: this is always mailed") for name in names)
            raise RequestInvalid(f"the request is not valid: see {', '.join(names)}", problems)
        self.notifications.set_wishes(user_id, wishes_of(chosen), seen=seen)
        return self.preferences(user_id)

    def set_webhook(self, user_id: UUID, url: str) -> str:
        """Have notices posted there; answers the secret that they are signed with, which is shown this once.

        Raises:
            RequestInvalid: the address may not be posted to.
        """
        problem = self.webhooks.check(url)
        if problem is not None:
            raise RequestInvalid("the request is not valid: see url", (FieldProblem("url", problem),))
        secret = "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()
        sealed = self.vault.seal(user_id, {WEBHOOK_SECRET: secret})[WEBHOOK_SECRET]
        now = self.clock.now()
        setup = ChannelSetup(user_id, Channel.WEBHOOK, url, now, sealed_secret=sealed, confirmed_at=now)
        self.notifications.save_setup(setup)
        return secret

    def set_chat(self, user_id: UUID, chat_id: str) -> None:
        """Have a code sent to a chat; notices go there once it has come back.

        Raises:
            Conflict: there is no bot, or the last code was asked for a moment ago.
        """
        if not self.chats.is_available():
            raise Conflict("Telegram is not set up here")
        now = self.clock.now()
        # Not off the chat that was named last: it can be taken away in between.
        if not self.notifications.spend_chat_code(user_id, now):
            raise Conflict("a code was asked for a moment ago: wait a minute, then ask for another")
        self.notifications.save_setup(ChannelSetup(user_id, Channel.TELEGRAM, chat_id, now))
        self.errands.ask(ChatCodeErrand(user_id=user_id))

    def confirm(self, user_id: UUID, channel: Channel, code: str) -> None:
        """The chat or the number is the user's. Raises LinkInvalid for a code that is not the last one, older than a
        quarter of an hour, or tried too often."""
        now = self.clock.now()
        if not self.notifications.confirm(user_id, channel, code_hash_of(code), since=now - CODE_LASTS, now=now):
            raise LinkInvalid(
                "this code was not sent there, was used, tried too often, or is too old: ask for a new one"
            )

    def set_push(self, user_id: UUID, device_id: UUID, token: str) -> None:
        """Have notices pushed to the phone of one of the user's logins, for as long as that goes on.

        Raises:
            NotFound: the user has no such login, or it is over.
        """
        sealed = self.vault.seal(user_id, {PUSH_TOKEN: token})[PUSH_TOKEN]
        now = self.clock.now()
        self.push_devices.register(PushDevice(user_id, device_id, push_token_hash(token), sealed, now))

    def remove_push(self, user_id: UUID, device_id: UUID) -> None:
        """Nothing more is pushed there. Raises NotFound."""
        if not self.push_devices.remove(user_id, device_id, self.clock.now()):
            raise NotFound("no pushes go to that device")

    def remove(self, user_id: UUID, channel: Channel) -> None:
        """Nothing more goes there. Raises NotFound."""
        if not self.notifications.remove_setup(user_id, channel, self.clock.now()):
            raise NotFound(f"no {channel} is set up")
