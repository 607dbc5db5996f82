"""The data bucket of the specification: private, and each of its places forgets in its own time."""

from __future__ import annotations

from typing import Any

import pytest

from cdk.environments import Environment
from tests.infrastructure.templates import Estate

BUCKET = "data/Data/Bucket"
PLACES = {"backtest-results/": 365, "reports/": 1826, "market-data/": None, "logs/errors/": 30}
"""Days until what was written there is gone; None: it is kept."""


@pytest.fixture
def bucket(estate: Estate) -> dict[str, Any]:
    return dict(estate.one("AWS::S3::Bucket", BUCKET).properties)


def test_it_is_named_as_the_specification_has_it(
    estate: Estate, environment: Environment, bucket: dict[str, Any]
) -> None:
    assert estate.text("data", bucket["BucketName"]).startswith(f"algo-trading-{environment.stage}-data-")


def test_it_is_private_encrypted_versioned_and_outlives_its_stack(estate: Estate, bucket: dict[str, Any]) -> None:
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert estate.one("AWS::S3::Bucket", BUCKET).body["DeletionPolicy"].startswith("Retain")


def test_nothing_reaches_it_but_by_tls(estate: Estate) -> None:
    policies = [each.properties for each in estate.resources("AWS::S3::BucketPolicy") if each.stack == "data"]
    [statement] = [
        each
        for policy in policies
        if estate.text("data", policy["Bucket"]) == BUCKET
        for each in policy["PolicyDocument"]["Statement"]
    ]

    assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_each_place_forgets_in_its_own_time(environment: Environment, bucket: dict[str, Any]) -> None:
    rules = {each.get("Prefix"): each for each in bucket["LifecycleConfiguration"]["Rules"]}
    logs = {"logs/archived/": environment.log_archive_days} if environment.log_archive_days else {}

    assert {place: each.get("ExpirationInDays") for place, each in rules.items() if place} == {**PLACES, **logs}
    assert rules[None]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert rules[None]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    for rule in rules.values():
        for each in rule.get("Transitions", ()):
            assert each["TransitionInDays"] < rule.get("ExpirationInDays", 10**6)


def test_logs_are_kept_longer_there_than_where_they_are_read(environment: Environment) -> None:
    assert not environment.log_archive_days or environment.log_archive_days > environment.log_retention_days
