"""What is called by the clock, and that nothing is called late."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import TypeAdapter

from algotrading.contracts.operator import ForgetOverAction, OperatorAction, VerifyAuditAction
from algotrading.domain.metrics import TROUBLES
from tests.infrastructure.templates import API_ENDPOINT, Estate, Resource
from twin.tell_traders import EVENTS


def _schedules(estate: Estate, function: str) -> list[Resource]:
    target = estate.function(function).path
    schedules = estate.resources("AWS::Scheduler::Schedule")
    return [each for each in schedules if estate.text(each.stack, each.properties["Target"]["Arn"]) == target]


def _schedule(estate: Estate, function: str) -> Resource:
    (schedule,) = _schedules(estate, function)
    return schedule


def _asynchronous(estate: Estate, function: str) -> Resource:
    name = estate.function(function).logical_id
    (config,) = (
        each
        for each in estate.resources("AWS::Lambda::EventInvokeConfig")
        if each.properties["FunctionName"]["Ref"] == name
    )
    return config


def test_a_trigger_is_never_retried_nor_delivered_late(estate: Estate) -> None:
    config = _asynchronous(estate, "trigger").properties

    assert config["MaximumRetryAttempts"] == 0
    assert config["MaximumEventAgeInSeconds"] == 60
    failed = config["DestinationConfig"]["OnFailure"]["Destination"]
    assert estate.text("trading", failed) == "trading/Scheduling/DeadLetters"


def test_the_scheduler_may_call_the_trigger_and_leave_dead_letters_and_nothing_else(estate: Estate) -> None:
    allowed = {
        (grant.action, grant.resource.removesuffix(":*"))
        for grant in estate.grants()
        if grant.role == "trading/Scheduling/Role"
    }

    assert allowed == {
        ("lambda:InvokeFunction", "trading/Functions/Trigger"),
        ("sqs:SendMessage", "trading/Scheduling/DeadLetters"),
        ("sqs:GetQueueAttributes", "trading/Scheduling/DeadLetters"),
        ("sqs:GetQueueUrl", "trading/Scheduling/DeadLetters"),
    }


def test_only_the_scheduler_acting_for_the_strategies_group_assumes_its_role(estate: Estate) -> None:
    role = estate.one("AWS::IAM::Role", "trading/Scheduling/Role").properties["AssumeRolePolicyDocument"]
    (statement,) = role["Statement"]

    assert statement["Principal"] == {"Service": "scheduler.amazonaws.com"}
    conditions = statement["Condition"]["StringEquals"]
    assert estate.text("trading", conditions["aws:SourceArn"]) == "trading/Scheduling/Group"
    assert conditions["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}


def test_schedulers_dead_letters_are_a_standard_queue(estate: Estate) -> None:
    queue = estate.one("AWS::SQS::Queue", "trading/Scheduling/DeadLetters").properties

    assert "FifoQueue" not in queue


def test_those_who_make_schedules_describe_them_alike(estate: Estate) -> None:
    names = ("SCHEDULE_GROUP", "SCHEDULE_TARGET_ARN", "SCHEDULE_ROLE_ARN", "SCHEDULE_DLQ_ARN")
    makers = [estate.variables(estate.function(name)) for name in ("strategy", "converge")]

    described = {tuple(maker[name] for name in names) for maker in makers}

    group = estate.one("AWS::Scheduler::ScheduleGroup", "trading/Scheduling").properties["Name"]
    assert described == {
        (group, "trading/Functions/Trigger", "trading/Scheduling/Role", "trading/Scheduling/DeadLetters")
    }


def test_converge_looks_every_minute_and_never_twice_at_once(estate: Estate) -> None:
    schedule = _schedule(estate, "converge").properties

    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    assert _asynchronous(estate, "converge").properties["MaximumRetryAttempts"] == 0
    assert estate.function("converge").properties["ReservedConcurrentExecutions"] == 1
    assert estate.function("converge").properties["Timeout"] < 60


@pytest.mark.parametrize("function", ["summary", "operator"])
def test_what_was_asked_for_once_is_not_done_again_hours_later(estate: Estate, function: str) -> None:
    # Whoever asked is told of the failure, and asks again: Lambda's own tries come when nobody waits any more.
    assert _asynchronous(estate, function).properties["MaximumRetryAttempts"] == 0


def test_the_api_is_asked_every_minute_at_its_public_address(estate: Estate) -> None:
    schedule = _schedule(estate, "canary").properties

    assert schedule["ScheduleExpression"] == "rate(1 minute)"
    assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 60, "MaximumRetryAttempts": 0}
    assert _asynchronous(estate, "canary").properties["MaximumRetryAttempts"] == 0
    assert estate.function("canary").properties["Timeout"] < 60
    assert estate.variables(estate.function("canary"))["API_URL"] == API_ENDPOINT


def test_instruments_are_loaded_each_morning_before_the_session(estate: Estate) -> None:
    schedule = _schedule(estate, "instruments").properties

    assert schedule["ScheduleExpression"] == "cron(30 8 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Asia/Kolkata"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    # As often as is harmless (tests/contract/ports/test_instruments.py), and not beyond 08:45, when traders are told.
    config = _asynchronous(estate, "instruments").properties
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (2, 15 * 60)


@pytest.mark.parametrize("function", ["trigger", "instruments", "operator"])
def test_what_the_clock_asked_for_and_a_function_did_not_do_rings(estate: Estate, function: str) -> None:
    """A schedule's dead letters are of calls that were not taken; a function that died may have said nothing itself."""
    failed = _asynchronous(estate, function).properties["DestinationConfig"]["OnFailure"]["Destination"]
    watched = {
        estate.text(alarm.stack, dimension["Value"])
        for alarm in estate.resources("AWS::CloudWatch::Alarm")
        for dimension in alarm.properties.get("Dimensions", ())
    }

    assert estate.text("trading", failed) == "trading/Scheduling/DeadLetters"
    assert estate.text("trading", failed) in watched
    assert f"trading/Functions/{function.capitalize()}" in estate.roles_allowed(
        "sqs:SendMessage", estate.text("trading", failed)
    )


def test_the_audit_trail_is_verified_each_evening(estate: Estate) -> None:
    schedule = _of_operator(estate, VerifyAuditAction(action="verify_audit"))

    assert schedule["ScheduleExpression"] == "cron(30 18 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Asia/Kolkata"
    assert estate.text("trading", schedule["Target"]["DeadLetterConfig"]["Arn"]) == "trading/Scheduling/DeadLetters"
    role = estate.text("trading", schedule["Target"]["RoleArn"])
    allowed = {grant.resource.removesuffix(":*") for grant in estate.grants() if grant.role == role}
    assert "trading/Functions/Operator" in allowed
    # what it finds rings
    assert {"AuditBroken", "AuditUnverified"} <= TROUBLES.keys()


def test_what_is_over_is_taken_away_each_night_after_the_backup(estate: Estate) -> None:
    schedule = _of_operator(estate, ForgetOverAction(action="forget_over"))

    assert schedule["ScheduleExpression"] == "cron(45 3 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Asia/Kolkata"
    assert estate.text("trading", schedule["Target"]["DeadLetterConfig"]["Arn"]) == "trading/Scheduling/DeadLetters"


def _of_operator(estate: Estate, wanted: OperatorAction) -> Mapping[str, Any]:
    """The one schedule that asks the operator's function for that."""
    read = TypeAdapter[OperatorAction](OperatorAction).validate_json
    schedules = [each.properties for each in _schedules(estate, "operator")]
    (schedule,) = (each for each in schedules if read(each["Target"]["Input"]) == wanted)
    return schedule


def test_every_trader_is_told_of_the_day_after_its_close(estate: Estate) -> None:
    schedules = [each.properties for each in _schedules(estate, "summary")]
    schedule = next(each for each in schedules if "readiness" not in str(each["Target"].get("Input")))
    morning = next(each for each in schedules if "readiness" in str(each["Target"].get("Input")))

    # As `make tell` asks the function of a local run.
    assert json.loads(morning["Target"]["Input"]) == EVENTS["readiness"]
    assert json.loads(schedule["Target"].get("Input", "{}")) == EVENTS["summary"]
    assert morning["ScheduleExpression"] == "cron(45 8 * * ? *)"
    assert morning["ScheduleExpressionTimezone"] == "Asia/Kolkata"
    assert morning["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"] < 30 * 60

    assert schedule["ScheduleExpression"] == "cron(0 16 * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Asia/Kolkata"
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 2


def test_our_own_schedules_stand_outside_the_group_that_functions_manage(estate: Estate) -> None:
    strategies = estate.one("AWS::Scheduler::ScheduleGroup", "trading/Scheduling").properties["Name"]

    own = {each.properties["GroupName"] for each in estate.resources("AWS::Scheduler::Schedule")}

    assert strategies not in own
