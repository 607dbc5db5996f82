"""Takes notices on from the outbox to the channels that their users have set up.

Everything here comes after the outbox: a notice is handed over by the topic once it has been delivered there, and
whatever a channel does, nobody who trades waits for it. Each channel of a user has its own order and its own pauses.
"""

from __future__ import annotations

import hashlib
import json
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from algotrading.contracts.errands import (
    ChatCodeErrand,
    DeliverErrand,
    DeliveryErrand,
    NoticeErrand,
    PushReceiptsErrand,
    SmsCodeErrand,
)
from algotrading.domain.delivery import LEASE, PATIENCE, pause_after
from algotrading.domain.errors import NotFound
from algotrading.domain.instants import instant_text
from algotrading.domain.mail import notice_mail
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import (
    MOST_ATTEMPTS,
    Channel,
    ChannelSetup,
    Delivery,
    InboxNotice,
    is_sent,
    title_of,
)
from algotrading.ports import (
    Chats,
    Clock,
    Deliveries,
    DeliveryRefused,
    Errands,
    Mailer,
    MailRefused,
    Meter,
    Notifications,
    Users,
    Vault,
    Webhooks,
)
from algotrading.services.push_notices import PushDelivery
from algotrading.services.sms_notices import SmsDelivery, make_code

logger = logging.getLogger(__name__)

WEBHOOK_SECRET = "webhook_secret"  # noqa: S105 - the name of a field
_AT_MOST = 20
"""Deliveries of one channel in one go: the next go is another invocation's."""


@dataclass(frozen=True, slots=True)
class NoticeDelivery:
    """Delivers at least once, in the order in which a user's notices were written."""

    users: Users
    notifications: Notifications
    deliveries: Deliveries
    vault: Vault
    mailer: Mailer
    webhooks: Webhooks
    chats: Chats
    pushes: PushDelivery
    sms: SmsDelivery
    errands: Errands
    clock: Clock
    meter: Meter
    app_url: str

    def run(self, errand: DeliveryErrand) -> int:
        """Carry an errand out; how many messages arrived somewhere."""
        match errand:
            case NoticeErrand(user_id=user_id, notice_id=notice_id):
                return self.hand_over(user_id, notice_id)
            case DeliverErrand(user_id=user_id, channel=channel):
                return self._deliver(user_id, channel)
            case ChatCodeErrand(user_id=user_id):
                return self._send_code(user_id, Channel.TELEGRAM, secrets.token_hex(8))
            case SmsCodeErrand(user_id=user_id, named_at=named_at):
                return self._send_code(user_id, Channel.SMS, make_code(), first_since=named_at)
            case PushReceiptsErrand():
                self.pushes.look(errand)
                return 0

    def hand_over(self, user_id: UUID, notice_id: int) -> int:
        """Write down where a notice is to go, and deliver it there. What is known already is not written twice."""
        notice = self.notifications.notice(user_id, notice_id)
        if notice is None:
            logger.warning("there is no notice %s", notice_id, extra={"user_id": str(user_id)})
            return 0
        channels = self._channels_for(user_id, notice)
        if channels:
            self.deliveries.add(user_id, notice_id, channels, self.clock.now())
        return sum(self._deliver(user_id, channel) for channel in channels)

    def _channels_for(self, user_id: UUID, notice: InboxNotice) -> list[Channel]:
        if notice.kind not in set(NoticeKind):
            return []
        wishes, kind = self.notifications.wishes(user_id), NoticeKind(notice.kind)
        return [channel for channel in self._ready(user_id) if is_sent(kind, channel, wishes)]

    def _ready(self, user_id: UUID) -> list[Channel]:
        """Channels by which the user can be reached, each shown to be theirs."""
        ready = [setup.channel for setup in self.notifications.setups(user_id) if setup.confirmed_at is not None]
        try:
            has_mail = self.users.get(user_id).is_email_verified
        except NotFound:
            return []
        has_phone = self.pushes.is_on(user_id)
        return [*([Channel.EMAIL] if has_mail else []), *ready, *([Channel.PUSH] if has_phone else [])]

    # --- one channel of one user ----------------------------------------------------------------------

    def _deliver(self, user_id: UUID, channel: Channel) -> int:
        """Deliver what waits, in order, until it is done or one fails that holds the others up; how many arrived."""
        arrived = 0
        for _ in range(_AT_MOST):
            delivery = self.deliveries.claim(user_id, channel, self.clock.now(), lease=LEASE)
            if delivery is None:
                return arrived
            has_arrived = self._attempt(delivery)
            if has_arrived is None and delivery.attempts < PATIENCE:
                return arrived
            arrived += bool(has_arrived)
        self.errands.ask(DeliverErrand(user_id=user_id, channel=channel))
        return arrived

    def _attempt(self, delivery: Delivery) -> bool | None:
        """Whether it has arrived; None while it will be tried again."""
        try:
            self._send(delivery)
        except (DeliveryRefused, MailRefused) as refusal:
            return self._give_up(delivery, str(refusal))
        except Exception as fault:
            # Whatever the channel's client raises.
            what = f"{type(fault).__name__}: {fault}"
            if delivery.attempts >= MOST_ATTEMPTS:
                return self._give_up(delivery, what)
            self._put_off(delivery, what)
            return None
        self.deliveries.mark_delivered(delivery, self.clock.now())
        return True

    def _put_off(self, delivery: Delivery, what: str) -> None:
        self.meter.count("DeliveriesFailed")
        logger.warning("notice %s is not delivered by %s yet", delivery.notice.notice_id, delivery.channel)
        pause = pause_after(delivery.attempts)
        # Asked for first: whoever dies in between leaves a lease that ends, and the message that it came with.
        self.errands.ask(DeliverErrand(user_id=delivery.user_id, channel=delivery.channel), delay=pause)
        now = self.clock.now()
        self.deliveries.mark_failed(delivery, what, now=now, retry_at=now + pause)

    def _give_up(self, delivery: Delivery, what: str) -> bool:
        self.meter.count("DeliveriesGivenUp")
        logger.warning("notice %s is not delivered by %s", delivery.notice.notice_id, delivery.channel)
        self.deliveries.mark_failed(delivery, what, now=self.clock.now(), retry_at=None)
        return False

    def _send(self, delivery: Delivery) -> None:
        user_id, notice = delivery.user_id, delivery.notice
        if delivery.channel is Channel.EMAIL:
            self.mailer.send(notice_mail(self.users.get(user_id).email, notice, self.app_url))
            return
        if delivery.channel is Channel.PUSH:
            self.pushes.send(user_id, notice)
            return
        setup = self._setup(user_id, delivery.channel)
        if delivery.channel is Channel.TELEGRAM:
            self.chats.send(setup.target, _chat_text(notice))
            return
        if delivery.channel is Channel.SMS:
            self.sms.send(setup, notice)
            return
        sealed = {WEBHOOK_SECRET: setup.sealed_secret or ""}
        secret = self.vault.unseal(user_id, sealed)[WEBHOOK_SECRET]
        self.webhooks.post(setup.target, secret, str(notice.notice_id), webhook_body(notice))

    def _setup(self, user_id: UUID, channel: Channel) -> ChannelSetup:
        for setup in self.notifications.setups(user_id):
            if setup.channel is channel and setup.confirmed_at is not None:
                return setup
        raise DeliveryRefused("the channel was removed")

    # --- whose chat or number it is -------------------------------------------------------------------

    def _send_code(self, user_id: UUID, channel: Channel, code: str, *, first_since: datetime | None = None) -> int:
        """Send a code to what waits to be confirmed: only who reads it there has it then. With `first_since` it is the
        only one of what was set up then, though it may never have arrived: whoever waits for it asks for another."""
        waiting = [s for s in self.notifications.setups(user_id) if s.channel is channel and not s.confirmed_at]
        if not waiting:
            return 0
        [setup] = waiting
        # Of this target and no other: what was named since then is confirmed by a code of its own.
        if not self.notifications.set_code(
            user_id, channel, setup.target, code_hash_of(code), self.clock.now(), first_since=first_since
        ):
            return 0
        try:
            if channel is Channel.SMS:
                self.sms.send_code(setup, code)
            else:
                self.chats.send(setup.target, _code_text(code))
        except DeliveryRefused:
            # Most often somebody who has not started the bot yet: another code can be asked for.
            logger.warning("no code is taken by %s", channel, extra={"user_id": str(user_id)})
            return 0
        return 1


def code_hash_of(code: str) -> bytes:
    """What is stored of a code. A chat's are 64 random bits, good for minutes, and need nothing slow against guessing.
    A number's are six digits, which no hash hides: what guards them is that each is tried five times at the most, by
    its own user, and that nothing is gained by it but notices of one's own."""
    return hashlib.sha256(code.strip().lower().encode()).digest()


def _code_text(code: str) -> str:
    return f"Your code is {code}. Enter it where you named this chat. If you named none, do nothing."


def webhook_body(notice: InboxNotice) -> bytes:
    """What a webhook is sent, byte for byte what is signed."""
    said: Mapping[str, object] = {
        "type": notice.kind,
        "timestamp": instant_text(notice.created_at),
        "data": {
            "notice_id": notice.notice_id,
            "strategy_id": None if notice.strategy_id is None else str(notice.strategy_id),
            "account_id": None if notice.account_id is None else str(notice.account_id),
            "symbol": notice.symbol,
            "text": notice.text,
        },
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _chat_text(notice: InboxNotice) -> str:
    return f"{title_of(notice.kind)}\n{notice.sentence}"
