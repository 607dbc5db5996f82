"""The path of an order: early alarms, two lanes, their executors, and what keeps them honest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from aws_cdk import Duration, RemovalPolicy, Stack, TimeZone
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from algotrading.ports import Lane
from cdk.acknowledge import TOPIC_AT_REST, acknowledge, acknowledge_calls
from cdk.constructs.fifo_lane import FifoLane
from cdk.constructs.powers import Powers
from cdk.constructs.python_functions import PythonFunctions
from cdk.constructs.scheduling import Scheduling
from cdk.environments import Environment
from cdk.functions import EXECUTOR_TIMEOUT, PRIORITY_TIMEOUT
from cdk.stacks.data import DataStack
from cdk.stacks.network import NetworkStack

_STALE_AFTER: Final = Duration.seconds(60)
"""A trigger or a check delivered later would only repeat what the next one, or converge, does better."""
_INSTRUMENTS_WITHIN: Final = Duration.minutes(15)
"""From 08:30 until traders are told what keeps their strategies from trading."""


class TradingStack(Stack):
    """Queues, schedules, executors, converge and the instrument loader."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        network: NetworkStack,
        data: DataStack,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self._functions = PythonFunctions(self, "Functions", environment=environment, network=network.functions)
        self.orders, self.priority = self._lanes(environment)
        self.scheduling = Scheduling(self, "Scheduling", environment=environment)
        self.powers = self._powers(data.powers, environment)
        self._executors(environment)
        self.converge = self._converge()
        self.operator = self._operator()
        self._periodic(environment)

    @property
    def dead_letters(self) -> dict[str, sqs.IQueue]:
        """Queues that must stay empty."""
        return {
            "Orders": self.orders.dead_letters,
            "PriorityOrders": self.priority.dead_letters,
            "Schedules": self.scheduling.dead_letters,
        }

    def _lanes(self, environment: Environment) -> tuple[FifoLane, FifoLane]:
        """Visibility stands just above the time-out, not at six times: with one message per invocation
        nothing else waits in a batch, and a crash blocks its strategy no longer than it must."""
        orders = FifoLane(
            self,
            "Orders",
            name=f"algotrading-{environment.stage}-orders",
            visibility_seconds=EXECUTOR_TIMEOUT + 10,
            max_receive_count=10,
        )
        priority = FifoLane(
            self,
            "PriorityOrders",
            name=f"algotrading-{environment.stage}-orders-priority",
            visibility_seconds=PRIORITY_TIMEOUT + 5,
            max_receive_count=20,
        )
        return orders, priority

    def _powers(self, data: Powers, environment: Environment) -> Powers:
        """What the data stack gives, with lanes, then the trigger that schedules call, then schedules."""
        notifications = sns.Topic(
            self, "Notifications", topic_name=f"algotrading-{environment.stage}-notifications", enforce_ssl=True
        )
        acknowledge(notifications, TOPIC_AT_REST, checkov=("CKV_AWS_26",))
        with_lanes = replace(
            data,
            lanes={Lane.NORMAL: self.orders.queue, Lane.PRIORITY: self.priority.queue},
            notifications=notifications,
            watched=(self.orders.queue, self.priority.queue, *self.dead_letters.values()),
            values={
                **data.values,
                "ORDERS_QUEUE_URL": self.orders.queue.queue_url,
                "PRIORITY_QUEUE_URL": self.priority.queue.queue_url,
                "NOTIFICATIONS_TOPIC_ARN": notifications.topic_arn,
            },
        )
        schedule_values = self.scheduling.invoke(self._trigger(with_lanes))
        return replace(with_lanes, scheduling=self.scheduling, values={**with_lanes.values, **schedule_values})

    def _trigger(self, powers: Powers) -> lambda_.Function:
        function = self._functions.add("trigger", powers)
        # EventBridge Scheduler calls asynchronously; Lambda would retry for hours and so buy in the afternoon.
        function.configure_async_invoke(
            retry_attempts=0,
            max_event_age=_STALE_AFTER,
            on_failure=self._told_of(),
        )
        return function

    def _executors(self, environment: Environment) -> None:
        executor = self._functions.add("executor", self.powers)
        self.orders.deliver_to(executor, max_concurrency=environment.executor_concurrency)
        priority_executor = self._functions.add_called("priority_executor", self.powers)
        self.priority.deliver_to(priority_executor, max_concurrency=environment.priority_concurrency)

    def _converge(self) -> lambda_.Function:
        function = self._functions.add("converge", self.powers)
        function.configure_async_invoke(retry_attempts=0, max_event_age=_STALE_AFTER)
        return function

    def _operator(self) -> lambda_.Function:
        """No route: whoever IAM lets invoke it is the operator; the clock only has it verify. An action that
        failed is asked for again by whoever asked."""
        operator = self._functions.add("operator", self.powers)
        operator.configure_async_invoke(retry_attempts=0, on_failure=self._told_of())
        return operator

    def _instruments(self) -> lambda_.Function:
        """A load replaces the whole list in one transaction or leaves it as it was, so that trying again is harmless;
        it helps where the broker or the database was away for a minute."""
        instruments = self._functions.add("instruments", self.powers)
        instruments.configure_async_invoke(
            retry_attempts=2, max_event_age=_INSTRUMENTS_WITHIN, on_failure=self._told_of()
        )
        return instruments

    def _told_of(self) -> destinations.SqsDestination:
        """Where what the clock asked for is left when the function fails: it may have died without a word of its own.
        A schedule's own dead letters are of calls that Lambda did not take."""
        return destinations.SqsDestination(self.scheduling.dead_letters)

    def _periodic(self, environment: Environment) -> None:
        # A group of their own: whoever manages the strategies' schedules cannot touch these.
        self.operations = group = scheduler.ScheduleGroup(
            self,
            "Operations",
            schedule_group_name=f"algotrading-{environment.stage}-operations",
            removal_policy=RemovalPolicy.DESTROY,
        )
        scheduler.Schedule(
            self,
            "EveryMinute",
            schedule_group=group,
            description="Compare what should be with what is, and repair it",
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(1)),
            target=targets.LambdaInvoke(self.converge, retry_attempts=0, max_event_age=_STALE_AFTER),
        )
        instruments = self._instruments()
        scheduler.Schedule(
            self,
            "EveryMorning",
            schedule_group=group,
            description="Load the broker's instrument dump of the day",
            schedule=scheduler.ScheduleExpression.cron(hour="8", minute="30", time_zone=TimeZone.ASIA_KOLKATA),
            target=targets.LambdaInvoke(
                instruments,
                dead_letter_queue=self.scheduling.dead_letters,
                retry_attempts=2,
                max_event_age=_INSTRUMENTS_WITHIN,
            ),
        )
        self._ask_operator(group, "EveryEvening", "18:30", "verify_audit", "Verify every audit chain")
        self._ask_operator(group, "EveryNight", "3:45", "forget_over", "Take away what is of no use any more")
        # CDK makes a role of its own for each of these schedules' targets.
        acknowledge_calls(self, self.converge, self.operator, instruments)

    def _ask_operator(self, group: scheduler.ScheduleGroup, name: str, at: str, action: str, description: str) -> None:
        """Each day at that time of India; what does not come through is a dead letter."""
        hour, minute = at.split(":")
        scheduler.Schedule(
            self,
            name,
            schedule_group=group,
            description=description,
            schedule=scheduler.ScheduleExpression.cron(hour=hour, minute=minute, time_zone=TimeZone.ASIA_KOLKATA),
            target=targets.LambdaInvoke(
                self.operator,
                input=scheduler.ScheduleTargetInput.from_object({"action": action}),
                dead_letter_queue=self.scheduling.dead_letters,
                retry_attempts=2,
                max_event_age=Duration.hours(1),
            ),
        )
