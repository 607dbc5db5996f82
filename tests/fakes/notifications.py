"""ports.Notifications, Deliveries, Summaries, Webhooks, Chats, TextMessages and SmsCodes in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from algotrading.domain.account_notices import channel_set
from algotrading.domain.audit import AuditKind, channel_entry
from algotrading.domain.delivery import Waiting, next_of
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import (
    CODE_REST,
    MOST_CODE_TRIES,
    Channel,
    ChannelSetup,
    Delivery,
    DeliveryRecord,
    DeliveryState,
    InboxNotice,
    Wishes,
    tag_of_wishes,
    whole_notices,
)
from algotrading.domain.seen import require_seen
from algotrading.domain.sms import CodeLimits, Sms, day_began
from algotrading.ports import DeliveryRefused, Notice
from tests.fakes import audit
from tests.fakes.database import MemoryDatabase, refuse_deleted
from tests.fakes.ledger import add_notice


class MemoryNotifications:
    """ports.Notifications in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def notice(self, user_id: UUID, notice_id: int) -> InboxNotice | None:
        """See ports.Notifications."""
        return next((self._shown(each) for each in self._of(user_id) if each.notice_id == notice_id), None)

    def inbox(
        self, user_id: UUID, *, limit: int, before: int | None, but: Collection[NoticeKind] = ()
    ) -> Sequence[InboxNotice]:
        """See ports.Notifications."""
        known = [each for each in self._of(user_id) if each.kind not in but]
        found = [each for each in known if before is None or each.notice_id < before]
        return [self._shown(each) for each in sorted(found, key=lambda each: -each.notice_id)[:limit]]

    def unread(self, user_id: UUID, but: Collection[NoticeKind] = ()) -> int:
        """See ports.Notifications."""
        shown = [each for each in self._of(user_id) if each.kind not in but]
        return min(1000, sum(each.notice_id not in self._database.inbox_reads for each in shown))

    def mark_read(self, user_id: UUID, notice_ids: Collection[int] | None, now: datetime) -> int:
        """See ports.Notifications."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            wanted = [n.notice_id for n in self._of(user_id) if notice_ids is None or n.notice_id in notice_ids]
            unread = [each for each in wanted if each not in self._database.inbox_reads]
            self._database.inbox_reads.update(dict.fromkeys(unread, now))
            return len(unread)

    def wishes(self, user_id: UUID) -> Wishes:
        """See ports.Notifications."""
        return self._database.wishes.get(user_id, {})

    def set_wishes(self, user_id: UUID, wishes: Wishes, *, seen: str | None = None) -> None:
        """See ports.Notifications."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            require_seen(tag_of_wishes(self.wishes(user_id)), seen)
            self._database.wishes[user_id] = dict(wishes)

    def setups(self, user_id: UUID) -> Sequence[ChannelSetup]:
        """See ports.Notifications."""
        found = [each for (owner, _), each in self._database.channel_setups.items() if owner == user_id]
        return sorted(found, key=lambda each: each.channel)

    def save_setup(self, setup: ChannelSetup) -> None:
        """See ports.Notifications."""
        with self._database.turn:
            refuse_deleted(self._database, setup.user_id)
            before = self._database.channel_setups.get((setup.user_id, setup.channel))
            self._database.channel_setups[setup.user_id, setup.channel] = setup
            entry = channel_entry(setup.user_id, AuditKind.CHANNEL_SET, setup.channel, setup.target, setup.created_at)
            audit.append(self._database, entry)
            if setup.is_news_after(None if before is None else before.target):
                self._tell(setup, setup.created_at)

    def spend_chat_code(self, user_id: UUID, now: datetime) -> bool:
        """See ports.Notifications."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            last = self._database.chat_codes.get(user_id)
            if last is not None and now < last + CODE_REST:
                return False
            self._database.chat_codes[user_id] = now
            return True

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
        """See ports.Notifications."""
        with self._database.turn:
            setup = self._database.channel_setups.get((user_id, channel))
            if setup is None or setup.target != target or setup.confirmed_at is not None:
                return False
            if first_since is not None and (setup.created_at != first_since or setup.code_at is not None):
                return False
            self._database.channel_setups[user_id, channel] = replace(setup, code_hash=code_hash, code_at=now)
            return True

    def confirm(self, user_id: UUID, channel: Channel, code_hash: bytes, *, since: datetime, now: datetime) -> bool:
        """See ports.Notifications."""
        with self._database.turn:
            setup = self._database.channel_setups.get((user_id, channel))
            if setup is None or setup.confirmed_at is not None or setup.code_hash is None:
                return False
            if setup.code_at is None or setup.code_at <= since or setup.code_tries >= MOST_CODE_TRIES:
                return False
            tried = replace(setup, code_tries=setup.code_tries + 1)
            is_right = setup.code_hash == code_hash
            if is_right:
                tried = replace(tried, confirmed_at=now, code_hash=None)
                self._tell(tried, now)
            self._database.channel_setups[user_id, channel] = tried
            return is_right

    def remove_setup(self, user_id: UUID, channel: Channel, now: datetime) -> bool:
        """See ports.Notifications."""
        with self._database.turn:
            setup = self._database.channel_setups.pop((user_id, channel), None)
            if setup is not None:
                entry = channel_entry(user_id, AuditKind.CHANNEL_REMOVED, channel, setup.target, now)
                audit.append(self._database, entry)
            return setup is not None

    def _tell(self, setup: ChannelSetup, at: datetime) -> None:
        text = channel_set(setup.channel, setup.target)
        add_notice(self._database, setup.user_id, None, NoticeKind.CHANNEL_SET, text, at)

    def _of(self, user_id: UUID) -> list[Notice]:
        return [each for each in self._database.notices if each.user_id == user_id]

    def _shown(self, notice: Notice) -> InboxNotice:
        return shown(self._database, notice)


def shown(database: MemoryDatabase, notice: Notice) -> InboxNotice:
    """A notice as its user finds it."""
    strategy = None if notice.strategy_id is None else database.strategies.get(notice.strategy_id)
    return InboxNotice(
        notice.notice_id,
        notice.kind,
        notice.text,
        notice.created_at,
        notice.strategy_id,
        None if strategy is None else strategy.plan.symbol,
        database.inbox_reads.get(notice.notice_id),
        notice.account_id,
    )


class MemoryDeliveries:
    """ports.Deliveries in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def add(self, user_id: UUID, notice_id: int, channels: Collection[Channel], now: datetime) -> None:
        """See ports.Deliveries."""
        with self._database.turn:
            notice = self._notice(user_id, notice_id)
            for channel in channels if notice is not None else ():
                assert notice is not None
                record = DeliveryRecord(
                    notice_id, notice.kind, channel, DeliveryState.WAITING, 0, now, None, None, None
                )
                self._database.channel_deliveries.setdefault((notice_id, channel), record)

    def claim(self, user_id: UUID, channel: Channel, now: datetime, *, lease: timedelta) -> Delivery | None:
        """See ports.Deliveries."""
        with self._database.turn:
            waiting = [each for each in self._of(user_id) if self._waits(each, channel)]
            waiting.sort(key=lambda each: each.notice_id)
            chosen = next_of([Waiting(each.notice_id, each.attempts, each.next_try_at) for each in waiting], now)
            if chosen is None:
                return None
            key = (chosen.notice_id, channel)
            record = self._database.channel_deliveries[key]
            self._database.channel_deliveries[key] = replace(
                record, attempts=record.attempts + 1, next_try_at=now + lease
            )
            notice = self._notice(user_id, chosen.notice_id)
            assert notice is not None
            return Delivery(user_id, channel, replace(shown(self._database, notice), read_at=None), record.attempts + 1)

    def mark_delivered(self, delivery: Delivery, now: datetime) -> None:
        """See ports.Deliveries."""
        self._change(delivery, state=DeliveryState.DELIVERED, ended_at=now, next_try_at=None)

    def mark_failed(self, delivery: Delivery, error: str, *, now: datetime, retry_at: datetime | None) -> None:
        """See ports.Deliveries."""
        state = DeliveryState.GIVEN_UP if retry_at is None else DeliveryState.WAITING
        ended_at = now if retry_at is None else None
        self._change(delivery, state=state, ended_at=ended_at, next_try_at=retry_at, last_error=error[:200])

    def delivered_since(self, user_id: UUID, channel: Channel, since: datetime) -> int:
        """See ports.Deliveries."""
        arrived = [each for each in self._of(user_id) if each.channel is channel and each.ended_at is not None]
        return sum(each.state is DeliveryState.DELIVERED and (each.ended_at or since) >= since for each in arrived)

    def log(self, user_id: UUID, *, limit: int, before: int | None) -> Sequence[DeliveryRecord]:
        """See ports.Deliveries."""
        found = [each for each in self._of(user_id) if before is None or each.notice_id < before]
        found.sort(key=lambda each: (-each.notice_id, each.channel))
        return whole_notices(found[: limit + len(Channel) - 1], limit)

    def _change(self, delivery: Delivery, **changes: object) -> None:
        with self._database.turn:
            key = (delivery.notice.notice_id, delivery.channel)
            record = self._database.channel_deliveries.get(key)
            if record is None or self._notice(delivery.user_id, delivery.notice.notice_id) is None:
                return
            if record.state is DeliveryState.WAITING and record.attempts == delivery.attempts:
                self._database.channel_deliveries[key] = replace(record, **changes)  # type: ignore[arg-type]

    def _of(self, user_id: UUID) -> list[DeliveryRecord]:
        mine = {each.notice_id for each in self._database.notices if each.user_id == user_id}
        return [each for each in self._database.channel_deliveries.values() if each.notice_id in mine]

    def _notice(self, user_id: UUID, notice_id: int) -> Notice | None:
        found = (n for n in self._database.notices if (n.user_id, n.notice_id) == (user_id, notice_id))
        return next(found, None)

    def _waits(self, record: DeliveryRecord, channel: Channel) -> bool:
        return record.channel is channel and record.state is DeliveryState.WAITING


class MemorySummaries:
    """ports.Summaries in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def traders(self, day: date) -> Sequence[UUID]:
        """See ports.Summaries."""
        found = {each.user_id for (_, its_day), each in self._database.cycles.items() if its_day == day}
        told = self._database.summaries
        return sorted(each for each in found if (each, day, NoticeKind.DAILY_SUMMARY, None, "") not in told)

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
        """See ports.Summaries."""
        key = (user_id, day, kind, strategy_id, trouble)
        with self._database.turn:
            if key in self._database.summaries:
                return False
            self._database.summaries.add(key)
            strategy = None if strategy_id is None else self._database.strategies.get(strategy_id)
            account_id = None if strategy is None else strategy.account_id
            add_notice(self._database, user_id, strategy_id, kind, text, now, account_id)
            return True


@dataclass(slots=True)
class MemoryWebhooks:
    """ports.Webhooks in memory."""

    posted: list[tuple[str, str, str, bytes]] = field(default_factory=list)
    faults: list[Exception] = field(default_factory=list)
    """What the next posts end with."""

    def check(self, url: str) -> str | None:
        """See ports.Webhooks."""
        return None if url.startswith("https://") else "must be an https:// address"

    def post(self, url: str, secret: str, message_id: str, body: bytes) -> None:
        """See ports.Webhooks."""
        if self.faults:
            raise self.faults.pop(0)
        self.posted.append((url, secret, message_id, body))


@dataclass(slots=True)
class MemoryChats:
    """ports.Chats in memory."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    has_bot: bool = True
    blocked: bool = False

    def is_available(self) -> bool:
        """See ports.Chats."""
        return self.has_bot

    def send(self, chat_id: str, text: str) -> None:
        """See ports.Chats."""
        if self.blocked:
            raise DeliveryRefused("Telegram answered 403")
        self.sent.append((chat_id, text))


@dataclass(slots=True)
class MemoryTextMessages:
    """ports.TextMessages in memory."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    """Numbers, and texts as they are sent."""
    has_sender: bool = True
    faults: list[Exception] = field(default_factory=list)
    """What the next messages end with."""

    def is_available(self) -> bool:
        """See ports.TextMessages."""
        return self.has_sender

    def send(self, number: str, sms: Sms) -> None:
        """See ports.TextMessages."""
        if not self.has_sender:
            raise DeliveryRefused("SMS is not set up here")
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append((number, sms.text))


class MemorySmsCodes:
    """ports.SmsCodes in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def spend(self, user_id: UUID, mark: int, limits: CodeLimits, now: datetime) -> bool:
        """See ports.SmsCodes."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            day = day_began(now).date()
            kept = self._database.sms_codes
            today = [(user, its_mark) for user, its_mark, at in kept if day_began(at).date() == day]
            of_user = sum(user == user_id for user, _ in today)
            of_number = sum(its_mark == mark for _, its_mark in today)
            if of_user >= limits.of_user or of_number >= limits.of_number or len(today) >= limits.of_deployment:
                return False
            self._database.sms_codes.append((user_id, mark, now))
            return True

    def last_spent(self, user_id: UUID) -> datetime | None:
        """See ports.SmsCodes."""
        with self._database.turn:
            return max((at for user, _, at in self._database.sms_codes if user == user_id), default=None)
