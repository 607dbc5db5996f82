"""ports.Ledger: an entry is written down only when it fits under its user's limits and locks."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from algotrading.adapters.postgres.ledger import PostgresLedger
from algotrading.domain.accounts import User
from algotrading.domain.cycle import Cycle, CycleState, Intent, IntentState
from algotrading.domain.effects import Decision, SendOrder
from algotrading.domain.errors import Fenced, RiskLocked, RiskRefused
from algotrading.domain.events import BookRead, EntryDue, EntryMissed
from algotrading.domain.instruments import Product
from algotrading.domain.limits import Breach, BreachKind, RiskLimits
from algotrading.domain.orders import BookReading, Leg
from algotrading.domain.strategy import StrategyStatus
from algotrading.ports import Ledger
from tests.contract.ports.conftest import Stores, memory_stores, postgres_stores
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_strategy
from tests.stores import PostgresStore

PRICE = Decimal(3600)
"""An entry of ten shares is worth 36,000 rupees."""
DUE = EntryDue(MOMENT, MOMENT, PRICE)


def entry_of(cycle: Cycle) -> Decision:
    """The cycle's first entry, to be written down and sent."""
    intent = make_intent(cycle)
    entering = replace(cycle, state=CycleState.ENTERING, intents=(intent,))
    return Decision(entering, (SendOrder(intent.tag, MOMENT),))


def write(ledger: Ledger, cycle: Cycle, marks: Mapping[str, Decimal] | None = None) -> None:
    """Write the cycle's entry down."""
    prices = {cycle.plan.symbol: PRICE} if marks is None else marks
    ledger.save(entry_of(cycle), event=DUE, now=MOMENT, marks=prices)


def take(stores: Stores, user: User, **plan: Any) -> Cycle:
    """A cycle of a new running strategy of the user; its hours lie apart from the others'."""
    return stores.ledger.take(stores.add_strategy(user, **plan), TRADING_DAY)


def take_in(stores: Stores, user: User, account_id: UUID, **plan: Any) -> Cycle:
    """A cycle of a new running strategy in an account of the user's."""
    strategy = make_strategy(user.user_id, status=StrategyStatus.RUNNING, **plan)
    strategy = replace(strategy, account_id=account_id)
    stores.strategies.add(strategy)
    return stores.ledger.take(strategy, TRADING_DAY)


def done(cycle: Cycle, leg: Leg, price: int, quantity: int = 10) -> Intent:
    """An order that was filled whole."""
    return make_intent(
        cycle,
        leg,
        state=IntentState.DONE,
        quantity=quantity,
        filled=quantity,
        average_price=Decimal(price),
        created_at=MOMENT - timedelta(hours=1),
    )


def hold(stores: Stores, user: User, symbol: str = "INFY", price: int = 1500, day: Any = TRADING_DAY) -> Cycle:
    """A position of ten shares, bought an hour ago."""
    cycle = stores.ledger.take(stores.add_strategy(user, symbol=symbol, stop_loss=Decimal(100)), day)
    cycle = replace(cycle, state=CycleState.LONG, intents=(done(cycle, Leg.ENTRY, price),))
    read_book(stores, cycle)
    return cycle


def read_book(stores: Stores, cycle: Cycle) -> None:
    """The cycle as a reading of the book left it."""
    stores.ledger.save(Decision(cycle), event=BookRead(MOMENT, BookReading(MOMENT, (), ())), now=MOMENT)


def lose(stores: Stores, user: User, rupees_a_share: int, day: Any = TRADING_DAY) -> None:
    """Ten shares of WIPRO, bought and sold for less."""
    strategy = stores.add_strategy(user, status=StrategyStatus.STOPPED, symbol="WIPRO", stop_loss=Decimal(10))
    cycle = stores.ledger.take(strategy, day)
    cycle = replace(cycle, intents=(done(cycle, Leg.ENTRY, 500),))
    cycle = replace(cycle, state=CycleState.FLAT, intents=(*cycle.intents, done(cycle, Leg.EXIT, 500 - rupees_a_share)))
    read_book(stores, cycle)
    # what becomes of it later changes no result
    stores.ledger.save(Decision(cycle), event=DUE, now=MOMENT)


def refusal(ledger: Ledger, cycle: Cycle, marks: Mapping[str, Decimal] | None = None) -> Breach:
    """What stands against the cycle's entry."""
    with pytest.raises(RiskRefused) as refused:
        write(ledger, cycle, marks)
    return refused.value.breach


@pytest.mark.parametrize(
    "limits",
    [
        RiskLimits(open_strategies=1),
        RiskLimits(orders_per_minute=1),
        RiskLimits(symbol_exposure=Decimal(71_999)),
        RiskLimits(daily_loss=Decimal(1000)),
    ],
    ids=["open_strategies", "orders_per_minute", "symbol_exposure", "daily_loss"],
)
def test_a_limit_counts_what_every_account_of_the_user_does(stores: Stores, limits: RiskLimits) -> None:
    # given ten shares that were bought in another account within the minute, and that have lost 1,000 rupees since
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, limits, MOMENT)
    cycle = take(stores, user)
    held = take_in(stores, user, stores.add_account(user))
    bought = make_intent(
        held, state=IntentState.DONE, quantity=10, filled=10, average_price=Decimal(3700), created_at=MOMENT
    )
    read_book(stores, replace(held, state=CycleState.LONG, intents=(bought,)))

    # then the limit stands against an entry in the first
    assert getattr(limits, refusal(stores.ledger, cycle).kind.value) is not None
    # and not where it is wide enough for both
    stores.risks.set_limits(user.user_id, RiskLimits(open_strategies=2, orders_per_minute=2), MOMENT)
    write(stores.ledger, cycle)


def test_without_a_profile_nothing_is_limited(stores: Stores) -> None:
    user = stores.add_user()
    for symbol in ("INFY", "SBIN", "ITC"):
        hold(stores, user, symbol)
    cycle = take(stores, user)

    write(stores.ledger, cycle, {})

    assert stores.ledger.find(user.user_id, cycle.strategy_id, TRADING_DAY) == entry_of(cycle).cycle


def test_a_refused_entry_leaves_nothing_behind(stores: Stores) -> None:
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(position_size=Decimal(35_999)), MOMENT)
    cycle = take(stores, user)

    breach = refusal(stores.ledger, cycle)

    assert (breach.kind, breach.used, breach.limit) == (BreachKind.POSITION_SIZE, Decimal(36_000), Decimal(35_999))
    assert stores.ledger.find(user.user_id, cycle.strategy_id, TRADING_DAY) == cycle


def test_an_entry_of_just_the_limit_passes(stores: Stores) -> None:
    user = stores.add_user()
    limits = RiskLimits(position_size=Decimal(36_000), symbol_exposure=Decimal(36_000), orders_per_minute=1)
    stores.risks.set_limits(user.user_id, replace(limits, open_strategies=1), MOMENT)

    write(stores.ledger, take(stores, user))


def test_exposure_counts_every_strategy_in_the_symbol_and_no_other(stores: Stores) -> None:
    # given ten TCS held by one strategy, and ten INFY by another
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(symbol_exposure=Decimal(71_999)), MOMENT)
    hold(stores, user, "INFY")
    other = stores.add_strategy(user, status=StrategyStatus.STOPPED)
    in_tcs = stores.ledger.take(other, TRADING_DAY)
    read_book(stores, replace(in_tcs, state=CycleState.LONG, intents=(done(in_tcs, Leg.ENTRY, 3000),)))

    breach = refusal(stores.ledger, take(stores, user))

    assert (breach.kind, breach.used) == (BreachKind.SYMBOL_EXPOSURE, Decimal(72_000))


def test_an_order_without_a_price_is_not_held_under_a_limit_in_rupees(stores: Stores) -> None:
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(symbol_exposure=Decimal(10**9)), MOMENT)

    breach = refusal(stores.ledger, take(stores, user), marks={})

    assert (breach.kind, breach.used) == (BreachKind.SYMBOL_EXPOSURE, None)


def test_orders_of_the_last_minute_are_counted_entries_and_exits_alike(stores: Stores) -> None:
    # given an entry and an exit of an hour ago, and an entry of now
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(orders_per_minute=1), MOMENT)
    lose(stores, user, 1)
    write(stores.ledger, take(stores, user))

    breach = refusal(stores.ledger, take(stores, user, symbol="SBIN", stop_loss=Decimal(100)))

    assert (breach.kind, breach.used, breach.limit) == (BreachKind.ORDERS_PER_MINUTE, Decimal(2), Decimal(1))


@pytest.mark.parametrize(
    "changes",
    [
        {"state": IntentState.PENDING, "sent_at": None},
        {"state": IntentState.REFUSED, "sent_at": MOMENT - timedelta(seconds=41)},
    ],
    ids=["not answered yet", "sent 21 s after it was written"],
)
def test_an_order_counts_from_when_it_was_sent_however_long_ago_it_was_written(
    stores: Stores, changes: dict[str, Any]
) -> None:
    # given an order of a process that stood still between writing and sending it
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(orders_per_minute=1), MOMENT)
    cycle = take(stores, user, symbol="INFY")
    slow = make_intent(cycle, created_at=MOMENT - timedelta(seconds=62), **changes)
    stores.ledger.save(Decision(replace(cycle, intents=(slow,))), event=DUE, now=MOMENT - timedelta(seconds=40))

    breach = refusal(stores.ledger, take(stores, user))

    assert (breach.kind, breach.used) == (BreachKind.ORDERS_PER_MINUTE, Decimal(2))


def test_what_never_left_is_not_counted_as_an_order(stores: Stores) -> None:
    # given entries of this minute that were held back or withdrawn, and one that the broker refused
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(orders_per_minute=2), MOMENT)
    unsent: list[dict[str, Any]] = [
        {"state": IntentState.THROTTLED, "sent_at": None},
        {"state": IntentState.THROTTLED, "sent_at": MOMENT},
        {"state": IntentState.REFUSED, "sent_at": None},
    ]
    for number, changes in enumerate([*unsent, {"state": IntentState.REFUSED, "sent_at": MOMENT}]):
        cycle = take(stores, user, symbol=f"S{number}")
        over = replace(cycle, state=CycleState.FLAT, intents=(make_intent(cycle, **changes),))
        stores.ledger.save(Decision(over), event=DUE, now=MOMENT)

    # then one more fits, and a second one does not
    assert stores.risks.standing(user.user_id, TRADING_DAY, MOMENT).usage.orders == 1
    write(stores.ledger, take(stores, user))
    breach = refusal(stores.ledger, take(stores, user, symbol="SBIN", stop_loss=Decimal(100)))
    assert (breach.kind, breach.used) == (BreachKind.ORDERS_PER_MINUTE, Decimal(3))


def test_a_strategy_is_open_from_its_entry_until_it_is_flat(stores: Stores) -> None:
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(open_strategies=2), MOMENT)
    lose(stores, user, 1)
    hold(stores, user)
    write(stores.ledger, take(stores, user))

    breach = refusal(stores.ledger, take(stores, user, symbol="SBIN", stop_loss=Decimal(100)))

    assert (breach.kind, breach.used, breach.limit) == (BreachKind.OPEN_STRATEGIES, Decimal(3), Decimal(2))


def test_a_loss_with_its_charges_reaches_the_days_limit(stores: Stores) -> None:
    # given a realised loss of just under the limit, which the charges push over it
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(daily_loss=Decimal(1001)), MOMENT)
    lose(stores, user, 100)

    breach = refusal(stores.ledger, take(stores, user))

    assert breach.kind is BreachKind.DAILY_LOSS
    assert breach.used is not None
    assert Decimal(1001) <= breach.used < Decimal(1010)


def test_an_open_loss_counts_at_the_price_it_is_told(stores: Stores) -> None:
    # given ten INFY bought at 1500
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(daily_loss=Decimal(1000)), MOMENT)
    hold(stores, user, "INFY", 1500)
    cycle = take(stores, user)

    breach = refusal(stores.ledger, cycle, {"TCS": PRICE, "INFY": Decimal(1400)})

    assert breach.kind is BreachKind.DAILY_LOSS
    write(stores.ledger, cycle, {"TCS": PRICE, "INFY": Decimal(1450)})


def test_the_week_counts_from_monday_and_no_older_day(stores: Stores) -> None:
    # given losses on the Thursday before, and on the Friday of the week before
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(daily_loss=Decimal(500), weekly_loss=Decimal(1000)), MOMENT)
    lose(stores, user, 90, TRADING_DAY - timedelta(days=1))
    cycle = take(stores, user)
    lose(stores, user, 500, TRADING_DAY - timedelta(days=7))
    write(stores.ledger, cycle)

    # when this week's reach the limit
    lose(stores, user, 10, TRADING_DAY - timedelta(days=4))

    breach = refusal(stores.ledger, take(stores, user, symbol="SBIN", stop_loss=Decimal(100)))
    assert breach.kind is BreachKind.WEEKLY_LOSS


def test_another_users_positions_count_for_nothing(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    limits = RiskLimits(open_strategies=1, orders_per_minute=1, symbol_exposure=Decimal(36_000), daily_loss=Decimal(1))
    stores.risks.set_limits(user.user_id, limits, MOMENT)
    lose(stores, other, 100)
    write(stores.ledger, take(stores, other))

    write(stores.ledger, take(stores, user))


def test_a_lock_stops_the_entry_in_its_own_transaction(stores: Stores) -> None:
    user = stores.add_user()
    cycle = take(stores, user)
    stores.risks.lock(user.user_id, by="its owner", reason="enough", now=MOMENT)

    with pytest.raises(RiskLocked, match="enough"):
        write(stores.ledger, cycle)


def test_the_operators_lock_stops_everybodys_entries(stores: Stores) -> None:
    cycle = take(stores, stores.add_user())
    stores.system_risks.lock_deployment(by="ops", reason="exchange trouble", now=MOMENT)

    with pytest.raises(RiskLocked, match="operator"):
        write(stores.ledger, cycle)


def test_an_exit_is_never_held_against_anything(stores: Stores) -> None:
    # given a user whose every limit is exhausted, and whose switch is on
    user = stores.add_user()
    cycle = hold(stores, user)
    stores.risks.set_limits(user.user_id, RiskLimits(orders_per_minute=1, daily_loss=Decimal(1)), MOMENT)
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    exit_order = make_intent(cycle, Leg.EXIT)
    exiting = replace(cycle, state=CycleState.EXITING, intents=(*cycle.intents, exit_order))
    stores.ledger.save(Decision(exiting, (SendOrder(exit_order.tag, MOMENT),)), event=DUE, now=MOMENT)

    assert stores.ledger.find(user.user_id, cycle.strategy_id, TRADING_DAY) == exiting


def test_a_worker_that_has_lost_the_cycle_hears_of_that_first(stores: Stores) -> None:
    user = stores.add_user()
    strategy = stores.add_strategy(user)
    stale = stores.ledger.take(strategy, TRADING_DAY)
    stores.ledger.take(strategy, TRADING_DAY)
    stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    with pytest.raises(Fenced):
        write(stores.ledger, stale)


def write_together(ledgers: list[Ledger], stores: Stores) -> list[str]:
    """Two workers of one user, who may have one open strategy, write an entry down at the same moment."""
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(open_strategies=1), MOMENT)
    cycles = [take(stores, user), take(stores, user, symbol="INFY", stop_loss=Decimal(100))]
    at_once = threading.Barrier(len(ledgers))
    results: list[str] = []

    def work(ledger: Ledger, cycle: Cycle) -> None:
        at_once.wait(10)
        try:
            write(ledger, cycle)
        except RiskRefused as refused:
            results.append(refused.breach.kind)
        else:
            results.append("passed")

    threads = [threading.Thread(target=work, args=pair) for pair in zip(ledgers, cycles, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return sorted(results)


def test_of_two_workers_at_once_exactly_one_passes_in_memory() -> None:
    stores = memory_stores()

    assert write_together([stores.ledger, stores.ledger], stores) == ["open_strategies", "passed"]


def test_of_two_workers_at_once_exactly_one_passes_in_postgres(postgres_store: PostgresStore) -> None:
    # given two processes, each with a connection of its own; again and again, for one run could be luck
    databases = [postgres_store.open("app_role") for _ in range(2)]
    ledgers: list[Ledger] = [PostgresLedger(database) for database in databases]
    stores = postgres_stores(postgres_store)

    results = [write_together(ledgers, stores) for _ in range(20)]

    for database in databases:
        database.close()
    assert results == [["open_strategies", "passed"]] * 20


def test_a_worker_waits_for_the_entry_that_was_first_and_then_sees_it(postgres_store: PostgresStore) -> None:
    # given a worker that has written its entry down and has not committed yet
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    stores.risks.set_limits(user.user_id, RiskLimits(open_strategies=1), MOMENT)
    first, second = take(stores, user), take(stores, user, symbol="INFY", stop_loss=Decimal(100))
    slow = postgres_store.open("app_role")
    results: list[str] = []

    def follow() -> None:
        try:
            write(stores.ledger, second)
        except RiskRefused as refused:
            results.append(refused.breach.kind)

    with slow.tenant(user.user_id) as session:
        from algotrading.adapters.postgres import ledger_writes

        ledger_writes.store(
            session, entry_of(first), DUE, MOMENT, logs=(), cause=None, marks={first.plan.symbol: PRICE}
        )
        follower = threading.Thread(target=follow)
        follower.start()
        follower.join(0.3)
        assert follower.is_alive(), "the second entry did not wait for the first"

    # when it commits, then the second is refused because of it
    follower.join(10)
    slow.close()
    assert results == ["open_strategies"]


# --- just before the send -------------------------------------------------------------------------


def test_the_last_look_sees_both_locks_and_a_stopped_strategy(stores: Stores) -> None:
    user = stores.add_user()
    cycle = take(stores, user)
    assert stores.ledger.check(cycle) is None

    stores.system_risks.lock_deployment(by="ops", reason=None, now=MOMENT)
    obstacle = stores.ledger.check(cycle)
    assert obstacle is not None
    assert obstacle.breach is not None
    assert obstacle.breach.kind is BreachKind.DEPLOYMENT_LOCKED

    stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)
    obstacle = stores.ledger.check(cycle)
    assert obstacle is not None
    assert obstacle.breach is not None
    assert obstacle.breach.kind is BreachKind.LOCKED


def test_the_gate_shows_locks_old_positions_and_whose_prices_are_needed(stores: Stores) -> None:
    # given a strategy with an unsettled cycle of yesterday, another one with a position, and no loss limit
    user = stores.add_user()
    strategy = stores.add_strategy(user)
    yesterday = stores.ledger.take(strategy, TRADING_DAY - timedelta(days=1))
    stores.ledger.save(Decision(replace(yesterday, state=CycleState.LONG)), event=DUE, now=MOMENT)
    hold(stores, user, "INFY")
    cycle = stores.ledger.take(strategy, TRADING_DAY)

    gate = stores.ledger.gate(cycle)
    assert (gate.locks.breach(), gate.unsettled_day) == (None, yesterday.trading_day)
    assert gate.symbols == frozenset()

    # when a loss limit needs prices and the switch is on
    stores.risks.set_limits(user.user_id, RiskLimits(weekly_loss=Decimal(1)), MOMENT)
    lock = stores.risks.lock(user.user_id, by="its owner", reason=None, now=MOMENT)

    gate = stores.ledger.gate(cycle)
    assert (gate.symbols, gate.locks.user) == (frozenset({"INFY", "TCS"}), lock)


@pytest.mark.parametrize("day", [TRADING_DAY, TRADING_DAY - timedelta(days=1)])
def test_the_gate_shows_that_another_strategy_holds_the_same(stores: Stores, day: date) -> None:
    # given a strategy of another hour that still has what it bought, today or earlier
    user = stores.add_user()
    cycle = take(stores, user)
    held = stores.ledger.take(stores.add_strategy(user, status=StrategyStatus.STOPPED), day)
    stores.ledger.save(Decision(replace(held, state=CycleState.EXITING)), event=DUE, now=MOMENT)
    assert stores.ledger.gate(cycle).is_held_elsewhere

    # when it is sold, but for an order of unknown fate
    unsure = replace(held, state=CycleState.FAILED, intents=(make_intent(held, state=IntentState.UNKNOWN),))
    stores.ledger.save(Decision(unsure), event=DUE, now=MOMENT)
    assert stores.ledger.gate(cycle).is_held_elsewhere

    # when that is known too
    known = replace(unsure, intents=(make_intent(held, state=IntentState.NOT_PLACED),))
    stores.ledger.save(Decision(known), event=DUE, now=MOMENT)
    assert not stores.ledger.gate(cycle).is_held_elsewhere

    # then an order that was never placed may still surface, on the day it was sent
    assert stores.ledger.gate(cycle).may_surface_elsewhere == (day == TRADING_DAY)


@pytest.mark.parametrize("plan", [{"symbol": "INFY"}, {"exchange": "BSE"}, {"product": Product.CNC}], ids=str)
def test_the_gate_does_not_mind_what_is_held_of_something_else(stores: Stores, plan: dict[str, Any]) -> None:
    user = stores.add_user()
    for owner, terms in ((user, plan), (stores.add_user(), {})):
        held = stores.ledger.take(stores.add_strategy(owner, status=StrategyStatus.STOPPED, **terms), TRADING_DAY)
        stores.ledger.save(Decision(replace(held, state=CycleState.LONG)), event=DUE, now=MOMENT)
    own = take(stores, user)
    stores.ledger.save(Decision(replace(own, state=CycleState.LONG)), event=DUE, now=MOMENT)

    assert not stores.ledger.gate(own).is_held_elsewhere


@pytest.mark.parametrize("plan", [{"symbol": "INFY"}, {"exchange": "BSE"}, {"product": Product.CNC}], ids=str)
def test_the_gate_does_not_mind_what_may_surface_of_something_else(stores: Stores, plan: dict[str, Any]) -> None:
    user = stores.add_user()
    for owner, terms in ((user, plan), (stores.add_user(), {})):
        other = stores.ledger.take(stores.add_strategy(owner, status=StrategyStatus.STOPPED, **terms), TRADING_DAY)
        absent = replace(other, state=CycleState.FAILED, intents=(make_intent(other, state=IntentState.NOT_PLACED),))
        stores.ledger.save(Decision(absent), event=DUE, now=MOMENT)
    own = take(stores, user)
    absent = replace(own, intents=(make_intent(own, state=IntentState.NOT_PLACED),))
    stores.ledger.save(Decision(absent), event=DUE, now=MOMENT)

    assert not stores.ledger.gate(own).may_surface_elsewhere


def test_the_gate_does_not_mind_what_is_or_may_come_to_be_held_in_another_account(stores: Stores) -> None:
    # given one symbol in two accounts, which the broker never nets
    user = stores.add_user()
    own, other = take(stores, user), take_in(stores, user, stores.add_account(user))
    stores.ledger.save(Decision(replace(other, state=CycleState.LONG)), event=DUE, now=MOMENT)
    assert not stores.ledger.gate(own).is_held_elsewhere

    absent = replace(other, state=CycleState.FAILED, intents=(make_intent(other, state=IntentState.NOT_PLACED),))
    stores.ledger.save(Decision(absent), event=DUE, now=MOMENT)

    assert not stores.ledger.gate(own).may_surface_elsewhere


def test_a_blocked_entry_is_on_record(stores: Stores) -> None:
    cycle = stores.take_cycle()
    breach = Breach(BreachKind.OPEN_STRATEGIES, Decimal(2), Decimal(1), "too many")

    stores.ledger.save(Decision(cycle), event=EntryMissed(MOMENT, "not bought: too many", breach), now=MOMENT)

    (event,) = stores.risks.events(cycle.user_id, 10)
    assert (event.kind, event.text, event.used, event.limit) == ("open_strategies", "too many", Decimal(2), Decimal(1))
    assert (event.at, event.strategy_id) == (MOMENT, cycle.strategy_id)


def test_unsettled_cycles_of_all_strategies_of_one_user(stores: Stores) -> None:
    user = stores.add_user()
    held = hold(stores, user)
    lose(stores, user, 1)
    hold(stores, stores.add_user())

    assert list(stores.ledger.unsettled_of(user.user_id)) == [held]


def test_cycles_that_traded_on_a_day_are_those_with_an_order(stores: Stores) -> None:
    user = stores.add_user()
    held = hold(stores, user)
    hold(stores, user, "SBIN", day=TRADING_DAY - timedelta(days=1))
    take(stores, user)
    hold(stores, stores.add_user())

    assert list(stores.ledger.traded_on(user.user_id, TRADING_DAY)) == [held]
