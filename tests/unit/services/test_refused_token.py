"""A broker ends an access token before its time: by a logout there, or a login at another place. Buying waits for its
owner, selling goes on trying, and the mark is that token's alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import ConnectionStatus, SealedBrokerAccount, first_account_of
from algotrading.domain.audit import AuditKind
from algotrading.domain.cycle import CycleState
from algotrading.domain.errors import BrokerAuthFailed, BrokerTokenRefused, DatabaseUnavailable
from algotrading.domain.instruments import Product
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.orders import Accepted, OrderTicket, Refused, Side
from algotrading.domain.timeline import LineKind
from algotrading.services.paced_broker import PacedBroker
from algotrading.services.timeline import TimelineReader
from tests.fakes.accounts import MemoryBrokerAccounts
from tests.fakes.audit import MemoryAuditTrail
from tests.fakes.broker import MemoryBroker, MemoryPreparedOrder
from tests.fakes.examples import TRADING_DAY
from tests.fakes.exchange import refuses
from tests.fakes.trading_world import TradingWorld

NOT_READY = "the broker does not take the login any more; log in at the broker (GET /broker/login)"


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def stored(world: TradingWorld) -> SealedBrokerAccount:
    account = world.accounts.find(world.user_id)
    assert account is not None
    return account


def open_session(world: TradingWorld) -> PacedBroker:
    return world.executor.sessions.open(world.user_id, first_account_of(world.user_id))


def end_token(world: TradingWorld) -> None:
    """At the broker; our store knows nothing of it."""
    sealed = {"api_key": stored(world).api_key}
    world.exchange.log_out(world.vault.unseal(world.user_id, sealed)["api_key"])


def mark_falsely(world: TradingWorld) -> None:
    """The broker once refused what it takes."""
    token_at = stored(world).token_at
    assert token_at is not None
    world.accounts.mark_refused(
        world.user_id, first_account_of(world.user_id), token_at=token_at, now=world.clock.now()
    )


def words_of_the_broker(world: TradingWorld) -> list[AuditKind]:
    kinds = {AuditKind.BROKER_TOKEN_REFUSED, AuditKind.BROKER_TOKEN_TAKEN}
    return [entry.kind for entry in world.database.audit if entry.kind in kinds]


def not_ready(world: TradingWorld) -> list[str]:
    return [notice.text for notice in world.database.notices if notice.kind == "not_ready"]


class TestWhatIsRemembered:
    def test_a_refused_reading_is_remembered_with_its_moment(self, world: TradingWorld) -> None:
        broker = open_session(world)
        end_token(world)
        world.clock.sleep(60)

        with pytest.raises(BrokerTokenRefused):
            broker.positions()

        assert stored(world).refused_at == world.clock.now()
        assert stored(world).status_at(world.clock.now()) is ConnectionStatus.LOGIN_REQUIRED

    def test_a_refused_order_is_remembered(self, world: TradingWorld) -> None:
        broker = open_session(world)
        end_token(world)

        broker.prepare_order(OrderTicket("NSE", "TCS", Side.SELL, 1, Product.MIS, "x")).send()

        assert stored(world).refused_at == world.clock.now()

    def test_a_refused_cancel_is_remembered(self, world: TradingWorld) -> None:
        broker = open_session(world)
        end_token(world)

        broker.cancel_order("1")

        assert stored(world).refused_at == world.clock.now()

    def test_it_is_written_down_once_and_says_since_when(self, world: TradingWorld) -> None:
        end_token(world)
        since = world.clock.now()

        for broker in (open_session(world), open_session(world)):
            for _ in range(3):
                with pytest.raises(BrokerTokenRefused):
                    broker.yielding().positions()
                world.clock.sleep(5)

        assert stored(world).refused_at == since
        assert words_of_the_broker(world) == [AuditKind.BROKER_TOKEN_REFUSED]

    def test_what_this_login_may_not_ask_for_says_nothing_of_the_token(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: MemoryBroker) -> Any:
            raise BrokerAuthFailed("Insufficient permission for that call.")

        monkeypatch.setattr(MemoryBroker, "positions", refuse)

        with pytest.raises(BrokerAuthFailed):
            open_session(world).positions()

        assert stored(world).refused_at is None

    def test_another_refusal_of_an_order_says_nothing_of_the_token(self, world: TradingWorld) -> None:
        world.exchange.plan(refuses())

        open_session(world).place_order(OrderTicket("NSE", "TCS", Side.BUY, 1, Product.MIS, "x"))

        assert stored(world).refused_at is None

    def test_a_refusal_of_the_token_of_before_does_not_mark_the_new_one(self, world: TradingWorld) -> None:
        # given a worker that speaks with the token of the morning, and an owner who has logged in again since
        broker, prepared_with = open_session(world), open_session(world)
        order = prepared_with.prepare_order(OrderTicket("NSE", "TCS", Side.SELL, 1, Product.MIS, "x"))
        world.clock.sleep(60)
        world.renew_broker_token()

        # when the broker refuses the worker, before and after it has come to know of that
        broker.positions()
        prepared_with.positions()
        answer = order.send()

        assert isinstance(answer, Refused)
        assert answer.is_auth
        assert stored(world).refused_at is None
        assert words_of_the_broker(world) == []

    def test_a_new_login_takes_the_mark_away(self, world: TradingWorld) -> None:
        end_token(world)
        with pytest.raises(BrokerTokenRefused):
            open_session(world).positions()
        world.clock.sleep(60)

        world.renew_broker_token()

        assert stored(world).refused_at is None
        assert stored(world).status_at(world.clock.now()) is ConnectionStatus.CONNECTED

    def test_a_store_that_is_away_changes_nothing_for_whoever_asks(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end_token(world)
        broker = open_session(world)
        tries: list[object] = []

        def fail(*_: object, **__: object) -> None:
            tries.append(None)
            raise DatabaseUnavailable("away")

        with monkeypatch.context() as patched:
            patched.setattr(MemoryBrokerAccounts, "mark_refused", fail)
            for _ in range(2):
                with pytest.raises(BrokerTokenRefused):
                    broker.positions()
        assert len(tries) == 1  # each would hold an exit up by its time-outs

        # whoever comes next writes it down
        with pytest.raises(BrokerTokenRefused):
            open_session(world).positions()
        assert stored(world).refused_at == world.clock.now()


class TestARefusalThatWasNone:
    def test_the_next_reading_that_is_answered_takes_it_back(self, world: TradingWorld) -> None:
        mark_falsely(world)

        open_session(world).positions()

        assert stored(world).refused_at is None
        assert words_of_the_broker(world) == [AuditKind.BROKER_TOKEN_REFUSED, AuditKind.BROKER_TOKEN_TAKEN]

    def test_an_order_that_is_taken_does(self, world: TradingWorld) -> None:
        mark_falsely(world)

        open_session(world).place_order(OrderTicket("NSE", "TCS", Side.BUY, 1, Product.MIS, "x"))

        assert stored(world).refused_at is None

    def test_a_worker_that_was_waiting_meanwhile_takes_it_back_too(self, world: TradingWorld) -> None:
        opened = open_session(world)
        mark_falsely(world)

        renewed = world.executor.sessions.renew(world.user_id, first_account_of(world.user_id), opened)
        assert renewed is opened
        renewed.positions()

        assert stored(world).refused_at is None

    def test_it_keeps_nobody_from_buying_and_alarms_nobody(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        mark_falsely(world)

        assert world.buy(strategy).state is CycleState.LONG
        assert stored(world).refused_at is None
        assert not_ready(world) == []

    def test_also_where_nothing_else_would_have_been_asked_before_the_buy(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # given a worker that comes in the last seconds, a price that is known, and another strategy's order that may
        # still surface, so that what the account holds is not asked for
        strategy = world.add_running()
        gate = world.ledger.gate
        monkeypatch.setattr(world.ledger, "gate", lambda cycle: replace(gate(cycle), may_surface_elsewhere=True))
        mark_falsely(world)
        world.clock.sleep_until(world.at(time(9, 29, 55)))
        world.runtime.put_price("TCS", Decimal(3600), world.clock.now())

        world.executor.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

        assert world.cycle(strategy).state is CycleState.LONG
        assert stored(world).refused_at is None


class TestEntries:
    def test_nothing_is_sent_with_a_token_that_is_known_to_be_refused(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        end_token(world)
        with pytest.raises(BrokerTokenRefused):
            open_session(world).positions()

        cycle = world.buy(strategy)

        assert world.exchange.received == []
        assert cycle.state is CycleState.FLAT
        assert cycle.note == "the broker does not take the login any more; log in to the broker again"
        assert world.told() == ["login_refused", "not_ready", "entry_missed"]
        assert not_ready(world)[0].splitlines()[1:] == [NOT_READY]

    def test_nothing_is_sent_where_the_refusal_comes_in_the_last_second(self, world: TradingWorld) -> None:
        # given a token that ends when everybody has looked, and before it is asked what the account holds
        strategy = world.add_running()
        sleep_until, ends_at = world.clock.sleep_until, world.at(time(9, 29, 50))

        def sleep_and_end(instant: datetime) -> None:
            if world.clock.now() < ends_at < instant:
                sleep_until(ends_at)
                end_token(world)
            sleep_until(instant)

        world.clock.sleep_until = sleep_and_end  # type: ignore[method-assign]

        cycle = world.buy(strategy)

        assert world.exchange.received == []
        assert cycle.state is CycleState.FLAT
        assert stored(world).refused_at is not None

    def test_who_logs_in_again_before_the_buy_is_bought(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        end_token(world)
        with pytest.raises(BrokerTokenRefused):
            open_session(world).positions()
        world.clock.sleep(60)

        world.renew_broker_token()

        assert world.buy(strategy).state is CycleState.LONG


class TestExits:
    def test_a_stop_that_is_hit_is_tried_with_a_refused_token_and_sells_once_it_is_taken(
        self, world: TradingWorld
    ) -> None:
        # given something that is held, and a login that the broker refuses
        strategy = world.add_running()
        world.buy(strategy)
        end_token(world)
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        assert stored(world).refused_at is not None
        tried = len(world.sent(Side.SELL))
        assert tried > 0

        # when it is hit again, it is tried again, whatever is known of the login
        world.clock.sleep(60)
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        assert len(world.sent(Side.SELL)) > tried

        # and with the next login it is sold
        world.renew_broker_token()
        world.clock.sleep(60)
        world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))
        assert world.cycle(strategy).state is CycleState.FLAT

    @pytest.mark.parametrize("event", [OrderEvent.STOPLOSS, OrderEvent.STOP, OrderEvent.SQUARE_OFF, OrderEvent.KILL])
    def test_a_refusal_that_was_none_holds_no_exit_up(self, world: TradingWorld, event: OrderEvent) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        mark_falsely(world)
        before = world.clock.now()

        cycle = world.executor.handle(world.command(strategy, event))

        assert cycle is not None
        assert cycle.state is CycleState.FLAT
        assert world.clock.now() - before < timedelta(seconds=1)
        assert stored(world).refused_at is None

    def test_the_book_is_still_read_for_what_is_held(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        mark_falsely(world)

        cycle = world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        assert cycle is not None
        assert cycle.state is CycleState.LONG
        assert stored(world).refused_at is None


class TestALoginWhileAWorkerIsAtIt:
    """Its session was opened before its owner had logged in again."""

    @pytest.mark.parametrize("is_marked", [False, True])
    def test_a_reading_goes_on_with_the_new_token(self, world: TradingWorld, *, is_marked: bool) -> None:
        broker = open_session(world)
        if is_marked:
            end_token(world)
            with pytest.raises(BrokerTokenRefused):
                broker.positions()
        world.clock.sleep(1)
        world.renew_broker_token()

        for one in (broker, broker.yielding(), broker.hurried(3.0)):
            assert list(one.positions()) == []

        assert broker.token_at == world.clock.now()
        assert stored(world).refused_at is None

    def test_a_command_does(self, world: TradingWorld) -> None:
        broker = open_session(world)
        world.clock.sleep(1)
        world.renew_broker_token()

        answer = broker.place_order(OrderTicket("NSE", "TCS", Side.BUY, 1, Product.MIS, "x"))

        assert isinstance(answer, Accepted)
        assert len(world.exchange.received) == 2

    @pytest.mark.parametrize("event", [OrderEvent.STOPLOSS, OrderEvent.STOP, OrderEvent.KILL])
    def test_an_exit_is_sold_at_once(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch, event: OrderEvent
    ) -> None:
        # given an exit whose worker has read what is held when its owner logs in once more
        strategy = world.add_running()
        world.buy(strategy)
        self._log_in_before_the_order_leaves(world, monkeypatch, passes=0.1)
        before = world.clock.now()

        cycle = world.executor.handle(world.command(strategy, event))

        assert cycle is not None
        assert cycle.state is CycleState.FLAT
        assert world.clock.now() - before < timedelta(seconds=1)
        assert len(world.sent(Side.SELL)) == 2  # the one that was refused, and the one that was not
        assert "exit_blocked" not in world.told()

    def test_a_buy_goes_with_the_new_token_while_its_time_lasts(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strategy = world.add_running()
        self._log_in_before_the_order_leaves(world, monkeypatch, passes=0.1)

        assert world.buy(strategy).state is CycleState.LONG
        assert [ticket.tag for ticket in world.sent(Side.BUY)] == [world.cycle(strategy).intents[0].tag] * 2

    def test_and_is_not_bought_late(self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        strategy = world.add_running()
        self._log_in_before_the_order_leaves(world, monkeypatch, passes=121)

        assert world.buy(strategy).state is CycleState.FLAT
        assert len(world.sent(Side.BUY)) == 1
        assert world.told()[-1] == "entry_missed"

    def test_an_order_is_not_sent_again_where_the_kill_switch_went_on(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        strategy = world.add_running()
        self._log_in_before_the_order_leaves(world, monkeypatch, passes=1, kills=True)

        assert world.buy(strategy).state is CycleState.FLAT
        assert len(world.sent(Side.BUY)) == 1

    def test_a_store_that_is_away_is_asked_once(self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
        broker, tries = open_session(world), list[object]()
        end_token(world)

        def fail(*_: object) -> None:
            tries.append(None)
            raise DatabaseUnavailable("away")

        monkeypatch.setattr(MemoryBrokerAccounts, "find", fail)

        for _ in range(3):
            with pytest.raises(BrokerTokenRefused):
                broker.positions()

        assert len(tries) == 1

    def test_a_login_to_another_account_is_none_that_it_goes_on_with(self, world: TradingWorld) -> None:
        broker = open_session(world)
        world.clock.sleep(1)
        world.renew_broker_token()
        world.accounts.save(replace(stored(world), broker_user_id="ZZ9999"))

        with pytest.raises(BrokerTokenRefused):
            broker.positions()

    def _log_in_before_the_order_leaves(
        self, world: TradingWorld, monkeypatch: pytest.MonkeyPatch, *, passes: float, kills: bool = False
    ) -> None:
        send, waits = MemoryPreparedOrder.send, [1]

        def send_late(order: MemoryPreparedOrder) -> Any:
            if not waits:
                return send(order)
            waits.pop()
            world.renew_broker_token()
            answer = send(order)
            world.clock.sleep(passes)
            if kills:
                world.risks.lock(world.user_id, by="its owner", reason=None, now=world.clock.now())
            return answer

        monkeypatch.setattr(MemoryPreparedOrder, "send", send_late)


class TestWhatItsOwnerIsTold:
    def test_at_once_where_a_strategy_runs_and_nothing_is_held(self, world: TradingWorld) -> None:
        # given one strategy that is looked after, and another one that has hours until its buy
        strategy = world.add_running()
        world.add_running(symbol="INFY", buy_time=time(14))
        world.buy(strategy)
        world.executor.handle(world.command(strategy, OrderEvent.STOP))
        before = len(world.told())
        end_token(world)

        # when any worker hears of it
        with pytest.raises(BrokerTokenRefused):
            world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        # then it is told, and has been delivered with that worker's message, not told again by the next one
        assert world.told()[before:] == ["login_refused"]
        assert [notice.kind for notice in world.notifier.published][-1] == "login_refused"
        with pytest.raises(BrokerTokenRefused):
            world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))
        assert world.told()[before:] == ["login_refused"]

    def test_the_next_token_is_told_of_anew(self, world: TradingWorld) -> None:
        world.add_running()
        for _ in range(2):
            end_token(world)
            with pytest.raises(BrokerTokenRefused):
                open_session(world).positions()
            world.clock.sleep(60)
            world.renew_broker_token()

        assert world.told() == ["login_refused"] * 2


class TestTheTimeline:
    def test_it_says_when_the_broker_refused_the_login_and_when_it_took_it_again(self, world: TradingWorld) -> None:
        strategy = world.add_running()
        world.buy(strategy)
        mark_falsely(world)
        world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

        reader = TimelineReader(
            world.strategies, world.ledger, MemoryAuditTrail(world.database), world.clock, NSE_SESSIONS
        )
        lines = reader.read(world.user_id, strategy.strategy_id, TRADING_DAY).lines

        assert [line.text for line in lines if line.kind is LineKind.CONNECTION][-2:] == [
            "the broker does not take the login any more: nothing is bought until its owner logs in again",
            "the broker takes the login again",
        ]
