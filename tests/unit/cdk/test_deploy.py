"""What `make deploy` says is missing, all at once and before anything is touched."""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from algotrading.adapters.clock import SystemClock
from algotrading.domain.sessions import instant_of
from cdk import deploy
from cdk.deploy import cdk_words, find_missing, find_next_steps, find_open_market, may_deploy
from cdk.environments import ENVIRONMENTS, Environment, FeedAccount, environment_named
from cdk.paths import ROOT

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
        addresses: int = 5,
        held: Sequence[Mapping[str, str]] = (),
        denied: bool = False,
        outputs: Sequence[str] | None = None,
    ) -> None:
        """`outputs` are those of the network stack; None: there is none yet."""
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
        return {"AccountLimit": {"ConcurrentExecutions": self.functions}}

    def describe_addresses(self) -> dict[str, Any]:
        return {"Addresses": [{"Tags": [{"Key": k, "Value": v} for k, v in tags.items()]} for tags in self.held]}

    def describe_stacks(self, **named: Any) -> dict[str, Any]:
        if self.outputs is None:
            message = f"Stack with id {named['StackName']} does not exist"
            raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "DescribeStacks")
        return {"Stacks": [{"Outputs": [{"OutputKey": key, "OutputValue": "x"} for key in self.outputs]}]}

    def get_service_quota(self, **_quota: Any) -> dict[str, Any]:
        return {"Quota": {"Value": float(self.addresses)}}


def test_nothing_is_missing_where_everything_is_there() -> None:
    assert find_missing(READY, aws=Cloud(), run=lambda _: 0) == []


def test_every_missing_thing_is_named_at_once() -> None:
    missing = find_missing(ENVIRONMENTS["dev"], aws=Cloud(logged_in=False), run=lambda _: 127)

    assert [line.split()[0] for line in missing] == ["alarm_email", "mail_sender", "feed_accounts", "Docker", "no"]


TWO_PAIRS = ["EgressIp1", *(f"ProxiesEgressPair{pair}5D3A92FC" for pair in ("1a", "1b", "2a", "2b"))]
"""As CDK calls them: tests/infrastructure/test_network.py holds this against the template."""


@pytest.mark.parametrize(("wanted", "is_refused"), [(0, True), (1, True), (2, False), (3, False)])
def test_no_pair_that_a_broker_may_know_is_taken_away(wanted: int, is_refused: bool) -> None:
    there = Cloud(addresses=99, outputs=TWO_PAIRS)
    images = ("ami-0123456789abcdef0", "ami-0123456789abcdef1") if wanted else ()
    environment = replace(READY, egress_pairs=wanted, egress_images=images)

    missing = find_missing(environment, aws=there, run=lambda _: 0)

    assert [("has 2 pairs of addresses" in line) for line in missing] == ([True] if is_refused else [])


def test_going_back_to_a_version_that_knows_of_fewer_pairs_is_not_refused() -> None:
    """It leaves the network as it is, and with it every address."""
    there = Cloud(addresses=0, outputs=TWO_PAIRS)

    assert find_missing(READY, aws=there, run=lambda _: 0)
    assert find_missing(READY, aws=there, run=lambda _: 0, keep_data=True) == []


@pytest.mark.parametrize(("words", "keeps"), [(["--keep-data"], True), ([], False)])
def test_the_command_says_whether_the_network_is_left_as_it_is(
    monkeypatch: pytest.MonkeyPatch, words: list[str], keeps: bool
) -> None:
    asked: list[bool] = []

    def look(*_: object, keep_data: bool, **__: object) -> list[str]:
        asked.append(keep_data)
        return ["something"]

    monkeypatch.setattr(deploy, "find_missing", look)
    monkeypatch.setattr("sys.argv", ["deploy", "--env", "dev", *words])

    assert deploy.main() == 1
    assert asked == [keeps]


def test_where_no_pair_was_made_none_is_missed() -> None:
    assert find_missing(READY, aws=Cloud(outputs=["EgressIp1"]), run=lambda _: 0) == []


def test_what_comes_after_the_first_deployment_is_said_until_it_is_done() -> None:
    before, after = (
        READY,
        replace(READY, feed_accounts=(FeedAccount("feed@trader.in", "5f0c8a8e-7d5c-4f4e-9a7b-0d3c2b1a0f9e"),)),
    )

    [step] = find_next_steps(before)

    assert "feed@trader.in" in step
    assert find_next_steps(after) == []


def test_an_unprepared_account_is_told_how_to_prepare_itself() -> None:
    [missing] = find_missing(READY, aws=Cloud(prepared=False), run=lambda _: 0)

    assert "bootstrap aws://123456789012/ap-south-1" in missing


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        (replace(READY, alarm_email="someone@example.com"), "alarm_email"),
        (replace(READY, mail_sender="someone@example.com"), "mail_sender"),
        (replace(READY, feed_accounts=(FeedAccount("someone@example.com"),)), "feed_accounts"),
    ],
)
def test_an_example_address_would_alarm_nobody(environment: Environment, address: str) -> None:
    [missing] = find_missing(environment, aws=Cloud(), run=lambda _: 0)

    assert missing.startswith(address)


def test_who_may_not_look_is_not_told_to_prepare_the_account() -> None:
    [missing] = find_missing(READY, aws=Cloud(denied=True), run=lambda _: 0)

    assert "AccessDenied" in missing
    assert "bootstrap" not in missing


def test_a_new_account_is_told_that_it_may_run_too_few_functions() -> None:
    reserved = READY.executor_concurrency + READY.priority_concurrency

    [missing] = find_missing(READY, aws=Cloud(functions=reserved), run=lambda _: 0)

    assert "concurrent executions" in missing
    needed = int(missing.split("needs ")[1].split(":")[0])
    assert needed > reserved + 100
    assert find_missing(READY, aws=Cloud(functions=needed), run=lambda _: 0) == []


MINE = {"project": "algotrading", "environment": "dev"}


@pytest.mark.parametrize(
    ("held", "is_enough"),
    [([{}] * 4, True), ([{}] * 5, False), ([{}] * 4 + [MINE], True), ([{**MINE, "environment": "prod"}] * 5, False)],
    ids=["room for one", "none left", "its own is there already", "others of another environment"],
)
def test_elastic_ips_that_are_there_already_are_not_asked_for_again(
    held: Sequence[Mapping[str, str]], is_enough: bool
) -> None:
    missing = find_missing(READY, aws=Cloud(held=held), run=lambda _: 0)

    assert [line for line in missing if "Elastic IPs" in line] == ([] if is_enough else missing)
    assert bool(missing) is not is_enough


def test_pairs_of_addresses_need_room_as_well() -> None:
    paired = replace(READY, egress_pairs=2, egress_images=("ami-0123456789abcdef0",) * 2)

    [missing] = find_missing(paired, aws=Cloud(), run=lambda _: 0)

    assert "needs 7 more" in missing


def test_going_back_leaves_network_and_data_as_they_are() -> None:
    words = cdk_words("prod", keep_data=True)

    assert "--all" not in words
    assert "--exclusively" in words
    assert not {"network", "data"} & set(words)
    assert cdk_words("prod", keep_data=False)[:2] == ["deploy", "--all"]


# --- while the market is open -------------------------------------------------------------------------

FRIDAY = date(2026, 11, 27)
PROD = ENVIRONMENTS["prod"]


def at(hour: int, minute: int, day: date = FRIDAY) -> datetime:
    return instant_of(day, time(hour, minute))


@pytest.mark.parametrize("moment", [at(8, 15), at(9, 15), at(12, 0), at(15, 44)])
def test_prod_is_left_alone_while_the_market_is_open(moment: datetime) -> None:
    reason = find_open_market(PROD, moment)

    assert reason is not None
    assert "08:15 to 15:45" in reason


@pytest.mark.parametrize(
    "moment",
    [
        at(8, 14),
        at(15, 45),
        at(23, 0),
        at(12, 0, date(2026, 11, 28)),
        at(12, 0, date(2026, 11, 24)),
        at(12, 0, date(2031, 6, 2)),
    ],
    ids=["before", "after", "at night", "on a Saturday", "on a holiday", "in a year without a calendar"],
)
def test_prod_may_be_deployed_while_nothing_trades(moment: datetime) -> None:
    assert find_open_market(PROD, moment) is None


@pytest.mark.parametrize("stage", ["dev", "staging"])
def test_where_no_money_is_at_stake_the_market_does_not_matter(stage: str) -> None:
    assert find_open_market(environment_named(stage), at(12, 0)) is None


@pytest.mark.parametrize("force", ["", "   ", "yes", "1", "just do"])
def test_without_a_reason_nothing_is_deployed_and_it_is_said_why(force: str) -> None:
    said: list[str] = []

    assert not may_deploy(PROD, at(12, 0), force, said.append)
    assert "Nothing was deployed: the market is open" in said[0]
    assert 'FORCE="in three words or more"' in said[0]


def test_a_reason_is_repeated_for_who_reads_the_log() -> None:
    said: list[str] = []

    assert may_deploy(PROD, at(12, 0), " exits are\nrefused since 11:40 ", said.append)
    assert said == ["forced while the market is open, because: exits are refused since 11:40"]


def test_a_reason_that_is_not_needed_says_nothing() -> None:
    assert may_deploy(PROD, at(20, 0), "", pytest.fail)


def test_the_command_refuses_before_it_looks_at_anything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: at(12, 0))
    monkeypatch.setattr(deploy, "find_missing", lambda *_, **__: pytest.fail("it was looked at"))
    monkeypatch.setattr("sys.argv", ["deploy", "--env", "prod"])
    monkeypatch.delenv("FORCE", raising=False)

    assert deploy.main() == 1
    assert "the market is open" in capsys.readouterr().out


def test_a_pipeline_hands_the_reason_on_and_always_may_go_back() -> None:
    """What is broken in the session by a forced deployment has to be undone in it."""
    steps = (ROOT / ".github/workflows/deploy.yml").read_text(encoding="utf-8").split("      - name: ")
    forced = {step.splitlines()[0]: found[1] for step in steps if (found := re.search(r"FORCE: (.+)", step))}
    calls = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    back = forced["Go back to the commit that was well"]

    assert forced["Deploy"] == "${{ inputs.reason }}"
    assert calls.endswith("with:\n      stage: prod\n      reason: ${{ inputs.reason }}\n")
    assert may_deploy(PROD, at(12, 0), back, lambda _: None)


def test_no_run_of_main_is_ended_or_held_up_by_another_and_no_two_work_on_one_environment() -> None:
    calls = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    steps = (ROOT / ".github/workflows/deploy.yml").read_text(encoding="utf-8")

    assert "group: ci-${{ github.ref == 'refs/heads/main' && github.run_id || github.ref }}\n" in calls
    assert "cancel-in-progress: ${{ github.ref != 'refs/heads/main' }}\n" in calls
    assert "group: deploy-${{ inputs.stage }}\n      cancel-in-progress: false\n" in steps


@pytest.mark.parametrize(
    ("stands", "is_newer", "goes_on"),
    [("None", True, True), ("c0ffee", True, True), ("bead", True, False), ("bead", False, True)],
    ids=["nothing yet", "the same", "one that came after", "one that came before"],
)
def test_a_pipeline_leaves_a_newer_commit_alone(tmp_path: Path, stands: str, is_newer: bool, goes_on: bool) -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text(encoding="utf-8")
    step = text.split("- name: Leave a newer commit alone\n")[1].split("      - name: ")[0]
    script = textwrap.dedent(step.split("run: |\n")[1])
    for name, does in (("aws", f"echo {stands}"), ("git", f"exit {0 if is_newer else 1}")):
        tool = tmp_path / name
        tool.write_text(f"#!/bin/sh\n{does}\n", encoding="utf-8")
        tool.chmod(0o755)
    around = {"PATH": f"{tmp_path}:/usr/bin:/bin", "COMMIT": "c0ffee", "STAGE": "dev", "MARK": "/mark"}

    ran = subprocess.run(["/bin/bash", "-e", "-c", script], env=around, check=False, capture_output=True)

    assert (ran.returncode == 0) is goes_on
