"""ports.BrokerAccounts tells whose login the broker refuses: once for each token, and only where it matters."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from algotrading.domain.accounts import User, first_account_of
from algotrading.domain.cycle import CycleState
from algotrading.domain.effects import Decision
from algotrading.domain.events import EntryMissed
from algotrading.domain.notifications import InboxNotice
from algotrading.domain.strategy import StrategyStatus
from tests.contract.ports.conftest import Stores
from tests.contract.ports.test_accounts import make_account
from tests.fakes.examples import MOMENT, TRADING_DAY, make_strategy

LATER = MOMENT + timedelta(hours=1)


@pytest.fixture
def user(stores: Stores) -> User:
    user = stores.add_user()
    stores.broker_accounts.save(make_account(user))
    return user


def refuse(stores: Stores, user: User, account_id: UUID | None = None, token_at: datetime = MOMENT) -> None:
    account_id = account_id or first_account_of(user.user_id)
    stores.broker_accounts.mark_refused(user.user_id, account_id, token_at=token_at, now=LATER)


def told(stores: Stores, user: User) -> list[InboxNotice]:
    return list(stores.notifications.inbox(user.user_id, limit=9, before=None))


def test_the_owner_of_a_running_strategy_is_told(stores: Stores, user: User) -> None:
    stores.add_strategy(user)
    other = stores.add_user()

    refuse(stores, user)

    (notice,) = told(stores, user)
    assert (notice.kind, notice.created_at, notice.strategy_id) == ("login_refused", LATER, None)
    assert "does not take the login any more" in notice.text
    assert "Nothing is bought" in notice.text
    assert "Log in to the broker now" in notice.text
    assert told(stores, other) == []
    claimed = stores.outbox.claim(user.user_id, LATER, lease=timedelta(seconds=30))
    assert claimed is not None
    assert claimed.text == notice.text


def test_so_is_whoever_holds_something_of_a_stopped_strategy(stores: Stores, user: User) -> None:
    strategy = stores.add_strategy(user, status=StrategyStatus.STOPPED)
    cycle = stores.ledger.take(strategy, TRADING_DAY)
    held = Decision(replace(cycle, state=CycleState.LONG))
    stores.ledger.save(held, event=EntryMissed(MOMENT, "for the example"), now=MOMENT)

    refuse(stores, user)

    assert [each.kind for each in told(stores, user)] == ["login_refused"]


@pytest.mark.parametrize("status", [StrategyStatus.CREATED, StrategyStatus.STOPPED])
def test_nobody_is_told_where_nothing_runs_and_nothing_is_open(
    stores: Stores, user: User, status: StrategyStatus
) -> None:
    strategy = stores.add_strategy(user, status=status)
    stores.ledger.take(strategy, TRADING_DAY)
    stores.add_strategy(stores.add_user())

    refuse(stores, user)

    assert told(stores, user) == []


def test_once_for_each_token(stores: Stores, user: User) -> None:
    stores.add_strategy(user)
    first = first_account_of(user.user_id)

    # heard twice; taken after all, and refused again
    refuse(stores, user)
    refuse(stores, user)
    stores.broker_accounts.mark_taken(user.user_id, first, token_at=MOMENT, now=LATER)
    refuse(stores, user)
    assert len(told(stores, user)) == 1

    # a token that is not the one that is stored is nothing to be told of; the next one is
    refuse(stores, user, token_at=LATER)
    assert len(told(stores, user)) == 1
    stores.broker_accounts.save(replace(make_account(user), token_at=LATER))
    refuse(stores, user)
    assert len(told(stores, user)) == 1
    refuse(stores, user, token_at=LATER)
    assert len(told(stores, user)) == 2


def test_where_there_are_several_accounts_it_says_which_and_looks_at_that_alone(stores: Stores, user: User) -> None:
    second = stores.add_account(user)
    stores.broker_accounts.save(replace(make_account(user), account_id=second, broker_user_id="AB9999"))
    stores.strategies.add(replace(make_strategy(user.user_id, status=StrategyStatus.RUNNING), account_id=second))

    refuse(stores, user)
    assert told(stores, user) == []

    refuse(stores, user, second)
    (notice,) = told(stores, user)
    assert "the login in the account of the family any more" in notice.text
    assert "Log in to the broker in the account of the family now" in notice.text
