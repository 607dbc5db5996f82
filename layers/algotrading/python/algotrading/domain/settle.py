"""Going on from what is known: an attempt that failed, a book that was read, a day that ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import takewhile

from algotrading.domain.cycle import CANCELS_IN_VAIN, Cycle, CycleState, ExitReason, Intent, IntentState, TurnAnswer
from algotrading.domain.effects import (
    Decision,
    Effect,
    RaiseAlarm,
    RetryExit,
    StopStrategy,
    Tell,
)
from algotrading.domain.look import Look
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Leg
from algotrading.domain.policy import Policy
from algotrading.domain.protect import protect, turn_again
from algotrading.domain.sentences import sentence
from algotrading.domain.steps import (
    await_orders,
    cancel_now,
    doubled,
    exit_pause,
    intents_of,
    miss,
    sold_out,
    with_order,
)
from algotrading.domain.tell import bought, sold

_QUICK_TRIES = 3
"""Tries in a row, a second apart, that a limit may turn away: it is counted by the second."""


def settle(cycle: Cycle, look: Look, policy: Policy) -> Decision:
    """What follows from where the cycle and its orders stand."""
    match cycle.state:
        case CycleState.ENTERING:
            return _settle_entry(cycle, look, policy)
        case CycleState.EXITING:
            return _settle_exit(cycle, look, policy)
        case CycleState.LONG:
            return _settle_position(cycle, look, policy)
        case CycleState.FLAT | CycleState.FAILED:
            return _settle_end(cycle, look, policy)
        case _:
            return Decision(cycle)


def after_failure(
    cycle: Cycle, intent: Intent, now: datetime, policy: Policy, *, retryable: bool, until: datetime | None = None
) -> Decision:
    """One attempt provably did nothing: try again, or end the matter. A try that its worker would not live to send
    (`until`) is left to the next one."""
    if intent.leg is Leg.STOP:
        return Decision(cycle)  # the next look tries again: the stop may have been hit, and must not wait behind this
    if intent.leg is Leg.EXIT:
        return _release_claim(cycle, intent, policy)
    message = intent.message or "the broker refused the order"
    if cycle.bought or cycle.sold:
        return _settle_entry(cycle, Look(now), policy)
    if cycle.wanted is not None:
        return miss(cycle, NoticeKind.ENTRY_UNFILLED, f"nothing was bought: {message}")
    entries = intents_of(cycle, Leg.ENTRY)
    failures = sum(1 for entry in entries if entry.failed_proven)
    if not retryable or failures >= policy.attempts:
        return _give_up(cycle, failures, message)
    pause, asked_for = _pause_before_entry(entries, policy), min(entry.due_at for entry in entries)
    # An attempt that failed before its instant, as while Redis is away, is followed by none that leaves before it.
    due = max(now, asked_for)
    leaves_at = max(due, now + timedelta(seconds=pause))
    if leaves_at <= asked_for + policy.entry_grace:
        if until is not None and leaves_at > until:
            return Decision(cycle)
        return with_order(cycle, Leg.ENTRY, cycle.plan.quantity, now=now, due=due, pause=pause)
    return miss(cycle, NoticeKind.ENTRY_MISSED, f"the buy was not placed and its time is over: {message}")


# --- entry ----------------------------------------------------------------------------------------


def _pause_before_entry(entries: list[Intent], policy: Policy) -> float:
    """Longer with every try in a row that nobody has looked at."""
    if entries[-1].state is not IntentState.THROTTLED:
        return policy.retry_pause
    in_a_row = sum(1 for _ in takewhile(lambda i: i.state is IntentState.THROTTLED, reversed(entries)))
    return min(policy.throttle_pause * doubled(max(0, in_a_row - _QUICK_TRIES)), policy.longest_retry_pause)


def _settle_entry(cycle: Cycle, look: Look, policy: Policy) -> Decision:
    entries = cycle.open_intents(Leg.ENTRY)
    if entries and not _may_leave_already(cycle, entries):
        patience = timedelta(0) if cycle.wanted is not None else policy.entry_patience
        # An exit that surfaces beside the entry would sell what nobody holds.
        others = [i for i in cycle.intents if i.state.is_open and i.leg is not Leg.ENTRY]
        return await_orders(
            cycle,
            (*entries, *others),
            look.now,
            policy,
            lambda i: patience if i.leg is Leg.ENTRY else timedelta(0),
        )
    told = (bought(cycle),) if cycle.bought and not entries else ()
    if cycle.sold and cycle.open_quantity <= 0:
        after = _end(replace(cycle, claim=cycle.wanted), look, policy)
        return replace(after, effects=(*told, *after.effects))
    if cycle.bought:
        long = replace(cycle, state=CycleState.LONG, note=None)
        after = _settle_position(long, look, policy)
        return replace(after, effects=(*told, *after.effects))
    last = intents_of(cycle, Leg.ENTRY)[-1]
    if last.failed_proven or last.state is IntentState.THROTTLED:
        return after_failure(cycle, last, look.now, policy, retryable=True)
    return miss(cycle, NoticeKind.ENTRY_UNFILLED, "the buy was cancelled before any of it was filled")


def _may_leave_already(cycle: Cycle, entries: tuple[Intent, ...]) -> bool:
    """Whether an exit need not wait for the entry's end: it has bought something, and cancelling the rest
    does not show. What it buys after that is sold as well."""
    stuck = all(entry.cancels >= CANCELS_IN_VAIN for entry in entries)
    return cycle.wanted is not None and cycle.open_quantity > 0 and stuck


def _give_up(cycle: Cycle, failures: int, message: str) -> Decision:
    failed = replace(cycle, state=CycleState.FAILED, note=message)
    tries = f"after {failures} attempts" if failures > 1 else "at once"
    text = f"{cycle.plan.symbol}: the broker refused the buy {tries}: {sentence(message)} The strategy is stopped."
    return Decision(failed, (StopStrategy(message), Tell(NoticeKind.ENTRY_REFUSED, text)))


# --- a position, and the end ------------------------------------------------------------------------


def _settle_position(cycle: Cycle, look: Look, policy: Policy) -> Decision:
    decision = protect(cycle, look, policy)
    if decision.cycle.state is not CycleState.EXITING:
        return decision
    # The stop order at the broker has fired: it is the exit now.
    return _settle_exit(decision.cycle, look, policy)


def _settle_end(cycle: Cycle, look: Look, policy: Policy) -> Decision:
    """Nothing should be held, and nothing be under way: an order that surfaces late is neutralised, and that nothing
    was sold which was not held is looked up once."""
    if cycle.open_quantity > 0:
        return _neutralise(cycle)
    strays = [intent for intent in cycle.intents if intent.state.is_open]
    if strays:
        return cancel_now(cycle, strays, look.now, policy)
    if cycle.open_quantity < 0:
        if _may_have_bought_unseen(cycle, look):
            return Decision(cycle)
        more = -cycle.open_quantity
        return _tell_oversold(cycle, f"{more} more were sold than were bought: buy {more} back")
    if look.held is None or cycle.is_verified:
        return Decision(cycle)
    verified = replace(cycle, is_verified=True)
    if look.held >= 0 or not cycle.sold:
        return Decision(verified)
    why = f"the broker shows {-look.held} more sold than bought: buy them back, unless you meant it"
    return _tell_oversold(verified, why)


def _may_have_bought_unseen(cycle: Cycle, look: Look) -> bool:
    """Whether what was sold beyond what is known to be bought may come of an entry that the book proved absent, and
    that was sold upon positions: they have to be looked at before anybody is told to buy back, and show no less than
    before the entry where it has bought after all."""
    given_up = any(intent.leg is Leg.ENTRY and intent.state is IntentState.NOT_PLACED for intent in cycle.intents)
    if not given_up or cycle.held_before is None or cycle.is_verified:
        return False
    return look.held is None or look.held >= cycle.held_before


def _neutralise(cycle: Cycle) -> Decision:
    """An order that was given up as never placed has bought after all: sell what it bought."""
    text = f"{cycle.plan.symbol}: an order that surfaced late has bought {cycle.open_quantity} after all"
    long = replace(cycle, state=CycleState.LONG, claim=None, wanted=ExitReason.LATE)
    tell = Tell(NoticeKind.LATE_ORDER, f"{text}: it is being sold.")
    return Decision(long, (RaiseAlarm("LateOrder", text), tell, RetryExit(ExitReason.LATE, 0.0)))


def _tell_oversold(cycle: Cycle, why: str) -> Decision:
    """More was sold than was held: an order that was proven absent surfaced after another one had sold, or somebody
    sold by hand in the same moment. Buying back on our own would be a second guess on a book that has just been wrong,
    or on what its owner wants: people are told, once."""
    if cycle.note == why:
        return Decision(cycle)
    text = f"{cycle.plan.symbol}: {why}"
    return Decision(replace(cycle, note=why), (RaiseAlarm("Oversold", text), Tell(NoticeKind.OVERSOLD, f"{text}.")))


# --- exit -----------------------------------------------------------------------------------------


def _settle_exit(cycle: Cycle, look: Look, policy: Policy) -> Decision:
    exits = [intent for intent in cycle.intents if intent.is_exit]
    again = next(
        (
            asked
            for i in exits
            if i.leg is Leg.STOP and i.state.is_open and (asked := turn_again(cycle, i, look.now)) is not None
        ),
        None,
    )
    if again is not None:
        return again
    # A stop order that surfaces beside another exit could sell a second time; beside the sale of an excess it rests.
    loose = () if cycle.claim is ExitReason.EXCESS else cycle.open_intents(Leg.STOP)
    under_way = [intent for intent in cycle.intents if intent.state.is_open and (intent.is_exit or intent in loose)]
    if under_way:
        longest = min(policy.exit_patience * doubled(max(0, len(exits) - 1)), policy.longest_exit_patience)
        return await_orders(
            cycle,
            under_way,
            look.now,
            policy,
            lambda i: longest if i.is_exit and i.turn_answer is not TurnAnswer.REFUSED else timedelta(0),
        )
    if cycle.claim is ExitReason.EXCESS and cycle.excess == 0 and cycle.open_quantity > 0:
        return _settle_position(replace(cycle, state=CycleState.LONG, claim=None, note=None), look, policy)
    last = max(exits, key=lambda intent: intent.turned_at or intent.created_at)
    if cycle.open_quantity <= 0 and not (_is_entry_open(cycle) and cycle.sold == 0):
        return _end(cycle, look, policy)
    if last.failed_proven or cycle.open_quantity <= 0:
        return _release_claim(cycle, last, policy)
    return _sell_the_rest(cycle, exits, policy)


def _end(cycle: Cycle, look: Look, policy: Policy) -> Decision:
    ended = sold_out(cycle)
    # What was held before the last order sold is no word on what is held after it.
    after = settle(ended, replace(look, held=None), policy)
    return replace(after, effects=(*sold(cycle), *after.effects))


def _sell_the_rest(cycle: Cycle, exits: list[Intent], policy: Policy) -> Decision:
    """The exit was taken and ended, and something is still held."""
    reason = cycle.claim or ExitReason.SELL_TIME
    long = replace(cycle, state=CycleState.LONG, claim=None, wanted=_still_wanted(cycle, reason))
    unfilled = sum(1 for i in exits if i.state is IntentState.DONE and not (i.failed_proven or i.is_filled))
    effects: list[Effect] = []
    held = f"{cycle.plan.symbol}: {cycle.open_quantity} could not be sold yet"
    if unfilled > 1:
        effects.append(RaiseAlarm("ExitUnfilled", held))
    if unfilled == 2:
        effects.append(
            Tell(NoticeKind.EXIT_UNFILLED, f"{held}: the market does not take them. It is tried again and again.")
        )
    return Decision(long, (*effects, RetryExit(long.wanted or reason, exit_pause(long, policy))))


def _release_claim(cycle: Cycle, intent: Intent, policy: Policy) -> Decision:
    """The exit was refused: whoever wants it may claim it again."""
    reason = cycle.claim or ExitReason.SELL_TIME
    message = intent.message or "the broker did not take the order"
    effects: list[Effect] = []
    if intent.state is IntentState.THROTTLED:
        effects += _say_held_up(cycle, message)
    else:
        effects.append(RaiseAlarm("ExitRefused", f"{cycle.plan.symbol}: {message}"))
        if sum(1 for exit_ in intents_of(cycle, Leg.EXIT) if exit_.failed_proven) == 1:
            text = sentence(f"{cycle.plan.symbol}: the sell was refused and is tried again: {message}")
            effects.append(Tell(NoticeKind.EXIT_REFUSED, text))
    wanted = _still_wanted(cycle, reason)
    state = CycleState.ENTERING if _is_entry_open(cycle) else CycleState.LONG
    long = replace(cycle, state=state, claim=None, wanted=wanted, note=message)
    return Decision(long, (*effects, RetryExit(wanted, exit_pause(long, policy))))


def _say_held_up(cycle: Cycle, message: str) -> list[Effect]:
    """A limit that is counted by the second is over in a moment; what goes on keeping exits from leaving is told."""
    exits = reversed(intents_of(cycle, Leg.EXIT))
    in_a_row = sum(1 for _ in takewhile(lambda i: i.state is IntentState.THROTTLED, exits))
    if in_a_row < _QUICK_TRIES:
        return []
    why = f"the sell does not leave and is tried again and again: {message}"
    alarm = RaiseAlarm("ExitBlocked", f"{cycle.plan.symbol}: {why}")
    if in_a_row > _QUICK_TRIES:
        return [alarm]
    return [alarm, Tell(NoticeKind.EXIT_BLOCKED, sentence(f"{cycle.plan.symbol}: {why}"))]


def _is_entry_open(cycle: Cycle) -> bool:
    """Whether the exit was of an entry that nobody knows the fate of yet."""
    return cycle.bought == 0 and bool(cycle.open_intents(Leg.ENTRY))


def _still_wanted(cycle: Cycle, reason: ExitReason) -> ExitReason:
    """Selling an excess goes on after it; an exit of everything that came meanwhile takes precedence."""
    return cycle.wanted if reason is ExitReason.EXCESS and cycle.wanted is not None else reason
