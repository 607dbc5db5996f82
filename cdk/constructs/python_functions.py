"""Functions of the table (`cdk/functions.py`), with their layers, environment variables and permissions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Any, Final

from aws_cdk import Duration, RemovalPolicy, TimeZone
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.acknowledge import acknowledge_function
from cdk.constructs.layers import ARCHITECTURE, NOT_DEPLOYED, RUNTIME, add_layers
from cdk.constructs.network_access import NetworkAccess
from cdk.constructs.powers import Powers
from cdk.constructs.retention import log_group
from cdk.environments import READY_FROM, READY_UNTIL, Environment
from cdk.functions import FUNCTIONS, FunctionSpec
from cdk.paths import LAMBDAS
from cdk.variables import variables_for

_ALIAS: Final = "live"


class PythonFunctions(Construct):
    """The functions of one stack, by name."""

    def __init__(
        self, scope: Construct, construct_id: str, *, environment: Environment, network: NetworkAccess
    ) -> None:
        super().__init__(scope, construct_id)
        self._environment = environment
        self._network = network
        self._layers = add_layers(self)

    def add(self, name: str, powers: Powers) -> lambda_.Function:
        """The function `name`, allowed exactly what its row of the table says."""
        spec = FUNCTIONS[name]
        function = lambda_.Function(
            self,
            _construct_id(name),
            function_name=self._environment.function_name(name),
            # Kept versions would stand in the way of a deployment that is tried again: Lambda publishes no second
            # version of the code and settings that were published last (AWS Lambda documentation, versions).
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.DESTROY),
            runtime=RUNTIME,
            architecture=ARCHITECTURE,
            handler="handler.lambda_handler",
            code=lambda_.Code.from_asset(str(LAMBDAS / name), exclude=list(NOT_DEPLOYED)),
            layers=self._layers,
            memory_size=spec.memory_mib,
            timeout=Duration.seconds(spec.timeout_seconds),
            reserved_concurrent_executions=spec.concurrency(self._environment) if spec.concurrency else None,
            environment=self._variables(spec, powers.variables_of(spec)),
            tracing=lambda_.Tracing.ACTIVE if self._environment.tracing else lambda_.Tracing.DISABLED,
            log_group=log_group(self, f"{_construct_id(name)}Logs", environment=self._environment, name=name),
            **self._place(spec),
        )
        powers.grant(function, spec)
        acknowledge_function(function)
        return function

    def add_called(self, name: str, powers: Powers) -> lambda_.IFunction:
        """The function `name` as queues and the API call it: where its row keeps some ready, by an alias of the version
        that is deployed now, so that callers and permissions stay as they are when the next version comes."""
        function, spec = self.add(name, powers), FUNCTIONS[name]
        if spec.kept_ready is None:
            return function
        alias = lambda_.Alias(self, f"{_construct_id(name)}Live", alias_name=_ALIAS, version=function.current_version)
        if number := spec.kept_ready(self._environment):
            _keep_ready(alias, number)
        return alias

    def _variables(self, spec: FunctionSpec, values: Mapping[str, str]) -> dict[str, str]:
        return {
            **variables_for(spec.settings, {**self._environment.setting_values(), **values}),
            "POWERTOOLS_SERVICE_NAME": spec.name,
            "POWERTOOLS_METRICS_NAMESPACE": self._environment.metrics_namespace,
            "POWERTOOLS_LOG_LEVEL": self._environment.log_level,
            # Events and answers carry tokens and credentials.
            "POWERTOOLS_LOGGER_LOG_EVENT": "false",
            "POWERTOOLS_TRACER_CAPTURE_RESPONSE": "false",
        }

    def _place(self, spec: FunctionSpec) -> dict[str, Any]:
        if not spec.in_vpc:
            return {}
        return {
            "vpc": self._network.vpc,
            "vpc_subnets": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            "security_groups": [self._network.security_group],
        }


def _construct_id(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _keep_ready(alias: lambda_.Alias, number: int) -> None:
    """`number` during the session, none outside of it. Each change names both ends, so that what is there has to meet
    them at once, whatever it was (Application Auto Scaling documentation, scheduled scaling)."""
    target = alias.add_auto_scaling(min_capacity=0, max_capacity=number)
    for name, at, wanted in (("Open", READY_FROM, number), ("Close", READY_UNTIL, 0)):
        target.scale_on_schedule(
            name, schedule=_weekdays(at), time_zone=TimeZone.ASIA_KOLKATA, min_capacity=wanted, max_capacity=wanted
        )


def _weekdays(at: time) -> scaling.Schedule:
    return scaling.Schedule.cron(minute=str(at.minute), hour=str(at.hour), week_day="MON-FRI")
