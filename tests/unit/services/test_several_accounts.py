"""A trader with two broker accounts: whatever is done, is done at the account where the position is."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from datetime import date, time
from decimal import Decimal
from uuid import UUID, uuid4

import pytest

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.domain.accounts import first_account_of
from algotrading.domain.cycle import Cycle, CycleState
from algotrading.domain.errors import BrokerAccountInUse, BrokerAuthFailed
from algotrading.domain.flatness import FlatProof
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.notices import NoticeKind
from algotrading.domain.order_updates import OrderUpdate
from algotrading.domain.orders import Side
from algotrading.domain.strategy import Strategy
from algotrading.ports import Lane
from algotrading.services.order_hints import OrderHints
from algotrading.services.sweep import PER_SECOND, Look, plan_waves
from tests.fakes.examples import MOMENT, TRADING_DAY
from tests.fakes.exchange import MemoryAccount, loses, trades
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading_world import TradingWorld
from tests.unit.services.test_morning import morning_of


class TwoAccounts(TradingWorld):
    """The first account, and the family's."""

    def __post_init__(self) -> None:
        super().__post_init__()
        (self.first_key,) = self.exchange._accounts
        self.second = uuid4()
        family = NamedAccount(self.second, self.user_id, "HUF", is_default=False, created_at=self.clock.now())
        self.named.add(family)
        self.second_key = self.connect(self.user_id, self.second)

    @property
    def first(self) -> UUID:
        """What every user has from the beginning."""
        return first_account_of(self.user_id)

    def holdings(self) -> tuple[int, int]:
        """Shares at the broker, of the first account and of the second."""
        first, second = (self._held(self.exchange.account_of(key)) for key in (self.first_key, self.second_key))
        return first, second

    def sides(self, api_key: str) -> list[Side]:
        """The orders that an account received."""
        return [order.ticket.side for order in self.exchange.account_of(api_key).orders]

    def _held(self, account: MemoryAccount) -> int:
        now = self.clock.now()
        return sum(o.filled(now) * (1 if o.ticket.side is Side.BUY else -1) for o in account.orders)


@pytest.fixture
def world() -> TwoAccounts:
    return TwoAccounts()


EXITS = [OrderEvent.SELL, OrderEvent.STOPLOSS, OrderEvent.STOP, OrderEvent.SQUARE_OFF, OrderEvent.KILL]


def exit_command(world: TradingWorld, strategy: Strategy, event: OrderEvent) -> OrderCommand:
    return world.command(strategy, event, time(15) if event is OrderEvent.SELL else None)


@pytest.mark.parametrize("event", EXITS)
def test_every_exit_sells_where_it_was_bought(world: TwoAccounts, event: OrderEvent) -> None:
    # given the same shares in both accounts, bought by two strategies
    here, there = world.add_running(world.first), world.add_running(world.second)
    world.buy(here)
    world.executor.handle(world.command(there, OrderEvent.BUY, there.plan.buy_time))
    assert world.holdings() == (10, 10)

    # when one of them is to be sold
    world.executor.handle(exit_command(world, there, event))

    assert world.holdings() == (10, 0)
    assert (world.cycle(here).state, world.cycle(there).state) == (CycleState.LONG, CycleState.FLAT)


def test_what_is_held_is_sold_where_it_was_bought_whatever_the_strategy_says_now(world: TwoAccounts) -> None:
    # given a strategy that bought in the first account, and whose row names the second, which no command lets happen
    strategy = world.add_running()
    world.buy(strategy)
    world.database.strategies[strategy.strategy_id] = replace(strategy, account_id=world.second, version=2)

    for event in (OrderEvent.RECONCILE, OrderEvent.SELL):
        world.executor.handle(exit_command(world, strategy, event))

    assert world.holdings() == (0, 0)
    assert (world.sides(world.first_key), world.sides(world.second_key)) == ([Side.BUY, Side.SELL], [])


class _MovesAtTheTake(MemoryLedger):
    """Lets the owner move the strategy into another account just before a worker takes its cycle, once."""

    def __init__(self, world: TwoAccounts) -> None:
        super().__init__(world.database)
        self._world = world

    def take(self, strategy: Strategy, trading_day: date) -> Cycle:
        if strategy.version == 1:
            self._world.change(strategy, account_id=self._world.second)
        return super().take(strategy, trading_day)


def test_a_strategy_that_is_moved_while_its_buy_is_waited_for_buys_where_it_is_then(world: TwoAccounts) -> None:
    # given a worker that has opened the first account's session a minute before the buy
    strategy = world.add_running()
    world.clock.sleep_until(world.at(time(9, 28, 30)))

    # when the strategy is moved meanwhile
    worker = world.make_executor(_MovesAtTheTake(world))
    worker.handle(world.command(strategy, OrderEvent.BUY, time(9, 30)))

    assert world.holdings() == (0, 10)
    assert world.cycle(strategy).account_id == world.second


class _MovesAndBuysMeanwhile(MemoryLedger):
    """Once a worker has seen that there is no cycle yet, the owner moves the strategy, and another worker buys."""

    def __init__(self, world: TwoAccounts, strategy: Strategy) -> None:
        super().__init__(world.database)
        self._world, self._strategy, self._is_moved = world, strategy, False

    def find(self, user_id: UUID, strategy_id: UUID, trading_day: date) -> Cycle | None:
        found = super().find(user_id, strategy_id, trading_day)
        if not self._is_moved:
            self._is_moved = True
            assert found is None
            self._world.change(self._strategy, account_id=self._world.second)
            due = self._strategy.plan.buy_time
            self._world.executor.handle(self._world.command(self._strategy, OrderEvent.BUY, due))
        return found


def test_a_timed_exit_sells_where_the_strategy_bought_while_it_was_waited_for(world: TwoAccounts) -> None:
    # given a strategy that sells a minute after it buys, and a worker that opens its first account's session for the
    # sale before anything was bought
    strategy = world.add_running(buy_time=time(9, 30), sell_time=time(9, 31))
    world.clock.sleep_until(world.at(time(9, 29)))

    # when it is moved, and buys in the second account, before that sale is due
    worker = world.make_executor(_MovesAndBuysMeanwhile(world, strategy))
    worker.handle(world.command(strategy, OrderEvent.SELL, time(9, 31)))

    assert (world.sides(world.first_key), world.sides(world.second_key)) == ([], [Side.BUY, Side.SELL])
    assert world.cycle(strategy).state is CycleState.FLAT


def test_an_order_of_unknown_fate_is_looked_for_in_its_own_account(world: TwoAccounts) -> None:
    strategy = world.add_running(world.second)
    world.exchange.plan(loses(placed=True, then=trades(), appears_after=20))

    world.buy(strategy)
    world.clock.sleep(60)
    world.executor.handle(world.command(strategy, OrderEvent.RECONCILE))

    assert world.cycle(strategy).open_quantity == 10
    assert world.holdings() == (0, 10)


@pytest.mark.parametrize("is_out", ["first", "second"])
def test_one_account_trades_while_the_other_is_logged_out(world: TwoAccounts, is_out: str) -> None:
    # given two strategies that hold something, one in each account
    here, there = world.add_running(world.first), world.add_running(world.second)
    world.buy(here)
    world.executor.handle(world.command(there, OrderEvent.BUY, there.plan.buy_time))

    # when the login of one account is lost
    out, living = (here, there) if is_out == "first" else (there, here)
    world.log_out_of_broker(out.account_id)
    world.executor.handle(world.command(living, OrderEvent.STOPLOSS))

    # then the other sold, and the owner of the first is told
    assert world.cycle(living).state is CycleState.FLAT
    with pytest.raises(BrokerAuthFailed):
        world.executor.handle(world.command(out, OrderEvent.STOPLOSS))
    with pytest.raises(BrokerAuthFailed):
        world.executor.handle(world.command(out, OrderEvent.RECONCILE))
    assert world.cycle(out).open_quantity == 10


def test_nothing_is_bought_in_an_account_that_is_logged_out(world: TwoAccounts) -> None:
    strategy = world.add_running(world.second)
    world.log_out_of_broker(world.second)

    world.buy(strategy)

    assert world.holdings() == (0, 0)
    assert "broker login" in str(world.cycle(strategy).note)


def flat_in_both(world: TwoAccounts) -> Strategy:
    """Both accounts have sold what they bought, and the kill switch is on; the strategy of the second."""
    here, there = world.add_running(world.first), world.add_running(world.second)
    world.buy(here)
    world.executor.handle(world.command(there, OrderEvent.BUY, there.plan.buy_time))
    world.risks.lock(world.user_id, by="its owner", reason=None, now=world.clock.now())
    world.executor.handle(world.command(here, OrderEvent.STOP))
    world.executor.handle(world.command(there, OrderEvent.STOP))
    return there


def flat(world: TwoAccounts) -> object:
    return world.risks.standing(world.user_id, TRADING_DAY, world.clock.now()).flat


def test_the_user_is_flat_when_every_account_is(world: TwoAccounts) -> None:
    strategy = flat_in_both(world)

    world.executor.handle(world.command(strategy, OrderEvent.KILL))

    proof = flat(world)
    assert isinstance(proof, FlatProof)
    assert proof.foreign == ()


def test_an_account_that_the_proof_will_ask_is_not_removed_before(world: TwoAccounts) -> None:
    # given a day on which both accounts traded, and the second's strategy is gone
    here, there = world.add_running(world.first), world.add_running(world.second)
    world.buy(here)
    world.executor.handle(world.command(there, OrderEvent.BUY, there.plan.buy_time))
    world.executor.handle(world.command(there, OrderEvent.STOP))
    del world.database.strategies[there.strategy_id]

    # when it is to be removed, and the kill switch goes on later
    with pytest.raises(BrokerAccountInUse, match="until the day ends"):
        world.named.remove(world.user_id, world.second, world.clock.now())
    world.risks.lock(world.user_id, by="its owner", reason=None, now=world.clock.now())
    world.executor.handle(world.command(here, OrderEvent.KILL))

    # then both are asked, and shown to be flat
    assert isinstance(flat(world), FlatProof)


def test_an_account_that_cannot_be_asked_proves_nothing(world: TwoAccounts) -> None:
    strategy = flat_in_both(world)
    world.log_out_of_broker(world.first)

    world.executor.handle(world.command(strategy, OrderEvent.KILL))

    assert flat(world) is None


def test_what_one_account_holds_besides_is_seen_in_the_proof(world: TwoAccounts) -> None:
    strategy = flat_in_both(world)
    world.buy_by_hand("TCS", 3)

    world.executor.handle(world.command(strategy, OrderEvent.KILL))

    proof = flat(world)
    assert isinstance(proof, FlatProof)
    assert [position.quantity for position in proof.foreign] == [3]


def test_the_books_of_both_accounts_are_kept(world: TwoAccounts) -> None:
    # given a day with a trade in each
    strategies = [world.add_running(world.first), world.add_running(world.second)]
    world.buy(strategies[0])
    world.executor.handle(world.command(strategies[1], OrderEvent.BUY, time(9, 30)))
    for strategy in strategies:
        world.executor.handle(world.command(strategy, OrderEvent.STOP))

    # when the session is over
    world.clock.sleep_until(world.at(time(15, 45)))
    world.converge.run()
    while message := world.queue.receive(Lane.PRIORITY):
        world.executor.handle(message.command)
        world.queue.delete(Lane.PRIORITY, message)

    for strategy in strategies:
        kept = world.snapshots.find(world.user_id, strategy.account_id, TRADING_DAY)
        assert kept is not None
        tags = {tag for row in kept.book.rows for tag in row.tags}
        assert tags >= {intent.tag for intent in world.cycle(strategy).intents}
        others = next(each for each in strategies if each != strategy)
        assert not tags & {intent.tag for intent in world.cycle(others).intents}


def test_news_of_one_account_hints_at_its_own_cycles(world: TwoAccounts) -> None:
    here, there = world.add_running(world.first), world.add_running(world.second)
    world.buy(here)
    world.executor.handle(world.command(there, OrderEvent.BUY, there.plan.buy_time))
    hints = OrderHints(world.clock, world.ledger, world.runtime, world.queue, world.meter)

    # a trade by hand, of which only the symbol tells whom it concerns
    update = OrderUpdate("by-hand", "COMPLETE", 10, "NSE", "TCS", frozenset())
    given = hints.plan(world.user_id, world.second, update, "postback")

    assert {hint.command.strategy_id for hint in given} == {there.strategy_id}


def test_looks_are_spread_over_a_minute_for_each_account_of_its_own() -> None:
    user, accounts = uuid4(), (uuid4(), uuid4())
    looks = [Look(uuid4(), user, account, MOMENT.date()) for account in accounts for _ in range(PER_SECOND)]

    (wave,) = plan_waves(looks, minute=0)

    assert sorted(wave, key=lambda look: look.strategy_id) == sorted(looks, key=lambda look: look.strategy_id)


def test_the_mornings_reminder_says_which_account_is_logged_out(world: TwoAccounts) -> None:
    # given a strategy in each account, of which the second's login is over
    world.add_running(world.first)
    world.add_running(world.second)
    world.log_out_of_broker(world.second)

    morning_of(world).run()

    (text,) = (notice.text for notice in world.database.notices if notice.kind == NoticeKind.NOT_READY)
    log_in = f"log in at the broker (GET /broker/login?account_id={world.second})"
    assert f"TCS (HUF) at 09:30: the broker login is over; {log_in}" in text
    assert text.count("HUF") == 1
    assert "Main account" not in text


def test_the_last_call_before_a_buy_says_which_account_is_logged_out(world: TwoAccounts) -> None:
    strategy = world.add_running(world.second)
    world.log_out_of_broker(world.second)

    world.buy(strategy)

    (text,) = (notice.text for notice in world.database.notices if notice.kind == NoticeKind.NOT_READY)
    assert "for the buy of TCS (HUF) at 09:30:00" in text
    assert f"the broker login is over; log in at the broker (GET /broker/login?account_id={world.second})" in text
    assert text.count("HUF") == 1


def test_what_the_broker_says_of_the_login_leads_to_the_account_too(world: TwoAccounts) -> None:
    strategy = world.add_running(world.second)
    world.exchange.log_out(world.second_key)

    world.buy(strategy)

    (text,) = (notice.text for notice in world.database.notices if notice.kind == NoticeKind.NOT_READY)
    log_in = f"log in at the broker (GET /broker/login?account_id={world.second})"
    assert f"the broker does not take the login any more; {log_in}" in text


def test_what_the_broker_says_of_the_funds_names_the_account_too(world: TwoAccounts) -> None:
    strategy = world.add_running(world.second)
    world.exchange.account_of(world.second_key).cash = Decimal(1)

    world.buy(strategy)

    texts = [notice.text for notice in world.database.notices if notice.kind == NoticeKind.NOT_READY]
    assert any("TCS (HUF)" in text and "\nthe buy needs a margin of" in text for text in texts)
    assert [text.count("HUF") for text in texts] == [1]


def said(world: TwoAccounts, strategy: Strategy) -> str:
    """Everything that the owner was told of the strategy."""
    return " | ".join(notice.text for notice in world.database.notices if notice.strategy_id == strategy.strategy_id)


@pytest.mark.parametrize("event", [OrderEvent.STOPLOSS, OrderEvent.RECONCILE])
def test_who_cannot_sell_is_told_in_which_account_to_log_in(world: TwoAccounts, event: OrderEvent) -> None:
    strategy = world.add_running(world.second)
    world.buy(strategy)
    world.log_out_of_broker(world.second)

    with pytest.raises(BrokerAuthFailed):
        world.executor.handle(world.command(strategy, event))

    assert "the broker login is missing or over" in said(world, strategy)


def test_who_could_not_buy_is_told_in_which_account_to_log_in(world: TwoAccounts) -> None:
    strategy = world.add_running(world.second)
    world.log_out_of_broker(world.second)

    world.buy(strategy)

    assert "the broker login is missing or over" in str(world.cycle(strategy).note)


def test_whose_book_goes_unread_is_told_in_which_account_to_log_in(world: TwoAccounts) -> None:
    # given a position of which the day ends, while its account is logged out
    strategy = world.add_running(world.second)
    world.buy(strategy)
    world.log_out_of_broker(world.second)
    world.clock.sleep_until(world.at(time(15, 45)))

    world.executor.handle(world.command(strategy, OrderEvent.SNAPSHOT))

    assert "Your broker login is over" in said(world, strategy)


def test_what_became_of_two_orders_in_one_symbol_is_told_apart_by_the_account(world: TwoAccounts) -> None:
    here, there = world.add_running(world.first), world.add_running(world.second)
    world.buy(here)
    world.executor.handle(world.command(there, OrderEvent.BUY, there.plan.buy_time))

    bought = [notice for notice in world.database.notices if notice.kind == NoticeKind.BOUGHT]

    assert [(notice.account_id, notice.text.partition(":")[0]) for notice in bought] == [
        (world.first, "TCS (Main account)"),
        (world.second, "TCS (HUF)"),
    ]


def test_whose_sale_the_broker_refuses_for_a_login_is_told_in_which_account(world: TwoAccounts) -> None:
    # given a position with a stop order, and a broker that takes the login no more
    strategy = world.add_running(world.second, broker_stop=True)
    world.buy(strategy)
    world.exchange.log_out(world.second_key)

    world.executor.handle(world.command(strategy, OrderEvent.STOPLOSS))

    (text,) = (notice.text for notice in world.database.notices if notice.kind == NoticeKind.EXIT_BLOCKED)
    assert text.startswith("TCS (HUF): the sell cannot be sent and is tried again: log in to the broker again: ")


def test_who_has_one_account_hears_no_name_of_what_became_of_orders() -> None:
    world = TradingWorld()
    world.buy(world.add_running())

    bought = [notice.text for notice in world.database.notices if notice.kind == NoticeKind.BOUGHT]
    assert bought[0].startswith("TCS: bought 10 at ")


def test_who_has_one_account_hears_no_name() -> None:
    world = TradingWorld()
    strategy = world.add_running()
    world.log_out_of_broker()

    world.buy(strategy)

    assert "the broker login is missing or over" in str(world.cycle(strategy).note)


@pytest.mark.parametrize("event", [OrderEvent.STOPLOSS, OrderEvent.RECONCILE, OrderEvent.SNAPSHOT, OrderEvent.BUY])
def test_what_an_account_is_called_is_no_part_of_what_is_decided(
    world: TwoAccounts, event: OrderEvent, caplog: pytest.LogCaptureFixture
) -> None:
    # A name may be a person's: decisions stay in the audit trail for ever, and logs promise to hold none.
    caplog.set_level(logging.DEBUG)
    world.named.change(world.user_id, world.second, name="Ramesh Patel", make_default=False, now=world.clock.now())
    strategy = world.add_running(world.second)
    if event is not OrderEvent.BUY:
        world.buy(strategy)
    world.log_out_of_broker(world.second)
    if event is OrderEvent.SNAPSHOT:
        world.clock.sleep_until(world.at(time(15, 45)))

    with suppress(BrokerAuthFailed):
        world.buy(strategy) if event is OrderEvent.BUY else world.executor.handle(world.command(strategy, event))

    assert "login is" in said(world, strategy), "nothing was decided"
    assert "Ramesh" not in str(world.cycle(strategy))
    assert "Ramesh" not in str(world.database.audit)
    assert "Ramesh" not in caplog.text
