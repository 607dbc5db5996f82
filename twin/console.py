"""What the twin says while it works: one line per step, with the time it took.

On a terminal with colour, anywhere else as plain lines without control characters.
"""

from __future__ import annotations

import heapq
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from algotrading.domain.sessions import IST

_SETTLING = timedelta(milliseconds=500)
"""How long after an event another one may become known that came before it."""


class Narrator:
    """Prints the progress."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._started = time.monotonic() - _age_of_process()
        self._waiting: list[tuple[datetime, int, str]] | None = None
        self._order_of_arrival = count()

    @property
    def seconds(self) -> float:
        """Since this process started, its imports included."""
        return time.monotonic() - self._started

    def say(self, text: str, *, style: str = "") -> None:
        """A line with the time since the start."""
        line = f"{self.seconds:7.2f} s  {escape(text)}"
        self._print(f"[{style}]{line}[/]" if style else line)

    def tell(self, at: datetime, text: str, *, style: str = "") -> None:
        """A line about something that happened at an instant, Asia/Kolkata, to the millisecond."""
        line = f"{clock_time(at)}  {escape(text)}"
        line = f"[{style}]{line}[/]" if style else line
        if self._waiting is None:
            self._print(line)
        else:
            heapq.heappush(self._waiting, (at, next(self._order_of_arrival), line))

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """While the block runs, told events wait a moment so that they are printed in the order of their instants."""
        self._waiting = []
        try:
            yield
        finally:
            self._print_until(datetime.max.replace(tzinfo=UTC))
            self._waiting = None

    def print_settled(self) -> None:
        """Print what has waited long enough; to be called again and again inside `in_order`."""
        self._print_until(datetime.now(UTC) - _SETTLING)

    @contextmanager
    def step(self, text: str, *, beginning: str | None = None) -> Iterator[None]:
        """Say `beginning` at once, and `text` with the time the block took when it is done."""
        if beginning is not None:
            self.say(f"{beginning} ...")
        begun = time.monotonic()
        yield
        self.say(f"{text} ({time.monotonic() - begun:.2f} s)")

    def _print_until(self, instant: datetime) -> None:
        while self._waiting and self._waiting[0][0] <= instant:
            self._print(heapq.heappop(self._waiting)[2])

    def _print(self, line: str) -> None:
        self.console.print(line, soft_wrap=True, highlight=False)


def clock_time(at: datetime) -> str:
    """HH:MM:SS.mmm, Asia/Kolkata."""
    return at.astimezone(IST).strftime("%H:%M:%S.%f")[:-3]


def _age_of_process() -> float:
    """Seconds since this process was started, 0 where the system does not tell (field 22 of proc_pid_stat(5))."""
    stat = Path("/proc/self/stat")
    if not stat.exists():
        return 0.0
    started = int(stat.read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return max(time.clock_gettime(time.CLOCK_BOOTTIME) - started, 0.0)
