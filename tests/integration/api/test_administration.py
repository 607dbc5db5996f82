"""The deployment's staff through the deployed handlers, on real parts: from the first administrator on."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from typing import Any

import pytest

from algotrading.domain.second_factor import STEP_SECONDS
from algotrading.services.second_factor import digits_of
from tests.integration.api.deployment import Deployment
from tests.integration.api.people import PASSWORD, register, register_with_email
from tests.integration.api.test_the_functions_together import plan
from tests.stores import PostgresStore


@dataclass
class Boss:
    """The first administrator. Deeds take recovery codes: digits of the phone are good once in thirty seconds."""

    deployment: Deployment
    email: str
    user_id: str
    codes: list[str]
    token: str = ""

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """A request of his."""
        return self.deployment.call(method, path, body, self.token)

    def do(self, path: str, **body: Any) -> tuple[int, Any]:
        """A deed of his."""
        return self.ask("POST", path, {**body, "code": self.codes.pop()})


@pytest.fixture(scope="module")
def boss(deployment: Deployment) -> Boss:
    email, token = register_with_email(deployment)
    user_id = deployment.call("GET", "/account", None, token)[1]["user_id"]
    action = {"action": "grant_role", "email": email, "role": "admin", "by": "ops@example.com"}
    assert deployment.operate(action)["error"] == "CONFLICT", "no second factor"

    begun = deployment.call("POST", "/auth/second-factor", {"password": PASSWORD}, token)[1]
    secret = base64.b32decode(begun["secret"])
    shown = {"code": digits_of(secret, int(time.time()) // STEP_SECONDS)}
    codes = deployment.call("POST", "/auth/second-factor/confirm", shown, token)[1]["recovery_codes"]
    assert deployment.operate(action) == {"user_id": user_id, "role": "admin", "status": "granted"}

    boss = Boss(deployment, email, user_id, codes, token)
    assert boss.ask("GET", "/admin/users")[1]["error"] == "SECOND_FACTOR_REQUIRED", "that login showed no code"
    login = {"email": email, "password": "good-old-horse", "code": boss.codes.pop()}
    boss.token = deployment.call("POST", "/auth/login", login)[1]["token"]
    return boss


def test_an_administrator_finds_users_and_sees_how_one_stands(deployment: Deployment, boss: Boss) -> None:
    token = register(deployment)
    strategy_id = deployment.call("POST", "/strategy/create", plan(), token)[1]["strategy_id"]
    user_id = deployment.call("GET", "/account", None, token)[1]["user_id"]

    status, listed = boss.ask("GET", "/admin/users")
    assert status == 200, listed
    assert {user_id, boss.user_id} <= {each["user_id"] for each in listed["users"]}
    status, state = boss.ask("GET", f"/admin/users/{user_id}")

    assert (status, state["strategies"], state["logins"]) == (200, 1, 1)
    assert strategy_id not in str(state)


def test_a_lock_counts_in_every_function_from_the_next_request_on(deployment: Deployment, boss: Boss) -> None:
    token = register(deployment)
    user_id = deployment.call("GET", "/account", None, token)[1]["user_id"]
    doors = ("/account", "/broker", "/strategy", "/notifications")
    assert [deployment.call("GET", path, None, token)[0] for path in doors] == [200] * 4

    assert boss.do(f"/admin/users/{user_id}/lock", reason="a phone was stolen")[0] == 200

    refused = [deployment.call("GET", path, None, token) for path in doors]
    assert [(status, answer["error"]) for status, answer in refused] == [(403, "ACCOUNT_LOCKED")] * 4
    assert boss.do(f"/admin/users/{user_id}/unlock")[0] == 200
    # Its logins have ended, and their tokens with them.
    assert [deployment.call("GET", path, None, token)[0] for path in doors] == [401] * 4


def test_a_wrong_code_does_nothing(deployment: Deployment, boss: Boss) -> None:
    status, answer = boss.ask("POST", "/admin/kill", {"reason": "x", "code": "00000-00000"})

    assert (status, answer["error"]) == (401, "CREDENTIALS_INVALID")
    assert deployment.operate({"action": "status"})["is_locked"] is False


def test_everybody_is_stopped_and_the_operator_sees_the_same_switch(deployment: Deployment, boss: Boss) -> None:
    token = register(deployment)

    status, killed = boss.do("/admin/kill", reason="exchange trouble")

    assert (status, killed["is_locked"]) == (200, True), killed
    assert deployment.operate({"action": "status"})["reason"] == "exchange trouble"
    seen = deployment.call("GET", "/risk/profile", None, token)[1]["kill_switch"]["operator"]
    assert seen["by"] == "an administrator"
    assert boss.ask("GET", "/admin/health")[1]["lock"]["reason"] == "exchange trouble"

    assert boss.do("/admin/release")[1]["is_locked"] is False
    assert deployment.operate({"action": "status"})["is_locked"] is False


def test_health_asks_the_real_parts(deployment: Deployment, boss: Boss) -> None:
    status, health = boss.ask("GET", "/admin/health")

    assert status == 200, health
    assert (health["database"]["is_up"], health["redis"]["is_up"]) == (True, True)
    assert {each["name"] for each in health["queues"]} == {"orders.fifo", "orders-priority.fifo", "mails", "notices"}
    assert health["users"] >= 2


def test_what_the_staff_did_is_in_the_deployments_chain_and_that_is_whole(
    deployment: Deployment, boss: Boss, postgres_module_store: PostgresStore
) -> None:
    boss.ask("GET", "/admin/health")

    with postgres_module_store.owner() as owner:
        rows = owner.execute(
            "select record from audit_log where kind = 'staff_acted' and user_id = %s order by seq desc",
            ("00000000-0000-0000-0000-000000000000",),
        ).fetchall()
    assert boss.user_id in rows[0][0]
    assert "GET /api/v1/admin/health" in rows[0][0]
