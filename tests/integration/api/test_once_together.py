"""POSTs under one Idempotency-Key through the deployed handlers, on real parts: two at once, and one answer lost."""

from __future__ import annotations

import base64
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

from algotrading.domain.second_factor import STEP_SECONDS
from algotrading.services.second_factor import digits_of
from tests.integration.api.deployment import Deployment, load_handler
from tests.integration.api.people import PASSWORD, register
from tests.integration.api.test_administration import Boss, boss
from tests.stores import PostgresStore

__all__ = ["boss"]


def of_key(store: PostgresStore, key: str) -> list[dict[str, Any]]:
    """What is stored under a key, of whomever."""
    with store.owner() as connection:
        return [row for (row,) in connection.execute("select to_jsonb(k) from kept_answers k where key = %s", (key,))]


def test_of_two_at_once_one_is_done(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch, postgres_module_store: PostgresStore
) -> None:
    # Given a second environment of the function, with a connection of its own
    monkeypatch.setenv("DATABASE_SECRET_ARN", "app_role")
    second = replace(deployment, handlers={**deployment.handlers, "auth": load_handler("auth")})
    token, together = register(deployment), Barrier(2)

    for _ in range(5):
        key, name = uuid4().hex, uuid4().hex

        def invite(environment: Deployment, key: str = key, name: str = name) -> tuple[int, Any]:
            together.wait()
            return environment.call("POST", "/account/viewers", {"name": name}, token, key=key)

        # When the same request comes to both at once
        with ThreadPoolExecutor(2) as pool:
            answers = sorted(pool.map(invite, (deployment, second)), key=lambda each: each[0])

        # Then one invites, and the other is told that it is under way, or done
        (status, done), (again, told) = answers
        assert (status, again) == (201, 409), answers
        assert told["error"] in {"IDEMPOTENCY_KEY_IN_USE", "IDEMPOTENCY_ANSWER_NOT_KEPT"}
        listed = deployment.call("GET", "/account/viewers", None, token)[1]["viewers"]
        assert [each["grant_id"] for each in listed if each["name"] == name] == [done["grant_id"]]
        assert done["invitation"] not in str(of_key(postgres_module_store, key))


def test_recovery_codes_whose_answer_was_lost_are_not_kept_and_there_is_a_way_to_others(
    deployment: Deployment, postgres_module_store: PostgresStore
) -> None:
    token, key = register(deployment), uuid4().hex
    asked = {"password": PASSWORD}
    secret = base64.b32decode(deployment.call("POST", "/auth/second-factor", asked, token, key=f"{key}-1")[1]["secret"])
    shown = {"code": digits_of(secret, int(time.time()) // STEP_SECONDS)}
    status, lost = deployment.call("POST", "/auth/second-factor/confirm", shown, token, key=key)
    assert status == 200, lost

    status, told = deployment.call("POST", "/auth/second-factor/confirm", shown, token, key=key)

    assert (status, told["error"]) == (409, "IDEMPOTENCY_ANSWER_NOT_KEPT")
    assert "POST /auth/second-factor/remove" in told["message"]
    (kept,) = of_key(postgres_module_store, key)
    assert not [code for code in lost["recovery_codes"] if code in str(kept)]
    removing = {"code": lost["recovery_codes"][0]}
    assert deployment.call("POST", "/auth/second-factor/remove", removing, token, key=f"{key}-2")[0] == 200
    assert deployment.call("POST", "/auth/second-factor", asked, token, key=f"{key}-3")[0] == 201


def test_a_deed_of_the_staff_is_done_once_and_another_users_same_key_is_his_own(
    deployment: Deployment, boss: Boss
) -> None:
    token, key = register(deployment), uuid4().hex
    user_id = deployment.call("GET", "/account", None, token)[1]["user_id"]
    lock = {"reason": "a phone was stolen", "code": boss.codes.pop()}
    path = f"/admin/users/{user_id}/lock"

    first, again = (deployment.call("POST", path, lock, boss.token, key=key) for _ in range(2))

    # Its code is good once: done again, it would be refused.
    assert first == again == (200, {"user_id": user_id, "status": "locked"})
    assert deployment.call("POST", path, {**lock, "reason": "another"}, boss.token, key=key)[0] == 422
    other = deployment.call("POST", "/notifications/read", {}, register(deployment), key=key)
    assert other == (200, {"read": 0})
