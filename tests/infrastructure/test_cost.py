"""The estimate of `make cost` speaks of the estate that is deployed."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cdk.cost.endpoints import endpoint_usd, pays_from_gib, through_nat_gib
from cdk.cost.estimate import estimate, estimate_steps
from cdk.cost.moving import Workload
from cdk.cost.prices import load_prices
from cdk.cost.standing import unpriced
from cdk.environments import ENVIRONMENTS, Environment
from cdk.paths import ROOT
from tests.infrastructure.templates import Estate


def test_every_kind_of_resource_has_a_price_or_is_known_to_be_free(estate: Estate) -> None:
    """A new one goes into cdk/cost/standing.py, and its price into prices.toml."""
    assert unpriced(estate.templates) == {}


def test_sizes_are_those_of_the_templates(estate: Estate, environment: Environment) -> None:
    [database] = (each.properties for each in estate.resources("AWS::RDS::DBInstance"))
    [cache] = (each.properties for each in estate.resources("AWS::ElastiCache::ReplicationGroup"))
    tasks = [each.properties for each in estate.resources("AWS::ECS::TaskDefinition")]

    assert len(estate.resources("AWS::EC2::NatGateway")) == environment.nat_gateways
    assert len(estate.resources("AWS::EC2::EIP")) == environment.nat_gateways
    assert (database["DBInstanceClass"], database["MultiAZ"], database["AllocatedStorage"]) == (
        f"db.{environment.database_class}",
        environment.database_multi_az,
        str(environment.database_storage_gib),
    )
    assert (cache["CacheNodeType"], cache["NumCacheClusters"]) == (environment.cache_node, environment.cache_nodes)
    assert [(each["Cpu"], each["Memory"]) for each in tasks] == environment.listener_tasks * [
        (str(environment.listener_cpu), str(environment.listener_memory_mib))
    ]
    assert sum(each.properties["DesiredCount"] for each in estate.resources("AWS::ECS::Service")) == len(tasks)


def test_every_environment_and_every_step_of_it_has_its_prices(estate: Estate, environment: Environment) -> None:
    prices, workload = load_prices(), Workload(users=50, strategies=200)

    whole = estimate(environment, workload, estate.templates, prices)
    steps = list(estimate_steps(environment, workload, estate.templates, prices))

    assert whole.usd > whole.standing_usd > 0
    assert {line.what for line in whole.lines} >= {"alarms", "keys", "secrets", "polls of idle queues"}
    assert [each.usd for each in steps] == sorted(each.usd for each in steps)


def test_no_interface_endpoint_would_pay_at_any_size_and_none_is_there(
    estate: Estate, environment: Environment
) -> None:
    """docs/decisions/no-interface-endpoints.md: all that goes through NAT, to brokers too, is less than would
    pay for the endpoint of a single service."""
    prices, workload = load_prices(), Workload(users=50, strategies=200)
    cells = [each.cell for each in estimate_steps(environment, workload, estate.templates, prices)]

    assert 0 < max(map(through_nat_gib, cells)) < pays_from_gib(prices)
    assert {
        each.properties.get("VpcEndpointType", "Gateway") for each in estate.resources("AWS::EC2::VPCEndpoint")
    } == {"Gateway"}


def test_an_endpoint_pays_where_what_it_saves_is_what_it_costs() -> None:
    prices = load_prices()
    saved = pays_from_gib(prices) * (prices["nat_gib"].usd - prices["endpoint_gib"].usd)

    assert round(saved, 6) == round(endpoint_usd(prices), 6) == round(2 * 730 * prices["endpoint_hour"].usd, 6)


def test_the_plan_of_growth_names_what_the_estimate_says(estates: Mapping[str, Estate]) -> None:
    """As it says itself: of `make cost ENV=prod USERS=200 STRATEGIES=1000`."""
    plan = (ROOT / "docs/scale.md").read_text(encoding="utf-8")
    [row] = (line for line in plan.splitlines() if line.startswith("| a month, of which by use |"))
    told = [
        [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*\d|\d", cell)] for cell in row.split("|")[2:5]
    ]
    workload = Workload(users=200, strategies=1000)
    steps = list(estimate_steps(ENVIRONMENTS["prod"], workload, estates["prod"].templates, load_prices()))

    assert told == [[round(each.usd), round(each.usd - each.step.cells * each.cell.standing_usd)] for each in steps]
