"""Each sentence that states a quantity, made as the product makes it, is understood."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from algotrading.domain import tell
from algotrading.domain.cycle import Cycle, CycleState, ExitReason, IntentState
from algotrading.domain.decide import decide
from algotrading.domain.doubt import find_less
from algotrading.domain.effects import Decision, Tell
from algotrading.domain.events import BookRead
from algotrading.domain.look import Look
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import BookReading, BrokerStatus, Leg
from algotrading.domain.policy import Policy
from algotrading.domain.settle import settle
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_strategy
from tests.simulation.statements import _SENTENCES, Statement, statement_of

POLICY = Policy()
LOOK = Look(MOMENT + timedelta(minutes=1))
_STRATEGY = make_strategy(UUID(int=1))
IDLE = Cycle(_STRATEGY.strategy_id, _STRATEGY.user_id, _STRATEGY.account_id, TRADING_DAY, _STRATEGY.plan)
ASKED = IDLE.plan.quantity


def bought(quantity: int, state: CycleState = CycleState.LONG, **changes: Any) -> Cycle:
    entry = make_intent(
        IDLE,
        state=IntentState.DONE,
        broker_status=BrokerStatus.CANCELLED if quantity < ASKED else BrokerStatus.COMPLETE,
        broker_order_id="1",
        filled=quantity,
        average_price=Decimal("3600.05"),
    )
    return replace(IDLE, state=state, intents=(entry,), **changes)


def sold(cycle: Cycle, *quantities: int) -> Cycle:
    for attempt, quantity in enumerate(quantities, 1):
        intent = make_intent(
            cycle,
            Leg.EXIT,
            attempt,
            state=IntentState.DONE,
            broker_status=BrokerStatus.CANCELLED,
            broker_order_id=f"1{attempt}",
            filled=quantity,
            average_price=Decimal("3601"),
        )
        cycle = replace(cycle, intents=(*cycle.intents, intent))
    return replace(cycle, state=CycleState.EXITING, claim=ExitReason.STOPLOSS)


def pending(leg: Leg, quantity: int, **changes: Any) -> Cycle:
    state = CycleState.ENTERING if leg is Leg.ENTRY else CycleState.EXITING
    return replace(IDLE, state=state, intents=(make_intent(IDLE, leg, quantity=quantity, **changes),))


def told(decision: Decision, kind: NoticeKind) -> Tell:
    (found,) = [each for each in decision.effects if isinstance(each, Tell) and each.kind is kind]
    return found


def partly(leg: Leg, filled: int, of: int) -> Tell:
    before = pending(leg, of, state=IntentState.ACCEPTED, broker_order_id="1")
    price = Decimal("3600.05")
    after = replace(before, intents=(replace(before.intents[0], filled=filled, average_price=price),))
    (found,) = tell.seen_in_book(before, after)
    return found


def absent(leg: Leg) -> Tell:
    before = pending(leg, 4, state=IntentState.UNKNOWN)
    after = replace(before, intents=(replace(before.intents[0], state=IntentState.NOT_PLACED),))
    (found,) = tell.seen_in_book(before, after)
    return found


def unshown(leg: Leg, quantity: int) -> Tell:
    cycle = pending(leg, quantity, state=IntentState.ACCEPTED, broker_order_id="1", answered_at=MOMENT)
    now = MOMENT + POLICY.unshown_window
    return told(decide(cycle, BookRead(now, BookReading(now, (), ())), POLICY), NoticeKind.ORDER_UNKNOWN)


def still_buying(quantity: int) -> Cycle:
    cycle = sold(bought(quantity), quantity)
    entry = replace(cycle.intents[0], state=IntentState.ACCEPTED, broker_status=BrokerStatus.OPEN, cancels=2)
    return replace(cycle, intents=(entry, *cycle.intents[1:]))


def beside_an_open_entry(quantity: int) -> Cycle:
    cycle = bought(quantity)
    surfaced = make_intent(cycle, attempt=2, state=IntentState.ACCEPTED, broker_status=BrokerStatus.OPEN)
    return replace(cycle, intents=(*cycle.intents, surfaced))


def accepted(leg: Leg, quantity: int, late: str | None = None) -> Tell:
    cycle = pending(leg, quantity)
    (found,) = tell.accepted(replace(cycle, claim=ExitReason.KILL), cycle.intents[0], late)
    return found


SAID = [
    (accepted(Leg.ENTRY, 7, "left 2.0 s later"), Statement(0, 7, order="buy")),
    (accepted(Leg.EXIT, 7), Statement(0, 7, order="sell")),
    (partly(Leg.ENTRY, 3, 7), Statement(0, 3, 7, verb="bought")),
    (partly(Leg.EXIT, 3, 7), Statement(0, 3, 7, verb="sold")),
    (tell.sold(still_buying(4))[0], Statement(0, 4, verb="sold")),
    (tell.bought(bought(4)), Statement(0, 4, ASKED, verb="bought")),
    (tell.bought(bought(ASKED)), Statement(1, ASKED, verb="bought")),
    (tell.bought(beside_an_open_entry(4)), Statement(2, 4, ASKED, verb="bought")),
    (tell.sold(sold(bought(ASKED), ASKED))[0], Statement(0, ASKED, verb="sold")),
    (tell.unknown(IDLE, make_intent(IDLE, Leg.STOP, quantity=5)), Statement(0, 5, order="stop order")),
    (unshown(Leg.EXIT, 5), Statement(1, 5, order="sell")),
    (absent(Leg.STOP), Statement(0, order="stop order")),
    (told(settle(sold(bought(9), 2, 3), LOOK, POLICY), NoticeKind.EXIT_UNFILLED), Statement(0, 4)),
    (told(find_less(bought(9), 2, replace(LOOK, others=-7), (), POLICY), NoticeKind.CLOSED_OUTSIDE), Statement(0, 7)),
    (
        told(settle(bought(9, CycleState.FLAT), LOOK, POLICY), NoticeKind.LATE_ORDER),
        Statement(0, 9, verb="bought"),
    ),
    (told(settle(bought(ASKED + 4), LOOK, POLICY), NoticeKind.LATE_ORDER), Statement(1, 4)),
    (
        told(settle(replace(sold(bought(4), 6), state=CycleState.FLAT), LOOK, POLICY), NoticeKind.OVERSOLD),
        Statement(0, 2),
    ),
    (
        told(
            settle(replace(sold(bought(4), 4), state=CycleState.FLAT), replace(LOOK, held=-3), POLICY),
            NoticeKind.OVERSOLD,
        ),
        Statement(1, 3),
    ),
]


@pytest.mark.parametrize(("notice", "statement"), SAID)
def test_what_a_sentence_states_is_understood(notice: Tell, statement: Statement) -> None:
    assert statement_of(notice) == statement


def test_each_sentence_is_made_by_the_product() -> None:
    made = {(notice.kind, statement.sentence) for notice, statement in SAID}

    assert made == {(kind, number) for kind, sentences in _SENTENCES.items() for number in range(len(sentences))}


def test_a_sentence_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="says what is known of none"):
        statement_of(Tell(NoticeKind.BOUGHT, "TCS: acquired 10."))


def test_a_notice_about_something_else_states_nothing() -> None:
    assert statement_of(Tell(NoticeKind.EXIT_BLOCKED, "TCS: the sell waits.")) is None
