"""ports.NamedAccounts: which broker accounts a user has, and what keeps one from being removed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
from algotrading.adapters.postgres.strategies import PostgresStrategies
from algotrading.domain.accounts import User, first_account_of
from algotrading.domain.cycle import CycleState, IntentState
from algotrading.domain.effects import Decision
from algotrading.domain.errors import (
    BrokerAccountInUse,
    BrokerAccountIsDefault,
    BrokerAccountsFull,
    Conflict,
    NotFound,
    StrategyInvalid,
)
from algotrading.domain.events import EntryMissed
from algotrading.domain.named_accounts import FIRST_NAME, MOST_ACCOUNTS, NamedAccount
from algotrading.domain.strategy import Strategy, StrategyStatus
from tests.contract.ports.conftest import Stores, add_account, postgres_stores
from tests.contract.ports.test_accounts import make_account
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_strategy
from tests.stores import PostgresStore


@pytest.fixture
def user(stores: Stores) -> User:
    return stores.add_user()


@pytest.fixture
def second(stores: Stores, user: User) -> UUID:
    return stores.add_account(user)


def new(user: User, name: str) -> NamedAccount:
    begun = user.created_at + timedelta(seconds=1)
    return NamedAccount(uuid4(), user.user_id, name, is_default=False, created_at=begun)


def bound_to(user: User, account_id: UUID) -> Strategy:
    return replace(make_strategy(user.user_id, status=StrategyStatus.CREATED), account_id=account_id)


def names(stores: Stores, user: User) -> list[tuple[str, bool]]:
    return [(each.name, each.is_default) for each in stores.named_accounts.of_user(user.user_id)]


def test_everybody_has_a_first_one(stores: Stores, user: User) -> None:
    first = NamedAccount(first_account_of(user.user_id), user.user_id, FIRST_NAME, True, user.created_at)

    assert list(stores.named_accounts.of_user(user.user_id)) == [first]
    assert stores.named_accounts.get(user.user_id) == first
    assert stores.named_accounts.get(user.user_id, first.account_id) == first


def test_one_that_is_opened_is_found_and_is_not_the_default(stores: Stores, user: User) -> None:
    account = new(user, "HUF")

    stores.named_accounts.add(account)

    assert stores.named_accounts.get(user.user_id, account.account_id) == account
    assert names(stores, user) == [(FIRST_NAME, True), ("HUF", False)]


def test_there_are_so_many_and_no_more(stores: Stores, user: User) -> None:
    for number in range(MOST_ACCOUNTS - 1):
        stores.named_accounts.add(new(user, f"account {number}"))

    with pytest.raises(BrokerAccountsFull):
        stores.named_accounts.add(new(user, "one too many"))

    assert len(names(stores, user)) == MOST_ACCOUNTS


def test_nobody_opens_one_for_a_user_who_is_gone(stores: Stores, user: User) -> None:
    stores.records.close(user.user_id, MOMENT)

    with pytest.raises(NotFound):
        stores.named_accounts.add(new(user, "HUF"))


def test_a_name_is_taken_by_whichever_letters(stores: Stores, user: User, second: UUID) -> None:
    with pytest.raises(Conflict):
        stores.named_accounts.add(new(user, "MAIN account"))
    with pytest.raises(Conflict):
        stores.named_accounts.change(user.user_id, second, name="main ACCOUNT", make_default=False, now=MOMENT)

    # Another user's names are no business of anybody.
    stores.named_accounts.add(new(stores.add_user(), "of the family"))


def test_another_is_the_default_and_the_connection_that_none_names(stores: Stores, user: User, second: UUID) -> None:
    stores.broker_accounts.save(make_account(user))
    other = replace(make_account(user), account_id=second, broker_user_id="HUF001")
    stores.broker_accounts.save(other)

    changed = stores.named_accounts.change(user.user_id, second, name="HUF", make_default=True, now=MOMENT)

    assert (changed.name, changed.is_default) == ("HUF", True)
    assert names(stores, user) == [(FIRST_NAME, False), ("HUF", True)]
    assert stores.named_accounts.get(user.user_id).account_id == second
    assert stores.broker_accounts.find(user.user_id) == other


def test_one_that_is_removed_is_gone_with_its_keys_and_the_other_stays(
    stores: Stores, user: User, second: UUID
) -> None:
    first = make_account(user)
    stores.broker_accounts.save(first)
    stores.broker_accounts.save(replace(first, account_id=second, broker_user_id="HUF001"))

    stores.named_accounts.remove(user.user_id, second, MOMENT)

    assert names(stores, user) == [(FIRST_NAME, True)]
    assert stores.broker_accounts.find(user.user_id, second) is None
    assert stores.broker_accounts.find(user.user_id) == first
    for gone in (
        lambda: stores.named_accounts.get(user.user_id, second),
        lambda: stores.named_accounts.remove(user.user_id, second, MOMENT),
        lambda: stores.named_accounts.change(user.user_id, second, name="x", make_default=True, now=MOMENT),
        lambda: stores.broker_accounts.save(replace(first, account_id=second, broker_user_id="HUF001")),
    ):
        with pytest.raises(NotFound):
            gone()


def test_the_default_is_not_removed(stores: Stores, user: User) -> None:
    with pytest.raises(BrokerAccountIsDefault):
        stores.named_accounts.remove(user.user_id, first_account_of(user.user_id), MOMENT)


def test_one_with_a_strategy_is_not_removed(stores: Stores, user: User, second: UUID) -> None:
    stores.broker_accounts.save(replace(make_account(user), account_id=second))
    strategy = bound_to(user, second)
    stores.strategies.add(strategy)

    with pytest.raises(BrokerAccountInUse):
        stores.named_accounts.remove(user.user_id, second, MOMENT)

    assert stores.broker_accounts.find(user.user_id, second) is not None
    stores.strategies.delete(user.user_id, strategy.strategy_id, expected_version=1, now=MOMENT)
    stores.named_accounts.remove(user.user_id, second, MOMENT)


@pytest.mark.parametrize(
    ("state", "intent"), [(CycleState.LONG, IntentState.DONE), (CycleState.FLAT, IntentState.NOT_PLACED)]
)
def test_one_in_which_something_is_or_may_come_to_be_held_is_not_removed(
    stores: Stores, user: User, second: UUID, state: CycleState, intent: IntentState
) -> None:
    # given a cycle in it, of a strategy that is moved elsewhere by now
    strategy = bound_to(user, second)
    stores.strategies.add(strategy)
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    cycle = replace(cycle, state=state, intents=(make_intent(cycle, state=intent),))
    stores.ledger.save(Decision(cycle, ()), event=EntryMissed(MOMENT, "made"), now=MOMENT)
    if state is CycleState.FLAT:
        stores.strategies.delete(user.user_id, strategy.strategy_id, expected_version=1, now=MOMENT)

    with pytest.raises(BrokerAccountInUse):
        stores.named_accounts.remove(user.user_id, second, MOMENT)

    if state is CycleState.FLAT:
        stores.named_accounts.remove(user.user_id, second, MOMENT + timedelta(days=1))


def test_no_strategy_is_bound_to_an_account_that_is_not_there(stores: Stores, user: User, second: UUID) -> None:
    strategy = bound_to(user, first_account_of(user.user_id))
    stores.strategies.add(strategy)
    stores.named_accounts.remove(user.user_id, second, MOMENT)
    other = stores.add_account(stores.add_user())

    for account_id in (second, other, uuid4()):
        with pytest.raises(StrategyInvalid) as refused:
            stores.strategies.add(bound_to(user, account_id))
        assert [detail.field for detail in refused.value.details] == ["account_id"]
        with pytest.raises(StrategyInvalid):
            stores.strategies.save(replace(strategy, account_id=account_id, version=2), expected_version=1)

    assert list(stores.strategies.list_for(user.user_id)) == [strategy]


# --- at once: PostgreSQL alone ----------------------------------------------------------------------


def at_once(*deeds: Callable[[], object]) -> list[str]:
    """How each ended that was begun at the same moment: "done", or the name of its refusal."""

    def end_of(deed: Callable[[], object]) -> str:
        try:
            deed()
        except Exception as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(len(deeds)) as threads:
        return sorted(threads.map(end_of, deeds))


@pytest.fixture
def another(postgres_store: PostgresStore) -> Iterator[Callable[[], Database]]:
    """Opens one more connection, as another process would have."""
    with ExitStack() as opened:
        yield lambda: opened.enter_context(closing(postgres_store.open("app_role")))


@pytest.mark.parametrize("_", range(5))
def test_two_who_open_the_last_one_at_once_open_one(
    postgres_store: PostgresStore, another: Callable[[], Database], _: int
) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    for number in range(MOST_ACCOUNTS - 2):
        add_account(stores.named_accounts, user, f"account {number}")
    others = [PostgresNamedAccounts(another()) for _ in range(2)]

    ends = at_once(*(lambda one=one, n=n: one.add(new(user, f"last {n}")) for n, one in enumerate(others)))

    assert ends == ["BrokerAccountsFull", "done"]
    assert len(names(stores, user)) == MOST_ACCOUNTS


@pytest.mark.parametrize("_", range(5))
def test_of_two_removals_at_once_one_is_done_and_there_is_a_default_always(
    postgres_store: PostgresStore, another: Callable[[], Database], _: int
) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    second, first = stores.add_account(user), first_account_of(user.user_id)
    one, other = (PostgresNamedAccounts(another()) for _ in range(2))

    ends = at_once(lambda: one.remove(user.user_id, second, MOMENT), lambda: other.remove(user.user_id, second, MOMENT))
    assert ends == ["NotFound", "done"]

    # And of one that makes an account the default and one that removes it, whichever comes second is refused.
    third = add_account(stores.named_accounts, user, "third")
    ends = at_once(
        lambda: one.change(user.user_id, third, name=None, make_default=True, now=MOMENT),
        lambda: other.remove(user.user_id, third, MOMENT),
    )
    assert ends in (["BrokerAccountIsDefault", "done"], ["NotFound", "done"])
    assert stores.named_accounts.get(user.user_id).account_id == (third if "BrokerAccountIsDefault" in ends else first)


@pytest.mark.parametrize("_", range(5))
def test_an_account_is_not_removed_under_a_strategy_that_is_bound_to_it_at_that_moment(
    postgres_store: PostgresStore, another: Callable[[], Database], _: int
) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    second = stores.add_account(user)
    strategy = bound_to(user, first_account_of(user.user_id))
    stores.strategies.add(strategy)
    adds, moves = (PostgresStrategies(another()) for _ in range(2))
    removes = PostgresNamedAccounts(another())

    at_once(
        lambda: adds.add(bound_to(user, second)),
        lambda: moves.save(replace(strategy, account_id=second, version=2), expected_version=1),
        lambda: removes.remove(user.user_id, second, MOMENT),
    )

    present = {account.account_id for account in stores.named_accounts.of_user(user.user_id)}
    assert {one.account_id for one in stores.strategies.list_for(user.user_id)} <= present


def wait_for_waiters(watch: psycopg.Connection[Any], count: int) -> None:
    """Come back once so many sessions of the application wait for a lock of another, or raise. `watch` is in no
    transaction: within one, PostgreSQL shows the same activity for ever."""
    deadline, found = time.monotonic() + 2, -1
    while found != count and time.monotonic() < deadline:
        time.sleep(0.01)
        ((found,),) = watch.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and usename = 'app_role'"
            " and cardinality(pg_blocking_pids(pid)) > 0"
        ).fetchall()
    assert found == count


def test_a_removal_waits_for_a_strategy_that_is_being_bound_to_the_account(
    postgres_store: PostgresStore, another: Callable[[], Database]
) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    second = stores.add_account(user)
    strategies, accounts = PostgresStrategies(another()), PostgresNamedAccounts(another())

    with ThreadPoolExecutor(2) as threads, postgres_store.owner() as owner, postgres_store.owner() as watch:
        # given a strategy that is bound to the account, and whose COMMIT waits for the user's audit chain
        with owner.transaction():
            owner.execute("select from audit_heads where user_id = %s for update", (user.user_id,))
            binds = threads.submit(strategies.add, bound_to(user, second))
            wait_for_waiters(watch, 1)
            # when the account is removed: by what has been committed, there is no strategy in it
            removes = threads.submit(accounts.remove, user.user_id, second, MOMENT)
            wait_for_waiters(watch, 2)

        # then the strategy is found all the same
        assert binds.exception() is None
        assert isinstance(removes.exception(), BrokerAccountInUse)
    assert stores.named_accounts.get(user.user_id, second)


@pytest.mark.parametrize("_", range(5))
def test_a_default_that_is_switched_while_a_strategy_is_stored_moves_nothing(
    postgres_store: PostgresStore, another: Callable[[], Database], _: int
) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    second, first = stores.add_account(user), first_account_of(user.user_id)
    adds = PostgresStrategies(another())
    one, other = (PostgresNamedAccounts(another()) for _ in range(2))

    ends = at_once(
        lambda: adds.add(bound_to(user, first)),
        lambda: one.change(user.user_id, second, name=None, make_default=True, now=MOMENT),
        lambda: other.change(user.user_id, first, name="My own", make_default=True, now=MOMENT),
    )

    assert ends == ["done"] * 3
    assert [strategy.account_id for strategy in stores.strategies.list_for(user.user_id)] == [first]
    assert [is_default for _, is_default in names(stores, user)].count(True) == 1


@pytest.mark.parametrize("_", range(5))
def test_keys_do_not_outlive_an_account_that_is_removed_while_they_are_stored(
    postgres_store: PostgresStore, another: Callable[[], Database], _: int
) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    second = stores.add_account(user)
    connects = PostgresBrokerAccounts(another())
    removes = PostgresNamedAccounts(another())

    at_once(
        lambda: connects.save(replace(make_account(user), account_id=second)),
        lambda: removes.remove(user.user_id, second, MOMENT),
    )

    assert names(stores, user) == [(FIRST_NAME, True)]
    assert stores.broker_accounts.find(user.user_id, second) is None
