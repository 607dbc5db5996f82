"""`make deploy ENV=dev`: says everything that is missing at once, and deploys when nothing is.

Usage: python -m cdk.deploy --env dev [--check]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from cdk.environments import ENVIRONMENTS, REGION, Environment
from cdk.paths import ROOT
from cdk.toolchain import bundled_npx

CDK_CLI = "aws-cdk@2.1148.1"
"""The command line that reads the cloud assembly of the pinned aws-cdk-lib (newer majors cannot)."""
_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
"""Where `cdk bootstrap` leaves its mark (AWS CDK documentation, bootstrapping)."""


def find_missing(environment: Environment, *, aws: Callable[[str], Any], run: Callable[[list[str]], int]) -> list[str]:
    """Everything that would make a deployment of `environment` fail or alarm nobody, each with what to do.

    `aws` makes clients, `run` runs a command and answers its exit code.
    """
    return [*_addresses(environment), *_docker(run), *_account(aws)]


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


def _account(aws: Callable[[str], Any]) -> Iterator[str]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        account = aws("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        yield f"no AWS credentials ({error}): run `aws configure sso` or set AWS_PROFILE"
        return
    try:
        aws("ssm").get_parameter(Name=_BOOTSTRAP)
    except ClientError:
        yield f"account {account} is not prepared for CDK in {REGION}: run `npx {CDK_CLI} bootstrap aws://{account}/{REGION}`"
    except BotoCoreError as error:
        yield f"AWS does not answer: {error}"


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


def main() -> int:
    """Check, then deploy; the exit code is the deployment's."""
    parser = argparse.ArgumentParser(prog="python -m cdk.deploy", description=__doc__)
    parser.add_argument("--env", choices=sorted(ENVIRONMENTS), default="dev")
    parser.add_argument("--check", action="store_true", help="only say what is missing")
    arguments = parser.parse_args()
    missing = find_missing(ENVIRONMENTS[arguments.env], aws=_client, run=_run_quietly)
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
    command = [*bundled_npx(), "--yes", CDK_CLI, "deploy", "--all", "-c", f"env={arguments.env}"]
    return subprocess.run(command, check=False, cwd=ROOT).returncode  # noqa: S603 - our own words


if __name__ == "__main__":
    sys.exit(main())
