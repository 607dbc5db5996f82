"""How checkers' words are read: nothing that was found is lost."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cdk import assure
from cdk.assure import (
    read_audit,
    read_bandit,
    read_checkov,
    read_npm_audit,
    read_report,
    read_secrets,
    read_tool,
    run_tool,
)
from cdk.paths import ROOT

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


def npm_audit(*advisories: dict[str, str], looked_at: int = 600) -> str:
    """As npm 11 writes it: the advisory stands with its package, and its name with those that need that one."""
    packages = {
        each["name"]: {"name": each["name"], "severity": each["severity"], "via": [each]} for each in advisories
    }
    needing = {"expo": {"name": "expo", "severity": "high", "via": sorted(packages)}}
    counted = {"dependencies": {"prod": looked_at, "dev": 9}}
    return json.dumps({"auditReportVersion": 2, "vulnerabilities": packages | needing, "metadata": counted})


def advisory(severity: str) -> dict[str, str]:
    words = {"title": "Prototype pollution", "url": f"https://github.com/advisories/GHSA-{severity}"}
    return {"name": f"{severity}-one", "range": "<1.2", "severity": severity, **words}


@pytest.mark.parametrize("is_strict", [False, True])
def test_a_grave_advisory_of_the_apps_packages_is_found_and_a_slight_one_said(
    capsys: pytest.CaptureFixture[str], is_strict: bool
) -> None:
    report = npm_audit(advisory("high"), advisory("critical"), advisory("moderate"))

    assert read_npm_audit(report, is_strict=is_strict) == [
        "critical-one <1.2: Prototype pollution, https://github.com/advisories/GHSA-critical",
        "high-one <1.2: Prototype pollution, https://github.com/advisories/GHSA-high",
    ]
    assert "moderate: moderate-one <1.2" in capsys.readouterr().out
    assert read_npm_audit(npm_audit(), is_strict=is_strict) == []


def test_an_app_of_which_no_package_was_looked_at_is_no_clean_one(capsys: pytest.CaptureFixture[str]) -> None:
    refused = json.dumps({"message": "405 Method Not Allowed", "error": {"summary": ""}})

    assert read_npm_audit(npm_audit(looked_at=0), is_strict=False) == ["npm audit has looked at no package"]
    assert read_npm_audit(refused, is_strict=False) == []
    assert "could not be looked up: 405 Method Not Allowed" in capsys.readouterr().out
    assert len(read_npm_audit(refused, is_strict=True)) == 1


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


def test_what_was_clean_when_it_was_pushed_is_looked_through_again_every_night() -> None:
    """And fails where nothing could be looked up: a scan that finds nothing because it saw nothing is none."""
    folder = ROOT / ".github/workflows"
    workflows = {name: (folder / f"{name}.yml").read_text(encoding="utf-8") for name in ("ci", "nightly")}

    for text in workflows.values():
        assert re.search(r"run: make assure .*STRICT=1", text)
    assert "schedule:" in workflows["nightly"]


def test_newer_versions_are_asked_for_where_there_is_something_to_update() -> None:
    text = (ROOT / ".github/dependabot.yml").read_text(encoding="utf-8")
    asked = re.findall(r"package-ecosystem: (\S+)\n    directory: /(\S*)", text)
    found = {"github-actions": ".github/workflows", "npm": "mobile/package-lock.json"}

    assert {name for name, _ in asked} == found.keys()
    for name, folder in asked:
        assert (ROOT / folder / found[name].removeprefix(f"{folder}/")).exists()
