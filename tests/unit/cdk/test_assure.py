"""How checkers' words are read: nothing that was found is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cdk import assure
from cdk.assure import read_audit, read_bandit, read_checkov, read_report, read_secrets, read_tool, run_tool

REPORT = {
    "pluginReports": [
        {
            "pluginName": "AwsSolutions",
            "violations": [
                {
                    "ruleName": "AwsSolutions-VPC7",
                    "description": "no flow log",
                    "violatingConstructs": [{"constructPath": "network/Vpc"}, {"constructPath": "network/Other"}],
                }
            ],
        },
        {"pluginName": "CloudFormation Validate", "violations": []},
    ]
}


def test_every_construct_that_breaks_a_rule_is_named() -> None:
    assert list(read_report(REPORT)) == [
        "AwsSolutions-VPC7 at network/Vpc: no flow log",
        "AwsSolutions-VPC7 at network/Other: no flow log",
    ]


def audit(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


BAD = {"name": "leaky", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
UNSEEN = {"name": "unknown", "skip_reason": "not found"}


def test_a_vulnerable_package_is_found_with_what_mends_it() -> None:
    assert read_audit(audit(BAD, {"name": "fine", "version": "2", "vulns": []}), is_strict=False) == [
        "leaky 1.0: PYSEC-1, mended in 1.1"
    ]


def test_packages_that_could_not_be_looked_up_are_said_and_fail_where_that_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert read_audit(audit(UNSEEN), is_strict=False) == []
    assert "1 of 1 packages could not be looked up" in capsys.readouterr().out
    assert read_audit(audit(UNSEEN), is_strict=True) != []


def test_a_checker_that_fails_without_a_word_has_found_something(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert Path(command[0]).parent == Path(sys.executable).parent
        return subprocess.CompletedProcess(command, 2, "", "")

    monkeypatch.setattr(subprocess, "run", run)

    assert run_tool("zizmor", ".github") == ["zizmor ended with 2"]


LOOKED = {"_totals": {"loc": 1000}}
FOUND = {"filename": "a.py", "line_number": 7, "test_id": "B602", "issue_text": "shell"}


def test_bandit_has_looked_at_everything_or_that_is_a_finding() -> None:
    clean = {"errors": [], "results": [], "metrics": LOOKED}

    assert read_bandit(json.dumps(clean)) == []
    assert read_bandit(json.dumps({**clean, "results": [FOUND]})) == ["a.py:7: B602: shell"]
    assert read_bandit(json.dumps({**clean, "errors": [{"filename": "a.py", "reason": "syntax"}]})) != []
    assert read_bandit(json.dumps({**clean, "metrics": {"_totals": {"loc": 0}}})) != []


def test_a_key_in_a_file_is_named_by_its_place_and_never_shown() -> None:
    found = {"filename": "a.py", "line_number": 7, "type": "AWS Access Key", "hashed_secret": "5fc784"}

    def report(*found: Any, plugins: int = 1) -> str:
        return json.dumps({"results": {"a.py": list(found)}, "plugins_used": [{}] * plugins})

    assert read_secrets(report()) == []
    assert read_secrets(report(found)) == ["a.py:7: AWS Access Key"]
    assert read_secrets(report(plugins=0)) != []


def test_where_git_names_no_file_no_secret_was_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(assure, "ROOT", tmp_path)
    [step] = [each for each in assure._steps([], is_strict=False) if each.name == "detect-secrets"]

    assert step.look()[0] == "git names no file that detect-secrets could look at"


def test_checkov_has_read_every_template_or_that_is_a_finding() -> None:
    failed = {"check_id": "CKV_AWS_27", "resource": "AWS::SQS::Queue.Q", "check_name": "encrypted"}

    def report(**results: Any) -> str:
        return json.dumps({"results": {"failed_checks": [], "parsing_errors": [], **results}})

    assert read_checkov(report()) == []
    assert read_checkov(report(failed_checks=[failed])) == ["CKV_AWS_27 at AWS::SQS::Queue.Q: encrypted"]
    assert read_checkov(report(parsing_errors=["/data.template.json"])) != []
    # What it says of a folder without templates.
    assert read_checkov(json.dumps({"passed": 0, "failed": 0, "parsing_errors": 0})) != []


def test_an_audit_of_nothing_is_a_finding() -> None:
    assert read_audit(audit(), is_strict=False) != []


def test_a_tool_that_says_nothing_readable_has_found_something(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, "", "it crashed")

    monkeypatch.setattr(subprocess, "run", run)

    assert read_tool(read_bandit, "bandit") == ["bandit ended with 0", "it crashed"]


def test_what_is_found_ends_it_with_1(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    steps = [assure.Step("one", list), assure.Step("two", lambda: ["a weakness"])]
    monkeypatch.setattr(assure, "_steps", lambda *_, **__: iter(steps))

    assert assure.main(["--env", "dev"]) == 1
    assert "a weakness" in capsys.readouterr().out

    steps.pop()
    assert assure.main([]) == 0
