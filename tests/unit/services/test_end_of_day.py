"""The end of a trading day: the account's book is kept, and what is open is settled by it or told."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from typing import Any
from uuid import uuid4

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import Cycle, CycleState, IntentState
from algotrading.domain.errors import BrokerUnavailable
from algotrading.domain.instruments import Product
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.orders import AccountBook, OrderTicket, Side
from algotrading.domain.sessions import SessionTable, instant_of
from algotrading.domain.strategy import Strategy
from algotrading.ports import BookSnapshot, Lane
from algotrading.services.keep_book import _is_contradicted
from tests.fakes.broker import MemoryBroker
from tests.fakes.examples import TRADING_DAY, make_intent, make_strategy
from tests.fakes.exchange import loses, refuses, rests, trades
from tests.fakes.trading_world import TradingWorld

AFTER_CLOSE = time(15, 45)


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def bought(world: TradingWorld, **plan: Any) -> Strategy:
    strategy = world.add_running(**plan)
    world.buy(strategy)
    return strategy


def run_minutes(world: TradingWorld, minutes: int) -> int:
    """Let converge and an executor work; how often a book was asked for."""
    asked = 0
    for _ in range(minutes):
        asked += world.converge.run().books_asked_for
        work_off(world)
        world.clock.sleep(60)
    return asked


def work_off(world: TradingWorld) -> None:
    while message := world.queue.receive(Lane.PRIORITY):
        world.executor.handle(message.command)
        world.queue.delete(Lane.PRIORITY, message)


def at_close(world: TradingWorld, minutes: int = 1) -> int:
    world.clock.sleep_until(world.at(AFTER_CLOSE))
    return run_minutes(world, minutes)


def snapshot(world: TradingWorld) -> BookSnapshot | None:
    return world.snapshots.find(world.user_id, first_account_of(world.user_id), TRADING_DAY)


def sell_by_hand(world: TradingWorld, quantity: int = 10) -> None:
    """The trader sells in the broker's app."""
    account = next(iter(world.exchange._accounts.values()))
    ticket = OrderTicket("NSE", "TCS", Side.SELL, quantity, Product.MIS, "byhand")
    world.exchange.place(account, ticket, world.exchange.next_fate())


@pytest.mark.parametrize("state", [IntentState.PENDING, IntentState.UNKNOWN])
def test_an_order_without_an_answer_is_no_contradiction_by_a_book_that_does_not_show_it(state: IntentState) -> None:
    strategy = make_strategy(uuid4())
    cycle = Cycle(strategy.strategy_id, strategy.user_id, strategy.account_id, TRADING_DAY, strategy.plan, epoch=1)
    cycle = replace(cycle, intents=(make_intent(cycle, state=state),))
    after_close = instant_of(TRADING_DAY, AFTER_CLOSE)

    assert not _is_contradicted(cycle, AccountBook(after_close, (), (), ()), after_close)


def test_a_finished_days_book_is_kept_once(world: TradingWorld) -> None:
    strategy = bought(world)
    world.executor.handle(world.command(strategy, OrderEvent.STOP))
    sell_by_hand(world, quantity=1)

    asked = at_close(world, minutes=30)

    kept = snapshot(world)
    assert asked == 1
    assert kept is not None
    assert len(kept.book.rows) == len(kept.book.fills) == 3
    assert kept.book.held("NSE", "TCS", "MIS") == -1
    assert not {"open_at_close", "snapshot_missing"} & set(world.told())


def test_a_book_that_is_kept_is_not_read_again_by_whoever_is_asked_late(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a message that was delivered twice, and a trader who went on by hand in between
    strategy = bought(world)
    world.executor.handle(world.command(strategy, OrderEvent.STOP))
    at_close(world)
    kept = snapshot(world)
    assert kept is not None
    reads: list[None] = []
    monkeypatch.setattr(MemoryBroker, "read_account", lambda _: reads.append(None))

    world.executor.handle(world.command(strategy, OrderEvent.SNAPSHOT))

    assert (reads, snapshot(world)) == ([], kept)


def test_nobody_is_asked_before_the_last_close(world: TradingWorld) -> None:
    bought(world)
    world.clock.sleep_until(world.at(time(15, 44)))

    assert world.converge.run().books_asked_for == 0


def test_an_account_without_a_cycle_is_left_alone(world: TradingWorld) -> None:
    world.add_running()

    assert at_close(world) == 0
    assert snapshot(world) is None


def test_an_order_of_unknown_fate_is_settled_by_the_kept_book(world: TradingWorld) -> None:
    # given an exit whose answer was lost in the last minute, and whose worker died
    strategy = bought(world)
    world.clock.sleep_until(world.at(time(15, 14)))
    world.exchange.plan(loses(placed=True, appears_after=600))
    world.executor.handle(world.command(strategy, OrderEvent.STOP))
    assert not world.cycle(strategy).is_settled

    at_close(world)

    assert world.cycle(strategy).state is CycleState.FLAT
    assert world.cycle(strategy).sold == 10
    assert "open_at_close" not in world.told()
    assert snapshot(world) is not None


def test_an_order_that_never_came_to_be_is_proven_absent_by_two_readings(world: TradingWorld) -> None:
    strategy = world.add_running(buy_time=time(15, 14), sell_time=time(15, 15))
    world.exchange.plan(loses(placed=False))
    world.buy(strategy)
    assert world.cycle(strategy).intents[0].state is IntentState.UNKNOWN

    at_close(world)

    assert world.cycle(strategy).intents[0].state is IntentState.NOT_PLACED
    assert world.cycle(strategy).is_settled
    assert snapshot(world) is not None


def test_a_fill_that_the_book_showed_after_its_order_was_cancelled_is_told(world: TradingWorld) -> None:
    # given an entry that was cancelled unfilled, and whose day seemed to be over
    strategy = world.add_running()
    world.exchange.plan(rests())
    world.buy(strategy)
    run_minutes(world, 2)
    assert (world.cycle(strategy).state, world.told()[-1]) == (CycleState.FLAT, "entry_unfilled")

    # when the exchange had filled a part of it before the cancel, and the broker's book learns of that later
    (order,) = next(iter(world.exchange._accounts.values())).orders
    world.exchange._execute(order, 4, world.clock.now())
    at_close(world)

    # then what is held is known, told and alarmed
    assert world.cycle(strategy).open_quantity == 4
    assert world.told()[-1] == "open_at_close"
    assert world.meter.counts["LateOrder"] == 1


def test_an_order_that_was_refused_and_is_in_the_book_all_the_same_is_told(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.exchange.plan(refuses(retryable=False))
    world.buy(strategy)
    assert world.cycle(strategy).state is CycleState.FAILED
    account = next(iter(world.exchange._accounts.values()))
    world.exchange.place(account, world.exchange.received[-1], trades())

    at_close(world)

    assert world.cycle(strategy).open_quantity == 10
    assert world.told()[-1] == "open_at_close"


def test_a_position_that_was_not_sold_is_told_once_and_alarmed(world: TradingWorld) -> None:
    strategy = bought(world)

    at_close(world, minutes=20)

    cycle = world.cycle(strategy)
    assert cycle.note == "at the end of the day 10 were not sold; your broker shows 10"
    assert world.told().count("open_at_close") == 1
    assert world.meter.counts["OpenAtClose"] == 1
    assert snapshot(world) is not None


def test_an_order_that_surfaces_after_the_close_is_told_as_held_not_as_being_sold(world: TradingWorld) -> None:
    # given an entry that was given up as never placed, and is there after all when the market has closed
    strategy = world.add_running()
    world.exchange.plan(loses(placed=True, appears_after=6 * 3600))
    world.buy(strategy)
    for _ in range(6):
        world.clock.sleep(60)
        world.converge.run()
        work_off(world)
    assert world.cycle(strategy).state is CycleState.FLAT
    said = len(world.told())

    at_close(world)

    assert world.cycle(strategy).open_quantity == 10
    assert world.told()[said:] == ["open_at_close"]
    assert world.meter.counts["LateOrder"] == 1
    assert world.sent(Side.SELL) == []


def test_nothing_is_ordered_after_the_close(world: TradingWorld) -> None:
    # given an exit that the broker refused until the close, and that is still wanted
    strategy = bought(world)
    world.clock.sleep_until(world.at(time(15, 14)))
    world.exchange.plan(*(refuses() for _ in range(20)))
    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
    sent = len(world.sent(Side.SELL))
    assert world.cycle(strategy).wanted is not None

    at_close(world, minutes=3)

    assert len(world.sent(Side.SELL)) == sent
    assert world.cycle(strategy).wanted is not None
    assert "were not sold" in str(world.cycle(strategy).note)


def test_a_missing_login_is_told_once_and_alarmed_and_made_good_in_the_evening(world: TradingWorld) -> None:
    bought(world)
    account = world.accounts.find(world.user_id)
    assert account is not None
    world.log_out_of_broker()

    asked = at_close(world, minutes=60)

    assert world.told().count("snapshot_missing") == 1
    assert world.meter.counts["SnapshotMissing"] == 1
    assert snapshot(world) is None
    # every minute at first, every quarter of an hour then
    assert asked == 15 + 3

    world.accounts.save(account)
    run_minutes(world, 15)

    kept = snapshot(world)
    assert kept is not None
    assert len(kept.book.rows) == 1


def test_a_broker_that_is_away_is_asked_again(world: TradingWorld) -> None:
    bought(world)
    world.exchange.is_down = True
    world.clock.sleep_until(world.at(AFTER_CLOSE))
    world.converge.run()
    with pytest.raises(BrokerUnavailable):
        work_off(world)
    world.exchange.is_down = False
    world.clock.sleep(60)

    run_minutes(world, 1)

    assert snapshot(world) is not None
    assert "snapshot_missing" not in world.told()


def test_a_worker_that_dies_before_the_book_is_kept_is_made_good(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    bought(world)
    world.clock.sleep_until(world.at(AFTER_CLOSE))
    with monkeypatch.context() as broken:
        broken.setattr(world.snapshots, "add", _die)
        world.converge.run()
        with pytest.raises(RuntimeError):
            work_off(world)
    world.clock.sleep(60)

    run_minutes(world, 1)

    assert snapshot(world) is not None
    assert world.told().count("open_at_close") == 1


def _die(_: BookSnapshot) -> None:
    raise RuntimeError("the worker died")


def test_after_midnight_absence_proves_nothing(world: TradingWorld) -> None:
    strategy = world.add_running(buy_time=time(15, 14), sell_time=time(15, 15))
    world.exchange.plan(loses(placed=False))
    world.buy(strategy)
    world.clock.sleep_until(instant_of(TRADING_DAY + timedelta(days=1), time(0, 30)))

    run_minutes(world, 1)

    assert world.cycle(strategy).intents[0].state is IntentState.UNKNOWN
    assert world.told().count("open_at_close") == 1
    assert snapshot(world) is not None


@pytest.mark.parametrize("event", [OrderEvent.STOPLOSS, OrderEvent.RECONCILE])
def test_while_a_days_book_can_be_kept_nothing_but_its_keeping_ends_the_day(
    world: TradingWorld, event: OrderEvent
) -> None:
    # given a position that was not sold, and nobody who has kept the book yet
    strategy = bought(world)
    command = world.command(strategy, event)

    # when somebody asks about it in the night, or once the book is gone
    world.clock.sleep_until(instant_of(TRADING_DAY + timedelta(days=1), time(5, 59)))
    assert world.executor.handle(command) is None
    before = world.cycle(strategy)
    world.clock.sleep_until(instant_of(TRADING_DAY + timedelta(days=1), time(6, 0)))
    world.executor.handle(command)

    assert before.state is CycleState.LONG
    assert world.cycle(strategy).state.is_over
    assert world.sent(Side.SELL) == []


# --- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "days_later", "kept"),
    [(time(15, 44, 59), 0, False), (time(15, 45), 0, True), (time(5, 59, 59), 1, True), (time(6, 0), 1, False)],
)
def test_the_book_is_there_from_the_last_close_to_six(at: time, days_later: int, kept: bool) -> None:
    now = instant_of(TRADING_DAY + timedelta(days=days_later), at)

    assert NSE_SESSIONS.day_to_keep(now) == (TRADING_DAY if kept else None)


def test_no_book_of_a_day_without_trading(world: TradingWorld) -> None:
    saturday = TRADING_DAY + timedelta(days=(5 - TRADING_DAY.weekday()) % 7)

    assert NSE_SESSIONS.day_to_keep(instant_of(saturday, time(18))) is None


def test_a_table_that_never_closes_has_its_last_minutes() -> None:
    rules = tuple(
        replace(rule, hours=replace(rule.hours, opens=time(0), closes=time(23, 59, 59))) for rule in NSE_SESSIONS.rules
    )
    table = SessionTable("round-the-clock", "simulated", rules, holidays=None)

    assert table.day_to_keep(instant_of(TRADING_DAY, time(23, 49))) is None
    assert table.day_to_keep(instant_of(TRADING_DAY, time(23, 50))) == TRADING_DAY
    assert table.day_to_keep(instant_of(TRADING_DAY, time(12))) is None
