"""What reaches people outside of the app. Nothing that trades waits for anything here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from aws_cdk import Duration, RemovalPolicy, Stack, TimeZone
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledge import ENCRYPTED_BY_AWS, acknowledge, acknowledge_calls
from cdk.constructs.powers import Powers
from cdk.constructs.python_functions import PythonFunctions
from cdk.constructs.retention import removal_policy
from cdk.constructs.work_queue import WorkQueue
from cdk.environments import Environment
from cdk.stacks.network import NetworkStack

_FEW: Final = 2
"""The least that an event source takes as its limit: workers hold database connections, and mails are not urgent."""
_SOME: Final = 5
"""Notices come by the hundred when the market opens, and a channel may take seconds."""


class MessagesStack(Stack):
    """Mails of accounts, notices, the day's summary: their queues, and who sends them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        network: NetworkStack,
        powers: Powers,
        app_url: str,
        **stack: Any,
    ) -> None:
        """`app_url`: where links of mails lead."""
        super().__init__(scope, construct_id, **stack)
        self._functions = PythonFunctions(self, "Functions", environment=environment, network=network.functions)
        self.mails = self._queue("Mails", environment)
        self.notices = self._queue("Notices", environment)
        # After the outbox: whoever delivers there publishes to the topic, and is done.
        assert powers.notifications is not None
        powers.notifications.add_subscription(subscriptions.SqsSubscription(self.notices.queue))
        self.powers = self._powers(powers, environment, app_url)
        self.mails.deliver_to(self._functions.add("mailer", self.powers), max_concurrency=_FEW)
        self.notices.deliver_to(self._functions.add("notifier", self.powers), max_concurrency=_SOME)
        self._each_day(self._functions.add("summary", self.powers), environment)

    @property
    def dead_letters(self) -> dict[str, sqs.IQueue]:
        """Queues that must stay empty."""
        return {"Mails": self.mails.dead_letters, "Notices": self.notices.dead_letters}

    def _queue(self, name: str, environment: Environment) -> WorkQueue:
        return WorkQueue(
            self,
            name,
            name=f"algotrading-{environment.stage}-{name.lower()}",
            visibility_seconds=120,
            max_receive_count=10,
        )

    def _powers(self, powers: Powers, environment: Environment, app_url: str) -> Powers:
        telegram = secretsmanager.Secret(
            self,
            "TelegramSecret",
            description="The token of the bot that sends notices; empty: there is none",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template='{"token": ""}',  # noqa: S106 - an empty document to put the token into
                generate_string_key="unused",
            ),
            removal_policy=removal_policy(environment),
        )
        acknowledge(
            telegram,
            "The bot's token is made by Telegram: who has another one writes it here (docs/operations.md).",
            nag=("SMG4",),
        )
        acknowledge(telegram, ENCRYPTED_BY_AWS, checkov=("CKV_AWS_149",))
        watched = (*powers.watched, self.mails.queue, self.notices.queue, *self.dead_letters.values())
        return replace(
            powers,
            watched=watched,
            mails=self.mails.queue,
            notices=self.notices.queue,
            telegram_secret=telegram,
            has_texts=environment.texts is not None,
            mail_identity=ses.EmailIdentity(self, "Sender", identity=ses.Identity.email(environment.mail_sender)),
            values={
                **powers.values,
                "APP_URL": app_url,
                "MAIL_QUEUE_URL": self.mails.queue.queue_url,
                "NOTICE_QUEUE_URL": self.notices.queue.queue_url,
                "TELEGRAM_SECRET_ARN": telegram.secret_arn,
                "WATCHED_QUEUE_URLS": ",".join(queue.queue_url for queue in watched),
            },
        )

    def _each_day(self, summary: lambda_.Function, environment: Environment) -> None:
        """Half an hour before the open, when there is time to act, and half an hour after the close, when the last
        orders are settled; nobody is told twice."""
        summary.configure_async_invoke(retry_attempts=0)
        group = scheduler.ScheduleGroup(
            self,
            "Messages",
            schedule_group_name=f"algotrading-{environment.stage}-messages",
            removal_policy=RemovalPolicy.DESTROY,
        )
        scheduler.Schedule(
            self,
            "EveryAfternoon",
            schedule_group=group,
            description="Tell every trader how the day went",
            schedule=scheduler.ScheduleExpression.cron(hour="16", minute="0", time_zone=TimeZone.ASIA_KOLKATA),
            target=targets.LambdaInvoke(summary, retry_attempts=2, max_event_age=Duration.hours(1)),
        )
        scheduler.Schedule(
            self,
            "EveryMorning",
            schedule_group=group,
            description="Tell every trader what keeps a strategy from trading today",
            schedule=scheduler.ScheduleExpression.cron(hour="8", minute="45", time_zone=TimeZone.ASIA_KOLKATA),
            target=targets.LambdaInvoke(
                summary,
                input=scheduler.ScheduleTargetInput.from_object({"tell": "readiness"}),
                retry_attempts=2,
                # Later, the first buys have come.
                max_event_age=Duration.minutes(25),
            ),
        )
        # CDK makes a role of its own for the schedule's target.
        acknowledge_calls(self, summary)
