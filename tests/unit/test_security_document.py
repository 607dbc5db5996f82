"""docs/security.md and docs/secure-development.md name what holds their claims: each has to be there. And the threat
model speaks of every part that runs, and of every route that asks nobody who they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from algotrading.contracts.api_routes import API_ROUTES

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "layers/algotrading/python/algotrading"
PAGES = ("docs/security.md", "docs/secure-development.md")
NAMED = re.compile(r"`(tests/[\w/]+\.py)`")


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_the_document_names_exists(page: str) -> None:
    named = set(NAMED.findall((ROOT / page).read_text(encoding="utf-8")))

    assert len(named) > 15
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []


def test_every_file_that_the_page_of_development_names_exists() -> None:
    text = (ROOT / "docs/secure-development.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w./-]+/[\w-]+\.\w+)`", text))

    assert len(named) > 20
    assert [path for path in sorted(named) if not (ROOT / path).is_file() and not (LIBRARY / path).is_file()] == []


def _section(title: str) -> list[list[str]]:
    """The rows of a table of the threat model, cell by cell, without its heading."""
    _, _, rest = (ROOT / "docs/security.md").read_text(encoding="utf-8").partition(f"\n## {title}\n")
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_threat_model_speaks_of_every_part_that_runs_and_of_every_open_route() -> None:
    parts = {f"lambdas/{path.parent.name}" for path in (ROOT / "lambdas").glob("*/handler.py")}
    routes = {route.key for route in API_ROUTES if route.is_open}
    rows = {part.strip("`"): doors.split("; ") for part, doors in _section("Which part is attacked by which doors")}

    assert set(rows) == parts | routes | {"fargate_listener"}
    doors = {door for door, *_ in _section("Threats by door") if door}
    assert {door for named in rows.values() for door in named} <= doors
