"""Random walks of `decide` against a model of a broker: what must hold does, and deliberate bugs are found."""

from __future__ import annotations

import pytest

from tests.unit.domain.walks.bugs import BUGS, Bug
from tests.unit.domain.walks.trace import Broken
from tests.unit.domain.walks.walk import walk
from tests.unit.domain.walks.weather import Kind

WALKS = 750
"""Of each kind."""


@pytest.mark.parametrize("kind", Kind)
def test_whatever_the_broker_does_the_decisions_hold(kind: Kind) -> None:
    for seed in range(WALKS):
        walk(kind, seed)


@pytest.mark.parametrize("name", sorted(BUGS))
def test_a_deliberate_bug_is_found(name: str) -> None:
    bug = BUGS[name]

    with bug.applied():
        seed, broken = _first_broken(bug)

    assert bug.found_as in broken
    walk(bug.kind, seed, **bug.weather)  # without the bug the same walk is well


def _first_broken(bug: Bug) -> tuple[int, str]:
    for seed in range(bug.within):
        try:
            walk(bug.kind, seed, **bug.weather)
        except Broken as broken:
            return seed, str(broken)
    pytest.fail(f"not found within {bug.within} walks: {bug.what}")


@pytest.mark.parametrize("kind", Kind)
def test_a_seed_makes_the_same_walk_again(kind: Kind) -> None:
    assert str(walk(kind, 7)) == str(walk(kind, 7))
    assert str(walk(kind, 7)) != str(walk(kind, 8))


def test_a_broken_walk_says_how_to_see_it_again_and_what_happened() -> None:
    with BUGS["sale_not_told"].applied(), pytest.raises(Broken) as broken:
        walk(Kind.PROMPT, 0)

    (note,) = broken.value.__notes__
    assert "python -m tests.unit.domain.walks --kind prompt --seed 0\n" in note
    assert "Tell bought: TCS: bought " in note
