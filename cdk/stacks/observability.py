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

from algotrading.domain.metrics import (
    API_ANSWERS,
    BLIND,
    BROKER_FAULTS,
    BROKER_QUEUED,
    CALLERS_HELD_UP,
    CREDENTIALS_REFUSED,
    HEARTBEAT,
    TRIES_HELD_UP,
    TROUBLES,
    UNDELIVERED,
)
from cdk.acknowledge import TOPIC_AT_REST, acknowledge
from cdk.constructs.dashboard import TradingDashboard
from cdk.constructs.log_archive import LogArchive
from cdk.environments import Environment, WatcherTask

_MINUTE: Final = Duration.minutes(1)
UNSAFE: Final = (
    "NoWatcher",
    "AllBlind",
    "NoConverge",
    "ConvergeErrors",
    "PriorityOrdersDeadLetters",
    "BrokerFaults",
    "NoApi",
    "TroubleUnguarded",
    "TroubleExitBlocked",
    "TroubleStopLossDeliveryFailed",
    "HitsUndelivered",
    "TroubleKillNotFlat",
    "TroubleDuplicateOrder",
    "TroubleOversold",
    "TroubleAuditBroken",
)
"""The alarms, by construct, after any of which nobody should believe that positions are guarded and truly told."""
_FAULTY_PERCENT: Final = 20
_ENOUGH_REQUESTS: Final = 10
"""In a minute, to speak of a share of them: one strategy's looks are three."""
_CROWDED: Final = 60
"""Requests in a minute that waited for their place: one in ten of those that a broker takes of one account."""


_GUESSES: Final = 20
"""Wrong passwords and codes in a minute, of everybody: twenty people may mistype in one minute, not in five running."""
_HELD_UP: Final = 60
"""Tries in a minute that were not looked at: a person waits as long as is said, a program asks every second."""
_MISSED: Final = 5
"""SMS in a quarter of an hour that did not arrive: one phone is switched off, five are no accident."""
_TOO_MANY: Final = 300
"""Requests in a minute beyond their callers' allowance: half as many again as one caller is answered."""
_ATTACKS: Final = (
    (
        "CredentialsRefused",
        "credentials-refused",
        CREDENTIALS_REFUSED,
        _GUESSES,
        "For five minutes wrong passwords or codes came in numbers: somebody guesses, at one account or at many.",
    ),
    (
        "TriesHeldUp",
        "tries-held-up",
        TRIES_HELD_UP,
        _HELD_UP,
        "For five minutes somebody went on trying while tries had to wait: a program guesses. Nothing was looked at.",
    ),
    (
        "CallersHeldUp",
        "callers-held-up",
        CALLERS_HELD_UP,
        _TOO_MANY,
        "For five minutes callers asked far more than they are answered: a program runs wild, or a flood.",
    ),
)
"""Construct, name, metric, threshold and words of the alarms that speak of attacks. None makes trading unsafe."""


class ObservabilityStack(Stack):
    """The alarm topic and its alarms."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        dead_letters: Mapping[str, sqs.IQueue],
        lanes: Mapping[str, sqs.IQueue],
        converge: lambda_.IFunction,
        rotate: lambda_.IFunction,
        database: str,
        runtime_store: str,
        api: str,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self.alarms = self._topic(environment)
        self._made: dict[str, cloudwatch.Alarm] = {}
        for name, queue in dead_letters.items():
            self._alarm_unless_empty(name, queue, environment)
        for name, meaning in TROUBLES.items():
            if name != BLIND:
                self._alarm_on_trouble(name, meaning, environment)
        for watcher in environment.watchers:
            self._alarm_on_one_watcher(watcher, environment)
        self._alarm_without_watchers(environment)
        self._alarm_on_hits(environment)
        self._alarm_without_converge(converge, environment)
        self._alarm_on_brokers(environment)
        self._alarm_without_api(environment)
        self._alarm_on_attacks(environment)
        self._alarm_on_rotation(rotate, environment)
        self._alarm_on_texts(environment)
        self._archive_logs(environment)
        unsafe = self._alarm_unsafe(environment)
        TradingDashboard(
            self,
            "Dashboard",
            environment=environment,
            safety=[unsafe, *(self._made[name] for name in UNSAFE)],
            queues={**lanes, **{f"{name}, dead": queue for name, queue in dead_letters.items()}},
            database=database,
            runtime_store=runtime_store,
            api=api,
        )

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
        acknowledge(topic, TOPIC_AT_REST, checkov=("CKV_AWS_26",))
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
            metric=_metric(metric, cloudwatch.Stats.SUM, environment),
        )

    def _alarm_on_one_watcher(self, watcher: WatcherTask, environment: Environment) -> None:
        """The other one sees meanwhile; but there is no third."""
        self._alarm(
            f"Blind{watcher.zone}",
            name=f"algotrading-{environment.stage}-{watcher.name}-blind",
            description=f"{watcher.name}: {TROUBLES[BLIND]}",
            metric=_metric(BLIND, cloudwatch.Stats.SUM, environment, watcher),
        )
        self._alarm(
            f"NoWatcher{watcher.zone}",
            name=f"algotrading-{environment.stage}-{watcher.name}-silent",
            description=f"{watcher.name} does not report: it guards no stop. Look at its ECS service and its log.",
            metric=_metric(HEARTBEAT, cloudwatch.Stats.SAMPLE_COUNT, environment, watcher),
            fires_below=True,
        )

    def _alarm_without_watchers(self, environment: Environment) -> None:
        """A report comes every ten seconds. The third empty minute in a row is no slow delivery of logs; and where
        the smallest of a minute's reports says blind, no watcher saw in all of it."""
        self._alarm(
            "NoWatcher",
            name=f"algotrading-{environment.stage}-no-watcher",
            description="No watcher reports: no stop is guarded. Look at the ECS services and their log.",
            metric=_metric(HEARTBEAT, cloudwatch.Stats.SAMPLE_COUNT, environment),
            fires_below=True,
        )
        self._alarm(
            "AllBlind",
            name=f"algotrading-{environment.stage}-all-blind",
            description=f"No watcher sees: a falling price sells nothing. {TROUBLES[BLIND]}",
            metric=_metric(BLIND, cloudwatch.Stats.MINIMUM, environment),
        )

    def _alarm_on_hits(self, environment: Environment) -> None:
        """A report may find one hit on its way. In each of two minutes in a row it is none that will arrive soon."""
        self._alarm(
            "HitsUndelivered",
            name=f"algotrading-{environment.stage}-hits-undelivered",
            description="For two minutes stops were hit of which the priority queue has no message: nothing is sold.",
            metric=_metric(UNDELIVERED, cloudwatch.Stats.MAXIMUM, environment),
            periods=2,
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

    def _alarm_on_brokers(self, environment: Environment) -> None:
        """One request without an answer wakes somebody by what it meant (TROUBLES); this says that it is everybody's.
        A crowd at 09:15 is over within the minute; one that stays has outgrown what its broker takes."""
        told = {
            name: _metric(BROKER_FAULTS, statistic, environment)
            for name, statistic in (("failed", cloudwatch.Stats.SUM), ("sent", cloudwatch.Stats.SAMPLE_COUNT))
        }
        self._alarm(
            "BrokerFaults",
            name=f"algotrading-{environment.stage}-broker-faults",
            description=f"Of all requests to brokers {_FAULTY_PERCENT} % or more get no answer that says anything.",
            metric=cloudwatch.MathExpression(
                expression=f"IF(sent >= {_ENOUGH_REQUESTS}, 100 * failed / sent, 0)",
                using_metrics=told,
                period=_MINUTE,
                label="requests to brokers without an answer, %",
            ),
            threshold=_FAULTY_PERCENT,
            periods=2,
        )
        self._alarm(
            "BrokerLimitNear",
            name=f"algotrading-{environment.stage}-broker-limit-near",
            description="For five minutes requests to brokers have queued: accounts are near what their broker takes.",
            metric=_metric(BROKER_QUEUED, cloudwatch.Stats.SUM, environment),
            threshold=_CROWDED,
            periods=5,
        )

    def _alarm_without_api(self, environment: Environment) -> None:
        """Traders stop and kill through it. Also where nobody asks."""
        self._alarm(
            "NoApi",
            name=f"algotrading-{environment.stage}-no-api",
            description="The API does not answer as it should: nobody can stop or kill by the app. See the canary.",
            metric=_metric(API_ANSWERS, cloudwatch.Stats.SUM, environment),
            fires_below=True,
        )

    def _alarm_on_attacks(self, environment: Environment) -> None:
        """A minute of it is somebody's slip; five running are no person's."""
        for construct_id, name, metric, threshold, words in _ATTACKS:
            self._alarm(
                construct_id,
                name=f"algotrading-{environment.stage}-{name}",
                description=words,
                metric=_metric(metric, cloudwatch.Stats.SUM, environment),
                threshold=threshold,
                periods=5,
            )

    def _alarm_on_rotation(self, rotate: lambda_.IFunction, environment: Environment) -> None:
        """Once a quarter, at night; nothing is worse for it until the key is in doubt."""
        self._alarm(
            "KeyRotationFailed",
            name=f"algotrading-{environment.stage}-key-rotation-failed",
            description="The key of our tokens was not rotated. The one in use stays; read the log of rotate.",
            metric=rotate.metric_errors(period=_MINUTE, statistic=cloudwatch.Stats.SUM),
        )

    def _alarm_on_texts(self, environment: Environment) -> None:
        """SNS takes a message and tells nobody that no phone has it: a carrier dropped it, or the month's limit is
        reached. It counts both (Amazon SNS developer guide, monitoring topics using CloudWatch): what was spent in the
        month so far without a dimension, what failed under `PhoneNumber`, whatever its value is."""
        if environment.texts is None:
            return
        self._alarm(
            "SmsSpend",
            name=f"algotrading-{environment.stage}-sms-spend",
            description="SMS of this month cost more than was planned. At the account's limit nothing more is sent.",
            metric=cloudwatch.Metric(
                namespace="AWS/SNS",
                metric_name="SMSMonthToDateSpentUSD",
                statistic=cloudwatch.Stats.MAXIMUM,
                period=Duration.hours(1),
            ),
            threshold=environment.texts.spend_usd,
        )
        self._alarm(
            "SmsFailed",
            name=f"algotrading-{environment.stage}-sms-failed",
            description="SMS do not reach phones: look whether texts, header and templates are registered as they are.",
            metric=cloudwatch.MathExpression(
                expression='SELECT SUM(NumberOfNotificationsFailed) FROM SCHEMA("AWS/SNS", PhoneNumber)',
                using_metrics={},
                period=Duration.minutes(15),
                label="SMS that did not arrive",
            ),
            threshold=_MISSED,
        )

    def _archive_logs(self, environment: Environment) -> None:
        """Converge writes each minute and the stream delivers within fifteen, so an hour in which nothing arrived means
        that something between both is broken."""
        if not environment.log_archive_days:
            return
        archive = LogArchive(self, "LogArchive", environment=environment)
        self._alarm(
            "LogArchiveSilent",
            name=f"algotrading-{environment.stage}-log-archive-silent",
            description="For an hour no logs have reached their archive. They are in CloudWatch meanwhile.",
            metric=archive.stream.metric(
                "DeliveryToS3.Records", statistic=cloudwatch.Stats.SUM, period=Duration.hours(1)
            ),
            periods=1,
            fires_below=True,
        )

    def _alarm_unsafe(self, environment: Environment) -> cloudwatch.CompositeAlarm:
        """One word for everybody who asks: while it is on, money may not be looked after. It repeats no mail."""
        return cloudwatch.CompositeAlarm(
            self,
            "Unsafe",
            composite_alarm_name=f"algotrading-{environment.stage}-trading-is-unsafe",
            alarm_description="Money may not be looked after: something that guards or repairs is away. See which.",
            alarm_rule=cloudwatch.AlarmRule.any_of(*(self._made[name] for name in UNSAFE)),
        )

    def _alarm(
        self,
        construct_id: str,
        *,
        name: str,
        description: str,
        metric: cloudwatch.IMetric,
        threshold: float = 1,
        periods: int | None = None,
        fires_below: bool = False,
    ) -> None:
        """At one (or `threshold`) or more, where silence is good; or below it for three minutes, where silence is the
        trouble. `periods` in a row, where not as usual."""
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
            threshold=threshold,
            evaluation_periods=periods or (3 if fires_below else 1),
            comparison_operator=below if fires_below else at_least,
            treat_missing_data=missing.BREACHING if fires_below else missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.alarms))
        self._made[construct_id] = alarm


def _metric(
    name: str, statistic: str, environment: Environment, watcher: WatcherTask | None = None
) -> cloudwatch.Metric:
    """Over all services, or of one watcher: every metric is written without a dimension and under its service's
    name (adapters/emf_meter.py)."""
    return cloudwatch.Metric(
        namespace=environment.metrics_namespace,
        metric_name=name,
        statistic=statistic,
        period=_MINUTE,
        dimensions_map=None if watcher is None else {"service": watcher.name},
    )
