"""Logs beyond their time in CloudWatch: every group of ours flows into a bucket, where keeping costs a tenth.

An object is what CloudWatch Logs sent, gzip after gzip: `zcat` reads it (docs/operations.md, log archive).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, cast

from aws_cdk import CfnElement, Duration, RemovalPolicy, Size, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_logs_destinations as destinations
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.acknowledge import acknowledge
from cdk.constructs.retention import log_group
from cdk.environments import Environment
from cdk.functions import FUNCTIONS

_COLD_AFTER: Final = Duration.days(90)
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
    """Bucket, stream into it, and one subscription for each log group, which has to be there already."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self.bucket = self._bucket(environment)
        self.stream = self._stream(environment)
        self._subscribe(environment)

    def _bucket(self, environment: Environment) -> s3.Bucket:
        kept = Duration.days(environment.log_archive_days)
        is_long = environment.log_archive_days > 2 * _COLD_AFTER.to_days()
        cold = s3.Transition(storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=_COLD_AFTER)
        bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="kept",
                    expiration=kept,
                    # What somebody removed or wrote over can be had back for a month.
                    noncurrent_version_expiration=Duration.days(30),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    transitions=[cold] if is_long else [],
                )
            ],
            # Also where everything else of the environment may go: what is in it cannot be made again.
            removal_policy=RemovalPolicy.RETAIN,
        )
        acknowledge(
            bucket,
            "Its one writer is the stream; who reads it is in CloudTrail, and a log of the log would need another.",
            nag=("S1",),
            checkov=("CKV_AWS_18",),
        )
        return bucket

    def _stream(self, environment: Environment) -> firehose.DeliveryStream:
        errors = log_group(self, "Errors", environment=environment, name="log-archive")
        writer = self._writer(environment, errors)
        stream = firehose.DeliveryStream(
            self,
            "Stream",
            delivery_stream_name=f"algotrading-{environment.stage}-log-archive",
            encryption=firehose.StreamEncryption.aws_owned_key(),
            destination=firehose.S3Bucket(
                self.bucket,
                role=writer.without_policy_updates(),
                # CloudWatch Logs has compressed it.
                compression=firehose.Compression.UNCOMPRESSED,
                file_extension=".json.gz",
                buffering_interval=_LATEST,
                buffering_size=_LARGEST,
                data_output_prefix="logs/!{timestamp:yyyy/MM/dd}/",
                error_output_prefix="errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/",
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
            (("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"), self.bucket.bucket_arn),
            (("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"), self.bucket.arn_for_objects("*")),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))
        errors.grant_write(role)
        bucket = stack.get_logical_id(cast(CfnElement, self.bucket.node.default_child))
        acknowledge(
            role,
            "It writes into its own bucket, whatever the objects are called.",
            nag=(f"IAM5[Resource::<{bucket}.Arn>/*]",),
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
