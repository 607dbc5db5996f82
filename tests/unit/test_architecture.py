"""What import rules cannot see: the domain and the services take time, chance and surroundings from outside."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

LIBRARY = Path(__file__).parents[2] / "layers" / "algotrading" / "python" / "algotrading"
FORBIDDEN = {
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("time", "time"),
    ("time", "monotonic"),
    ("time", "sleep"),
    ("os", "environ"),
    ("os", "getenv"),
}
PURE = sorted(path for part in ("domain", "services", "contracts") for path in (LIBRARY / part).glob("*.py"))


@pytest.mark.parametrize("path", PURE, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_clock_and_no_environment_inside(path: Path) -> None:
    reads = {
        (node.value.id, node.attr, node.lineno)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }

    assert not {read for read in reads if read[:2] in FORBIDDEN}


def test_the_rule_looks_at_something() -> None:
    assert len(PURE) > 20
