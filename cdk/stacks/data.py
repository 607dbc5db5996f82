"""What must not be lost: PostgreSQL, the keys and secrets; and the runtime copy beside it."""

from __future__ import annotations

import hashlib
from typing import Any

from aws_cdk import CustomResource, Duration, RemovalPolicy, Stack, custom_resources
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.acknowledge import ENCRYPTED_BY_AWS, acknowledge, acknowledge_calls, acknowledge_function
from cdk.constructs.archive import AuditArchive
from cdk.constructs.database import Database
from cdk.constructs.powers import Powers
from cdk.constructs.python_functions import PythonFunctions
from cdk.constructs.retention import log_group, removal_policy
from cdk.constructs.runtime_store import RuntimeStore
from cdk.environments import Environment
from cdk.paths import MIGRATIONS
from cdk.stacks.network import NetworkStack


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
        self._migrate(environment, network)

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
        acknowledge(
            secret,
            "Rotated by hand with an overlap of both keys (docs/operations.md): nobody is logged out by it.",
            nag=("SMG4",),
        )
        acknowledge(secret, ENCRYPTED_BY_AWS, checkov=("CKV_AWS_149",))
        return secret

    def _migrate(self, environment: Environment, network: NetworkStack) -> None:
        functions = PythonFunctions(self, "Functions", environment=environment, network=network.functions)
        function = functions.add("migrate", self.powers)
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


def _schema_digest() -> str:
    """Changes with the migrations, and so makes CloudFormation run them."""
    digest = hashlib.sha256()
    for script in sorted(MIGRATIONS.glob("*.sql")):
        digest.update(script.name.encode() + b"\0" + script.read_bytes())
    return digest.hexdigest()
