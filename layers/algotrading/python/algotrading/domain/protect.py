"""A position that is held: what guards it at the broker, and what the broker says of it.

Two layers guard a position. The watcher sees every tick. For plans that ask for it a stop order rests at
the broker as well, so that the position is guarded while nothing of ours can be reached. Both can want to
sell in the same instant, and must never sell twice: so the stop order that rests is the exit. Whoever wants
out asks the broker to let that same order sell at once, or has it cancelled and proven so first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from algotrading.domain.cycle import Cycle, CycleState, ExitReason, Intent, IntentState
from algotrading.domain.doubt import find_less, shown
from algotrading.domain.effects import (
    Decision,
    Effect,
    RaiseAlarm,
    ReadBook,
    ReadPosition,
    RetryExit,
    Tell,
    TurnStop,
)
from algotrading.domain.events import ExitDue
from algotrading.domain.look import Look
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import BrokerStatus, Leg
from algotrading.domain.policy import Policy
from algotrading.domain.sentences import sentence
from algotrading.domain.steps import cancel_now, intents_of, sold_out, with_intent, with_order
from algotrading.domain.tell import sold

_UNHEARD = timedelta(seconds=1)
"""How long an answer to the request that lets a stop order sell may fail to come before it is asked for again."""


def protect(cycle: Cycle, look: Look, policy: Policy) -> Decision:
    """What a held position needs now: an exit that is wanted, a stop order as the plan asks for, no stray
    orders, and the truth when somebody else has sold of it."""
    if cycle.open_quantity <= 0:
        return _end_at_stop(cycle, look.now, policy)
    stops = cycle.open_intents(Leg.STOP)
    if any(_has_fired(stop) for stop in intents_of(cycle, Leg.STOP)):
        return _leave_by_fired_stop(cycle, look.now)
    strays = [*cycle.open_intents(Leg.ENTRY), *cycle.open_intents(Leg.EXIT), *stops[:-1]]
    if strays:
        return _with_wanted(cancel_now(cycle, strays, look.now, policy), cycle)
    held = shown(cycle, look)
    # An exit that still finds something to sell is sized by what is held, and goes on.
    if held is not None and held < cycle.open_quantity and (cycle.wanted is None or held <= 0):
        return find_less(cycle, held, look, stops, policy)
    if held is not None and cycle.doubted_since is not None:
        cycle = replace(cycle, doubted_since=None, doubted_held=0)
    if cycle.wanted is not None:
        return _go_on_leaving(cycle, stops, look.now, policy)
    if cycle.excess:
        return _sell_excess(cycle)
    return _rest_stop(cycle, stops, look, policy)


def turn(cycle: Cycle, stop: Intent, event: ExitDue) -> Decision:
    """Leave by the stop order that rests: it is asked to sell when the exit is due."""
    assert stop.broker_order_id is not None
    at = max(event.now, event.due)
    turned = with_intent(cycle, replace(stop, turned_at=at))
    exiting = replace(turned, state=CycleState.EXITING, claim=event.reason, wanted=None, note=None)
    return Decision(exiting, (TurnStop(stop.tag, stop.broker_order_id, at),))


def turn_again(cycle: Cycle, stop: Intent, now: datetime) -> Decision | None:
    """A stop order that was to sell and still waits, of which nobody has heard an answer: its worker is gone, or the
    request met a limit. It is the same order, so asking again cannot sell twice. None when there is no reason to."""
    assert stop.turned_at is not None
    is_unheard = stop.turn_answer is None and now - stop.turned_at >= _UNHEARD
    if not is_unheard or stop.broker_status is not BrokerStatus.WAITING or stop.broker_order_id is None:
        return None
    asked = with_intent(cycle, replace(stop, turned_at=now))
    return Decision(asked, (TurnStop(stop.tag, stop.broker_order_id, now),))


def needs_look(cycle: Cycle) -> bool:
    """Whether a stop order's fate is not known yet, so that nothing else may sell."""
    return any(not stop.rests and not stop.is_exit for stop in cycle.open_intents(Leg.STOP))


# --- the stop order has sold ------------------------------------------------------------------------


def _has_fired(stop: Intent) -> bool:
    """Whether its trigger price was reached, whatever became of it then."""
    is_open = stop.state is IntentState.ACCEPTED and stop.broker_status is BrokerStatus.OPEN
    return stop.turned_at is None and (is_open or stop.filled > 0)


def _leave_by_fired_stop(cycle: Cycle, now: datetime) -> Decision:
    for stop in intents_of(cycle, Leg.STOP):
        if _has_fired(stop):
            cycle = with_intent(cycle, replace(stop, turned_at=now))
    exiting = replace(cycle, state=CycleState.EXITING, claim=ExitReason.STOPLOSS, wanted=None, note=None)
    return Decision(exiting)


def _end_at_stop(cycle: Cycle, now: datetime, policy: Policy) -> Decision:
    """Sold to the last share before anybody asked: by the stop order, or by an order that surfaced late."""
    fired = any(_has_fired(stop) for stop in intents_of(cycle, Leg.STOP))
    if fired:
        return _leave_by_fired_stop(cycle, now)
    strays = [intent for intent in cycle.intents if intent.state.is_open]
    after = cancel_now(sold_out(cycle), strays, now, policy) if strays else Decision(sold_out(cycle))
    return replace(after, effects=(*sold(cycle), *after.effects))


# --- somebody wants out -----------------------------------------------------------------------------


def _with_wanted(decision: Decision, cycle: Cycle) -> Decision:
    """The stray orders are being cancelled; what is wanted is not kept waiting by them."""
    if cycle.wanted is None or cycle.open_intents(Leg.EXIT) or needs_look(cycle):
        return decision
    effects: tuple[Effect, ...] = tuple(effect for effect in decision.effects if not isinstance(effect, ReadBook))
    return replace(decision, effects=(*effects, RetryExit(cycle.wanted, 0.0)))


def _go_on_leaving(cycle: Cycle, stops: tuple[Intent, ...], now: datetime, policy: Policy) -> Decision:
    assert cycle.wanted is not None
    if stops and (stops[-1].cancels or not stops[-1].rests) and cycle.wanted is not ExitReason.EXCESS:
        return cancel_now(cycle, stops, now, policy)
    return Decision(cycle, (RetryExit(cycle.wanted, 0.0),))


def _sell_excess(cycle: Cycle) -> Decision:
    text = f"{cycle.plan.symbol}: {cycle.excess} more were bought than planned, by an order that surfaced late"
    wanting = replace(cycle, wanted=ExitReason.EXCESS)
    tell = Tell(NoticeKind.LATE_ORDER, f"{text}: they are being sold.")
    return Decision(wanting, (RaiseAlarm("LateOrder", text), tell, RetryExit(ExitReason.EXCESS, 0.0)))


# --- the stop order rests ---------------------------------------------------------------------------


def _rest_stop(cycle: Cycle, stops: tuple[Intent, ...], look: Look, policy: Policy) -> Decision:
    """One stop order over what is held, at the plan's stop-loss, or none."""
    if stops:
        return _keep_stop(cycle, stops[-1], look.now, policy)
    if cycle.doubted_since is not None:
        return Decision(cycle, (ReadPosition(policy.absent_pause),))
    if not cycle.plan.broker_stop:
        return Decision(cycle)
    if not look.is_read:
        return Decision(cycle, (ReadBook(),))
    if look.stop_obstacle is not None:
        why = f"no stop order rests at the broker: {look.stop_obstacle}; the watcher guards"
        return Decision(replace(cycle, note=cycle.note or why))
    return _place_stop(cycle, look.now, policy)


def _place_stop(cycle: Cycle, now: datetime, policy: Policy) -> Decision:
    """Again and again when it is not taken, but not for ever: then the owner is told that the watcher guards alone."""
    failed = _failed(cycle)
    if failed:
        why = f"no stop order rests at the broker: {failed[-1].message or 'it was cancelled, and not by us'}"
        alarm = RaiseAlarm("StopNotResting", f"{cycle.plan.symbol}: {why}")
        if len(failed) >= policy.stop_attempts:
            text = f"{sentence(f'{cycle.plan.symbol}: {why}')} The position is watched all the same."
            tell = Tell(NoticeKind.STOP_NOT_RESTING, text)
            return Decision(replace(cycle, note=why), () if cycle.note == why else (alarm, tell))
    last = intents_of(cycle, Leg.STOP)[-1:]
    if last and _was_taken_away(last[0]) and last[0].cancel_asked_at is None:
        # Whoever cancels a stop order by hand, or the broker before its own square-off, is about to sell.
        return Decision(with_intent(cycle, replace(last[0], cancel_asked_at=now)))
    if _is_too_soon(cycle, now, policy):
        return Decision(cycle)
    return with_order(cycle, Leg.STOP, cycle.open_quantity, now=now, due=now)


def _is_too_soon(cycle: Cycle, now: datetime, policy: Policy) -> bool:
    """Whether the last try is so young that the next look is to make another. Nobody waits for that: the usual reason
    for a refusal is that the price has reached the stop, and the exit is then on its way to this very worker."""
    earlier = intents_of(cycle, Leg.STOP)
    if earlier and _was_taken_away(earlier[-1]):
        noticed_at = earlier[-1].cancel_asked_at
        return noticed_at is not None and now < noticed_at + policy.stop_pause
    if not earlier or earlier[-1].answered_at is None:
        return False
    has_failed = earlier[-1].failed_proven or earlier[-1].state is IntentState.THROTTLED
    return has_failed and now < earlier[-1].answered_at + policy.stop_pause


def _keep_stop(cycle: Cycle, stop: Intent, now: datetime, policy: Policy) -> Decision:
    is_right = (
        cycle.plan.broker_stop and stop.trigger_price == cycle.plan.stop_loss and stop.quantity == cycle.open_quantity
    )
    if stop.cancels or not is_right:
        return cancel_now(cycle, [stop], now, policy)
    is_seen = stop.rests and stop.broker_status is BrokerStatus.WAITING
    return Decision(cycle) if is_seen else Decision(cycle, (ReadBook(),))


def _failed(cycle: Cycle) -> list[Intent]:
    """Stop orders at the plan's stop-loss that the broker provably did not take, or that somebody cancelled
    although we had not asked for it: whoever did so does not want them."""
    return [
        stop
        for stop in intents_of(cycle, Leg.STOP)
        if stop.trigger_price == cycle.plan.stop_loss and (stop.failed_proven or _was_taken_away(stop))
    ]


def _was_taken_away(stop: Intent) -> bool:
    is_cancelled = stop.state is IntentState.DONE and stop.broker_status is BrokerStatus.CANCELLED
    return is_cancelled and not stop.cancels and not stop.filled
