"""What users read of their notices, where they want them, and the way there."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Protocol
from uuid import UUID

from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import (
    Channel,
    ChannelSetup,
    Delivery,
    DeliveryRecord,
    InboxNotice,
    Wishes,
)
from algotrading.domain.sms import CodeLimits, Sms


class DeliveryRefused(Exception):
    """The channel will never take this; trying again is of no use. The message is for the user."""


class Notifications(Protocol):
    """Inbox, wishes and channels. The inbox is the outbox, as its owner sees it: whatever was written is there."""

    def notice(self, user_id: UUID, notice_id: int) -> InboxNotice | None:
        """One of the user's."""
        ...

    def inbox(
        self, user_id: UUID, *, limit: int, before: int | None, but: Collection[NoticeKind] = ()
    ) -> Sequence[InboxNotice]:
        """The newest first, of those older than the notice `before`, and of no kind in `but`."""
        ...

    def unread(self, user_id: UUID, but: Collection[NoticeKind] = ()) -> int:
        """How many were not read, up to a thousand, of no kind in `but`."""
        ...

    def mark_read(self, user_id: UUID, notice_ids: Collection[int] | None, now: datetime) -> int:
        """These, or all; how many were unread. What is not the user's is passed over."""
        ...

    def wishes(self, user_id: UUID) -> Wishes:
        """Where the user wants something else than what is sent by default."""
        ...

    def set_wishes(self, user_id: UUID, wishes: Wishes, *, seen: str | None = None) -> None:
        """In place of all that were there. Raises PreconditionFailed where those have another tag than `seen`."""
        ...

    def setups(self, user_id: UUID) -> Sequence[ChannelSetup]:
        """The user's webhook, chat and mobile number, as far as there are."""
        ...

    def save_setup(self, setup: ChannelSetup) -> None:
        """In place of the channel's former one; leaves an audit record, and tells the owner where it is confirmed
        already and goes to another place than before."""
        ...

    def spend_chat_code(self, user_id: UUID, now: datetime) -> bool:
        """Whether the user may have a code sent to a chat, CODE_REST after the last one, whatever became of that one's
        chat; it is noted then. Of many at the same moment one may."""
        ...

    def set_code(
        self,
        user_id: UUID,
        channel: Channel,
        target: str,
        code_hash: bytes,
        now: datetime,
        *,
        first_since: datetime | None = None,
    ) -> bool:
        """A code is about to be sent to `target`. False, and nothing happens, where the channel is not there, names
        another target by now, or is confirmed; with `first_since` also where it was not set up at that very moment, or
        had a code since."""
        ...

    def confirm(self, user_id: UUID, channel: Channel, code_hash: bytes, *, since: datetime, now: datetime) -> bool:
        """Whether this code was sent since then, and not used; the channel is confirmed now, and its owner is told so.
        It is tried MOST_CODE_TRIES times at the most."""
        ...

    def remove_setup(self, user_id: UUID, channel: Channel, now: datetime) -> bool:
        """Whether there was one; leaves an audit record."""
        ...


class Deliveries(Protocol):
    """Each notice's way to each channel, apart from the outbox, whose deliverers wait for nothing here."""

    def add(self, user_id: UUID, notice_id: int, channels: Collection[Channel], now: datetime) -> None:
        """Have a notice of the user's delivered there; a delivery that is known already stays as it is."""
        ...

    def claim(self, user_id: UUID, channel: Channel, now: datetime, *, lease: timedelta) -> Delivery | None:
        """The next for one channel, to be delivered by the caller alone until `lease` is over; in the order in which
        the notices were written, as `domain.delivery.next_of` has it."""
        ...

    def mark_delivered(self, delivery: Delivery, now: datetime) -> None:
        """It has arrived. Nothing happens when somebody has claimed it since."""
        ...

    def mark_failed(self, delivery: Delivery, error: str, *, now: datetime, retry_at: datetime | None) -> None:
        """It has not arrived; None gives it up. Nothing happens when somebody has claimed it since."""
        ...

    def delivered_since(self, user_id: UUID, channel: Channel, since: datetime) -> int:
        """How many have arrived there."""
        ...

    def log(self, user_id: UUID, *, limit: int, before: int | None) -> Sequence[DeliveryRecord]:
        """What became of the deliveries of notices older than `before`, the newest notice first. A page may be longer
        than `limit` by what belongs to its last notice."""
        ...


class Webhooks(Protocol):
    """POSTs to addresses that users name."""

    def check(self, url: str) -> str | None:
        """What is wrong with the address; None when it may be posted to."""
        ...

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> None:
        """Signed. Raises DeliveryRefused; anything else may pass."""
        ...


class Chats(Protocol):
    """Telegram."""

    def is_available(self) -> bool:
        """Whether the deployment has a bot."""
        ...

    def send(self, chat_id: str, text: str) -> None:
        """Raises DeliveryRefused; anything else may pass."""
        ...


class TextMessages(Protocol):
    """SMS."""

    def is_available(self) -> bool:
        """Whether the deployment may send any."""
        ...

    def send(self, number: str, sms: Sms) -> None:
        """To a mobile number, in E.164. Raises DeliveryRefused; anything else may pass. No error names the number."""
        ...


class SmsCodes(Protocol):
    """How many codes were sent to mobile numbers, by everybody together."""

    def spend(self, user_id: UUID, mark: int, limits: CodeLimits, now: datetime) -> bool:
        """Whether the user may have one more sent to a number, by its mark, today; it is counted then."""
        ...

    def last_spent(self, user_id: UUID) -> datetime | None:
        """When the user's last one was counted, of today's and yesterday's; None without one."""
        ...


class Summaries(Protocol):
    """Summaries of trading days; system."""

    def traders(self, day: date) -> Sequence[UUID]:
        """Whose strategies had to do with the day, and who was not told yet."""
        ...

    def tell(
        self,
        user_id: UUID,
        day: date,
        kind: NoticeKind,
        text: str,
        now: datetime,
        *,
        strategy_id: UUID | None = None,
        trouble: str = "",
    ) -> bool:
        """Write the notice; False when one of this kind was told to the user on this day before. One about a strategy
        stands by itself: False when the same was told of the same `trouble` of it."""
        ...
