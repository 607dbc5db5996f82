"""Naked time: how long a filled quantity was held while nothing guarded it.

Two things guard a position: a watcher that sees ticks, and a stop order that rests at the broker. The
watchers count for themselves how long none of them saw (`sight.Sight`); from two readings of that count
follows how much of the time between was blind. Time in which a stop order rested from one reading to the
next is not naked, however blind the watchers were.

The watchers guard nothing of a cycle that is over. What an order buys that surfaces after that is naked from
its fill until the reading that finds it, however well they see.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from algotrading.domain.cycle import Cycle
from algotrading.domain.effects import Effect, RaiseAlarm
from algotrading.domain.events import BookRead
from algotrading.domain.orders import Leg
from algotrading.domain.sight import LONGEST_UNREPORTED, Sight

_NONE = timedelta(0)
_MILLISECOND = timedelta(milliseconds=1)


def measure_naked(before: Cycle, after: Cycle, event: BookRead) -> tuple[Cycle, tuple[Effect, ...]]:
    """`after` with the naked time since the last measurement added, and an alarm where it is naked now.

    Without a reading of the watchers' count (the runtime store is away) nothing is measured: the next reading
    covers the time in between.
    """
    if event.sight is None:
        return _measure_unwatched(before, after, event), ()
    blind = whole_milliseconds(event.sight.blind_at(event.now))
    rests = _is_covered(after)
    is_guarded = _is_covered(before) and (rests or _has_left_by_stop(before, after))
    measure = _blind_while_held if before.is_armed else _held_unwatched
    naked = _NONE if is_guarded else measure(before, after, event, blind)
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


def _measure_unwatched(before: Cycle, after: Cycle, event: BookRead) -> Cycle:
    """What needs no word of the watchers, since they did not guard it: no later reading could make up for it."""
    naked = _NONE if before.is_armed or _is_covered(before) else _held_unwatched(before, after, event)
    return replace(after, naked=after.naked + naked, sampled_at=event.now) if naked else after


def _held_unwatched(before: Cycle, after: Cycle, event: BookRead, _blind: timedelta = _NONE) -> timedelta:
    """How long what a cycle that was over has bought was held: since its trade, where the broker tells its time, or
    since the last look, which did not show it."""
    if after.bought == before.bought:
        return _NONE
    held_since = min(_bought_at(before, after, event), default=before.sampled_at) or event.now
    held_until = event.now if after.open_quantity > 0 else _last_fill(event)
    return max(_NONE, whole_milliseconds(held_until - held_since))


def _bought_at(before: Cycle, after: Cycle, event: BookRead) -> list[datetime]:
    """When the orders traded that had bought nothing yet at the last look."""
    earlier = {intent.tag for intent in before.intents if intent.filled}
    tags = {intent.tag for intent in after.intents if intent.leg is Leg.ENTRY and intent.tag not in earlier}
    ids = {row.broker_order_id for row in event.reading.rows if row.tags & tags}
    fills = (fill for fill in event.reading.fills if fill.broker_order_id in ids)
    return [fill.filled_at for fill in fills if fill.filled_at is not None]


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
