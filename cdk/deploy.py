"""`make deploy ENV=dev`: says everything that is missing at once, and deploys when nothing is.

Usage: python -m cdk.deploy --env dev [--check | --keep-data | --bootstrap]

Where money is at stake nothing is deployed while the market is open, unless the variable FORCE says why it must be.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import datetime, time
from typing import Any, Final

from algotrading.adapters.clock import SystemClock
from algotrading.domain.errors import CalendarMissing
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.sessions import SessionTable, instant_of, trading_day_of
from cdk.environments import ENVIRONMENTS, REGION, Environment
from cdk.paths import ROOT
from cdk.prerequisites import find_missing, find_next_steps, no_credentials, run_quietly
from cdk.toolchain import run_npm_package

CDK_CLI = "aws-cdk@2.1148.1"
"""The command line that reads the cloud assembly of the pinned aws-cdk-lib (newer majors cannot)."""
_WITHOUT_DATA = ("trading", "messages", "api", "web", "listener", "observability")
"""Stacks that hold code alone: ids as in cdk/estate.py."""
_MARKET: Final = (time(8, 15), time(15, 45))
"""Asia/Kolkata: from longer before the open than a deployment takes, which would else replace executors at it, until
everything has settled (docs/operations.md, a trading day)."""
BEGUN: Final = ROOT / "build" / "deployment-begun"
"""Left behind once anything may have changed: a deployment that was refused before leaves nothing to go back from."""
_FORCE: Final = "FORCE"
_WORDS_OF_A_REASON: Final = 3


def find_open_market(environment: Environment, now: datetime, table: SessionTable = NSE_SESSIONS) -> str | None:
    """Why `environment` is better left alone now; None where it may be deployed. A year without a calendar does not
    trade, and bringing it one must not be refused."""
    day = trading_day_of(now)
    opens, closes = (instant_of(day, each) for each in _MARKET)
    if not environment.protected or not opens <= now < closes:
        return None
    try:
        if not table.is_trading_day(day):
            return None
    except CalendarMissing:
        return None
    return (
        f"the market is open or about to be ({_MARKET[0]:%H:%M} to {_MARKET[1]:%H:%M} in India on a trading day), "
        f"and a deployment of {environment.stage} replaces watchers and executors: wait, or say why it cannot wait, "
        f'make deploy ENV={environment.stage} {_FORCE}="in three words or more"'
    )


def may_deploy(environment: Environment, now: datetime, force: str, say: Callable[[str], None]) -> bool:
    """Whether now is a time for it. `force` is the reason of who wants it all the same; it is said aloud, so that it
    stands in the pipeline's log."""
    reason = find_open_market(environment, now)
    if reason is None:
        return True
    if len(force.split()) >= _WORDS_OF_A_REASON:
        say(f"forced while the market is open, because: {' '.join(force.split())}")
        return True
    say(f"Nothing was deployed: {reason}")
    return False


def cdk_words(stage: str, *, keep_data: bool) -> list[str]:
    """What the CDK command line is asked for. Going back to an older version leaves the database at its newer schema,
    which every version before it can work with (docs/operations.md, later deployments)."""
    stacks = ["--exclusively", *_WITHOUT_DATA] if keep_data else ["--all"]
    # Whoever runs this has read the difference before: in a pipeline nobody could answer.
    asked = ["--require-approval", "never"] if not sys.stdin.isatty() else []
    return ["deploy", *stacks, *asked, "-c", f"env={stage}"]


def _client(service: str) -> Any:
    import boto3
    from botocore.config import Config

    make_client: Callable[..., Any] = boto3.client
    # A wrong address or a lost line is told within the minute instead of after botocore's usual five.
    patience = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
    return make_client(service, region_name=REGION, config=patience)


def bootstrap_words(account: str) -> list[str]:
    """What the CDK command line is asked for to prepare an account (AWS CDK documentation, bootstrapping)."""
    return ["bootstrap", f"aws://{account}/{REGION}"]


def _prepare(aws: Callable[[str], Any], say: Callable[[str], None]) -> int:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        account = aws("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        say(f"missing: {no_credentials(error)}")
        return 1
    return run_npm_package(CDK_CLI, bootstrap_words(account))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Check, then deploy; the exit code is the deployment's."""
    parser = argparse.ArgumentParser(prog="python -m cdk.deploy", description=__doc__)
    parser.add_argument("--env", choices=sorted(ENVIRONMENTS), default="dev")
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    parser.add_argument("--keep-data", action="store_true", help="leave network and data as they are: for going back")
    parser.add_argument("--bootstrap", action="store_true", help="prepare the account for CDK, and do nothing else")
    arguments = parser.parse_args()
    if arguments.bootstrap:
        return _prepare(_client, _say)
    force = os.environ.get(_FORCE, "")
    if not may_deploy(ENVIRONMENTS[arguments.env], SystemClock().now(), force, _say):
        return 1
    missing = find_missing(ENVIRONMENTS[arguments.env], aws=_client, run=run_quietly, keep_data=arguments.keep_data)
    for line in missing:
        sys.stdout.write(f"missing: {line}\n")
    for line in find_next_steps(ENVIRONMENTS[arguments.env]):
        sys.stdout.write(f"afterwards: {line}\n")
    if missing:
        sys.stdout.write(f"Nothing was deployed: {len(missing)} thing(s) missing for {arguments.env}.\n")
        return 1
    if arguments.check:
        sys.stdout.write(f"Nothing is missing for {arguments.env}.\n")
        return 0
    BEGUN.parent.mkdir(parents=True, exist_ok=True)
    BEGUN.touch()
    return run_npm_package(CDK_CLI, cdk_words(arguments.env, keep_data=arguments.keep_data))


if __name__ == "__main__":
    sys.exit(main())
