"""What must not be lost: PostgreSQL, the keys and secrets; and the runtime copy beside it."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack, custom_resources
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.acknowledge import ENCRYPTED_BY_AWS, acknowledge, acknowledge_calls, acknowledge_function
from cdk.constructs.archive import AuditArchive
from cdk.constructs.data_bucket import DataBucket
from cdk.constructs.database import Database
from cdk.constructs.powers import Powers
from cdk.constructs.python_functions import PythonFunctions
from cdk.constructs.retention import log_group, removal_policy
from cdk.constructs.runtime_store import RuntimeStore
from cdk.environments import Environment
from cdk.paths import MIGRATIONS
from cdk.stacks.network import NetworkStack

_ROTATION: Final = "cron(0 21 ? 1/3 SAT#1 *)"
"""UTC: from 02:30 in Asia/Kolkata on the Sunday after the first Saturday of January, April, July and October (AWS
Secrets Manager documentation, schedule expressions)."""
_ROTATION_WINDOW: Final = "2h"


class DataStack(Stack):
    """Stores, keys, secrets, and the migration that runs on every deployment that changes the schema."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, network: NetworkStack, **stack: Any
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        self.database = Database(
            self, "Database", environment=environment, vpc=network.vpc, security_group=network.database_group
        )
        self.runtime_store = RuntimeStore(
            self, "RuntimeStore", environment=environment, vpc=network.vpc, security_group=network.cache_group
        )
        broker_key = self._broker_key(environment)
        jwt_secret = self._jwt_secret(environment)
        archive = AuditArchive(self, "Archive", environment=environment)
        DataBucket(self, "Data", environment=environment)
        self.powers = Powers(
            values={
                **self.database.values,
                **self.runtime_store.values,
                "KMS_KEY_ID": broker_key.key_arn,
                "JWT_SECRET_ARN": jwt_secret.secret_arn,
                "AUDIT_BUCKET": archive.name,
            },
            database_secrets=self.database.secrets,
            by_token=environment.database_iam,
            jwt_secret=jwt_secret,
            broker_key=broker_key,
            audit_bucket=archive.name,
        )
        self._functions = PythonFunctions(self, "Functions", environment=environment, network=network.functions)
        self._migrate(environment, network)
        self.rotate = self._rotate(jwt_secret)

    def _broker_key(self, environment: Environment) -> kms.Key:
        return kms.Key(
            self,
            "BrokerKey",
            alias=f"algotrading/{environment.stage}/broker-secrets",
            description="Seals the traders' broker secrets",
            enable_key_rotation=True,
            pending_window=Duration.days(30 if environment.protected else 7),
            removal_policy=removal_policy(environment),
        )

    def _jwt_secret(self, environment: Environment) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            "JwtSecret",
            description="Signs our own bearer tokens",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template="{}",  # noqa: S106 - an empty document to put the key into
                generate_string_key="key",
                password_length=64,
                exclude_punctuation=True,
            ),
            removal_policy=removal_policy(environment),
        )
        acknowledge(secret, ENCRYPTED_BY_AWS, checkov=("CKV_AWS_149",))
        return secret

    def _migrate(self, environment: Environment, network: NetworkStack) -> None:
        function = self._functions.add("migrate", self.powers)
        provider = custom_resources.Provider(
            self,
            "MigrationProvider",
            on_event_handler=function,
            log_group=log_group(self, "MigrationProviderLogs", environment=environment, name="migration-provider"),
        )
        migration = CustomResource(
            self,
            "Migration",
            service_token=provider.service_token,
            resource_type="Custom::DatabaseMigration",
            properties={
                "SchemaDigest": _schema_digest(),
                "EgressRoutes": self.to_json_string(network.routes),
                # Not read: another one is a reason to run, which lets roles in as the function's settings say.
                "LoginBy": "tokens" if environment.database_iam else "passwords",
            },
            removal_policy=RemovalPolicy.RETAIN,
        )
        migration.node.add_dependency(self.database, function)
        acknowledge_function(provider)
        acknowledge_calls(provider, function)

    def _rotate(self, secret: secretsmanager.Secret) -> lambda_.Function:
        """At night from a Saturday to a Sunday, once a quarter. CDK's own construct would let the function make
        passwords anywhere and Secrets Manager call it for any secret."""
        function = self._functions.add("rotate", self.powers)
        function.add_permission(
            "Rotation",
            principal=iam.ServicePrincipal("secretsmanager.amazonaws.com"),
            source_account=self.account,
            source_arn=secret.secret_arn,
        )
        schedule = secretsmanager.CfnRotationSchedule(
            self,
            "JwtRotation",
            secret_id=secret.secret_arn,
            rotation_lambda_arn=function.function_arn,
            rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                schedule_expression=_ROTATION, duration=_ROTATION_WINDOW
            ),
            # Not whenever the schedule is deployed, which may be in trading hours.
            rotate_immediately_on_update=False,
        )
        # The function is tried when the schedule is made: by then it must be callable, and allowed to read the secret.
        schedule.node.add_dependency(function)
        return function


def _schema_digest() -> str:
    """Changes with the migrations, and so makes CloudFormation run them."""
    digest = hashlib.sha256()
    for script in sorted(MIGRATIONS.glob("*.sql")):
        digest.update(script.name.encode() + b"\0" + script.read_bytes())
    return digest.hexdigest()
