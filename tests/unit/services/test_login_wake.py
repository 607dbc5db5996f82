"""An exit that the broker refuses for its login is sold as soon as its owner logs in again, not when converge looks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from algotrading.contracts.messages import OrderEvent
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.orders import Side
from algotrading.ports import Lane
from algotrading.services.login_wake import LoginWake
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading_world import TradingWorld


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


def end_token(world: TradingWorld) -> None:
    account = world.accounts.find(world.user_id)
    assert account is not None
    world.exchange.log_out(world.vault.unseal(world.user_id, {"api_key": account.api_key})["api_key"])


def log_in_again(world: TradingWorld, ledger: MemoryLedger | None = None) -> None:
    """As the function does that stores the login."""
    world.renew_broker_token()
    account = world.accounts.find(world.user_id)
    assert account is not None
    LoginWake(ledger or world.ledger, world.queue, world.clock, world.meter).wake(account)


def work(world: TradingWorld) -> list[OrderEvent]:
    """A worker of the priority lane handles what waits for it."""
    handled = []
    while (message := world.queue.receive(Lane.PRIORITY)) is not None:
        world.executor.handle(message.command)
        world.queue.delete(Lane.PRIORITY, message)
        handled.append(message.command.event)
    return handled


@pytest.mark.parametrize("event", [OrderEvent.STOPLOSS, OrderEvent.STOP, OrderEvent.SQUARE_OFF, OrderEvent.KILL])
@pytest.mark.parametrize("broker_stop", [True, False])
def test_a_blocked_exit_is_sold_within_a_second_of_the_login(
    world: TradingWorld, event: OrderEvent, *, broker_stop: bool
) -> None:
    # Given an exit that the broker has refused
    strategy = world.add_running(broker_stop=broker_stop)
    world.buy(strategy)
    end_token(world)
    world.executor.handle(world.command(strategy, event))
    assert world.cycle(strategy).state is not CycleState.FLAT
    world.clock.sleep(20)
    assert work(world) == []

    # When its owner logs in again
    logged_in_at = world.clock.now()
    log_in_again(world)

    # Then it is sold, and nobody else had to look
    assert work(world) == [OrderEvent.RECONCILE]
    assert world.cycle(strategy).state is CycleState.FLAT
    assert world.clock.now() - logged_in_at < timedelta(seconds=1)


def test_what_is_held_and_wanted_by_nobody_stays_held(world: TradingWorld) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    sent = len(world.sent(Side.SELL))

    log_in_again(world)

    assert work(world) == [OrderEvent.RECONCILE]
    assert world.cycle(strategy).state is CycleState.LONG
    assert len(world.sent(Side.SELL)) == sent


def test_each_login_asks_anew_and_none_asks_twice(world: TradingWorld) -> None:
    world.buy(world.add_running())
    account = world.accounts.find(world.user_id)
    assert account is not None
    wake = LoginWake(world.ledger, world.queue, world.clock, world.meter)

    wake.wake(account)
    wake.wake(account)
    assert len(world.queue.sent) == 1

    world.clock.sleep(2)
    log_in_again(world)
    assert len(world.queue.sent) == 2


def test_a_ledger_that_is_away_is_left_to_converge(world: TradingWorld, caplog: pytest.LogCaptureFixture) -> None:
    class Away(MemoryLedger):
        def unsettled_of(self, user_id: UUID) -> Sequence[Cycle]:
            raise ConnectionError("away")

    log_in_again(world, Away(world.database))

    assert world.meter.counts["PublishFailed"] == 1
    assert "converge will ask" in caplog.text


def test_a_worker_of_before_goes_on_where_the_login_comes_while_it_is_at_it(
    world: TradingWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a kill that has opened its session when the owner logs in: the worker's message stands before the login's
    strategy = world.add_running()
    world.buy(strategy)
    end_token(world)
    take, waits = world.ledger.take, [1]

    def take_late(*args: Any) -> Cycle:
        if waits:
            waits.pop()
            log_in_again(world)
        return take(*args)

    monkeypatch.setattr(world.ledger, "take", take_late)
    before = world.clock.now()

    cycle = world.executor.handle(world.command(strategy, OrderEvent.KILL))

    assert cycle is not None
    assert cycle.state is CycleState.FLAT
    assert world.clock.now() - before < timedelta(seconds=1)
    assert "exit_blocked" not in world.told()
