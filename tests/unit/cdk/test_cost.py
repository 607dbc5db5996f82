"""What a month is estimated to cost, and what is said when it cannot be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from algotrading.entrypoints.hold import RENEWAL_SECONDS
from cdk.cost.__main__ import main
from cdk.cost.estimate import estimate, estimate_steps
from cdk.cost.lines import HOURS, Estimate
from cdk.cost.moving import Habits, Workload, moving_lines
from cdk.cost.prices import PriceMissing, PricesInvalid, PriceTable, load_prices
from cdk.cost.standing import standing_lines, unpriced
from cdk.cost.steps import CONNECTIONS_FOR_EXECUTORS, STEPS, strategies_carried
from cdk.environments import ENVIRONMENTS, REGION, Environment

PROD = ENVIRONMENTS["prod"]


def template(*kinds: str, **properties: Any) -> dict[str, Any]:
    resources = {f"R{number}": {"Type": kind, "Properties": properties} for number, kind in enumerate(kinds)}
    return {"only": {"Resources": resources}}


def priced(*, usd: float = 1, source: str | None = "https://aws.amazon.com") -> str:
    """A table of one price, that was verified."""
    lines = ["date = 2026-11-26", "region = 'x'", "[price.a]", f"usd = {usd}", "unit = 'a'", "verified = true"]
    return "\n".join([*lines, *([] if source is None else [f"source = '{source}'"])])


@pytest.fixture(scope="module")
def prices() -> PriceTable:
    return load_prices()


def month(users: int, strategies: int, prices: PriceTable) -> Estimate:
    return estimate(PROD, Workload(users=users, strategies=strategies), template(), prices)


def test_what_stands_is_counted_by_hour_and_size(prices: PriceTable) -> None:
    lines = {line.what: line for line in standing_lines(PROD, template(), prices)}

    assert lines["NAT gateways"].usd == pytest.approx(2 * HOURS * prices["nat_gateway_hour"].usd)
    assert lines["t3.medium in 2 zone(s)"].usd == pytest.approx(2 * HOURS * prices["database_hour.t3.medium"].usd)
    assert lines["cache.t4g.small nodes"].amount == 2 * HOURS
    assert lines["vCPUs of watchers"].amount == 2 * HOURS * 1
    assert lines["GiB of watchers"].amount == 2 * HOURS * 2
    assert all(line.is_standing for line in lines.values())


def test_small_things_are_counted_in_the_templates(prices: PriceTable) -> None:
    many = template(*["AWS::CloudWatch::Alarm"] * 56, "AWS::KMS::Key", "AWS::IAM::Role")

    lines = {line.what: line for line in standing_lines(PROD, many, prices)}

    assert lines["alarms"].usd == pytest.approx(5.6)
    assert lines["keys"].usd == pytest.approx(1.0)
    assert "secrets" not in lines


def test_an_interface_endpoint_costs_in_each_of_its_zones_and_a_gateways_nothing(prices: PriceTable) -> None:
    interface = template("AWS::EC2::VPCEndpoint", VpcEndpointType="Interface", SubnetIds=["a", "b"])
    gateway = template("AWS::EC2::VPCEndpoint", VpcEndpointType="Gateway")

    assert {line.what: line.amount for line in standing_lines(PROD, interface, prices)}["interface endpoints"] == 1460
    assert "interface endpoints" not in {line.what for line in standing_lines(PROD, gateway, prices)}


def test_what_moves_follows_the_strategies(prices: PriceTable) -> None:
    habits = Habits()
    lines = {line.what: line for line in moving_lines(PROD, Workload(users=1, strategies=100), habits, prices)}

    # 100 strategies, 21 days, two messages of 95 s on a function of 1 GiB.
    assert lines["executor, GiB-seconds"].amount == pytest.approx(100 * 21 * 2 * 95)
    assert lines["alarms"].amount == pytest.approx(100 * 21 * 2 / 1e6)


def test_ten_times_the_strategies_cost_ten_times_the_use_and_not_the_standing(prices: PriceTable) -> None:
    few, many = month(10, 100, prices), month(10, 1_000, prices)

    assert few.standing_usd == many.standing_usd
    executor = [sum(line.usd for line in each.lines if line.what.startswith("executor")) for each in (few, many)]
    assert executor[1] == pytest.approx(10 * executor[0])


def test_the_services_sum_up_to_the_whole(prices: PriceTable) -> None:
    whole = month(10, 100, prices)

    assert sum(sum(both) for both in whole.by_service().values()) == pytest.approx(whole.usd)
    assert sum(standing for standing, _ in whole.by_service().values()) == pytest.approx(whole.standing_usd)
    assert 0 < whole.unverified_usd <= whole.usd


def test_traces_cost_only_where_they_are_taken(prices: PriceTable) -> None:
    untraced = replace(PROD, tracing=False)
    services = {line.service for line in moving_lines(untraced, Workload(users=1, strategies=1), Habits(), prices)}

    assert "X-Ray" not in services
    assert "X-Ray" in month(1, 1, prices).by_service()


def test_secrets_are_read_for_money_only_where_functions_log_in_with_passwords(prices: PriceTable) -> None:
    def readings(environment: Environment) -> list[float]:
        lines = moving_lines(environment, Workload(users=1, strategies=100), Habits(), prices)
        return [line.amount for line in lines if line.service == "Secrets Manager"]

    assert readings(PROD) == []
    assert readings(replace(PROD, database_iam=False)) == [pytest.approx(100 * 21 * 2 / 1e4)]


def test_a_message_is_renewed_as_often_as_its_worker_does_it() -> None:
    assert Habits().renewal_seconds == RENEWAL_SECONDS


def test_a_size_without_a_price_is_told_with_what_to_do(prices: PriceTable) -> None:
    bigger = replace(PROD, database_class="x2g.metal")

    with pytest.raises(PriceMissing, match=r'add \[price."database_hour.x2g.metal"\] to prices.toml'):
        standing_lines(bigger, template(), prices)


def test_a_kind_of_resource_that_nobody_has_thought_of_is_named() -> None:
    assert unpriced(template("AWS::EC2::VPC", "AWS::Neptune::DBCluster", "Custom::Anything")) == {
        "AWS::Neptune::DBCluster": 1
    }


def test_prices_are_those_of_our_region(prices: PriceTable) -> None:
    assert prices.region == REGION


def test_a_verified_price_counts_as_such(tmp_path: Path) -> None:
    table = tmp_path / "prices.toml"
    table.write_text(priced(source="https://aws.amazon.com/kms/pricing/"))

    assert load_prices(table)["a"].verified


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no table",
        priced(usd=-1),
        priced(source=""),
        priced(source="general knowledge"),
        priced(source=None),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    table = tmp_path / "prices.toml"
    table.write_text(text)

    with pytest.raises(PricesInvalid, match=r"prices\.toml cannot be understood"):
        load_prices(table)


@pytest.mark.parametrize(("users", "strategies"), [(0, 1), (1, 0), (-1, 5)])
def test_nobody_and_nothing_is_no_workload(users: int, strategies: int) -> None:
    with pytest.raises(ValueError, match="must be 1 or more"):
        Workload(users=users, strategies=strategies)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: str(step.strategies))
def test_each_step_has_the_executors_and_connections_that_it_needs(step: Any) -> None:
    cell = step.apply(PROD)

    assert cell.executor_concurrency >= step.executors_needed
    assert strategies_carried(cell) * step.cells >= step.strategies
    executors = cell.executor_concurrency + cell.priority_concurrency
    assert executors <= CONNECTIONS_FOR_EXECUTORS * cell.database_connections


def test_a_cell_costs_as_often_as_there_are_cells(prices: PriceTable) -> None:
    workload = Workload(users=20, strategies=100)

    steps = {each.step.strategies: each for each in estimate_steps(PROD, workload, template(), prices)}

    assert list(steps) == [10, 1_000, 100_000]
    assert steps[100_000].usd == pytest.approx(20 * steps[100_000].cell.usd)
    assert [each.workload.users for each in steps.values()] == [2, 200, 20_000]
    assert steps[10].usd / 10 > steps[1_000].usd / 1_000


def test_the_command_prints_services_steps_and_what_is_to_be_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "all.template.json").write_text(json.dumps(template("AWS::KMS::Key", "AWS::Odd::Thing")["only"]))

    code = main(["--env", "prod", "--users", "200", "--strategies", "1000", "--templates", str(tmp_path)])

    told = capsys.readouterr().out
    assert code == 0
    for words in ("per strategy", "Lambda", "100,000", "To be verified: ", "prod carries 400 strategies", "1 AWS::Odd"):
        assert words in told


def test_without_templates_it_says_how_to_get_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--users", "1", "--strategies", "1", "--templates", str(tmp_path)]) == 1
    assert "run make synth first" in capsys.readouterr().err


@pytest.mark.parametrize("number", ["0", "-1", "1.5", "many", ""])
def test_a_number_that_makes_no_sense_is_refused(number: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--users", number, "--strategies", "1"])

    assert ended.value.code == 2
    assert "argument --users" in capsys.readouterr().err
