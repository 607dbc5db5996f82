"""A login at the broker that comes back after its connection was changed or removed: while the broker was asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from algotrading.domain.accounts import BrokerCredentials
from tests.fakes.broker import MemoryBrokers
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


def test_a_login_that_nothing_came_between_connects(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()
    keys = world.connect(token)

    answer = come_back_while(world, token, keys, lambda: None, monkeypatch)

    assert answer.status == 200
    assert world.call("GET", "/broker", token=token).body["status"] == "connected"
