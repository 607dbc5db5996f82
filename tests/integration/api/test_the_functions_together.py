"""A trader's commands through the deployed handlers, on real parts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from algotrading.adapters.clock import SystemClock
from algotrading.domain.alarms import alarm_time
from algotrading.domain.sessions import IST
from algotrading.services.canary import Canary
from exchange_simulator.threaded import ThreadedExchange
from tests.fakes.cloud import MemoryMeter
from tests.integration.api.deployment import Deployment
from tests.integration.api.people import ask, confirm, log_in, mails, register


def connect(deployment: Deployment, exchange: ThreadedExchange, token: str) -> tuple[int, Any]:
    """Connect a broker account made for the trader."""
    app = exchange.run(lambda server: server.create_account(user_id=f"SIM{uuid4().int % 10**6:06d}"))
    keys = {"api_key": app.api_key, "api_secret": app.api_secret, "access_token": app.access_token}
    return deployment.call("POST", "/broker/connect", keys, token)


def plan(**changes: Any) -> dict[str, Any]:
    """A plan far from now: at noon or midnight, whichever is further."""
    hour = (datetime.now(UTC).astimezone(IST).hour + 10) % 20 + 1
    good = {"symbol": "TCS", "buy_time": f"{hour:02d}:30:00", "sell_time": f"{hour + 1:02d}:30:00"}
    return {**good, "stop_loss": 3500.05, "quantity": 10, **changes}


def test_a_command_that_comes_twice_under_one_key_is_done_once(deployment: Deployment) -> None:
    token, key = register(deployment), uuid4().hex

    first, again = (deployment.call("POST", "/strategy/create", plan(), token, key=key) for _ in range(2))
    status, other = deployment.call("POST", "/strategy/create", plan(quantity=11), token, key=key)

    assert first[0] == 201, first
    assert again == first
    assert (status, other["error"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    _, listed = deployment.call("GET", "/strategy", None, token)
    assert [strategy["strategy_id"] for strategy in listed["strategies"]] == [first[1]["strategy_id"]]


def test_a_strategy_from_registration_to_deletion(deployment: Deployment, exchange: ThreadedExchange) -> None:
    # Given a trader who has connected a broker
    token = register(deployment)
    assert connect(deployment, exchange, token)[1]["broker_valid"] is True

    # When a strategy is created and started
    status, created = deployment.call("POST", "/strategy/create", plan(), token)
    assert status == 201, created
    reference = {"strategy_id": created["strategy_id"]}
    status, started = deployment.call("POST", "/strategy/start", reference, token)
    assert (status, started | {"warnings": []}) == (200, {**reference, "status": "running", "warnings": []})
    # By the clock of the day, its first sale may be after 06:00 of tomorrow: then the login ends before it.
    assert all("the broker login ends at" in warning for warning in started["warnings"])

    # Then its two schedules exist, for the early alarms
    due = datetime.strptime(plan()["buy_time"], "%H:%M:%S").replace(tzinfo=IST).time()
    expression = deployment.schedules()[f"{created['strategy_id']}-BUY"]
    assert expression.startswith(f"cron({alarm_time(due).minute} {alarm_time(due).hour} ")
    assert len(deployment.schedules()) == 2

    # And it can be read in every way, exactly
    _, standing = deployment.call("GET", f"/strategy/status/{created['strategy_id']}", None, token)
    assert (standing["status"], standing["position"], standing["stop_loss"]) == ("running", "none", 3500.05)
    _, listed = deployment.call("GET", "/strategy", None, token)
    assert [strategy["strategy_id"] for strategy in listed["strategies"]] == [created["strategy_id"]]
    assert deployment.call("GET", f"/strategy/{created['strategy_id']}/orders", None, token)[1] == {
        "orders": [],
        "trades": [],
    }

    # And when it is stopped and deleted, nothing is left
    assert deployment.call("POST", "/strategy/stop", reference, token)[1]["status"] == "stopped"
    assert deployment.schedules() == {}
    assert deployment.call("DELETE", f"/strategy/{created['strategy_id']}", None, token)[0] == 200
    assert deployment.call("GET", f"/strategy/{created['strategy_id']}", None, token)[0] == 404

    # But its orders can still be read
    assert deployment.call("GET", f"/strategy/{created['strategy_id']}/orders", None, token)[0] == 200


def test_an_update_reaches_the_schedules(deployment: Deployment, exchange: ThreadedExchange) -> None:
    token = register(deployment)
    connect(deployment, exchange, token)
    _, created = deployment.call("POST", "/strategy/create", plan(), token)
    deployment.call("POST", "/strategy/start", {"strategy_id": created["strategy_id"]}, token)
    before = deployment.schedules()

    _, updated = deployment.call(
        "PUT", f"/strategy/{created['strategy_id']}", plan(sell_time="23:00:00", quantity=20), token
    )

    assert (updated["quantity"], updated["effective_sell_time"]) == (20, "23:00:00")
    after = deployment.schedules()
    assert after[f"{created['strategy_id']}-SELL"] != before[f"{created['strategy_id']}-SELL"]
    deployment.call("POST", "/strategy/stop", {"strategy_id": created["strategy_id"]}, token)


def test_a_strategy_due_within_the_alarms_window_is_queued_at_once(
    deployment: Deployment, exchange: ThreadedExchange
) -> None:
    # Given a strategy that is due three quarters of a minute from now
    token = register(deployment)
    connect(deployment, exchange, token)
    due = datetime.now(IST) + timedelta(seconds=45)
    times = {"buy_time": f"{due:%H:%M:%S}", "sell_time": "23:59:59"}
    _, created = deployment.call("POST", "/strategy/create", plan(**times), token)

    # When it is started
    deployment.call("POST", "/strategy/start", {"strategy_id": created["strategy_id"]}, token)

    # Then its BUY waits in the queue with its instant
    (message,) = deployment.messages("orders")
    assert (message["event"], message["strategy_id"]) == ("BUY", created["strategy_id"])
    assert datetime.fromisoformat(message["due"]) == due.replace(microsecond=0)

    # And stopping it orders the exit on the other lane
    deployment.call("POST", "/strategy/stop", {"strategy_id": created["strategy_id"]}, token)
    assert [message["event"] for message in deployment.messages("orders-priority")] == ["STOP"]


def test_row_level_security_and_code_agree_on_whose_strategy_it_is(
    deployment: Deployment, exchange: ThreadedExchange
) -> None:
    owner, stranger = register(deployment), register(deployment)
    connect(deployment, exchange, stranger)
    _, created = deployment.call("POST", "/strategy/create", plan(), owner)
    strategy_id = created["strategy_id"]

    answers = [
        deployment.call("GET", f"/strategy/{strategy_id}", None, stranger),
        deployment.call("GET", f"/strategy/status/{strategy_id}", None, stranger),
        deployment.call("GET", f"/strategy/{strategy_id}/orders", None, stranger),
        deployment.call("PUT", f"/strategy/{strategy_id}", plan(), stranger),
        deployment.call("DELETE", f"/strategy/{strategy_id}", None, stranger),
        deployment.call("POST", "/strategy/start", {"strategy_id": strategy_id}, stranger),
        deployment.call("POST", "/strategy/stop", {"strategy_id": strategy_id}, stranger),
    ]

    assert [(status, body["error"]) for status, body in answers] == [(404, "NOT_FOUND")] * len(answers)
    assert deployment.call("GET", f"/strategy/{strategy_id}", None, owner)[0] == 200


def test_two_strategies_that_would_meet_do_not_both_run(deployment: Deployment, exchange: ThreadedExchange) -> None:
    token = register(deployment)
    connect(deployment, exchange, token)
    ids = [deployment.call("POST", "/strategy/create", plan(), token)[1]["strategy_id"] for _ in range(2)]

    first, second = (deployment.call("POST", "/strategy/start", {"strategy_id": one}, token) for one in ids)

    assert first[0] == 200
    assert (second[0], second[1]["error"]) == (409, "STRATEGY_OVERLAP")
    deployment.call("POST", "/strategy/stop", {"strategy_id": ids[0]}, token)


def test_keys_that_the_broker_refuses_are_not_stored(deployment: Deployment) -> None:
    token = register(deployment)
    keys = {"api_key": "nosuchkey", "api_secret": "nosuchsecret", "access_token": "dead"}

    status, answer = deployment.call("POST", "/broker/connect", keys, token)

    assert (status, answer["error"]) == (400, "BROKER_AUTH_FAILED")
    assert deployment.call("GET", "/broker", None, token)[1]["status"] == "not_connected"


def test_limits_and_the_kill_switch_on_real_parts(deployment: Deployment, exchange: ThreadedExchange) -> None:
    # Given a trader with a strategy that is ready to start
    token = register(deployment)
    connect(deployment, exchange, token)
    reference = {"strategy_id": deployment.call("POST", "/strategy/create", plan(), token)[1]["strategy_id"]}
    limits = {"daily_loss_limit": 5000.5, "open_strategies": 3, "square_off_on_loss": True}
    status, profile = deployment.call("PUT", "/risk/profile", limits, token)
    assert (status, profile["limits"] | limits) == (200, profile["limits"])

    # When the switch is pressed
    status, killed = deployment.call("POST", "/risk/kill", {"reason": "enough"}, token)
    assert (status, killed["is_locked"], killed["flattening"]) == (200, True, 0)

    # Then nothing starts, no broker is claimed to have shown anything, and the limits are what they were
    assert deployment.call("POST", "/strategy/start", reference, token)[1]["error"] == "RISK_LOCKED"
    _, profile = deployment.call("GET", "/risk/profile", None, token)
    assert profile["kill_switch"]["own"]["reason"] == "enough"
    assert profile["kill_switch"]["verified_flat_at"] is None
    assert profile["kill_switch"]["nothing_placed_at"] is not None
    assert profile["limits"]["daily_loss_limit"] == 5000.5
    assert [event["kind"] for event in profile["events"]] == ["nothing_placed", "killed", "limits_changed"]

    # And once it is released, the strategy starts; there is nothing to square off yet
    assert deployment.call("POST", "/risk/release", {}, token) == (200, {"is_locked": False})
    assert deployment.call("POST", "/strategy/start", reference, token)[0] == 200
    assert deployment.call("POST", "/strategy/square-off", reference, token)[1]["error"] == "CONFLICT"


def test_an_email_has_one_account_and_nobody_is_told_so_but_its_owner(deployment: Deployment) -> None:
    # Given a trader, and a stranger who registers with the same address
    assert ask(deployment, "Same@Example.com") == (202, {"status": "asked"})
    first = confirm(deployment, "Same@Example.com")[1]
    assert ask(deployment, "same@example.COM", "a strangers passphrase") == (202, {"status": "asked"})

    # Then the owner is told, and the stranger is somebody with a wrong password
    assert [each.partition("\n")[0] for each in mails("Same@Example.com")] == [
        "Confirm your e-mail",
        "You have an account already",
    ]
    assert log_in(deployment, "same@example.com")[0] == 200
    known = log_in(deployment, "same@example.com", "a strangers passphrase")
    assert ask(deployment, "unopened@example.com", "a strangers passphrase")[0] == 202
    unopened = log_in(deployment, "unopened@example.com", "a strangers passphrase")
    assert known == unopened
    assert (known[0], known[1]["error"]) == (401, "CREDENTIALS_INVALID")
    token = log_in(deployment, "same@example.com")[1]["token"]
    account = deployment.call("GET", "/account", None, token)[1]
    assert (account["user_id"], account["email_verified"]) == (first["user_id"], True)


@pytest.mark.parametrize("query", ["T", "tata", "%", "_", "\\", "'; drop table users; --"])
def test_an_instrument_search_takes_any_text(deployment: Deployment, query: str) -> None:
    token = register(deployment)

    status, answer = deployment.call("GET", "/instruments", None, token, query={"query": query})

    assert status == 200
    assert len(answer["instruments"]) <= 1


def test_the_canary_believes_these_functions(deployment: Deployment) -> None:
    def ask(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
        """What API Gateway makes of a request."""
        token = headers.get("Authorization", "").removeprefix("Bearer ") or None
        path = url.removeprefix("https://api/api/v1")
        status, answer = deployment.call(method, path, None if body is None else json.loads(body), token)
        return status, json.dumps(answer).encode()

    assert Canary("https://api", ask, SystemClock(), MemoryMeter()).look() == []
