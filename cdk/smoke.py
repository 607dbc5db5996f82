"""`make smoke ENV=dev`: whether a deployment answers, and is watched; from outside, without an account.

Asks the API who is calling with a token that is none, as a page of the app would, and expects the product's own refusal
(which has come through the authorizer and a function) with leave for that page to read it; the app for its page, and
CloudWatch whether trading is unsafe. Tries again for as long as a new version may take to warm up, and longer where
only an alarm is still on: it may be of the version before.
"""

from __future__ import annotations

import argparse
import http.client
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from algotrading.adapters.web import showing_certificate
from cdk.environments import ENVIRONMENTS, REGION, Environment
from cdk.publish_app import NotDeployed, outputs_of

UNSAFE: Final = "trading-is-unsafe"
"""The alarm of `cdk/stacks/observability.py` that is on while money may not be looked after."""
_PATIENCE: Final = 300.0
_ALARM_PATIENCE: Final = 900.0
"""An alarm looks at three minutes that are over, and CloudWatch at some more of them where data come late (CloudWatch
documentation, evaluating an alarm); and a watcher of the new version needs its minutes."""
_LONGEST: Final = 1800.0
_PAUSE: Final = 15.0
_SHOWN: Final = 5
_ALLOWS: Final = "Access-Control-Allow-Origin"
_NOBODY: Final = {"Authorization": "Bearer nobody"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a URL answers; status 0 where none came, with the reason as its body."""

    status: int
    body: bytes
    allows: str | None = None
    """The origin whose pages may read it (Access-Control-Allow-Origin)."""


Fetch = Callable[[str, dict[str, str]], Answer]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is wrong now, and for how long it may be before that is a verdict."""

    about: str
    words: str
    patience: float = _PATIENCE
    """Seconds in a row."""


def find_problems(environment: Environment, *, aws: Callable[[str], Any], fetch: Fetch) -> Iterator[Problem]:
    """Everything that is wrong with a deployment now. `fetch` asks a URL, with headers.

    Raises:
        NotDeployed: there is none.
    """
    outputs = outputs_of(aws("cloudformation"), environment)
    api_url, app_url = (outputs[name].rstrip("/") for name in ("ApiUrl", "AppUrl"))
    yield from _api(environment, fetch(f"{api_url}/api/v1/account", {**_NOBODY, "Origin": app_url}), app_url)
    yield from _app(fetch(app_url, {}), api_url)
    yield from _alarms(environment, aws("cloudwatch"))


def _api(environment: Environment, answer: Answer, app_url: str) -> Iterator[Problem]:
    if (answer.status, _error_of(answer.body)) != (401, "TOKEN_INVALID"):
        told = f"the API answers {answer.status} where 401 TOKEN_INVALID was to come: {answer.body[:200]!r}"
        yield Problem("api", told)
    elif answer.allows != app_url and not environment.turns_browsers_away:
        yield Problem(
            "origin", f"the API lets pages of {answer.allows or 'nowhere'} call it, and the app is at {app_url}"
        )


def _app(answer: Answer, api_url: str) -> Iterator[Problem]:
    if answer.status != 200 or b"<html" not in answer.body:
        yield Problem("app", f"the app's page answers {answer.status}")
    elif f"connect-src 'self' {api_url}\"".encode() not in answer.body:
        yield Problem("app", f"the app's page does not say that it calls {api_url} alone: run `make publish-app`")


def _alarms(environment: Environment, cloudwatch: Any) -> Iterator[Problem]:
    prefix = f"algotrading-{environment.stage}-"
    name = f"{prefix}{UNSAFE}"
    found = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    if not found:
        yield Problem("alarm", f"there is no alarm {name}")
        return
    state = found[0]["StateValue"]
    if state == "OK":
        return
    words = f"{name} is {state}: {found[0].get('StateReason', 'no reason given')}"
    on = cloudwatch.describe_alarms(AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm"], StateValue="ALARM")
    told = [
        f"{each['AlarmName'].removeprefix(prefix)} since {each['StateUpdatedTimestamp']:%Y-%m-%d %H:%M:%S %Z}"
        for each in on["MetricAlarms"][:_SHOWN]
    ]
    yield Problem("alarm", f"{words}; on are {', '.join(told)}" if told else words, _ALARM_PATIENCE)


def wait_for_health(
    find: Callable[[], Sequence[Problem]],
    *,
    sleep: Callable[[float], None] = time.sleep,
    say: Callable[[str], None] = lambda _: None,
) -> list[Problem]:
    """What is wrong when the patience with some of it is over; empty as soon as nothing is. Each problem has its
    patience from when it came; whatever comes and goes, this ends after half an hour."""
    waited = 0.0
    since: dict[str, float] = {}
    while problems := list(find()):
        since = {each.about: since.get(each.about, waited) for each in problems}
        if waited >= _LONGEST or any(waited - since[each.about] >= each.patience for each in problems):
            return problems
        say(f"waiting, {waited:.0f} s so far: {'; '.join(each.words for each in problems)}")
        sleep(_PAUSE)
        waited += _PAUSE
    return []


def _error_of(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return None


def _fetch(url: str, headers: dict[str, str], context: ssl.SSLContext | None) -> Answer:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - an output of our own stacks
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:  # noqa: S310 - an output of ours
            return Answer(answer.status, answer.read(65_536), answer.headers.get(_ALLOWS))
    except urllib.error.HTTPError as refused:
        return Answer(refused.code, refused.read(65_536), refused.headers.get(_ALLOWS))
    except (OSError, http.client.HTTPException) as failure:
        return Answer(0, str(failure).encode())


def own_certificate(environment: Environment, secrets: Callable[[], Any]) -> ssl.SSLContext | None:
    """What to show where the API asks its callers for a certificate: the canary's."""
    if environment.api_domain is None or environment.api_domain.clients is None:
        return None
    found = secrets().get_secret_value(SecretId=environment.api_domain.clients.canary_secret_arn)
    shown = json.loads(found["SecretString"])
    return showing_certificate(shown["certificate"], shown["key"])


def main() -> int:
    """The command line."""
    import boto3

    make_client: Callable[..., Any] = boto3.client
    parser = argparse.ArgumentParser(prog="python -m cdk.smoke", description=__doc__)
    parser.add_argument("--env", choices=sorted(ENVIRONMENTS), default="dev")
    environment = ENVIRONMENTS[parser.parse_args().env]

    def aws(service: str) -> Any:
        return make_client(service, region_name=REGION)

    def say(words: str) -> None:
        sys.stdout.write(f"{words}\n")
        sys.stdout.flush()

    def look() -> Sequence[Problem]:
        context = own_certificate(environment, lambda: aws("secretsmanager"))

        def fetch(url: str, headers: dict[str, str]) -> Answer:
            return _fetch(url, headers, context)

        return wait_for_health(lambda: list(find_problems(environment, aws=aws, fetch=fetch)), say=say)

    return report(environment, look, say)


def report(environment: Environment, look: Callable[[], Sequence[Problem]], say: Callable[[str], None]) -> int:
    """Say what came of looking; the exit code: 0 well, 1 not well, 2 not known, since nobody could be asked."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        problems = look()
    except (NotDeployed, BotoCoreError, ClientError) as missing:
        say(str(missing))
        say(f"whether {environment.stage} is well is not known")
        return 2
    for each in problems:
        say(each.words)
    say(f"{environment.stage} {'is not well' if problems else 'answers, and is watched'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
