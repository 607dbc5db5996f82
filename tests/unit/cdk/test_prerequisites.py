"""What `make deploy` says is missing, all at once and before anything is touched."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from cdk.environments import ENVIRONMENTS, Environment, FeedAccount, KeptAddress
from cdk.prerequisites import TIMED_OUT, Ran, find_missing, find_next_steps, run_quietly, set_aside

READY = replace(
    ENVIRONMENTS["dev"],
    alarm_email="ops@trader.in",
    mail_sender="mail@trader.in",
    feed_accounts=(FeedAccount("feed@trader.in"),),
)


class Cloud:
    """An account that is logged in to, prepared and large enough, unless told otherwise."""

    def __init__(
        self,
        *,
        logged_in: bool = True,
        prepared: bool = True,
        functions: int = 1000,
        reserved: Mapping[str, int] | None = None,
        addresses: int = 5,
        held: Sequence[Mapping[str, str]] = (),
        denied: bool = False,
        outputs: Mapping[str, str] | Sequence[str] | None = None,
    ) -> None:
        """`outputs` are those of the network stack; None: there is none yet. `reserved`: executions, by function."""
        self.reserved = reserved or {}
        self.logged_in, self.prepared, self.denied, self.outputs = logged_in, prepared, denied, outputs
        self.functions, self.addresses, self.held = functions, addresses, held

    def __call__(self, service: str) -> Cloud:
        return self

    def get_caller_identity(self) -> dict[str, str]:
        if not self.logged_in:
            raise NoCredentialsError
        return {"Account": "123456789012"}

    def get_parameters(self, **_names: Any) -> dict[str, Any]:
        if self.denied:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetParameters")
        return {"Parameters": [{}] if self.prepared else []}

    def get_account_settings(self) -> dict[str, Any]:
        unreserved = self.functions - sum(self.reserved.values())
        return {"AccountLimit": {"ConcurrentExecutions": self.functions, "UnreservedConcurrentExecutions": unreserved}}

    def get_function_concurrency(self, *, FunctionName: str) -> dict[str, int]:  # noqa: N803 - boto3's word
        if FunctionName not in self.reserved:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no"}}, "GetFunction")
        return {"ReservedConcurrentExecutions": self.reserved[FunctionName]}

    def describe_addresses(self) -> dict[str, Any]:
        return {
            "Addresses": [
                {
                    "PublicIp": f"13.234.0.{number}",
                    "AllocationId": f"eipalloc-0000000{number}",
                    "Tags": [{"Key": k, "Value": v} for k, v in tags.items()],
                }
                for number, tags in enumerate(self.held)
            ]
        }

    def describe_stacks(self, **named: Any) -> dict[str, Any]:
        if self.outputs is None:
            message = f"Stack with id {named['StackName']} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
        outputs = self.outputs if isinstance(self.outputs, Mapping) else dict.fromkeys(self.outputs, "x")
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]}]}

    def get_service_quota(self, **_quota: Any) -> dict[str, Any]:
        return {"Quota": {"Value": float(self.addresses)}}


def docker(command: list[str]) -> Ran:
    """One whose machine is of the image's processor."""
    assert command == ["docker", "info", "--format", "{{.Architecture}}"]
    return Ran(0, "aarch64\n")


def test_nothing_is_missing_where_everything_is_there() -> None:
    assert find_missing(READY, aws=Cloud(), run=docker) == []


def test_every_missing_thing_is_named_at_once() -> None:
    missing = find_missing(ENVIRONMENTS["dev"], aws=Cloud(logged_in=False), run=lambda _: Ran(127))

    assert [line.split()[0] for line in missing] == ["alarm_email", "mail_sender", "feed_accounts", "Docker", "no"]


TWO_PAIRS = ["EgressIp1", *(f"ProxiesEgressPair{pair}5D3A92FC" for pair in ("1a", "1b", "2a", "2b"))]
"""As CDK calls them: tests/infrastructure/test_network.py holds this against the template."""


@pytest.mark.parametrize(("wanted", "is_refused"), [(0, True), (1, True), (2, False), (3, False)])
def test_no_pair_that_a_broker_may_know_is_taken_away(wanted: int, is_refused: bool) -> None:
    there = Cloud(addresses=99, outputs=TWO_PAIRS)
    images = ("ami-0123456789abcdef0", "ami-0123456789abcdef1") if wanted else ()
    environment = replace(READY, egress_pairs=wanted, egress_images=images)

    missing = find_missing(environment, aws=there, run=docker)

    assert [("has 2 pairs of addresses" in line) for line in missing] == ([True] if is_refused else [])


def test_going_back_to_a_version_that_knows_of_fewer_pairs_is_not_refused() -> None:
    """It leaves the network as it is, and with it every address."""
    there = Cloud(addresses=0, outputs=TWO_PAIRS)

    assert find_missing(READY, aws=there, run=docker)
    assert find_missing(READY, aws=there, run=docker, keep_data=True) == []


def test_where_no_pair_was_made_none_is_missed() -> None:
    assert find_missing(READY, aws=Cloud(outputs=["EgressIp1"]), run=docker) == []


def test_what_comes_after_the_first_deployment_is_said_until_it_is_done() -> None:
    before, after = (
        READY,
        replace(READY, feed_accounts=(FeedAccount("feed@trader.in", "5f0c8a8e-7d5c-4f4e-9a7b-0d3c2b1a0f9e"),)),
    )

    [step] = find_next_steps(before)

    assert "feed@trader.in" in step
    assert find_next_steps(after) == []


def test_an_unprepared_account_is_told_how_to_prepare_itself() -> None:
    [missing] = find_missing(READY, aws=Cloud(prepared=False), run=docker)

    # By make alone: an npx of one's own is not asked for, nor that the account's number is written down right.
    assert missing.endswith("run `make bootstrap`")


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        (replace(READY, alarm_email="someone@example.com"), "alarm_email"),
        (replace(READY, mail_sender="someone@example.com"), "mail_sender"),
        (replace(READY, feed_accounts=(FeedAccount("someone@example.com"),)), "feed_accounts"),
    ],
)
def test_an_example_address_would_alarm_nobody(environment: Environment, address: str) -> None:
    [missing] = find_missing(environment, aws=Cloud(), run=docker)

    assert missing.startswith(address)


def test_who_may_not_look_is_not_told_to_prepare_the_account() -> None:
    [missing] = find_missing(READY, aws=Cloud(denied=True), run=docker)

    assert "AccessDenied" in missing
    assert "bootstrap" not in missing


def test_a_new_account_is_told_that_it_may_run_too_few_functions() -> None:
    reserved = READY.executor_concurrency + READY.priority_concurrency

    [missing] = find_missing(READY, aws=Cloud(functions=reserved), run=docker)

    assert "concurrent executions" in missing
    needed = int(missing.split("needs ")[1].split(":")[0])
    assert needed > reserved + 100
    assert find_missing(READY, aws=Cloud(functions=needed), run=docker) == []


def test_what_another_environment_has_reserved_is_not_there_for_this_one() -> None:
    prod = {"algotrading-prod-executor": 200, "algotrading-prod-priority-executor": 100}
    enough = set_aside(READY) + 100 + 300

    [missing] = find_missing(READY, aws=Cloud(functions=enough - 1, reserved=prod), run=docker)

    assert f"needs {enough}, 300 of them reserved by others" in missing
    assert find_missing(READY, aws=Cloud(functions=enough, reserved=prod), run=docker) == []


def test_what_it_has_reserved_itself_is_not_asked_for_again() -> None:
    own = {
        READY.function_name("executor"): READY.executor_concurrency,
        READY.function_name("converge"): 1,
    }

    assert find_missing(READY, aws=Cloud(functions=set_aside(READY) + 100, reserved=own), run=docker) == []


MINE = {"project": "algotrading", "environment": "dev"}


@pytest.mark.parametrize(
    ("held", "is_enough"),
    [([{}] * 4, True), ([{}] * 5, False), ([{}] * 4 + [MINE], True), ([{**MINE, "environment": "prod"}] * 5, False)],
    ids=["room for one", "none left", "its own is there already", "others of another environment"],
)
def test_elastic_ips_that_are_there_already_are_not_asked_for_again(
    held: Sequence[Mapping[str, str]], is_enough: bool
) -> None:
    missing = find_missing(READY, aws=Cloud(held=held), run=docker)

    assert [line for line in missing if "Elastic IPs" in line] == ([] if is_enough else missing)
    assert bool(missing) is not is_enough


def test_pairs_of_addresses_need_room_as_well() -> None:
    paired = replace(READY, egress_pairs=2, egress_images=("ami-0123456789abcdef0",) * 2)

    [missing] = find_missing(paired, aws=Cloud(), run=docker)

    assert "needs 7 more" in missing


# --- addresses that outlived their network ----------------------------------------------------------------

LEFT = [
    {**MINE, "Name": "algotrading-dev-EgressAddress1"},
    {**MINE, "Name": "algotrading-dev-PairAddress2a"},
    {**MINE, "environment": "prod", "Name": "algotrading-prod-EgressAddress1"},
    {"Name": "somebody's own"},
    MINE,
]
KEPT = (
    KeptAddress("EgressAddress1", "eipalloc-00000000", "13.234.0.0"),
    KeptAddress("PairAddress2a", "eipalloc-00000001", "13.234.0.1"),
)


def test_addresses_of_an_earlier_network_are_not_left_behind_for_new_ones() -> None:
    [missing] = find_missing(READY, aws=Cloud(addresses=9, held=LEFT), run=docker)

    assert missing.startswith("account 123456789012 holds Elastic IPs of an earlier network of dev")
    # To be copied: it is what has to be written.
    said = missing.partition("kept_addresses=")[2].partition(" into cdk")[0]
    assert eval(said) == KEPT
    assert find_missing(replace(READY, kept_addresses=KEPT), aws=Cloud(addresses=9, held=LEFT), run=docker) == []


def test_addresses_that_a_network_holds_are_not_left_behind() -> None:
    there = Cloud(addresses=9, held=LEFT[:1], outputs={"EgressIp1": "13.234.0.0"})
    other = Cloud(addresses=9, held=LEFT[:1], outputs={"EgressIp1": "13.234.9.9"})

    assert find_missing(READY, aws=there, run=docker) == []
    assert len(find_missing(READY, aws=other, run=docker)) == 1


# --- the machine that builds the watcher's image -----------------------------------------------------------

INSPECTED = "Name: default\nDriver: docker\n\nNodes:\nStatus: running\nPlatforms: linux/amd64, linux/amd64/v2{more}\n"


@pytest.mark.parametrize(
    ("info", "builder", "told"),
    [
        (Ran(0, "x86_64\n"), Ran(0, INSPECTED.format(more=", linux/arm64, linux/riscv64")), None),
        (Ran(0, "arm64\n"), None, None),
        (Ran(0, "x86_64\n"), Ran(0, INSPECTED.format(more=", linux/386")), "binfmt --install arm64"),
        (Ran(0, "x86_64\n"), Ran(1), "buildx is not there"),
        (Ran(0, "x86_64\n"), Ran(TIMED_OUT), "buildx does not answer"),
        (Ran(TIMED_OUT), None, "has not answered within 60 s"),
        (Ran(1), None, "install or start it"),
        # Where its daemon is away, docker ends with 0 in some versions, and with an empty line.
        (Ran(0, "\n"), None, "install or start it"),
    ],
    ids=["emulated", "its own", "not emulated", "no buildx", "buildx hangs", "docker hangs", "no docker", "no daemon"],
)
def test_a_machine_that_cannot_build_for_arm64_is_told_before_anything_is_deployed(
    info: Ran, builder: Ran | None, told: str | None
) -> None:
    def run(command: list[str]) -> Ran:
        if command[1] == "info":
            return info
        assert command[1:3] == ["buildx", "inspect"]
        assert builder is not None, "nobody had to ask"
        return builder

    missing = find_missing(READY, aws=Cloud(), run=run)

    assert [told in line for line in missing if told] == ([True] if told else [])
    assert len(missing) == (1 if told else 0)


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    """A Docker whose daemon hangs would hold the deployment for ever, without a word."""
    hanging = tmp_path / "docker"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
    hanging.chmod(0o755)
    began = time.monotonic()

    assert run_quietly([str(hanging)], patience=0.2) == Ran(TIMED_OUT)
    assert time.monotonic() - began < 30


def test_what_a_command_says_is_kept_and_one_that_is_not_there_is_none() -> None:
    assert run_quietly(["echo", "aarch64"]) == Ran(0, "aarch64\n")
    assert run_quietly(["docker-of-nobody"]).code == 127
