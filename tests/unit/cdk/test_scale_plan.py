"""docs/scale.md speaks of the steps that `make cost` prices."""

from __future__ import annotations

import re

import pytest

from cdk.cost.steps import STEPS, Step
from cdk.environments import ENVIRONMENTS
from cdk.paths import ROOT

PROD = ENVIRONMENTS["prod"]


def _table() -> dict[str, list[str]]:
    """The table of steps: its cells by the first of each row."""
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    _, _, steps = text.partition("## The steps\n")
    rows = [line.strip("|").split("|") for line in steps.partition("###")[0].splitlines() if line.startswith("|")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


@pytest.mark.parametrize(("column", "step"), list(enumerate(STEPS)), ids=[str(step.strategies) for step in STEPS])
def test_the_plan_has_the_sizes_that_are_priced(column: int, step: Step) -> None:
    table, cell = _table(), step.apply(PROD)

    def told(row: str) -> list[int]:
        return [int(number.replace(",", "")) for number in re.findall(r"\b[\d,]+\b", table[row][column])]

    assert int(table[""][column].replace(",", "")) == step.strategies
    assert told("cells (whole environments)")[0] == step.cells
    assert told("due in the busiest minute, of a cell") == [step.executors_needed]
    assert told("`executor_concurrency`") == [cell.executor_concurrency]
    assert told("`priority_concurrency`") == [cell.priority_concurrency]
    assert told("`exits_ready`") == [cell.exits_ready]
    assert told("storage of the database") == [cell.database_storage_gib]
    assert cell.database_class in table["database, connections"][column]
    assert told("database, connections")[-1] == cell.database_connections
    assert table["Valkey"][column] == cell.cache_node
    assert told("watchers, each") == [cell.listener_cpu // 1024, cell.listener_memory_mib // 1024]


def test_the_lambda_quota_has_room_for_what_is_reserved() -> None:
    quotas = _table()["Lambda quota of the account"]

    for step, quota in zip(STEPS, quotas, strict=True):
        cell = step.apply(PROD)
        [most, *_] = re.findall(r"[\d,]+", quota)
        reserved = cell.executor_concurrency + cell.priority_concurrency + 11
        assert reserved + 100 <= int(most.replace(",", ""))
