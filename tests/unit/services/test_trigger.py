"""Early alarms become messages, on time, on trading days only."""

from __future__ import annotations

from datetime import datetime, time, timedelta

import pytest

from algotrading.contracts.messages import OrderEvent, ScheduleInput
from algotrading.domain.errors import CalendarMissing
from algotrading.domain.strategy import Strategy
from algotrading.ports import Lane
from algotrading.services.alarms import make_command
from tests.fakes.trading_world import TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def alarm(strategy: Strategy, scheduled_time: datetime, event: OrderEvent = OrderEvent.BUY) -> ScheduleInput:
    return ScheduleInput.model_validate(
        {
            "strategy_id": strategy.strategy_id,
            "user_id": strategy.user_id,
            "event": event,
            "at": "09:30:00" if event is OrderEvent.BUY else "15:00:00",
            "strategy_version": strategy.version,
            "scheduled_time": scheduled_time,
        }
    )


def test_an_alarm_queues_its_order_for_the_exact_instant(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(9, 28, 17)))

    assert world.trigger.fire(alarm(strategy, world.at(time(9, 28))))

    [(lane, command)] = world.queue.sent
    assert lane is Lane.NORMAL
    assert command.due == world.at(time(9, 30))
    assert command.event is OrderEvent.BUY


def test_an_alarm_delivered_twice_and_a_start_in_its_minute_queue_once(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(9, 28, 17)))
    armed_by_start = make_command(
        strategy_id=strategy.strategy_id,
        user_id=strategy.user_id,
        event=OrderEvent.BUY,
        trading_day=world.at(time(9, 30)).date(),
        now=world.clock.now(),
        cause="start",
        due=world.at(time(9, 30)),
        strategy_version=strategy.version,
    )

    world.queue.send(armed_by_start, Lane.NORMAL)
    world.trigger.fire(alarm(strategy, world.at(time(9, 28))))
    world.trigger.fire(alarm(strategy, world.at(time(9, 28))))

    assert len(world.queue.sent) == 1


def test_nothing_is_queued_on_a_holiday(world: TradingWorld) -> None:
    strategy = world.add_running()
    holiday = world.at(time(9, 28)) + timedelta(days=4)
    world.clock.sleep_until(holiday)

    assert not world.trigger.fire(alarm(strategy, holiday))
    assert world.queue.sent == []


def test_a_year_without_a_calendar_fails_closed(world: TradingWorld) -> None:
    strategy = world.add_running()
    next_year = world.at(time(9, 28)) + timedelta(days=60)
    world.clock.sleep_until(next_year)

    with pytest.raises(CalendarMissing):
        world.trigger.fire(alarm(strategy, next_year))

    assert world.meter.counts["CalendarMissing"] == 1


def test_a_buy_delivered_in_the_afternoon_is_not_queued(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(14, 0)))

    assert not world.trigger.fire(alarm(strategy, world.at(time(9, 28))))
    assert world.queue.sent == []
    assert world.meter.counts["TriggerTooLate"] == 1


def test_a_sell_is_queued_however_late(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(15, 5)))

    assert world.trigger.fire(alarm(strategy, world.at(time(14, 58)), OrderEvent.SELL))
