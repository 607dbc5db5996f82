"""The moves that decisions are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from algotrading.domain.cycle import Cycle, CycleState, ExitReason, Intent, IntentState
from algotrading.domain.effects import (
    CancelOrder,
    Decision,
    Effect,
    RaiseAlarm,
    ReadBook,
    SendOrder,
    Tell,
)
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Leg, Side, make_tag
from algotrading.domain.policy import Policy
from algotrading.domain.sentences import sentence

_MOST_DOUBLINGS = 10


def intents_of(cycle: Cycle, leg: Leg) -> list[Intent]:
    """The intents of one leg, oldest first."""
    return [intent for intent in cycle.intents if intent.leg is leg]


def with_intent(cycle: Cycle, changed: Intent) -> Cycle:
    """The cycle with one of its intents replaced."""
    return replace(cycle, intents=tuple(changed if i.tag == changed.tag else i for i in cycle.intents))


def with_order(
    cycle: Cycle,
    leg: Leg,
    quantity: int,
    *,
    now: datetime,
    due: datetime,
    cause_at: datetime | None = None,
    pause: float = 0.0,
) -> Decision:
    """Write the next attempt of `leg` down, and send it."""
    attempt = 1 + len(intents_of(cycle, leg))
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
        trigger_price=cycle.plan.stop_loss if leg is Leg.STOP else None,
    )
    written = replace(cycle, intents=(*cycle.intents, intent))
    return Decision(written, (SendOrder(intent.tag, intent.due_at, pause),))


def miss(cycle: Cycle, kind: NoticeKind, why: str) -> Decision:
    """The day passes without a position; the owner is told why."""
    flat = replace(cycle, state=CycleState.FLAT, wanted=None, note=why)
    return Decision(flat, (Tell(kind, sentence(f"{cycle.plan.symbol}: {why}")),))


def sold_out(cycle: Cycle) -> Cycle:
    """Nothing is held: the cycle is over. Where the entry may still buy more, it is guarded, and what it buys is
    wanted sold, until the broker shows that it has ended."""
    if not cycle.may_buy_more:
        return replace(cycle, state=CycleState.FLAT, wanted=None, note=None)
    reasons = (cycle.wanted, cycle.claim)
    wanted = next((one for one in reasons if one and one is not ExitReason.EXCESS), ExitReason.SELL_TIME)
    return replace(cycle, state=CycleState.ENTERING, claim=None, wanted=wanted, note=None)


def doubled(times: int) -> int:
    """2 to the power of `times`, bounded: far beyond what any longest pause lets through, and never more than a
    `timedelta` or a float can be multiplied with, however often the broker refused."""
    return 1 << min(times, _MOST_DOUBLINGS)


def exit_pause(cycle: Cycle, policy: Policy) -> float:
    """Back-off before the next exit: none after one that sold all it was to sell, nor after the first that was taken
    but did not, else doubling with every one that did not."""
    exits = intents_of(cycle, Leg.EXIT)
    if not exits or exits[-1].is_filled:
        return 0.0
    if exits[-1].state is IntentState.THROTTLED:
        return policy.throttle_pause
    tries = sum(1 for intent in exits if not (intent.state is IntentState.THROTTLED or intent.is_filled))
    if tries == 1 and not exits[-1].failed_proven:
        return 0.0
    return min(policy.retry_pause * doubled(tries - 1), policy.longest_retry_pause)


def await_orders(
    cycle: Cycle,
    intents: Iterable[Intent],
    now: datetime,
    policy: Policy,
    patience: Callable[[Intent], timedelta],
) -> Decision:
    """Orders are still open at the broker: keep looking, and cancel what has rested longer than its
    `patience`. A cancel that does not show in the book is asked for again, since its request may have been
    lost."""
    effects: list[Effect] = []
    for intent in intents:
        cycle, cancel = _cancel_rested(cycle, intent, now, policy, patience(intent))
        effects.extend(cancel)
    return Decision(cycle, (*effects, ReadBook()))


def cancel_now(cycle: Cycle, intents: Iterable[Intent], now: datetime, policy: Policy) -> Decision:
    """Orders that must not be: cancel them, and keep looking until the book shows that they ended."""
    return await_orders(cycle, intents, now, policy, lambda _: timedelta(0))


def _cancel_rested(
    cycle: Cycle, intent: Intent, now: datetime, policy: Policy, patience: timedelta
) -> tuple[Cycle, list[Effect]]:
    rested = now - (intent.turned_at or max(intent.due_at, intent.created_at))
    asked = intent.cancel_asked_at is not None and now - intent.cancel_asked_at < policy.cancel_patience
    is_known = intent.state is IntentState.ACCEPTED and intent.broker_status is not None
    if intent.broker_order_id is None or not is_known or asked or rested < patience:
        return cycle, []
    effects: list[Effect] = []
    if intent.cancels:
        text = f"{intent.side} {cycle.plan.symbol}: asked to cancel {intent.cancels + 1} times"
        effects.append(RaiseAlarm("CancelRepeated", text))
    effects.append(CancelOrder(intent.broker_order_id))
    return with_intent(cycle, replace(intent, cancels=intent.cancels + 1, cancel_asked_at=now)), effects
