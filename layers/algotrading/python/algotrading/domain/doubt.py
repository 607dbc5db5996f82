"""A position of which the broker shows less than our trades say.

Either somebody else has sold of it (the trader by hand, the broker's square-off), or the broker's positions lag
behind its fills. The two need opposite things: what is gone must not be sold again, what is there must not be
given up. So nobody guesses. An order in the book that is not ours, and sold, proves the first at once. Without
one, the broker has to go on showing less for `Policy.absent_window`; until then the position counts as held,
and no stop order that could sell more than is shown rests.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from algotrading.domain.cycle import Cycle, CycleState, Intent
from algotrading.domain.effects import Decision, Effect, RaiseAlarm, ReadBook, ReadPosition, RetryExit, Tell
from algotrading.domain.events import ExitDue
from algotrading.domain.instruments import Product
from algotrading.domain.look import Look
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Side
from algotrading.domain.policy import Policy
from algotrading.domain.steps import cancel_now


def shown(cycle: Cycle, look: Look) -> int | None:
    """What the broker shows held of this position; None when it was not asked.

    Intraday positions begin each day at nothing, so that the book alone shows what others have sold of them,
    also while the positions still lag behind it."""
    others = _sold_by_others(cycle, look)
    if cycle.plan.product is not Product.MIS or not others:
        return look.held
    by_book = cycle.open_quantity - others
    return by_book if look.held is None else min(look.held, by_book)


def find_less(cycle: Cycle, held: int, look: Look, stops: tuple[Intent, ...], policy: Policy) -> Decision:
    """The broker shows only `held`, less than we know of."""
    seen = max(held, 0)
    since = cycle.doubted_since or look.now
    doubted = replace(cycle, doubted_since=since, doubted_held=max(seen, cycle.doubted_held))
    too_large = [stop for stop in stops if stop.quantity > seen]
    if too_large:
        return cancel_now(doubted, too_large, look.now, policy)
    proven = min(cycle.open_quantity - seen, _sold_by_others(cycle, look))
    if proven:
        return _close_outside(doubted, proven, "sold outside this strategy")
    if look.now - since >= policy.absent_window:
        gone = cycle.open_quantity - doubted.doubted_held
        return _close_outside(doubted, gone, "sold, or converted to another product, outside this strategy")
    if cycle.wanted is not None and _may_lag(cycle, look.now, policy):
        return Decision(doubted, (RetryExit(cycle.wanted, 0.0),))
    if cycle.wanted is not None:
        return _hold_back(doubted, policy)
    return Decision(doubted, (ReadPosition(policy.absent_pause),))


def doubt_exit(cycle: Cycle, event: ExitDue, policy: Policy) -> Decision | None:
    """An exit is wanted and the broker shows nothing to sell. None when it is to sell what our trades say all the
    same: they are so young that positions may lag behind them."""
    wanting = replace(cycle, wanted=event.reason)
    if cycle.doubted_since is None:
        doubted = replace(wanting, doubted_since=event.now, doubted_held=max(event.held or 0, 0))
        return Decision(doubted, (ReadPosition(0.0),))
    if _may_lag(cycle, event.now, policy):
        return None
    return _hold_back(wanting, policy)


def _sold_by_others(cycle: Cycle, look: Look) -> int:
    """What orders that are not ours have sold of the position, as far as it is not accounted for yet."""
    net = look.others if look.others is not None else 0
    return max(0, -net - cycle.closed_outside)


def _may_lag(cycle: Cycle, now: datetime, policy: Policy) -> bool:
    bought = [intent for intent in cycle.intents if intent.side is Side.BUY and intent.filled]
    return any(now - _may_have_bought_at(intent, now) < policy.absent_window for intent in bought)


def _may_have_bought_at(entry: Intent, now: datetime) -> datetime:
    """No fill of it is younger: it bought soon after it was answered; one that had to be cancelled, until then."""
    if entry.state.is_open:
        return now
    return entry.cancel_asked_at or entry.answered_at or entry.sent_at or entry.created_at


def _hold_back(cycle: Cycle, policy: Policy) -> Decision:
    why = "the broker shows that it is not held any more, and no order that sold it"
    alarm = RaiseAlarm("ExitBlocked", f"{cycle.plan.symbol}: {why}")
    again = ReadPosition(policy.absent_pause)
    if cycle.note == why:
        return Decision(cycle, (alarm, again))
    text = f"{cycle.plan.symbol}: the sell waits: {why}. Look into your broker account."
    return Decision(replace(cycle, note=why), (alarm, Tell(NoticeKind.EXIT_BLOCKED, text), again))


def _close_outside(cycle: Cycle, gone: int, how: str) -> Decision:
    why = f"{gone} were no longer held: {how}"
    outside = cycle.closed_outside + gone
    rest = replace(cycle, closed_outside=outside, doubted_since=None, doubted_held=0, note=why)
    if rest.open_quantity == 0:
        rest = replace(rest, state=CycleState.FLAT, wanted=None)
    text = f"{cycle.plan.symbol}: {why}"
    again: tuple[Effect, ...] = ()
    if rest.state is not CycleState.FLAT:
        again = (ReadBook(),) if rest.wanted is None else (RetryExit(rest.wanted, 0.0),)
    return Decision(rest, (RaiseAlarm("ClosedOutside", text), Tell(NoticeKind.CLOSED_OUTSIDE, f"{text}."), *again))
