"""What a line of `--check` is, and how a trial becomes one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from algotrading.domain.errors import AlgotradingError
from fargate_listener.kite_socket import DialFailed

PATIENCE_SECONDS: Final = 15.0
"""For one line. What takes longer would keep a watcher from its stops as well."""

Remedy = Callable[[Exception], str]
"""What to do about a fault: other faults of the same thing have other causes."""


class Verdict(StrEnum):
    """What a line begins with."""

    OK = "OK"
    WARN = "WARN"
    """Something is wrong and every stop would be seen."""
    FAIL = "FAIL"
    """Stops would not be seen, or not acted upon."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was found of one thing; `words` hold no secret, and what to do where it is not as it should be."""

    verdict: Verdict
    what: str
    words: str

    def __str__(self) -> str:
        return f"{self.verdict:<5} {self.what:<12} {self.words}"


class Wrong(Exception):
    """Something answered, and the answer is wrong; the message says how and what to do."""

    def __init__(self, message: str, verdict: Verdict = Verdict.FAIL) -> None:
        super().__init__(message)
        self.verdict = verdict


async def tried(
    what: str, action: Callable[[], Awaitable[str]], remedy: str | Remedy, otherwise: Verdict = Verdict.FAIL
) -> Line:
    """The line of `action`, which returns what is well, or raises Wrong or whatever a client raises."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return Line(Verdict.OK, what, await action())
    except Wrong as wrong:
        return Line(wrong.verdict, what, str(wrong))
    except Exception as error:
        # Whatever a client raises is what is to be told.
        return Line(otherwise, what, f"{_said(error)}. {remedy if isinstance(remedy, str) else remedy(error)}")


def of_aws(error: Exception) -> bool:
    """Whether AWS, or the way there, is at fault."""
    return isinstance(error, ClientError | BotoCoreError)


def _said(error: Exception) -> str:
    """What went wrong, without anything that a library may have quoted."""
    match error:
        case ClientError():
            return f"AWS says {error.response['Error']['Code']}"
        case AlgotradingError() | DialFailed():
            return str(error)
        case TimeoutError():
            return f"no answer within {PATIENCE_SECONDS:g} s"
    return type(error).__name__
