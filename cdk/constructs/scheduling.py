"""EventBridge Scheduler for strategies: the group, the role it acts in, and where failed alarms go.

The schedules themselves are data: the strategy function makes two per running strategy.
"""

from __future__ import annotations

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.acknowledge import SQS_AT_REST, acknowledge, acknowledge_calls
from cdk.constructs.retention import removal_policy
from cdk.environments import Environment


class Scheduling(Construct):
    """One group per environment: the service creates and deletes groups slowly."""

    def __init__(self, scope: Construct, construct_id: str, *, environment: Environment) -> None:
        super().__init__(scope, construct_id)
        self._group_name = f"algotrading-{environment.stage}-strategies"
        self.group = scheduler.ScheduleGroup(
            self,
            "Group",
            schedule_group_name=self._group_name,
            removal_policy=removal_policy(environment),
        )
        # A standard queue: the service accepts no FIFO queue here.
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=f"algotrading-{environment.stage}-schedule-dead-letters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.role = iam.Role(
            self,
            "Role",
            description="EventBridge Scheduler, when an early alarm of a strategy is due",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={
                    "StringEquals": {
                        "aws:SourceAccount": Stack.of(self).account,
                        "aws:SourceArn": self.group.schedule_group_arn,
                    }
                },
            ),
        )
        self.dead_letters.grant_send_messages(self.role)
        acknowledge(self.dead_letters, SQS_AT_REST, checkov=("CKV_AWS_27",))
        acknowledge(self.dead_letters, "It is the dead-letter queue of every schedule.", nag=("SQS3",))

    def invoke(self, target: lambda_.Function) -> dict[str, str]:
        """Let schedules of the group call `target`; the variables that describe such a schedule."""
        target.grant_invoke(self.role)
        acknowledge_calls(self.role, target)
        return {
            "SCHEDULE_GROUP": self.group.schedule_group_name,
            "SCHEDULE_TARGET_ARN": target.function_arn,
            "SCHEDULE_ROLE_ARN": self.role.role_arn,
            "SCHEDULE_DLQ_ARN": self.dead_letters.queue_arn,
        }

    def grant_manage(self, grantee: iam.IGrantable, *, lists: bool) -> None:
        """Create, read, replace and delete schedules of this group, with this role and no other;
        see the names of all schedules too when asked."""
        schedules = Stack.of(self).format_arn(
            service="scheduler",
            resource="schedule",
            resource_name=f"{self.group.schedule_group_name}/*",
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        acknowledge_in = grantee.grant_principal
        assert isinstance(acknowledge_in, iam.Role)
        acknowledge(
            acknowledge_in,
            "Every schedule of the group of strategies, and of no other group: their names are made as traders come.",
            nag=(
                f"IAM5[Resource::arn:aws:scheduler:{Stack.of(self).region}:<AWS::AccountId>:"
                f"schedule/{self._group_name}/*]",
            ),
        )
        actions = ("CreateSchedule", "GetSchedule", "UpdateSchedule", "DeleteSchedule")
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(actions=[f"scheduler:{action}" for action in actions], resources=[schedules])
        )
        grantee.grant_principal.add_to_principal_policy(
            iam.PolicyStatement(
                actions=["iam:PassRole"],
                resources=[self.role.role_arn],
                conditions={"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}},
            )
        )
        if lists:
            # ListSchedules knows no resource to be restricted to (Service Authorization Reference, EventBridge
            # Scheduler): it shows names and states of other groups' schedules, never what they carry.
            grantee.grant_principal.add_to_principal_policy(
                iam.PolicyStatement(actions=["scheduler:ListSchedules"], resources=["*"])
            )
