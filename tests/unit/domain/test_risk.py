"""What fits under a trader's limits, to the rupee."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.effects import Decision, SendOrder, Tell
from algotrading.domain.events import Answered, EntryDue
from algotrading.domain.limits import Breach, BreachKind, Lock, Locks, RiskLimits
from algotrading.domain.notices import NoticeKind
from algotrading.domain.orders import Leg, Unknown
from algotrading.domain.risk import (
    Booked,
    EntryOrder,
    Held,
    Usage,
    booked_of,
    check_entry,
    exposures,
    held_of,
    loss_breaches,
    new_entry,
    results_of,
    without_entry,
)
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_plan

ORDER = EntryOrder("NSE", "TCS", 10, Decimal(3600), TRADING_DAY)
FREE, UNUSED = Locks(), Usage()
DUE = EntryDue(MOMENT, MOMENT, Decimal(3600))


def held(symbol: str = "TCS", *, quantity: int = 10, price: int = 3600, closed_outside: int = 0) -> Cycle:
    """A position."""
    cycle = Cycle(uuid4(), uuid4(), uuid4(), TRADING_DAY, make_plan(symbol=symbol, quantity=quantity), CycleState.LONG)
    bought = make_intent(cycle, state=IntentState.DONE, filled=quantity, average_price=Decimal(price))
    return replace(cycle, intents=(bought,), closed_outside=closed_outside)


def entering(symbol: str = "TCS") -> Cycle:
    """Ten on order, three of them bought."""
    cycle = Cycle(uuid4(), uuid4(), uuid4(), TRADING_DAY, make_plan(symbol=symbol), CycleState.ENTERING)
    return replace(
        cycle, intents=(make_intent(cycle, state=IntentState.ACCEPTED, filled=3, average_price=Decimal(3600)),)
    )


def breach_of(limits: RiskLimits, usage: Usage = UNUSED, order: EntryOrder = ORDER, **marks: int) -> Breach | None:
    return check_entry(limits, FREE, usage, order, {symbol: Decimal(price) for symbol, price in marks.items()})


@pytest.mark.parametrize(
    ("limits", "usage"),
    [
        (RiskLimits(position_size=Decimal(36_000)), Usage()),
        (RiskLimits(symbol_exposure=Decimal(72_000)), Usage(open_cycles=(held(), held("INFY")))),
        (RiskLimits(orders_per_minute=3), Usage(orders=2)),
        (RiskLimits(open_strategies=2), Usage(open_cycles=(held("INFY"),))),
        (RiskLimits(), Usage(orders=10**6, open_cycles=(held(),) * 50)),
    ],
)
def test_what_just_fits_passes(limits: RiskLimits, usage: Usage) -> None:
    assert breach_of(limits, usage) is None


@pytest.mark.parametrize(
    ("limits", "usage", "kind", "used"),
    [
        (RiskLimits(position_size=Decimal("35999.99")), Usage(), BreachKind.POSITION_SIZE, 36_000),
        (
            RiskLimits(symbol_exposure=Decimal("71999.99")),
            Usage(open_cycles=(held(),)),
            BreachKind.SYMBOL_EXPOSURE,
            72_000,
        ),
        (RiskLimits(orders_per_minute=3), Usage(orders=3), BreachKind.ORDERS_PER_MINUTE, 4),
        (RiskLimits(open_strategies=1), Usage(open_cycles=(entering(),)), BreachKind.OPEN_STRATEGIES, 2),
    ],
)
def test_one_more_is_too_much(limits: RiskLimits, usage: Usage, kind: BreachKind, used: int) -> None:
    breach = breach_of(limits, usage)

    assert breach is not None
    assert (breach.kind, breach.used) == (kind, Decimal(used))


def test_what_is_on_order_counts_with_what_is_held() -> None:
    # three bought and seven still on order are ten
    breach = breach_of(RiskLimits(symbol_exposure=Decimal(71_999)), Usage(open_cycles=(entering(),)))

    assert breach is not None
    assert breach.used == Decimal(72_000)


def test_what_left_a_position_by_hand_is_exposed_no_more() -> None:
    assert exposures([held(closed_outside=4)], {"TCS": Decimal(100)}) == {("NSE", "TCS"): (6, Decimal(600))}
    assert exposures([held(closed_outside=10)], {}) == {}


def test_exposure_without_a_price_counts_at_cost_and_an_order_at_its_stop() -> None:
    never_filled = replace(entering("INFY"), intents=(make_intent(entering("INFY")),))

    found = exposures([held(price=3600), never_filled], {})

    assert found == {("NSE", "TCS"): (10, Decimal(36_000)), ("NSE", "INFY"): (10, Decimal(35_000))}


def test_what_is_held_in_a_symbol_cost_what_each_of_its_cycles_paid() -> None:
    # given ten at 3600 of which four left by hand, three at 3600 of ten on order, none, and five at 3701
    cycles = [held(closed_outside=4), entering(), replace(held(quantity=5), intents=()), held(quantity=5, price=3701)]

    found = held_of(cycles)

    assert found == {("NSE", "TCS"): Held(14, Decimal(6 * 3600 + 3 * 3600 + 5 * 3701))}
    tcs = found["NSE", "TCS"]
    assert tcs.average_price == Decimal("3636.07")
    assert tcs.gain(Decimal("3650.05")) == Decimal("195.70")
    assert tcs.gain(None) is None
    assert (Held().average_price, Held().gain(Decimal(1))) == (None, None)


def test_a_loss_counts_what_is_open_at_its_mark_and_at_cost_without_one() -> None:
    limits, usage = RiskLimits(daily_loss=Decimal(500)), Usage(open_cycles=(held(),))

    fallen, unknown = breach_of(limits, usage, TCS=3550), breach_of(limits, usage)

    assert fallen is not None
    assert fallen.kind is BreachKind.DAILY_LOSS
    assert unknown is None


def test_what_is_left_of_a_position_cost_what_was_paid_and_not_what_the_rest_brought() -> None:
    cycle = held()
    sold = make_intent(cycle, Leg.EXIT, state=IntentState.DONE, filled=6, average_price=Decimal(3500))
    part = replace(cycle, intents=(*cycle.intents, sold))

    results = results_of(Usage(open_cycles=(part,)), TRADING_DAY, {"TCS": Decimal(3590)})

    assert results.day.open == Decimal(-40)  # four of them, bought at 3600


def test_a_loss_that_rests_on_an_unknown_price_says_so() -> None:
    other = held("INFY", price=1500)

    (breach,) = loss_breaches(
        RiskLimits(daily_loss=Decimal(500)), Usage(open_cycles=(held(), other)), TRADING_DAY, {"TCS": Decimal(3500)}
    )

    assert "INFY counted at cost" in breach.text


def test_results_are_of_the_day_and_of_its_week_only() -> None:
    days = {days: TRADING_DAY - timedelta(days=days) for days in (-1, 0, 4, 5)}
    held_on = [replace(held(price=3600), trading_day=day) for day in days.values()]
    booked = {day: Booked(Decimal(-10), Decimal(3)) for day in days.values()}

    results = results_of(Usage(open_cycles=held_on, booked=booked), TRADING_DAY, {"TCS": Decimal(3500)})

    assert (results.day.open, results.day.net) == (Decimal(-1000), Decimal(-1013))
    assert (results.week.open, results.week.net) == (Decimal(-2000), Decimal(-2026))


def test_what_is_booked_of_a_cycle_is_what_was_bought_and_sold_and_all_charges() -> None:
    cycle = held(price=3600)
    sold = make_intent(cycle, Leg.EXIT, state=IntentState.DONE, filled=4, average_price=Decimal(3590))
    half = replace(cycle, intents=(*cycle.intents, sold))

    assert booked_of(half).realised == Decimal(-40)
    assert booked_of(half).charges > booked_of(cycle).charges > 0
    assert booked_of(cycle).realised == 0


def test_a_day_before_the_table_of_charges_books_nothing_and_fails_nothing() -> None:
    assert booked_of(replace(held(), trading_day=date(2020, 1, 1))) == Booked()


def test_a_lock_stands_before_every_limit_and_the_users_own_before_the_operators() -> None:
    own, everybodys = Lock(MOMENT, "its owner", "enough"), Lock(MOMENT + timedelta(hours=1), "ops", None)
    limits = RiskLimits(position_size=Decimal(1))

    first = check_entry(limits, Locks(own, everybodys), Usage(), ORDER, {})
    second = check_entry(limits, Locks(None, everybodys), Usage(), ORDER, {})

    assert first is not None
    assert second is not None
    assert (first.kind, second.kind) == (BreachKind.LOCKED, BreachKind.DEPLOYMENT_LOCKED)
    assert Locks(own, everybodys).since == everybodys.since


# --- which decisions are entries ------------------------------------------------------------------


def decided(leg: Leg) -> Decision:
    cycle = held()
    intent = make_intent(cycle, leg, attempt=2)
    return Decision(
        replace(cycle, intents=(*cycle.intents, intent)), (SendOrder(intent.tag, MOMENT), Tell(NoticeKind.SOLD, "t"))
    )


def test_only_an_entry_that_is_to_be_sent_is_a_new_entry() -> None:
    decision = decided(Leg.ENTRY)
    entry = new_entry(decision)

    assert entry is not None
    assert entry.attempt == 2
    assert new_entry(decided(Leg.EXIT)) is None
    assert new_entry(replace(decision, effects=())) is None


def test_a_blocked_first_entry_changes_nothing() -> None:
    decision = decided(Leg.ENTRY)

    assert without_entry(decision, DUE, decision.cycle) == Decision(decision.cycle)


def test_of_a_blocked_further_entry_the_news_stays() -> None:
    decision = decided(Leg.ENTRY)
    news = Answered(MOMENT, decision.cycle.intents[0].tag, MOMENT, Unknown("lost", {}))

    kept = without_entry(decision, news, decision.cycle)

    assert kept.cycle.intents == decision.cycle.intents[:1]
    assert kept.effects == (Tell(NoticeKind.SOLD, "t"),)
