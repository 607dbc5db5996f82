"""The only place where trading is decided: `decide(cycle, event)` says what becomes of a cycle and
what must be done about it.

Rules that never bend: an intent exists before its order; an order whose outcome is unknown is neither
repeated nor given up before the broker's book has spoken; at most one exit is under way, and it never
sells more than the broker says is held; an exit that failed is wanted again until nothing is held.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from algotrading.domain.cycle import (
    Answered,
    BookRead,
    CancelOrder,
    Cycle,
    CycleState,
    Decision,
    Effect,
    EntryDue,
    EntryMissed,
    EntryWithdrawn,
    Event,
    ExitBlocked,
    ExitDue,
    ExitReason,
    Intent,
    IntentState,
    RaiseAlarm,
    ReadBook,
    RetryExit,
    SendOrder,
    StopStrategy,
    Tell,
)
from algotrading.domain.observe import observe
from algotrading.domain.orders import Accepted, BrokerStatus, Leg, Refused, Side, make_tag


@dataclass(frozen=True, slots=True)
class Policy:
    """The numbers behind the rules. Durations in seconds unless they are timedeltas."""

    entry_grace: timedelta = timedelta(seconds=120)
    """How late a BUY may still leave; later it is recorded as missed."""
    attempts: int = 3
    """Proven refusals of an entry after which the strategy stops."""
    retry_pause: float = 0.5
    throttle_pause: float = 1.0
    """Kite counts its limits per calendar second."""
    longest_retry_pause: float = 10.0
    entry_patience: timedelta = timedelta(seconds=10)
    """How long an entry may rest unfilled before its remainder is cancelled."""
    exit_patience: timedelta = timedelta(seconds=3)
    """How long an exit may rest (a protected market order can) before it is replaced."""
    evidence_window: timedelta = timedelta(seconds=180)
    """An order was once seen to surface 83 s after its time-out; absence means nothing before this."""
    clean_reads: int = 2
    """Book readings after the window that must agree that an order does not exist."""
    absent_reads: int = 3
    """Position readings that must agree before a position counts as closed by hand."""
    absent_pause: float = 2.0


def decide(cycle: Cycle, event: Event, policy: Policy) -> Decision:
    """What `event` makes of `cycle`. Pure: same input, same answer, in any world."""
    match event:
        case EntryDue():
            decision = _enter(cycle, event, policy)
        case ExitBlocked():
            decision = _block(cycle, event)
        case EntryMissed():
            decision = _miss(cycle, "entry_missed", event.why) if cycle.state is CycleState.IDLE else Decision(cycle)
        case EntryWithdrawn():
            decision = _withdraw(cycle, event)
        case ExitDue():
            decision = _leave(cycle, event, policy)
        case Answered():
            decision = _hear(cycle, event, policy)
        case BookRead():
            decision = _settle(observe(cycle, event, policy.evidence_window, policy.clean_reads), event.now, policy)
    return decision


# --- entry ----------------------------------------------------------------------------------------


def _enter(cycle: Cycle, event: EntryDue, policy: Policy) -> Decision:
    if cycle.state is not CycleState.IDLE:
        return Decision(cycle)
    if event.now > event.due + policy.entry_grace:
        late = round((event.now - event.due).total_seconds())
        return _miss(cycle, "entry_missed", f"the buy could not be sent until {late} s after its time; not bought late")
    if event.last_price is not None and event.last_price <= cycle.plan.stop_loss:
        why = f"the price {event.last_price} is not above the stop-loss {cycle.plan.stop_loss}; not bought"
        return _miss(cycle, "entry_skipped", why)
    entering = replace(cycle, state=CycleState.ENTERING)
    return _with_order(entering, Leg.ENTRY, cycle.plan.quantity, now=event.now, due=event.due)


def _withdraw(cycle: Cycle, event: EntryWithdrawn) -> Decision:
    why = "stopped by its owner before the buy was sent"
    intent = next(i for i in cycle.intents if i.tag == event.tag)
    unsent = replace(intent, state=IntentState.REFUSED, answered_at=event.now, message=why)
    return Decision(replace(_with_intent(cycle, unsent), state=CycleState.FLAT, wanted=None, note=why))


def _miss(cycle: Cycle, kind: str, why: str) -> Decision:
    flat = replace(cycle, state=CycleState.FLAT, note=why)
    return Decision(flat, (Tell(kind, f"{cycle.plan.symbol}: {why}."),))


# --- exit -----------------------------------------------------------------------------------------


def _leave(cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
    match cycle.state:
        case CycleState.IDLE if event.reason is ExitReason.USER:
            return Decision(cycle)  # nothing to leave; the waiting buy finds the strategy stopped
        case CycleState.IDLE:
            return _miss(cycle, "entry_missed", "no buy had been sent by the time to sell")
        case CycleState.ENTERING:
            wanting = replace(cycle, wanted=cycle.wanted or event.reason)
            return _settle(wanting, event.now, policy)
        case CycleState.LONG:
            return _claim_exit(cycle, event, policy)
        case CycleState.EXITING:
            return Decision(cycle, (ReadBook(),))
        case _:
            return Decision(cycle)


def _claim_exit(cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
    sellable = cycle.open_quantity if event.held is None else min(event.held, cycle.open_quantity)
    if sellable <= 0:
        return _find_absent(cycle, event, policy)
    exiting = replace(cycle, state=CycleState.EXITING, claim=event.reason, wanted=None, absent_reads=0, note=None)
    return _with_order(exiting, Leg.EXIT, sellable, now=event.now, due=event.due, cause_at=event.cause_at)


def _block(cycle: Cycle, event: ExitBlocked) -> Decision:
    """The exit cannot even be tried: remember that it is wanted, alarm each time, tell the owner once."""
    if not cycle.is_armed:
        return Decision(cycle)
    alarm = RaiseAlarm("ExitBlocked", f"{cycle.plan.symbol}: {event.why}")
    blocked = replace(cycle, wanted=cycle.wanted or event.reason, note=event.why)
    told = cycle.wanted is not None and cycle.note == event.why
    tell = Tell("exit_blocked", f"{cycle.plan.symbol}: the sell cannot be sent and is tried again: {event.why}.")
    return Decision(blocked, (alarm,) if told else (alarm, tell))


def _find_absent(cycle: Cycle, event: ExitDue, policy: Policy) -> Decision:
    """The broker shows nothing to sell: believe it only when it keeps saying so, for positions can
    lag behind fills."""
    reads = cycle.absent_reads + 1
    if reads < policy.absent_reads:
        waiting = replace(cycle, absent_reads=reads, wanted=event.reason)
        return Decision(waiting, (RetryExit(event.reason, policy.absent_pause),))
    why = f"{cycle.open_quantity} were no longer held: sold outside this strategy"
    flat = replace(
        cycle,
        state=CycleState.FLAT,
        closed_outside=cycle.closed_outside + cycle.open_quantity,
        absent_reads=reads,
        wanted=None,
        note=why,
    )
    return Decision(flat, (Tell("closed_outside", f"{cycle.plan.symbol}: {why}."),))


# --- answers --------------------------------------------------------------------------------------


def _hear(cycle: Cycle, event: Answered, policy: Policy) -> Decision:
    intent = next(i for i in cycle.intents if i.tag == event.tag)
    if intent.state is not IntentState.PENDING:
        return Decision(cycle, (ReadBook(),) if intent.state.is_open else ())
    heard = replace(intent, sent_at=event.sent_at, answered_at=event.now)
    match event.answer:
        case Accepted(broker_order_id=order_id):
            accepted = replace(heard, state=IntentState.ACCEPTED, broker_order_id=order_id)
            return Decision(_with_intent(cycle, accepted), (ReadBook(),))
        case Refused(message=message, throttled=throttled, retryable=retryable):
            state = IntentState.THROTTLED if throttled else IntentState.REFUSED
            refused = replace(heard, state=state, message=message)
            return _after_failure(_with_intent(cycle, refused), refused, event.now, policy, retryable=retryable)
        case unknown:
            unsure = replace(heard, state=IntentState.UNKNOWN, message=unknown.reason)
            alarm = RaiseAlarm("OrderUnknown", f"{intent.side} {cycle.plan.symbol}: {unknown.reason}")
            return Decision(_with_intent(cycle, unsure), (alarm, ReadBook()))


def _after_failure(cycle: Cycle, intent: Intent, now: datetime, policy: Policy, *, retryable: bool) -> Decision:
    """One attempt provably did nothing: try again, or end the matter."""
    if intent.leg is Leg.EXIT:
        return _release_claim(cycle, intent, policy)
    message = intent.message or "the broker refused the order"
    if cycle.bought:
        return _settle_entry(cycle, now, policy)
    if cycle.wanted is not None:
        return Decision(replace(cycle, state=CycleState.FLAT, wanted=None, note=f"left before the buy: {message}"))
    failures = sum(1 for i in cycle.intents if i.leg is Leg.ENTRY and i.failed_proven)
    pause = policy.throttle_pause if intent.state is IntentState.THROTTLED else policy.retry_pause
    first_due = min(i.due_at for i in cycle.intents if i.leg is Leg.ENTRY)
    in_time = now + timedelta(seconds=pause) <= first_due + policy.entry_grace
    if retryable and failures < policy.attempts:
        if in_time:
            return _with_order(cycle, Leg.ENTRY, cycle.plan.quantity, now=now, due=now, pause=pause)
        return _miss(cycle, "entry_missed", f"the buy was not placed and its time is over: {message}")
    failed = replace(cycle, state=CycleState.FAILED, note=message)
    tries = f"after {failures} attempts" if failures > 1 else "at once"
    text = f"{cycle.plan.symbol}: the broker refused the buy {tries}: {message} The strategy is stopped."
    return Decision(failed, (StopStrategy(message), Tell("entry_refused", text)))


def _release_claim(cycle: Cycle, intent: Intent, policy: Policy) -> Decision:
    reason = cycle.claim or ExitReason.SELL_TIME
    message = intent.message or "the broker did not take the order"
    refusals = sum(1 for i in cycle.intents if i.leg is Leg.EXIT and i.failed_proven)
    pause = policy.throttle_pause
    effects: list[Effect] = []
    if intent.state is not IntentState.THROTTLED:
        pause = min(policy.retry_pause * 2 ** (refusals - 1), policy.longest_retry_pause)
        effects.append(RaiseAlarm("ExitRefused", f"{cycle.plan.symbol}: {message}"))
    if refusals == 1:
        effects.append(Tell("exit_refused", f"{cycle.plan.symbol}: the sell was refused and is tried again: {message}"))
    long = replace(cycle, state=CycleState.LONG, claim=None, wanted=reason, note=message)
    return Decision(long, (*effects, RetryExit(reason, pause)))


# --- the book -------------------------------------------------------------------------------------


def _settle(cycle: Cycle, now: datetime, policy: Policy) -> Decision:
    """Go on from what the broker's book shows."""
    match cycle.state:
        case CycleState.ENTERING:
            return _settle_entry(cycle, now, policy)
        case CycleState.EXITING:
            return _settle_exit(cycle, now, policy)
        case CycleState.LONG if cycle.wanted is not None:
            return Decision(cycle, (RetryExit(cycle.wanted, 0.0),))
        case _:
            return Decision(cycle)


def _settle_entry(cycle: Cycle, now: datetime, policy: Policy) -> Decision:
    if cycle.open_intents(Leg.ENTRY):
        patience = timedelta(0) if cycle.wanted is not None else policy.entry_patience
        return _await(cycle, Leg.ENTRY, now, patience)
    if cycle.bought:
        long = replace(cycle, state=CycleState.LONG, note=None)
        effects: tuple[Effect, ...] = (Tell("bought", f"{cycle.plan.symbol}: bought {cycle.bought}."),)
        if cycle.wanted is not None:
            effects += (RetryExit(cycle.wanted, 0.0),)
        return Decision(long, effects)
    last = [intent for intent in cycle.intents if intent.leg is Leg.ENTRY][-1]
    if last.failed_proven:
        return _after_failure(cycle, last, now, policy, retryable=True)
    return _miss(replace(cycle, wanted=None), "entry_unfilled", "the buy was cancelled before any of it was filled")


def _settle_exit(cycle: Cycle, now: datetime, policy: Policy) -> Decision:
    if cycle.open_intents(Leg.EXIT):
        return _await(cycle, Leg.EXIT, now, policy.exit_patience)
    if cycle.open_quantity <= 0:
        flat = replace(cycle, state=CycleState.FLAT, wanted=None, note=None)
        why = "at its stop-loss" if cycle.claim is ExitReason.STOPLOSS else ""
        return Decision(flat, (Tell("sold", f"{cycle.plan.symbol}: sold {cycle.sold} {why}".strip() + "."),))
    last = [intent for intent in cycle.intents if intent.leg is Leg.EXIT][-1]
    if last.failed_proven:
        return _release_claim(cycle, last, policy)
    reason = cycle.claim or ExitReason.SELL_TIME
    long = replace(cycle, state=CycleState.LONG, claim=None, wanted=reason)
    return Decision(long, (RetryExit(reason, 0.0),))


def _await(cycle: Cycle, leg: Leg, now: datetime, patience: timedelta) -> Decision:
    """Orders are still open at the broker: keep looking, and cancel what has rested too long."""
    effects: list[Effect] = []
    for intent in cycle.open_intents(leg):
        rested = now - max(intent.due_at, intent.created_at)
        resting = intent.state is IntentState.ACCEPTED and intent.broker_status is BrokerStatus.WORKING
        if intent.broker_order_id is not None and resting and not intent.cancel_sent and rested >= patience:
            cycle = _with_intent(cycle, replace(intent, cancel_sent=True))
            effects.append(CancelOrder(intent.broker_order_id))
    return Decision(cycle, (*effects, ReadBook()))


# --- building blocks ------------------------------------------------------------------------------


def _with_order(
    cycle: Cycle,
    leg: Leg,
    quantity: int,
    *,
    now: datetime,
    due: datetime,
    cause_at: datetime | None = None,
    pause: float = 0.0,
) -> Decision:
    attempt = 1 + sum(1 for intent in cycle.intents if intent.leg is leg)
    intent = Intent(
        leg=leg,
        attempt=attempt,
        tag=make_tag(cycle.strategy_id, cycle.trading_day, leg, attempt),
        side=Side.BUY if leg is Leg.ENTRY else Side.SELL,
        quantity=quantity,
        state=IntentState.PENDING,
        created_at=now,
        due_at=due,
        cause_at=cause_at,
    )
    written = replace(cycle, intents=(*cycle.intents, intent))
    return Decision(written, (SendOrder(intent.tag, intent.due_at, pause),))


def _with_intent(cycle: Cycle, changed: Intent) -> Cycle:
    return replace(cycle, intents=tuple(changed if i.tag == changed.tag else i for i in cycle.intents))
