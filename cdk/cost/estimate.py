"""One month of an environment, and of the steps of growth."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cdk.cost.lines import Estimate
from cdk.cost.moving import Habits, Workload, moving_lines
from cdk.cost.prices import PriceTable
from cdk.cost.standing import Template, standing_lines
from cdk.cost.steps import STEPS, Step
from cdk.environments import Environment


@dataclass(frozen=True, slots=True)
class StepCost:
    """A month at one step; `cell` is the estimate of one of its cells."""

    step: Step
    workload: Workload
    cell: Estimate

    @property
    def usd(self) -> float:
        """Of all cells."""
        return self.step.cells * self.cell.usd


def estimate(
    environment: Environment, workload: Workload, templates: Mapping[str, Template], prices: PriceTable
) -> Estimate:
    """Raises PriceMissing."""
    moving = moving_lines(environment, workload, Habits(), prices)
    return Estimate([*standing_lines(environment, templates, prices), *moving])


def estimate_steps(
    environment: Environment, workload: Workload, templates: Mapping[str, Template], prices: PriceTable
) -> Iterator[StepCost]:
    """Each step with as many strategies to a user as `workload` has. Raises PriceMissing."""
    strategies_of_a_user = workload.strategies / workload.users
    for step in STEPS:
        users = max(1, math.ceil(step.strategies / strategies_of_a_user))
        whole = Workload(users=users, strategies=step.strategies)
        cell = Workload(users=max(1, math.ceil(users / step.cells)), strategies=step.strategies // step.cells)
        yield StepCost(step, whole, estimate(step.apply(environment), cell, templates, prices))
