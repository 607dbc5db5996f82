"""The API's document is good enough for a client that nobody wrote: generated, type-checked and used."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from algotrading.entrypoints.api.docs import openapi_document
from tests.fuzz.server import served

STORY = Path(__file__).with_name("story.py")
PACKAGE = "algotrading_client"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the generated package lies."""
    folder = tmp_path_factory.mktemp("client")
    document, settings = folder / "openapi.json", folder / "settings.json"
    document.write_text(json.dumps(openapi_document()))
    settings.write_text(json.dumps({"package_name_override": PACKAGE, "post_hooks": []}))
    made = run(
        "openapi_python_client",
        *("generate", "--path", str(document), "--config", str(settings)),
        *("--output-path", str(folder / PACKAGE), "--meta", "none", "--fail-on-warning"),
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def run(module: str, *arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """A module in a process of its own, with the generated package at hand."""
    environment = {**os.environ, "MYPYPATH": str(path), "PYTHONPATH": str(path)} if path else dict(os.environ)
    command = [sys.executable, "-m", module] if module else [sys.executable]
    return subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)


@pytest.mark.timeout(120)
def test_every_operation_has_a_function(folder: Path) -> None:
    operations = {
        re.sub("_+", "_", operation["operationId"])
        for methods in openapi_document()["paths"].values()
        for operation in methods.values()
        if isinstance(operation, dict)
    }
    functions = {file.stem for file in (folder / PACKAGE / "api").glob("*/*.py")} - {"__init__"}

    assert functions == operations


@pytest.mark.timeout(300)
def test_a_program_that_uses_it_is_typed_through_and_through(folder: Path) -> None:
    checked = run(
        "mypy",
        *("--config-file", os.devnull, "--cache-dir", str(folder / "cache")),
        *("--strict", "--follow-imports", "silent", str(STORY)),
        path=folder,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.timeout(120)
def test_the_program_gets_what_the_document_promises(folder: Path) -> None:
    with served() as (api, url):
        api.world.register("program@example.com")
        done = run("", str(STORY), url, path=folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert api.faults == []
    assert api.requests >= 10


@pytest.mark.timeout(300)
def test_a_program_that_takes_one_answer_for_another_is_found(folder: Path) -> None:
    wrong = folder / "wrong.py"
    wrong.write_text(STORY.read_text().replace("shown.parsed.symbol,", "shown.parsed.symbols,"))

    checked = run(
        "mypy",
        *("--config-file", os.devnull, "--cache-dir", str(folder / "cache")),
        *("--strict", "--follow-imports", "silent", str(wrong)),
        path=folder,
    )

    assert checked.returncode == 1
    assert 'has no attribute "symbols"' in checked.stdout
