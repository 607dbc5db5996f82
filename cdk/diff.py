"""`make diff BASE=main ENV=prod`: what the templates of the working tree change against those of a commit.

One line for each resource that comes, goes or changes, with the properties that do. What holds data or is known outside
(databases, keys, secrets, queues, addresses) is marked when it goes: CloudFormation would make a new, empty one in its
place.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cdk.environments import ENVIRONMENTS
from cdk.paths import ROOT

Template = Mapping[str, Any]
_KEPT: Final = (
    "AWS::RDS::",
    "AWS::ElastiCache::",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::SQS::Queue",
    "AWS::EC2::EIP",
    "AWS::S3::Bucket",
    "AWS::SNS::Topic",
    "AWS::Scheduler::ScheduleGroup",
)
_LONGEST: Final = 60


def compare(before: Mapping[str, Template], after: Mapping[str, Template]) -> Iterator[str]:
    """What is different between the templates of two versions, by stack."""
    for stack in sorted(before.keys() | after.keys()):
        lines = list(_compare_stack(_resources(before.get(stack)), _resources(after.get(stack))))
        if lines:
            yield f"{stack}{'' if stack in before else ' (new)'}{'' if stack in after else ' (gone)'}"
            yield from (f"  {line}" for line in lines)


def _resources(template: Template | None) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {} if template is None else template.get("Resources", {})
    return found


def _compare_stack(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            yield f"+ {new['Type']} {name}"
        elif new is None and old is not None:
            warning = "  !! what it holds is lost, or left behind" if old["Type"].startswith(_KEPT) else ""
            yield f"- {old['Type']} {name}{warning}"
        elif old is not None and new is not None and _meaning(old) != _meaning(new):
            yield f"~ {new['Type']} {name}"
            yield from (f"    {line}" for line in _compare_values("", _meaning(old), _meaning(new)))


def _meaning(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Without what CDK notes for its own readers."""
    return {key: value for key, value in resource.items() if key != "Metadata"}


def _compare_values(path: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _compare_values(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    else:
        yield f"{path.removeprefix('Properties.')}: {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, sort_keys=True)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def synthesize_tree(tree: Path, stage: str, out: Path) -> dict[str, Template]:
    """The templates that the sources in `tree` make, by stack. Raises CalledProcessError where they make none."""
    environment = {**os.environ, "PYTHONPATH": f"{tree / 'layers/algotrading/python'}:{tree}"}
    command = [sys.executable, "-m", "cdk.synth", "--env", stage, "--out", str(out), "--in-place"]
    subprocess.run(command, cwd=tree, env=environment, check=True, capture_output=True)  # noqa: S603 - our own words
    found = {}
    for path in sorted(out.glob("*.template.json")):
        found[path.name.removesuffix(".template.json")] = json.loads(path.read_text(encoding="utf-8"))
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m cdk.diff", description=__doc__)
    parser.add_argument("--base", default="HEAD", help="a commit, branch or tag")
    parser.add_argument("--env", choices=sorted(ENVIRONMENTS), default="dev")
    options = parser.parse_args()
    git = ["git", "-C", str(ROOT)]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "base"
        added = subprocess.run(  # noqa: S603 - our own words
            [*git, "worktree", "add", "--detach", "--quiet", str(tree), options.base], check=False
        )
        if added.returncode != 0:
            sys.stderr.write(f"there is no commit {options.base}\n")
            return 2
        try:
            before = synthesize_tree(tree, options.env, Path(folder) / "before")
            after = synthesize_tree(ROOT, options.env, Path(folder) / "after")
        except subprocess.CalledProcessError as failure:
            sys.stderr.write(failure.stderr.decode(errors="replace"))
            return 1
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], check=False)  # noqa: S603
    lines = list(compare(before, after))
    sys.stdout.write("\n".join(lines or [f"nothing changes in {options.env} since {options.base}"]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
