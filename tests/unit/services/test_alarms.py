"""Which schedules and messages a strategy needs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from uuid import uuid4

import pytest

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.contracts.session_table import load_session_table
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.instruments import Product
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.sessions import IST, SessionHours, SessionTable
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.services.alarms import arming_commands, build_alarms, make_command
from tests.fakes.examples import TRADING_DAY, make_instrument, make_strategy

ALWAYS_OPEN = load_session_table(
    '{"name": "always", "calendar": "every-day", "segments": {"NSE": {"continuous": ["00:00:00", "23:59:59"]}}}'
)


def ist(hour: int, minute: int, second: int = 0, *, day: int = 20) -> datetime:
    """An instant in November 2026."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=IST).astimezone(UTC)


def hours_of(table: SessionTable) -> SessionHours:
    """The session of a share with derivatives."""
    hours = table.hours(TRADING_DAY, make_instrument())
    assert hours is not None
    return hours


def running(**plan: object) -> Strategy:
    """A running strategy."""
    return make_strategy(uuid4(), status=StrategyStatus.RUNNING, **plan)


def armed(
    strategy: Strategy, now: datetime, cycle: Cycle | None = None, table: SessionTable = NSE_SESSIONS
) -> tuple[OrderCommand, ...]:
    """What is sent at once."""
    return arming_commands(strategy, now=now, table=table, hours=hours_of(table), cycle=cycle, cause="start")


def test_the_sell_alarm_is_for_the_effective_sell_time() -> None:
    # Given a stock whose continuous trading ends at 15:15
    strategy = running(sell_time=time(15, 30))

    # When its schedules are built
    buy, sell = build_alarms(strategy, hours_of(NSE_SESSIONS))

    # Then each rings two minutes before its instant, and says which
    assert (buy.name, buy.hour, buy.minute) == (f"{strategy.strategy_id}-BUY", 9, 28)
    assert (sell.name, sell.hour, sell.minute) == (f"{strategy.strategy_id}-SELL", 15, 12)
    assert (buy.payload.at, sell.payload.at) == ("09:30:00", "15:14:30")
    assert len(sell.name) <= 64


def test_the_same_strategy_makes_the_same_alarms() -> None:
    strategy = running()

    assert build_alarms(strategy, hours_of(NSE_SESSIONS)) == build_alarms(strategy, hours_of(NSE_SESSIONS))


def test_the_brokers_square_off_comes_before_a_later_sell_time() -> None:
    # Given an equity of before the closing auction, whose intraday positions the broker closes at 15:18
    before_auction = NSE_SESSIONS.hours(TRADING_DAY.replace(month=6), make_instrument())
    assert before_auction is not None

    _, sell = build_alarms(running(sell_time=time(15, 29), product=Product.MIS), before_auction)

    assert sell.payload.at == "15:18:00"


def test_one_event_of_one_plan_has_one_identity_whoever_sends_it() -> None:
    strategy = running()
    (command,) = armed(strategy, ist(9, 29))

    by_schedule = make_command(
        strategy_id=strategy.strategy_id,
        user_id=strategy.user_id,
        event=OrderEvent.BUY,
        trading_day=TRADING_DAY,
        now=ist(9, 28, 10),
        cause="schedule",
        due=ist(9, 30),
        strategy_version=strategy.version,
    )

    assert command.deduplication_id == by_schedule.deduplication_id
    assert len(command.deduplication_id) <= 128


def test_another_version_is_another_identity() -> None:
    strategy = running()

    (before,) = armed(strategy, ist(9, 29))
    (after,) = armed(replace(strategy, version=2), ist(9, 29))

    assert before.deduplication_id != after.deduplication_id


@pytest.mark.parametrize("day", [21, 22, 24])
def test_nothing_is_armed_on_a_day_without_trading(day: int) -> None:
    assert armed(running(), ist(9, 29, day=day)) == ()


@pytest.mark.parametrize("state", [CycleState.FLAT, CycleState.FAILED])
def test_nothing_is_armed_once_the_days_cycle_is_over(state: CycleState) -> None:
    strategy = running(sell_time=time(9, 31))
    cycle = Cycle(strategy.strategy_id, strategy.user_id, strategy.account_id, TRADING_DAY, strategy.plan, state=state)

    assert armed(strategy, ist(9, 29, 30), cycle) == ()


@pytest.mark.parametrize("state", [CycleState.ENTERING, CycleState.LONG, CycleState.EXITING])
def test_an_open_cycle_is_never_entered_again_and_always_left(state: CycleState) -> None:
    strategy = running(sell_time=time(9, 31))
    cycle = Cycle(strategy.strategy_id, strategy.user_id, strategy.account_id, TRADING_DAY, strategy.plan, state=state)

    near = armed(strategy, ist(9, 29, 30), cycle)
    overdue = armed(strategy, ist(9, 40), cycle)

    assert [command.event for command in near] == [OrderEvent.SELL]
    assert [(command.event, command.due) for command in overdue] == [(OrderEvent.SELL, ist(9, 31))]


def test_yesterdays_cycle_does_not_keep_today_from_being_armed() -> None:
    strategy = running()
    yesterday = TRADING_DAY - timedelta(days=1)
    cycle = Cycle(
        strategy.strategy_id, strategy.user_id, strategy.account_id, yesterday, strategy.plan, state=CycleState.FLAT
    )

    assert [command.event for command in armed(strategy, ist(9, 29), cycle)] == [OrderEvent.BUY]


def test_close_to_midnight_tomorrows_first_order_is_armed() -> None:
    # Given an exchange that trades around the clock, a buy at half a minute past midnight, and 23:59
    strategy = running(buy_time=time(0, 0, 30), sell_time=time(12, 0))

    # When the strategy is started then
    (command,) = armed(strategy, ist(23, 59), table=ALWAYS_OPEN)

    # Then the order belongs to tomorrow
    assert (command.event, command.due) == (OrderEvent.BUY, ist(0, 0, 30, day=21))
    assert command.trading_day == TRADING_DAY + timedelta(days=1)
