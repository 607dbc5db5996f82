"""What wakes somebody up: messages that could not be handled, metrics that mean trouble, processes that are gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from algotrading.domain.metrics import HEARTBEAT, TROUBLES
from cdk.environments import Environment

_MINUTE: Final = Duration.minutes(1)


class ObservabilityStack(Stack):
    """The alarm topic and its alarms."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        dead_letters: Mapping[str, sqs.IQueue],
        converge: lambda_.IFunction,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self.alarms = self._topic(environment)
        for name, queue in dead_letters.items():
            self._alarm_unless_empty(name, queue, environment)
        for name, meaning in TROUBLES.items():
            self._alarm_on_trouble(name, meaning, environment)
        self._alarm_without_watcher(environment)
        self._alarm_without_converge(converge, environment)

    def _topic(self, environment: Environment) -> sns.Topic:
        topic = sns.Topic(self, "Alarms", topic_name=f"algotrading-{environment.stage}-alarms", enforce_ssl=True)
        # A topic policy of our own replaces the default one, through which alarms would have been let in.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            )
        )
        topic.add_subscription(subscriptions.EmailSubscription(environment.alarm_email))
        return topic

    def _alarm_unless_empty(self, name: str, queue: sqs.IQueue, environment: Environment) -> None:
        self._alarm(
            f"{name}DeadLetters",
            name=f"algotrading-{environment.stage}-{name}-dead-letters",
            description="A message could not be handled and will not be tried again",
            metric=queue.metric_approximate_number_of_messages_visible(
                period=_MINUTE, statistic=cloudwatch.Stats.MAXIMUM
            ),
        )

    def _alarm_on_trouble(self, metric: str, meaning: str, environment: Environment) -> None:
        self._alarm(
            f"Trouble{metric}",
            name=f"algotrading-{environment.stage}-{metric}",
            description=meaning,
            metric=_total(metric, cloudwatch.Stats.SUM, environment),
        )

    def _alarm_without_watcher(self, environment: Environment) -> None:
        """A report comes every ten seconds. The third empty minute in a row is no slow delivery of logs."""
        self._alarm(
            "NoWatcher",
            name=f"algotrading-{environment.stage}-no-watcher",
            description="The watcher does not report: no stop is guarded. Look at its ECS service and its log.",
            metric=_total(HEARTBEAT, cloudwatch.Stats.SAMPLE_COUNT, environment),
            fires_below=True,
        )

    def _alarm_without_converge(self, converge: lambda_.IFunction, environment: Environment) -> None:
        """It counts what it cannot repair; but not that it was not called, or could not even begin."""
        self._alarm(
            "ConvergeErrors",
            name=f"algotrading-{environment.stage}-converge-errors",
            description="Converge ended with an error. Read its log: nothing is repaired until it runs through.",
            metric=converge.metric_errors(period=_MINUTE, statistic=cloudwatch.Stats.SUM),
        )
        self._alarm(
            "NoConverge",
            name=f"algotrading-{environment.stage}-no-converge",
            description="Converge is not called each minute. Look at its schedule: nothing is repaired meanwhile.",
            metric=converge.metric_invocations(period=_MINUTE, statistic=cloudwatch.Stats.SUM),
            fires_below=True,
        )

    def _alarm(
        self, construct_id: str, *, name: str, description: str, metric: cloudwatch.IMetric, fires_below: bool = False
    ) -> None:
        """At one or more, where silence is good; or below one for three minutes, where silence is the trouble."""
        at_least, below = (
            cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        )
        missing = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            construct_id,
            alarm_name=name,
            alarm_description=description,
            metric=metric,
            threshold=1,
            evaluation_periods=3 if fires_below else 1,
            comparison_operator=below if fires_below else at_least,
            treat_missing_data=missing.BREACHING if fires_below else missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.alarms))


def _total(name: str, statistic: str, environment: Environment) -> cloudwatch.Metric:
    """Over all services: every metric is written without a dimension, too (adapters/emf_meter.py)."""
    return cloudwatch.Metric(
        namespace=environment.metrics_namespace, metric_name=name, statistic=statistic, period=_MINUTE
    )
