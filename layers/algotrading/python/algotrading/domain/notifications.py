"""Which notices go to which channel, besides the inbox, which has them all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from algotrading.domain.notices import NoticeKind
from algotrading.domain.seen import tag_of


class Channel(StrEnum):
    """Ways to people outside of the app. Stored: add, never rename."""

    EMAIL = "email"
    WEBHOOK = "webhook"
    TELEGRAM = "telegram"
    PUSH = "push"
    """To the app on phones: domain/push.py."""
    SMS = "sms"
    """To a mobile number, in the words of domain/sms.py. Each costs money."""


MOST_ATTEMPTS: Final = 12
"""About an hour and a half, with the pauses of `delivery.pause_after`. What has not arrived by then is in the inbox."""
CODE_LASTS: Final = timedelta(minutes=15)
"""The code that shows whose a Telegram chat or a mobile number is."""
CODE_REST: Final = timedelta(minutes=1)
"""Between two codes."""
MOST_CODE_TRIES: Final = 5
"""At one code, which is good for nothing then: of six digits, five in a million are guessed."""

_QUIET: Final = frozenset(
    {NoticeKind.BUY_ACCEPTED, NoticeKind.PARTLY_BOUGHT, NoticeKind.SELL_ACCEPTED, NoticeKind.PARTLY_SOLD}
)
"""Steps on the way to what is told anyway: people are not sent them unless they ask for it, programs are."""
WHO_GETS_IN: Final = (
    NoticeKind.PASSWORD_CHANGED,
    NoticeKind.SECOND_FACTOR_ON,
    NoticeKind.SECOND_FACTOR_OFF,
    NoticeKind.API_KEY_MADE,
    NoticeKind.VIEWER_JOINED,
    NoticeKind.CHANNEL_SET,
    NoticeKind.ACCOUNT_LOCKED,
    NoticeKind.ACCOUNT_UNLOCKED,
    NoticeKind.LOGINS_HELD_UP,
    NoticeKind.NEW_DEVICE,
    NoticeKind.CODE_REUSED,
    NoticeKind.LOGIN_COPIED,
)
"""The owner's security: no business of viewers."""
_ALWAYS: Final = frozenset((kind, Channel.EMAIL) for kind in WHO_GETS_IN)
"""Whoever has taken an account over is not to switch off that its owner hears of it."""

BY_SMS: Final = frozenset(
    {
        NoticeKind.EXIT_BLOCKED,
        NoticeKind.EXIT_REFUSED,
        NoticeKind.EXIT_UNFILLED,
        NoticeKind.STOP_NOT_RESTING,
        NoticeKind.OPEN_AT_CLOSE,
        NoticeKind.OVERSOLD,
        NoticeKind.LOGIN_REFUSED,
        NoticeKind.KILLED,
        NoticeKind.DEPLOYMENT_KILLED,
    }
)
"""What is sent as a text message unless somebody wants something else: money is at stake that no order guards as it
should, or nothing is traded any more, so that somebody without data has to hear of it now. It is rare where all is
well; each message costs money."""

Wishes = Mapping[tuple[NoticeKind, Channel], bool]
"""Where a user wants something else than what is sent by default."""


def is_sent(kind: NoticeKind, channel: Channel, wishes: Wishes) -> bool:
    """Whether notices of a kind go to a channel that is set up."""
    if (kind, channel) in _ALWAYS:
        return True
    return wishes.get((kind, channel), _is_sent_by_default(kind, channel))


def _is_sent_by_default(kind: NoticeKind, channel: Channel) -> bool:
    if channel is Channel.SMS:
        return kind in BY_SMS
    return channel is Channel.WEBHOOK or kind not in _QUIET


def channels_by_kind(wishes: Wishes) -> dict[NoticeKind, list[Channel]]:
    """Every kind with its channels."""
    return {kind: [channel for channel in Channel if is_sent(kind, channel, wishes)] for kind in NoticeKind}


def is_always_mailed(kind: str) -> bool:
    """Whether nobody can switch off that a kind comes by mail."""
    return kind in WHO_GETS_IN


def silenced(chosen: Mapping[NoticeKind, Iterable[Channel]]) -> list[NoticeKind]:
    """The kinds that a choice would keep from a channel which nobody can switch off for them."""
    return [
        kind for kind, channels in chosen.items() if any(_ALWAYS & {(kind, on) for on in set(Channel) - set(channels)})
    ]


def wishes_of(chosen: Mapping[NoticeKind, Iterable[Channel]]) -> dict[tuple[NoticeKind, Channel], bool]:
    """What to store for a choice; kinds that it leaves out go by default."""
    return {
        (kind, channel): channel in set(channels)
        for kind, channels in chosen.items()
        for channel in Channel
        if (channel in set(channels)) != is_sent(kind, channel, {})
    }


def tag_of_wishes(wishes: Wishes) -> str:
    """What tells this choice from others: see `domain.seen`."""
    return tag_of(*channels_by_kind(wishes).items())


def title_of(kind: str) -> str:
    """A kind in words, for a subject line."""
    return kind.replace("_", " ").capitalize().replace("Api ", "API ")


@dataclass(frozen=True, slots=True, repr=False)
class ChannelSetup:
    """A webhook, a chat or a mobile number of a user. `repr` shows nothing of it."""

    user_id: UUID
    channel: Channel
    target: str
    """A webhook's URL, a chat's identifier; of a mobile number what may be shown of it."""
    created_at: datetime
    sealed_secret: str | None = None
    """What a webhook's messages are signed with; a mobile number."""
    code_hash: bytes | None = None
    """Of the code that was sent to a chat or a number."""
    code_at: datetime | None = None
    confirmed_at: datetime | None = None
    """None: nothing but a code is sent there yet."""
    code_tries: int = 0
    """How often its code was tried."""

    def is_news_after(self, target_before: str | None) -> bool:
        """Whether notices go from now on where they did not go before: to be told to the owner. `target_before`: of
        the setup that it replaces."""
        return self.confirmed_at is not None and self.target != target_before

    def __repr__(self) -> str:
        return f"ChannelSetup({self.channel}, hidden)"


@dataclass(frozen=True, slots=True)
class InboxNotice:
    """A notice as its user finds it."""

    notice_id: int
    kind: str
    text: str
    created_at: datetime
    strategy_id: UUID | None = None
    symbol: str | None = None
    """What the strategy trades."""
    read_at: datetime | None = None
    account_id: UUID | None = None
    """The broker account that it speaks of."""

    @property
    def sentence(self) -> str:
        """The text with what it is about before it, once: most texts name their symbol themselves."""
        if self.symbol is None or self.text.startswith((f"{self.symbol}: ", f"{self.symbol} (")):
            return self.text
        return f"{self.symbol}: {self.text}"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice on its way to one channel."""

    user_id: UUID
    channel: Channel
    notice: InboxNotice
    attempts: int
    """How often it was begun."""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """A line of the delivery log."""

    notice_id: int
    kind: str
    channel: Channel
    state: DeliveryState
    attempts: int
    created_at: datetime
    ended_at: datetime | None
    next_try_at: datetime | None
    last_error: str | None


def whole_notices(records: Sequence[DeliveryRecord], limit: int) -> Sequence[DeliveryRecord]:
    """The first `limit`, and what else belongs to the last one's notice."""
    if len(records) <= limit:
        return records
    last = records[limit - 1].notice_id
    return [each for number, each in enumerate(records) if number < limit or each.notice_id == last]
