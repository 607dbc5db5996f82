"""The always-on watcher: every tick against every armed stop. It may ask for an exit, never place an order."""

from __future__ import annotations

from typing import Any, Final

from aws_cdk import Duration, IgnoreMode, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from constructs import Construct

from algotrading.ports import Lane
from algotrading.settings import ListenerSettings
from cdk.constructs.layers import NOT_DEPLOYED
from cdk.constructs.powers import Powers
from cdk.constructs.retention import log_group
from cdk.environments import Environment
from cdk.functions import DatabaseUser
from cdk.paths import ROOT
from cdk.stacks.network import NetworkStack
from cdk.variables import variables_for

_NOBODY: Final = "65534:65534"


class ListenerStack(Stack):
    """Cluster, task and service on Fargate."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        network: NetworkStack,
        powers: Powers,
        **stack: Any,
    ) -> None:
        super().__init__(scope, construct_id, **stack)
        task = self._task(environment, powers)
        self._grant(task, environment, powers)
        self.service = ecs.FargateService(
            self,
            "Service",
            service_name=f"algotrading-{environment.stage}-listener",
            cluster=ecs.Cluster(self, "Cluster", vpc=network.vpc, cluster_name=f"algotrading-{environment.stage}"),
            task_definition=task,
            desired_count=environment.listener_tasks,
            assign_public_ip=False,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_groups=[network.listener.security_group],
            # The new one watches before the old one leaves; a version that cannot watch rolls itself back.
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            # On by default for new services, and free to replace a task in trading hours.
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.DISABLED,
            enable_ecs_managed_tags=True,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )

    def _task(self, environment: Environment, powers: Powers) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=f"algotrading-{environment.stage}-listener",
            cpu=environment.listener_cpu,
            memory_limit_mib=environment.listener_memory_mib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )
        task.add_container(
            "listener",
            image=_image(),
            command=["python", "-m", "fargate_listener"],
            environment=self._variables(environment, powers),
            user=_NOBODY,
            readonly_root_filesystem=True,
            # The longest that Fargate waits between SIGTERM and the end.
            stop_timeout=Duration.seconds(120),
            # A Dockerfile's HEALTHCHECK counts for nothing on ECS: only this one does.
            health_check=ecs.HealthCheck(
                command=["CMD", "python", "-m", "fargate_listener", "--health"],
                interval=Duration.seconds(10),
                timeout=Duration.seconds(5),
                retries=3,
                start_period=Duration.seconds(60),
            ),
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="listener",
                log_group=log_group(self, "Logs", environment=environment, name="listener"),
            ),
        )
        return task

    def _variables(self, environment: Environment, powers: Powers) -> dict[str, str]:
        values = {
            **environment.setting_values(),
            **powers.values,
            "DATABASE_SECRET_ARN": powers.database_secrets[DatabaseUser.SYSTEM].secret_arn,
        }
        return {
            **variables_for(ListenerSettings, values),
            "AWS_REGION": self.region,
            "POWERTOOLS_SERVICE_NAME": "listener",
            "POWERTOOLS_METRICS_NAMESPACE": environment.metrics_namespace,
            "POWERTOOLS_LOG_LEVEL": environment.log_level,
        }

    def _grant(self, task: ecs.FargateTaskDefinition, environment: Environment, powers: Powers) -> None:
        """One queue to send to, its stores to read, the feed account's secrets to open (everybody's, where order
        sockets are on): nothing else."""
        powers.lanes[Lane.PRIORITY].grant_send_messages(task.task_role)
        powers.database_secrets[DatabaseUser.SYSTEM].grant_read(task.task_role)
        if environment.order_update_sockets:
            powers.grant_vault(task.task_role)
        elif environment.feed_user_id is not None:
            powers.grant_vault(task.task_role, user_id=environment.feed_user_id)


def _image() -> ecs.ContainerImage:
    """Built at deployment, from the repository's root: only what the Dockerfile copies is in its context,
    so nothing else changes the image's hash."""
    return ecs.ContainerImage.from_asset(
        str(ROOT),
        file="fargate_listener/Dockerfile",
        platform=ecr_assets.Platform.LINUX_ARM64,
        ignore_mode=IgnoreMode.DOCKER,
        exclude=["*", "!fargate_listener", "!layers/algotrading", *NOT_DEPLOYED],
    )
