"""Logs beyond their time in CloudWatch: every group of ours flows into a bucket, where keeping costs a tenth.

An object is what CloudWatch Logs sent, gzip after gzip: `zcat` reads it (docs/operations.md, log archive).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aws_cdk import Aws, Duration, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as destinations
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.acknowledge import acknowledge
from cdk.constructs.data_bucket import ARCHIVED_LOGS, LOG_ERRORS, data_bucket_name
from cdk.constructs.retention import log_group
from cdk.environments import Environment
from cdk.functions import FUNCTIONS

_LARGEST: Final = Size.mebibytes(64)
_LATEST: Final = Duration.minutes(15)
"""Whichever comes first makes an object."""


def archived_groups(environment: Environment) -> Iterator[str]:
    """What is kept: all that says what was done, and by whom. Not who was turned away from the network."""
    for name in FUNCTIONS:
        if name != "docs" or environment.docs:
            yield name
    yield "listener"
    yield "api-access"


class LogArchive(Construct):
    """A stream into the data bucket, and one subscription for each log group; all of them have to be there already."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self._bucket = s3.Bucket.from_bucket_name(self, "Bucket", data_bucket_name(environment))
        self.stream = self._stream(environment)
        self._subscribe(environment)

    def _stream(self, environment: Environment) -> firehose.DeliveryStream:
        errors = log_group(self, "Errors", environment=environment, name="log-archive")
        writer = self._writer(environment, errors)
        stream = firehose.DeliveryStream(
            self,
            "Stream",
            delivery_stream_name=f"algotrading-{environment.stage}-log-archive",
            encryption=firehose.StreamEncryption.aws_owned_key(),
            destination=firehose.S3Bucket(
                self._bucket,
                role=writer.without_policy_updates(),
                # CloudWatch Logs has compressed it.
                compression=firehose.Compression.UNCOMPRESSED,
                file_extension=".json.gz",
                buffering_interval=_LATEST,
                buffering_size=_LARGEST,
                data_output_prefix=f"{ARCHIVED_LOGS}!{{timestamp:yyyy/MM/dd}}/",
                error_output_prefix=f"{LOG_ERRORS}!{{firehose:error-output-type}}/!{{timestamp:yyyy/MM/dd}}/",
                logging_config=firehose.EnableLogging(errors),
            ),
        )
        stream.node.add_dependency(writer)
        acknowledge(
            stream,
            "Fifteen minutes of logs pass through under a key of AWS's; logs hold no secret.",
            checkov=("CKV_AWS_241",),
        )
        return stream

    def _writer(self, environment: Environment, errors: logs.LogGroup) -> iam.Role:
        """What Firehose asks for, without the leave to delete that CDK would give it."""
        stack = Stack.of(self)
        name = f"algotrading-{environment.stage}-log-archive"
        stream_arn = stack.format_arn(service="firehose", resource="deliverystream", resource_name=name)
        role = iam.Role(
            self,
            "Writer",
            description="Firehose, when it writes logs into their archive",
            assumed_by=iam.ServicePrincipal(
                "firehose.amazonaws.com",
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnEquals": {"aws:SourceArn": stream_arn},
                },
            ),
        )
        for actions, resource in (
            (("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"), self._bucket.bucket_arn),
            (("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"), self._bucket.arn_for_objects("logs/*")),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))
        errors.grant_write(role)
        bucket = data_bucket_name(environment).replace(Aws.ACCOUNT_ID, "<AWS::AccountId>")
        acknowledge(
            role,
            "It writes into its own place of the bucket, whatever the objects are called.",
            nag=(f"IAM5[Resource::arn:aws:s3:::{bucket}/logs/*]",),
        )
        return role

    def _subscribe(self, environment: Environment) -> None:
        """By name: a reference would bind stacks together that are changed apart."""
        stack = Stack.of(self)
        sender = iam.Role(
            self,
            "Sender",
            description="CloudWatch Logs, when it passes logs on to the archive",
            assumed_by=iam.ServicePrincipal(
                "logs.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            ),
        )
        destination = destinations.FirehoseDestination(self.stream, role=sender)
        for name in archived_groups(environment):
            path = f"/algotrading/{environment.stage}/{name}"
            logs.SubscriptionFilter(
                self,
                f"From{''.join(part.capitalize() for part in name.replace('_', '-').split('-'))}",
                log_group=logs.LogGroup.from_log_group_name(self, f"Group-{name}", path),
                destination=destination,
                filter_pattern=logs.FilterPattern.all_events(),
                filter_name="archive",
            )
