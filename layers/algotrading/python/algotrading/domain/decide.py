"""The only place where trading is decided: `decide(cycle, event)` says what becomes of a cycle and
what must be done about it.

Rules that never bend: an intent exists before its order; an order whose outcome is unknown is neither
repeated nor given up before the broker's book has spoken; at most one exit is under way, and it never
sells more than was bought, nor more than the broker says is held (where it cannot be asked, what its
trades say, with an alarm); an exit that failed is wanted again until nothing is held. What follows
from the book and from failures is in `domain.settle`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from algotrading.domain import tell
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, Intent, IntentState, TurnAnswer
from algotrading.domain.doubt import doubt_exit
from algotrading.domain.effects import (
    Decision,
    RaiseAlarm,
    ReadBook,
    RetryExit,
    StopStrategy,
    Tell,
)
from algotrading.domain.end_of_day import end_day
from algotrading.domain.events import (
    Answered,
    BookLost,
    BookRead,
    DayOver,
    EntryDue,
    EntryHeldBack,
    EntryMissed,
    EntryWithdrawn,
    Event,
    ExitBlocked,
    ExitDue,
    LastRead,
    StopTurned,
)
from algotrading.domain.look import Look
from algotrading.domain.naked import measure_naked, whole_milliseconds
from algotrading.domain.notices import NoticeKind
from algotrading.domain.observe import duplicated, observe
from algotrading.domain.orders import Accepted, Leg, Refused
from algotrading.domain.policy import Policy
from algotrading.domain.protect import needs_look, turn
from algotrading.domain.sentences import sentence
from algotrading.domain.sessions import trading_day_of
from algotrading.domain.settle import after_failure, settle
from algotrading.domain.steps import cancel_now, exit_pause, intents_of, miss, with_intent, with_order

_POSITIONS_SPEAK_FOR = timedelta(minutes=5)
_MISSING = {"entry": "OrderUnknown", "exit": "ExitBlocked", "stop": "StopNotResting"}
"""What is alarmed, by leg, of an order that the broker took and does not show."""
_LEAVES_IDLE = frozenset({ExitReason.USER, ExitReason.SQUARE_OFF, ExitReason.RISK})


def decide(cycle: Cycle, event: Event, policy: Policy) -> Decision:
    """What `event` makes of `cycle`. Pure: same input, same answer, in any world."""
    match event:
        case EntryDue():
            decision = _enter(cycle, event, policy)
        case ExitBlocked():
            decision = _block(cycle, event)
        case EntryMissed():
            decision = _miss(cycle, event)
        case EntryWithdrawn() | EntryHeldBack():
            decision = _leave_unsent(cycle, event)
        case ExitDue():
            decision = _leave(cycle, event, policy)
        case Answered():
            decision = _hear(cycle, event, policy)
        case LastRead() | BookLost() | DayOver():
            decision = end_day(cycle, event, policy)
        case BookRead():
            decision = _read(cycle, event, policy)
        case StopTurned():
            decision = _hear_turn(cycle, event)
    return decision


# --- entry ----------------------------------------------------------------------------------------


def _enter(cycle: Cycle, event: EntryDue, policy: Policy) -> Decision:
    if cycle.state is not CycleState.IDLE:
        return Decision(cycle)
    if event.now > event.due + policy.entry_grace:
        late = round((event.now - event.due).total_seconds())
        return miss(
            cycle, NoticeKind.ENTRY_MISSED, f"the buy could not be sent until {late} s after its time; not bought late"
        )
    stop = cycle.plan.stop_loss
    if event.last_price is not None and event.last_price <= stop:
        why = f"the price {event.last_price:f} is not above the stop-loss {stop.normalize():f}; not bought"
        return miss(cycle, NoticeKind.ENTRY_SKIPPED, why)
    if event.held is not None and event.held < 0:
        # The broker nets: it would close what somebody else has sold, and nothing would be there to guard or to sell.
        why = f"the account is short of {-event.held} in it already, which a buy would close; not bought"
        return miss(cycle, NoticeKind.ENTRY_SKIPPED, why)
    blind = whole_milliseconds(event.sight.blind_at(event.now)) if event.sight is not None else None
    entering = replace(
        cycle, state=CycleState.ENTERING, sampled_at=event.now, sampled_blind=blind, held_before=event.held
    )
    return with_order(entering, Leg.ENTRY, cycle.plan.quantity, now=event.now, due=event.due)


def _miss(cycle: Cycle, event: EntryMissed) -> Decision:
    """Nothing is bought today, unless something was, or may yet turn out to have been."""
    begun = cycle.state is CycleState.ENTERING and not cycle.bought and not cycle.open_intents(Leg.ENTRY)
    if cycle.state is not CycleState.IDLE and not begun:
        return Decision(cycle)
    return miss(cycle, NoticeKind.ENTRY_MISSED if event.breach is None else NoticeKind.ENTRY_BLOCKED, event.why)


def _leave_unsent(cycle: Cycle, event: EntryWithdrawn | EntryHeldBack) -> Decision:
    if isinstance(event, EntryHeldBack):
        held = _intent(cycle, event.tag)
        unsent = replace(held, state=IntentState.THROTTLED, answered_at=event.now, message=event.why)
        return miss(with_intent(cycle, unsent), NoticeKind.ENTRY_MISSED, event.why)
    obstacle = event.obstacle
    why = f"{obstacle.why} before the buy was sent" if obstacle.breach is None else obstacle.why
    unsent = replace(_intent(cycle, event.tag), state=IntentState.REFUSED, answered_at=event.now, message=why)
    withdrawn = with_intent(cycle, unsent)
    if obstacle.breach is not None:
        return miss(withdrawn, NoticeKind.ENTRY_BLOCKED, f"not bought: {why}")
    return Decision(replace(withdrawn, state=CycleState.FLAT, wanted=None, note=why))


# --- exit -----------------------------------------------------------------------------------------


def _leave(cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
    match cycle.state:
        case CycleState.IDLE:
            return _leave_idle(cycle, event.reason)
        case CycleState.ENTERING:
            return _leave_entering(replace(cycle, wanted=cycle.wanted or event.reason), event, policy)
        case CycleState.LONG:
            return _claim_exit(cycle, event, policy)
        case CycleState.EXITING if cycle.claim is ExitReason.EXCESS and event.reason is not ExitReason.EXCESS:
            return Decision(replace(cycle, wanted=cycle.wanted or event.reason), (ReadBook(),))
        case CycleState.EXITING:
            return Decision(cycle, (ReadBook(),))
        case _:
            return Decision(cycle)


def _leave_idle(cycle: Cycle, reason: ExitReason) -> Decision:
    if reason is ExitReason.KILL:
        return miss(cycle, NoticeKind.ENTRY_BLOCKED, "the kill switch was pressed before the buy")
    if reason in _LEAVES_IDLE:
        return Decision(cycle)  # nothing to leave; whether to buy is decided when it is due
    return Decision(replace(cycle, state=CycleState.FLAT, note="nothing had been bought by the time to sell"))


def _leave_entering(cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
    """Of an entry that the book has not shown, both may be true, whatever was answered. An account that holds all of it
    that was not sold yet, beyond what it held before, has it, unless its owner bought just as many by hand in those
    seconds: that is sold. Anything else may be the owner's own, and the book has to show first what the entry has
    bought."""
    unknown = [i for i in cycle.open_intents(Leg.ENTRY) if _may_be_filled(i, event)]
    if cycle.bought or not unknown or event.held is None or cycle.held_before is None:
        return settle(cycle, Look(event.now), policy)
    # Positions that still show what was sold before match nothing: they lag, or its owner bought by hand.
    surplus = sum(intent.quantity for intent in unknown) - cycle.sold
    if surplus <= 0 or event.held - cycle.held_before != surplus or cycle.open_intents(Leg.EXIT):
        return settle(cycle, Look(event.now), policy)
    exiting = replace(cycle, state=CycleState.EXITING, claim=event.reason, wanted=None, note=None)
    decision = with_order(exiting, Leg.EXIT, surplus, now=event.now, due=event.due, cause_at=event.cause_at)
    text = f"{cycle.plan.symbol}: the buy's fate is not known; selling the {surplus} that the broker shows since"
    return replace(decision, effects=(RaiseAlarm("UnconfirmedExit", text), *decision.effects))


def _may_be_filled(entry: Intent, event: ExitDue) -> bool:
    """Whether positions are the only word on it. Of an order that the broker took, the book is; where that cannot be
    read, positions are for a while: later on its owner may have bought by hand."""
    if entry.state is not IntentState.ACCEPTED:
        return True
    is_young = event.now - (entry.sent_at or entry.created_at) <= _POSITIONS_SPEAK_FOR
    return event.is_book_away and is_young and entry.is_unseen


def _claim_exit(cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
    rest = (_back_off_over(cycle, policy) - event.now).total_seconds()
    if rest > 0:
        reason = cycle.wanted or event.reason
        return Decision(replace(cycle, wanted=reason), (RetryExit(reason, rest),))
    if event.reason is ExitReason.EXCESS and not cycle.excess:
        return Decision(replace(cycle, wanted=None), (ReadBook(),))
    stops = () if event.reason is ExitReason.EXCESS else cycle.open_intents(Leg.STOP)
    if stops:
        return _leave_by_stop(cycle, stops, event, policy)
    kept = cycle.plan.quantity if event.reason is ExitReason.EXCESS else 0
    sellable = (cycle.open_quantity if event.held is None else min(event.held, cycle.open_quantity)) - kept
    is_shown = sellable > 0
    if not is_shown:
        doubted = doubt_exit(cycle, event, policy)
        if doubted is not None:
            return doubted
        sellable = cycle.open_quantity - kept
    still = cycle.wanted if event.reason is ExitReason.EXCESS and cycle.wanted is not ExitReason.EXCESS else None
    exiting = replace(cycle, state=CycleState.EXITING, claim=event.reason, wanted=still, note=None)
    decision = with_order(exiting, Leg.EXIT, sellable, now=event.now, due=event.due, cause_at=event.cause_at)
    if event.held is not None and is_shown:
        return replace(decision, cycle=replace(decision.cycle, doubted_since=None, doubted_held=0))
    return replace(decision, effects=(_unconfirmed(cycle), *decision.effects))


def _unconfirmed(cycle: Cycle) -> RaiseAlarm:
    text = f"{cycle.plan.symbol}: the position could not be confirmed; selling what our trades say is held"
    return RaiseAlarm("UnconfirmedExit", text)


def _leave_by_stop(cycle: Cycle, stops: tuple[Intent, ...], event: ExitDue, policy: Policy) -> Decision:
    """A stop order may rest at the broker: it is the exit. Where it cannot be (nobody knows yet whether it is
    there, it is being cancelled, or it is over more than is held), no other order sells before it has ended."""
    stop = stops[-1]
    is_whole = event.held is None or stop.quantity <= event.held
    if len(stops) == 1 and stop.rests and not stop.cancels and is_whole:
        turned = turn(cycle, stop, event)
        return turned if event.held is not None else replace(turned, effects=(_unconfirmed(cycle), *turned.effects))
    waiting = cancel_now(replace(cycle, wanted=event.reason), stops, event.now, policy)
    if not needs_look(cycle):
        return waiting
    said = _say_blocked(waiting.cycle, "it is not known yet whether the stop order is at the broker")
    return replace(said, effects=(*said.effects, *waiting.effects))


def _back_off_over(cycle: Cycle, policy: Policy) -> datetime:
    """When the next exit may be tried, whoever asks for it."""
    exits = intents_of(cycle, Leg.EXIT)
    if not exits or exits[-1].answered_at is None:
        return datetime.min.replace(tzinfo=UTC)
    return exits[-1].answered_at + timedelta(seconds=exit_pause(cycle, policy))


def _block(cycle: Cycle, event: ExitBlocked) -> Decision:
    """The exit cannot even be tried: remember that it is wanted, alarm each time, tell the owner once."""
    if not cycle.is_armed:
        return Decision(cycle)
    if event.reason is None:
        return _say_stranded(cycle, event.why)
    return _say_blocked(replace(cycle, wanted=cycle.wanted or event.reason), event.why)


def _say_stranded(cycle: Cycle, why: str) -> Decision:
    """Nobody wants out yet. Whoever will could not sell, nor could a stop that is hit unless it rests at the broker."""
    stranded = f"nothing of it could be sold now: {why}"
    is_guarded = any(intent.rests for intent in cycle.intents)
    alarms = () if is_guarded else (RaiseAlarm("ExitBlocked", f"{cycle.plan.symbol}: {stranded}"),)
    if cycle.note == stranded:
        return Decision(cycle, alarms)
    text = f"{sentence(f'{cycle.plan.symbol}: {stranded}')} Log in to the broker again."
    return Decision(replace(cycle, note=stranded), (*alarms, Tell(NoticeKind.EXIT_BLOCKED, text)))


def _say_blocked(cycle: Cycle, why: str) -> Decision:
    alarm = RaiseAlarm("ExitBlocked", f"{cycle.plan.symbol}: {why}")
    if cycle.note == why:
        return Decision(cycle, (alarm,))
    text = sentence(f"{cycle.plan.symbol}: the sell cannot be sent and is tried again: {why}")
    return Decision(replace(cycle, note=why), (alarm, Tell(NoticeKind.EXIT_BLOCKED, text)))


# --- answers and the book -------------------------------------------------------------------------


def _hear(cycle: Cycle, event: Answered, policy: Policy) -> Decision:
    intent = _intent(cycle, event.tag)
    if intent.state is not IntentState.PENDING:
        return Decision(cycle, (ReadBook(),) if intent.state.is_open else ())
    heard = replace(intent, sent_at=event.sent_at, answered_at=event.now, message=event.late)
    match event.answer:
        case Accepted(broker_order_id=order_id):
            accepted = replace(heard, state=IntentState.ACCEPTED, broker_order_id=order_id)
            after = replace(with_intent(cycle, accepted), note=event.late or cycle.note)
            return Decision(after, (*tell.accepted(cycle, accepted, event.late), ReadBook()))
        case Refused() as refusal:
            return _hear_refusal(cycle, heard, refusal, event, policy)
        case unknown:
            unsure = replace(heard, state=IntentState.UNKNOWN, message=unknown.reason)
            alarm = RaiseAlarm("OrderUnknown", f"{intent.side} {cycle.plan.symbol}: {unknown.reason}")
            return Decision(with_intent(cycle, unsure), (alarm, tell.unknown(cycle, unsure), ReadBook()))


def _hear_turn(cycle: Cycle, event: StopTurned) -> Decision:
    """The book says whether the stop order sold. One that the broker refuses to let sell may have sold already,
    or cannot be changed: it is cancelled then, and what is left is sold by another order."""
    intent = replace(_intent(cycle, event.tag), turned_at=event.sent_at)
    match event.answer:
        case Refused(is_auth=True) as refusal if intent.state.is_open and cycle.state is CycleState.EXITING:
            # It still rests, and guards; whoever wants out asks again once there is a login.
            resting = with_intent(cycle, replace(intent, turned_at=None))
            long = replace(resting, state=CycleState.LONG, claim=None, wanted=cycle.claim)
            return _say_blocked(long, f"log in to the broker again: {refusal.message}")
        case Refused(throttled=True):
            pass  # nobody has looked at it: it is asked for again
        case Refused():
            intent = replace(intent, turn_answer=TurnAnswer.REFUSED)
        case Accepted():
            intent = replace(intent, turn_answer=TurnAnswer.TAKEN)
        case _:
            intent = replace(intent, turn_answer=TurnAnswer.UNSURE)
    return Decision(with_intent(cycle, intent), (ReadBook(),))


def _hear_refusal(cycle: Cycle, heard: Intent, refusal: Refused, event: Answered, policy: Policy) -> Decision:
    state = IntentState.THROTTLED if refusal.throttled else IntentState.REFUSED
    refused = replace(heard, state=state, message=refusal.message)
    after = with_intent(cycle, refused)
    if refusal.is_auth and heard.leg is Leg.ENTRY and not cycle.bought:
        return miss(after, NoticeKind.ENTRY_MISSED, f"log in to the broker again: {refusal.message}")
    return after_failure(after, refused, event.now, policy, retryable=refusal.retryable, until=event.until)


def _read(cycle: Cycle, event: BookRead, policy: Policy) -> Decision:
    """Bring the intents up to the book, and go on from there. A book speaks of its own day only: one of
    another day proves neither that an order exists nor that it does not."""
    if trading_day_of(event.reading.begun_at) != cycle.trading_day:
        return Decision(cycle)
    seen = observe(cycle, event, policy.evidence_window, policy.clean_reads)
    told = tell.seen_in_book(cycle, seen)
    seen, unguarded = measure_naked(cycle, seen, event)
    abandoned = [i for i in cycle.intents if i.state is IntentState.PENDING and _is_unknown(seen, i.tag)]
    alarms = tuple(
        RaiseAlarm("OrderUnknown", f"{i.side} {cycle.plan.symbol}: whoever sent it left no answer") for i in abandoned
    )
    decision = settle(seen, Look.of(event, seen), policy)
    halted = _halt_on_duplicates(decision.cycle, event)
    missing = _say_missing(halted.cycle, event, policy)
    effects = (*alarms, *told, *unguarded, *halted.effects, *missing.effects, *decision.effects)
    return Decision(missing.cycle, effects)


def _say_missing(cycle: Cycle, event: BookRead, policy: Policy) -> Decision:
    """An order that the broker took, and whose book does not show it: nothing proves that it will trade, and nothing
    that it will not. So nothing takes its place, and people are told, for it may be all that guards a position."""
    missing = [i for i in cycle.intents if _is_missing(i, event.now, policy)]
    if not missing:
        return Decision(cycle)
    why = f"the broker took the {tell.what_is(missing[-1])}, and its order book does not show it"
    alarms = tuple(RaiseAlarm(_MISSING[i.leg], f"{cycle.plan.symbol}: {why}") for i in missing)
    if cycle.note == why:
        return Decision(cycle, alarms)
    text = f"{cycle.plan.symbol}: {why}; nothing is sent in its place. Look into your broker account."
    return Decision(replace(cycle, note=why), (*alarms, Tell(NoticeKind.ORDER_UNKNOWN, text)))


def _is_missing(intent: Intent, now: datetime, policy: Policy) -> bool:
    since = intent.answered_at or intent.sent_at or intent.created_at
    is_unshown = intent.state is IntentState.ACCEPTED and intent.broker_status is None
    return is_unshown and now - since >= policy.unshown_window


def _halt_on_duplicates(cycle: Cycle, event: BookRead) -> Decision:
    """We send each tag once. Two orders under one are counted as what the account holds, and the strategy
    trades no more until somebody has looked."""
    tag = next((intent.tag for intent in cycle.intents if duplicated(intent, event.reading)), None)
    if tag is None:
        return Decision(cycle)
    why = f"the broker shows more than one order under the mark {tag}"
    alarm, stop = RaiseAlarm("DuplicateOrder", f"{cycle.plan.symbol}: {why}"), StopStrategy(why)
    if cycle.note is not None and why in cycle.note:
        return Decision(cycle, (alarm, stop))
    text = f"{cycle.plan.symbol}: {why}. The strategy is stopped; look at your broker account."
    return Decision(replace(cycle, note=why), (alarm, stop, Tell(NoticeKind.DUPLICATE_ORDER, text)))


def _is_unknown(cycle: Cycle, tag: str) -> bool:
    return _intent(cycle, tag).state is IntentState.UNKNOWN


def _intent(cycle: Cycle, tag: str) -> Intent:
    return next(intent for intent in cycle.intents if intent.tag == tag)
