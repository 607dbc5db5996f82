"""Deliberate bugs, each of which walks must find: the proof that they prove something."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from algotrading.domain import decide as decide_module
from algotrading.domain import protect as protect_module
from algotrading.domain import settle as settle_module
from algotrading.domain.cycle import Cycle, CycleState, Intent, IntentState
from algotrading.domain.effects import Decision, RetryExit, Tell
from algotrading.domain.events import BookRead, ExitDue, LastRead
from algotrading.domain.look import Look
from algotrading.domain.orders import Leg
from algotrading.domain.policy import Policy
from algotrading.domain.tell import bought
from tests.unit.domain.walks.weather import EntryPace, Kind


@dataclass(frozen=True, slots=True)
class Bug:
    """One bug: what it is, on which walks it shows, within how many, and in whose words."""

    what: str
    kind: Kind
    within: int
    found_as: str
    """Part of what the broken rule says."""
    applied: Callable[[], AbstractContextManager[object]]
    weather: Mapping[str, Any]
    """The weather that brings it out, where the seeds' own rarely does."""


BUGS: dict[str, Bug] = {}

_Apply = Callable[[], AbstractContextManager[object]]


def _bug(what: str, found_as: str, within: int, kind: Kind = Kind.PROMPT, **weather: Any) -> Callable[[_Apply], _Apply]:
    def register(apply: _Apply) -> _Apply:
        BUGS[apply.__name__.removeprefix("_")] = Bug(what, kind, within, found_as, apply, weather)
        return apply

    return register


def _wrapped(owner: Any, name: str, around: Callable[..., Any]) -> AbstractContextManager[object]:
    """`owner.name` replaced by `around(original, ...)`."""
    original = getattr(owner, name)
    return patch.object(owner, name, lambda *args, **more: around(original, *args, **more))


# --- what is sold -----------------------------------------------------------------------------------


@_bug(
    "an entry of unknown fate of which a part was sold is sold whole again",
    "more was sold than bought",
    200,
    hides_entries=True,
    entry_pace=EntryPace.WHOLE,
    fills_exits_whole=False,
    loses_answers=0.1,
    positions_lag=60.0,
)
def _sold_part_forgotten() -> AbstractContextManager[object]:
    def leave(original: Any, cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
        if event.held is None or not cycle.sold:
            return original(cycle, event, policy)  # type: ignore[no-any-return]
        # As many held as the entry was to buy count as all of it, though some of it was sold before.
        decision: Decision = original(cycle, replace(event, held=event.held - cycle.sold), policy)
        *others, last = decision.cycle.intents
        if len(decision.cycle.intents) == len(cycle.intents):
            return decision
        whole = replace(last, quantity=last.quantity + cycle.sold)
        return replace(decision, cycle=replace(decision.cycle, intents=(*others, whole)))

    return _wrapped(decide_module, "_leave_entering", leave)


@_bug(
    "a sale that surfaces beside an awaited entry is left alone",
    "a stray sale",
    600,
    Kind.LATE,
    entry_pace=EntryPace.FROZEN,
    cancels_entries=0.0,
    hides_entries=False,
    loses_answers=0.3,
    surfacing=(250.0,),
)
def _stray_sale_left() -> AbstractContextManager[object]:
    def await_orders(original: Any, cycle: Cycle, intents: Any, *rest: Any) -> Decision:
        is_entering = cycle.state is CycleState.ENTERING
        awaited = [intent for intent in intents if intent.leg is Leg.ENTRY or not is_entering]
        return original(cycle, awaited, *rest)  # type: ignore[no-any-return]

    return _wrapped(settle_module, "await_orders", await_orders)


@_bug(
    "the last reading of a day goes on as any other",
    "ordered at the last readings",
    200,
    entry_pace=EntryPace.WHOLE,
    fills_exits_whole=False,
    loses_answers=0.7,
)
def _ordered_after_the_close() -> AbstractContextManager[object]:
    def end_day(original: Any, cycle: Cycle, event: Any, policy: Policy) -> Decision:
        read = decide_module._read if isinstance(event, LastRead) else original
        return read(cycle, event, policy)

    return _wrapped(decide_module, "end_day", end_day)


# --- when it is over --------------------------------------------------------------------------------


@_bug("a cycle of which everything is sold is over, though its entry may buy more", "flat while an entry", 100)
@contextmanager
def _flat_too_early() -> Iterator[None]:
    def sold_out(_original: Any, cycle: Cycle) -> Cycle:
        return replace(cycle, state=CycleState.FLAT, wanted=None, note=None)

    with _wrapped(settle_module, "sold_out", sold_out), _wrapped(protect_module, "sold_out", sold_out):
        yield


@_bug("an exit that has to wait asks again at once", "an endless loop", 500)
def _no_pause() -> AbstractContextManager[object]:
    def claim(original: Any, cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
        decision: Decision = original(cycle, event, policy)
        hasty = (replace(each, pause=0.0) if isinstance(each, RetryExit) else each for each in decision.effects)
        return replace(decision, effects=tuple(hasty))

    return _wrapped(decide_module, "_claim_exit", claim)


@_bug("an order that one reading does not show was never placed", "counts as never placed", 20)
def _absence_believed_at_once() -> AbstractContextManager[object]:
    def observe(original: Any, cycle: Cycle, event: BookRead, window: Any, reads: int) -> Cycle:
        return original(cycle, event, 0 * window, 1)  # type: ignore[no-any-return]

    return _wrapped(decide_module, "observe", observe)


@_bug("every fill is counted twice", "untrue, there were", 20)
def _fills_counted_twice() -> AbstractContextManager[object]:
    def observe(original: Any, cycle: Cycle, *rest: Any) -> Cycle:
        seen: Cycle = original(cycle, *rest)
        old = {intent.tag: intent.filled for intent in cycle.intents}
        doubled = tuple(replace(i, filled=2 * i.filled) if i.filled != old[i.tag] else i for i in seen.intents)
        return replace(seen, intents=doubled)

    return _wrapped(decide_module, "observe", observe)


# --- what is told -----------------------------------------------------------------------------------


@_bug("the rest of the buy is said not to be filled while it is open", "untrue, the entry is open", 100)
def _rest_written_off() -> AbstractContextManager[object]:
    def settle_entry(original: Any, cycle: Cycle, look: Look, policy: Policy) -> Decision:
        decision: Decision = original(cycle, look, policy)
        is_open = bool(cycle.open_intents(Leg.ENTRY))
        if not is_open or not cycle.bought or decision.cycle.state is CycleState.ENTERING:
            return decision
        ended = tuple(replace(intent, state=IntentState.DONE) for intent in cycle.intents)
        return replace(decision, effects=(bought(replace(cycle, intents=ended)), *decision.effects))

    return _wrapped(settle_module, "_settle_entry", settle_entry)


@_bug("a sale that sold everything counts as one that the market did not take", "untrue, the exits were filled", 300)
def _filled_sale_counts_as_unfilled() -> AbstractContextManager[object]:
    return patch.object(Intent, "is_filled", property(lambda _: False))


@_bug("the owner hears of the buy, and never that it was sold again", "it is not told what was sold", 20)
def _sale_not_told() -> AbstractContextManager[object]:
    def end(original: Any, *args: Any) -> Decision:
        decision: Decision = original(*args)
        return replace(decision, effects=tuple(e for e in decision.effects if not isinstance(e, Tell)))

    return _wrapped(settle_module, "_end", end)
