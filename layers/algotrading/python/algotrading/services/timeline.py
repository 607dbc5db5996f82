"""Answers for one day of a strategy: why did it, or did it not, fire?"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from algotrading.domain.accounts import first_account_of
from algotrading.domain.audit import AuditKind, AuditRecord
from algotrading.domain.errors import CalendarMissing, NotFound
from algotrading.domain.sessions import SessionTable, instant_of, trading_day_of
from algotrading.domain.strategy import Strategy
from algotrading.domain.timeline import Line, LineKind, may_repeat, told_once
from algotrading.ports import AuditTrail, Clock, Ledger, OrderLog, Strategies
from algotrading.services.timeline_frame import (
    COMMANDS,
    account_line,
    command_line,
    message_line,
    standing_at_buy_time,
    why_nothing,
)
from algotrading.services.timeline_orders import OrderStory

Said = Mapping[str, Any]

_NOT_OF_TRADING = {
    AuditKind.LOGGED_IN,
    AuditKind.LOGIN_ENDED,
    AuditKind.SECOND_FACTOR_ON,
    AuditKind.SECOND_FACTOR_OFF,
    AuditKind.RECOVERY_CODE_USED,
    AuditKind.CODE_REUSED,
    AuditKind.PASSWORD_RESET,
    AuditKind.PASSWORD_CHANGED,
    AuditKind.EMAIL_VERIFIED,
    AuditKind.CHANNEL_SET,
    AuditKind.CHANNEL_REMOVED,
    AuditKind.VIEWER_INVITED,
    AuditKind.VIEWER_ACCEPTED,
    AuditKind.VIEWER_REMOVED,
    AuditKind.ACCOUNT_READ,
    AuditKind.ACCOUNT_LOCKED,
    AuditKind.ACCOUNT_UNLOCKED,
    AuditKind.SECOND_FACTOR_CLEARED,
    AuditKind.ROLE_GRANTED,
    AuditKind.ROLE_WITHDRAWN,
    AuditKind.API_KEY_CREATED,
    AuditKind.API_KEY_REVOKED,
    AuditKind.ACCOUNT_DELETED,
    AuditKind.BROKER_ACCOUNT_OPENED,
    AuditKind.BROKER_ACCOUNT_CHANGED,
    AuditKind.BROKER_ACCOUNT_REMOVED,
}
_OF_A_CONNECTION = frozenset(
    {
        AuditKind.BROKER_CONNECTED,
        AuditKind.BROKER_LOGIN_REQUIRED,
        AuditKind.BROKER_DISCONNECTED,
        AuditKind.BROKER_TOKEN_REFUSED,
        AuditKind.BROKER_TOKEN_TAKEN,
    }
)
_ALWAYS_TOLD = frozenset({"BUY", "SELL", "STOPLOSS", "STOP", "SQUARE_OFF", "KILL"})
"""Messages that are told whatever came of them; others, which come every minute, only with their news."""


@dataclass(frozen=True, slots=True)
class DayOnRecord:
    """What is known of one day of one strategy. `strategy` is None once it was deleted; `is_trading_day` None
    when the session calendar has no data."""

    day: date
    records: Sequence[AuditRecord]
    logs: Sequence[OrderLog]
    strategy: Strategy | None
    is_trading_day: bool | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Timeline:
    """One day, told oldest first."""

    strategy_id: UUID
    day: date
    lines: Sequence[Line]


def tell(known: DayOnRecord) -> list[Line]:
    """The lines of a day, oldest first. Pure: what is on record, in plain words."""
    read = _of_its_accounts([(record, json.loads(record.record)["data"]) for record in known.records], known.strategy)
    commands = [(record, data) for record, data in read if record.kind in COMMANDS]
    story = OrderStory(known.logs)
    lines = [*_happenings(_from_the_day_on(known.day, read), story), *story.broker_lines()]
    is_explained = any(line.kind is LineKind.NOT_FIRED for line in lines)
    standing = standing_at_buy_time(known.day, commands, known.strategy)
    if standing is not None and not story.has_entry and not is_explained:
        lines += why_nothing(known.day, standing, known.now, known.is_trading_day)
    return told_once(lines)


def _of_its_accounts(
    read: Sequence[tuple[AuditRecord, Said]], strategy: Strategy | None
) -> Sequence[tuple[AuditRecord, Said]]:
    """Without what befell broker accounts that the strategy was not in: a login that is over there keeps it from
    nothing. Records of before migration 0025 name no account, and were of the first."""
    accounts = set() if strategy is None else {str(strategy.account_id)}
    for record, data in read:
        if record.strategy_id is not None:
            sides = (data.get("before"), data.get("after"), data.get("cycle"))
            accounts |= {side["account_id"] for side in sides if side and side.get("account_id")}
    if not accounts:
        return read

    def is_its(record: AuditRecord, data: Said) -> bool:
        return (data.get("account_id") or str(first_account_of(record.user_id))) in accounts

    return [(record, data) for record, data in read if record.kind not in _OF_A_CONNECTION or is_its(record, data)]


def _from_the_day_on(day: date, read: Sequence[tuple[AuditRecord, Said]]) -> Iterator[tuple[AuditRecord, Said]]:
    """The day's own records, and the last command before it: what held when the day began."""
    begins = instant_of(day, time(0))
    earlier = [record.seq for record, _ in read if record.kind in COMMANDS and record.at < begins]
    left_out = set(earlier[:-1])
    return ((record, data) for record, data in read if record.seq not in left_out)


def _happenings(read: Iterable[tuple[AuditRecord, Said]], story: OrderStory) -> Iterator[Line]:
    messages: set[tuple[str, str, str]] = set()
    repeated: set[tuple[LineKind, str]] = set()
    for record, data in read:
        lines = _lines_of(record, data, story)
        is_news = any((line.kind, line.text) not in repeated for line in lines)
        repeated |= {(line.kind, line.text) for line in lines if may_repeat(line)}
        cause = data.get("cause")
        if isinstance(cause, Mapping) and (is_news or cause["event"] in _ALWAYS_TOLD):
            identity = (cause["event"], cause["asked_by"], cause["made_at"])
            if identity not in messages:
                messages.add(identity)
                yield message_line(cause)
        yield from lines


def _lines_of(record: AuditRecord, data: Said, story: OrderStory) -> list[Line]:
    if record.kind == AuditKind.DECISION:
        return story.follow(data, record.at)
    if record.kind in COMMANDS:
        return [command_line(record, data)]
    if record.kind in _NOT_OF_TRADING:
        return []
    if record.kind in {AuditKind.MESSAGE_DROPPED, AuditKind.ENTRY_HELD_UP}:
        return [_led_to_nothing(record, data)]
    return [account_line(record, data)]


def _led_to_nothing(record: AuditRecord, data: Said) -> Line:
    is_buy = data["cause"]["event"] == "BUY"
    if record.kind == AuditKind.ENTRY_HELD_UP:
        return Line(
            record.at, LineKind.NOT_FIRED, f"the buy is held up: {data['why']}; it is tried again until too late"
        )
    text = f"the message asking for {data['cause']['event']} was dropped: {data['why']}"
    return Line(record.at, LineKind.NOT_FIRED if is_buy else LineKind.MESSAGE, text)


@dataclass(frozen=True, slots=True)
class TimelineReader:
    """Reads a day and tells it."""

    strategies: Strategies
    ledger: Ledger
    trail: AuditTrail
    clock: Clock
    table: SessionTable

    def read(self, user_id: UUID, strategy_id: UUID, day: date | None = None) -> Timeline:
        """The timeline of `day`, by default of the latest day with anything to say.

        Raises:
            NotFound: no such strategy, and never was one, of this user.
        """
        if not self.strategies.is_owned(user_id, strategy_id):
            raise NotFound("no such strategy")
        now = self.clock.now()
        strategy = self._find(user_id, strategy_id)
        chosen = day or self._latest(user_id, strategy_id, strategy, now)
        begins, ends = instant_of(chosen, time(0)), instant_of(chosen + timedelta(days=1), time(0))
        known = DayOnRecord(
            day=chosen,
            records=self.trail.of_strategy(user_id, strategy_id, chosen, begins=begins, ends=ends),
            logs=self.ledger.logs(user_id, strategy_id, begins=begins, ends=ends),
            strategy=strategy,
            is_trading_day=self._is_trading_day(chosen),
            now=now,
        )
        return Timeline(strategy_id, chosen, tell(known))

    def _latest(self, user_id: UUID, strategy_id: UUID, strategy: Strategy | None, now: datetime) -> date:
        """Today, if the strategy runs and its buy time has come; else the newest day on record."""
        today = trading_day_of(now)
        if strategy is not None and strategy.is_running and now >= instant_of(today, strategy.plan.buy_time):
            return today
        return self.trail.latest_day(user_id, strategy_id) or today

    def _find(self, user_id: UUID, strategy_id: UUID) -> Strategy | None:
        try:
            return self.strategies.get(user_id, strategy_id)
        except NotFound:
            return None

    def _is_trading_day(self, day: date) -> bool | None:
        try:
            return self.table.is_trading_day(day)
        except CalendarMissing:
            return None
