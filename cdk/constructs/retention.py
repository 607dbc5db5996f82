"""Log groups that are created by us: with a retention, and gone with a disposable environment."""

from __future__ import annotations

from typing import Final

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.acknowledge import acknowledge
from cdk.environments import Environment

_RETENTION: Final = {
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    90: logs.RetentionDays.THREE_MONTHS,
}


KEPT: Final = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""Kept, but not where the very deployment that makes it fails and goes back: what has a name of ours would stand in the
way of the next attempt for ever (AWS CloudFormation documentation, DeletionPolicy, RetainExceptOnCreate)."""


def removal_policy(environment: Environment) -> RemovalPolicy:
    """What becomes of data when its stack goes."""
    return KEPT if environment.protected else RemovalPolicy.DESTROY


def log_group(scope: Construct, construct_id: str, *, environment: Environment, name: str) -> logs.LogGroup:
    """The log group `/algotrading/<stage>/<name>`."""
    group = logs.LogGroup(
        scope,
        construct_id,
        log_group_name=f"/algotrading/{environment.stage}/{name}",
        retention=_RETENTION[environment.log_retention_days],
        removal_policy=removal_policy(environment),
    )
    acknowledge(group, "CloudWatch encrypts it with a key of its own; logs hold no secret.", checkov=("CKV_AWS_158",))
    return group
