"""Limits that a trader sets, locks that stop entries, and what it is to break one. Values only."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from algotrading.domain.notices import NoticeKind
from algotrading.domain.seen import tag_of
from algotrading.domain.sentences import sentence
from algotrading.domain.sessions import IST

LAST_LOOK: Final = timedelta(seconds=1)
"""An entry leaves at most this long after the beginning of its last look at the locks. Whoever locks and then
waits this long (with a reserve) has seen the last entry go."""
MINUTE: Final = timedelta(seconds=60)
"""Orders are counted over the 60 s before now, so that no burst passes at the turn of a minute."""


class BreachKind(StrEnum):
    """What stands against an entry. Stored: add, never rename."""

    LOCKED = "locked"
    """The user's kill switch is on."""
    DEPLOYMENT_LOCKED = "deployment_locked"
    """The operator has stopped entries of everybody."""
    DAILY_LOSS = "daily_loss"
    WEEKLY_LOSS = "weekly_loss"
    POSITION_SIZE = "position_size"
    SYMBOL_EXPOSURE = "symbol_exposure"
    ORDERS_PER_MINUTE = "orders_per_minute"
    OPEN_STRATEGIES = "open_strategies"

    @property
    def is_lock(self) -> bool:
        """Whether somebody pressed a switch, rather than a limit being reached."""
        return self in {BreachKind.LOCKED, BreachKind.DEPLOYMENT_LOCKED}


@dataclass(frozen=True, slots=True)
class Breach:
    """A limit and how much of it would be used; both None where there is nothing to count."""

    kind: BreachKind
    used: Decimal | None
    limit: Decimal | None
    text: str
    """In plain words, for the trader."""


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """A trader's limits. The defaults limit nothing: nobody but the trader knows his capital, and a limit
    that nobody asked for would miss entries for a reason that nobody knows."""

    daily_loss: Decimal | None = None
    """The day's loss, realised and open, after charges, at which entries end."""
    weekly_loss: Decimal | None = None
    """The same from Monday on."""
    position_size: Decimal | None = None
    """The value of one position."""
    symbol_exposure: Decimal | None = None
    """The value held and ordered in one symbol, over all strategies."""
    orders_per_minute: int | None = None
    open_strategies: int | None = None
    """Strategies that hold something or are about to."""
    square_off: bool = False
    """Whether a breached loss limit also sells what is held."""

    def is_looser_than(self, before: RiskLimits) -> bool:
        """Whether more can be risked under these than under those of before, in whatever way."""
        pairs: tuple[tuple[Decimal | int | None, Decimal | int | None], ...] = (
            (self.daily_loss, before.daily_loss),
            (self.weekly_loss, before.weekly_loss),
            (self.position_size, before.position_size),
            (self.symbol_exposure, before.symbol_exposure),
            (self.orders_per_minute, before.orders_per_minute),
            (self.open_strategies, before.open_strategies),
        )
        is_raised = any(old is not None and (new is None or new > old) for new, old in pairs)
        return is_raised or (before.square_off and not self.square_off)

    @property
    def tag(self) -> str:
        """What tells these limits from others: see `domain.seen`."""
        return tag_of(*astuple(self))

    @property
    def limit_losses(self) -> bool:
        """Whether a loss has to be worked out to check them."""
        return self.daily_loss is not None or self.weekly_loss is not None

    @property
    def need_prices(self) -> bool:
        """Whether what is held or bought has to be valued to check them."""
        return self.limit_losses or self.position_size is not None or self.symbol_exposure is not None


@dataclass(frozen=True, slots=True)
class Lock:
    """A kill switch that is on."""

    since: datetime
    by: str
    reason: str | None

    def describe(self) -> str:
        """For the trader."""
        return f"{self.by}: {self.reason}" if self.reason else self.by


@dataclass(frozen=True, slots=True)
class Locks:
    """Both switches that stop a user's entries."""

    user: Lock | None = None
    deployment: Lock | None = None

    @property
    def since(self) -> datetime | None:
        """When the younger of them was switched on: from then on everything has to become flat."""
        return max((lock.since for lock in (self.user, self.deployment) if lock is not None), default=None)

    def breach(self) -> Breach | None:
        """What they say to an entry."""
        if self.user is not None:
            return Breach(BreachKind.LOCKED, None, None, f"the kill switch is on ({self.user.describe()})")
        if self.deployment is not None:
            text = f"trading is stopped for everybody by the operator ({self.deployment.describe()})"
            return Breach(BreachKind.DEPLOYMENT_LOCKED, None, None, text)
        return None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why an entry that was decided must not leave any more."""

    why: str
    breach: Breach | None = None
    """None when its owner stopped the strategy."""


STOPPED: Final = Obstacle("stopped by its owner")


def obstacle_to(locks: Locks, *, is_running: bool) -> Obstacle | None:
    """What keeps a decided entry of a strategy from leaving, if anything does."""
    breach = locks.breach()
    if breach is not None:
        return Obstacle(breach.text, breach)
    return None if is_running else STOPPED


@dataclass(frozen=True, slots=True)
class RiskNotice:
    """Something about risk that its owner is told. `kind` is stable for programs, `text` is for people."""

    kind: NoticeKind
    text: str


def killed_notice(lock: Lock, *, for_everybody: bool = False) -> RiskNotice:
    """The switch is on."""
    whose = "The operator has stopped trading for everybody" if for_everybody else "The kill switch is on"
    text = f"{whose} ({lock.describe()}): nothing is bought until it is released, and what is held is being sold."
    return RiskNotice(NoticeKind.DEPLOYMENT_KILLED if for_everybody else NoticeKind.KILLED, text)


def released_notice(lock: Lock, *, for_everybody: bool = False, is_still_locked: bool = False) -> RiskNotice:
    """The switch is off; `is_still_locked` when the other of the two is on."""
    whose = "The operator has let trading go on" if for_everybody else "The kill switch is off"
    if not is_still_locked:
        then = ": running strategies buy again at their next buy time."
    elif for_everybody:
        then = ", but your own kill switch is still on, and nothing is bought until you release it."
    else:
        then = ", but the operator has stopped trading for everybody, and nothing is bought until that is released too."
    text = f"{whose} (on since {lock.since.astimezone(IST):%Y-%m-%d %H:%M:%S} IST){then}"
    return RiskNotice(NoticeKind.DEPLOYMENT_RELEASED if for_everybody else NoticeKind.RELEASED, text)


def flat_notice(milliseconds: int, foreign: int) -> RiskNotice:
    """Nothing of ours is held."""
    text = (
        f"Your broker's book shows that nothing of your strategies is held, {milliseconds / 1000:.1f} s after the stop."
    )
    if foreign:
        text += f" {foreign} position(s) of your own in the same symbols were left alone: look at them."
    return RiskNotice(NoticeKind.VERIFIED_FLAT, text)


def nothing_placed_notice() -> RiskNotice:
    """There was nothing to sell by our record, and the broker was not asked."""
    text = (
        "No order of your strategies was placed on the day of the stop, and none of them holds anything by our record. "
        "The broker was not asked: look at your broker account if you want to be sure."
    )
    return RiskNotice(NoticeKind.NOTHING_PLACED, text)


def loss_notice(breach: Breach) -> RiskNotice:
    """A loss limit was reached."""
    return RiskNotice(NoticeKind.LOSS_LIMIT, sentence(f"Nothing more is bought: {breach.text}"))
