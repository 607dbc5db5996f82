"""Stores: encrypted, never evicting, kept where it matters, and never replaced by accident."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any, cast

import pytest

from algotrading.adapters.s3_audit_roots import S3AuditRoots
from cdk.environments import Environment
from tests.infrastructure.templates import Estate

STATEFUL = {
    "AWS::RDS::DBInstance": {"DatabaseInstanceAA8A5FDE"},
    "AWS::ElastiCache::ReplicationGroup": {"RuntimeStoreGroupA1DF636C"},
    "AWS::KMS::Key": {"BrokerKeyF2FE9035"},
    "AWS::SecretsManager::Secret": {
        "DatabaseAppSecret2E50FD00",
        "DatabaseOwnerSecret7C6B5709",
        "DatabaseSystemSecretAB53CE13",
        "JwtSecretB8834B39",
        "TelegramSecretB69F6981",
    },
    "AWS::SQS::Queue": {
        "MailsDeadLetters192EF268",
        "NoticesDeadLetters9751A95B",
        "NoticesQueue8F17BA1B",
        "MailsQueue94113AC9",
        "OrdersQueueC538DD4C",
        "OrdersDeadLetters6314E60F",
        "PriorityOrdersQueue18F21C3E",
        "PriorityOrdersDeadLettersE1F27BAD",
        "SchedulingDeadLettersD564B8FB",
    },
    "AWS::Scheduler::ScheduleGroup": {"SchedulingGroup2B5E8D3E", "Operations993AC38D", "Messages804FA4EB"},
    "AWS::SNS::Topic": {"Notifications87298708", "Alarms04B5A0BF"},
    # Its name is in links of mails that were sent, and pages are called by it.
    "AWS::CloudFront::Distribution": {"Distribution830FAC52"},
    "AWS::S3::Bucket": {"AppF1B96344", "ArchiveRoots54CA0789", "DataBucketE6B0FAA8"},
}
"""Logical ids that may never change: a new id is a new, empty resource in place of the old one."""


@pytest.mark.parametrize("resource_type", STATEFUL)
def test_whatever_holds_state_keeps_its_logical_id(estate: Estate, resource_type: str) -> None:
    assert {each.logical_id for each in estate.resources(resource_type)} == STATEFUL[resource_type]


def test_the_addresses_that_brokers_know_keep_their_logical_ids(estate: Estate, environment: Environment) -> None:
    expected = {f"EgressAddress{number}" for number in range(1, environment.nat_gateways + 1)}

    assert {each.logical_id for each in estate.resources("AWS::EC2::EIP")} == expected


def test_postgresql_is_encrypted_private_and_speaks_tls_only(estate: Estate) -> None:
    instance = estate.one("AWS::RDS::DBInstance").properties
    parameters = estate.one("AWS::RDS::DBParameterGroup").properties["Parameters"]

    assert instance["Engine"] == "postgres"
    assert instance["StorageEncrypted"] is True
    assert instance["PubliclyAccessible"] is False
    assert parameters["rds.force_ssl"] == "1"


def test_postgresql_is_as_the_table_says(estate: Estate, environment: Environment) -> None:
    instance = estate.one("AWS::RDS::DBInstance")

    assert instance.properties["DBInstanceClass"] == f"db.{environment.database_class}"
    assert instance.properties["MultiAZ"] is environment.database_multi_az
    assert instance.properties["BackupRetentionPeriod"] == environment.backup_days
    assert instance.properties["DeletionProtection"] is environment.protected
    assert instance.properties["EnableIAMDatabaseAuthentication"] is environment.database_iam
    assert instance.body["DeletionPolicy"] in {"Retain", "Snapshot"}
    # Whoever looks at a snapshot sees whose it is, and what it costs is counted to the environment.
    assert instance.properties["CopyTagsToSnapshot"] is True


def test_the_database_password_is_generated_and_never_in_a_template(estate: Estate) -> None:
    password = estate.one("AWS::RDS::DBInstance").properties["MasterUserPassword"]

    assert "{{resolve:secretsmanager:" in str(password)


def test_each_database_user_has_a_generated_password(estate: Estate) -> None:
    templates = {
        each.path.rsplit("/", 1)[1]: each.properties["GenerateSecretString"]
        for each in estate.resources("AWS::SecretsManager::Secret")
    }

    assert templates["AppSecret"]["SecretStringTemplate"] == '{"username": "app_role"}'
    assert templates["SystemSecret"]["SecretStringTemplate"] == '{"username": "system_role"}'
    assert {each["GenerateStringKey"] for each in templates.values()} == {"password", "key", "unused"}


def test_the_runtime_store_refuses_rather_than_evicts(estate: Estate) -> None:
    group = estate.one("AWS::ElastiCache::ReplicationGroup").properties
    parameters = estate.one("AWS::ElastiCache::ParameterGroup")

    assert group["CacheParameterGroupName"]["Ref"] == parameters.logical_id
    assert parameters.properties["Properties"]["maxmemory-policy"] == "noeviction"


def test_the_runtime_store_is_encrypted_and_fails_over_when_it_has_a_replica(
    estate: Estate, environment: Environment
) -> None:
    group = estate.one("AWS::ElastiCache::ReplicationGroup").properties

    assert group["Engine"] == "valkey"
    assert group["TransitEncryptionEnabled"] is True
    assert group["AtRestEncryptionEnabled"] is True
    assert group["NumCacheClusters"] == environment.cache_nodes
    assert group["MultiAZEnabled"] is (environment.cache_nodes > 1)
    assert group["AutomaticFailoverEnabled"] is (environment.cache_nodes > 1)


def test_the_key_of_broker_secrets_rotates(estate: Estate) -> None:
    assert estate.one("AWS::KMS::Key").properties["EnableKeyRotation"] is True


def test_the_signing_key_rotates_each_quarter_on_a_night_without_a_market_after_it(estate: Estate) -> None:
    schedule = estate.one("AWS::SecretsManager::RotationSchedule")
    rules = schedule.properties["RotationRules"]
    minute, hour, _, _, weekday, _ = rules["ScheduleExpression"].removeprefix("cron(").removesuffix(")").split()
    begins = timedelta(hours=int(hour), minutes=int(minute)) + timedelta(hours=5, minutes=30)

    assert estate.text("data", schedule.properties["SecretId"]) == "data/JwtSecret"
    assert estate.text("data", schedule.properties["RotationLambdaARN"]) == estate.function("rotate").path
    # Saturday's evening in UTC is Sunday in Asia/Kolkata; the window ends before the UTC day does.
    assert (weekday, rules["Duration"]) == ("SAT#1", "2h")
    assert timedelta(days=1) < begins < begins + timedelta(hours=2) < timedelta(days=1, hours=6)
    assert int(hour) + 2 <= 24
    # Deploying the schedule rotates nothing.
    assert schedule.properties["RotateImmediatelyOnUpdate"] is False


def test_the_rotation_is_tried_when_it_can_be_called_and_may_read(estate: Estate) -> None:
    waits_for = set(estate.one("AWS::SecretsManager::RotationSchedule").body["DependsOn"])
    data = estate.templates["data"]["Resources"]

    kinds = {data[name]["Type"] for name in waits_for}
    assert kinds >= {"AWS::Lambda::Permission", "AWS::IAM::Policy", "AWS::Lambda::Function"}


def test_migrations_run_after_the_database_is_there(estate: Estate) -> None:
    migration = estate.one("Custom::DatabaseMigration")

    assert "DatabaseInstanceAA8A5FDE" in migration.body["DependsOn"]
    assert len(migration.properties["SchemaDigest"]) == 64


def test_roles_are_let_in_the_way_that_functions_log_in(estate: Estate, environment: Environment) -> None:
    migrate = estate.variables(estate.function("migrate"))
    migration = estate.one("Custom::DatabaseMigration").properties

    assert migrate["DATABASE_IAM"] == str(environment.database_iam).lower()
    # Another way is a reason to run, also where the schema stays.
    assert migration["LoginBy"] == ("tokens" if environment.database_iam else "passwords")


def test_an_environment_can_go_from_passwords_to_tokens_and_back(estates: Mapping[str, Estate]) -> None:
    """CloudFormation takes away no export that another stack still imports: so they are there in either way."""

    def exported(estate: Estate) -> set[str]:
        outputs = estate.templates["data"]["Outputs"].values()
        return {name for each in outputs if "Secret" in (name := str(each["Export"]["Name"])) and "Database" in name}

    with_passwords, with_tokens = exported(estates["dev"]), exported(estates["prod"])

    assert len(with_tokens) == 2
    assert {each.partition(":")[2] for each in with_passwords} == {each.partition(":")[2] for each in with_tokens}


def test_the_smallest_class_is_not_asked_for_what_it_has_no_memory_for(environment: Environment) -> None:
    assert not (environment.database_iam and environment.database_class.endswith(".micro"))


def test_every_log_group_forgets_after_the_tables_days(estate: Estate, environment: Environment) -> None:
    groups = estate.resources("AWS::Logs::LogGroup")

    assert {each.properties["RetentionInDays"] for each in groups} == {environment.log_retention_days}


_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _minutes(window: str) -> tuple[int, int]:
    """From when to when AWS may work on something: minutes of the week from Monday, Asia/Kolkata; of the first day
    where the window is every day's."""
    words = [each.split(":") for each in window.split("-")]
    begins, ends = (
        (_DAYS.index(each[0]) if len(each) == 3 else 0) * 1440 + int(each[-2]) * 60 + int(each[-1]) + 330
        for each in words
    )
    return begins % 10080, ends % 10080


@pytest.mark.parametrize("moment", ["sat:21:30-sat:22:30", "sun:21:30-sun:22:30"])
def test_windows_are_read_as_aws_does(moment: str) -> None:
    day = 6 if moment.startswith("sat") else 0
    assert _minutes(moment) == (day * 1440 + 180, day * 1440 + 240)


def test_aws_works_on_the_stores_at_night_and_never_on_both_at_once(estate: Estate) -> None:
    database = estate.one("AWS::RDS::DBInstance").properties
    cache = estate.one("AWS::ElastiCache::ReplicationGroup").properties
    windows = [_minutes(database["PreferredMaintenanceWindow"]), _minutes(cache["PreferredMaintenanceWindow"])]

    for begins, ends in [*windows, _minutes(database["PreferredBackupWindow"])]:
        # Within one night: after the close of 16:00, or before 08:15 when deployments are to be over.
        assert begins < ends
        assert begins % 1440 >= 16 * 60 or ends % 1440 <= 8 * 60 + 15
        assert begins // 1440 == ends // 1440
    (first, until), (second, end) = sorted(windows)
    assert first < until <= second < end


_NAMES = {
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::Scheduler::ScheduleGroup": "Name",
    "AWS::SecretsManager::Secret": "Name",
}


def test_a_first_deployment_that_failed_can_be_tried_again(estate: Estate, environment: Environment) -> None:
    """What has a name of ours and is kept must go where the very deployment that made it goes back: it exists else."""
    named = [each for kind, name in _NAMES.items() for each in estate.resources(kind) if name in each.properties]

    assert len(named) > 20
    assert {each.path: each.body["DeletionPolicy"] for each in named if each.body["DeletionPolicy"] == "Retain"} == {}
    # And once made it is kept: where money is at stake, everything.
    kept = {each.path for each in named if each.body["DeletionPolicy"] == "RetainExceptOnCreate"}
    assert "data/Archive/Roots" in kept
    assert not environment.protected or {each.path for each in estate.resources("AWS::Logs::LogGroup")} <= kept
    assert {each.body["UpdateReplacePolicy"] for each in named if each.path in kept} == {"Retain"}


def test_every_function_writes_to_a_log_group_of_ours(estate: Estate) -> None:
    groups = {each.logical_id for each in estate.resources("AWS::Logs::LogGroup")}

    assert {each.properties["LoggingConfig"]["LogGroup"]["Ref"] for each in estate.functions()} <= groups


def test_the_audit_roots_are_locked_for_years_and_only_the_operators_function_writes_them(
    estate: Estate, environment: Environment
) -> None:
    bucket = next(each for each in estate.resources("AWS::S3::Bucket") if each.stack == "data")
    rule = bucket.properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    writers = {
        each.path.split("/")[2]
        for each in estate.resources("AWS::IAM::Policy")
        if "s3:PutObject" in (text := json.dumps(each.properties["PolicyDocument"])) and "audit" in text
    }

    assert bucket.properties["ObjectLockEnabled"] is True
    assert (rule["Mode"], rule["Days"]) == ("GOVERNANCE", 1827 if environment.protected else 1)
    assert bucket.body["DeletionPolicy"] == "RetainExceptOnCreate"
    assert writers == {"Operator"}


def test_the_audit_roots_go_where_the_bucket_keeps_them_cheaply_and_nowhere_else(estate: Estate) -> None:
    """A key of another beginning could not be written; one that the rule does not know would stay dear for years."""
    written: list[str] = []

    class Bucket:
        def put_object(self, *, Key: str, **_: object) -> None:  # noqa: N803 - AWS's own name
            written.append(Key)

    S3AuditRoots(cast(Any, Bucket), "bucket").keep({}, datetime(2026, 11, 27, tzinfo=UTC))
    bucket = next(each for each in estate.resources("AWS::S3::Bucket") if each.path == "data/Archive/Roots")
    [rule] = bucket.properties["LifecycleConfiguration"]["Rules"]
    writable = {
        resource.partition(":::")[2].partition("/")[2]
        for grant in estate.grants()
        if grant.action == "s3:PutObject" and "audit" in (resource := grant.resource)
    }

    assert rule["Prefix"] == "audit/"
    assert [key.startswith(rule["Prefix"]) for key in written] == [True]
    [pattern] = writable
    assert fnmatchcase(written[0], pattern)
    assert pattern.startswith(rule["Prefix"])


def test_stacks_that_hold_data_of_money_refuse_to_be_deleted(estate: Estate, environment: Environment) -> None:
    refusing = {
        stack for stack, told in estate.manifest.items() if told["properties"].get("terminationProtection", False)
    }

    assert refusing == ({"network", "data"} if environment.protected else set())
