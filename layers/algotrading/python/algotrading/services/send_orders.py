"""Orders on their way to the broker: each at its instant, in its place, and not before what could stop it was asked."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime, timedelta

from algotrading.domain.cycle import Intent
from algotrading.domain.effects import (
    SendOrder,
    TurnStop,
)
from algotrading.domain.errors import RedisDown
from algotrading.domain.events import (
    Answered,
    EntryHeldBack,
    EntryWithdrawn,
    Event,
    StopTurned,
)
from algotrading.domain.limits import LAST_LOOK, Obstacle
from algotrading.domain.orders import Answer, Leg, OrderTicket, OrderType, Refused, Unknown
from algotrading.domain.rates import Request
from algotrading.domain.sessions import IST
from algotrading.domain.stop_terms import stop_terms
from algotrading.services import order_logs
from algotrading.services.errand import Errand, spread_of

logger = logging.getLogger(__name__)

_LATEST_UNCHECKED_WAIT = timedelta(seconds=0.5)
"""An order that waited longer than this since its decision asks the fence, the owner and the locks again."""
_LOOKS_AFTER_SILENCE = timedelta(seconds=2.5)
"""How long the book is looked at after an answer that did not come: the wait for it may have taken all the time
there was, and the order may stand in the book by now. Converge would look a minute or two later. With the answer's
own nine seconds this ends before the function does (PRIORITY_TIMEOUT in cdk/functions.py)."""
_LATE = timedelta(seconds=1)
"""An exit that misses its instant by more says why."""
_CHECK_LEAD = 0.45
"""Seconds before its instant at which a waiting order asks, at the earliest; spread over two thirds of it
by strategy, so that a burst does not meet in the database at the instant itself. Well under `LAST_LOOK`, after
which it asks once more."""


def send(errand: Errand, effect: SendOrder) -> Event:
    """Send an order that is written down, at its instant. Raises Fenced when another worker has taken the cycle."""
    intent = next(intent for intent in errand.cycle.intents if intent.tag == effect.tag)
    order = errand.broker.prepare_order(ticket_of(errand, intent))
    clock = errand.desk.clock
    clock.sleep(effect.pause)
    lead = _CHECK_LEAD * (1 + 2 * spread_of(errand.strategy)) / 3
    clock.sleep_until(effect.at - timedelta(seconds=lead))
    looked_at, obstacle = intent.created_at, None
    if clock.now() - looked_at >= _LATEST_UNCHECKED_WAIT:
        looked_at, obstacle = look_around(errand, intent)
    wanted = max(effect.at, clock.now())
    place = _take_place(errand, intent, wanted) if obstacle is None else wanted
    if not isinstance(place, datetime):
        return place
    if place - wanted > _LATEST_UNCHECKED_WAIT:
        clock.sleep_until(place - timedelta(seconds=lead))
        errand.broker.warm()
        looked_at, obstacle = look_around(errand, intent)
    if obstacle is None:
        clock.sleep_until(place)
        obstacle = _look_last(errand, intent, looked_at)
    if obstacle is not None:
        return EntryWithdrawn(clock.now(), intent.tag, obstacle)
    login, sent_at = errand.broker.token_at, clock.now()
    answer = order.send()
    heard_at = clock.now()
    _measure(errand, intent, sent_at, heard_at, place - wanted)
    order_logs.note(errand, intent, answer, sent_at=sent_at, heard_at=heard_at)
    if _may_go_again(errand, intent, answer, login):
        # From the beginning: with a place of its own, and not before what could stop it was asked.
        return send(errand, replace(effect, pause=0))
    if isinstance(answer, Unknown):
        errand.deadline = max(errand.deadline, heard_at + _LOOKS_AFTER_SILENCE)
    late = _reason_of(place - wanted) or _what_took_long(errand, intent, wanted)
    return Answered(heard_at, intent.tag, sent_at, answer, late, errand.sends_until)


def _may_go_again(errand: Errand, intent: Intent, answer: Answer, login: datetime | None) -> bool:
    """Whether an order that was refused for the login it was sent with can go with a newer one: its owner has logged in
    to the broker meanwhile. Such a refusal says that there is no order. A buy whose time is over is not bought late."""
    if not isinstance(answer, Refused) or not answer.is_auth or errand.broker.token_at == login:
        return False
    return intent.leg is not Leg.ENTRY or errand.desk.clock.now() < _grace_ends(errand)


def _look_last(errand: Errand, intent: Intent, looked_at: datetime) -> Obstacle | None:
    """What has come up by the instant itself, where the look of before is too old by then. Raises Fenced."""
    clock, obstacle = errand.desk.clock, None
    if intent.leg is Leg.ENTRY:
        errand.broker.warm()  # nothing to do where it is open; what takes a while is followed by another look
    while obstacle is None and clock.now() - looked_at > LAST_LOOK:
        looked_at, obstacle = look_around(errand, intent)
        if intent.leg is not Leg.ENTRY:
            break
    return obstacle


def _too_late(errand: Errand, intent: Intent, wanted: datetime) -> str | None:
    """Why a further attempt at an entry leaves no more, if its time to sell has come. Of the first that was asked
    before it was decided: nothing is looked up at its instant."""
    if intent.leg is not Leg.ENTRY or intent.attempt == 1:
        return None
    sell_due = errand.market.sell_due(errand.cycle.plan, errand.cycle.trading_day)
    return past_its_sale(sell_due) if sell_due is not None and wanted >= sell_due else None


def past_its_sale(sell_due: datetime) -> str:
    """In words for the trader: what was bought now could only be sold again at once, or not at all any more."""
    return f"not bought: {sell_due.astimezone(IST):%H:%M:%S}, when it was to be sold, has come"


def _take_place(errand: Errand, intent: Intent, wanted: datetime) -> datetime | Event:
    """When the order may leave by the broker's limits, or what becomes of it instead. Entries leave
    with a place or not at all; an exit goes without one when nobody can say whether there is one."""
    is_entry = intent.leg is Leg.ENTRY
    until = min(errand.lives_until, _grace_ends(errand)) if is_entry else errand.lives_until
    request = Request.ENTRY if is_entry else Request.EXIT
    now = errand.desk.clock.now()
    if (too_late := _too_late(errand, intent, wanted)) is not None:
        return EntryHeldBack(now, intent.tag, too_late)
    try:
        place = errand.broker.reserve(request, wanted, max(until, wanted))
    except RedisDown as down:
        errand.desk.meter.count("RedisDown")
        if is_entry:
            return Answered(now, intent.tag, now, not_sent("REDIS_DOWN", down.message), until=errand.sends_until)
        errand.desk.meter.count("UnbookedRequests")
        return wanted
    if place == wanted:
        return wanted
    errand.desk.meter.count("RateLimited")
    if place is not None:
        errand.deadline = min(errand.deadline + (place - wanted), errand.lives_until)
        logger.warning(
            "an order waits for its place until %s", place, extra={"strategy_id": str(errand.cycle.strategy_id)}
        )
        return place
    why = "the broker takes only so many orders of one account, and no place was free in time"
    return (
        EntryHeldBack(now, intent.tag, why)
        if is_entry
        else Answered(now, intent.tag, now, not_sent("RATE_LIMITED", why), until=errand.sends_until)
    )


def _grace_ends(errand: Errand) -> datetime:
    due = min(intent.due_at for intent in errand.cycle.intents if intent.leg is Leg.ENTRY)
    return due + errand.desk.policy.entry_grace


def look_around(errand: Errand, intent: Intent) -> tuple[datetime, Obstacle | None]:
    """When this look began, and what has come up against an entry while it waited: its owner stopped the
    strategy, or a kill switch is on. Raises Fenced."""
    began_at = errand.desk.clock.now()
    obstacle = errand.desk.ledger.check(errand.cycle)
    return began_at, obstacle if intent.leg is Leg.ENTRY else None


def ticket_of(errand: Errand, intent: Intent) -> OrderTicket:
    """The order as the broker is to have it."""
    plan = errand.cycle.plan
    ticket = OrderTicket(
        exchange=plan.exchange,
        symbol=plan.symbol,
        side=intent.side,
        quantity=intent.quantity,
        product=plan.product,
        tag=intent.tag,
    )
    if intent.trigger_price is None:
        return ticket
    terms = stop_terms(errand.market.instrument(plan), intent.trigger_price)
    return replace(ticket, order_type=terms.order_type, trigger_price=intent.trigger_price, price=terms.price)


def _measure(errand: Errand, intent: Intent, sent_at: datetime, heard_at: datetime, waited: timedelta) -> None:
    meter = errand.desk.meter
    if intent.due_at != intent.created_at:
        meter.milliseconds("ReleaseError", (sent_at - intent.due_at - waited).total_seconds() * 1000)
    if intent.cause_at is not None:
        meter.milliseconds("TickToOrder", (sent_at - intent.cause_at).total_seconds() * 1000)
    meter.milliseconds("BrokerAnswer", (heard_at - sent_at).total_seconds() * 1000)


def cancel(errand: Errand, broker_order_id: str) -> None:
    """Ask the broker to cancel; the book says whether it did."""
    intent = next(i for i in errand.cycle.intents if i.broker_order_id == broker_order_id)
    sent_at = errand.desk.clock.now()
    answer = errand.broker.cancel_order(broker_order_id)
    order_logs.note(errand, intent, answer, sent_at=sent_at, heard_at=errand.desk.clock.now(), prefix="cancel_")
    # Most cancels show at once. The pauses of an order that has rested for long would outlast this worker, and what the
    # order has bought would go without a stop order at the broker until converge looks.
    errand.looks = 0


def turn(errand: Errand, effect: TurnStop) -> Event:
    """Let the stop order that rests at the broker sell, at its instant."""
    intent = next(intent for intent in errand.cycle.intents if intent.tag == effect.tag)
    errand.desk.clock.sleep_until(effect.at)
    if errand.desk.clock.now() - errand.decided_at > _LATEST_UNCHECKED_WAIT:
        errand.desk.ledger.check(errand.cycle)
    sent_at = errand.desk.clock.now()
    answer = errand.broker.modify_order(effect.broker_order_id, order_type=OrderType.MARKET)
    heard_at = errand.desk.clock.now()
    if errand.cause_at is not None:
        errand.desk.meter.milliseconds("TickToOrder", (sent_at - errand.cause_at).total_seconds() * 1000)
    errand.desk.meter.milliseconds("BrokerAnswer", (heard_at - sent_at).total_seconds() * 1000)
    order_logs.note(errand, intent, answer, sent_at=sent_at, heard_at=heard_at, prefix="turn_")
    return StopTurned(heard_at, effect.tag, sent_at, answer)


def not_sent(kind: str, why: str) -> Refused:
    """The answer to an order that did not leave."""
    return Refused(kind, f"not sent: {why}", retryable=True, raw={}, throttled=True)


def _reason_of(waited: timedelta) -> str | None:
    """Why an order left later than it was to, if its account's other orders were the reason."""
    if not waited:
        return None
    seconds = waited.total_seconds()
    return f"left {seconds:.1f} s later: the broker takes only so many orders a second of one account"


def _what_took_long(errand: Errand, intent: Intent, wanted: datetime) -> str | None:
    """Why an exit missed its instant, where it waited for the quantity: that is never guessed for the clock's sake."""
    behind, took = wanted - intent.due_at, errand.held_took
    if intent.leg is Leg.ENTRY or min(behind, took) < _LATE:
        return None
    return f"left {behind.total_seconds():.1f} s later: the broker took {took.total_seconds():.1f} s over what is held"
