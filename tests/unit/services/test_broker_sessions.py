"""A trader's broker session: opened, kept over a wait, and opened anew where its owner logged in meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time, timedelta

import pytest

from algotrading.adapters.postgres.egress_routes import DeployedRoute
from algotrading.domain.accounts import BrokerCredentials, first_account_of
from algotrading.domain.errors import BrokerAuthFailed
from algotrading.domain.policy import Policy
from algotrading.domain.sessions import instant_of
from algotrading.services.broker_sessions import BrokerSessions
from algotrading.services.paced_broker import Pacing
from tests.fakes.broker import MemoryBroker, MemoryBrokers
from tests.fakes.examples import TRADING_DAY
from tests.fakes.trading_world import TradingWorld


class Watched(MemoryBrokers):
    """Notes through what each session was connected."""

    def __init__(self, world: TradingWorld) -> None:
        super().__init__(world.exchange)
        self.proxies: list[tuple[str, ...]] = []

    def connect(self, credentials: BrokerCredentials, proxies: Sequence[str] = ()) -> MemoryBroker:
        self.proxies.append(tuple(proxies))
        return super().connect(credentials, proxies)


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


@pytest.fixture
def brokers(world: TradingWorld) -> Watched:
    return Watched(world)


@pytest.fixture
def sessions(world: TradingWorld, brokers: Watched) -> BrokerSessions:
    pacing = Pacing(world.runtime, world.clock, world.meter, Policy().rates)
    return BrokerSessions(world.accounts, world.vault, brokers, world.clock, pacing)


def test_a_session_goes_on_over_a_wait(world: TradingWorld, sessions: BrokerSessions, brokers: Watched) -> None:
    opened = sessions.open(world.user_id, first_account_of(world.user_id))
    world.clock.sleep(120)

    assert sessions.renew(world.user_id, first_account_of(world.user_id), opened) is opened
    assert len(brokers.proxies) == 1


def test_a_login_during_the_wait_opens_a_new_one(
    world: TradingWorld, sessions: BrokerSessions, brokers: Watched
) -> None:
    opened = sessions.open(world.user_id, first_account_of(world.user_id))
    world.clock.sleep(120)
    world.renew_broker_token()

    assert sessions.renew(world.user_id, first_account_of(world.user_id), opened) is not opened
    assert len(brokers.proxies) == 2


def test_a_login_after_there_was_none_opens_one(world: TradingWorld, sessions: BrokerSessions) -> None:
    assert sessions.renew(world.user_id, first_account_of(world.user_id), None).token_at == world.clock.now()


def test_a_session_that_died_during_the_wait_is_not_gone_on_with(world: TradingWorld, sessions: BrokerSessions) -> None:
    # Given a session of the night, whose token dies at six
    world.log_in_again(instant_of(TRADING_DAY + timedelta(days=1), time(5, 59)))
    opened = sessions.open(world.user_id, first_account_of(world.user_id))

    world.clock.sleep(60)

    with pytest.raises(BrokerAuthFailed, match="log in to the broker again"):
        sessions.renew(world.user_id, first_account_of(world.user_id), opened)


def test_a_disconnected_account_has_none(world: TradingWorld, sessions: BrokerSessions) -> None:
    opened = sessions.open(world.user_id, first_account_of(world.user_id))
    world.accounts.remove(world.user_id, now=world.clock.now())

    with pytest.raises(BrokerAuthFailed, match="no broker account is connected"):
        sessions.renew(world.user_id, first_account_of(world.user_id), opened)


def test_a_session_leaves_by_the_way_that_its_account_holds(
    world: TradingWorld, sessions: BrokerSessions, brokers: Watched
) -> None:
    proxies = ("10.0.1.1:3128", "10.0.2.1:3128")
    world.database.deploy_routes((DeployedRoute(name="pair", addresses=("13.200.1.1", "13.200.1.2"), proxies=proxies),))
    world.accounts.claim_egress(world.user_id)

    sessions.open(world.user_id, first_account_of(world.user_id))

    assert brokers.proxies == [proxies]
