"""Days as their traders read them: why did it, or did it not, fire?"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import first_account_of
from algotrading.domain.audit import AuditEntry, AuditKind
from algotrading.domain.errors import AlgotradingError, NotFound, RedisDown
from algotrading.domain.limits import RiskLimits
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.orders import Side
from algotrading.domain.sessions import instant_of
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.domain.timeline import Line, LineKind, clock_time
from algotrading.services.timeline import Timeline, TimelineReader
from algotrading.services.timeline_frame import message_line
from tests.fakes.audit import MemoryAuditTrail
from tests.fakes.examples import TRADING_DAY, make_strategy
from tests.fakes.exchange import fills, loses, refuses, rejects, throttles
from tests.fakes.trading_world import TradingWorld

SATURDAY = TRADING_DAY + timedelta(days=1)


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def read(world: TradingWorld, strategy: Strategy, day: date | None = TRADING_DAY) -> Timeline:
    reader = TimelineReader(world.strategies, world.ledger, MemoryAuditTrail(world.database), world.clock, NSE_SESSIONS)
    return reader.read(strategy.user_id, strategy.strategy_id, day)


def story(world: TradingWorld, strategy: Strategy, day: date | None = TRADING_DAY) -> list[str]:
    """Time of day, kind and text of every line, what the guards and alarms say left out."""
    lines = read(world, strategy, day).lines
    shown = [line for line in lines if line.kind not in {LineKind.ALARM, LineKind.CONNECTION, LineKind.TOLD}]
    return [f"{clock_time(line.at)} {line.kind}: {line.text}" for line in shown]


def only(lines: list[Line], kind: LineKind) -> Line:
    (line,) = [line for line in lines if line.kind is kind]
    return line


def lines_of(world: TradingWorld, strategy: Strategy, day: date | None = TRADING_DAY) -> list[Line]:
    return list(read(world, strategy, day).lines)


def assert_story(told: list[str], *expected: str) -> None:
    """Each of `expected` is the beginning of a line, in this order; others may stand between."""
    rest = iter(told)
    for beginning in expected:
        assert any(line.startswith(beginning) for line in rest), (beginning, told)


def plain(world: TradingWorld, **plan: Any) -> Strategy:
    """A running strategy without a stop order at the broker."""
    return world.add_running(broker_stop=False, **plan)


def ring(world: TradingWorld, strategy: Strategy) -> None:
    """The alarm of today's buy time, a minute and a half before it, and what follows."""
    world.clock.sleep_until(world.at(strategy.plan.buy_time) - timedelta(seconds=90))
    world.executor.handle(world.command(strategy, OrderEvent.BUY, strategy.plan.buy_time, cause="schedule"))


class TestADayThatTraded:
    def test_a_normal_day_is_told_from_its_alarm_to_its_sell(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        world.clock.sleep_until(world.at(time(14, 58, 30)))
        world.executor.handle(world.command(strategy, OrderEvent.SELL, time(15), cause="schedule"))

        assert_story(
            story(world, strategy),
            "09:00:00.000 command: created: buys 10 TCS at 09:30:00, sells at 15:00:00, stop-loss 3500",
            "09:28:30.000 message: the alarm for the buy rang, 90.000 s before its time",
            "09:29:5",
            "09:30:00.000 sent: the buy sent 0 ms after its instant",
            "09:30:00.000 accepted: the buy accepted by the broker as order ",
            "09:30:00.030 filled: bought 10 TCS at 3600",
            "09:30:00.030 ended: the buy complete: 10 at an average of 3600",
            "14:58:30.000 message: the alarm for the sell rang, 90.000 s before its time",
            "14:59:5",
            "15:00:00.000 sent: the sell sent 0 ms after its instant",
            "15:00:00.030 filled: sold 10 TCS at 3600",
            "15:00:00.030 closed: the day is over for this strategy: everything was sold",
        )

    def test_accepted_is_not_said_to_be_filled(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)

        assert only(lines_of(world, strategy), LineKind.ACCEPTED).text.endswith("not yet filled")

    def test_lines_carry_what_programs_need(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        lines = lines_of(world, strategy)
        intent = world.cycle(strategy).intents[0]

        message, sent, filled = (only(lines, kind) for kind in (LineKind.MESSAGE, LineKind.SENT, LineKind.FILLED))
        assert (message.asked_by, message.milliseconds_late) == ("schedule", -90_000)
        assert (sent.tag, sent.milliseconds_late, sent.quantity) == (intent.tag, 0, 10)
        assert (filled.price, filled.quantity) == (Decimal(3600), 10)
        assert filled.broker_order_id == intent.broker_order_id is not None
        assert only(lines, LineKind.ACCEPTED).execution_ms == 0

    def test_oldest_comes_first(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        moments = [line.at for line in lines_of(world, strategy)]

        assert moments == sorted(moments)

    def test_a_stop_that_is_hit_names_the_price_and_who_saw_it(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        world.clock.sleep_until(world.at(time(11)))
        world.exchange.set_price("TCS", Decimal("3499.5"))
        tick_at = world.clock.now() - timedelta(milliseconds=3)
        command = world.command(
            strategy, OrderEvent.STOPLOSS, cause="watcher", tick_at=tick_at, price=Decimal("3499.5")
        )
        world.executor.handle(command)

        assert_story(
            story(world, strategy),
            "11:00:00.000 message: the watcher asked for the exit: the price 3499.5 is not above the stop-loss"
            " (received 3 ms before)",
            "11:00:00.000 claim: the stop-loss has the exit",
            "11:00:00.000 sent: the sell sent 3 ms after the price was received",
            "11:00:00.030 filled: sold 10 TCS at 3499.5",
            "11:00:00.030 closed: ",
        )

    def test_the_owners_stop_is_told_with_its_command(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        world.clock.sleep_until(world.at(time(12)))
        stopped = world.change(strategy, status=StrategyStatus.STOPPED, stop_reason="stopped by its owner")
        world.executor.handle(world.command(stopped, OrderEvent.STOP, cause="user"))

        assert_story(
            story(world, strategy),
            "12:00:00.000 command: stopped: stopped by its owner",
            "12:00:00.000 message: the owner asked to sell what is held",
            "12:00:00.000 claim: the owner's stop has the exit",
            "12:00:00.030 filled: sold 10",
        )

    def test_a_changed_plan_says_what_changed(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.change(strategy, plan=replace(strategy.plan, stop_loss=Decimal(3490), quantity=5))

        assert_story(
            story(world, strategy), "09:00:00.000 command: changed: quantity from 10 to 5, stop loss from 3500 to 3490"
        )


class TestWhatTheBrokerDid:
    def test_refusals_are_told_in_the_brokers_words_with_every_attempt(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.exchange.plan(throttles(), refuses(), rejects())
        ring(world, strategy)

        assert_story(
            story(world, strategy),
            "09:30:00.000 back_off: the buy was not taken: Too many requests",
            "09:30:00.000 written: the buy of 10 TCS written down, attempt 2, to be sent at once",
            "09:30:00.000 back_off: that order is sent after a pause of 1.000 s",
            '09:30:01.000 refused: the buy refused by the broker after 0 ms: "No."',
            "09:30:01.000 back_off: that order is sent after a pause of 500 ms",
            "09:30:01.500 accepted: the buy accepted",
            '09:30:01.530 refused: the buy rejected: "Insufficient funds."',
        )

    def test_a_strategy_that_the_refusals_stopped_says_so(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.exchange.plan(rejects(), rejects(), rejects())
        ring(world, strategy)

        told = story(world, strategy)

        assert [line for line in told if "rejected" in line] != []
        assert_story(told, "09:30:01.250 closed: ", "09:30:01.250 command: stopped: Insufficient funds.")

    def test_an_answer_that_was_lost_is_unknown_until_the_book_has_spoken(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.exchange.plan(loses(placed=True))
        ring(world, strategy)

        assert_story(
            story(world, strategy),
            "09:30:00.000 unknown: the buy: no answer says whether the broker has it (the answer was lost); its book",
            "09:30:00.030 resolved: the buy found in the broker's book as order ",
            "09:30:00.030 filled: bought 10 TCS at 3600",
        )

    def test_an_order_that_never_was_is_proven_absent(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.exchange.plan(loses(placed=False))
        ring(world, strategy)
        for _ in range(6):
            world.clock.sleep(61)
            world.executor.handle(world.command(strategy, OrderEvent.RECONCILE, cause="converge"))

        told = story(world, strategy)

        assert_story(
            told,
            "09:30:00.000 unknown: ",
            "09:3",
            "09:33:",
        )
        assert any("proven absent by 2 readings of the broker's book: it was never placed" in line for line in told)
        assert any("closed: the day is over for this strategy: the buy was not placed" in line for line in told)

    def test_looks_without_news_are_not_told(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        before = story(world, strategy)
        for _ in range(5):
            world.clock.sleep(60)
            world.executor.handle(world.command(strategy, OrderEvent.RECONCILE, cause="sweep"))

        assert story(world, strategy) == before

    def test_a_look_after_a_change_of_the_strategy_says_what_it_is_for(self) -> None:
        said = {"event": "RECONCILE", "made_at": "2026-11-20T04:30:00+00:00", "due": None}

        assert message_line({**said, "asked_by": "user"}).text == (
            "the owner changed the strategy: the stop order at the broker is to follow"
        )
        assert message_line({**said, "asked_by": "converge"}).text.endswith("compare with the broker's book")

    @pytest.mark.parametrize(
        ("event", "asked_by", "text"),
        [
            ("STOP", "user", "the owner asked to sell what is held"),
            ("SQUARE_OFF", "risk", "the risk manager asked to sell what is held, for a square-off"),
            ("KILL", "operator", "the operator asked to sell what is held, for the kill switch"),
            ("RECONCILE", "postback", "an order update that the broker posted asked to compare with the broker's book"),
            ("RECONCILE", "socket", "an order update of the broker's socket asked to compare with the broker's book"),
        ],
    )
    def test_who_asked_is_said_in_plain_words(self, event: str, asked_by: str, text: str) -> None:
        said = {"event": event, "asked_by": asked_by, "made_at": "2026-11-20T04:30:00+00:00", "due": None}

        assert message_line(said).text == text

    @pytest.mark.parametrize(
        ("limits", "text"),
        [
            (RiskLimits(), "none limits anything"),
            (
                RiskLimits(daily_loss=Decimal(5000), open_strategies=3, square_off=True),
                "daily loss 5000, open strategies 3; a loss limit that is reached sells what is held",
            ),
            (
                RiskLimits(
                    weekly_loss=Decimal("9.5"),
                    position_size=Decimal(1),
                    symbol_exposure=Decimal(2),
                    orders_per_minute=4,
                ),
                "weekly loss 9.5, position size 1, exposure in a symbol 2, orders a minute 4",
            ),
        ],
    )
    def test_changed_limits_say_what_they_are_now(self, world: TradingWorld, limits: RiskLimits, text: str) -> None:
        strategy = plain(world)
        world.database.audit.append(
            AuditEntry(strategy.user_id, AuditKind.RISK_LIMITS_CHANGED, world.clock.now(), {"limits": limits})
        )

        line = only(lines_of(world, strategy), LineKind.RISK)

        assert line.text == f"the limits of the risk profile were changed: {text}"

    def test_what_is_said_again_and_again_is_told_once(self, world: TradingWorld) -> None:
        # given a position that nobody can sell for want of a login
        strategy = plain(world)
        ring(world, strategy)
        world.log_out_of_broker()
        for minute in (0, 1, 2):
            world.clock.sleep_until(world.at(time(15, minute)))
            with pytest.raises(AlgotradingError):
                world.executor.handle(world.command(strategy, OrderEvent.SELL, time(15), cause="schedule"))

        blocked = [line for line in story(world, strategy) if "blocked:" in line]

        assert blocked == [
            "15:00:00.000 blocked: the sell time cannot sell: the broker login is missing or over"
            " (again 2 times, until 15:02:00.000)"
        ]

    def test_a_position_that_nobody_could_sell_is_said_before_anybody_wants_to(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        world.log_out_of_broker()
        world.clock.sleep_until(world.at(time(10)))

        with pytest.raises(AlgotradingError):
            world.executor.handle(world.command(strategy, OrderEvent.RECONCILE, cause="sweep"))

        assert [line for line in story(world, strategy) if "blocked:" in line] == [
            "10:00:00.000 blocked: nobody could sell: the broker login is missing or over"
        ]

    def test_shares_sold_by_hand_end_the_day_honestly(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        by_hand = replace(world.exchange.received[0], side=Side.SELL, tag="byhand")
        world.executor.sessions.open(strategy.user_id, first_account_of(strategy.user_id)).place_order(by_hand)
        for _ in range(2):
            world.clock.sleep(60)
            world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS, cause="watcher"))

        lines = lines_of(world, strategy)

        assert only(lines, LineKind.CLOSED).text == (
            "the day is over for this strategy: 10 were no longer held: sold outside this strategy"
        )
        assert [line.text for line in lines if line.kind is LineKind.FILLED] != []
        assert not any(line.text.startswith("sold") for line in lines)

    def test_cancels_are_told_with_the_brokers_answer(self, world: TradingWorld) -> None:
        # given a buy of which only four were filled
        strategy = plain(world)
        world.exchange.plan(fills((0.0, 4)))
        ring(world, strategy)
        world.clock.sleep(10)
        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE, cause="converge"))

        lines = lines_of(world, strategy)

        assert only(lines, LineKind.CANCEL).text == "the buy is to be cancelled"
        broker = only(lines, LineKind.BROKER)
        assert broker.text.startswith("the broker was asked to cancel order ")
        assert broker.execution_ms == 0
        assert only(lines, LineKind.ENDED).text == "the buy cancelled with 4 of 10 filled"

    def test_a_stop_order_at_the_broker_is_told_from_its_resting_to_its_selling(self, world: TradingWorld) -> None:
        strategy = world.add_running(broker_stop=True)
        ring(world, strategy)
        world.clock.sleep_until(world.at(time(11)))
        command = world.command(strategy, OrderEvent.STOPLOSS, cause="watcher", price=Decimal("3499.5"))
        world.exchange.set_price("TCS", Decimal("3499.5"))
        world.executor.handle(command)

        told = story(world, strategy)

        assert_story(
            told,
            "09:30:00.030 filled: bought 10",
            "09:30:00.030 written: the stop order of 10 TCS with trigger 3500 written down",
            "09:30:00.030 accepted: the stop order accepted",
        )
        assert any("resting: the stop order rests at the broker, trigger 3500" in line for line in told)
        assert any("claim: the stop order at the broker becomes the exit" in line for line in told)
        assert any("filled: sold 10 TCS" in line for line in told)
        assert any("closed: " in line for line in told)


class TestADayThatDidNotTrade:
    def test_an_alarm_that_came_too_late(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.clock.sleep_until(world.at(time(9, 32, 1)))
        world.executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30), cause="converge"))

        assert story(world, strategy)[1:] == [
            "09:32:01.000 message: the repair found that the buy was due and nobody had come:"
            " it asked for it, 121.000 s after its time",
            "09:32:01.000 not_fired: the buy could not be sent until 121 s after its time; not bought late",
        ]

    def test_a_missing_broker_login(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.log_out_of_broker()
        ring(world, strategy)

        lines = lines_of(world, strategy)

        assert only(lines, LineKind.NOT_FIRED).text == (
            "the broker login is missing or over; log in to the broker again"
        )
        connections = [line.text for line in lines if line.kind is LineKind.CONNECTION]
        assert connections[-1].startswith("the broker connection has no login")

    def test_a_price_that_is_not_above_the_stop(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.runtime.put_price("TCS", Decimal(3499), world.at(time(9, 29, 59)))
        ring(world, strategy)

        assert only(lines_of(world, strategy), LineKind.NOT_FIRED).text == (
            "the price 3499 is not above the stop-loss 3500; not bought"
        )

    def test_redis_that_was_away_and_came_back_too_late(self, world: TradingWorld) -> None:
        # given messages that come again while Redis does not answer
        strategy = plain(world)
        message = world.command(strategy, OrderEvent.BUY, time(9, 30), cause="schedule")
        world.clock.sleep_until(world.at(time(9, 29)))
        world.runtime.is_down = True
        for second in (0, 30, 59):
            world.clock.sleep_until(world.at(time(9, 30, second)))
            with pytest.raises(RedisDown):
                world.executor.handle(message)
        world.runtime.is_down = False
        world.clock.sleep_until(world.at(time(9, 32, 5)))
        world.executor.handle(message)

        reasons = [line for line in story(world, strategy) if " not_fired: " in line]

        assert reasons[0].startswith("09:")
        assert "the buy is held up: Redis does not answer" in reasons[0]
        assert "(again 2 times, until 09:30:59.000)" in reasons[0]
        assert reasons[-1].endswith("the buy could not be sent until 125 s after its time; not bought late")

    def test_a_strategy_that_was_stopped_before_its_time(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.clock.sleep_until(world.at(time(9, 10)))
        world.change(strategy, status=StrategyStatus.STOPPED, stop_reason="stopped by its owner")
        world.clock.sleep_until(world.at(time(10)))

        assert only(lines_of(world, strategy), LineKind.NOT_FIRED).text == (
            "the strategy was not running at its buy time 09:30:00 (stopped: stopped by its owner)"
        )

    def test_a_strategy_that_was_stopped_while_its_message_waited(self, world: TradingWorld) -> None:
        strategy = plain(world)
        message = world.command(strategy, OrderEvent.BUY, time(9, 30), cause="schedule")
        world.change(strategy, status=StrategyStatus.STOPPED, stop_reason="stopped by its owner")
        world.executor.handle(message)

        assert_story(
            story(world, strategy),
            "09:00:00.000 command: stopped: stopped by its owner",
            "09:00:00.000 message: the alarm for the buy rang",
            "09:00:00.000 not_fired: the message asking for BUY was dropped: the strategy does not run",
        )

    def test_a_strategy_that_was_started_after_its_time(self, world: TradingWorld) -> None:
        strategy = make_strategy(world.user_id)
        strategy = replace(strategy, created_at=world.clock.now(), updated_at=world.clock.now())
        world.strategies.add(strategy)
        world.clock.sleep_until(world.at(time(10, 12)))
        world.change(strategy, status=StrategyStatus.RUNNING)

        assert only(lines_of(world, strategy), LineKind.NOT_FIRED).text == (
            "the strategy was not running at its buy time 09:30:00 (created: buys 10 TCS at 09:30:00, sells at"
            " 15:00:00, stop-loss 3500); it was started at 10:12:00.000, after it"
        )

    def test_a_strategy_that_was_created_after_its_time(self, world: TradingWorld) -> None:
        world.clock.sleep_until(world.at(time(9, 45)))
        strategy = plain(world)

        assert only(lines_of(world, strategy), LineKind.NOT_FIRED).text == (
            "the strategy was created at 09:45:00.000, after its buy time 09:30:00"
        )

    def test_a_day_on_which_the_exchange_is_closed(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.clock.sleep_until(instant_of(SATURDAY, time(12)))

        lines = lines_of(world, strategy, SATURDAY)

        assert only(lines, LineKind.NOT_FIRED).text == "the exchange is closed on this day"
        # what held when the day began stands first
        assert (lines[0].kind, lines[0].at) == (LineKind.COMMAND, world.at(time(9)))

    def test_a_year_without_session_data(self, world: TradingWorld) -> None:
        strategy = plain(world)
        day = date(2031, 1, 6)
        world.clock.sleep_until(instant_of(day, time(12)))

        assert "no data for this year" in only(lines_of(world, strategy, day), LineKind.NOT_FIRED).text

    def test_a_buy_that_nobody_came_for(self, world: TradingWorld) -> None:
        strategy = plain(world)
        world.clock.sleep_until(world.at(time(10)))

        line = only(lines_of(world, strategy), LineKind.NOT_FIRED)

        assert line.text == (
            "nothing came of the buy that was due at 09:30:00: no alarm and no repair reached an executor"
        )
        assert line.at == world.at(time(9, 30))

    def test_a_sell_time_without_a_position_does_not_hide_why_nothing_was_bought(self, world: TradingWorld) -> None:
        world.clock.sleep_until(world.at(time(9, 45)))
        strategy = plain(world)
        world.clock.sleep_until(world.at(time(14, 58)))
        world.executor.handle(world.command(strategy, OrderEvent.SELL, time(15), cause="schedule"))

        lines = lines_of(world, strategy)

        assert "created at 09:45" in only(lines, LineKind.NOT_FIRED).text
        assert "nothing had been bought by the time to sell" in only(lines, LineKind.CLOSED).text

    @pytest.mark.parametrize(
        ("at", "text"),
        [
            (time(9, 10), "the buy is due at 09:30:00"),
            (time(9, 31), "the buy was due at 09:30:00, and nothing has been heard of it yet"),
        ],
    )
    def test_a_buy_that_is_still_to_come(self, world: TradingWorld, at: time, text: str) -> None:
        strategy = plain(world)
        world.clock.sleep_until(world.at(at))

        assert only(lines_of(world, strategy), LineKind.AHEAD).text == text


class TestWhichDay:
    def test_by_default_the_latest_with_anything_to_say(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        stopped = world.change(
            world.strategies.get(strategy.user_id, strategy.strategy_id), status=StrategyStatus.STOPPED
        )
        world.clock.sleep_until(instant_of(TRADING_DAY + timedelta(days=9), time(12)))

        assert read(world, stopped, None).day == TRADING_DAY

    def test_today_once_the_buy_time_of_a_running_strategy_has_come(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        monday = TRADING_DAY + timedelta(days=3)

        world.clock.sleep_until(instant_of(monday, time(9, 29)))
        assert read(world, strategy, None).day == TRADING_DAY
        world.clock.sleep_until(instant_of(monday, time(9, 40)))
        assert read(world, strategy, None).day == monday

    def test_days_do_not_mix(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)

        lines = lines_of(world, strategy, TRADING_DAY - timedelta(days=1))

        assert [line.kind for line in lines] == [LineKind.NOT_FIRED]


class TestWhose:
    def test_another_users_strategy_is_not_found(self, world: TradingWorld) -> None:
        strategy = plain(world)

        with pytest.raises(NotFound):
            read(world, replace(strategy, user_id=uuid4()))
        with pytest.raises(NotFound):
            read(world, replace(strategy, strategy_id=uuid4()))

    def test_a_deleted_one_still_answers(self, world: TradingWorld) -> None:
        strategy = plain(world)
        ring(world, strategy)
        world.clock.sleep_until(world.at(time(14, 58, 30)))
        world.executor.handle(world.command(strategy, OrderEvent.SELL, time(15), cause="schedule"))
        stopped = world.change(strategy, status=StrategyStatus.STOPPED)
        world.strategies.delete(
            strategy.user_id, strategy.strategy_id, expected_version=stopped.version, now=world.clock.now()
        )

        told = story(world, strategy)

        assert any("filled: bought 10" in line for line in told)
        assert told[-1].endswith("command: deleted by its owner")
