"""The table of environments, where a rule binds several columns."""

from __future__ import annotations

import json

import pytest

from cdk.environments import ENVIRONMENTS, Environment, environment_named
from cdk.paths import ROOT
from cdk.toolchain import committed_context
from tests.infrastructure.templates import Estate


def test_production_is_protected_doubled_and_kept() -> None:
    prod = ENVIRONMENTS["prod"]

    assert prod.protected
    assert prod.database_multi_az
    assert prod.listener_tasks >= 2
    assert prod.nat_gateways >= 2
    assert (prod.log_retention_days, prod.backup_days) == (90, 30)


def test_names_of_one_environment_never_meet_anothers(estate: Estate, environment: Environment) -> None:
    names = [
        *(each.properties["FunctionName"] for each in estate.functions()),
        *(each.properties["QueueName"] for each in estate.resources("AWS::SQS::Queue")),
        *(each.properties["TopicName"] for each in estate.resources("AWS::SNS::Topic")),
        *(each.properties["Name"] for each in estate.resources("AWS::Scheduler::ScheduleGroup")),
    ]

    assert names
    assert all(name.startswith(f"algotrading-{environment.stage}-") for name in names)


def test_no_template_is_bound_to_an_account(estate: Estate) -> None:
    assert not any(word.isdigit() and len(word) == 12 for word in json.dumps(estate.templates).split('"'))


def test_an_unknown_environment_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="no environment 'qa': choose one of dev, staging, prod"):
        environment_named("qa")


def test_every_start_reads_the_same_feature_flags() -> None:
    committed = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]

    assert committed_context() == committed
    assert committed["@aws-cdk/aws-iam:minimizePolicies"] is True
