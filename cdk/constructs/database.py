"""PostgreSQL, and a secret for each of its three users."""

from __future__ import annotations

import json
from typing import Final

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk.acknowledge import ENCRYPTED_BY_AWS, acknowledge
from cdk.constructs.retention import removal_policy
from cdk.environments import Environment
from cdk.functions import DatabaseUser

DATABASE_NAME: Final = "algotrading"
_ENGINE: Final = rds.PostgresEngineVersion.VER_18
"""The major version only: RDS keeps the minor one current by itself."""


class Database(Construct):
    """RDS for PostgreSQL: the truth."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        vpc: ec2.IVpc,
        security_group: ec2.ISecurityGroup,
    ) -> None:
        super().__init__(scope, construct_id)
        self.secrets: dict[DatabaseUser, secretsmanager.ISecret] = {
            user: self._secret(user, environment) for user in DatabaseUser
        }
        for user in (DatabaseUser.APP, DatabaseUser.SYSTEM):
            # Other stacks import them where functions log in with passwords. If they came and went with their use, no
            # environment could go from one way to the other.
            Stack.of(self).export_value(self.secrets[user].secret_arn)
        self.instance = self._instance(environment, vpc, security_group)
        acknowledge(
            self.instance,
            "The port is no secret: its security group lets functions and watchers in, and nobody else.",
            nag=("RDS11",),
        )
        if not environment.database_iam:
            acknowledge(
                self.instance,
                "The smallest class has no memory to spare for it; passwords are generated and travel over TLS.",
                checkov=("CKV_AWS_161",),
            )
        acknowledge(
            self.instance,
            "RDS's own metrics by the minute are enough: what trading needs of it is measured where it is asked.",
            checkov=("CKV_AWS_118",),
        )
        if not environment.protected:
            acknowledge(
                self.instance,
                "No money is at stake in this environment: one zone is enough, and it may be deleted.",
                nag=("RDS3", "RDS10"),
                checkov=("CKV_AWS_157",),
            )
        self.values = {
            "DATABASE_HOST": self.instance.db_instance_endpoint_address,
            "DATABASE_PORT": self.instance.db_instance_endpoint_port,
            "DATABASE_NAME": DATABASE_NAME,
            "APP_SECRET_ARN": self.secrets[DatabaseUser.APP].secret_arn,
            "SYSTEM_SECRET_ARN": self.secrets[DatabaseUser.SYSTEM].secret_arn,
        }

    def _instance(
        self, environment: Environment, vpc: ec2.IVpc, security_group: ec2.ISecurityGroup
    ) -> rds.DatabaseInstance:
        engine = rds.DatabaseInstanceEngine.postgres(version=_ENGINE)
        return rds.DatabaseInstance(
            self,
            "Instance",
            engine=engine,
            instance_type=ec2.InstanceType(environment.database_class),
            credentials=rds.Credentials.from_secret(self.secrets[DatabaseUser.OWNER]),
            database_name=DATABASE_NAME,
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_groups=[security_group],
            publicly_accessible=False,
            parameter_group=rds.ParameterGroup(self, "Parameters", engine=engine, parameters={"rds.force_ssl": "1"}),
            allocated_storage=environment.database_storage_gib,
            max_allocated_storage=environment.database_storage_gib * 5,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            iam_authentication=environment.database_iam,
            multi_az=environment.database_multi_az,
            backup_retention=Duration.days(environment.backup_days),
            # UTC, like the maintenance window: the night in Asia/Kolkata.
            preferred_backup_window="20:00-21:00",
            preferred_maintenance_window="sat:21:30-sat:22:30",
            delete_automated_backups=not environment.protected,
            deletion_protection=environment.protected,
            removal_policy=RemovalPolicy.RETAIN if environment.protected else RemovalPolicy.SNAPSHOT,
            auto_minor_version_upgrade=True,
            copy_tags_to_snapshot=True,
        )

    def _secret(self, user: DatabaseUser, environment: Environment) -> secretsmanager.Secret:
        secret = secretsmanager.Secret(
            self,
            f"{user.name.capitalize()}Secret",
            description=f"PostgreSQL user {user}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                secret_string_template=json.dumps({"username": user.value}),
                generate_string_key="password",
                password_length=40,
                exclude_punctuation=True,
            ),
            removal_policy=removal_policy(environment),
        )
        acknowledge(
            secret,
            "Changed by hand outside the session (docs/operations.md): functions hold connections made with it.",
            nag=("SMG4",),
        )
        acknowledge(secret, ENCRYPTED_BY_AWS, checkov=("CKV_AWS_149",))
        return secret
