"""The benchmark of imports starts every function there is."""

from __future__ import annotations

import pytest

from benchmarks.imports import environment_of
from cdk.functions import FUNCTIONS


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_starts_on_what_the_benchmark_gives_it(name: str) -> None:
    settings = FUNCTIONS[name].settings

    assert settings.load(environment_of(settings)).stage == "dev"
