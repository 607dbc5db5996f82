"""A program with a key, through the deployed handlers and on real parts."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest

from algotrading.domain.second_factor import STEP_SECONDS
from algotrading.services.second_factor import digits_of
from tests.integration.api.deployment import Deployment
from tests.integration.api.people import PASSWORD, register
from tests.integration.api.test_the_functions_together import plan
from tests.stores import PostgresStore


@pytest.fixture(scope="module")
def owner(deployment: Deployment) -> tuple[str, list[str]]:
    """A trader with a second factor: token, and recovery codes."""
    token = register(deployment)
    begun = deployment.call("POST", "/auth/second-factor", {"password": PASSWORD}, token)[1]
    secret = base64.b32decode(begun["secret"])
    shown = {"code": digits_of(secret, int(time.time()) // STEP_SECONDS)}
    codes = deployment.call("POST", "/auth/second-factor/confirm", shown, token)[1]["recovery_codes"]
    return token, codes


def make_key(deployment: Deployment, owner: tuple[str, list[str]], *scopes: str) -> dict[str, Any]:
    token, codes = owner
    body = {"name": "my script", "scopes": list(scopes), "code": codes.pop()}
    status, answer = deployment.call("POST", "/account/keys", body, token)
    assert status == 201, answer
    made: dict[str, Any] = answer
    return made


def test_a_program_trades_within_its_scopes_in_every_function(
    deployment: Deployment, owner: tuple[str, list[str]]
) -> None:
    key = make_key(deployment, owner, "read", "strategies:write")["key"]

    status, made = deployment.call("POST", "/strategy/create", plan(), key, key="once")
    again = deployment.call("POST", "/strategy/create", plan(), key, key="once")

    assert status == 201, made
    assert again == (201, made), "an Idempotency-Key is its owner's, whoever asks in the owner's name"
    assert deployment.call("GET", f"/strategy/{made['strategy_id']}", None, key)[0] == 200
    assert deployment.call("GET", "/notifications", None, key)[0] == 200
    for method, path in (("GET", "/broker"), ("GET", "/account"), ("POST", "/risk/kill"), ("GET", "/admin/users")):
        status, answer = deployment.call(method, path, None, key)
        assert (status, answer["error"]) == (403, "ACCESS_DENIED"), path


def test_a_revoked_key_is_out_at_once_and_nothing_that_opens_is_stored(
    deployment: Deployment, owner: tuple[str, list[str]], postgres_module_store: PostgresStore
) -> None:
    made = make_key(deployment, owner, "read")
    assert deployment.call("GET", "/strategy", None, made["key"])[0] == 200
    with postgres_module_store.owner() as connection:
        rows = connection.execute("select to_jsonb(k)::text from api_keys k").fetchall()
    assert "last_used_at" in rows[0][0]
    assert not [row for (row,) in rows if made["key"][40:100] in row]

    deployment.call("DELETE", f"/account/keys/{made['key_id']}", None, owner[0])

    status, answer = deployment.call("GET", "/strategy", None, made["key"])
    assert (status, answer["error"]) == (401, "TOKEN_INVALID")
