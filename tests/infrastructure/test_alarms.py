"""What wakes somebody, and that it reaches them."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest

from algotrading.adapters.emf_meter import EmfMeter
from algotrading.domain.metrics import (
    API_ANSWERS,
    BLIND,
    BROKER_FAULTS,
    BROKER_QUEUED,
    CALLERS_HELD_UP,
    CREDENTIALS_REFUSED,
    HEARTBEAT,
    INFORMATIVE,
    TRIES_HELD_UP,
    TROUBLES,
    UNDELIVERED,
)
from algotrading.domain.rates import SECOND, RateLimits, Request
from cdk.environments import ENVIRONMENTS, Environment
from cdk.stacks.observability import UNSAFE
from tests.infrastructure.templates import Estate, Resource


def _alarms(estate: Estate, namespace: str) -> dict[str, dict[str, Any]]:
    """Alarms on the metrics of a namespace, by what they are about: a metric's name, or a queue."""
    return {
        ", ".join(estate.text(each.stack, d["Value"]) for d in each.properties.get("Dimensions", ()))
        or each.properties["MetricName"]: dict(each.properties)
        for each in estate.resources("AWS::CloudWatch::Alarm")
        if each.properties.get("Namespace") == namespace and not _is_of_one_watcher(each)
    }


def _of_each_watcher(estate: Estate, metric: str) -> dict[str, dict[str, Any]]:
    """Alarms on one metric, by the watcher that they are about."""
    return {
        each.properties["Dimensions"][0]["Value"]: dict(each.properties)
        for each in estate.resources("AWS::CloudWatch::Alarm")
        if _is_of_one_watcher(each) and each.properties["MetricName"] == metric
    }


def _metrics(alarm: Resource) -> list[dict[str, Any]]:
    """What an alarm listens to: one metric, or those of its expression."""
    if "Metrics" not in alarm.properties:
        return [dict(alarm.properties)]
    return [each["MetricStat"]["Metric"] for each in alarm.properties["Metrics"] if "MetricStat" in each]


def _is_of_one_watcher(alarm: Resource) -> bool:
    return "service" in {each["Name"] for each in alarm.properties.get("Dimensions", ())}


def _namespaces(estate: Estate) -> set[str]:
    """Where the functions and the watcher write their metrics."""
    [container] = estate.resources("AWS::ECS::TaskDefinition")[0].properties["ContainerDefinitions"]
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

    assert described == {**TROUBLES, BLIND: f"No watcher sees: a falling price sells nothing. {TROUBLES[BLIND]}"}


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
        if name in TROUBLES and name != BLIND
    }

    assert rules == {("Sum", 60, 1, 1, "GreaterThanOrEqualToThreshold", "notBreaching")}


def test_one_blind_watcher_wakes_somebody_though_another_sees(estate: Estate, environment: Environment) -> None:
    alarms = _of_each_watcher(estate, BLIND)

    assert list(alarms) == [watcher.name for watcher in environment.watchers]
    for name, blind in alarms.items():
        assert (blind["Statistic"], blind["Period"], blind["EvaluationPeriods"], blind["Threshold"]) == (
            "Sum",
            60,
            1,
            1,
        )
        assert blind["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert blind["AlarmDescription"].startswith(name)


def test_that_no_watcher_sees_is_told_apart_from_one_that_does_not(estate: Estate) -> None:
    [namespace] = _namespaces(estate)

    blind = _alarms(estate, namespace)[BLIND]

    # The least of all reports of a minute: one report of one watcher that saw is enough for zero.
    assert (blind["Statistic"], blind["Period"], blind["Threshold"]) == ("Minimum", 60, 1)
    assert blind["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"


def test_a_watcher_that_reports_no_more_wakes_somebody_though_another_reports(
    estate: Estate, environment: Environment
) -> None:
    [namespace] = _namespaces(estate)
    of_each = _of_each_watcher(estate, HEARTBEAT)

    assert list(of_each) == [watcher.name for watcher in environment.watchers]
    for silence in (_alarms(estate, namespace)[HEARTBEAT], *of_each.values()):
        assert (silence["Statistic"], silence["Threshold"]) == ("SampleCount", 1)
        assert silence["ComparisonOperator"] == "LessThanThreshold"
        assert silence["TreatMissingData"] == "breaching"
        assert silence["Period"] * silence["EvaluationPeriods"] <= 180


def test_alarms_of_one_watcher_listen_to_the_name_under_which_it_reports(estate: Estate) -> None:
    containers = [
        container
        for task in estate.resources("AWS::ECS::TaskDefinition")
        for container in task.properties["ContainerDefinitions"]
    ]
    variables = [{each["Name"]: each["Value"] for each in container["Environment"]} for container in containers]
    told = {
        json.loads(line)["service"]
        for each in variables
        for line in _emitted(each["POWERTOOLS_METRICS_NAMESPACE"], each["POWERTOOLS_SERVICE_NAME"])
    }

    assert told == set(_of_each_watcher(estate, HEARTBEAT)) == set(_of_each_watcher(estate, BLIND))


def _emitted(namespace: str, service: str) -> list[str]:
    stream = io.StringIO()
    EmfMeter(namespace=namespace, service=service, stream=stream).count(HEARTBEAT)
    return stream.getvalue().splitlines()


def test_a_converge_that_fails_or_is_not_called_wakes_somebody(estate: Estate) -> None:
    alarms = [
        each
        for each in estate.resources("AWS::CloudWatch::Alarm")
        if each.properties.get("Namespace") == "AWS/Lambda" and "converge" in each.properties["AlarmName"]
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


def test_a_key_that_could_not_be_rotated_wakes_somebody_and_does_not_stop_trading(
    estate: Estate, environment: Environment
) -> None:
    alarm = _named(estate, environment, "key-rotation-failed")

    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/Lambda", "Errors", "Sum")
    [dimension] = alarm["Dimensions"]
    assert estate.text("observability", dimension["Value"]) == estate.function("rotate").path
    assert (alarm["Threshold"], alarm["TreatMissingData"]) == (1, "notBreaching")
    assert "KeyRotationFailed" not in UNSAFE


def _named(estate: Estate, environment: Environment, name: str) -> dict[str, Any]:
    [alarm] = [
        each.properties
        for each in estate.resources("AWS::CloudWatch::Alarm")
        if each.properties["AlarmName"] == f"algotrading-{environment.stage}-{name}"
    ]
    return dict(alarm)


def _value(expression: str, **values: float) -> float:
    """CloudWatch's `IF(condition, then, else)` with numbers for names."""
    condition, then, otherwise = re.fullmatch(r"IF\((.+), (.+), (.+)\)", expression).groups()  # type: ignore[union-attr]
    chosen = then if eval(condition, {}, dict(values)) else otherwise
    return float(eval(chosen, {}, dict(values)))


def test_brokers_that_answer_nobody_wake_somebody_and_one_lost_answer_does_not(
    estate: Estate, environment: Environment
) -> None:
    alarm = _named(estate, environment, "broker-faults")
    expression = next(each["Expression"] for each in alarm["Metrics"] if "Expression" in each)
    told = {each["Id"]: each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each}

    def rings(**values: float) -> bool:
        return bool(_value(expression, **values) >= alarm["Threshold"])

    assert {name: (each["Metric"]["MetricName"], each["Stat"], each["Period"]) for name, each in told.items()} == {
        "failed": (BROKER_FAULTS, "Sum", 60),
        "sent": (BROKER_FAULTS, "SampleCount", 60),
    }
    assert rings(failed=10, sent=10)
    assert rings(failed=20, sent=100)
    assert not rings(failed=19, sent=100)
    assert not rings(failed=1, sent=1)
    assert (alarm["ComparisonOperator"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (
        "GreaterThanOrEqualToThreshold",
        2,
        "notBreaching",
    )


def test_accounts_that_stay_near_their_brokers_limit_wake_somebody_and_the_open_does_not(
    estate: Estate, environment: Environment
) -> None:
    alarm = _named(estate, environment, "broker-limit-near")
    [a_second] = [window.limit for window in RateLimits().windows[Request.EXIT] if window.seconds == SECOND]

    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == (BROKER_QUEUED, "Sum", 60)
    assert alarm["EvaluationPeriods"] == 5
    assert alarm["Threshold"] <= 60 * a_second / 10


def test_hits_that_the_queue_does_not_take_wake_somebody_and_one_on_its_way_does_not(
    estate: Estate, environment: Environment
) -> None:
    alarm = _named(estate, environment, "hits-undelivered")

    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == (UNDELIVERED, "Maximum", 60)
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (1, 2, "notBreaching")
    assert alarm["AlarmActions"]
    assert "HitsUndelivered" in UNSAFE


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("credentials-refused", CREDENTIALS_REFUSED),
        ("tries-held-up", TRIES_HELD_UP),
        ("callers-held-up", CALLERS_HELD_UP),
    ],
)
def test_refusals_that_stay_many_wake_somebody_and_a_slip_does_not(
    estate: Estate, environment: Environment, name: str, metric: str
) -> None:
    alarm = _named(estate, environment, name)

    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == (metric, "Sum", 60)
    assert alarm["EvaluationPeriods"] == 5
    assert alarm["Threshold"] >= 20
    assert alarm["TreatMissingData"] == "notBreaching"
    assert alarm["AlarmActions"]


def test_an_api_that_does_not_answer_and_a_canary_that_does_not_ask_wake_somebody(
    estate: Estate, environment: Environment
) -> None:
    alarm = _named(estate, environment, "no-api")

    assert (alarm["MetricName"], alarm["Statistic"], alarm["Period"]) == (API_ANSWERS, "Sum", 60)
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert (alarm["TreatMissingData"], alarm["EvaluationPeriods"]) == ("breaching", 3)


def test_alarms_listen_where_the_metrics_of_their_own_environment_are_written(
    estate: Estate, environment: Environment
) -> None:
    listened = {each["Namespace"] for alarm in estate.resources("AWS::CloudWatch::Alarm") for each in _metrics(alarm)}

    assert (
        listened - {"AWS/SQS", "AWS/Lambda", "AWS/Firehose"}
        == _namespaces(estate)
        == {f"AlgoTrading/{environment.stage}"}
    )


def test_every_alarm_is_mailed(estate: Estate, environment: Environment) -> None:
    alarms = estate.resources("AWS::CloudWatch::Alarm")
    [subscription] = (s for s in estate.resources("AWS::SNS::Subscription") if s.properties["Protocol"] == "email")
    topic = estate.text(subscription.stack, subscription.properties["TopicArn"])

    assert {tuple(estate.text(each.stack, a) for a in each.properties["AlarmActions"]) for each in alarms} == {(topic,)}
    assert subscription.properties["Endpoint"] == environment.alarm_email


def test_alarms_are_let_into_their_topic(estate: Estate) -> None:
    """Those of this account alone: an alarm of somebody else's, who knows the topic's name, would ring here."""
    policy = estate.one("AWS::SNS::TopicPolicy", "observability").properties["PolicyDocument"]["Statement"]
    [topic] = (each for each in estate.resources("AWS::SNS::Topic") if each.stack == "observability")

    [statement] = (each for each in policy if each["Effect"] == "Allow")

    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Action"] == "sns:Publish"
    assert statement["Resource"] == {"Ref": topic.logical_id}
    assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_one_alarm_stands_for_all_that_make_trading_unsafe(estate: Estate, environment: Environment) -> None:
    composite = estate.one("AWS::CloudWatch::CompositeAlarm").properties
    rule = json.dumps(composite["AlarmRule"])
    prefix = f"algotrading-{environment.stage}-"
    alarms = estate.resources("AWS::CloudWatch::Alarm")
    told = {each.properties["AlarmName"].removeprefix(prefix) for each in alarms if f'"{each.logical_id}"' in rule}

    assert composite["AlarmName"] == f"algotrading-{environment.stage}-trading-is-unsafe"
    assert told >= {"no-watcher", "all-blind", "no-converge", "PriorityOrders-dead-letters", "Unguarded", "KillNotFlat"}
    assert {"broker-faults", "no-api"} <= told
    assert len(told) == rule.count("ALARM(")


def test_the_dashboard_shows_only_metrics_that_are_emitted(estate: Estate, environment: Environment) -> None:
    body = json.dumps(estate.one("AWS::CloudWatch::Dashboard").properties["DashboardBody"]).replace("\\", "")
    shown = set(re.findall(rf'"{environment.metrics_namespace}","(\w+)"', body))
    functions = set(re.findall(r'"FunctionName","([\w-]+)"', body))

    assert shown >= {"TickToOrder", "ReleaseError", "ArmedStops", "OrderUnknown", "Blind"}
    assert shown <= {*TROUBLES, *INFORMATIVE}
    assert functions == {
        each.properties["FunctionName"] for each in estate.functions() if "FunctionName" in each.properties
    } | ({f"algotrading-{environment.stage}-docs"} if not environment.docs else set())


def test_sms_that_cost_too_much_or_do_not_arrive_wake_somebody_where_there_are_any(
    feeding_estate: Estate, estate: Estate
) -> None:
    spend = _named(feeding_estate, ENVIRONMENTS["dev"], "sms-spend")
    failed = _named(feeding_estate, ENVIRONMENTS["dev"], "sms-failed")

    assert (spend["Namespace"], spend["MetricName"], spend["Statistic"]) == (
        "AWS/SNS",
        "SMSMonthToDateSpentUSD",
        "Maximum",
    )
    assert (spend["Threshold"], spend["ComparisonOperator"]) == (20, "GreaterThanOrEqualToThreshold")
    [query] = [each for each in failed["Metrics"] if each.get("ReturnData", True)]
    assert query["Expression"] == 'SELECT SUM(NumberOfNotificationsFailed) FROM SCHEMA("AWS/SNS", PhoneNumber)'
    assert query["Period"] == 900
    for alarm in (spend, failed):
        assert alarm["TreatMissingData"] == "notBreaching"
        [topic] = alarm["AlarmActions"]
        assert feeding_estate.text("observability", topic) == "observability/Alarms"
    assert not [each for each in estate.resources("AWS::CloudWatch::Alarm") if "sms" in each.properties["AlarmName"]]
