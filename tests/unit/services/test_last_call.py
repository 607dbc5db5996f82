"""In the minutes before a buy its owner hears what stands in the way; and whatever becomes of that look, the buy goes
its way as if nobody had looked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import CycleState
from algotrading.domain.errors import BrokerAuthFailed, DatabaseUnavailable
from algotrading.domain.limits import RiskLimits
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.orders import OrderTicket, Side
from algotrading.domain.preflight import Check, CheckName
from algotrading.domain.readiness import last_call_of, trouble_of
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Strategy
from algotrading.services.execute import Executor
from algotrading.services.morning import MorningCheck
from algotrading.services.preflight import PreflightReader
from tests.fakes.broker import MemoryBroker
from tests.fakes.clock import VirtualClock
from tests.fakes.examples import make_instrument
from tests.fakes.exchange import Fate
from tests.fakes.notifications import MemorySummaries
from tests.fakes.trading_world import OPENING, TradingWorld

BUY = time(9, 30)
WAKES = timedelta(seconds=90)
"""So long before its buy the worker of these stories is woken."""


class InterruptedClock(VirtualClock):
    """Something happens at a moment while somebody waits."""

    def __init__(self) -> None:
        super().__init__(OPENING)
        self._at: datetime | None = None
        self._act: Callable[[], object] = lambda: None

    def interrupt(self, at: datetime, act: Callable[[], object]) -> None:
        self._at, self._act = at, act

    def sleep_until(self, instant: datetime) -> None:
        if self._at is not None and self.now() < self._at <= instant:
            super().sleep_until(self._at)
            self._at = None
            self._act()
        super().sleep_until(instant)


@pytest.fixture
def clock() -> InterruptedClock:
    return InterruptedClock()


@pytest.fixture
def world(clock: InterruptedClock) -> TradingWorld:
    return TradingWorld(clock)


def wake(world: TradingWorld, strategy: Strategy, executor: Executor | None = None, ahead: timedelta = WAKES) -> None:
    """A worker takes the message of today's buy, `ahead` of its instant, and works it off."""
    due = strategy.plan.buy_time
    world.clock.sleep_until(world.at(due) - ahead)
    (executor or world.executor).handle(world.command(strategy, OrderEvent.BUY, due))


def last_calls(world: TradingWorld) -> list[str]:
    return [each.text for each in world.database.notices if each.kind == "not_ready" and each.strategy_id is not None]


def trades_with(world: TradingWorld, cash: int) -> None:
    """The trader of the story has so much money at the broker."""
    world.user_id = world.add_trader(cash=Decimal(cash))


class TestWhatIsTold:
    def test_who_has_not_logged_in_hears_at_once_what_to_do(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.log_out_of_broker()

        wake(world, strategy)

        first = world.database.notices[0]
        assert first.text == (
            "not ready for the buy of TCS at 09:30:00, which is still made if this is mended before:\n"
            "the broker login is over; log in at the broker (GET /broker/login)"
        )
        assert (first.kind, first.strategy_id, first.user_id) == ("not_ready", strategy.strategy_id, world.user_id)
        assert first.created_at == world.at(BUY) - WAKES
        assert world.notifier.published[0].notice_id == first.notice_id

    def test_it_is_delivered_before_the_wait_and_not_after_it(
        self, world: TradingWorld, clock: InterruptedClock
    ) -> None:
        strategy = world.add_running()
        world.log_out_of_broker()
        delivered: list[str] = []
        in_time = world.at(BUY) - timedelta(seconds=60)
        clock.interrupt(in_time, lambda: delivered.extend(each.kind for each in world.notifier.published))

        wake(world, strategy)

        assert delivered == ["not_ready"]

    def test_who_logs_in_within_the_minute_is_bought(self, world: TradingWorld, clock: InterruptedClock) -> None:
        strategy = world.add_running()
        world.log_out_of_broker()
        clock.interrupt(world.at(BUY) - timedelta(seconds=20), world.renew_broker_token)

        wake(world, strategy)

        assert last_calls(world)
        assert world.cycle(strategy).state is CycleState.LONG
        assert world.told()[-1] == "bought"

    def test_who_is_ready_hears_nothing(self, world: TradingWorld) -> None:
        strategy = world.add_running()

        wake(world, strategy)

        assert last_calls(world) == []
        assert world.cycle(strategy).state is CycleState.LONG

    def test_it_is_told_also_after_the_morning_told_the_same(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.log_out_of_broker()
        preflight = world.executor.last_call.preflight
        summaries = MemorySummaries(world.database)
        assert MorningCheck(world.strategies, preflight, summaries, world.clock, NSE_SESSIONS).run() == 1

        wake(world, strategy)

        assert len(last_calls(world)) == 1

    def test_the_same_trouble_is_told_once_and_another_one_again(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.log_out_of_broker()
        look = world.executor.last_call
        due = world.at(BUY)
        for _ in range(2):
            look.make(strategy, None, due)
        world.risks.lock(world.user_id, by="owner", reason=None, now=world.clock.now())

        look.make(strategy, None, due)

        assert [len(text.splitlines()) - 1 for text in last_calls(world)] == [1, 2]

    def test_each_strategy_has_its_own(self, world: TradingWorld) -> None:
        world.instruments.replace_all([make_instrument("TCS"), make_instrument("INFY", instrument_token=7)])
        first, second = world.add_running(), world.add_running(symbol="INFY", buy_time=time(10))
        world.log_out_of_broker()

        wake(world, first)
        wake(world, second)

        told = [each.strategy_id for each in world.database.notices if each.kind == "not_ready"]
        assert told == [first.strategy_id, second.strategy_id]

    def test_a_watcher_that_does_not_see_is_not_its_owners_to_mend(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.runtime.is_watched = False

        wake(world, strategy)

        assert last_calls(world) == []

    def test_a_symbol_that_is_gone_is_said_once_and_not_as_a_login_too(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.instruments.replace_all([])

        wake(world, strategy)

        (text,) = last_calls(world)
        assert text.splitlines()[1:] == [
            "symbol NSE:TCS is not a known instrument: GET /instruments?query= finds those there are; "
            "change the plan: PUT /strategy/{id}"
        ]

    def test_a_limit_that_the_buy_would_break_is_told(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.risks.set_limits(world.user_id, RiskLimits(position_size=Decimal(30_000)), world.clock.now())
        world.runtime.put_price("TCS", Decimal(3600), world.clock.now())

        wake(world, strategy)

        (text,) = last_calls(world)
        assert text.splitlines()[1:] == [
            "the position would be 36000 rupees, and your limit is 30000 rupees; "
            "lower the quantity (PUT /strategy/{id}), or raise the limit (PUT /risk/profile)"
        ]
        assert world.told()[-1] == "entry_blocked"


class TestWhatTheBrokerSays:
    def test_funds_that_do_not_suffice_are_told_with_both_figures(self, world: TradingWorld) -> None:
        trades_with(world, cash=20_000)
        strategy = world.add_running()

        wake(world, strategy)

        (text,) = last_calls(world)
        assert text.splitlines()[1:] == [
            "the buy needs a margin of 36,000.00 rupees, and 20,000.00 are available at the broker; "
            "add funds at your broker, or lower the quantity (PUT /strategy/{id})"
        ]

    def test_who_adds_funds_within_the_minute_is_bought(self, world: TradingWorld, clock: InterruptedClock) -> None:
        trades_with(world, cash=20_000)
        strategy = world.add_running()
        account = world.exchange.account_of(api_key_of(world))

        def pay_in() -> None:
            account.cash = Decimal(50_000)

        clock.interrupt(world.at(BUY) - timedelta(seconds=20), pay_in)

        wake(world, strategy)

        assert len(last_calls(world)) == 1
        assert world.cycle(strategy).state is CycleState.LONG

    def test_funds_to_the_paisa_suffice(self, world: TradingWorld) -> None:
        trades_with(world, cash=36_000)

        wake(world, world.add_running())

        assert last_calls(world) == []

    def test_a_login_that_only_the_broker_knows_to_be_over_is_told(
        self, world: TradingWorld, clock: InterruptedClock
    ) -> None:
        # given a trader whose token ended with a login at another place, which our store knows nothing of
        strategy = world.add_running()
        world.exchange.log_out(api_key_of(world))
        clock.interrupt(world.at(BUY) - timedelta(seconds=20), world.renew_broker_token)

        wake(world, strategy)

        (text,) = last_calls(world)
        assert text.splitlines()[1:] == [
            "the broker does not take the login any more; log in at the broker (GET /broker/login)"
        ]
        assert world.cycle(strategy).state is CycleState.LONG

    def test_a_broker_that_does_not_answer_is_no_trouble_of_the_owners(
        self, world: TradingWorld, clock: InterruptedClock
    ) -> None:
        strategy = world.add_running()
        world.exchange.is_down = True

        def come_back() -> None:
            world.exchange.is_down = False

        clock.interrupt(world.at(BUY) - timedelta(seconds=20), come_back)

        wake(world, strategy)

        assert last_calls(world) == []
        assert world.cycle(strategy).state is CycleState.LONG

    def test_a_margin_that_this_login_may_not_ask_for_does_not_make_the_login_dead(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: MemoryBroker, __: OrderTicket) -> Decimal:
            raise BrokerAuthFailed("Insufficient permission for that call.")

        monkeypatch.setattr(MemoryBroker, "required_margin", refuse)

        wake(world, world.add_running())

        assert last_calls(world) == []


def api_key_of(world: TradingWorld) -> str:
    account = world.accounts.find(world.user_id)
    assert account is not None
    return world.vault.unseal(world.user_id, {"api_key": account.api_key})["api_key"]


@pytest.fixture
def door(world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """When orders reached the exchange."""
    reached: list[datetime] = []
    next_fate = world.exchange.next_fate

    def note(ticket: OrderTicket | None = None, *, is_cancel: bool = False) -> Fate:
        if ticket is not None:
            reached.append(world.clock.now())
        return next_fate(ticket, is_cancel=is_cancel)

    monkeypatch.setattr(world.exchange, "next_fate", note)
    return reached


class TestThatNothingOfItReachesTheBuy:
    @pytest.mark.parametrize("part", ["stores", "record", "delivery", "broker"])
    def test_no_fault_of_it_delays_prevents_or_changes_the_buy(
        self,
        world: TradingWorld,
        clock: InterruptedClock,
        door: list[datetime],
        monkeypatch: pytest.MonkeyPatch,
        part: str,
    ) -> None:
        # given something to tell, which is mended in time, and one part of the look that fails
        strategy = world.add_running()
        failed = []

        def fail(*_: Any, **__: Any) -> Any:
            failed.append(part)
            raise RuntimeError("not foreseen")

        if part != "broker":
            world.log_out_of_broker()
            clock.interrupt(world.at(BUY) - timedelta(seconds=20), world.renew_broker_token)
        where: dict[str, tuple[Any, str]] = {
            "stores": (PreflightReader, "look_at"),
            "record": (MemorySummaries, "tell"),
            "delivery": (type(world.notifier), "publish"),
            "broker": (MemoryBroker, "margins"),
        }
        monkeypatch.setattr(*where[part], fail)

        wake(world, strategy)

        assert failed
        assert door == [world.at(BUY)]
        assert [each.quantity for each in world.sent(Side.BUY)] == [10]
        assert world.cycle(strategy).state is CycleState.LONG

    def test_a_failed_look_is_counted(self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any, **__: Any) -> Any:
            raise DatabaseUnavailable("no answer")

        monkeypatch.setattr(type(world.risks), "standing", fail)

        wake(world, world.add_running())

        assert world.meter.counts["LastCallFailed"] == 1
        assert world.told()[-1] == "bought"

    def test_who_is_woken_too_late_to_look_does_not(self, world: TradingWorld, door: list[datetime]) -> None:
        trades_with(world, cash=20_000)
        strategy = world.add_running()

        wake(world, strategy, ahead=timedelta(seconds=45))

        assert last_calls(world) == []
        assert door[0] == world.at(BUY)

    def test_a_look_that_takes_long_is_given_up_and_the_order_leaves_in_time(
        self, world: TradingWorld, door: list[datetime]
    ) -> None:
        # given stores so slow that the buy is near when they have answered, and funds that would not suffice
        trades_with(world, cash=20_000)
        strategy = world.add_running()

        class Slow:
            """The runtime store, which takes its time."""

            def sight(self) -> Sight | None:
                world.clock.sleep(50)
                return world.runtime.sight()

        executor = world.executor
        look = executor.last_call
        slow = replace(look, preflight=replace(look.preflight, runtime=Slow()))  # type: ignore[arg-type]

        wake(world, strategy, replace(executor, last_call=slow))

        assert last_calls(world) == []
        assert door[0] == world.at(BUY)

    def test_it_holds_no_lock_while_it_looks(self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        strategy = world.add_running()
        tell, held = MemorySummaries.tell, []
        world.log_out_of_broker()

        def look_at_the_lock(self: MemorySummaries, *args: Any, **more: Any) -> bool:
            token = world.runtime.lock(strategy.strategy_id, seconds=1)  # raises where somebody holds it
            world.runtime.unlock(strategy.strategy_id, token)
            held.append(world.ledger.find(world.user_id, strategy.strategy_id, world.at(BUY).date()))
            return tell(self, *args, **more)

        monkeypatch.setattr(MemorySummaries, "tell", look_at_the_lock)

        wake(world, strategy)

        assert held == [None]  # no cycle had been taken either

    def test_it_takes_no_place_of_an_order_nor_of_a_price(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        trades_with(world, cash=20_000)
        strategy = world.add_running()
        reserve, taken = world.runtime.reserve, []

        def note(account: str, wanted: datetime, windows: Any, **more: Any) -> datetime | None:
            taken.append({(window.bucket, window.limit) for window in windows})
            return reserve(account, wanted, windows, **more)

        monkeypatch.setattr(world.runtime, "reserve", note)
        world.clock.sleep_until(world.at(BUY) - WAKES)
        broker = world.executor.sessions.open(world.user_id, first_account_of(world.user_id))

        world.executor.last_call.make(strategy, broker, world.at(BUY))

        assert len(last_calls(world)) == 1
        assert taken == [{("read", 3)}] * 2
        assert world.sent(Side.BUY) == []


class TestTheWords:
    LOGIN = Check(CheckName.BROKER_LOGIN, False, "the broker login is over", "log in")
    LASTS = Check(CheckName.LOGIN_LASTS, False, "there is no login to last", "log in")
    SHORT = Check(CheckName.FUNDS, False, "too little", "add funds")

    def test_a_trouble_has_the_same_name_whatever_its_figures(self) -> None:
        other = replace(self.SHORT, text="still too little")

        assert trouble_of([self.SHORT]) == trouble_of([other]) == "funds"
        assert trouble_of([self.SHORT, self.LOGIN, self.LASTS]) == "broker_login,funds"

    def test_nothing_red_makes_no_words(self) -> None:
        assert last_call_of("TCS", BUY, [replace(self.SHORT, is_green=True)]) is None

    def test_a_login_that_lives_and_does_not_last_is_a_trouble_of_its_own(self) -> None:
        assert trouble_of([self.LASTS]) == "login_lasts"
