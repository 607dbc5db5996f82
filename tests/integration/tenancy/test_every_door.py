"""Every route of the API as a stranger and as nobody, through the deployed handlers and real stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest

from algotrading.contracts.api_access import ACCESS
from algotrading.contracts.api_routes import API_ROUTES, ApiRoute
from algotrading.domain.roles import Role
from exchange_simulator.threaded import ThreadedExchange
from tests.integration.api.conftest import deployment, exchange
from tests.integration.api.deployment import Deployment
from tests.integration.api.people import register
from tests.integration.api.test_the_functions_together import connect, plan
from tests.integration.tenancy.trader import rows_of
from tests.stores import PostgresStore

__all__ = ["deployment", "exchange"]

GUARDED = tuple(route for route in API_ROUTES if not route.is_open)
OF_AN_OBJECT = {
    "POST /api/v1/strategy/start",
    "POST /api/v1/strategy/stop",
    "POST /api/v1/strategy/square-off",
}
"""Routes that name their object in the body. All others that name one do it in the path."""
BODIES: dict[str, Any] = {
    "POST /api/v1/broker/connect": {"api_key": "forged", "api_secret": "forged"},
    "POST /api/v1/broker/accounts": {"name": "forged"},
    "PUT /api/v1/broker/accounts/{id}": {"name": "forged", "is_default": True},
    "POST /api/v1/strategy/create": plan(),
    "PUT /api/v1/strategy/{id}": plan(quantity=77),
    "PUT /api/v1/risk/profile": {"open_strategies": 1},
    "POST /api/v1/risk/kill": {"reason": "forged"},
    "POST /api/v1/risk/release": {},
}
BODIES |= {
    "POST /api/v1/auth/password": {"old_password": "wrong-horse", "new_password": "better-horse"},
    "POST /api/v1/account/delete": {"password": "wrong-horse"},
    "POST /api/v1/account/keys": {"name": "forged", "scopes": ["read"], "code": "123456"},
    "POST /api/v1/account/viewers": {"name": "forged"},
    "POST /api/v1/account/shared/accept": {"invitation": f"{'0' * 32}.{'x' * 43}"},
    "PUT /api/v1/notifications/preferences": {"kinds": {"bought": []}},
    "PUT /api/v1/notifications/webhook": {"url": "https://forged.example.com"},
    "PUT /api/v1/notifications/telegram": {"chat_id": "666"},
    "POST /api/v1/notifications/telegram/confirm": {"code": "forged"},
    "PUT /api/v1/notifications/sms": {"number": "+919876543210"},
    "POST /api/v1/notifications/sms/confirm": {"code": "123456"},
    "PUT /api/v1/notifications/push/{id}": {"token": "ExponentPushToken[forged]"},
}
BODIES |= {
    "POST /api/v1/admin/users/{id}/lock": {"reason": "forged", "code": "123456"},
    "POST /api/v1/admin/users/{id}/unlock": {"code": "123456"},
    "POST /api/v1/admin/users/{id}/roles": {"role": "admin", "code": "123456"},
    "POST /api/v1/admin/users/{id}/roles/withdraw": {"role": "admin", "code": "123456"},
    "POST /api/v1/admin/kill": {"reason": "forged", "code": "123456"},
    "POST /api/v1/admin/release": {"code": "123456"},
}
BODIES["POST /api/v1/auth/second-factor"] = {"password": "good-old-horse"}
BODIES |= {f"POST /api/v1/auth/second-factor/{what}": {"code": "123456"} for what in ("confirm", "remove")}
QUERIES = {"GET /api/v1/instruments": {"query": "TCS"}}


def key_of(route: ApiRoute) -> str:
    """As API Gateway names a route."""
    return f"{route.method} {route.path}"


@dataclass(frozen=True, slots=True)
class Victim:
    """A connected trader with a strategy, a limit, and a kill switch that was used."""

    user_id: Any
    token: str
    strategy_id: str
    account_id: str
    """His second broker account."""
    api_key: str

    @property
    def words(self) -> tuple[str, ...]:
        """What is in an answer if something of his is."""
        return (
            str(self.user_id),
            self.strategy_id,
            self.account_id,
            "of his family",
            self.api_key,
            "a reason of his own",
            "hooks.of-his-own.in",
            "424242",
        )


@pytest.fixture(scope="module")
def victim(deployment: Deployment, exchange: ThreadedExchange) -> Iterator[Victim]:
    token = register(deployment)
    connect(deployment, exchange, token)
    strategy_id = deployment.call("POST", "/strategy/create", plan(), token)[1]["strategy_id"]
    deployment.call("PUT", "/risk/profile", {"daily_loss_limit": 54321, "open_strategies": 9}, token)
    deployment.call("POST", "/risk/kill", {"reason": "a reason of his own"}, token)
    deployment.call("POST", "/risk/release", {}, token)
    deployment.call("PUT", "/notifications/webhook", {"url": "https://hooks.of-his-own.in/x"}, token)
    deployment.call("PUT", "/notifications/telegram", {"chat_id": "424242"}, token)
    deployment.call("PUT", "/notifications/preferences", {"kinds": {"killed": ["telegram"]}}, token)
    assert deployment.call("POST", "/strategy/start", {"strategy_id": strategy_id}, token)[0] == 200
    user_id = deployment.call("GET", "/account", None, token)[1]["user_id"]
    api_key = deployment.call("GET", "/broker", None, token)[1]["api_key"]
    opened = deployment.call("POST", "/broker/accounts", {"name": "of his family"}, token)
    assert opened[0] == 201, opened
    yield Victim(user_id, token, strategy_id, opened[1]["account_id"], api_key)
    deployment.call("POST", "/strategy/stop", {"strategy_id": strategy_id}, token)


def ask(
    deployment: Deployment, route: ApiRoute, victim: Victim, token: str | None, account: str | None = None
) -> tuple[int, Any]:
    """The route with the victim's identifiers wherever it takes one, and in the header where `account` says so."""
    key = key_of(route)
    is_of_account = route.path.startswith("/api/v1/broker/accounts/")
    path = route.path.replace("{id}", victim.account_id if is_of_account else victim.strategy_id)
    path = path.removeprefix("/api/v1")
    body = {"strategy_id": victim.strategy_id} if key in OF_AN_OBJECT else BODIES.get(key)
    return deployment.call(route.method, path, body, token, QUERIES.get(key), account=account)


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
@pytest.mark.parametrize("token", [None, "", "nonsense", "e30.e30.e30"])
def test_nobody_is_let_in(
    deployment: Deployment, postgres_module_store: PostgresStore, victim: Victim, route: ApiRoute, token: str | None
) -> None:
    before = rows_of(postgres_module_store, victim.user_id)

    status, answer = ask(deployment, route, victim, token)

    assert (status, answer["error"]) == (401, "TOKEN_INVALID")
    assert rows_of(postgres_module_store, victim.user_id) == before


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_a_stranger_meets_nothing_of_another_trader(
    deployment: Deployment, postgres_module_store: PostgresStore, victim: Victim, route: ApiRoute
) -> None:
    stranger = register(deployment)
    before = rows_of(postgres_module_store, victim.user_id)
    schedules = deployment.schedules()

    status, answer = ask(deployment, route, victim, stranger)

    names_an_object = "{id}" in route.path or key_of(route) in OF_AN_OBJECT
    if Role.TRADER not in ACCESS[route.key].roles:
        assert (status, answer["error"]) == (403, "ACCESS_DENIED")
    elif names_an_object:
        assert (status, answer["error"]) == (404, "NOT_FOUND")
    assert not [word for word in victim.words if word in json.dumps(answer)]
    assert rows_of(postgres_module_store, victim.user_id) == before
    assert {name: at for name, at in deployment.schedules().items() if victim.strategy_id in name} == {
        name: at for name, at in schedules.items() if victim.strategy_id in name
    }


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_what_is_another_traders_and_what_nobody_has_are_told_apart_by_nothing(
    deployment: Deployment, victim: Victim, route: ApiRoute
) -> None:
    if "{id}" not in route.path and key_of(route) not in OF_AN_OBJECT:
        return
    stranger = register(deployment)
    unknown = replace(victim, strategy_id=str(uuid4()), account_id=str(uuid4()))

    assert ask(deployment, route, victim, stranger) == ask(deployment, route, unknown, stranger)


def test_a_notice_of_another_trader_is_not_marked_by_its_number(
    deployment: Deployment, postgres_module_store: PostgresStore, victim: Victim
) -> None:
    notices = deployment.call("GET", "/notifications", None, victim.token)[1]["notices"]
    before = rows_of(postgres_module_store, victim.user_id)

    status, answer = deployment.call(
        "POST", "/notifications/read", {"notice_ids": [each["notice_id"] for each in notices]}, register(deployment)
    )

    assert {each["kind"] for each in notices} >= {"released", "killed"}
    assert (status, answer) == (200, {"read": 0})
    assert rows_of(postgres_module_store, victim.user_id) == before


OF_ONE_ACCOUNT = [
    ("GET", "/broker", None),
    ("DELETE", "/broker", None),
    ("GET", "/broker/login", None),
    ("GET", "/broker/book", None),
    ("POST", "/broker/connect", {"api_key": "forged", "api_secret": "forged"}),
]
"""Requests that may name a broker account beside the caller's default."""


@pytest.mark.parametrize(("method", "path", "body"), OF_ONE_ACCOUNT)
def test_a_broker_account_of_another_trader_is_nothing_to_whoever_names_it(
    deployment: Deployment,
    postgres_module_store: PostgresStore,
    victim: Victim,
    method: str,
    path: str,
    body: dict[str, str] | None,
) -> None:
    stranger = register(deployment)
    before = rows_of(postgres_module_store, victim.user_id)

    def naming(account_id: str) -> tuple[int, Any]:
        named = {"account_id": account_id}
        if body is None:
            return deployment.call(method, path, None, stranger, named)
        return deployment.call(method, path, {**body, **named}, stranger)

    status, answer = naming(victim.account_id)

    assert (status, answer["error"]) == (404, "NOT_FOUND")
    assert (status, answer) == naming(str(uuid4()))
    assert rows_of(postgres_module_store, victim.user_id) == before


@pytest.fixture(scope="module")
def viewer(deployment: Deployment, victim: Victim) -> str:
    """Who reads the victim's account by his invitation."""
    token = register(deployment)
    invitation = deployment.call("POST", "/account/viewers", {"name": "accountant"}, victim.token)[1]["invitation"]
    assert deployment.call("POST", "/account/shared/accept", {"invitation": invitation}, token)[0] == 200
    return token


def without_trail(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Everything but the audit trail, which tells of each look."""
    return {name: found for name, found in rows.items() if not name.startswith("audit_")}


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_a_viewer_reads_what_the_table_says_and_stores_nothing(
    deployment: Deployment, postgres_module_store: PostgresStore, victim: Victim, viewer: str, route: ApiRoute
) -> None:
    before = rows_of(postgres_module_store, victim.user_id)

    status, answer = ask(deployment, route, victim, viewer, str(victim.user_id))

    after = rows_of(postgres_module_store, victim.user_id)
    if Role.VIEWER in ACCESS[route.key].roles:
        assert status == 200, answer
        assert without_trail(after) == without_trail(before)
        assert len(after["audit_log"]) == len(before["audit_log"]) + 1
        [look] = [row for row in after["audit_log"] if row not in before["audit_log"]]
        assert "account_read" in str(look)
        assert route.key in str(look)
    else:
        assert (status, answer["error"]) == (403, "ACCESS_DENIED")
        assert after == before


@pytest.mark.parametrize("route", GUARDED, ids=key_of)
def test_a_stranger_who_names_the_account_of_another_gets_nothing_by_that(
    deployment: Deployment, postgres_module_store: PostgresStore, victim: Victim, route: ApiRoute
) -> None:
    before = rows_of(postgres_module_store, victim.user_id)

    status, answer = ask(deployment, route, victim, register(deployment), str(victim.user_id))

    assert (status, answer["error"]) == (403, "ACCESS_DENIED")
    assert rows_of(postgres_module_store, victim.user_id) == before


def test_a_viewer_sees_the_owners_strategies_and_not_his_own(
    deployment: Deployment, victim: Victim, viewer: str
) -> None:
    _, shown = deployment.call("GET", "/strategy", None, viewer, account=str(victim.user_id))
    _, own = deployment.call("GET", "/strategy", None, viewer)

    assert [each["strategy_id"] for each in shown["strategies"]] == [victim.strategy_id]
    assert own["strategies"] == []


def test_the_owner_is_let_in_where_the_others_were_not(deployment: Deployment, victim: Victim) -> None:
    # The refusals above would also come if the routes did not work at all.
    mine = [route for route in GUARDED if Role.TRADER in ACCESS[route.key].roles]
    reads = [route for route in mine if route.method == "GET" and route.path != "/api/v1/broker/book"]

    assert {key_of(route): ask(deployment, route, victim, victim.token)[0] for route in reads} == {
        key_of(route): 200 for route in reads
    }
