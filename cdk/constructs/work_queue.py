"""A standard queue with its dead-letter queue, and the function that works it off, each message by itself."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledge import SQS_AT_REST, acknowledge


class WorkQueue(Construct):
    """For work that has no order and may be done twice."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, visibility_seconds: int, max_receive_count: int
    ) -> None:
        """A message whose handling failed comes again after `visibility_seconds`: long enough for a service that is
        away for minutes, times `max_receive_count`."""
        super().__init__(scope, construct_id)
        self.dead_letters = _queue(self, "DeadLetters", name=f"{name}-dead-letters", retention=Duration.days(14))
        self.queue = _queue(
            self,
            "Queue",
            name=name,
            retention=Duration.days(4),
            visibility=Duration.seconds(visibility_seconds),
            dead_letters=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=max_receive_count),
        )

    def deliver_to(self, function: lambda_.Function, *, max_concurrency: int) -> None:
        """One message per invocation: nothing else is held up by its failure."""
        function.add_event_source(
            sources.SqsEventSource(
                self.queue, batch_size=1, report_batch_item_failures=True, max_concurrency=max_concurrency
            )
        )


def _queue(
    scope: Construct,
    construct_id: str,
    *,
    name: str,
    retention: Duration,
    visibility: Duration | None = None,
    dead_letters: sqs.DeadLetterQueue | None = None,
) -> sqs.Queue:
    queue = sqs.Queue(
        scope,
        construct_id,
        queue_name=name,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=retention,
        visibility_timeout=visibility,
        dead_letter_queue=dead_letters,
    )
    acknowledge(queue, SQS_AT_REST, checkov=("CKV_AWS_27",))
    return queue
