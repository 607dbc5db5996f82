"""The prover is proven: each deliberate bug is noticed, within its number of seeds, by an invariant that may."""

from __future__ import annotations

import pytest

from tests.simulation.day import simulate_day
from tests.simulation.mutations import MUTATIONS


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(MUTATIONS))
def test_a_deliberate_bug_is_noticed(name: str) -> None:
    mutation = MUTATIONS[name]
    noticed: set[str] = set()

    with mutation.applied():
        for seed in range(mutation.within):
            noticed |= {violation.name for _, violation in simulate_day(seed, rates=mutation.rates).violations}
            if noticed & mutation.noticed_by:
                break

    assert noticed & mutation.noticed_by, f"{mutation.what}: {sorted(noticed)} within {mutation.within} seeds"


def test_there_are_enough_of_them() -> None:
    assert len(MUTATIONS) >= 12
