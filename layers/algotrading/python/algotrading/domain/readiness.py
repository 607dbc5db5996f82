"""What a trader has to do before the open, or before one buy, in one message."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time

from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.preflight import Check, CheckName

_NOT_THE_OWNERS = frozenset({CheckName.RUNNING, CheckName.FEED})
"""Nothing that its owner could mend, or no trouble of a strategy that runs."""
_FOLLOWS_FROM = {CheckName.LOGIN_LASTS: frozenset({CheckName.BROKER_LOGIN, CheckName.PLAN})}
"""Red because another one is, and mended with it."""


def reminder_of(strategies: Sequence[tuple[str, time, Sequence[Check]]]) -> str | None:
    """The words for one owner's running strategies of a day, each with its symbol, its buy time and its checks; None
    when nothing is to be done. What stands in the way of several is said once, with all their names."""
    waiting: dict[Check, list[str]] = {}
    for symbol, buy_time, checks in strategies:
        for check in _to_mend(checks):
            waiting.setdefault(check, []).append(f"{symbol} at {buy_time:%H:%M}")
    if not waiting:
        return None
    return "\n".join(
        ["not ready for today:", *(f"{', '.join(names)}: {_words(check)}" for check, names in waiting.items())]
    )


def naming(symbol: str, account: NamedAccount | None) -> str:
    """The symbol, with the account that it is traded in; None: its owner has no other."""
    return symbol if account is None else f"{symbol} ({account.name})"


def last_call_of(symbol: str, buy_time: time, checks: Sequence[Check]) -> str | None:
    """The words for the owner of one strategy, shortly before it buys; None when nothing is to be done."""
    waiting = _to_mend(checks)
    if not waiting:
        return None
    head = f"not ready for the buy of {symbol} at {buy_time}, which is still made if this is mended before:"
    return "\n".join([head, *map(_words, waiting)])


def trouble_of(checks: Sequence[Check]) -> str:
    """What is to be mended, by name: the same for the same trouble, whatever its figures."""
    return ",".join(sorted(check.name for check in _to_mend(checks)))


def _to_mend(checks: Sequence[Check]) -> Sequence[Check]:
    red = {check.name for check in checks if not check.is_green}
    return [
        check
        for check in checks
        if not check.is_green and check.name not in _NOT_THE_OWNERS and not red & _FOLLOWS_FROM.get(check.name, set())
    ]


def _words(check: Check) -> str:
    return check.text if check.remedy is None else f"{check.text}; {check.remedy}"
