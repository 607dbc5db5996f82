"""What a trader has to do before the open, in one message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import time

from algotrading.domain.preflight import Check, CheckName

_NOT_THE_OWNERS = frozenset({CheckName.RUNNING, CheckName.FEED})
"""Nothing that its owner could mend, or no trouble of a strategy that runs."""


def reminder_of(strategies: Sequence[tuple[str, time, Sequence[Check]]]) -> str | None:
    """The words for one owner's running strategies of a day, each with its symbol, its buy time and its checks; None
    when nothing is to be done. What stands in the way of several is said once, with all their names."""
    waiting: dict[tuple[str, str | None], list[str]] = {}
    for symbol, buy_time, checks in strategies:
        for check in checks:
            if not check.is_green and check.name not in _NOT_THE_OWNERS:
                waiting.setdefault((check.text, check.remedy), []).append(f"{symbol} at {buy_time:%H:%M}")
    if not waiting:
        return None
    return "\n".join(["not ready for today:", *_lines(waiting)])


def _lines(waiting: Mapping[tuple[str, str | None], Sequence[str]]) -> Sequence[str]:
    return [
        f"{', '.join(names)}: {text}{'' if remedy is None else f'; {remedy}'}"
        for (text, remedy), names in waiting.items()
    ]
