"""A FIFO queue with its dead-letter queue, and the function that works it off one message at a time."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledge import SQS_AT_REST, acknowledge


class FifoLane(Construct):
    """Messages of one strategy strictly in order, those of different strategies side by side."""

    def __init__(
        self, scope: Construct, construct_id: str, *, name: str, visibility_seconds: int, max_receive_count: int
    ) -> None:
        """`max_receive_count` is generous because a fault that is known to be safe shortens the
        visibility and so counts quickly, and so does every delivery to a function at its limit."""
        super().__init__(scope, construct_id)
        self.dead_letters = _fifo_queue(self, "DeadLetters", name=f"{name}-dead-letters", retention=Duration.days(14))
        self.queue = _fifo_queue(
            self,
            "Queue",
            name=name,
            retention=Duration.days(1),
            visibility=Duration.seconds(visibility_seconds),
            dead_letters=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=max_receive_count),
        )

    def deliver_to(self, function: lambda_.IFunction, *, max_concurrency: int) -> None:
        """One message per invocation: one order, one strategy, nothing else held up by its failure."""
        function.add_event_source(
            sources.SqsEventSource(
                self.queue,
                batch_size=1,
                report_batch_item_failures=True,
                # Not above the function's reserved concurrency: throttled deliveries would count as received.
                max_concurrency=max_concurrency,
            )
        )


def _fifo_queue(
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
        queue_name=f"{name}.fifo",
        fifo=True,
        # Both together are SQS's high-throughput mode; deduplication then only looks inside one strategy.
        deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
        fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        content_based_deduplication=False,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=retention,
        visibility_timeout=visibility,
        dead_letter_queue=dead_letters,
    )
    acknowledge(queue, SQS_AT_REST, checkov=("CKV_AWS_27",))
    return queue
