"""Schedules and messages that make a strategy's orders happen on time.

A schedule and whoever arms a strategy by hand (a start inside the alarm's own minutes) use the same
deduplication id, so it does not matter when both do.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, OrderEvent, ScheduleInput
from algotrading.domain.alarms import alarm_time, may_have_rung
from algotrading.domain.cycle import Cycle
from algotrading.domain.sessions import SessionHours, SessionTable, instant_of, trading_day_of
from algotrading.domain.strategy import Strategy
from algotrading.ports import Alarm

TimedEvent = Literal[OrderEvent.BUY, OrderEvent.SELL]
_TIMED: tuple[TimedEvent, TimedEvent] = (OrderEvent.BUY, OrderEvent.SELL)
NOT_RUNG = datetime(1970, 1, 1, tzinfo=UTC)
"""`scheduled_time` of a payload that no scheduler has filled in yet."""


def alarm_name(strategy_id: UUID, event: TimedEvent) -> str:
    """The schedule's name: 36 + 5 characters at most, of the 64 that EventBridge Scheduler allows."""
    return f"{strategy_id}-{event}"


def alarm_names(strategy_id: UUID) -> tuple[str, ...]:
    """The names of both schedules of a strategy."""
    return tuple(alarm_name(strategy_id, event) for event in _TIMED)


def build_alarms(strategy: Strategy, hours: SessionHours) -> tuple[Alarm, Alarm]:
    """The BUY and the SELL alarm of a running strategy; the SELL is due at the effective sell time."""
    sell_at = hours.effective_exit(strategy.plan.sell_time, strategy.plan.product).at
    buy, sell = (
        Alarm(
            name=alarm_name(strategy.strategy_id, event),
            hour=rings.hour,
            minute=rings.minute,
            payload=ScheduleInput(
                strategy_id=strategy.strategy_id,
                user_id=strategy.user_id,
                event=event,
                at=at.isoformat(timespec="seconds"),
                strategy_version=strategy.version,
                scheduled_time=NOT_RUNG,
            ),
        )
        for event, at in zip(_TIMED, (strategy.plan.buy_time, sell_at), strict=True)
        for rings in (alarm_time(at),)
    )
    return buy, sell


def deduplication_id(strategy_id: UUID, trading_day: date, event: OrderEvent, version: int | None) -> str:
    """One identity per strategy, day, event and plan, whoever sends."""
    return f"{strategy_id}:{trading_day}:{event}:{version}"


def make_command(
    *,
    strategy_id: UUID,
    user_id: UUID,
    event: OrderEvent,
    trading_day: date,
    now: datetime,
    cause: str,
    due: datetime | None = None,
    strategy_version: int | None = None,
) -> OrderCommand:
    """A message for the executors under the identity that everybody uses for this event."""
    return OrderCommand(
        strategy_id=strategy_id,
        user_id=user_id,
        event=event,
        trading_day=trading_day,
        timestamp=int(now.timestamp() * 1000),
        due=due,
        strategy_version=strategy_version,
        cause=cause,
        deduplication_id=deduplication_id(strategy_id, trading_day, event, strategy_version),
    )


def arming_commands(
    strategy: Strategy, *, now: datetime, table: SessionTable, hours: SessionHours, cycle: Cycle | None, cause: str
) -> tuple[OrderCommand, ...]:
    """What must be sent at once, on the normal lane, because its alarm may have rung already.

    `cycle` is the newest cycle of the strategy. A buy time that has passed is not made up for: the
    first cycle is then the next trading day's. A sell time that has passed is, while a cycle is open.
    """
    today = trading_day_of(now)
    # Close to midnight the alarm of tomorrow's first seconds may have rung.
    dues = [
        (day, event, due)
        for day in (today, today + timedelta(days=1))
        for event, due in _due_now(strategy, day, now, hours, cycle if cycle and cycle.trading_day == day else None)
    ]
    return tuple(
        make_command(
            strategy_id=strategy.strategy_id,
            user_id=strategy.user_id,
            event=event,
            trading_day=day,
            now=now,
            cause=cause,
            due=due,
            strategy_version=strategy.version,
        )
        for day, event, due in dues
        if table.is_trading_day(day)
    )


def _due_now(
    strategy: Strategy, day: date, now: datetime, hours: SessionHours, cycle: Cycle | None
) -> Iterator[tuple[TimedEvent, datetime]]:
    if cycle is not None and cycle.state.is_over:
        return
    buy_due = instant_of(day, strategy.plan.buy_time)
    sell_due = instant_of(day, hours.effective_exit(strategy.plan.sell_time, strategy.plan.product).at)
    is_open = cycle is not None and cycle.is_armed
    if not is_open and may_have_rung(buy_due, now):
        yield OrderEvent.BUY, buy_due
    if (is_open and sell_due <= now) or ((is_open or now < buy_due) and may_have_rung(sell_due, now)):
        yield OrderEvent.SELL, sell_due
