"""What a deployment needs before it begins: all that is missing is said at once, each with what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from cdk.environments import AVAILABILITY_ZONES, REGION, Environment
from cdk.functions import FUNCTIONS

_BOOTSTRAP = "/cdk-bootstrap/hnb659fds/version"
"""Where `cdk bootstrap` leaves its mark (AWS CDK documentation, bootstrapping)."""
_LEFT_UNRESERVED = 100
"""Of an account's concurrent executions Lambda lets so many not be reserved (AWS Lambda documentation, concurrency)."""
_ADDRESSES_QUOTA = "L-0263D0A3"
"""EC2-VPC Elastic IPs (Service Quotas)."""
_PAIR: Final = re.compile(r"ProxiesEgressPair(\d+)[a-z][0-9A-F]{8}")
"""Outputs of the network stack, one for each address of a pair (cdk/constructs/forward_proxies.py), as CDK calls them:
by the construct that they are in, and with a digest of its path."""
_OWN = {("project", "algotrading")}
"""Tags of everything that is deployed (cdk/estate.py)."""


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command: its exit code, and what it said."""

    code: int
    words: str = ""


Run = Callable[[list[str]], Ran]
PATIENCE: Final = 60.0
"""Seconds: a Docker that starts its builder for the first time fetches that builder's image meanwhile."""
TIMED_OUT: Final = 124
"""As `timeout` of GNU coreutils ends; and a shell, with the other, where there is no such command."""
_NO_COMMAND: Final = 127


def find_missing(
    environment: Environment,
    *,
    aws: Callable[[str], Any],
    run: Run,
    keep_data: bool = False,
) -> list[str]:
    """Everything that would make a deployment of `environment` fail or alarm nobody, each with what to do.

    `aws` makes clients, `run` runs a command and answers what came of it. With `keep_data` the network stays as it is,
    with whatever addresses it has: an older version, which knows of fewer, may still be gone back to.
    """
    return [*_addresses(environment), *_docker(run), *_account(environment, aws, keep_data=keep_data)]


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


def _docker(run: Run) -> Iterator[str]:
    """Docker's own machine builds the image: this one, a virtual one, or one elsewhere (Docker documentation,
    contexts). Of another architecture it needs emulation, which buildx lists among the platforms (the same,
    multi-platform builds)."""
    info = run(["docker", "info", "--format", "{{.Architecture}}"])
    if info.code == TIMED_OUT:
        yield f"Docker has not answered within {PATIENCE:.0f} s: it builds the image of the watcher; restart it"
    elif info.code != 0 or not info.words.strip():
        yield "Docker does not answer: it builds the image of the watcher; install or start it (docs.docker.com)"
    elif (architecture := info.words.strip()) not in {"aarch64", "arm64"}:
        builder = run(["docker", "buildx", "inspect", "--bootstrap"])
        if builder.code != 0:
            why = "does not answer" if builder.code == TIMED_OUT else "is not there"
            yield (
                f"Docker's buildx {why}: the image of the watcher is for ARM64 and Docker's machine is {architecture}; "
                "install it (docs.docker.com, docker-buildx-plugin)"
            )
        elif "linux/arm64" not in builder.words:
            yield (
                f"Docker's machine is {architecture} and emulates no ARM64, for which the image of the watcher is: run "
                "`docker run --privileged --rm tonistiigi/binfmt --install arm64`, or build on an ARM64 machine"
            )


def _account(environment: Environment, aws: Callable[[str], Any], *, keep_data: bool) -> Iterator[str]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        account = aws("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        yield no_credentials(error)
        return
    of_the_network = () if keep_data else (_addresses_quota, _pairs, _left_behind)
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
        yield f"account {account} is not prepared for CDK in {REGION}: run `make bootstrap`"


def _functions_quota(environment: Environment, aws: Callable[[str], Any], account: str) -> Iterator[str]:
    """What others of the account have reserved, another environment or another product, is not there for this one."""
    limits = aws("lambda").get_account_settings()["AccountLimit"]
    allowed = limits["ConcurrentExecutions"]
    others = allowed - limits["UnreservedConcurrentExecutions"] - sum(_reserved_now(environment, aws))
    needed = set_aside(environment) + _LEFT_UNRESERVED + others
    if allowed < needed:
        of_others = f", {others} of them reserved by others in it" if others else ""
        yield (
            f"account {account} may run {allowed} functions at once and {environment.stage} needs {needed}{of_others}: "
            "ask for more in Service Quotas, AWS Lambda, concurrent executions"
        )


def _reserved_now(environment: Environment, aws: Callable[[str], Any]) -> Iterator[int]:
    """Executions that functions of `environment` hold by what stands already."""
    from botocore.exceptions import ClientError

    for name in (name for name, spec in FUNCTIONS.items() if spec.concurrency):
        try:
            found = aws("lambda").get_function_concurrency(FunctionName=environment.function_name(name))
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            continue
        yield found.get("ReservedConcurrentExecutions", 0)


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
    there = pairs_that_stand(_network_outputs(environment, aws))
    if environment.egress_pairs < there:
        yield (
            f"{environment.stage} has {there} pairs of addresses and egress_pairs is {environment.egress_pairs}: any of"
            f" them may be registered with a broker; write {there} or more into cdk/environments.py"
        )


def _left_behind(environment: Environment, aws: Callable[[str], Any], account: str) -> Iterator[str]:
    """Addresses that outlived their network: a new one would make others, which no broker knows."""
    in_use = {*_network_outputs(environment, aws).values(), *(each.address for each in environment.kept_addresses)}
    prefix = environment.address_tag("")
    left = {
        tags["Name"].removeprefix(prefix): each
        for each in aws("ec2").describe_addresses()["Addresses"]
        if (tags := dict(_tags(each))).get("Name", "").startswith((f"{prefix}Egress", f"{prefix}Pair"))
        and each["PublicIp"] not in in_use
    }
    if left:
        words = ", ".join(
            f'KeptAddress("{name}", "{each["AllocationId"]}", "{each["PublicIp"]}")'
            for name, each in sorted(left.items())
        )
        yield (
            f"account {account} holds Elastic IPs of an earlier network of {environment.stage}, known to brokers: "
            f"write kept_addresses=({words},) into cdk/environments.py, that the new one takes them up, or release "
            "those that nobody has registered (`aws ec2 release-address --allocation-id ...`)"
        )


def _network_outputs(environment: Environment, aws: Callable[[str], Any]) -> dict[str, str]:
    """Names and values; none where there is no such stack: the first deployment, or one after its end."""
    from botocore.exceptions import ClientError

    try:
        [stack] = aws("cloudformation").describe_stacks(StackName=f"algotrading-{environment.stage}-network")["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return {}
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", ())}


def pairs_that_stand(outputs: Iterable[str]) -> int:
    """How many pairs of addresses a network stack with outputs of these names has."""
    found = (_PAIR.fullmatch(name) for name in outputs)
    return max((int(each[1]) for each in found if each is not None), default=0)


def _tags(resource: Any) -> set[tuple[str, str]]:
    return {(tag["Key"], tag["Value"]) for tag in resource.get("Tags", ())}


def no_credentials(error: Exception) -> str:
    """What is said where nobody is logged in."""
    return f"no AWS credentials ({error}): run `aws configure sso` or set AWS_PROFILE"


def run_quietly(command: list[str], *, patience: float = PATIENCE) -> Ran:
    """Run a command and keep what it says; it is ended when it takes longer than `patience`, in seconds."""
    if shutil.which(command[0]) is None:
        return Ran(_NO_COMMAND)
    try:
        ran = subprocess.run(command, check=False, capture_output=True, text=True, timeout=patience)  # noqa: S603 - our own words
    except subprocess.TimeoutExpired:
        return Ran(TIMED_OUT)
    return Ran(ran.returncode, ran.stdout)
