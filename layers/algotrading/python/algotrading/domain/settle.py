"""Going on from what is known: an attempt that failed, a book that was read, a day that ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from algotrading.domain.cycle import (
    CancelOrder,
    Cycle,
    CycleState,
    Decision,
    Effect,
    ExitReason,
    Intent,
    IntentState,
    RaiseAlarm,
    ReadBook,
    RetryExit,
    StopStrategy,
    Tell,
)
from algotrading.domain.orders import BrokerStatus, Leg
from algotrading.domain.policy import Policy
from algotrading.domain.steps import exit_pause, intents_of, miss, with_intent, with_order


def settle(cycle: Cycle, now: datetime, policy: Policy) -> Decision:
    """What follows from where the cycle and its orders stand."""
    match cycle.state:
        case CycleState.ENTERING:
            return _settle_entry(cycle, now, policy)
        case CycleState.EXITING:
            return _settle_exit(cycle, now, policy)
        case CycleState.LONG if cycle.wanted is not None:
            return Decision(cycle, (RetryExit(cycle.wanted, 0.0),))
        case CycleState.FLAT | CycleState.FAILED if cycle.open_quantity > 0:
            return _neutralise(cycle)
        case _:
            return Decision(cycle)


def after_failure(cycle: Cycle, intent: Intent, now: datetime, policy: Policy, *, retryable: bool) -> Decision:
    """One attempt provably did nothing: try again, or end the matter."""
    if intent.leg is Leg.EXIT:
        return _release_claim(cycle, intent, policy)
    message = intent.message or "the broker refused the order"
    if cycle.bought:
        return _settle_entry(cycle, now, policy)
    if cycle.wanted is not None:
        return miss(cycle, "entry_unfilled", f"nothing was bought: {message}")
    entries = intents_of(cycle, Leg.ENTRY)
    failures = sum(1 for entry in entries if entry.failed_proven)
    if not retryable or failures >= policy.attempts:
        return _give_up(cycle, failures, message)
    pause = policy.throttle_pause if intent.state is IntentState.THROTTLED else policy.retry_pause
    in_time = now + timedelta(seconds=pause) <= min(entry.due_at for entry in entries) + policy.entry_grace
    if in_time:
        return with_order(cycle, Leg.ENTRY, cycle.plan.quantity, now=now, due=now, pause=pause)
    return miss(cycle, "entry_missed", f"the buy was not placed and its time is over: {message}")


def close_day(cycle: Cycle) -> Decision:
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
    return Decision(failed, (alarm, StopStrategy(why), Tell("unsettled", f"{symbol}: {why}.")))


# --- entry ----------------------------------------------------------------------------------------


def _settle_entry(cycle: Cycle, now: datetime, policy: Policy) -> Decision:
    if cycle.open_intents(Leg.ENTRY):
        patience = timedelta(0) if cycle.wanted is not None else policy.entry_patience
        return _await(cycle, Leg.ENTRY, now, patience, policy)
    if cycle.bought:
        long = replace(cycle, state=CycleState.LONG, note=None)
        effects: tuple[Effect, ...] = (Tell("bought", f"{cycle.plan.symbol}: bought {cycle.bought}."),)
        if cycle.wanted is not None:
            effects += (RetryExit(cycle.wanted, 0.0),)
        return Decision(long, effects)
    last = intents_of(cycle, Leg.ENTRY)[-1]
    if last.failed_proven:
        return after_failure(cycle, last, now, policy, retryable=True)
    return miss(cycle, "entry_unfilled", "the buy was cancelled before any of it was filled")


def _give_up(cycle: Cycle, failures: int, message: str) -> Decision:
    failed = replace(cycle, state=CycleState.FAILED, note=message)
    tries = f"after {failures} attempts" if failures > 1 else "at once"
    text = f"{cycle.plan.symbol}: the broker refused the buy {tries}: {message} The strategy is stopped."
    return Decision(failed, (StopStrategy(message), Tell("entry_refused", text)))


def _neutralise(cycle: Cycle) -> Decision:
    """An order that was given up as never placed has bought after all: sell what it bought."""
    text = f"{cycle.plan.symbol}: an order that was proven absent has bought {cycle.open_quantity} after all"
    long = replace(cycle, state=CycleState.LONG, claim=None, wanted=ExitReason.LATE)
    tell = Tell("late_order", f"{text}: it is being sold.")
    return Decision(long, (RaiseAlarm("LateOrder", text), tell, RetryExit(ExitReason.LATE, 0.0)))


# --- exit -----------------------------------------------------------------------------------------


def _settle_exit(cycle: Cycle, now: datetime, policy: Policy) -> Decision:
    exits = intents_of(cycle, Leg.EXIT)
    if cycle.open_intents(Leg.EXIT):
        patience = min(policy.exit_patience * 2 ** (len(exits) - 1), policy.longest_exit_patience)
        return _await(cycle, Leg.EXIT, now, patience, policy)
    if cycle.open_quantity <= 0:
        flat = replace(cycle, state=CycleState.FLAT, wanted=None, note=None)
        why = " at its stop-loss" if cycle.claim is ExitReason.STOPLOSS else ""
        return Decision(flat, (Tell("sold", f"{cycle.plan.symbol}: sold {cycle.sold}{why}."),))
    if exits[-1].failed_proven:
        return _release_claim(cycle, exits[-1], policy)
    return _sell_the_rest(cycle, exits, policy)


def _sell_the_rest(cycle: Cycle, exits: list[Intent], policy: Policy) -> Decision:
    """The exit was taken and ended, and something is still held."""
    reason = cycle.claim or ExitReason.SELL_TIME
    long = replace(cycle, state=CycleState.LONG, claim=None, wanted=reason)
    unfilled = sum(1 for intent in exits if intent.state is IntentState.DONE and not intent.failed_proven)
    effects: list[Effect] = []
    held = f"{cycle.plan.symbol}: {cycle.open_quantity} could not be sold yet"
    if unfilled > 1:
        effects.append(RaiseAlarm("ExitUnfilled", held))
    if unfilled == 2:
        effects.append(Tell("exit_unfilled", f"{held}: the market does not take them. It is tried again and again."))
    return Decision(long, (*effects, RetryExit(reason, exit_pause(long, policy))))


def _release_claim(cycle: Cycle, intent: Intent, policy: Policy) -> Decision:
    """The exit was refused: whoever wants it may claim it again."""
    reason = cycle.claim or ExitReason.SELL_TIME
    message = intent.message or "the broker did not take the order"
    effects: list[Effect] = []
    if intent.state is not IntentState.THROTTLED:
        effects.append(RaiseAlarm("ExitRefused", f"{cycle.plan.symbol}: {message}"))
        if sum(1 for exit_ in intents_of(cycle, Leg.EXIT) if exit_.failed_proven) == 1:
            text = f"{cycle.plan.symbol}: the sell was refused and is tried again: {message}"
            effects.append(Tell("exit_refused", text))
    long = replace(cycle, state=CycleState.LONG, claim=None, wanted=reason, note=message)
    return Decision(long, (*effects, RetryExit(reason, exit_pause(long, policy))))


# --- orders that rest -----------------------------------------------------------------------------


def _await(cycle: Cycle, leg: Leg, now: datetime, patience: timedelta, policy: Policy) -> Decision:
    """Orders are still open at the broker: keep looking, and cancel what has rested too long. A cancel
    that does not show in the book is asked for again, since its request may have been lost."""
    effects: list[Effect] = []
    for intent in cycle.open_intents(leg):
        rested = now - max(intent.due_at, intent.created_at)
        rests = intent.state is IntentState.ACCEPTED and intent.broker_status is BrokerStatus.WORKING
        asked = intent.cancel_asked_at is not None and now - intent.cancel_asked_at < policy.cancel_patience
        if intent.broker_order_id is None or not rests or asked or rested < patience:
            continue
        cycle = with_intent(cycle, replace(intent, cancels=intent.cancels + 1, cancel_asked_at=now))
        if intent.cancels:
            text = f"{intent.side} {cycle.plan.symbol}: asked to cancel {intent.cancels + 1} times"
            effects.append(RaiseAlarm("CancelRepeated", text))
        effects.append(CancelOrder(intent.broker_order_id))
    return Decision(cycle, (*effects, ReadBook()))
