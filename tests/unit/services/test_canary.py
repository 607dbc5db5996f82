"""What the canary believes, and what it tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from algotrading.contracts.api_routes import API_ROUTES
from algotrading.services.canary import QUESTIONS, Canary
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryMeter
from tests.fakes.trading_world import OPENING

REFUSED = (401, json.dumps({"error": "TOKEN_INVALID", "message": "log in"}).encode())


class Web:
    """Answers each path, half a second later."""

    def __init__(self, clock: VirtualClock, **answers: tuple[int, bytes]) -> None:
        self.clock = clock
        self.answers = answers
        self.asked: list[tuple[str, str]] = []

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> tuple[int, bytes]:
        assert headers
        self.asked.append((method, url))
        self.clock.sleep(0.5)
        return self.answers.get(url.rsplit("/", 1)[1], REFUSED)


def look(**answers: tuple[int, bytes]) -> tuple[list[str], MemoryMeter, Web]:
    clock, meter = VirtualClock(OPENING), MemoryMeter()
    web = Web(clock, **answers)
    return list(Canary("https://api.example.com/", web, clock, meter).look()), meter, web


def test_an_api_that_refuses_in_the_products_words_is_well() -> None:
    wrong, meter, web = look()

    assert wrong == []
    assert meter.counts == {"ApiAnswers": 1}
    assert meter.durations == {"ApiAnswerTime": [500.0, 500.0]}
    assert web.asked == [
        ("POST", "https://api.example.com/api/v1/auth/refresh"),
        ("GET", "https://api.example.com/api/v1/strategy"),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        (0, b"timed out"),
        (503, b'{"error":"DATABASE_UNAVAILABLE"}'),
        (401, b'{"message":"Unauthorized"}'),
        (200, b'{"error":"TOKEN_INVALID"}'),
        (401, b"\xff<html>"),
        (401, b"[]"),
    ],
    ids=["away", "no database", "the gateway's own words", "lets anybody in", "no text", "no object"],
)
@pytest.mark.parametrize("path", ["refresh", "strategy"])
def test_any_other_answer_to_either_question_is_wrong(path: str, answer: tuple[int, bytes]) -> None:
    wrong, meter, web = look(**{path: answer})

    assert len(wrong) == 1
    assert f"/{path} answers {answer[0]}" in wrong[0]
    assert meter.counts == {"ApiAnswers": 0}
    assert len(web.asked) == 2


def test_the_questions_are_asked_of_two_functions_one_of_them_behind_the_authorizer() -> None:
    routes: list[Any] = [
        route
        for question in QUESTIONS
        for route in API_ROUTES
        if (route.method, route.path) == (question.method, question.path)
    ]

    assert [(route.function, route.is_open) for route in routes] == [("auth", True), ("strategy", False)]
