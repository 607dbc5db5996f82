"""`make deploy ENV=dev`: says everything that is missing at once, and deploys when nothing is.

Usage: python -m cdk.deploy --env dev [--check | --keep-data]

Where money is at stake nothing is deployed while the market is open, unless the variable FORCE says why it must be.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, time
from typing import Any, Final

from algotrading.adapters.clock import SystemClock
from algotrading.domain.errors import CalendarMissing
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.sessions import SessionTable, instant_of, trading_day_of
from cdk.environments import AVAILABILITY_ZONES, ENVIRONMENTS, REGION, Environment
from cdk.functions import FUNCTIONS
from cdk.paths import ROOT
from cdk.toolchain import bundled_npx

CDK_CLI = "aws-cdk@2.1148.1"
"""The command line that reads the cloud assembly of the pinned aws-cdk-lib (newer majors cannot)."""
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
"""Where `cdk bootstrap` leaves its mark (AWS CDK documentation, bootstrapping)."""
_WITHOUT_DATA = ("trading", "messages", "api", "web", "listener", "observability")
"""Stacks that hold code alone: ids as in cdk/estate.py."""
_LEFT_UNRESERVED = 100
"""Of an account's concurrent executions Lambda lets so many not be reserved (AWS Lambda documentation, concurrency)."""
_ADDRESSES_QUOTA = "L-0263D0A3"
"""EC2-VPC Elastic IPs (Service Quotas)."""
_MARKET: Final = (time(8, 15), time(15, 45))
"""Asia/Kolkata: from longer before the open than a deployment takes, which would else replace executors at it, until
everything has settled (docs/operations.md, a trading day)."""
_FORCE: Final = "FORCE"
_WORDS_OF_A_REASON: Final = 3
_PAIR: Final = re.compile(r"ProxiesEgressPair(\d+)[a-z][0-9A-F]{8}")
"""Outputs of the network stack, one for each address of a pair (cdk/constructs/forward_proxies.py), as CDK calls them:
by the construct that they are in, and with a digest of its path."""
_OWN = {("project", "algotrading")}
"""Tags of everything that is deployed (cdk/estate.py)."""


def find_missing(
    environment: Environment,
    *,
    aws: Callable[[str], Any],
    run: Callable[[list[str]], int],
    keep_data: bool = False,
) -> list[str]:
    """Everything that would make a deployment of `environment` fail or alarm nobody, each with what to do.

    `aws` makes clients, `run` runs a command and answers its exit code. With `keep_data` the network stays as it is,
    with whatever addresses it has: an older version, which knows of fewer, may still be gone back to.
    """
    return [*_addresses(environment), *_docker(run), *_account(environment, aws, keep_data=keep_data)]


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


def find_next_steps(environment: Environment) -> list[str]:
    """What can only be done once `environment` stands, and is not done yet."""
    return [
        f"the watchers of {environment.stage} may not use the feed account {account.email}: register it, write the "
        "user_id that GET /api/v1/account shows into its feed_accounts entry of cdk/environments.py, and deploy again"
        for account in environment.feed_accounts
        if account.user_id is None
    ]


def _addresses(environment: Environment) -> Iterator[str]:
    for name, address in (
        ("alarm_email", environment.alarm_email),
        ("mail_sender", environment.mail_sender),
        *(("feed_accounts", account.email) for account in environment.feed_accounts),
    ):
        if address.endswith("@example.com"):
            yield f"{name} of {environment.stage} is {address}: write a real address into cdk/environments.py"


def _docker(run: Callable[[list[str]], int]) -> Iterator[str]:
    if run(["docker", "info"]) != 0:
        yield "Docker does not answer: it builds the image of the watcher; install or start it (docs.docker.com)"


def _account(environment: Environment, aws: Callable[[str], Any], *, keep_data: bool) -> Iterator[str]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        account = aws("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        yield f"no AWS credentials ({error}): run `aws configure sso` or set AWS_PROFILE"
        return
    of_the_network = () if keep_data else (_addresses_quota, _pairs)
    for look in (_bootstrap, _functions_quota, *of_the_network):
        try:
            yield from look(environment, aws, account)
        except ClientError as error:
            details = error.response["Error"]
            why = f"{details['Code']}: {details['Message']}"
            yield f"account {account} could not be looked at ({why}): log in as somebody who may"
        except BotoCoreError as error:
            yield f"AWS does not answer: {error}"
            return


def _bootstrap(_environment: Environment, aws: Callable[[str], Any], account: str) -> Iterator[str]:
    found = aws("ssm").get_parameters(Names=[_BOOTSTRAP])
    if not found["Parameters"]:
        yield f"account {account} is not prepared for CDK in {REGION}: run `npx {CDK_CLI} bootstrap aws://{account}/{REGION}`"


def _functions_quota(environment: Environment, aws: Callable[[str], Any], account: str) -> Iterator[str]:
    needed = set_aside(environment) + _LEFT_UNRESERVED
    allowed = aws("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    if allowed < needed:
        yield (
            f"account {account} may run {allowed} functions at once and {environment.stage} needs {needed}: ask for "
            "more in Service Quotas, AWS Lambda, concurrent executions"
        )


def set_aside(environment: Environment) -> int:
    """Executions that are kept for one function each: reserved, or loaded ahead of need without being reserved."""
    return sum(
        spec.concurrency(environment) if spec.concurrency else spec.kept_ready(environment) if spec.kept_ready else 0
        for spec in FUNCTIONS.values()
    )


def _addresses_quota(environment: Environment, aws: Callable[[str], Any], account: str) -> Iterator[str]:
    """Elastic IPs: those that are there already, of this environment, are not asked for again."""
    zones = len(AVAILABILITY_ZONES)
    wanted = environment.nat_gateways + zones * (environment.egress_pairs + len(environment.proxy_machines))
    existing = aws("ec2").describe_addresses()["Addresses"]
    own = [each for each in existing if _OWN | {("environment", environment.stage)} <= _tags(each)]
    quota = aws("service-quotas").get_service_quota(ServiceCode="ec2", QuotaCode=_ADDRESSES_QUOTA)["Quota"]["Value"]
    more = max(0, wanted - len(own))
    if len(existing) + more > quota:
        yield (
            f"account {account} may hold {int(quota)} Elastic IPs, holds {len(existing)}, and {environment.stage} "
            f"needs {more} more: ask for more in Service Quotas, Amazon EC2, EC2-VPC Elastic IPs"
        )


def _pairs(environment: Environment, aws: Callable[[str], Any], _account: str) -> Iterator[str]:
    """A pair is registered with its holder's broker, and orders come from nowhere else: none is ever taken away."""
    from botocore.exceptions import ClientError

    try:
        [stack] = aws("cloudformation").describe_stacks(StackName=f"algotrading-{environment.stage}-network")["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        # There is no such stack: the first deployment.
        return
    there = pairs_that_stand(output["OutputKey"] for output in stack.get("Outputs", ()))
    if environment.egress_pairs < there:
        yield (
            f"{environment.stage} has {there} pairs of addresses and egress_pairs is {environment.egress_pairs}: any of"
            f" them may be registered with a broker; write {there} or more into cdk/environments.py"
        )


def pairs_that_stand(outputs: Iterable[str]) -> int:
    """How many pairs of addresses a network stack with outputs of these names has."""
    found = (_PAIR.fullmatch(name) for name in outputs)
    return max((int(each[1]) for each in found if each is not None), default=0)


def _tags(resource: Any) -> set[tuple[str, str]]:
    return {(tag["Key"], tag["Value"]) for tag in resource.get("Tags", ())}


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
    patience = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})
    return make_client(service, region_name=REGION, config=patience)


def _run_quietly(command: list[str]) -> int:
    if shutil.which(command[0]) is None:
        return 127
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode  # noqa: S603 - our own words


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Check, then deploy; the exit code is the deployment's."""
    parser = argparse.ArgumentParser(prog="python -m cdk.deploy", description=__doc__)
    parser.add_argument("--env", choices=sorted(ENVIRONMENTS), default="dev")
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    parser.add_argument("--keep-data", action="store_true", help="leave network and data as they are: for going back")
    arguments = parser.parse_args()
    force = os.environ.get(_FORCE, "")
    if not may_deploy(ENVIRONMENTS[arguments.env], SystemClock().now(), force, _say):
        return 1
    missing = find_missing(ENVIRONMENTS[arguments.env], aws=_client, run=_run_quietly, keep_data=arguments.keep_data)
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
    command = [*bundled_npx(), "--yes", CDK_CLI, *cdk_words(arguments.env, keep_data=arguments.keep_data)]
    return subprocess.run(command, check=False, cwd=ROOT).returncode  # noqa: S603 - our own words


if __name__ == "__main__":
    sys.exit(main())
