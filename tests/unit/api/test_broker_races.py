"""A login at the broker that comes back after its connection was changed or removed: while the broker was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from algotrading.domain.accounts import BrokerCredentials
from algotrading.services.accounts import API_AUDIENCE
from tests.fakes.accounts import MemoryBrokerAccounts
from tests.fakes.broker import MemoryBrokers
from tests.fakes.cloud import MemoryVault
from tests.unit.api.test_broker import JSON, come_back, state_of
from tests.unit.api.world import Answer, ApiWorld


def come_back_while(
    world: ApiWorld, token: str, keys: BrokerCredentials, meanwhile: Callable[[], object], patch: pytest.MonkeyPatch
) -> Answer:
    """The broker's login ends, and something else happens before the broker has answered for it."""
    state = state_of(world.call("GET", "/broker/login", token=token).body["login_url"])
    exchange = MemoryBrokers.exchange

    def late(brokers: MemoryBrokers, *asked: Any) -> Any:
        patch.undo()
        meanwhile()
        return exchange(brokers, *asked)

    patch.setattr(MemoryBrokers, "exchange", late)
    return come_back(world, JSON, request_token=world.exchange.issue_request_token(keys.api_key), state=state)


def test_a_connection_that_was_forgotten_meanwhile_stays_so(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()
    keys = world.connect(token)

    def forget() -> None:
        services = world._broker().connections
        services.disconnect(services.account_of(world.user_of(token), None))

    answer = come_back_while(world, token, keys, forget, monkeypatch)

    assert (answer.status, answer.error) == (401, "TOKEN_INVALID")
    assert "disconnected" in answer.body["message"]
    assert world.database.broker_accounts == {}


def test_keys_that_were_replaced_meanwhile_stay(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()
    keys, newer = world.connect(token), world.exchange.open_account()

    def replace_keys() -> None:
        world._broker().connections.connect(world.user_of(token), newer, None)

    answer = come_back_while(world, token, keys, replace_keys, monkeypatch)

    assert (answer.status, answer.error) == (401, "TOKEN_INVALID")
    shown = world.call("GET", "/broker", token=token).body
    assert (shown["status"], shown["broker_user_id"]) == (
        "connected",
        world.exchange.account_of(newer.api_key).broker_user_id,
    )


def _log_in_again(world: ApiWorld, token: str, keys: BrokerCredentials) -> None:
    """Another login at the broker, which comes back at once: by the service, as the door is in a request."""
    login, connections = world.tokens.read(token, audience=API_AUDIENCE), world._broker().connections
    state = state_of(connections.login_url(login.user_id, login.device_id))
    connections.complete_login(state, world.exchange.issue_request_token(keys.api_key))


def _is_stored_token_alive(world: ApiWorld, keys: BrokerCredentials) -> bool:
    (stored,) = world.database.broker_accounts.values()
    assert stored.access_token is not None
    kept = MemoryVault().unseal(stored.user_id, {"access_token": stored.access_token})["access_token"]
    return kept == world.exchange.account_of(keys.api_key).access_token


def test_of_two_logins_at_once_the_one_is_kept_that_the_broker_knows(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a login that is stored while the broker makes a later one, which ends the first one's session there
    token = world.register()
    keys = world.connect(token)

    answer = come_back_while(world, token, keys, lambda: _log_in_again(world, token, keys), monkeypatch)

    # Then the later one is kept, and its owner need not log in once more
    assert answer.status == 200
    assert _is_stored_token_alive(world, keys)


def test_a_login_whose_session_the_broker_has_ended_takes_no_living_ones_place(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a login that the broker has vouched for
    token = world.register()
    keys = world.connect(token)
    save = MemoryBrokerAccounts.save

    def late(accounts: MemoryBrokerAccounts, *account: Any, **over: Any) -> None:
        monkeypatch.undo()
        _log_in_again(world, token, keys)
        save(accounts, *account, **over)

    # When a later one is stored before it
    state = state_of(world.call("GET", "/broker/login", token=token).body["login_url"])
    monkeypatch.setattr(MemoryBrokerAccounts, "save", late)
    answer = come_back(world, JSON, request_token=world.exchange.issue_request_token(keys.api_key), state=state)

    # Then that one stays
    assert (answer.status, answer.error) == (400, "BROKER_AUTH_FAILED")
    assert _is_stored_token_alive(world, keys)


def test_a_login_that_nothing_came_between_connects(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()
    keys = world.connect(token)

    answer = come_back_while(world, token, keys, lambda: None, monkeypatch)

    assert answer.status == 200
    assert world.call("GET", "/broker", token=token).body["status"] == "connected"
