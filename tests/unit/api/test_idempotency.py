"""A command under an Idempotency-Key is done once, whatever becomes of its answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from algotrading.domain.errors import DatabaseUnavailable
from algotrading.services.kill_switch import KillSwitch
from algotrading.services.manage_strategy import StrategyManager
from tests.fakes.kept_answers import MemoryKeptAnswers
from tests.unit.api.world import PLAN, Answer, ApiWorld


def create(world: ApiWorld, token: str, key: str = "key-1", **changes: Any) -> Answer:
    body = {**PLAN, **changes}
    return world.call("POST", "/strategy/create", body, token=token, headers={"Idempotency-Key": key})


def test_a_repetition_gets_the_first_answer_and_does_nothing(world: ApiWorld) -> None:
    token = world.register()

    first, second, quoted = create(world, token), create(world, token), create(world, token, '"key-1"')

    assert (first.status, first.headers.get("Idempotency-Replayed")) == (201, None)
    assert [(each.status, each.body) for each in (second, quoted)] == [(201, first.body)] * 2
    assert second.headers["Idempotency-Replayed"] == "true"
    assert second.headers["Content-Type"] == first.headers["Content-Type"]
    assert len(world.database.strategies) == 1


def test_without_a_key_or_under_another_it_is_another_command(world: ApiWorld) -> None:
    token = world.register()

    create(world, token)
    create(world, token, "key-2")
    world.create(token)

    assert len(world.database.strategies) == 3


def test_a_key_stands_for_one_body_at_one_path(world: ApiWorld) -> None:
    token = world.register()
    create(world, token)

    other_body = create(world, token, quantity=11)
    other_path = world.call("POST", "/risk/kill", PLAN, token=token, headers={"Idempotency-Key": "key-1"})

    assert [(each.status, each.error) for each in (other_body, other_path)] == [(422, "IDEMPOTENCY_KEY_REUSED")] * 2
    assert len(world.database.strategies) == 1
    assert world.database.kill_locks == {}


def test_each_user_has_keys_of_his_own(world: ApiWorld) -> None:
    first = create(world, world.register())
    second = create(world, world.register("other@example.com"))

    assert first.body["strategy_id"] != second.body["strategy_id"]
    assert "Idempotency-Replayed" not in second.headers


def test_a_refusal_is_kept_too(world: ApiWorld) -> None:
    # Else a copy of the request that comes late would do what its sender was told is not done.
    token = world.register()
    refused = create(world, token, quantity=0)

    again = create(world, token, quantity=0)

    assert (again.status, again.body) == (refused.status, refused.body)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_after_a_day_a_key_is_new(world: ApiWorld) -> None:
    token = world.register()
    create(world, token)
    world.clock.sleep_until(world.clock.now() + timedelta(hours=24))
    (user_id,) = world.database.users

    create(world, world.token_for(user_id))

    assert len(world.database.strategies) == 2


def test_one_under_way_says_so_and_one_that_broke_off_too(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    # given a process that dies after its work, before its answer is kept
    token = world.register()
    monkeypatch.setattr(MemoryKeptAnswers, "finish", lambda *_: None)
    create(world, token)

    # when the client asks again at once, and after a minute
    at_once = create(world, token)
    world.clock.sleep_until(world.clock.now() + timedelta(seconds=60))
    later = create(world, token)

    # then it is told what is known, and nothing is done twice
    assert (at_once.status, at_once.error) == (409, "IDEMPOTENCY_KEY_IN_USE")
    assert at_once.headers["Retry-After"] == "1"
    assert (later.status, later.error) == (409, "IDEMPOTENCY_OUTCOME_UNKNOWN")
    assert len(world.database.strategies) == 1


def test_what_was_done_is_told_though_its_answer_cannot_be_kept(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.register()

    def fail(*_: Any) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(MemoryKeptAnswers, "finish", fail)

    assert create(world, token).status == 201


def test_where_the_key_cannot_be_taken_nothing_is_done(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()

    def fail(*_: Any) -> None:
        raise DatabaseUnavailable("gone")

    monkeypatch.setattr(MemoryKeptAnswers, "begin", fail)
    answer = create(world, token)

    assert (answer.status, answer.error) == (503, "DATABASE_UNAVAILABLE")
    assert world.database.strategies == {}


def test_after_a_failure_of_our_own_nothing_is_tried_again(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()

    def fail(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    with monkeypatch.context() as patched:
        patched.setattr(StrategyManager, "create", fail)
        failed = create(world, token)
    again = create(world, token)

    assert failed.status == 500
    assert (again.status, again.error) == (409, "IDEMPOTENCY_OUTCOME_UNKNOWN")
    assert world.database.strategies == {}


def test_the_kill_switch_is_never_held_up_by_its_own_key(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()

    def kill() -> Answer:
        return world.call("POST", "/risk/kill", {}, token=token, headers={"Idempotency-Key": "key-1"})

    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("gone")

    # Given a first try that fails, and a second whose answer is lost with its process
    with monkeypatch.context() as patched:
        patched.setattr(KillSwitch, "kill", fail)
        assert kill().status == 503
    with monkeypatch.context() as patched:
        patched.setattr(MemoryKeptAnswers, "finish", lambda *_: None)
        assert kill().status == 200

    # Then each further one is done, until an answer is kept
    assert kill().status == 200
    assert list(world.database.kill_locks)


@pytest.mark.parametrize("is_open", [True, False], ids=["open", "answered"])
def test_what_may_be_done_again_is_not_done_with_another_body(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch, is_open: bool
) -> None:
    # Given two strategies that run, and a stop of the one, whose answer is lost with its process or is not
    token, first = world.running_trader()
    second = world.create(token, symbol="INFY")
    assert world.start(token, second).status == 200

    def stop(strategy_id: str) -> Answer:
        body, headers = {"strategy_id": strategy_id}, {"Idempotency-Key": "key-1"}
        return world.call("POST", "/strategy/stop", body, token=token, headers=headers)

    with monkeypatch.context() as patched:
        if is_open:
            patched.setattr(MemoryKeptAnswers, "finish", lambda *_: None)
        assert stop(first).status == 200

    # When its key comes with the other one
    other = stop(second)

    # Then that goes on
    assert (other.status, other.error) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert world.call("GET", f"/strategy/{second}", token=token).body["status"] == "running"


def test_a_stop_that_was_answered_is_not_done_again_for_a_late_copy(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()
    headers = {"Idempotency-Key": "key-1"}
    stop = {"strategy_id": strategy_id}
    assert world.call("POST", "/strategy/stop", stop, token=token, headers=headers).status == 200
    world.start(token, strategy_id)

    copy = world.call("POST", "/strategy/stop", stop, token=token, headers=headers)

    assert copy.headers["Idempotency-Replayed"] == "true"
    assert world.call("GET", f"/strategy/{strategy_id}", token=token).body["status"] == "running"


@pytest.mark.parametrize("key", ["", "a b", "ß", "x" * 129, '"', '""', '"a', "a\n"])
def test_what_is_no_key_is_refused(world: ApiWorld, key: str) -> None:
    answer = create(world, world.register(), key)

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")
    assert world.database.strategies == {}
    assert world.database.kept_answers == {}


def test_nobodys_key_keeps_nothing(world: ApiWorld) -> None:
    answer = world.call("POST", "/strategy/create", PLAN, token="forged", headers={"Idempotency-Key": "key"})

    assert answer.error == "TOKEN_INVALID"
    assert world.database.kept_answers == {}
