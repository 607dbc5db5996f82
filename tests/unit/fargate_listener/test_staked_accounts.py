"""Which accounts are worth a socket of their own."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID, uuid4

import pytest

from fargate_listener.counters import Counters
from fargate_listener.feed_account import Account
from fargate_listener.staked_accounts import READ_SECONDS, StakedAccounts


class World:
    """Traders, their logins, and a store that may be away."""

    def __init__(self) -> None:
        self.traders: set[UUID] = set()
        self.logins: set[Account] = set()
        self.heard: set[Account] = set()
        self.reads: list[frozenset[UUID]] = []
        self.is_away = False
        self.seconds = 0.0
        self.counters = Counters()
        self.accounts = StakedAccounts(
            traders=lambda: self.traders,
            read=self.read,
            heard=lambda: self.heard,
            counters=self.counters,
            monotonic=lambda: self.seconds,
        )

    def read(self, user_ids: Collection[UUID]) -> Collection[Account]:
        self.reads.append(frozenset(user_ids))
        if self.is_away:
            raise ConnectionError("the database is away")
        return [account for account in self.logins if account.user_id in user_ids]

    def trader(self, accounts: int) -> list[Account]:
        """A trader with something at stake, logged in to so many accounts."""
        user_id = uuid4()
        self.traders.add(user_id)
        held = [Account(user_id, uuid4()) for _ in range(accounts)]
        self.logins.update(held)
        return held

    async def wanted(self) -> set[Account]:
        return set(await self.accounts.wanted())


@pytest.fixture
def world() -> World:
    return World()


async def test_every_account_in_which_a_trader_is_logged_in_is_wanted(world: World) -> None:
    two, one = world.trader(2), world.trader(1)
    world.trader(0)

    assert await world.wanted() == {*two, *one}


async def test_what_another_socket_brings_is_not_wanted_and_the_same_traders_other_account_is(world: World) -> None:
    carries_prices, other = world.trader(2)
    world.heard.add(carries_prices)

    assert await world.wanted() == {other}


async def test_who_has_nothing_at_stake_is_not_asked_about(world: World) -> None:
    assert await world.wanted() == set()
    assert world.reads == []

    (mine,) = world.trader(1)
    assert await world.wanted() == {mine}
    world.traders.clear()
    assert await world.wanted() == set()


async def test_the_store_is_asked_once_a_minute_and_at_once_about_who_is_new(world: World) -> None:
    (first,) = world.trader(1)
    for _ in range(5):
        await world.wanted()
    assert len(world.reads) == 1

    # A new trader is looked up at once; an old one's new login within the minute.
    (second,) = world.trader(1)
    later = Account(first.user_id, uuid4())
    assert await world.wanted() == {first, second}
    world.logins.add(later)
    world.seconds += READ_SECONDS - 1
    assert await world.wanted() == {first, second}
    world.seconds += 1
    assert await world.wanted() == {first, second, later}
    assert len(world.reads) == 3


async def test_while_the_store_is_away_what_is_known_goes_on(world: World) -> None:
    (known,) = world.trader(1)
    await world.wanted()
    world.is_away = True
    (new,) = world.trader(1)

    assert await world.wanted() == {known}
    assert world.counters.failed_order_sockets == 1

    world.is_away = False
    assert await world.wanted() == {known, new}
