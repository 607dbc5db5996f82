"""Early alarms: when the scheduler must ring so that an order can leave on the second.

EventBridge Scheduler promises a minute, not a second: an alarm for minute M rings anywhere in
[M, M + 60 s). So the alarm of a due instant is set to the latest whole minute that is over at least
60 s before it, and whoever is woken waits the rest, 60 to 180 s.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache

from algotrading.domain.sessions import IST, instant_of, trading_day_of

_MINUTE = timedelta(minutes=1)
_LEAD = 2 * _MINUTE
"""The minute the alarm may ring in, and the minute that is kept for preparing the order."""


def alarm_instant(due: datetime) -> datetime:
    """The whole minute M, UTC, at which the alarm for `due` is set: the latest with M + 60 s <= due - 60 s."""
    return (due - _LEAD).astimezone(UTC).replace(second=0, microsecond=0)


@lru_cache(maxsize=4096)
def alarm_time(due: time) -> time:
    """The same for a time of day that comes every day. Due times before 00:02 ring on the day before;
    `due_after` finds the day back."""
    any_day = datetime(2026, 1, 2, tzinfo=IST).date()
    return alarm_instant(instant_of(any_day, due)).astimezone(IST).time()


def due_after(rang_at: datetime, due: time) -> datetime:
    """The instant that an alarm set to `rang_at` speaks of: the first `due` time of day from then on.
    Its Asia/Kolkata date is the trading day, also when the alarm rang before midnight."""
    same_day = instant_of(trading_day_of(rang_at), due)
    return same_day if same_day >= rang_at else instant_of(trading_day_of(rang_at) + timedelta(days=1), due)


def may_have_rung(due: datetime, now: datetime) -> bool:
    """Whether the alarm of a `due` still ahead may have rung before it was set: too late to rely on it."""
    return alarm_instant(due) <= now < due
