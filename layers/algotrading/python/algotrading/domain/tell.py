"""Words for what has happened to orders: accepted, filled and refused are different things, and none is said before
the broker has proven it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from algotrading.domain.charges import to_paisa
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, Intent, IntentState
from algotrading.domain.effects import Tell
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Leg, Side
from algotrading.domain.profit import profit_of

_OPEN = frozenset({IntentState.ACCEPTED, IntentState.PENDING, IntentState.UNKNOWN})
_UNSURE = frozenset({IntentState.PENDING, IntentState.UNKNOWN})


def accepted(cycle: Cycle, intent: Intent, late: str | None = None) -> tuple[Tell, ...]:
    """The broker has the order; it has not been filled as far as anybody knows. A stop order that rests is no news.
    `late` is why it left later than it was due."""
    symbol, after = cycle.plan.symbol, f" It {late}." if late else ""
    if intent.leg is Leg.ENTRY:
        text = f"{symbol}: the broker accepted the buy of {intent.quantity}; it is not filled yet.{after}"
        return (Tell(NoticeKind.BUY_ACCEPTED, text),)
    if intent.leg is Leg.EXIT:
        why = _why(cycle)
        text = f"{symbol}: the broker accepted the sell of {intent.quantity}{why}; it is not filled yet.{after}"
        return (Tell(NoticeKind.SELL_ACCEPTED, text),)
    return ()


def unknown(cycle: Cycle, intent: Intent) -> Tell:
    """Nobody knows whether the broker has the order."""
    what = f"it is not known yet whether the {what_is(intent)} was placed"
    text = f"{cycle.plan.symbol}: {what}; nothing is sent again before the broker's order book has spoken."
    return Tell(NoticeKind.ORDER_UNKNOWN, text)


def seen_in_book(before: Cycle, after: Cycle) -> tuple[Tell, ...]:
    """What a reading of the book has proven about orders that are still to come to their end."""
    return (*_seen(before, after), *_ended(before, after))


def _ended(before: Cycle, after: Cycle) -> tuple[Tell, ...]:
    """What a reading has proven to have been bought and sold by orders that nobody waited for: an exit did not wait for
    its entry's end, or they surfaced after they had been given up."""
    is_leaving = before.state in {CycleState.LONG, CycleState.EXITING}
    is_left = before.state.is_over and after.open_quantity <= 0
    told = (bought(after),) if (is_leaving or is_left) and _has_entry_ended(before, after) else ()
    is_sold = is_left and after.open_quantity == 0 and after.sold > before.sold
    return (*told, *(sold(after) if is_sold else ()))


def _has_entry_ended(before: Cycle, after: Cycle) -> bool:
    """Whether an entry has ended by this reading that has bought something."""
    old = {intent.tag: intent for intent in before.intents}
    ended = [i for i in after.intents if i.leg is Leg.ENTRY and i.filled and not i.state.is_open]
    return any(before.bought == 0 or old[intent.tag].state.is_open for intent in ended)


def bought(cycle: Cycle) -> Tell:
    """The entry has ended, with this quantity filled."""
    asked, got = cycle.plan.quantity, cycle.bought
    part = f" of {asked}" if got < asked else ""
    rest = "; the rest was not filled" if part and not cycle.open_intents(Leg.ENTRY) else ""
    return Tell(NoticeKind.BOUGHT, f"{cycle.plan.symbol}: bought {got}{part}{_at(cycle, Side.BUY)}{rest}.")


def sold(cycle: Cycle) -> tuple[Tell, ...]:
    """Everything that was held is sold; nothing is said where none of it was sold by orders of ours."""
    if cycle.sold == 0:
        return ()
    text = f"{cycle.plan.symbol}: sold {cycle.sold}{_at(cycle, Side.SELL)}{_why(cycle)}"
    if cycle.may_buy_more:
        return (Tell(NoticeKind.SOLD_SO_FAR, f"{text}{_what_may_follow(cycle)}."),)
    return (Tell(NoticeKind.SOLD, f"{text}.{_result(cycle)}"),)


def _what_may_follow(cycle: Cycle) -> str:
    if cycle.bought:
        everything = ", all that was bought so far" if cycle.open_quantity == 0 else ""
        return f"{everything}; the rest of the buy is being cancelled, and what it still buys is sold"
    return "; the broker's order book does not show the buy yet, and what else it has bought is sold when it does"


_REASONS = {
    ExitReason.STOPLOSS: " at its stop-loss",
    ExitReason.SQUARE_OFF: " as its owner asked",
    ExitReason.KILL: " because of the kill switch",
    ExitReason.RISK: " because a loss limit was reached",
}


def _seen(before: Cycle, after: Cycle) -> Iterator[Tell]:
    old = {intent.tag: intent for intent in before.intents}
    for intent in after.intents:
        was = old[intent.tag]
        if was.state is IntentState.PENDING and intent.state is IntentState.UNKNOWN:
            yield unknown(after, intent)
        if was.state in _UNSURE and intent.state is IntentState.NOT_PLACED:
            text = f"{after.plan.symbol}: the broker's order book proves that the {_verb(intent)} was never placed."
            yield Tell(NoticeKind.ORDER_NOT_PLACED, text)
        if was.state in _UNSURE and intent.state is IntentState.ACCEPTED and not intent.filled:
            yield from accepted(after, intent)
        if intent.filled > was.filled and intent.state in _OPEN:
            yield _partly(after, intent)


def _partly(cycle: Cycle, intent: Intent) -> Tell:
    kind = NoticeKind.PARTLY_BOUGHT if intent.side is Side.BUY else NoticeKind.PARTLY_SOLD
    done, price = intent.filled, to_paisa(intent.average_price)
    verb = "bought" if intent.side is Side.BUY else "sold"
    return Tell(kind, f"{cycle.plan.symbol}: {verb} {done} of {intent.quantity} so far, at {price} on average.")


def what_is(intent: Intent) -> str:
    """The order, in words."""
    return f"{_verb(intent)} of {intent.quantity}"


def _verb(intent: Intent) -> str:
    if intent.leg is Leg.STOP:
        return "stop order"
    return "buy" if intent.side is Side.BUY else "sell"


def _at(cycle: Cycle, side: Side) -> str:
    filled = [intent for intent in cycle.intents if intent.side is side and intent.filled]
    quantity = sum(intent.filled for intent in filled)
    value = sum((intent.filled * intent.average_price for intent in filled), Decimal(0))
    return f" at {to_paisa(value / quantity)} on average" if quantity and value else ""


def _why(cycle: Cycle) -> str:
    return _REASONS.get(cycle.claim, "") if cycle.claim is not None else ""


def _result(cycle: Cycle) -> str:
    try:
        profit = profit_of(cycle, None)
    except ValueError:
        return ""  # A day of long ago, whose rates are in no table.
    if profit.net is None or any(intent.filled and not intent.average_price for intent in cycle.intents):
        return ""
    return f" The result is {profit.net} rupees after charges of {profit.charges.total}."
