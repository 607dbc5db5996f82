"""What a walk draws before it begins: how its broker behaves, and what its trader plans."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from uuid import UUID

from algotrading.domain.cycle import Cycle
from tests.fakes.examples import TRADING_DAY, make_plan


class Kind(StrEnum):
    """How late orders surface and readings are, and so what must hold."""

    PROMPT = "prompt"
    """By at most a minute: nothing is oversold, and nothing is over while an entry may buy more."""
    LATE = "late"
    """Orders may surface after the book has proven them absent. One that sells then sells twice, whatever anybody
    does, and an entry that does may buy when all is over: what does not follow from that must hold."""


class EntryPace(StrEnum):
    """How an entry fills."""

    WHOLE = "whole"
    SLOW = "slow"
    STUCK = "stuck"
    FROZEN = "frozen"
    """A part of it soon, and hardly anything after that."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How the broker behaves all day. Lags are seconds."""

    kind: Kind
    held_before: int
    """What the account holds before the walk's own entry."""
    entry_pace: EntryPace
    fills_exits_whole: bool
    """Otherwise in pieces, some of which are cancelled or rejected."""
    cancels_entries: float
    """How likely it is that a cancel of an entry is carried out."""
    hides_entries: bool
    """Entries are taken without an answer, and trade; the book does not show them for as long as it may."""
    loses_answers: float
    """How likely it is that an order is not answered, and may be there all the same."""
    book_lag: float
    positions_lag: float
    surfacing: tuple[float, ...]
    """After how long an order whose answer was lost may surface."""

    @classmethod
    def draw(cls, kind: Kind, random: Random) -> Weather:
        """The weather of one walk."""
        is_late = kind is Kind.LATE
        return cls(
            kind=kind,
            held_before=random.choice((0, 0, 0, 3)),
            entry_pace=random.choice((EntryPace.WHOLE, EntryPace.SLOW, *3 * (EntryPace.STUCK,), EntryPace.FROZEN)),
            fills_exits_whole=random.random() < 0.4,
            cancels_entries=random.choice((0.0, 0.05, 0.3, 0.9)),
            hides_entries=random.random() < 0.3,
            loses_answers=random.choice((0.1, 0.3, 0.7)),
            book_lag=random.choice((0.0, 0.0, 3.0, 20.0)),
            positions_lag=random.choice((0.0, 3.0, 20.0, 60.0)),
            surfacing=(0.0, 0.0, 60.0, 250.0, 400.0) if is_late else (0.0, 0.0, 2.0, 8.0, 60.0),
        )


@dataclass(frozen=True, slots=True)
class Agenda:
    """What is wanted when, in seconds after the buy time; None: never."""

    sells_at: float
    killed_at: float | None
    stopped_at: float | None
    ends_at: float
    ends_with_the_day: bool
    """Otherwise the broker becomes quick and true, and the walk comes to rest."""

    @classmethod
    def draw(cls, random: Random) -> Agenda:
        """The agenda of one walk."""
        return cls(
            sells_at=random.choice((4.0, 8.0, 30.0, 100.0, 250.0)),
            killed_at=random.choice((None, None, 6.0, 60.0, 200.0)),
            stopped_at=random.choice((None, 5.0, 20.0, 120.0)),
            ends_at=random.uniform(100, 500),
            ends_with_the_day=random.random() < 0.25,
        )


def draw_cycle(random: Random) -> Cycle:
    """A cycle of ten shares that has not begun; three of ten want a stop order to rest at the broker."""
    plan = make_plan(broker_stop=random.random() < 0.3)
    return Cycle(UUID(int=1), UUID(int=2), UUID(int=3), TRADING_DAY, plan, epoch=1)
