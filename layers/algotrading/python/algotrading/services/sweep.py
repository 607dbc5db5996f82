"""The book sweep: every armed cycle is looked at about once a minute, whether or not anything hints at news.

Order updates may be lost, and a trader may sell by hand: only looking tells. Kite allows ten requests a
second to an account, for all its strategies together, and a look takes about three (orders, trades,
positions). So the looks of one account are spread over the minute, and leave orders and exits more than
they use; FIFO queues have no delay for single messages, so whoever sends them waits in between.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TypeVar
from uuid import UUID

_Item = TypeVar("_Item")

PER_SECOND = 2
"""Looks that one account is asked for in a second: about six requests of its ten."""
WAVES = 40
"""Seconds over which the looks of a minute are spread. An account with more strategies than fit has them
looked at in turn, each within two minutes up to twice as many."""
_BUSY = timedelta(seconds=15)
"""Around a timed exit the account's requests belong to it, and its worker looks at the book anyway."""


@dataclass(frozen=True, slots=True)
class Look:
    """One cycle to be compared with the broker's book."""

    strategy_id: UUID
    user_id: UUID
    account_id: UUID
    trading_day: date
    is_suspect: bool = False
    """Something about it is not proven: looked at before those that are merely due."""
    exit_due: datetime | None = None

    def fits(self, now: datetime) -> bool:
        """Whether a look at `now` comes in nobody's way."""
        return self.is_suspect or self.exit_due is None or abs(now - self.exit_due) > _BUSY


def plan_waves(looks: Iterable[Look], minute: int) -> list[list[Look]]:
    """The looks of this minute, one list for each second. What does not fit has its turn in the next."""
    accounts: defaultdict[UUID, list[Look]] = defaultdict(list)
    for look in sorted(looks, key=lambda look: (look.account_id, look.strategy_id, look.trading_day)):
        accounts[look.account_id].append(look)
    waves: list[list[Look]] = [[] for _ in range(WAVES)]
    for its_looks in _rotated(list(accounts.values()), minute):
        for position, look in enumerate(_in_turn(its_looks, minute)):
            waves[position // PER_SECOND].append(look)
    while waves and not waves[-1]:
        waves.pop()
    return waves


def _in_turn(looks: Sequence[Look], minute: int) -> list[Look]:
    room = PER_SECOND * WAVES
    suspects = _rotated([look for look in looks if look.is_suspect], minute * room)[:room]
    left = room - len(suspects)
    return suspects + _rotated([look for look in looks if not look.is_suspect], minute * left)[:left]


def _rotated(items: list[_Item], by: int) -> list[_Item]:
    start = by % len(items) if items else 0
    return items[start:] + items[:start]
