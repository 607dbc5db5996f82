"""The prover is proven: each deliberate bug is noticed, within its number of seeds, by an invariant that may."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.simulation.mutations import MUTATIONS, try_out

DOCUMENT = Path(__file__).parents[2] / "docs" / "simulation.md"
_ROW = re.compile(r"^\| (?P<what>.+) \| (?P<noticed_by>[^|]+) \| (?P<needed>\d+) of (?P<within>\d+) \|$", re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_deliberate_bug_is_noticed(name: str) -> None:
    mutation = MUTATIONS[name]

    needed, violated = try_out(mutation)

    assert needed is not None, f"{mutation.what}: {sorted(violated)} within {mutation.within} seeds"


def test_there_are_enough_of_them() -> None:
    assert len(MUTATIONS) >= 12


def test_the_document_names_each_with_what_may_notice_it_and_within_how_many_seeds() -> None:
    rows = list(_ROW.finditer(DOCUMENT.read_text("utf-8")))

    documented = {row["what"]: (set(row["noticed_by"].split(", ")), int(row["within"])) for row in rows}
    assert documented == {each.what: (set(each.noticed_by), each.within) for each in MUTATIONS.values()}
    assert all(int(row["needed"]) <= int(row["within"]) for row in rows)
