"""Each rule is found broken where it is broken, and nowhere else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from fargate_listener.reporter import INTERVAL_SECONDS
from fargate_listener.watcher import CHECK_SECONDS
from twin.chaos.evidence import (
    NANO,
    Alarm,
    Evidence,
    ExchangeOrder,
    Intent,
    Sight,
    StrategyRecord,
    Trade,
    nanoseconds,
)
from twin.chaos.guarding import ALARM_AFTER, FIRST_REPORT_NS, WATCHER_AWAY, unguarded_spans
from twin.chaos.verdict import LATENESS_ON_THE_WAY, judge

STRATEGY = UUID(int=1)
BUY_AT = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
SELL_AT = BUY_AT + timedelta(seconds=20)
GRACE = 120.0


def record() -> StrategyRecord:
    return StrategyRecord(
        strategy_id=STRATEGY,
        name="#1 INFY of trader 0",
        role="sells at its sell time",
        account="TRADER00",
        symbol="INFY",
        quantity=10,
        buy_at=BUY_AT,
        sell_at=SELL_AT,
        stop_loss=Decimal(1400),
        status="running",
        state="flat",
        claim="SELL",
        wanted=None,
        note=None,
    )


def intent(leg: str, attempt: int = 1, *, due_at: datetime | None = None) -> Intent:
    due = due_at or (BUY_AT if leg == "entry" else SELL_AT)
    return Intent(
        strategy_id=STRATEGY,
        leg=leg,
        attempt=attempt,
        tag=f"{leg}{attempt}",
        side="BUY" if leg == "entry" else "SELL",
        quantity=10,
        filled=10,
        average_price=Decimal("1500.5"),
        state="done",
        broker_order_id=f"order-{leg}{attempt}",
        broker_status="COMPLETE",
        message=None,
        created_at=due - timedelta(seconds=1),
        due_at=due,
        sent_at=due,
        committed_at=due - timedelta(seconds=0.9),
    )


def order(mine: Intent, *, after: float = 0.001, filled: int = 10, status: str = "COMPLETE") -> ExchangeOrder:
    received = nanoseconds(mine.due_at) + int(after * NANO)
    return ExchangeOrder(
        order_id=mine.broker_order_id or "",
        tag=mine.tag,
        account="TRADER00",
        symbol="INFY",
        side=mine.side,
        quantity=10,
        filled=filled,
        average_price=Decimal("1500.5"),
        status=status,
        received_ns=received,
        ended_ns=received + NANO // 100,
        trades=[Trade(received + NANO // 200, filled)] if filled else [],
    )


def sights(*, guarded: bool = True, seconds: int = 40) -> list[Sight]:
    start = nanoseconds(BUY_AT) - 5 * NANO
    names = frozenset({STRATEGY}) if guarded else frozenset[UUID]()
    return [Sight(start + step * NANO // 4, names) for step in range(seconds * 4)]


@pytest.fixture
def good() -> Evidence:
    entry, sale = intent("entry"), intent("exit")
    return Evidence(
        strategies={STRATEGY: record()},
        intents=[entry, sale],
        orders=[order(entry), order(sale)],
        alarms=[],
        sights=sights(),
        ticks={},
        truths={},
        grace_seconds=GRACE,
        is_at_rest=True,
    )


def kinds(evidence: Evidence) -> set[str]:
    return {violation.kind for violation in judge(evidence)}


def with_orders(evidence: Evidence, *orders: ExchangeOrder) -> Evidence:
    return replace(evidence, orders=orders)


def test_a_session_as_it_should_be_has_no_violation(good: Evidence) -> None:
    assert judge(good) == []


def test_an_order_without_an_intent(good: Evidence) -> None:
    stranger = replace(good.orders[0], order_id="stranger", tag="unknown", filled=0, trades=[])
    assert kinds(with_orders(good, *good.orders, stranger)) == {"no intent"}


def test_an_order_before_its_intent_was_committed(good: Evidence) -> None:
    late = replace(good.intents[0], committed_at=BUY_AT + timedelta(seconds=1))
    assert kinds(replace(good, intents=[late, good.intents[1]])) == {"intent after order"}


def test_without_commit_times_the_ledgers_own_count(good: Evidence) -> None:
    uncommitted = [replace(each, committed_at=None) for each in good.intents]
    assert kinds(replace(good, intents=uncommitted)) == set()
    late = replace(uncommitted[0], created_at=BUY_AT + timedelta(seconds=1))
    assert kinds(replace(good, intents=[late, uncommitted[1]])) == {"intent after order"}


def test_one_intent_sent_twice(good: Evidence) -> None:
    again = replace(good.orders[0], order_id="again", received_ns=good.orders[0].received_ns + NANO)
    found = kinds(with_orders(good, good.orders[0], again, good.orders[1]))
    assert {"sent twice", "bought twice", "ledger differs", "account not flat", "left open"} == found


def test_a_second_entry_while_the_first_lives(good: Evidence) -> None:
    second = replace(intent("entry", 2), filled=0, broker_status="CANCELLED")
    first = replace(good.orders[0], ended_ns=good.orders[0].received_ns + 5 * NANO)
    late = order(second, after=2, filled=0, status="CANCELLED")
    evidence = replace(good, intents=[*good.intents, second], orders=[first, late, good.orders[1]])
    assert kinds(evidence) == {"two live entries"}


def test_a_second_entry_after_the_first_has_ended_is_allowed(good: Evidence) -> None:
    first = replace(good.intents[0], filled=0, broker_status="REJECTED")
    second = intent("entry", 2, due_at=BUY_AT + timedelta(seconds=3))
    evidence = replace(
        good,
        intents=[first, second, good.intents[1]],
        orders=[order(first, filled=0, status="REJECTED"), order(second), good.orders[1]],
    )
    assert kinds(evidence) == set()


def test_more_sold_than_bought_at_an_instant(good: Evidence) -> None:
    early = replace(good.orders[1], trades=[Trade(good.orders[0].received_ns, 10)])
    assert kinds(with_orders(good, good.orders[0], early)) == {"reversed"}


def test_more_sold_than_bought_in_the_end(good: Evidence) -> None:
    second = intent("exit", 2)
    evidence = replace(good, intents=[*good.intents, second], orders=[*good.orders, order(second, after=1)])
    assert kinds(evidence) == {"reversed", "account not flat"}


def test_something_held_in_the_end(good: Evidence) -> None:
    unsold = replace(good.intents[1], filled=0, broker_status="CANCELLED")
    evidence = replace(
        good, intents=[good.intents[0], unsold], orders=[good.orders[0], order(unsold, filled=0, status="CANCELLED")]
    )
    assert {"left open", "account not flat"} <= kinds(evidence)


def test_something_held_in_the_end_that_is_wanted_and_alarmed_is_told(good: Evidence) -> None:
    unsold = replace(good.intents[1], filled=0, broker_status="CANCELLED")
    known = replace(record(), state="long", wanted="SELL")
    evidence = replace(
        good,
        strategies={STRATEGY: known},
        intents=[good.intents[0], unsold],
        orders=[good.orders[0], order(unsold, filled=0, status="CANCELLED")],
        alarms=[Alarm(SELL_AT, "ExitRefused", "executor", STRATEGY)],
    )
    assert "left open" not in kinds(evidence)
    assert "left open" in kinds(replace(evidence, alarms=[]))


@pytest.mark.parametrize(
    "change",
    [
        {"filled": 9},
        {"broker_status": "CANCELLED"},
        {"broker_order_id": "another"},
        {"quantity": 9},
        {"average_price": Decimal("1500.4")},
    ],
)
def test_a_ledger_that_says_otherwise_than_the_exchange(good: Evidence, change: dict[str, object]) -> None:
    wrong = replace(good.intents[0], **change)  # type: ignore[arg-type]
    assert kinds(replace(good, intents=[wrong, good.intents[1]])) == {"ledger differs"}


def test_the_broker_rounds_averages_and_the_ledger_does_not(good: Evidence) -> None:
    exact = replace(good.intents[0], average_price=Decimal("1500.50004"))
    assert kinds(replace(good, intents=[exact, good.intents[1]])) == set()


def test_a_ledger_that_believes_in_an_order_the_exchange_never_had(good: Evidence) -> None:
    ghost = intent("exit", 2)
    assert kinds(replace(good, intents=[*good.intents, ghost])) == {"ledger differs"}


def test_a_ledger_that_knows_an_order_was_never_placed(good: Evidence) -> None:
    absent = replace(intent("exit", 2), state="not_placed", filled=0, broker_order_id=None, broker_status=None)
    assert kinds(replace(good, intents=[*good.intents, absent])) == set()


def test_an_entry_before_its_time(good: Evidence) -> None:
    assert kinds(with_orders(good, order(good.intents[0], after=-0.0001), good.orders[1])) == {"early"}


def test_an_entry_after_its_grace(good: Evidence) -> None:
    in_time = order(good.intents[0], after=GRACE + LATENESS_ON_THE_WAY - 0.1)
    sale = intent("exit", due_at=BUY_AT + timedelta(seconds=200))
    allowed = replace(good, intents=[good.intents[0], sale], orders=[in_time, order(sale)], sights=sights(seconds=240))
    assert kinds(allowed) == set()
    late = order(good.intents[0], after=GRACE + LATENESS_ON_THE_WAY + 0.1)
    assert kinds(replace(allowed, orders=[late, order(sale)])) == {"too late"}


def test_a_sale_that_arrives_before_anything_was_bought(good: Evidence) -> None:
    rested = replace(intent("stop", due_at=BUY_AT), filled=0, broker_status="CANCELLED")
    there = order(rested, filled=0, status="CANCELLED")
    fill = good.orders[0].trades[0].at_ns

    def with_stop_at(received_ns: int) -> Evidence:
        stop = replace(there, received_ns=received_ns, ended_ns=fill + NANO)
        return replace(good, intents=[*good.intents, rested], orders=[*good.orders, stop])

    assert kinds(with_stop_at(fill - 1)) == {"sale first"}
    assert kinds(with_stop_at(fill)) == set()
    nothing = replace(good.intents[0], filled=0, broker_status="CANCELLED")
    unbought = order(nothing, filled=0, status="CANCELLED")
    refused = replace(good.intents[1], filled=0, broker_status="REJECTED")
    evidence = replace(good, intents=[nothing, refused], orders=[unbought, order(refused, filled=0, status="REJECTED")])
    assert kinds(evidence) == {"sale first"}


def test_a_position_that_nobody_guards(good: Evidence) -> None:
    assert kinds(replace(good, sights=sights(guarded=False))) == {"unguarded"}


def test_an_alarm_about_the_guard_tells_of_it(good: Evidence) -> None:
    bare = replace(good, sights=sights(guarded=False))
    of_the_watcher = Alarm(BUY_AT + timedelta(seconds=9), "RedisDown", "watcher")
    of_the_strategy = Alarm(BUY_AT + timedelta(seconds=9), "LateOrder", "executor", STRATEGY)
    of_another = Alarm(BUY_AT + timedelta(seconds=9), "LateOrder", "executor", UUID(int=2))
    of_long_ago = Alarm(BUY_AT - timedelta(minutes=2), "RedisDown", "watcher")

    assert kinds(replace(bare, alarms=[of_the_watcher])) == set()
    assert kinds(replace(bare, alarms=[of_the_strategy])) == set()
    assert kinds(replace(bare, alarms=[of_another])) == {"unguarded"}
    assert kinds(replace(bare, alarms=[of_long_ago])) == {"unguarded"}


def test_an_alarm_about_something_else_does_not(good: Evidence) -> None:
    bare = replace(good, sights=sights(guarded=False))
    for metric in ("OrderUnknown", "ExitBlocked", "ExitRefused", "ClosedOutside", "StopNotResting"):
        alarm = Alarm(BUY_AT + timedelta(seconds=9), metric, "executor", STRATEGY)
        assert kinds(replace(bare, alarms=[alarm])) == {"unguarded"}


def test_an_alarm_has_to_come_soon_after_its_beginning_however_long_it_lasts(good: Evidence) -> None:
    sale = intent("exit", due_at=BUY_AT + timedelta(seconds=100))
    long = replace(
        good,
        intents=[good.intents[0], sale],
        orders=[good.orders[0], order(sale)],
        sights=sights(guarded=False, seconds=140),
    )
    # counted from the first sample without a guard, up to a quarter of a second after the second that is allowed
    begin = BUY_AT + timedelta(seconds=1.25)
    in_time, late = (Alarm(begin + ALARM_AFTER + timedelta(seconds=s), "Blind", "watcher") for s in (-0.3, 0.3))
    at_its_end = Alarm(BUY_AT + timedelta(seconds=99), "RedisDown", "watcher")
    after_it = Alarm(BUY_AT + timedelta(seconds=114), "OrderUnknown", "executor", STRATEGY)

    assert ALARM_AFTER.total_seconds() == CHECK_SECONDS + INTERVAL_SECONDS
    assert kinds(replace(long, alarms=[in_time])) == set()
    for alarm in (late, at_its_end, after_it):
        assert kinds(replace(long, alarms=[alarm])) == {"unguarded"}


def test_a_stop_order_at_the_exchange_is_a_guard(good: Evidence) -> None:
    bare = replace(good, sights=sights(guarded=False))
    written = intent("stop", due_at=BUY_AT)
    stop = replace(written, filled=0, broker_status="CANCELLED")
    there = order(stop, filled=0, status="CANCELLED")
    lived = replace(there, received_ns=good.orders[0].received_ns + NANO, ended_ns=good.orders[1].received_ns)
    short = replace(lived, ended_ns=lived.received_ns + 5 * NANO)

    def with_stop(order: ExchangeOrder) -> Evidence:
        return replace(bare, intents=[*bare.intents, stop], orders=[*bare.orders, order])

    assert kinds(with_stop(lived)) == set()
    assert kinds(with_stop(short)) == {"unguarded"}


def test_a_second_without_a_guard_is_allowed(good: Evidence) -> None:
    held_from = good.orders[0].received_ns

    def blinking(seconds: float) -> Evidence:
        begin = held_from + 5 * NANO
        changed = [
            replace(s, guarded=frozenset()) if begin <= s.at_ns <= begin + int(seconds * NANO) else s
            for s in good.sights
        ]
        return replace(good, sights=changed)

    assert kinds(blinking(0.9)) == set()
    assert kinds(blinking(2.0)) == {"unguarded"}


def test_a_watcher_that_guards_but_cannot_see_is_no_guard(good: Evidence) -> None:
    blind = [replace(sight, troubles=("no price feed: refused",)) for sight in good.sights]
    assert kinds(replace(good, sights=blind)) == {"unguarded"}


def test_a_dead_watcher_is_told_by_its_silence(good: Evidence) -> None:
    dead = replace(good, sights=[replace(sight, guarded=None) for sight in good.sights])
    (span,) = unguarded_spans(dead, record())
    assert span.alarm == WATCHER_AWAY
    assert span.seconds > 10
    assert kinds(dead) == set()


def test_a_watcher_that_was_started_since_is_as_silent_until_its_first_report(good: Evidence) -> None:
    begin = good.orders[0].received_ns

    def restarted(answers_after: float, sees_after: float) -> Evidence:
        """Dead from the fill on; another one answers after so many seconds, and sees after so many."""
        answers, sees = (begin + int(seconds * NANO) for seconds in (answers_after, sees_after))
        away = [replace(s, guarded=None) if s.at_ns < answers else s for s in good.sights]
        starting = [replace(s, troubles=("no price feed",)) if answers <= s.at_ns < sees else s for s in away]
        return replace(good, sights=starting)

    assert FIRST_REPORT_NS == INTERVAL_SECONDS * NANO
    assert kinds(restarted(3.0, 4.0)) == set()
    (span,) = unguarded_spans(restarted(3.0, 4.0), record())
    assert span.alarm == WATCHER_AWAY
    # one that has answered for long enough to have said that it is blind, and has not
    assert kinds(restarted(3.0, 3.0 + INTERVAL_SECONDS + 1.0)) == {"unguarded"}
    # nor is one excused that was blind, said nothing, and died then
    blind_first = [
        replace(s, guarded=frozenset()) if s.at_ns < begin + 3 * NANO else s for s in restarted(5.0, 6.0).sights
    ]
    assert kinds(replace(good, sights=blind_first)) == {"unguarded"}


def test_one_silent_moment_in_the_end_does_not_tell_of_the_time_before(good: Evidence) -> None:
    begin, end = good.orders[0].received_ns, good.orders[1].received_ns
    away = [replace(s, guarded=None) if s.at_ns < begin + 3 * NANO else s for s in sights(guarded=False)]
    evidence = replace(good, sights=[replace(s, guarded=None) if s.at_ns > end - NANO else s for s in away])

    assert kinds(evidence) == {"unguarded"}
    # what counts is when a watcher came that could have told, not when the one before it went
    at = BUY_AT + timedelta(seconds=2) + ALARM_AFTER
    assert kinds(replace(evidence, alarms=[Alarm(at, "Blind", "watcher")])) == set()


def test_an_audit_trail_that_does_not_hold(good: Evidence) -> None:
    assert kinds(replace(good, audit_trouble="user 1 record 7: altered")) == {"audit chain"}


def test_what_never_came_to_rest(good: Evidence) -> None:
    assert kinds(replace(good, is_at_rest=False, unrest=["an order"])) == {"no rest"}


def test_a_strategy_of_which_nothing_is_recorded(good: Evidence) -> None:
    silent = replace(record(), state=None)
    assert kinds(replace(good, strategies={STRATEGY: silent}, intents=[], orders=[])) == {"no record"}
    stopped, late = replace(silent, status="stopped", state="idle"), replace(silent, is_due=False)
    assert kinds(replace(good, strategies={STRATEGY: stopped}, intents=[], orders=[])) == set()
    assert kinds(replace(good, strategies={STRATEGY: late}, intents=[], orders=[])) == set()
