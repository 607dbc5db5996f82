"""Functions that are loaded ahead of need: which, when, how many, and that their callers reach just those."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cdk.cost.prices import load_prices
from cdk.cost.standing import standing_lines
from cdk.environments import ENVIRONMENTS, READY_FROM, READY_UNTIL, Environment
from cdk.functions import FUNCTIONS
from cdk.synth import synthesize
from tests.infrastructure.templates import Estate, Resource

READY = {
    "trading/Functions/PriorityExecutor": "exits_ready",
    "api/Functions/Strategy": "commands_ready",
    "api/Functions/Authorizer": "commands_ready",
}
"""Functions whose start a trader would wait for, and the column of the table that has their number."""


def _targets(estate: Estate) -> dict[str, Resource]:
    """What is scaled, by the function's path."""
    found = {}
    for target in estate.resources("AWS::ApplicationAutoScaling::ScalableTarget"):
        words = estate.text(target.stack, target.properties["ResourceId"])
        assert words.startswith("function:")
        function, alias = estate.called(words.removeprefix("function:"), target.stack)
        assert alias == "live"
        found[function] = target
    return found


def test_exits_and_commands_are_kept_ready_and_nothing_else(estate: Estate, environment: Environment) -> None:
    wanted = {path: getattr(environment, column) for path, column in READY.items()}
    most = {path: each.properties["MaxCapacity"] for path, each in _targets(estate).items()}

    assert most == {path: number for path, number in wanted.items() if number}


def test_they_are_ready_from_before_the_open_until_after_the_close_of_a_weekday(estate: Estate) -> None:
    for target in _targets(estate).values():
        number = target.properties["MaxCapacity"]
        actions = {
            each["Schedule"]: (each["Timezone"], each["ScalableTargetAction"])
            for each in target.properties["ScheduledActions"]
        }

        assert actions == {
            "cron(55 8 ? * MON-FRI *)": ("Asia/Kolkata", {"MinCapacity": number, "MaxCapacity": number}),
            "cron(45 15 ? * MON-FRI *)": ("Asia/Kolkata", {"MinCapacity": 0, "MaxCapacity": 0}),
        }
        assert target.properties["MinCapacity"] == 0
        assert target.properties["ServiceNamespace"] == "lambda"
        assert target.properties["ScalableDimension"] == "lambda:function:ProvisionedConcurrency"


def test_no_more_are_kept_ready_than_may_run(estate: Estate) -> None:
    for path, target in _targets(estate).items():
        [function] = (each for each in estate.functions() if each.path == path)

        reserved = function.properties.get("ReservedConcurrentExecutions")
        assert reserved is None or target.properties["MaxCapacity"] <= reserved


@pytest.mark.parametrize("ready", [-1, 101])
def test_a_row_that_keeps_more_ready_than_may_run_is_refused(ready: int) -> None:
    with pytest.raises(ValueError, match="exits_ready of prod"):
        replace(ENVIRONMENTS["prod"], exits_ready=ready)


def test_money_has_exits_ready_and_staging_rehearses_it() -> None:
    assert ENVIRONMENTS["prod"].exits_ready > ENVIRONMENTS["staging"].exits_ready > 0
    assert ENVIRONMENTS["prod"].commands_ready >= 1


def test_whoever_is_kept_ready_is_called_by_its_alias_alone(estate: Estate) -> None:
    """Else the ones that are ready would stand by while others start."""
    calls: list[tuple[str, Any]] = [
        *(
            (each.stack, each.properties["FunctionName"])
            for each in estate.resources("AWS::Lambda::EventSourceMapping")
        ),
        *(
            (each.stack, each.properties["IntegrationUri"])
            for each in estate.resources("AWS::ApiGatewayV2::Integration")
        ),
        *((each.stack, each.properties["FunctionName"]) for each in estate.resources("AWS::Lambda::Permission")),
    ]
    for authorizer in estate.resources("AWS::ApiGatewayV2::Authorizer"):
        words = estate.text(authorizer.stack, authorizer.properties["AuthorizerUri"])
        calls.append((authorizer.stack, words.partition("/functions/")[2].removesuffix("/invocations")))
    called = {estate.called(value, stack) for stack, value in calls}

    assert {path for path, alias in called if alias == "live"} == set(READY)
    assert not {path for path, alias in called if not alias} & set(READY)


def test_what_others_call_without_an_alias_is_not_kept_ready(estate: Estate) -> None:
    """Rules of asynchronous calls (no retry of a late trigger) hold for the name that is called: no alias has any."""
    ruled = {
        estate.text(each.stack, each.properties["FunctionName"])
        for each in estate.resources("AWS::Lambda::EventInvokeConfig")
    }

    assert ruled
    assert not ruled & set(READY)


def test_an_alias_points_at_a_version_of_its_own_function(estate: Estate) -> None:
    versions = {each.logical_id: each for each in estate.resources("AWS::Lambda::Version")}
    for alias in estate.resources("AWS::Lambda::Alias"):
        version = versions[alias.properties["FunctionVersion"]["Fn::GetAtt"][0]]

        assert version.properties["FunctionName"] == alias.properties["FunctionName"]
        assert version.body["DeletionPolicy"] == "Delete"
    assert len(versions) == len(estate.resources("AWS::Lambda::Alias")) == len(READY)


def test_every_change_of_a_function_is_a_new_version_behind_the_same_alias(tmp_path: Path, estates: Any) -> None:
    def ids(estate: Estate, kind: str) -> set[str]:
        return {each.logical_id for each in estate.resources(kind)}

    changed = Estate(synthesize(replace(ENVIRONMENTS["staging"], log_level="WARNING"), tmp_path, in_place=True))

    assert not ids(estates["staging"], "AWS::Lambda::Version") & ids(changed, "AWS::Lambda::Version")
    assert ids(estates["staging"], "AWS::Lambda::Alias") == ids(changed, "AWS::Lambda::Alias")


def test_what_is_kept_ready_has_its_price(estate: Estate, environment: Environment) -> None:
    lines = {line.what: line for line in standing_lines(environment, estate.templates, load_prices())}
    hours = (READY_UNTIL.hour - READY_FROM.hour) + (READY_UNTIL.minute - READY_FROM.minute) / 60

    told = {what.removesuffix(", kept ready") for what in lines if what.endswith(", kept ready")}
    assert told == {name for name, spec in FUNCTIONS.items() if spec.kept_ready and spec.kept_ready(environment)}
    if environment.exits_ready:
        gib = FUNCTIONS["priority_executor"].memory_mib / 1024
        expected = environment.exits_ready * gib * 21.75 * hours * 3600
        assert lines["priority_executor, kept ready"].amount == pytest.approx(expected)
