"""Time as the simulator sees it: integer nanoseconds since the Unix epoch, shown in Asia/Kolkata."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Protocol

IST = timezone(timedelta(hours=5, minutes=30), "IST")
NANOS = 1_000_000_000


class Clock(Protocol):
    """Where the simulator reads the time."""

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        ...


class Scheduler(Protocol):
    """Runs a callback later; the engine never sleeps by itself."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Run `callback` once after `delay_s` seconds."""
        ...


class SystemClock:
    """The machine's clock plus an offset, so that a test or an operator can move the simulator's day forward."""

    def __init__(self) -> None:
        self.offset_ns = 0

    def now_ns(self) -> int:
        """Nanoseconds since the Unix epoch, offset included."""
        return time.time_ns() + self.offset_ns

    def advance(self, seconds: float) -> None:
        """Move the simulator's time forward (or back, with a negative number)."""
        self.offset_ns += int(seconds * NANOS)


class LoopScheduler:
    """Schedules callbacks on the running asyncio loop."""

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        """Run `callback` once after `delay_s` seconds of real time."""
        asyncio.get_running_loop().call_later(delay_s, callback)


def to_ist(at_ns: int) -> datetime:
    """The instant as an aware datetime in Asia/Kolkata."""
    return datetime.fromtimestamp(at_ns / NANOS, IST)


def wire_time(at_ns: int | None) -> str | None:
    """The instant as Kite writes it in JSON: IST, to the second, without a zone."""
    return None if at_ns is None else to_ist(at_ns).strftime("%Y-%m-%d %H:%M:%S")


def iso_micros(at_ns: int) -> str:
    """The instant in UTC, ISO 8601 with microseconds."""
    seconds, nanos = divmod(at_ns, NANOS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanos // 1000).isoformat(timespec="microseconds")


def trading_day_end_ns(at_ns: int) -> int:
    """The next 06:00 IST after an instant: access tokens die and the day's books are wiped then (Kite docs, user)."""
    moment = to_ist(at_ns)
    end = moment.replace(hour=6, minute=0, second=0, microsecond=0)
    if end <= moment:
        end += timedelta(days=1)
    return int(end.timestamp()) * NANOS
