"""Generated requests, right ones and wrong ones, over the whole document with every check of schemathesis."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from algotrading.entrypoints.api.docs import openapi_document
from tests.fuzz.server import FuzzedApi, served

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))
"""For each route and phase; `make fuzz` asks for many more than a test run has time for."""


def fuzz(folder: Path, document: dict[str, Any], api: FuzzedApi, url: str, *options: str) -> tuple[int, str]:
    """Exit code and words of schemathesis."""
    file = folder / "openapi.json"
    file.write_text(json.dumps(document))
    command = [
        *(sys.executable, "-m", "schemathesis.cli"),
        *("--config-file", str(Path(__file__).with_name("schemathesis.toml"))),
        *("run", str(file), "--url", url, "--checks", "all", "--mode", "all", "--seed", "1"),
        *("--header", f"Authorization: Bearer {api.token}"),
        *("--max-examples", str(EXAMPLES), "--continue-on-failure", "--no-color"),
        *("--suppress-health-check", "all", "--generation-database", "none"),
        *options,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300 if EXAMPLES <= 2 else 0)
def test_the_api_does_what_its_document_says(tmp_path: Path) -> None:
    with served() as (api, url):
        code, said = fuzz(tmp_path, openapi_document(), api, url)
    print(said, f"{api.requests} requests, {len(api.faults)} refusals that changed something")  # noqa: T201

    assert code == 0, said[-20000:]
    assert api.faults == []
    assert api.requests > 500


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("lie", ["a refusal that is not told", "a field that is not answered"])
def test_a_document_that_says_something_else_is_found(tmp_path: Path, lie: str) -> None:
    document = deepcopy(openapi_document())
    answers = document["paths"]["/api/v1/strategy"]["get"]["responses"]
    if lie == "a refusal that is not told":
        del answers["400"]
    else:
        document["components"]["schemas"]["StrategyList"]["required"].append("more")

    with served() as (api, url):
        code, said = fuzz(tmp_path, document, api, url, "--include-path", "/api/v1/strategy")

    assert code == 1, said
    assert {"a refusal that is not told": "Undocumented"}.get(lie, "Response violates schema") in said
