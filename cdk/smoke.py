"""`make smoke ENV=dev`: whether a deployment answers, and whether somebody watches; from outside, without an account.

Asks the API who is calling with a token that is none (and expects the product's own refusal, which has come through the
authorizer and a function), the app for its page, and CloudWatch whether trading is unsafe. Tries again for as long as a
new version may take to warm up.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any, Final

from cdk.environments import ENVIRONMENTS, REGION, Environment
from cdk.publish_app import NotDeployed, outputs_of

UNSAFE: Final = "trading-is-unsafe"
"""The alarm of `cdk/stacks/observability.py` that is on while money may not be looked after."""
_PATIENCE: Final = 300.0
_PAUSE: Final = 15.0
Fetch = Callable[[str, dict[str, str]], tuple[int, bytes]]
_NOBODY: Final = {"Authorization": "Bearer nobody"}


def find_problems(environment: Environment, *, aws: Callable[[str], Any], fetch: Fetch) -> Iterator[str]:
    """Everything that is wrong with a deployment now. `fetch` answers status and body of a URL, asked with headers.

    Raises:
        NotDeployed: there is none.
    """
    outputs = outputs_of(aws("cloudformation"), environment)
    status, body = fetch(f"{outputs['ApiUrl'].rstrip('/')}/api/v1/account", _NOBODY)
    if (status, _error_of(body)) != (401, "TOKEN_INVALID"):
        yield f"the API answers {status} where 401 TOKEN_INVALID was to come: {body[:200]!r}"
    status, body = fetch(outputs["AppUrl"], {})
    if status != 200 or b"<html" not in body:
        yield f"the app's page answers {status}"
    name = f"algotrading-{environment.stage}-{UNSAFE}"
    found = aws("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    if not found:
        yield f"there is no alarm {name}"
    elif found[0]["StateValue"] != "OK":
        yield f"{name} is {found[0]['StateValue']}: {found[0].get('StateReason', 'no reason given')}"


def wait_for_health(
    find: Callable[[], list[str]], *, patience: float = _PATIENCE, sleep: Callable[[float], None] = time.sleep
) -> list[str]:
    """What is still wrong when the patience is over; empty as soon as nothing is."""
    waited = 0.0
    while (problems := find()) and waited < patience:
        sleep(_PAUSE)
        waited += _PAUSE
    return problems


def _error_of(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return None


def _fetch(url: str, headers: dict[str, str]) -> tuple[int, bytes]:
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - an output of our own stacks
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - an output of our own stacks
            return answer.status, answer.read(65_536)
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(65_536)
    except OSError as failure:
        return 0, str(failure).encode()


def main() -> int:
    """The command line."""
    import boto3

    make_client: Callable[..., Any] = boto3.client
    parser = argparse.ArgumentParser(prog="python -m cdk.smoke", description=__doc__)
    parser.add_argument("--env", choices=sorted(ENVIRONMENTS), default="dev")
    environment = ENVIRONMENTS[parser.parse_args().env]

    def find() -> list[str]:
        return list(find_problems(environment, aws=lambda name: make_client(name, region_name=REGION), fetch=_fetch))

    try:
        problems = wait_for_health(find)
    except NotDeployed as missing:
        problems = [str(missing)]
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    sys.stdout.write(f"{environment.stage} {'is not well' if problems else 'answers, and is watched'}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
