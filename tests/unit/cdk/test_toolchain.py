"""That a machine with Python and nothing else has what CDK needs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cdk import toolchain


def test_what_npm_runs_finds_the_node_of_our_own_packages(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """npx leaves the PATH as it is, and programs of npm begin with `env node`: without Node nobody could deploy."""
    npx = tmp_path / "npx.js"
    npx.write_text(
        "const { spawnSync } = require('child_process');\n"
        "const [yes, name, ...words] = process.argv.slice(2);\n"
        "const ran = spawnSync('env', ['node', '-e', 'process.exit(process.argv.length)', ...words]);\n"
        "process.exit(yes === '--yes' && name === 'a-package@1' ? ran.status : 99);\n",
        encoding="utf-8",
    )
    of_the_package = toolchain._bundled("bin/node", "node.exe")
    monkeypatch.setattr(toolchain, "_bundled", lambda *names: npx if "npx" in names[0] else of_the_package)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/env").symlink_to(str(shutil.which("env")))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert shutil.which("node") is None

    assert toolchain.run_npm_package("a-package@1", ["deploy", "--all"]) == 3
