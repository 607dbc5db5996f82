"""What `make deploy` does when, and in which order; and what a pipeline makes of it."""

from __future__ import annotations

import re
import subprocess
import textwrap
from datetime import date, datetime, time
from pathlib import Path

import pytest
from botocore.exceptions import NoCredentialsError

from algotrading.adapters.clock import SystemClock
from algotrading.domain.sessions import instant_of
from cdk import deploy
from cdk.deploy import CDK_CLI, cdk_words, find_open_market, may_deploy
from cdk.environments import ENVIRONMENTS, environment_named
from cdk.paths import ROOT


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


def test_going_back_leaves_network_and_data_as_they_are() -> None:
    words = cdk_words("prod", keep_data=True)

    assert "--all" not in words
    assert "--exclusively" in words
    assert not {"network", "data"} & set(words)
    assert cdk_words("prod", keep_data=False)[:2] == ["deploy", "--all"]


class Account:
    """One that is logged in to, or not."""

    def __init__(self, *, logged_in: bool) -> None:
        self.logged_in = logged_in

    def get_caller_identity(self) -> dict[str, str]:
        if not self.logged_in:
            raise NoCredentialsError
        return {"Account": "123456789012"}


@pytest.mark.parametrize("logged_in", [True, False])
def test_an_account_is_prepared_by_the_command_line_of_the_deployment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], logged_in: bool
) -> None:
    ran: list[tuple[str, list[str]]] = []

    def run(package: str, words: list[str]) -> int:
        ran.append((package, words))
        return 0

    monkeypatch.setattr(deploy, "_client", lambda _: Account(logged_in=logged_in))
    monkeypatch.setattr(deploy, "run_npm_package", run)
    monkeypatch.setattr("sys.argv", ["deploy", "--bootstrap"])

    assert deploy.main() == (0 if logged_in else 1)
    assert ran == ([(CDK_CLI, ["bootstrap", "aws://123456789012/ap-south-1"])] if logged_in else [])
    assert ("no AWS credentials" in capsys.readouterr().out) is not logged_in


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


@pytest.mark.parametrize(("missing", "begins"), [([], True), (["something"], False)])
def test_what_is_refused_leaves_no_mark_that_it_has_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, missing: list[str], begins: bool
) -> None:
    """By that mark a pipeline goes back, in the midst of a session if it must: not from what never began."""
    mark = tmp_path / "build" / "begun"
    seen: list[bool] = []

    def fail(*_: object) -> int:
        seen.append(mark.exists())
        return 1

    monkeypatch.setattr(deploy, "BEGUN", mark)
    monkeypatch.setattr(deploy, "find_missing", lambda *_, **__: missing)
    monkeypatch.setattr(deploy, "run_npm_package", fail)
    monkeypatch.setattr("sys.argv", ["deploy", "--env", "dev"])

    assert deploy.main() == 1
    assert (seen, mark.exists()) == ([True] if begins else [], begins)


def test_a_pipeline_goes_back_only_from_what_has_begun() -> None:
    text = (ROOT / ".github/workflows/deploy.yml").read_text(encoding="utf-8")
    [condition] = re.findall(r"^        if: (failure\(\).+)$", text, re.MULTILINE)
    mark = deploy.BEGUN.relative_to(ROOT).as_posix()

    assert f"(steps.deploy.outcome == 'failure' && hashFiles('{mark}') != '')" in condition


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
