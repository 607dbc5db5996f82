"""What wakes somebody up: messages that could not be handled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.environments import Environment


class ObservabilityStack(Stack):
    """The alarm topic and its alarms."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        dead_letters: Mapping[str, sqs.IQueue],
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self.alarms = self._topic(environment)
        for name, queue in dead_letters.items():
            self._alarm_unless_empty(name, queue, environment)

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
        alarm = cloudwatch.Alarm(
            self,
            f"{name}DeadLetters",
            alarm_name=f"algotrading-{environment.stage}-{name}-dead-letters",
            alarm_description="A message could not be handled and will not be tried again",
            metric=queue.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic=cloudwatch.Stats.MAXIMUM
            ),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.alarms))
