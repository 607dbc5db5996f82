"""What is said of a deployment that does not answer, or that nobody watches."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk.environments import ENVIRONMENTS
from cdk.publish_app import NotDeployed
from cdk.smoke import find_problems, wait_for_health
from tests.unit.cdk.test_publish_app import OUTPUTS
from tests.unit.cdk.test_publish_app import Cloud as Stacks

DEV = ENVIRONMENTS["dev"]
API = "https://a1.execute-api.ap-south-1.amazonaws.com/api/v1/account"
APP = "https://d111.cloudfront.net"


class Cloud(Stacks):
    """Deployed, with the alarm of alarms in the state that a test says."""

    state: str | None = "OK"
    """Of the alarm that trading is unsafe; None: it is not there."""

    def describe_alarms(self, *, AlarmNames: list[str], AlarmTypes: list[str]) -> dict[str, Any]:  # noqa: N803 - AWS's
        assert (AlarmNames, AlarmTypes) == (["algotrading-dev-trading-is-unsafe"], ["CompositeAlarm"])
        return {
            "CompositeAlarms": [] if self.state is None else [{"StateValue": self.state, "StateReason": "AllBlind"}]
        }


class Web:
    """Answers by URL; the API as the product does."""

    def __init__(self, **answers: tuple[int, bytes]) -> None:
        refusal = json.dumps({"error": "TOKEN_INVALID", "message": "log in"}).encode()
        self.answers = {API: (401, refusal), APP: (200, b"<!doctype html><html>")} | answers
        self.headers: dict[str, dict[str, str]] = {}

    def __call__(self, url: str, headers: dict[str, str]) -> tuple[int, bytes]:
        self.headers[url] = headers
        return self.answers[url]


def problems(cloud: Cloud, web: Web) -> list[str]:
    return list(find_problems(DEV, aws=cloud, fetch=web))


def test_a_deployment_that_answers_and_is_watched_is_well() -> None:
    web = Web()

    assert problems(Cloud(), web) == []
    assert web.headers[API] == {"Authorization": "Bearer nobody"}


@pytest.mark.parametrize(
    "answer",
    [(0, b"timed out"), (500, b"{}"), (401, b'{"message":"Unauthorized"}'), (200, b'{"error":"TOKEN_INVALID"}')],
    ids=["away", "broken", "the gateway's own words", "lets anybody in"],
)
def test_an_api_that_does_not_answer_as_the_product_does_is_not_well(answer: tuple[int, bytes]) -> None:
    [problem] = problems(Cloud(), Web(**{API: answer}))

    assert problem.startswith(f"the API answers {answer[0]}")


@pytest.mark.parametrize("answer", [(403, b"<html>AccessDenied"), (200, b"")])
def test_an_app_without_its_page_is_not_well(answer: tuple[int, bytes]) -> None:
    assert problems(Cloud(), Web(**{APP: answer})) == [f"the app's page answers {answer[0]}"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("ALARM", "is ALARM: AllBlind"),
        ("INSUFFICIENT_DATA", "is INSUFFICIENT_DATA"),
        (None, "there is no alarm algotrading-dev-trading-is-unsafe"),
    ],
)
def test_unsafe_trading_is_told_and_so_is_that_nobody_would_say_so(state: str | None, words: str) -> None:
    cloud = Cloud()
    cloud.state = state

    [problem] = problems(cloud, Web())

    assert words in problem


def test_what_is_not_deployed_cannot_be_asked() -> None:
    with pytest.raises(NotDeployed):
        problems(Cloud(outputs={"algotrading-dev-web": OUTPUTS["algotrading-dev-web"]}), Web())


def test_a_new_version_is_given_time_to_warm_up_and_no_more() -> None:
    answers = iter([["cold"], ["cold"], []])
    slept: list[float] = []

    assert wait_for_health(lambda: next(answers), patience=60, sleep=slept.append) == []
    assert len(slept) == 2
    assert wait_for_health(lambda: ["away"], patience=60, sleep=slept.append) == ["away"]
    assert sum(slept[2:]) == 60
