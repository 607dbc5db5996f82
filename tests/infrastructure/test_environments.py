"""The table of environments, where a rule binds several columns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import pytest

from algotrading.settings import Stage
from cdk.environments import AVAILABILITY_ZONES, ENVIRONMENTS, Environment, environment_named, table_of
from cdk.paths import ROOT
from cdk.toolchain import committed_context
from tests.infrastructure.templates import Estate


def test_production_is_protected_doubled_and_kept() -> None:
    prod = ENVIRONMENTS["prod"]

    assert prod.protected
    assert prod.database_multi_az
    assert prod.listener_tasks == len(AVAILABILITY_ZONES) == 2
    assert prod.nat_gateways >= 2
    assert (prod.log_retention_days, prod.backup_days) == (90, 30)


def test_what_two_watchers_do_is_rehearsed_before_production() -> None:
    assert ENVIRONMENTS["staging"].listener_tasks == ENVIRONMENTS["prod"].listener_tasks


def test_what_a_person_may_ask_for_is_rehearsed_before_production(estate: Estate, environment: Environment) -> None:
    limits = {
        estate.variables(each)["REQUESTS_PER_MINUTE"]
        for each in estate.functions()
        if "REQUESTS_PER_MINUTE" in estate.variables(each)
    }

    assert limits == {str(environment.requests_per_minute)}
    assert ENVIRONMENTS["staging"].requests_per_minute == ENVIRONMENTS["prod"].requests_per_minute == 600


@pytest.mark.parametrize("listener_tasks", [0, 3])
def test_more_watchers_than_zones_or_none_are_refused(listener_tasks: int) -> None:
    with pytest.raises(ValueError, match="listener_tasks of prod must be 1 to 2: one to a zone"):
        replace(ENVIRONMENTS["prod"], listener_tasks=listener_tasks)


_OF_A_PARENT = {
    "AWS::ApiGatewayV2::Authorizer",
    "AWS::ApiGatewayV2::Stage",
    "AWS::IAM::Policy",
    "AWS::Lambda::Alias",
}
"""Their names are known only inside of what they belong to: an API, a role, a function."""


def _own_names(estate: Estate) -> set[tuple[str, str]]:
    """What the environment's resources are called wherever that is said: the type and the name of each."""
    found: set[tuple[str, str]] = set()
    for stack, template in estate.templates.items():
        for body in template["Resources"].values():
            kind = body["Type"].rpartition("::")[2]
            properties = body.get("Properties", {})
            said = {**properties.get(f"{kind}Config", {}), **properties}
            for key in ("Name", f"{kind}Name", "AlarmName"):
                if key in said and body["Type"] not in _OF_A_PARENT:
                    found.add((body["Type"], estate.text(stack, said[key])))
    return found


def test_names_of_one_environment_never_meet_anothers(estates: Mapping[Stage, Estate]) -> None:
    """All of them may stand in one account, where no name of a kind is given twice."""
    names = {stage: _own_names(estate) for stage, estate in estates.items()}
    kinds = {kind.removeprefix("AWS::") for kind, _ in names["dev"]}

    assert kinds >= {"Lambda::Function", "SQS::Queue", "SNS::Topic", "Scheduler::ScheduleGroup", "S3::Bucket"}
    assert kinds >= {"CloudFront::Function", "CloudFront::ResponseHeadersPolicy", "CloudWatch::Alarm", "ECS::Cluster"}
    for one, other in combinations(names, 2):
        assert names[one] & names[other] == set()


def test_no_template_is_bound_to_an_account(estate: Estate) -> None:
    assert not any(word.isdigit() and len(word) == 12 for word in json.dumps(estate.templates).split('"'))


def test_two_environments_do_not_share_a_sender_of_mails() -> None:
    dev, staging = ENVIRONMENTS["dev"], ENVIRONMENTS["staging"]

    with pytest.raises(ValueError, match="mail_sender of staging is that of dev"):
        table_of(dev, replace(staging, mail_sender=dev.mail_sender.upper()))

    assert table_of(dev, staging) == {"dev": dev, "staging": staging}


def test_an_unknown_environment_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="no environment 'qa': choose one of dev, staging, prod"):
        environment_named("qa")


def test_every_start_reads_the_same_feature_flags() -> None:
    committed = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]

    assert committed_context() == committed
    assert committed["@aws-cdk/aws-iam:minimizePolicies"] is True
