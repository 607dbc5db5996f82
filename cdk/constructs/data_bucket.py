"""The data bucket of the specification (cloud architecture, S3 bucket structure): one name, one place for each kind of
object, and for each how long it is kept. Today logs are written into it; the other places wait for who fills them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from aws_cdk import Aws, Duration
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.acknowledge import acknowledge
from cdk.constructs.retention import KEPT
from cdk.environments import Environment

ARCHIVED_LOGS: Final = "logs/archived/"
LOG_ERRORS: Final = "logs/errors/"
"""What the stream could not write as it should; read by whoever mends it."""
_BACKTESTS: Final = "backtest-results/"
_REPORTS: Final = "reports/"
_MARKET_DATA: Final = "market-data/"
_COLD_AFTER: Final = Duration.days(90)
_MONTH: Final = Duration.days(30)
_YEAR: Final = Duration.days(365)
_FIVE_YEARS: Final = Duration.days(1826)
"""As brokers keep their records (SEBI, Stock Brokers Regulations, 1992, section 18)."""


def data_bucket_name(environment: Environment) -> str:
    """As the specification has it, so that whoever looks for data knows where."""
    return f"algo-trading-{environment.stage}-data-{Aws.ACCOUNT_ID}"


class DataBucket(Construct):
    """Private, encrypted, versioned; each place has its rule of how long things last there, market data for good."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        bucket = s3.Bucket(
            self,
            "Bucket",
            bucket_name=data_bucket_name(environment),
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            versioned=True,
            lifecycle_rules=list(_rules(environment)),
            # Also where everything else of the environment may go: what is in it cannot be made again.
            removal_policy=KEPT,
        )
        acknowledge(
            bucket,
            "Its one writer is the stream of logs; who reads it is in CloudTrail, and a log of the log needs another.",
            nag=("S1",),
            checkov=("CKV_AWS_18",),
        )


def _rules(environment: Environment) -> Iterator[s3.LifecycleRule]:
    """Of every place what is removed or written over can be had back for a month, and what was never finished goes."""
    yield s3.LifecycleRule(
        id="unfinished", noncurrent_version_expiration=_MONTH, abort_incomplete_multipart_upload_after=Duration.days(1)
    )
    # Can be worked out anew from market data.
    yield s3.LifecycleRule(id="backtest-results", prefix=_BACKTESTS, expiration=_YEAR)
    yield s3.LifecycleRule(id="reports", prefix=_REPORTS, expiration=_FIVE_YEARS, transitions=[_cold()])
    yield s3.LifecycleRule(id="market-data", prefix=_MARKET_DATA, transitions=[_cold()])
    yield s3.LifecycleRule(id="log-errors", prefix=LOG_ERRORS, expiration=_MONTH)
    if environment.log_archive_days:
        is_long = environment.log_archive_days > 2 * _COLD_AFTER.to_days()
        yield s3.LifecycleRule(
            id="logs",
            prefix=ARCHIVED_LOGS,
            expiration=Duration.days(environment.log_archive_days),
            transitions=[_cold()] if is_long else [],
        )


def _cold() -> s3.Transition:
    return s3.Transition(storage_class=s3.StorageClass.GLACIER_INSTANT_RETRIEVAL, transition_after=_COLD_AFTER)
