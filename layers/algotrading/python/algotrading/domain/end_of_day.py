"""The last look at a trading day: the broker keeps its book until the next morning, and then nobody can
prove anything any more.

Nothing is ordered here, whatever would follow during the session: the market is closed. What can be
learned is learned; what cannot is said.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.effects import (
    CancelOrder,
    Decision,
    Effect,
    RaiseAlarm,
    RetryExit,
    SendOrder,
    StopStrategy,
    Tell,
    TurnStop,
)
from algotrading.domain.events import BookLost, DayOver, LastRead
from algotrading.domain.look import Look
from algotrading.domain.notices import NoticeKind
from algotrading.domain.observe import observe
from algotrading.domain.policy import Policy
from algotrading.domain.sessions import trading_day_of
from algotrading.domain.settle import settle
from algotrading.domain.tell import seen_in_book

_NEVER = timedelta(days=2)
"""A book read after midnight shows what there was; what it does not show may have left it already."""
_WHAT_HAPPENED = frozenset({NoticeKind.BOUGHT, NoticeKind.SOLD})
_BOOK_LOST = "the day's order book could not be kept: log in to the broker before 06:00"


def end_day(cycle: Cycle, event: LastRead | BookLost | DayOver, policy: Policy) -> Decision:
    """What the end of its trading day makes of a cycle."""
    match event:
        case LastRead():
            return _look_last(cycle, event, policy)
        case BookLost():
            return _ask_for_login(cycle)
        case DayOver():
            return _close(cycle)


def _look_last(cycle: Cycle, event: LastRead, policy: Policy) -> Decision:
    """Bring the cycle up to the book; when the day's last reading leaves something open, say so, once."""
    is_same_day = trading_day_of(event.reading.begun_at) == cycle.trading_day
    seen = observe(cycle, event, policy.evidence_window if is_same_day else _NEVER, policy.clean_reads)
    settled = settle(seen, Look(event.now), policy)
    if any(isinstance(effect, SendOrder | CancelOrder | TurnStop) for effect in settled.effects):
        settled = Decision(seen)
    # Words that speak of an exit being tried again would not be true: there is no market until tomorrow.
    is_retried = any(isinstance(effect, RetryExit) for effect in settled.effects)
    said = tuple(effect for effect in settled.effects if _is_true(effect, is_retried=is_retried))
    learned = Decision(settled.cycle, (*seen_in_book(cycle, seen), *said))
    return _say_what_is_open(learned, event) if event.is_final else learned


def _is_true(effect: Effect, *, is_retried: bool) -> bool:
    if isinstance(effect, Tell):
        return not is_retried or effect.kind in _WHAT_HAPPENED
    return isinstance(effect, RaiseAlarm | StopStrategy)


def _ask_for_login(cycle: Cycle) -> Decision:
    """The book cannot be read, and is going to vanish: the trader can still log in."""
    said = _note_once(cycle, _BOOK_LOST)
    if said is None:
        return Decision(cycle)
    text = f"Your broker login is over, and {_BOOK_LOST}."
    return Decision(said, (RaiseAlarm("SnapshotMissing", _BOOK_LOST), Tell(NoticeKind.SNAPSHOT_MISSING, text)))


def _say_what_is_open(decision: Decision, event: LastRead) -> Decision:
    cycle = decision.cycle
    if cycle.is_settled:
        return decision
    unsure = [intent for intent in cycle.intents if intent.state.is_open]
    what = f"the outcome of {len(unsure)} orders is not known" if unsure else f"{cycle.open_quantity} were not sold"
    shown = "" if event.held is None else f"; your broker shows {event.held}"
    why = f"at the end of the day {what}{shown}"
    said = _note_once(cycle, why)
    if said is None:
        return decision
    text = f"{cycle.plan.symbol}: {why}"
    tell = Tell(NoticeKind.OPEN_AT_CLOSE, f"{text}. Look into your broker account.")
    return Decision(said, (*decision.effects, RaiseAlarm("OpenAtClose", text), tell))


def _close(cycle: Cycle) -> Decision:
    """The cycle's trading day is over and something of it was never settled: its book is gone, so nobody
    can prove anything any more. Say so, and stop."""
    if cycle.is_settled:
        return Decision(cycle)
    symbol = cycle.plan.symbol
    why = f"the day ended with {cycle.open_quantity} {symbol} not known to be sold: look at your broker account"
    # Done without a broker status: nobody has seen how they ended.
    ended = tuple(replace(i, state=IntentState.DONE, message=why) if i.state.is_open else i for i in cycle.intents)
    failed = replace(cycle, state=CycleState.FAILED, intents=ended, wanted=None, claim=None, note=why)
    alarm = RaiseAlarm("OldCycleOpen", f"{symbol}: {why}")
    return Decision(failed, (alarm, StopStrategy(why), Tell(NoticeKind.UNSETTLED, f"{symbol}: {why}.")))


def _note_once(cycle: Cycle, why: str) -> Cycle | None:
    """The cycle with the words in its note; None when they are there already."""
    if cycle.note is not None and why in cycle.note:
        return None
    return replace(cycle, note=why if cycle.note is None else f"{cycle.note}; {why}")
