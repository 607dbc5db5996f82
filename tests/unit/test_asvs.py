"""docs/asvs.md answers every requirement of OWASP ASVS 4.0.3, levels 1 and 2, and names only what exists."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "layers/algotrading/python/algotrading"
ANSWERS = {"met", "met by AWS", "met by the browser", "does not apply", "NOT met"}
SECTIONS: dict[str, tuple[int, ...]] = {
    "1.1": (1, 2, 3, 4, 5, 6, 7),
    "1.2": (1, 2, 3, 4),
    "1.4": (1, 4, 5),
    "1.5": (1, 2, 3, 4),
    "1.6": (1, 2, 3, 4),
    "1.7": (1, 2),
    "1.8": (1, 2),
    "1.9": (1, 2),
    "1.10": (1,),
    "1.11": (1, 2),
    "1.12": (2,),
    "1.14": (1, 2, 3, 4, 5, 6),
    "2.1": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12),
    "2.2": (1, 2, 3),
    "2.3": (1, 2, 3),
    "2.4": (1, 2, 3, 4, 5),
    "2.5": (1, 2, 3, 4, 5, 6, 7),
    "2.6": (1, 2, 3),
    "2.7": (1, 2, 3, 4, 5, 6),
    "2.8": (1, 2, 3, 4, 5, 6, 7),
    "2.9": (1, 2, 3),
    "2.10": (1, 2, 3, 4),
    "3.1": (1,),
    "3.2": (1, 2, 3, 4),
    "3.3": (1, 2, 3, 4),
    "3.4": (1, 2, 3, 4, 5),
    "3.5": (1, 2, 3),
    "3.7": (1,),
    "4.1": (1, 2, 3, 5),
    "4.2": (1, 2),
    "4.3": (1, 2, 3),
    "5.1": (1, 2, 3, 4, 5),
    "5.2": (1, 2, 3, 4, 5, 6, 7, 8),
    "5.3": (1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
    "5.4": (1, 2, 3),
    "5.5": (1, 2, 3, 4),
    "6.1": (1, 2, 3),
    "6.2": (1, 2, 3, 4, 5, 6),
    "6.3": (1, 2),
    "6.4": (1, 2),
    "7.1": (1, 2, 3, 4),
    "7.2": (1, 2),
    "7.3": (1, 3, 4),
    "7.4": (1, 2, 3),
    "8.1": (1, 2, 3, 4),
    "8.2": (1, 2, 3),
    "8.3": (1, 2, 3, 4, 5, 6, 7, 8),
    "9.1": (1, 2, 3),
    "9.2": (1, 2, 3, 4),
    "10.2": (1, 2),
    "10.3": (1, 2, 3),
    "11.1": (1, 2, 3, 4, 5, 6, 7, 8),
    "12.1": (1, 2, 3),
    "12.2": (1,),
    "12.3": (1, 2, 3, 4, 5, 6),
    "12.4": (1, 2),
    "12.5": (1, 2),
    "12.6": (1,),
    "13.1": (1, 3, 4, 5),
    "13.2": (1, 2, 3, 5, 6),
    "13.3": (1, 2),
    "13.4": (1, 2),
    "14.1": (1, 2, 3, 4),
    "14.2": (1, 2, 3, 4, 5, 6),
    "14.3": (2, 3),
    "14.4": (1, 2, 3, 4, 5, 6, 7),
    "14.5": (1, 2, 3, 4),
}
"""The numbers of levels 1 and 2: those of level 3 alone, and those that the standard took back, are not among them."""
_NAMED = re.compile(r"`([^`]+)`")
_TEST = re.compile(r"(tests/[\w/]+\.py)::(test_\w+)")


class Row(NamedTuple):
    number: str
    requirement: str
    answer: str
    how: str
    shown: str


def _rows() -> list[Row]:
    lines = (ROOT / "docs/asvs.md").read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if re.match(r"\| \d", line)]
    return [Row(*row) for row in cells]


@cache
def _tests_in(path: str) -> frozenset[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_requirement_of_both_levels_is_answered_once() -> None:
    wanted = [f"{section}.{number}" for section, numbers in SECTIONS.items() for number in numbers]

    assert Counter(row.number for row in _rows()) == Counter(wanted)


def test_every_answer_is_one_of_those_that_are_counted_at_the_top() -> None:
    rows = _rows()
    answers = Counter(row.answer for row in rows)

    assert set(answers) <= ANSWERS
    top = (ROOT / "docs/asvs.md").read_text(encoding="utf-8")
    assert f"Of {len(rows)}: {answers['met']} met, {answers['met by AWS']} met by AWS," in top
    assert f"{answers['does not apply']} do not apply, **{answers['NOT met']} not met**" in top


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row.number)
def test_a_row_says_how_and_names_what_exists(row: Row) -> None:
    assert row.requirement
    assert len(row.how) > 10 or row.how.startswith("`"), "it says nothing of how, or why not"
    if row.answer == "does not apply":
        assert row.how.startswith("because ")

    test = _TEST.search(row.shown)
    if test is None:
        assert row.shown.startswith("by reading")
    else:
        assert test[2] in _tests_in(test[1])
    paths = [name for name in _NAMED.findall(f"{row.how} {row.shown}") if "/" in name and "::" not in name]
    assert [path for path in paths if not (ROOT / path).exists() and not (LIBRARY / path).exists()] == []
