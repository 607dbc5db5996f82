"""The always-on watcher: every tick against every armed stop. It may ask for an exit, never place an order."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Final

from aws_cdk import Duration, IgnoreMode, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from algotrading.ports import Lane
from algotrading.settings import ListenerSettings
from cdk.acknowledge import acknowledge
from cdk.constructs.layers import NOT_DEPLOYED
from cdk.constructs.powers import Powers
from cdk.constructs.retention import log_group
from cdk.environments import Environment, WatcherTask
from cdk.functions import DatabaseUser
from cdk.paths import ROOT
from cdk.stacks.network import NetworkStack
from cdk.variables import variables_for

_NOBODY: Final = "65534:65534"


class ListenerStack(Stack):
    """A cluster on Fargate, and in it one service for each watcher of the table, each in a zone of its own."""

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
        self._environment = environment
        self._powers = powers
        self._network = network
        self._cluster = ecs.Cluster(self, "Cluster", vpc=network.vpc, cluster_name=f"algotrading-{environment.stage}")
        acknowledge(
            self._cluster,
            "The watcher measures itself every ten seconds (docs/operations.md); its container's figures add nothing.",
            nag=("ECS4",),
            checkov=("CKV_AWS_65",),
        )
        self._logs = log_group(self, "Logs", environment=environment, name="listener")
        self._task_role, self._execution_role = self._role("TaskRole"), self._role("ExecutionRole")
        self._grant(self._task_role)
        acknowledge(
            self._execution_role,
            "A token for the image registry has no resource that a policy could name; image and log group have.",
            nag=("IAM5[Resource::*]",),
        )
        services = [self._service(watcher) for watcher in environment.watchers]
        for service in services:
            # CDK waits for the task's own role alone: a task that is started before this one may fetch the image and
            # write its log counts as failed, and a few of those end the first deployment.
            service.node.add_dependency(self._execution_role)
        for before, after in pairwise(services):
            # One after the other: a version that fails in the first zone never reaches the second, and a feed account
            # has three sockets at the most, which is what the broker allows.
            after.node.add_dependency(before)

    def _role(self, construct_id: str) -> iam.Role:
        """For every watcher the same."""
        return iam.Role(self, construct_id, assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))

    def _service(self, watcher: WatcherTask) -> ecs.FargateService:
        return ecs.FargateService(
            self,
            f"Service{watcher.zone}",
            service_name=f"algotrading-{self._environment.stage}-{watcher.name}",
            cluster=self._cluster,
            task_definition=self._task(watcher),
            desired_count=1,
            assign_public_ip=False,
            vpc_subnets=ec2.SubnetSelection(
                subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, availability_zones=[watcher.zone]
            ),
            security_groups=[self._network.listener.security_group],
            # The new one watches before the old one leaves; a version that cannot watch rolls itself back.
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            # On by default for new services. One zone leaves nothing to balance, and all it could do is replace a
            # task in trading hours.
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.DISABLED,
            enable_ecs_managed_tags=True,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )

    def _task(self, watcher: WatcherTask) -> ecs.FargateTaskDefinition:
        environment = self._environment
        task = ecs.FargateTaskDefinition(
            self,
            f"Task{watcher.zone}",
            family=f"algotrading-{environment.stage}-{watcher.name}",
            task_role=self._task_role,
            execution_role=self._execution_role,
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
            environment=self._variables(watcher),
            user=_NOBODY,
            readonly_root_filesystem=True,
            # The longest that Fargate waits between SIGTERM and the end: the watcher goes on until the queue has
            # every hit, for at most LEAVE_SECONDS.
            stop_timeout=Duration.seconds(120),
            # A Dockerfile's HEALTHCHECK counts for nothing on ECS: only this one does.
            health_check=ecs.HealthCheck(
                command=["CMD", "python", "-m", "fargate_listener", "--health"],
                interval=Duration.seconds(10),
                timeout=Duration.seconds(5),
                retries=3,
                start_period=Duration.seconds(60),
            ),
            logging=ecs.LogDrivers.aws_logs(stream_prefix=watcher.name, log_group=self._logs),
        )
        acknowledge(
            task,
            "Its variables are names and addresses; every secret is read from Secrets Manager or opened by KMS.",
            nag=("ECS2",),
        )
        return task

    def _variables(self, watcher: WatcherTask) -> dict[str, str]:
        environment, powers = self._environment, self._powers
        values = {
            **environment.setting_values(),
            **powers.values,
            **powers.login_of(DatabaseUser.SYSTEM),
        }
        return {
            **variables_for(ListenerSettings, values),
            # botocore reads the second name alone; Lambda sets both by itself.
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "POWERTOOLS_SERVICE_NAME": watcher.name,
            "POWERTOOLS_METRICS_NAMESPACE": environment.metrics_namespace,
            "POWERTOOLS_LOG_LEVEL": environment.log_level,
        }

    def _grant(self, role: iam.IRole) -> None:
        """One queue to send to, its stores to read, the feed accounts' secrets to open (everybody's, where order
        sockets are on): nothing else."""
        powers, environment = self._powers, self._environment
        powers.lanes[Lane.PRIORITY].grant_send_messages(role)
        powers.grant_login(role, DatabaseUser.SYSTEM)
        if environment.order_update_sockets:
            powers.grant_vault(role)
        elif environment.feed_user_ids:
            powers.grant_vault(role, user_ids=environment.feed_user_ids)


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
