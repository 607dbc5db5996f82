"""`make diff BASE=main ENV=prod`: what the templates of the working tree change against those of a commit.

One line for each resource and output that comes, goes or changes, with the properties that do; of a list the items, of
a long text the part around what differs. What holds data or is known outside (databases, keys, secrets, queues,
addresses) is marked when it goes: CloudFormation would make a new, empty one in its place; so is an output that other
stacks may import.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from itertools import takewhile
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
_LONGEST: Final = 400
"""Of a text, or of what differs in it: what is longer is cut at its end, and says by how much."""
_ROUND: Final = 24
"""So much of what is the same stands on either side of what differs."""


def compare(before: Mapping[str, Template], after: Mapping[str, Template]) -> Iterator[str]:
    """What is different between the templates of two versions, by stack."""
    for stack in sorted(before.keys() | after.keys()):
        old, new = before.get(stack, {}), after.get(stack, {})
        lines = [
            *_compare_stack(old.get("Resources", {}), new.get("Resources", {})),
            *_compare_outputs(old.get("Outputs", {}), new.get("Outputs", {})),
        ]
        if lines:
            yield f"{stack}{'' if stack in before else ' (new)'}{'' if stack in after else ' (gone)'}"
            yield from (f"  {line}" for line in lines)


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


def _compare_outputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None:
            yield f"+ output {name}"
        elif new is None:
            yield f"- output {name}{'  !! refused while another stack imports it' if 'Export' in old else ''}"
        elif old != new:
            yield f"~ output {name}"
            yield from (f"    {line}" for line in _compare_values("", old, new))


def _meaning(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Without what CDK notes for its own readers."""
    return {key: value for key, value in resource.items() if key != "Metadata"}


def _compare_values(path: str, old: Any, new: Any) -> Iterator[str]:
    if old == new:
        return
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _compare_values(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        yield from _compare_lists(path, old, new)
    else:
        before, after = _apart(_text(old), _text(new))
        yield f"{path.removeprefix('Properties.')}: {before} -> {after}"


def _compare_lists(path: str, old: list[Any], new: list[Any]) -> Iterator[str]:
    """Item by item, by the place that each has in the new list; one that goes, by its old place."""
    steps = SequenceMatcher(None, [_text(each) for each in old], [_text(each) for each in new], autojunk=False)
    for step, old_from, old_to, new_from, new_to in steps.get_opcodes():
        if step == "equal":
            continue
        gone, come = old[old_from:old_to], new[new_from:new_to]
        paired = min(len(gone), len(come))
        for place in range(paired):
            yield from _compare_values(f"{path}[{new_from + place}]", gone[place], come[place])
        for place, each in enumerate(gone[paired:], old_from + paired):
            yield from _compare_values(f"{path}[{place}]", each, None)
        for place, each in enumerate(come[paired:], new_from + paired):
            yield from _compare_values(f"{path}[{place}]", None, each)


def _text(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, sort_keys=True)


def _apart(old: str, new: str) -> tuple[str, str]:
    """Both, without the longer beginning and end that they have in common."""
    start = _alike(old, new)
    rest = _alike(old[start:][::-1], new[start:][::-1])
    start, rest = max(0, start - _ROUND), max(0, rest - _ROUND)
    return _cut(old, start, rest), _cut(new, start, rest)


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _cut(text: str, start: int, rest: int) -> str:
    kept = text[start : len(text) - rest]
    more = len(kept) - _LONGEST
    if more > 0:
        return f"{'...' if start else ''}{kept[:_LONGEST]}... ({more + rest} more)"
    return f"{'...' if start else ''}{kept}{'...' if rest else ''}"


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
