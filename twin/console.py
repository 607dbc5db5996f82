"""What the twin says while it works: one line per step, with the time it took.

On a terminal with colour, anywhere else as plain lines without control characters.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from rich.console import Console
from rich.markup import escape

from algotrading.domain.sessions import IST


class Narrator:
    """Prints the progress."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the twin was asked to start."""
        return time.monotonic() - self._started

    def say(self, text: str, *, style: str = "") -> None:
        """A line with the time since the start."""
        line = f"{self.seconds:7.2f} s  {escape(text)}"
        self.console.print(f"[{style}]{line}[/]" if style else line, soft_wrap=True, highlight=False)

    def tell(self, at: datetime, text: str, *, style: str = "") -> None:
        """A line about something that happened at an instant, Asia/Kolkata, to the millisecond."""
        line = f"{clock_time(at)}  {escape(text)}"
        self.console.print(f"[{style}]{line}[/]" if style else line, soft_wrap=True, highlight=False)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Say `text` with the time the block took, once it is done."""
        begun = time.monotonic()
        yield
        self.say(f"{text} ({time.monotonic() - begun:.2f} s)")


def clock_time(at: datetime) -> str:
    """HH:MM:SS.mmm, Asia/Kolkata."""
    return at.astimezone(IST).strftime("%H:%M:%S.%f")[:-3]
