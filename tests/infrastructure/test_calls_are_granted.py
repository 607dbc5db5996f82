"""Every call that the code makes to AWS is allowed to the role that makes it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from cdk.environments import ENVIRONMENTS
from cdk.functions import FUNCTIONS
from tests.infrastructure.aws_calls import (
    actions_of_function,
    actions_of_listener,
    calling_classes,
    modules_with_clients,
)
from tests.infrastructure.templates import Estate

_NEVER_CALLED = {
    # Built for one method of a class only: the rest of it is not this function's to do.
    "admin": {"kms:GenerateDataKey"},
    "executor": {"kms:GenerateDataKey"},
    "priority_executor": {"kms:GenerateDataKey"},
    "postback": {"kms:GenerateDataKey"},
    # Only where the API asks for certificates (test_api_domain.py).
    "canary": {"secretsmanager:GetSecretValue"},
    "notifier": {"kms:GenerateDataKey"},
    # Is asked only whether there is a sender.
    "notifications": {"sns:Publish"},
    "strategy": {"scheduler:ListSchedules"},
    "listener": {"kms:GenerateDataKey"},
}


def _allowed(estate: Estate, role: str) -> set[str]:
    return {grant.action for grant in estate.grants() if grant.role.removesuffix("/ServiceRole") == role}


def _askers(action: str) -> set[str]:
    return {name for name in FUNCTIONS if action in actions_of_function(name)}


def test_what_each_class_asks_of_aws_is_read_from_its_source() -> None:
    assert calling_classes() == {
        "KmsVault": {"kms:GenerateDataKey", "kms:Decrypt"},
        "SecretReader": {"secretsmanager:GetSecretValue"},
        "SigningKeyRotation": {
            "secretsmanager:GetSecretValue",
            "secretsmanager:DescribeSecret",
            "secretsmanager:PutSecretValue",
            "secretsmanager:UpdateSecretVersionStage",
        },
        "S3AuditRoots": {"s3:ListBucket", "s3:GetObject", "s3:PutObject"},
        "RdsTokens": {"rds-db:connect"},
        "SnsNotifier": {"sns:Publish"},
        "SnsTextMessages": {"sns:Publish"},
        "SesMailer": {"ses:SendEmail"},
        "SqsErrands": {"sqs:SendMessage"},
        "SqsOrderQueue": {"sqs:SendMessage"},
        "SqsGauge": {"sqs:GetQueueAttributes"},
        "SqsRedelivery": {"sqs:ChangeMessageVisibility"},
        "SqsHitQueue": {"sqs:SendMessage", "sqs:GetQueueAttributes"},
        "EventBridgeSchedules": {
            "scheduler:CreateSchedule",
            "scheduler:UpdateSchedule",
            "scheduler:DeleteSchedule",
            "scheduler:GetSchedule",
            "scheduler:ListSchedules",
            "iam:PassRole",
        },
    }


def test_clients_are_used_where_this_is_looked_for_and_nowhere_else() -> None:
    assert modules_with_clients() == {
        "adapters/eventbridge_schedules.py",
        "adapters/kms_vault.py",
        "adapters/s3_audit_roots.py",
        "adapters/secrets.py",
        "adapters/ses_mailer.py",
        "adapters/signing_key_rotation.py",
        "adapters/sns_notifier.py",
        "adapters/sns_sms.py",
        "adapters/sqs_errands.py",
        "adapters/sqs_queue.py",
        "bootstrap/parts.py",
        "fargate_listener/hit_queue.py",
        "fargate_listener/connections.py",
    }


def _logging_in(asked: frozenset[str], name: str) -> frozenset[str]:
    """Without what only the other way of logging in to the database asks for, of which feeding_estate is none."""
    return asked - {"rds-db:connect"} - _NEVER_CALLED.get(name, set())


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_a_function_may_do_all_that_it_is_built_for(feeding_estate: Estate, name: str) -> None:
    asked = _logging_in(actions_of_function(name), name)

    assert asked <= _allowed(feeding_estate, feeding_estate.function(name).path)


def test_the_watcher_may_do_all_that_it_is_built_for(feeding_estate: Estate) -> None:
    asked = _logging_in(actions_of_listener(), "listener")

    assert asked == {"sqs:SendMessage", "sqs:GetQueueAttributes", "secretsmanager:GetSecretValue", "kms:Decrypt"}
    assert asked <= _allowed(feeding_estate, "listener/TaskRole")


def test_whoever_logs_in_to_the_database_is_let_in_where_tokens_are_used(estates: Mapping[str, Estate]) -> None:
    for stage, environment in ENVIRONMENTS.items():
        let_in = {name for name in FUNCTIONS if name != "docs" or environment.docs}
        let_in = {name for name in let_in if "rds-db:connect" in _allowed(estates[stage], _path(estates[stage], name))}

        assert let_in == (_askers("rds-db:connect") - {"migrate"} if environment.database_iam else set())


def _path(estate: Estate, name: str) -> str:
    return estate.function(name).path


def test_what_is_built_is_found_through_helpers_too() -> None:
    """Else the tests above would ask for nothing, and pass."""
    assert _askers("secretsmanager:GetSecretValue") == set(FUNCTIONS) - {"docs", "trigger"}
    assert _askers("iam:PassRole") == {"strategy", "converge"}
    assert _askers("ses:SendEmail") == {"mailer", "notifier"}
    assert _askers("sns:Publish") == {"converge", "executor", "priority_executor", "notifier", "notifications"}
    assert _askers("sqs:ChangeMessageVisibility") == {"executor", "priority_executor"}
    assert _askers("sqs:GetQueueAttributes") == {"admin"}
    assert _askers("kms:Decrypt") == {
        "admin",
        "auth",
        "broker",
        "notifications",
        "notifier",
        "postback",
        "executor",
        "priority_executor",
    }
