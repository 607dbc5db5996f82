"""What entry points can be given: the values of their variables, and the permissions behind them.

A stack that makes something adds it here; a stack that needs it passes it on. So a permission is written
once, beside the value that makes use of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from algotrading.ports import Lane
from cdk.acknowledge import acknowledge
from cdk.constructs.scheduling import Scheduling
from cdk.environments import REGION
from cdk.functions import DatabaseUser, FunctionSpec

AUDIT_PREFIX: Final = "audit/heads/"
"""Where adapters/s3_audit_roots.py keeps what it keeps."""
BROKER_CREDENTIALS: Final = "broker-credentials"
SECOND_FACTOR: Final = "second-factor"
WEBHOOK: Final = "webhook"
"""The purposes that secrets are sealed under (adapters/kms_vault.py)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Powers:
    """Everything that has been made so far."""

    values: Mapping[str, str]
    """Environment variables, by name."""
    database_secrets: Mapping[DatabaseUser, secretsmanager.ISecret]
    by_token: bool
    """Whether everybody but the database's owner logs in there by IAM."""
    jwt_secret: secretsmanager.ISecret
    broker_key: kms.IKey
    lanes: Mapping[Lane, sqs.IQueue] = field(default_factory=dict)
    scheduling: Scheduling | None = None
    notifications: sns.ITopic | None = None
    audit_bucket: str | None = None
    mails: sqs.IQueue | None = None
    notices: sqs.IQueue | None = None
    watched: tuple[sqs.IQueue, ...] = ()
    """Queues whose depth somebody may ask for, by the variable WATCHED_QUEUE_URLS."""
    telegram_secret: secretsmanager.ISecret | None = None
    mail_identity: ses.IEmailIdentity | None = None
    has_texts: bool = False
    """Whether the deployment sends SMS."""
    client_certificate: secretsmanager.ISecret | None = None
    """What the API asks its callers for, where it does."""

    def variables_of(self, spec: FunctionSpec) -> dict[str, str]:
        """The values, with the login of this function's database user."""
        return {**self.values, **(self.login_of(spec.database) if spec.database is not None else {})}

    def login_of(self, user: DatabaseUser) -> dict[str, str]:
        """What tells an entry point to log in to the database as `user`."""
        if self._has_token(user):
            return {"DATABASE_USER": user.value}
        return {"DATABASE_SECRET_ARN": self.database_secrets[user].secret_arn}

    def grant(self, grantee: iam.IGrantable, spec: FunctionSpec) -> None:
        """Allow what the table says, and nothing else."""
        if spec.database is not None:
            self.grant_login(grantee, spec.database)
        if spec.reads_jwt_secret:
            self.jwt_secret.grant_read(grantee)
        if spec.shows_certificate and self.client_certificate is not None:
            self.client_certificate.grant_read(grantee)
        if spec.rotates_jwt_secret:
            grantee.grant_principal.add_to_principal_policy(
                iam.PolicyStatement(
                    actions=["secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"],
                    resources=[self.jwt_secret.secret_arn],
                )
            )
        if spec.opens_broker_secrets:
            self.grant_vault(grantee, seals=spec.seals)
        if spec.keeps_second_factors:
            self.grant_vault(grantee, seals=True, purpose=SECOND_FACTOR)
        if spec.asks_for_second_factors:
            self.grant_vault(grantee, purpose=SECOND_FACTOR)
        for lane in spec.sends_to:
            self.lanes[lane].grant_send_messages(grantee)
        if spec.manages_schedules and self.scheduling is not None:
            self.scheduling.grant_manage(grantee, lists=spec.lists_schedules)
        self._grant_records(grantee, spec)
        self._grant_messages(grantee, spec)

    def grant_login(self, grantee: iam.IGrantable, user: DatabaseUser) -> None:
        """Log in to the database as `user`, and as nobody else."""
        if not self._has_token(user):
            self.database_secrets[user].grant_read(grantee)
            return
        role = grantee.grant_principal
        assert isinstance(role, iam.Role)
        login = Stack.of(role).format_arn(
            service="rds-db",
            resource="dbuser",
            resource_name=f"*/{user.value}",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        role.add_to_policy(iam.PolicyStatement(actions=["rds-db:connect"], resources=[login]))
        acknowledge(
            role,
            "One user, of whatever instance: a restored database has another id, and has to be reached at once.",
            nag=(f"IAM5[Resource::arn:aws:rds-db:{REGION}:<AWS::AccountId>:dbuser:*/{user.value}]",),
        )

    def _has_token(self, user: DatabaseUser) -> bool:
        """The owner has none: it lets IAM in first."""
        return self.by_token and user is not DatabaseUser.OWNER

    def _grant_records(self, grantee: iam.IGrantable, spec: FunctionSpec) -> None:
        if spec.keeps_audit_roots and self.audit_bucket is not None:
            self._grant_audit_roots(grantee)
        if spec.sets_database_passwords:
            for secret in self.database_secrets.values():
                secret.grant_read(grantee)

    def _grant_messages(self, grantee: iam.IGrantable, spec: FunctionSpec) -> None:
        """What reaches people."""
        if spec.publishes_notices and self.notifications is not None:
            self.notifications.grant_publish(grantee)
        if spec.asks_for_deliveries and self.notices is not None:
            self.notices.grant_send_messages(grantee)
        if spec.speaks_for_the_bot and self.telegram_secret is not None:
            self.telegram_secret.grant_read(grantee)
        if spec.opens_webhook_secrets:
            self.grant_vault(grantee, seals=spec.seals, purpose=WEBHOOK)
        if spec.watches_queues:
            for queue in self.watched:
                queue.grant(grantee, "sqs:GetQueueAttributes")
        if spec.asks_for_mails and self.mails is not None:
            self.mails.grant_send_messages(grantee)
        if spec.sends_mails and self.mail_identity is not None:
            # From our own address, and no other's.
            grantee.grant_principal.add_to_principal_policy(
                iam.PolicyStatement(actions=["ses:SendEmail"], resources=[self.mail_identity.email_identity_arn])
            )
        if spec.sends_texts and self.has_texts:
            self._grant_texts(grantee)

    def _grant_texts(self, grantee: iam.IGrantable) -> None:
        """Publish to phones, which have no resource that a policy could name (Service Authorization Reference, Amazon
        SNS), and to no topic: whatever else is allowed, a topic, a device's endpoint or a subscription has a name."""
        role = grantee.grant_principal
        assert isinstance(role, iam.Role)
        role.add_to_policy(iam.PolicyStatement(actions=["sns:Publish"], resources=["*"]))
        role.add_to_policy(
            iam.PolicyStatement(effect=iam.Effect.DENY, actions=["sns:Publish"], resources=["arn:aws:sns:*:*:*"])
        )
        acknowledge(
            role,
            "A phone has no resource to name; beside it stands a refusal of everything of SNS that has one.",
            checkov=("CKV_AWS_111",),
        )

    def _grant_audit_roots(self, grantee: iam.IGrantable) -> None:
        """Add heads and read them again; neither remove any nor lift their lock."""
        role = grantee.grant_principal
        assert isinstance(role, iam.Role)
        objects, bucket = f"arn:aws:s3:::{self.audit_bucket}/{AUDIT_PREFIX}*", f"arn:aws:s3:::{self.audit_bucket}"
        role.add_to_policy(iam.PolicyStatement(actions=["s3:GetObject", "s3:PutObject"], resources=[objects]))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[bucket],
                conditions={"StringLike": {"s3:prefix": f"{AUDIT_PREFIX}*"}},
            )
        )
        acknowledge(
            role,
            "Heads are named by the instant that they are kept at: below one prefix of one bucket.",
            nag=(f"IAM5[Resource::{objects.replace(Aws.ACCOUNT_ID, '<AWS::AccountId>')}]",),
        )

    def grant_vault(
        self,
        grantee: iam.IGrantable,
        *,
        seals: bool = False,
        user_ids: Sequence[str] = (),
        purpose: str = BROKER_CREDENTIALS,
    ) -> None:
        """Open secrets of one purpose, of `user_ids` only where any are given; seal new ones too when asked.

        Whoever asks names the user and the purpose in the encryption context (adapters/kms_vault.py), and KMS
        opens nothing that was sealed under another one: so a condition on the context is one on whose secret it is.
        """
        is_purpose: dict[str, str | list[str]] = {"kms:EncryptionContext:purpose": purpose}
        whose: dict[str, dict[str, str | list[str]]] = (
            {"StringEquals": is_purpose, "Null": {"kms:EncryptionContext:user_id": "false"}}
            if not user_ids
            else {"StringEquals": {**is_purpose, "kms:EncryptionContext:user_id": list(user_ids)}}
        )
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", *(["kms:GenerateDataKey"] if seals else [])],
                resources=[self.broker_key.key_arn],
                conditions=whose,
            )
        )
