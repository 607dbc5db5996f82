"""What is said of a deployment that does not answer, or that nobody watches."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from cdk import smoke
from cdk.environments import ENVIRONMENTS, ApiDomain, ClientCertificates
from cdk.publish_app import NotDeployed
from cdk.smoke import Answer, Problem, find_problems, own_certificate, report, wait_for_health
from tests.unit.adapters.test_web import sign
from tests.unit.cdk.test_publish_app import OUTPUTS
from tests.unit.cdk.test_publish_app import Cloud as Stacks

DEV = ENVIRONMENTS["dev"]
APIS = "https://a1.execute-api.ap-south-1.amazonaws.com"
API = f"{APIS}/api/v1/account"
APP = "https://d111.cloudfront.net"
REFUSAL = json.dumps({"error": "TOKEN_INVALID", "message": "log in"}).encode()
PAGE = f"""<!doctype html><html><head><meta content="connect-src 'self' {APIS}">""".encode()


CLIENTS = ClientCertificates(
    truststore="s3://bucket-of-trust/authorities.pem",
    truststore_version="v1",
    canary_secret_arn="arn:aws:secretsmanager:ap-south-1:111122223333:secret:canary",
)
ASKING = ApiDomain(name="api.trader.in", certificate_arn="arn:aws:acm:ap-south-1:1:certificate/a", clients=CLIENTS)


class Cloud(Stacks):
    """Deployed, with the alarm of alarms in the state that a test says."""

    state: str | None = "OK"
    """Of the alarm that trading is unsafe; None: it is not there."""

    on: Sequence[str] = ()
    """Names of the alarms that are on."""

    def describe_alarms(self, *, AlarmTypes: list[str], **asked: Any) -> dict[str, Any]:  # noqa: N803 - AWS's
        if AlarmTypes == ["MetricAlarm"]:
            assert asked == {"AlarmNamePrefix": "algotrading-dev-", "StateValue": "ALARM"}
            began = datetime(2026, 11, 27, 3, 30, tzinfo=UTC)
            return {"MetricAlarms": [{"AlarmName": name, "StateUpdatedTimestamp": began} for name in self.on]}
        assert (AlarmTypes, asked) == (["CompositeAlarm"], {"AlarmNames": ["algotrading-dev-trading-is-unsafe"]})
        return {
            "CompositeAlarms": [] if self.state is None else [{"StateValue": self.state, "StateReason": "AllBlind"}]
        }


class Web:
    """Answers by URL; the API as the product does."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = {API: Answer(401, REFUSAL, APP), APP: Answer(200, PAGE)} | answers
        self.headers: dict[str, dict[str, str]] = {}

    def __call__(self, url: str, headers: dict[str, str]) -> Answer:
        self.headers[url] = headers
        return self.answers[url]


def found(cloud: Cloud, web: Web) -> list[Problem]:
    return list(find_problems(DEV, aws=cloud, fetch=web))


def problems(cloud: Cloud, web: Web) -> list[str]:
    return [each.words for each in found(cloud, web)]


def test_a_deployment_that_answers_and_is_watched_is_well() -> None:
    web = Web()

    assert problems(Cloud(), web) == []
    assert web.headers[API] == {"Authorization": "Bearer nobody", "Origin": APP}


@pytest.mark.parametrize(
    "answer",
    [(0, b"timed out"), (500, b"{}"), (401, b'{"message":"Unauthorized"}'), (200, b'{"error":"TOKEN_INVALID"}')],
    ids=["away", "broken", "the gateway's own words", "lets anybody in"],
)
def test_an_api_that_does_not_answer_as_the_product_does_is_not_well(answer: tuple[int, bytes]) -> None:
    [problem] = problems(Cloud(), Web(**{API: Answer(*answer, allows=APP)}))

    assert problem.startswith(f"the API answers {answer[0]}")


@pytest.mark.parametrize("allows", [None, "http://localhost:8081"])
def test_an_api_that_the_apps_pages_may_not_read_is_not_well(allows: str | None) -> None:
    [problem] = problems(Cloud(), Web(**{API: Answer(401, REFUSAL, allows)}))

    assert problem == f"the API lets pages of {allows or 'nowhere'} call it, and the app is at {APP}"


def test_where_browsers_are_turned_away_no_origin_is_missed() -> None:
    asking = replace(DEV, api_domain=ASKING, web_origins=())
    web = Web(**{API: Answer(401, REFUSAL)})

    assert list(find_problems(asking, aws=Cloud(), fetch=web)) == []


def test_a_page_that_may_call_whomever_it_likes_is_not_well() -> None:
    loose = Answer(200, b"<!doctype html><html><head>")

    [problem] = problems(Cloud(), Web(**{APP: loose}))

    assert problem == f"the app's page does not say that it calls {APIS} alone: run `make publish-app`"


@pytest.mark.parametrize("answer", [(403, b"<html>AccessDenied"), (200, b"")])
def test_an_app_without_its_page_is_not_well(answer: tuple[int, bytes]) -> None:
    assert problems(Cloud(), Web(**{APP: Answer(*answer)})) == [f"the app's page answers {answer[0]}"]


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


def test_what_was_found_is_said_and_what_nobody_could_find_out_is_not_called_unwell() -> None:
    def broken() -> list[Problem]:
        raise NoCredentialsError

    def missing() -> list[Problem]:
        raise NotDeployed("the stack is not there")

    looks: dict[str, Callable[[], list[Problem]]] = {
        "dev answers, and is watched": list,
        "dev is not well": lambda: [slow("api")],
        "whether dev is well is not known": broken,
        "the stack is not there": missing,
    }
    codes = []
    for words, look in looks.items():
        said: list[str] = []
        codes.append(report(ENVIRONMENTS["dev"], look, said.append))
        assert words in said
        assert ("dev is not well" in said) == (codes[-1] == 1)

    assert codes == [0, 1, 2, 2]


def slow(about: str, patience: float = 300) -> Problem:
    return Problem(about, f"{about} is not there", patience)


class Days:
    """What is found at each look, the last of it for ever."""

    def __init__(self, *looks: list[Problem]) -> None:
        self.looks = list(looks)
        self.slept = 0.0

    def find(self) -> list[Problem]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def wait(self) -> list[Problem]:
        return wait_for_health(self.find, sleep=self.sleep)


def test_a_new_version_is_given_time_to_warm_up_and_no_more() -> None:
    warm, never = Days([slow("api")], [slow("api")], []), Days([slow("api")])

    assert (warm.wait(), warm.slept) == ([], 30)
    assert (never.wait(), never.slept) == ([slow("api")], 300)


def test_an_alarm_of_the_version_before_may_clear_for_a_quarter_of_an_hour_and_no_longer() -> None:
    alarm = slow("alarm", 900)
    clears, stays = Days(*[[alarm]] * 40, []), Days([alarm])

    assert (clears.wait(), clears.slept) == ([], 600)
    assert (stays.wait(), stays.slept) == ([alarm], 900)


def test_an_api_that_is_away_is_not_waited_for_because_an_alarm_is_on() -> None:
    both = [slow("api"), slow("alarm", 900)]
    days = Days(both)

    assert (days.wait(), days.slept) == (both, 300)


def test_what_comes_while_an_alarm_is_waited_for_has_its_own_patience() -> None:
    alarm = slow("alarm", 900)
    days = Days(*[[alarm]] * 30, [alarm, slow("api")], [alarm], [])

    assert days.wait() == []


def test_what_comes_and_goes_is_not_waited_for_for_ever() -> None:
    days = Days(*[[slow("api")], [slow("app")]] * 200)

    assert days.wait()
    assert days.slept == 1800


def test_whoever_waits_is_told_what_for() -> None:
    said: list[str] = []

    wait_for_health(Days([slow("api")], []).find, sleep=lambda _: None, say=said.append)

    assert said == ["waiting, 0 s so far: api is not there"]


def test_the_alarms_that_are_on_are_named_with_when_they_began() -> None:
    cloud = Cloud()
    cloud.state = "ALARM"
    cloud.on = ["algotrading-dev-all-blind"]

    [problem] = found(cloud, Web())

    assert "on are all-blind since 2026-11-27 03:30:00 UTC" in problem.words
    assert problem.patience == 900


def test_an_alarm_that_is_not_there_does_not_come_by_waiting() -> None:
    cloud = Cloud()
    cloud.state = None

    assert [each.patience for each in found(cloud, Web())] == [300]


def test_where_callers_are_asked_for_certificates_the_canarys_is_shown() -> None:
    asking = replace(ENVIRONMENTS["prod"], api_domain=ASKING)
    mine = sign("canary")[2]
    asked: list[str] = []

    class Secrets:
        def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - AWS's
            asked.append(SecretId)
            return {"SecretString": json.dumps({"certificate": mine.certificate, "key": mine.key})}

    assert own_certificate(asking, Secrets) is not None
    assert asked == [CLIENTS.canary_secret_arn]
    assert own_certificate(ENVIRONMENTS["prod"], lambda: pytest.fail("a secret was asked for")) is None


@pytest.fixture
def server() -> Iterator[str]:
    """Answers 401, or 200 to `/page`, and lets pages of the origin that asks read it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/page" else 401)
            self.send_header("Access-Control-Allow-Origin", self.headers["Origin"])
            self.send_header("Content-Length", "4")
            self.end_headers()
            self.wfile.write(b"body")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


@pytest.mark.parametrize(("path", "status"), [("page", 200), ("refused", 401)])
def test_of_an_answer_the_origin_that_may_read_it_is_kept(server: str, path: str, status: int) -> None:
    assert smoke._fetch(f"{server}/{path}", {"Origin": APP}, None) == Answer(status, b"body", APP)


def test_an_answer_that_breaks_off_is_a_finding_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_asked: object, **_more: object) -> None:
        raise http.client.IncompleteRead(b"<ht")

    monkeypatch.setattr(urllib.request, "urlopen", broken)

    assert smoke._fetch("https://api.example.com", {}, None).status == 0
