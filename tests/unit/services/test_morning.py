"""Before the open every trader hears what keeps a strategy from trading, once, and nobody hears of nothing."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any
from uuid import UUID

import pytest

from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.preflight import Check, CheckName
from algotrading.domain.readiness import reminder_of
from algotrading.services.check_plan import PlanChecker
from algotrading.services.morning import MorningCheck, RemindersFailed
from algotrading.services.preflight import Preflight, PreflightReader
from tests.fakes.examples import make_instrument
from tests.fakes.notifications import MemorySummaries
from tests.fakes.trading_world import TradingWorld

GREEN = Check(CheckName.PLAN, True, "the plan can trade")
LOGIN = Check(CheckName.BROKER_LOGIN, False, "the broker login is over", "log in")
LOCK = Check(CheckName.KILL_SWITCH, False, "a kill switch is on")


def test_what_stands_in_the_way_of_several_is_said_once_with_all_their_names() -> None:
    text = reminder_of([("TCS", time(9, 30), [LOGIN, GREEN]), ("INFY", time(10), [LOGIN, LOCK])])

    assert text == (
        "not ready for today:\n"
        "TCS at 09:30, INFY at 10:00: the broker login is over; log in\n"
        "INFY at 10:00: a kill switch is on"
    )


def test_who_has_nothing_to_do_is_not_reminded() -> None:
    blind = Check(CheckName.FEED, False, "no watcher sees", "wait")

    assert reminder_of([("TCS", time(9, 30), [GREEN, blind])]) is None
    assert reminder_of([]) is None


@pytest.fixture
def world() -> TradingWorld:
    world = TradingWorld()
    world.instruments.replace_all([make_instrument("TCS"), make_instrument("INFY", instrument_token=7)])
    return world


def morning_of(world: TradingWorld, **changes: Any) -> MorningCheck:
    checker = PlanChecker(world.instruments, NSE_SESSIONS)
    preflight = PreflightReader(
        world.strategies, world.accounts, world.named, world.risks, world.runtime, checker, world.clock, is_bound=False
    )
    summaries = MemorySummaries(world.database)
    return MorningCheck(world.strategies, changes.get("preflight", preflight), summaries, world.clock, NSE_SESSIONS)


def reminders(world: TradingWorld) -> dict[UUID, str]:
    return {each.user_id: each.text for each in world.database.notices if each.kind == "not_ready"}


def test_who_has_not_logged_in_is_reminded_once_and_the_others_are_left_alone(world: TradingWorld) -> None:
    world.add_running()
    world.add_running(symbol="INFY", buy_time=time(10))
    world.log_out_of_broker()

    counts = (morning_of(world).run(), morning_of(world).run())

    assert counts == (1, 0)
    assert reminders(world)[world.user_id].splitlines()[1].startswith("TCS at 09:30, INFY at 10:00: the broker login")


def test_who_is_ready_hears_nothing(world: TradingWorld) -> None:
    world.add_running()

    assert morning_of(world).run() == 0
    assert reminders(world) == {}


def test_on_a_holiday_nobody_is_reminded(world: TradingWorld) -> None:
    world.add_running()
    world.log_out_of_broker()
    world.clock.sleep(timedelta(days=1).total_seconds())

    assert morning_of(world).run() == 0


def test_one_who_cannot_be_looked_at_keeps_nobody_else_from_being_reminded(world: TradingWorld) -> None:
    class Failing(PreflightReader):
        def look(self, user_id: UUID, strategy_id: UUID) -> Preflight:
            if user_id == world.user_id:
                raise RuntimeError("no answer")
            return super().look(user_id, strategy_id)

    world.add_running()
    other, mine = world.add_trader(), world.user_id
    world.user_id = other
    world.add_running()
    world.log_out_of_broker()
    world.user_id = mine
    checker = PlanChecker(world.instruments, NSE_SESSIONS)
    failing = Failing(
        world.strategies, world.accounts, world.named, world.risks, world.runtime, checker, world.clock, is_bound=False
    )

    with pytest.raises(RemindersFailed, match="1 reminders failed, 1 were told"):
        morning_of(world, preflight=failing).run()

    assert set(reminders(world)) == {other}


def test_the_reminder_speaks_of_today_only(world: TradingWorld) -> None:
    # given a strategy whose buy time is over, and whose next sale is after today's login
    world.add_running()
    world.clock.sleep_until(world.at(time(11)))

    assert morning_of(world).run() == 0
    assert reminders(world) == {}

    # but one that buys today is looked at
    world.add_running(symbol="INFY", buy_time=time(12))
    world.log_out_of_broker()
    assert morning_of(world).run() == 1
    assert "TCS" not in reminders(world)[world.user_id]
