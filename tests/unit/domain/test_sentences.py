"""What traders are told ends with one full stop, whatever the broker's own words end with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from algotrading.domain.cycle import Cycle, CycleState, ExitReason, Intent, IntentState
from algotrading.domain.decide import decide
from algotrading.domain.effects import Tell
from algotrading.domain.events import Answered, BookRead, EntryMissed, Event, ExitBlocked, StopTurned
from algotrading.domain.limits import Breach, BreachKind, loss_notice
from algotrading.domain.orders import BookReading, BrokerStatus, Leg, Refused
from algotrading.domain.policy import Policy
from algotrading.domain.sentences import sentence
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_strategy

POLICY = Policy(attempts=1, stop_attempts=1)
LATER = MOMENT + timedelta(minutes=5)


def cycle_in(state: CycleState) -> Cycle:
    one = make_strategy(uuid4(), broker_stop=True)
    return Cycle(one.strategy_id, one.user_id, one.account_id, TRADING_DAY, one.plan, state=state, epoch=1)


def holding(in_state: CycleState, leg: Leg, **order: Any) -> tuple[Cycle, Intent]:
    """Ten shares, with one more order."""
    cycle = cycle_in(in_state)
    entry = make_intent(
        cycle, state=IntentState.DONE, broker_status=BrokerStatus.COMPLETE, filled=10, broker_order_id="E1"
    )
    other = make_intent(replace(cycle, intents=(entry,)), leg, **order)
    return replace(cycle, intents=(entry, other), claim=ExitReason.STOPLOSS), other


def refused_buy(words: str, *, is_auth: bool) -> tuple[Cycle, Event]:
    cycle = cycle_in(CycleState.ENTERING)
    entry = make_intent(cycle)
    refused = Refused("X", words, retryable=False, raw={}, is_auth=is_auth)
    return replace(cycle, intents=(entry,)), Answered(MOMENT, entry.tag, MOMENT, refused)


def refused_sale(words: str) -> tuple[Cycle, Event]:
    cycle, sale = holding(CycleState.EXITING, Leg.EXIT)
    return cycle, Answered(MOMENT, sale.tag, MOMENT, Refused("X", words, retryable=False, raw={}))


def refused_turn(words: str) -> tuple[Cycle, Event]:
    rests = BrokerStatus.WAITING
    cycle, stop = holding(
        CycleState.EXITING, Leg.STOP, state=IntentState.ACCEPTED, broker_order_id="S1", broker_status=rests
    )
    return cycle, StopTurned(MOMENT, stop.tag, MOMENT, Refused("X", words, retryable=False, raw={}, is_auth=True))


def refused_stop(words: str) -> tuple[Cycle, Event]:
    at = make_strategy(uuid4()).plan.stop_loss
    cycle, _ = holding(CycleState.LONG, Leg.STOP, state=IntentState.REFUSED, message=words, trigger_price=at)
    return replace(cycle, claim=None), BookRead(LATER, BookReading(LATER, (), ()))


def stranded(words: str) -> tuple[Cycle, Event]:
    cycle, _ = holding(CycleState.LONG, Leg.STOP)
    return replace(cycle, claim=None), ExitBlocked(MOMENT, None, words)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("it is so", "it is so."),
        ("it is so.", "it is so."),
        ("it is so. ", "it is so."),
        ("is it so?", "is it so?"),
        ("so it is!", "so it is!"),
    ],
)
def test_a_sentence_ends_once(words: str, told: str) -> None:
    assert sentence(words) == told


@pytest.mark.parametrize("words", ["Insufficient funds", "Insufficient funds."])
@pytest.mark.parametrize(
    ("case", "told"),
    [
        (partial(refused_buy, is_auth=False), "the broker refused the buy at once: {} The strategy is stopped."),
        (partial(refused_buy, is_auth=True), "log in to the broker again: {}"),
        (refused_sale, "the sell was refused and is tried again: {}"),
        (refused_turn, "the sell cannot be sent and is tried again: log in to the broker again: {}"),
        (refused_stop, "no stop order rests at the broker: {} The position is watched all the same."),
        (lambda words: (cycle_in(CycleState.IDLE), EntryMissed(MOMENT, words)), "{}"),
        (stranded, "nothing of it could be sold now: {} Log in to the broker again."),
    ],
    ids=["buy", "login", "sale", "turned stop", "resting stop", "missed", "stranded"],
)
def test_around_the_brokers_words(case: Callable[[str], tuple[Cycle, Event]], told: str, words: str) -> None:
    cycle, event = case(words)

    (text,) = [effect.text for effect in decide(cycle, event, POLICY).effects if isinstance(effect, Tell)]

    assert text == f"{cycle.plan.symbol}: {told.format('Insufficient funds.')}"


def test_around_the_words_of_a_limit() -> None:
    breach = Breach(BreachKind.LOCKED, None, None, "the kill switch is on.")

    assert loss_notice(breach).text == "Nothing more is bought: the kill switch is on."
