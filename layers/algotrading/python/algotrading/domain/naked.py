"""Naked time: how long a filled quantity was held while nothing guarded it.

Two things guard a position: a watcher that sees ticks, and a stop order that rests at the broker. The
watchers count for themselves how long none of them saw (`sight.Sight`); from two readings of that count
follows how much of the time between was blind. Time in which a stop order rested from one reading to the
next is not naked, however blind the watchers were.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from algotrading.domain.cycle import Cycle
from algotrading.domain.effects import Effect, RaiseAlarm
from algotrading.domain.events import BookRead
from algotrading.domain.sight import LONGEST_UNREPORTED, Sight

_NONE = timedelta(0)
_MILLISECOND = timedelta(milliseconds=1)


def measure_naked(before: Cycle, after: Cycle, event: BookRead) -> tuple[Cycle, tuple[Effect, ...]]:
    """`after` with the naked time since the last measurement added, and an alarm where it is naked now.

    Without a reading of the watchers' count (the runtime store is away) nothing is measured: the next reading
    covers the time in between.
    """
    if event.sight is None:
        return after, ()
    blind = whole_milliseconds(event.sight.blind_at(event.now))
    rests = _is_covered(after)
    is_guarded = _is_covered(before) and (rests or _has_left_by_stop(before, after))
    naked = _NONE if is_guarded else _blind_while_held(before, after, event, blind)
    measured = replace(after, naked=after.naked + naked, sampled_at=event.now, sampled_blind=blind)
    is_blind = event.now - event.sight.at > LONGEST_UNREPORTED
    if after.open_quantity <= 0 or not is_blind or rests:
        return measured, ()
    text = (
        f"{after.plan.symbol}: {after.open_quantity} are held, no watcher sees, and no stop order rests at the broker"
    )
    return measured, (RaiseAlarm("Unguarded", text),)


def naked_until(cycle: Cycle, now: datetime, sight: Sight | None) -> timedelta:
    """The cycle's naked time with what has passed since it was measured last: while a position stands unguarded, its
    owner sees the time run. Where `sight` is not known, as measured."""
    if sight is None or cycle.sampled_at is None or cycle.open_quantity <= 0 or _is_covered(cycle):
        return cycle.naked
    new_blind = whole_milliseconds(sight.blind_at(now)) - (cycle.sampled_blind or _NONE)
    return cycle.naked + max(_NONE, min(new_blind, whole_milliseconds(now - cycle.sampled_at)))


def _is_covered(cycle: Cycle) -> bool:
    """Whether stop orders rest over everything that is held."""
    resting = sum(intent.quantity - intent.filled for intent in cycle.intents if intent.rests)
    return resting >= max(cycle.open_quantity, 1)


def _has_left_by_stop(before: Cycle, after: Cycle) -> bool:
    """Whether a stop order that rested has sold meanwhile: it guarded until it did."""
    rested = {intent.tag for intent in before.intents if intent.rests}
    return any(intent.tag in rested and intent.filled for intent in after.intents)


def whole_milliseconds(duration: timedelta) -> timedelta:
    """As exactly as it is kept."""
    return round(duration / _MILLISECOND) * _MILLISECOND


def _blind_while_held(before: Cycle, after: Cycle, event: BookRead, blind: timedelta) -> timedelta:
    if before.open_quantity <= 0 and after.bought == before.bought:
        return _NONE
    new_blind = blind - before.sampled_blind if before.sampled_blind is not None else blind
    held_since = _first_fill(event) if before.open_quantity <= 0 else before.sampled_at
    held_until = event.now if after.open_quantity > 0 else _last_fill(event)
    return max(_NONE, min(new_blind, whole_milliseconds(held_until - (held_since or event.now))))


def _first_fill(event: BookRead) -> datetime | None:
    return min((fill.filled_at for fill in event.reading.fills if fill.filled_at is not None), default=None)


def _last_fill(event: BookRead) -> datetime:
    return max((fill.filled_at for fill in event.reading.fills if fill.filled_at is not None), default=event.now)
