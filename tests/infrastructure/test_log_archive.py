"""What becomes of logs that CloudWatch has forgotten."""

from __future__ import annotations

from typing import Any

import pytest

from cdk.environments import ENVIRONMENTS, Environment
from tests.infrastructure.templates import Estate

STREAM = "observability/LogArchive/Stream"
NOT_KEPT = ("refused-traffic", "migration-provider", "log-archive")
"""Who was turned away from the network, CDK's helper around the migration, and the archive's own complaints."""


@pytest.fixture(params=[stage for stage, each in ENVIRONMENTS.items() if each.log_archive_days])
def archiving(request: pytest.FixtureRequest) -> Environment:
    """Each environment that keeps its logs, in turn."""
    return ENVIRONMENTS[request.param]


@pytest.fixture
def archive(estates: dict[str, Estate], archiving: Environment) -> Estate:
    """Its templates."""
    return estates[archiving.stage]


def test_where_money_is_at_stake_logs_are_kept_for_years_and_in_dev_not_at_all(estates: dict[str, Estate]) -> None:
    assert {stage: each.log_archive_days for stage, each in ENVIRONMENTS.items()} == {
        "dev": 0,
        "staging": 30,
        "prod": 1826,
    }
    assert estates["dev"].resources("AWS::KinesisFirehose::DeliveryStream") == []
    assert estates["dev"].resources("AWS::Logs::SubscriptionFilter") == []


def test_every_log_of_ours_flows_into_the_archive(archive: Estate, archiving: Environment) -> None:
    prefix = f"/algotrading/{archiving.stage}/"
    groups = {each.properties["LogGroupName"] for each in archive.resources("AWS::Logs::LogGroup")}
    filters = archive.resources("AWS::Logs::SubscriptionFilter")

    assert {each.properties["LogGroupName"] for each in filters} == groups - {f"{prefix}{name}" for name in NOT_KEPT}
    assert {each.properties["FilterPattern"] for each in filters} == {""}
    assert {archive.text(each.stack, each.properties["DestinationArn"]) for each in filters} == {STREAM}


def test_subscriptions_are_made_after_every_stack_whose_logs_they_take(archive: Estate) -> None:
    """Said to CDK, or by the way of others: that one stands before the other in a list is no promise."""
    makers = {each.stack for each in archive.resources("AWS::Logs::LogGroup")} - {"observability"}
    before, new = set[str](), {"observability"}
    while new:
        before |= new
        new = {each for stack in new for each in archive.manifest[stack]["dependencies"] if each in archive.templates}
        new -= before

    assert makers <= before


def test_the_stream_is_made_when_its_role_may_write_and_is_encrypted(archive: Estate) -> None:
    stream = archive.one("AWS::KinesisFirehose::DeliveryStream")
    [policy] = [each for each in archive.resources("AWS::IAM::Policy") if "LogArchive/Writer" in each.path]

    assert policy.logical_id in stream.body["DependsOn"]
    assert stream.properties["DeliveryStreamEncryptionConfigurationInput"] == {"KeyType": "AWS_OWNED_CMK"}


def test_whoever_writes_into_the_archive_writes_logs_alone_and_removes_none(
    archive: Estate, archiving: Environment
) -> None:
    bucket = f"algo-trading-{archiving.stage}-data-"
    allowed = {
        (grant.role, grant.action, grant.resource.partition("/")[2])
        for grant in archive.grants()
        if bucket in grant.resource
    }

    writer = "observability/LogArchive/Writer"
    assert allowed == {
        *((writer, f"s3:{each}", "") for each in ("GetBucketLocation", "ListBucket", "ListBucketMultipartUploads")),
        *((writer, f"s3:{each}", "logs/*") for each in ("AbortMultipartUpload", "GetObject", "PutObject")),
    }


def test_logs_are_written_into_their_place_of_the_data_bucket(archive: Estate, archiving: Environment) -> None:
    destination = archive.one("AWS::KinesisFirehose::DeliveryStream").properties["ExtendedS3DestinationConfiguration"]

    assert f"algo-trading-{archiving.stage}-data-" in archive.text("observability", destination["BucketARN"])
    assert destination["Prefix"] == "logs/archived/!{timestamp:yyyy/MM/dd}/"
    assert destination["ErrorOutputPrefix"].startswith("logs/errors/")


@pytest.mark.parametrize("role", ["Writer", "Sender"])
def test_services_act_for_this_account_alone(archive: Estate, role: str) -> None:
    [statement] = archive.one("AWS::IAM::Role", f"observability/LogArchive/{role}").properties[
        "AssumeRolePolicyDocument"
    ]["Statement"]

    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    # Whoever delivers is one stream, and no other of the account.
    assert ("ArnEquals" in statement["Condition"]) is (role == "Writer")


def test_objects_are_compressed_once_and_no_hour_passes_without_one(archive: Estate) -> None:
    stream = archive.one("AWS::KinesisFirehose::DeliveryStream").properties
    destination = stream["ExtendedS3DestinationConfiguration"]
    [alarm] = [_of(each.properties) for each in archive.resources("AWS::CloudWatch::Alarm") if _of(each.properties)]

    assert (destination["CompressionFormat"], destination["FileExtension"]) == ("UNCOMPRESSED", ".json.gz")
    assert (alarm["MetricName"], alarm["TreatMissingData"]) == ("DeliveryToS3.Records", "breaching")
    assert destination["BufferingHints"]["IntervalInSeconds"] * 2 <= alarm["Period"] == 3600


def _of(alarm: Any) -> dict[str, Any]:
    return dict(alarm) if alarm.get("Namespace") == "AWS/Firehose" else {}
