"""A user's second broker account: what is its own, and what is pinned to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import time, timedelta
from uuid import UUID

import pytest

from algotrading.domain.accounts import User, first_account_of
from algotrading.domain.cycle import CycleState
from algotrading.domain.effects import Decision, Tell
from algotrading.domain.errors import BrokerAccountTaken, Conflict, StrategyOverlap
from algotrading.domain.events import EntryMissed
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import InboxNotice
from algotrading.domain.orders import AccountBook
from algotrading.domain.strategy import Strategy, StrategyStatus
from algotrading.ports import BookSnapshot
from tests.contract.ports.conftest import Stores
from tests.contract.ports.test_accounts import make_account
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_strategy

HOLDS = (CycleState.LONG, CycleState.FLAT)


@pytest.fixture
def user(stores: Stores) -> User:
    return stores.add_user()


@pytest.fixture
def second(stores: Stores, user: User) -> UUID:
    """The second account of the user."""
    return stores.add_account(user)


def add_in(stores: Stores, user: User, account_id: UUID, **plan: object) -> Strategy:
    strategy = make_strategy(user.user_id, status=StrategyStatus.RUNNING, **plan)
    strategy = replace(strategy, account_id=account_id)
    stores.strategies.add(strategy)
    return strategy


def order(stores: Stores, strategy: Strategy, state: CycleState) -> None:
    """A cycle of today with an order, which stands at `state`."""
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    cycle = replace(cycle, state=state, intents=(make_intent(cycle),))
    stores.ledger.save(Decision(cycle, ()), event=EntryMissed(MOMENT, "made"), now=MOMENT)


def test_each_account_has_its_own_connection(stores: Stores, user: User, second: UUID) -> None:
    # given two connected accounts
    first = make_account(user)
    other = replace(first, account_id=second, broker_user_id="HUF001", access_token="of the second")
    stores.broker_accounts.save(first)
    stores.broker_accounts.save(other)

    # then each is found by its own name and address, and where none is named, the default is
    assert stores.broker_accounts.find(user.user_id, second) == other
    assert stores.broker_accounts.find(user.user_id) == first
    address = stores.broker_accounts.postback_id(user.user_id, second)
    assert address not in {None, stores.broker_accounts.postback_id(user.user_id)}
    assert address is not None
    assert stores.broker_accounts.find_by_postback(address) == other
    assert stores.broker_accounts.last_connected(user.user_id, second) == "HUF001"

    # and what becomes of one leaves the other alone
    stores.broker_accounts.remove(user.user_id, now=MOMENT)
    assert stores.broker_accounts.find(user.user_id) is None
    assert stores.broker_accounts.find(user.user_id, second) == other
    assert stores.broker_accounts.last_connected(user.user_id, first_account_of(user.user_id)) == first.broker_user_id


def test_the_watcher_finds_the_accounts_of_the_traders_it_names_that_have_a_login(
    stores: Stores, user: User, second: UUID
) -> None:
    first, other = make_account(user), stores.add_user()
    stores.broker_accounts.save(first)
    logged_out = replace(first, account_id=second, broker_user_id="HUF001", access_token=None)
    stores.broker_accounts.save(logged_out)
    stores.broker_accounts.save(replace(make_account(other), broker_user_id="OTHER1"))

    def found() -> set[tuple[UUID, UUID]]:
        return set(stores.system_broker_accounts.with_login([user.user_id]))

    assert found() == {(user.user_id, first.account_id)}
    stores.broker_accounts.save(replace(logged_out, access_token="of the second"))
    assert found() == {(user.user_id, first.account_id), (user.user_id, second)}
    assert not stores.system_broker_accounts.with_login([])


def test_two_accounts_of_one_user_do_not_share_a_broker_account(stores: Stores, user: User, second: UUID) -> None:
    first = make_account(user)
    stores.broker_accounts.save(first)

    with pytest.raises(BrokerAccountTaken):
        stores.broker_accounts.save(replace(first, account_id=second))

    assert stores.broker_accounts.find(user.user_id, second) is None


def test_the_prices_come_through_the_first_account(stores: Stores, user: User, second: UUID) -> None:
    other = replace(make_account(user), account_id=second)
    stores.broker_accounts.save(other)

    assert stores.system_broker_accounts.find_by_email(user.email) is None


def test_two_strategies_in_one_symbol_run_in_two_accounts_and_not_in_one(
    stores: Stores, user: User, second: UUID
) -> None:
    add_in(stores, user, first_account_of(user.user_id))
    add_in(stores, user, second)

    with pytest.raises(StrategyOverlap):
        add_in(stores, user, second, buy_time=time(10))


@pytest.mark.parametrize("state", HOLDS)
def test_a_cycle_stays_where_its_first_order_went(stores: Stores, user: User, second: UUID, state: CycleState) -> None:
    # given a strategy of the first account that has ordered something today
    strategy = add_in(stores, user, first_account_of(user.user_id))
    order(stores, strategy, state)

    # when its strategy, as somebody read it, trades in the second
    cycle = stores.ledger.take(replace(strategy, account_id=second), TRADING_DAY)

    assert cycle.account_id == first_account_of(user.user_id)
    assert stores.ledger.find(user.user_id, strategy.strategy_id, TRADING_DAY) == cycle


def test_before_anything_was_ordered_a_cycle_follows_its_strategy(stores: Stores, user: User, second: UUID) -> None:
    strategy = add_in(stores, user, first_account_of(user.user_id))
    stores.ledger.take(strategy, TRADING_DAY)
    moved = replace(strategy, account_id=second, version=2)
    stores.strategies.save(moved, expected_version=1)

    cycle = stores.ledger.take(moved, TRADING_DAY)

    assert stores.strategies.get(user.user_id, strategy.strategy_id).account_id == second
    assert cycle.account_id == second
    assert stores.ledger.find(user.user_id, strategy.strategy_id, TRADING_DAY) == cycle


def test_a_strategy_is_not_moved_while_something_is_held(stores: Stores, user: User, second: UUID) -> None:
    strategy = add_in(stores, user, first_account_of(user.user_id))
    order(stores, strategy, CycleState.LONG)

    with pytest.raises(Conflict) as refused:
        stores.strategies.save(replace(strategy, account_id=second, version=2), expected_version=1)

    assert [detail.field for detail in refused.value.details] == ["account_id"]
    assert stores.strategies.get(user.user_id, strategy.strategy_id) == strategy


@pytest.mark.parametrize("is_same_account", [True, False])
def test_what_is_held_elsewhere_is_asked_of_the_same_account(
    stores: Stores, user: User, second: UUID, is_same_account: bool
) -> None:
    # given a strategy that holds something, and another in the symbol later that day
    first = first_account_of(user.user_id)
    order(stores, add_in(stores, user, first, sell_time=time(11)), CycleState.LONG)
    later = add_in(stores, user, first if is_same_account else second, buy_time=time(12))

    gate = stores.ledger.gate(stores.ledger.take(later, TRADING_DAY))

    assert gate.is_held_elsewhere is is_same_account


def test_each_account_has_its_own_book_of_a_day(stores: Stores, user: User, second: UUID) -> None:
    # given a trader who traded in two accounts, of which one's book is kept
    first = first_account_of(user.user_id)
    strategies = [add_in(stores, user, account_id) for account_id in (first, second)]
    for strategy in strategies:
        stores.ledger.take(strategy, TRADING_DAY)
    kept = BookSnapshot(user.user_id, first, TRADING_DAY, AccountBook(MOMENT, (), (), ()))
    stores.snapshots.add(kept)

    # then the other's is asked for, through the strategy that traded there
    assert list(stores.system_snapshots.missing(TRADING_DAY)) == [(user.user_id, strategies[1].strategy_id)]
    assert stores.snapshots.find(user.user_id, first, TRADING_DAY) == kept
    assert stores.snapshots.find(user.user_id, second, TRADING_DAY) is None


def told(stores: Stores, strategy: Strategy, text: str) -> InboxNotice:
    """A notice of a decision about a strategy's cycle, as its owner finds it."""
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    stores.ledger.save(Decision(cycle, (Tell(NoticeKind.BOUGHT, text),)), event=EntryMissed(MOMENT, "made"), now=MOMENT)
    return stores.notifications.inbox(strategy.user_id, limit=1, before=None)[0]


@pytest.mark.parametrize("text", ["TCS: bought 1.", "bought 1."])
@pytest.mark.parametrize("name", ["HUF", "100% of 'it' <b>{x}"])
def test_notices_name_their_account_where_there_are_several(stores: Stores, user: User, text: str, name: str) -> None:
    # given two accounts, one of which is called by its owner's own words
    first, second = first_account_of(user.user_id), stores.add_account(user)
    stores.named_accounts.change(user.user_id, second, name=name, make_default=False, now=MOMENT)
    here, there = (add_in(stores, user, account_id) for account_id in (first, second))

    of_first, of_second = told(stores, here, text), told(stores, there, text)

    assert (of_first.account_id, of_first.text) == (first, "TCS (Main account): bought 1.")
    assert (of_second.account_id, of_second.text) == (second, f"TCS ({name}): bought 1.")
    assert of_second.sentence == of_second.text
    # and a notice keeps its account and its words, whatever becomes of the strategy and the name
    stores.named_accounts.change(user.user_id, second, name="another", make_default=True, now=MOMENT)
    assert stores.notifications.notice(user.user_id, of_second.notice_id) == of_second


def test_a_notice_names_no_account_where_there_is_one(stores: Stores, user: User) -> None:
    # given a user whose other account was removed
    second = stores.add_account(user)
    stores.named_accounts.remove(user.user_id, second, MOMENT)
    strategy = stores.add_strategy(user)

    notice = told(stores, strategy, "TCS: bought 1.")

    assert (notice.account_id, notice.text) == (strategy.account_id, "TCS: bought 1.")
    claimed = stores.outbox.claim(user.user_id, MOMENT, lease=timedelta(seconds=30))
    assert claimed is not None
    assert (claimed.account_id, claimed.text) == (strategy.account_id, "TCS: bought 1.")


def test_what_is_told_before_a_buy_has_the_account_of_the_strategy(stores: Stores, user: User, second: UUID) -> None:
    strategy = add_in(stores, user, second)
    arguments = (user.user_id, TRADING_DAY, NoticeKind.NOT_READY)

    stores.summaries.tell(*arguments, "of the strategy", MOMENT, strategy_id=strategy.strategy_id)
    stores.summaries.tell(*arguments, "of the day", MOMENT)

    found = stores.notifications.inbox(user.user_id, limit=2, before=None)
    assert [(notice.text, notice.account_id) for notice in found] == [("of the day", None), ("of the strategy", second)]
