"""What must outlive the database and be beyond its reach: the heads of the audit chains, under a lock of years."""

from __future__ import annotations

from typing import Final

from aws_cdk import Aws, Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.acknowledge import acknowledge
from cdk.constructs.retention import KEPT
from cdk.environments import Environment

_KEPT: Final = Duration.days(5 * 365 + 2)
"""As long as brokers must keep records (SEBI, Stock Brokers Regulations, 1992, section 18: five years), in which there
may be two leap days."""


class AuditArchive(Construct):
    """A bucket whose objects nobody alters or removes while their lock lasts, but who may lift it explicitly."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        # A name of our own, so that whoever restores a database knows where to look.
        self.name = f"algotrading-{environment.stage}-audit-{Aws.ACCOUNT_ID}"
        lock = _KEPT if environment.protected else Duration.days(1)
        self.bucket = s3.Bucket(
            self,
            "Roots",
            bucket_name=self.name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            object_lock_enabled=True,
            object_lock_default_retention=s3.ObjectLockRetention.governance(lock),
            versioned=True,
            lifecycle_rules=[
                s3.LifecycleRule(
                    prefix="audit/",
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=Duration.days(90)
                        )
                    ],
                )
            ],
            # A locked object cannot be removed with its stack.
            removal_policy=KEPT,
        )
        acknowledge(
            self.bucket,
            "One function writes to it once a day, which its own log tells; nobody else may.",
            nag=("S1",),
            checkov=("CKV_AWS_18",),
        )
