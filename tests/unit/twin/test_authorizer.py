"""The authorizer's word is asked for once per token and time to live, and never without a token."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from twin.authorizer import FAILED, FORBIDDEN, UNAUTHORIZED, Authorizer, Verdict
from twin.lambda_runtime import Function, InvocationResult
from twin.wiring import AuthorizerSpec

SPEC = AuthorizerSpec("api/Authorizer", "authorizer", cache_seconds=60, identity_headers=("authorization",))


@dataclass
class AnsweringFunction:
    """Gives the same answer to every event and remembers the events."""

    answer: Any
    is_error: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)

    async def invoke(self, payload: bytes) -> InvocationResult:
        self.events.append(json.loads(payload))
        return InvocationResult(json.dumps(self.answer).encode(), self.is_error, 1.0)


@dataclass
class Hand:
    """A clock that is set by hand."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def authorizer(function: AnsweringFunction, clock: Hand | None = None) -> Authorizer:
    return Authorizer(SPEC, cast("Function", function), clock or Hand())


def request(token: str) -> dict[str, Any]:
    return {"headers": {"authorization": token}, "rawPath": "/x"}


async def test_an_allowed_caller_passes_with_the_context() -> None:
    function = AnsweringFunction({"isAuthorized": True, "context": {"user_id": "u1"}})

    assert await authorizer(function).check(request("Bearer a")) == {"user_id": "u1"}
    assert function.events[0]["identitySource"] == ["Bearer a"]


async def test_the_answer_is_remembered_per_token_until_it_is_too_old() -> None:
    function = AnsweringFunction({"isAuthorized": True})
    clock = Hand()
    asked = authorizer(function, clock)

    for token, at in [("a", 0.0), ("a", 59.9), ("b", 59.9), ("a", 60.1)]:
        clock.seconds = at
        await asked.check(request(token))

    assert [event["identitySource"] for event in function.events] == [["a"], ["b"], ["a"]]


async def test_a_request_without_token_is_refused_without_asking() -> None:
    function = AnsweringFunction({"isAuthorized": True})

    assert await authorizer(function).check({"headers": {}}) == UNAUTHORIZED
    assert function.events == []


@pytest.mark.parametrize(
    ("answer", "is_error", "verdict"),
    [
        pytest.param({"isAuthorized": False}, False, FORBIDDEN, id="denied"),
        pytest.param({"errorMessage": "Unauthorized"}, True, UNAUTHORIZED, id="raised Unauthorized"),
        pytest.param({"errorMessage": "boom"}, True, FAILED, id="raised something else"),
        pytest.param({"policy": "allow"}, False, FAILED, id="no simple response"),
    ],
)
async def test_a_refusal_has_the_gateways_words(answer: Any, is_error: bool, verdict: Verdict) -> None:
    function = AnsweringFunction(answer, is_error)

    assert await authorizer(function).check(request("a")) == verdict
