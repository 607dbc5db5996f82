"""`make assure`: what checkers find in templates, code, files, locked packages and workflows, without an account; and
bills of materials of what runs.

    python -m cdk.assure --env prod     one environment's templates (default: every one)
    python -m cdk.assure --strict       fails also where the advisories of packages cannot be looked up

Runs in a virtual environment of its own (requirements/assure.lock). A finding that is meant is acknowledged by one
sentence beside its resource (cdk/acknowledge.py) or line; any other is printed, and ends this with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from cdk import materials
from cdk.environments import ENVIRONMENTS, Environment
from cdk.paths import ROOT

OUT: Final = ROOT / "build" / "assure"
_CODE: Final = ("layers", "lambdas", "fargate_listener", "cdk", "twin", "exchange_simulator")
_LOCKS: Final = (
    "requirements/dev.lock",
    "requirements/bootstrap.lock",
    "layers/dependencies/requirements.lock",
    "fargate_listener/requirements.lock",
)
_GRAVE: Final = ("high", "critical")
"""Severities of npm's advisories that fail the check: the app's build tools bring many slight ones."""
_SKIPPED_LINTS: Final = "W3005"
"""cfn-lint: CDK writes dependencies that CloudFormation would find by itself."""

Findings = Sequence[str]


@dataclass(frozen=True, slots=True)
class Step:
    """One checker over one thing."""

    name: str
    look: Callable[[], Findings]


def nag(environment: Environment, out: Path) -> Findings:
    """Synthesise into `out` with cdk-nag's AWS Solutions pack; what it finds and nobody has acknowledged."""
    from cdk.synth import make_app
    from cdk.toolchain import use_bundled_node

    use_bundled_node()
    app = make_app(environment, out, in_place=True)
    from aws_cdk import Validations
    from cdk_nag import AwsSolutionsChecks

    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    failure = None
    try:
        app.synth()
    except RuntimeError as error:  # what jsii makes of CDK's ValidationFailed
        failure = str(error).splitlines()[0]
    found = list(read_report(json.loads((out / "validation-report.json").read_text(encoding="utf-8"))))
    return found or ([failure] if failure else [])


def read_report(report: Any) -> Iterator[str]:
    """The violations in CDK's validation report, one line for each construct."""
    for plugin in report["pluginReports"]:
        for violation in plugin["violations"]:
            for construct in violation["violatingConstructs"]:
                yield f"{violation['ruleName']} at {construct['constructPath']}: {violation['description']}"


def run_tool(*command: str) -> Findings:
    """What a tool says that ends with another code than 0."""
    binary = Path(sys.executable).with_name(command[0])
    ran = subprocess.run(  # noqa: S603 - fixed arguments
        [str(binary), *command[1:]], cwd=ROOT, check=False, capture_output=True, text=True
    )
    if ran.returncode == 0:
        return []
    return (ran.stdout + ran.stderr).strip().splitlines() or [f"{command[0]} ended with {ran.returncode}"]


def read_bandit(text: str) -> Findings:
    """What bandit's JSON names; also where it could not read a file, or looked at nothing."""
    report = json.loads(text)
    unread = [f"bandit could not read {each['filename']}: {each['reason']}" for each in report["errors"]]
    if not report["metrics"]["_totals"]["loc"]:
        unread.append("bandit has looked at no line")
    return unread + [
        f"{each['filename']}:{each['line_number']}: {each['test_id']}: {each['issue_text']}"
        for each in report["results"]
    ]


def read_checkov(text: str) -> Findings:
    """What checkov's JSON names; also where it could not read a template, or looked at nothing."""
    report = json.loads(text)
    if "results" not in report:
        return ["checkov has looked at nothing"]
    unread = [f"checkov could not read {each}" for each in report["results"].get("parsing_errors", ())]
    failed = report["results"]["failed_checks"]
    return unread + [f"{each['check_id']} at {each['resource']}: {each['check_name']}" for each in failed]


def read_audit(text: str, *, is_strict: bool) -> Findings:
    """Vulnerable packages of pip-audit's JSON; in strict mode those that could not be looked up as well."""
    packages = json.loads(text)["dependencies"]
    if not packages:
        return ["pip-audit has looked at no package"]
    unseen = [each["name"] for each in packages if "skip_reason" in each]
    found = [
        f"{each['name']} {each['version']}: {advisory['id']}, mended in {', '.join(advisory['fix_versions']) or 'none'}"
        for each in packages
        for advisory in each.get("vulns", ())
    ]
    if unseen and is_strict:
        found.append(f"{len(unseen)} of {len(packages)} packages could not be looked up: {', '.join(unseen[:5])} ...")
    elif unseen:
        sys.stdout.write(f"         advisories of {len(unseen)} of {len(packages)} packages could not be looked up\n")
    return found


def read_npm_audit(text: str, *, is_strict: bool) -> Findings:
    """Grave advisories of `npm audit --json` (npm documentation, npm-audit); others are printed. Where they could not
    be looked up there is no report, which in strict mode is a finding."""
    report = json.loads(text)
    if "vulnerabilities" not in report:
        why = f"advisories of the app's packages could not be looked up: {report.get('message', 'no reason given')}"
        if not is_strict:
            sys.stdout.write(f"         {why}\n")
        return [why] if is_strict else []
    if not report["metadata"]["dependencies"]["prod"]:
        return ["npm audit has looked at no package"]
    # An advisory stands with the package that it is about; packages that need that one only name it.
    advisories = {
        (each["url"], each["severity"], f"{each['name']} {each['range']}: {each['title']}, {each['url']}")
        for package in report["vulnerabilities"].values()
        for each in package["via"]
        if isinstance(each, dict)
    }
    grave = [words for _, severity, words in sorted(advisories) if severity in _GRAVE]
    for _, severity, words in sorted(advisories):
        if severity not in _GRAVE:
            sys.stdout.write(f"         {severity}: {words}\n")
    return grave


def read_tool(read: Callable[[str], Findings], *command: str, folder: Path = ROOT) -> Findings:
    """A tool's words in JSON, whatever code it ends with: some end with 0 where they could not look."""
    binary = Path(command[0]) if os.sep in command[0] else Path(sys.executable).with_name(command[0])
    ran = subprocess.run(  # noqa: S603 - fixed arguments
        [str(binary), *command[1:]], cwd=folder, check=False, capture_output=True, text=True
    )
    try:
        return read(ran.stdout)
    except (ValueError, KeyError, TypeError):
        return [f"{command[0]} ended with {ran.returncode}", *ran.stderr.strip().splitlines()[-3:]]


def _audit(lock: str, *, is_strict: bool) -> Findings:
    words = ("pip-audit", "--requirement", lock, "--disable-pip", "--require-hashes", "--format", "json")
    return read_tool(partial(read_audit, is_strict=is_strict), *words)


def _audit_app(*, is_strict: bool) -> Findings:
    """What is in the app's bundles, and what makes these; its tests' tools never leave a developer's machine."""
    from cdk.toolchain import bundled_npm

    words = (*bundled_npm(), "audit", "--package-lock-only", "--omit=dev", "--json", "--loglevel=error")
    return read_tool(partial(read_npm_audit, is_strict=is_strict), *words, folder=ROOT / "mobile")


def _lint(out: Path) -> Findings:
    templates = sorted(map(str, out.glob("*.template.json")))
    return run_tool("cfn-lint", "--regions", "ap-south-1", "--ignore-checks", _SKIPPED_LINTS, "--", *templates)


def _check(out: Path) -> Findings:
    # From where it runs: it writes the path into the templates that it looks at, and a checkout whose own path has the
    # length of a secret would be found to hold one.
    words = (
        "checkov",
        "-d",
        os.path.relpath(out, ROOT),
        "--framework",
        "cloudformation",
        "--compact",
        "--output",
        "json",
    )
    return read_tool(read_checkov, *words, "--skip-download")


def _secure() -> Findings:
    missing = [f"there is no folder {name}" for name in _CODE if not (ROOT / name).is_dir()]
    words = ("bandit", "--quiet", "--configfile", "pyproject.toml", "--format", "json", "--recursive", *_CODE)
    return [*missing, *read_tool(read_bandit, *words)]


def read_secrets(text: str) -> Findings:
    """What detect-secrets' JSON names; also where it looked for nothing."""
    report = json.loads(text)
    if not report["plugins_used"]:
        return ["detect-secrets has looked for nothing"]
    return [
        f"{each['filename']}:{each['line_number']}: {each['type']}"
        for found in report["results"].values()
        for each in found
    ]


def _secrets() -> Findings:
    """In every file that git tracks: whatever has the shape of somebody's key. Not by how random a word looks, or what
    it is called: digests and the examples of tests do, too."""
    tracked = subprocess.run(["git", "ls-files", "--", *_CODE], cwd=ROOT, check=False, capture_output=True, text=True)  # noqa: S603, S607 - fixed arguments
    if not tracked.stdout:
        # It would look at nothing then, and find nothing.
        return ["git names no file that detect-secrets could look at", *tracked.stderr.strip().splitlines()[-1:]]
    guesses = ("KeywordDetector", "HexHighEntropyString", "Base64HighEntropyString")
    words = [word for name in guesses for word in ("--disable-plugin", name)]
    return read_tool(read_secrets, "detect-secrets", "scan", "--no-verify", *words)


def _steps(environments: Sequence[Environment], *, is_strict: bool) -> Iterator[Step]:
    for environment in environments:
        out = OUT / environment.stage
        yield Step(f"cdk-nag, {environment.stage}", partial(nag, environment, out))
        yield Step(f"cfn-lint, {environment.stage}", partial(_lint, out))
        yield Step(f"checkov, {environment.stage}", partial(_check, out))
    yield Step("bandit", _secure)
    yield Step("detect-secrets", _secrets)
    yield Step("zizmor, workflows", partial(run_tool, "zizmor", "--offline", "--quiet", ".github"))
    yield Step("bills of materials", materials.write_all)
    for lock in _LOCKS:
        yield Step(f"pip-audit, {lock}", partial(_audit, lock, is_strict=is_strict))
    yield Step("npm audit, mobile/package-lock.json", partial(_audit_app, is_strict=is_strict))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Check templates, code, packages and workflows.")
    parser.add_argument("--env", choices=sorted(ENVIRONMENTS), default=None, help="only its templates")
    parser.add_argument("--strict", action="store_true", help="fail where advisories cannot be looked up")
    options = parser.parse_args(arguments)
    environments = [ENVIRONMENTS[options.env]] if options.env else list(ENVIRONMENTS.values())
    steps = list(_steps(environments, is_strict=options.strict))
    found = 0
    for number, step in enumerate(steps, 1):
        sys.stdout.write(f"[assure {number}/{len(steps)}] {step.name}\n")
        sys.stdout.flush()
        for line in step.look():
            found += 1
            sys.stdout.write(f"         {line}\n")
    sys.stdout.write(f"[assure] {'nothing is found that is not meant' if not found else 'see above'}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
