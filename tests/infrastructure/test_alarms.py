"""What wakes somebody, and that it reaches them."""

from __future__ import annotations

from typing import Any

from algotrading.domain.metrics import HEARTBEAT, INFORMATIVE, TROUBLES
from cdk.environments import Environment
from tests.infrastructure.templates import Estate


def _alarms(estate: Estate, namespace: str) -> dict[str, dict[str, Any]]:
    """Alarms on the metrics of a namespace, by what they are about: a metric's name, or a queue."""
    return {
        ", ".join(estate.text(each.stack, d["Value"]) for d in each.properties.get("Dimensions", ()))
        or each.properties["MetricName"]: dict(each.properties)
        for each in estate.resources("AWS::CloudWatch::Alarm")
        if each.properties["Namespace"] == namespace
    }


def _namespaces(estate: Estate) -> set[str]:
    """Where the functions and the watcher write their metrics."""
    [container] = estate.one("AWS::ECS::TaskDefinition").properties["ContainerDefinitions"]
    watcher = {each["Name"]: each["Value"] for each in container["Environment"]}
    each_process = [watcher, *(estate.variables(function) for function in estate.functions())]
    return {variables["POWERTOOLS_METRICS_NAMESPACE"] for variables in each_process}


def test_every_dead_letter_queue_wakes_somebody(estate: Estate) -> None:
    queues = {each.path for each in estate.resources("AWS::SQS::Queue") if each.path.endswith("DeadLetters")}

    assert set(_alarms(estate, "AWS/SQS")) == queues


def test_every_metric_that_means_trouble_wakes_somebody_with_what_to_do(estate: Estate) -> None:
    [namespace] = _namespaces(estate)
    alarms = _alarms(estate, namespace)
    described = {name: alarm["AlarmDescription"] for name, alarm in alarms.items() if name not in INFORMATIVE}

    assert described == dict(TROUBLES)


def test_one_count_within_a_minute_is_enough_and_silence_is_good(estate: Estate) -> None:
    [namespace] = _namespaces(estate)
    rules = {
        (
            a["Statistic"],
            a["Period"],
            a["EvaluationPeriods"],
            a["Threshold"],
            a["ComparisonOperator"],
            a["TreatMissingData"],
        )
        for name, a in _alarms(estate, namespace).items()
        if name in TROUBLES
    }

    assert rules == {("Sum", 60, 1, 1, "GreaterThanOrEqualToThreshold", "notBreaching")}


def test_a_watcher_that_reports_no_more_wakes_somebody(estate: Estate) -> None:
    [namespace] = _namespaces(estate)

    silence = _alarms(estate, namespace)[HEARTBEAT]

    assert (silence["Statistic"], silence["Threshold"]) == ("SampleCount", 1)
    assert silence["ComparisonOperator"] == "LessThanThreshold"
    assert silence["TreatMissingData"] == "breaching"
    assert silence["Period"] * silence["EvaluationPeriods"] <= 180


def test_a_converge_that_fails_or_is_not_called_wakes_somebody(estate: Estate) -> None:
    alarms = [
        each for each in estate.resources("AWS::CloudWatch::Alarm") if each.properties["Namespace"] == "AWS/Lambda"
    ]
    watched = {estate.text(each.stack, d["Value"]) for each in alarms for d in each.properties["Dimensions"]}
    rules = {
        each.properties["MetricName"]: (each.properties["ComparisonOperator"], each.properties["TreatMissingData"])
        for each in alarms
    }

    assert watched == {estate.function("converge").path}
    assert rules == {
        "Errors": ("GreaterThanOrEqualToThreshold", "notBreaching"),
        "Invocations": ("LessThanThreshold", "breaching"),
    }


def test_alarms_listen_where_the_metrics_of_their_own_environment_are_written(
    estate: Estate, environment: Environment
) -> None:
    listened = {each.properties["Namespace"] for each in estate.resources("AWS::CloudWatch::Alarm")}

    assert listened - {"AWS/SQS", "AWS/Lambda"} == _namespaces(estate) == {f"AlgoTrading/{environment.stage}"}


def test_every_alarm_is_mailed(estate: Estate, environment: Environment) -> None:
    alarms = estate.resources("AWS::CloudWatch::Alarm")
    [subscription] = estate.resources("AWS::SNS::Subscription")
    topic = estate.text(subscription.stack, subscription.properties["TopicArn"])

    assert {tuple(estate.text(each.stack, a) for a in each.properties["AlarmActions"]) for each in alarms} == {(topic,)}
    assert subscription.properties["Protocol"] == "email"
    assert subscription.properties["Endpoint"] == environment.alarm_email


def test_alarms_are_let_into_their_topic(estate: Estate) -> None:
    policy = estate.one("AWS::SNS::TopicPolicy", "observability").properties["PolicyDocument"]["Statement"]

    allowed = {each["Principal"].get("Service") for each in policy if each["Effect"] == "Allow"}

    assert "cloudwatch.amazonaws.com" in allowed
