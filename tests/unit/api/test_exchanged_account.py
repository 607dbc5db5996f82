"""A broker login that comes back from another broker account than was connected takes a code of the second factor."""

from __future__ import annotations

import pytest

from algotrading.domain.accounts import BrokerCredentials
from algotrading.domain.logins import CODE_IS_FRESH
from tests.unit.api.test_broker import JSON, come_back, state_of
from tests.unit.api.test_second_factor import PATH, log_in, shown, switch_on
from tests.unit.api.world import Answer, ApiWorld


class Trader:
    """A trader with a second factor and a connected broker account, whose login showed a code long ago."""

    def __init__(self, world: ApiWorld) -> None:
        self.world = world
        self.token, self.secret, _ = switch_on(world)
        self.keys: BrokerCredentials = world.connect(self.token)
        self.known = self.broker_user()
        world.clock.sleep(CODE_IS_FRESH.total_seconds() + 1)

    def broker_user(self) -> object:
        return self.world.call("GET", "/broker", token=self.token).body["broker_user_id"]

    def show_code(self) -> Answer:
        return self.world.call("POST", f"{PATH}/verify", {"code": shown(self.world, self.secret)}, token=self.token)

    def login_url(self) -> str:
        return str(self.world.call("GET", "/broker/login", token=self.token).body["login_url"])

    def come_back_as(self, broker_user_id: object, login_url: str) -> Answer:
        """The return from the broker, where whoever `broker_user_id` is has logged in under the same app."""
        self.world.exchange.account_of(self.keys.api_key).broker_user_id = str(broker_user_id)
        request_token = self.world.exchange.issue_request_token(self.keys.api_key)
        return come_back(self.world, JSON, request_token=request_token, state=state_of(login_url))


@pytest.fixture
def trader(world: ApiWorld) -> Trader:
    return Trader(world)


def test_another_broker_account_is_not_put_in_the_place_of_the_one_that_was_connected(trader: Trader) -> None:
    login_url = trader.login_url()
    before = trader.world.snapshot()

    answer = trader.come_back_as("THIEF1", login_url)

    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_DIFFERS")
    assert str(trader.known) in answer.body["message"]
    assert "code" in answer.body["message"]
    assert trader.world.snapshot() == before


def test_nor_where_it_was_disconnected_and_its_keys_are_back(trader: Trader) -> None:
    # given keys that were stored anew with a code, which nobody has logged in with since
    assert trader.world.call("DELETE", "/broker", token=trader.token).status == 200
    assert trader.show_code().status == 200
    keys = {"api_key": trader.keys.api_key, "api_secret": trader.keys.api_secret}
    assert trader.world.call("POST", "/broker/connect", keys, token=trader.token).status == 200
    trader.world.clock.sleep(CODE_IS_FRESH.total_seconds() + 1)

    answer = trader.come_back_as("THIEF1", trader.login_url())

    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_DIFFERS")
    assert trader.broker_user() is None
    assert trader.come_back_as(trader.known, trader.login_url()).status == 200


def test_the_daily_login_of_the_same_one_asks_for_no_code(trader: Trader) -> None:
    answer = trader.come_back_as(trader.known, trader.login_url())

    assert (answer.status, answer.body["broker_user_id"]) == (200, trader.known)


def test_with_a_code_of_this_login_another_one_is_connected(trader: Trader) -> None:
    # given a code that another login of the same trader showed: it counts for that one alone
    login_url = trader.login_url()
    assert log_in(trader.world, code=shown(trader.world, trader.secret)).status == 200
    assert trader.come_back_as("HUF001", login_url).status == 409

    trader.world.clock.sleep(30)
    assert trader.show_code().status == 200
    answer = trader.come_back_as("HUF001", login_url)

    assert (answer.status, answer.body["broker_user_id"]) == (200, "HUF001")


def test_who_has_no_second_factor_is_asked_for_none(world: ApiWorld) -> None:
    token = world.register()
    keys = world.connect(token)
    world.exchange.account_of(keys.api_key).broker_user_id = "HUF001"

    login_url = world.call("GET", "/broker/login", token=token).body["login_url"]
    request_token = world.exchange.issue_request_token(keys.api_key)
    answer = come_back(world, JSON, request_token=request_token, state=state_of(login_url))

    assert (answer.status, answer.body["broker_user_id"]) == (200, "HUF001")
