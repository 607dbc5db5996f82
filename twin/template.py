"""Reads the product's wiring from the synthesised templates.

Everything is resolved and checked here, so that a mistake in the templates stops the twin at its start
with the path of the mistake, as it would stop a deployment or, worse, show only in production.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twin.cloudformation import Assembly, Resolver, Resource, TemplateFault
from twin.wiring import (
    DEFAULT_ROUTE,
    AsyncPolicy,
    AuthorizerSpec,
    CorsSpec,
    EventSourceSpec,
    FunctionSpec,
    RouteSpec,
    ScheduleSpec,
    Wiring,
)


def read_wiring(assembly: Assembly, resolver: Resolver, *, cloud_build: Path) -> Wiring:
    """Resolve the whole product. Layers under `cloud_build` are built for the cloud's processor: this
    machine's own environment holds the same packages.

    Raises:
        TemplateFault: something is missing or points nowhere.
    """
    reader = _Reader(assembly, resolver, cloud_build)
    functions = reader.functions()
    return Wiring(
        functions={spec.name: spec for spec in functions},
        routes=reader.routes(),
        cors=reader.cors(),
        event_sources=reader.event_sources(),
        schedules=reader.schedules(),
        schedule_groups=tuple(resolver.resolve({"Ref": g.logical_id}, g.stack, g.path) for g in reader.groups()),
        watcher_environment=reader.watcher_environment(),
    )


class _Reader:
    def __init__(self, assembly: Assembly, resolver: Resolver, cloud_build: Path) -> None:
        self._assembly = assembly
        self._resolver = resolver
        self._cloud_build = cloud_build
        self._names = {
            resource.path: self._asset(resource).name
            for resource in assembly.of_type("AWS::Lambda::Function")
            if str(resource.properties.get("Runtime", "")).startswith("python") and self._is_ours(resource)
        }

    # --- functions ---------------------------------------------------------------------------------

    def functions(self) -> tuple[FunctionSpec, ...]:
        found = [r for r in self._assembly.of_type("AWS::Lambda::Function") if r.path in self._names]
        return tuple(self._function(resource) for resource in found)

    def _function(self, resource: Resource) -> FunctionSpec:
        read = self._resolver.properties(
            resource, "Handler", "Timeout", "MemorySize", "Environment", "ReservedConcurrentExecutions"
        )
        layers = [
            self._layer(value, resource.stack, f"{resource.path}/Layers/{index}")
            for index, value in enumerate(resource.properties.get("Layers", ()))
        ]
        variables = read.get("Environment", {}).get("Variables", {})
        return FunctionSpec(
            name=self._names[resource.path],
            path=resource.path,
            arn=self._resolver.resolve({"Fn::GetAtt": [resource.logical_id, "Arn"]}, resource.stack, resource.path),
            handler=read["Handler"],
            source=self._asset(resource),
            layers=tuple(folder for folder in layers if folder is not None),
            timeout_seconds=float(read.get("Timeout", 3)),
            memory_mb=int(read.get("MemorySize", 128)),
            environment={name: str(value) for name, value in variables.items()},
            reserved_concurrency=read.get("ReservedConcurrentExecutions"),
            on_async_failure=self._async_policy(resource),
        )

    def _async_policy(self, function: Resource) -> AsyncPolicy:
        default = AsyncPolicy()
        for config in self._assembly.of_type("AWS::Lambda::EventInvokeConfig"):
            target = self._resolver.target(config.properties["FunctionName"], config.stack, config.path)
            if target.path == function.path:
                return AsyncPolicy(
                    retries=int(config.properties.get("MaximumRetryAttempts", default.retries)),
                    max_age_seconds=float(config.properties.get("MaximumEventAgeInSeconds", default.max_age_seconds)),
                )
        return default

    def _layer(self, value: Any, stack: str, path: str) -> Path | None:
        folder = self._asset(self._resolver.target(value, stack, path))
        if folder.is_relative_to(self._cloud_build):
            return None
        python = folder / "python"
        if not python.is_dir():
            raise TemplateFault(f"{path}: the layer's folder {folder} holds no python folder")
        return python

    def _asset(self, resource: Resource) -> Path:
        path = resource.metadata.get("aws:asset:path")
        if path is None:
            raise TemplateFault(f"{resource.path} says not where its code is (no aws:asset:path): synthesise again")
        return (self._assembly.folder / str(path)).resolve()

    def _is_ours(self, resource: Resource) -> bool:
        """Whether this is the product's code rather than a helper that CDK itself brings along."""
        return "aws:asset:path" in resource.metadata and not self._asset(resource).is_relative_to(
            self._assembly.folder.resolve()
        )

    def _function_name(self, value: Any, stack: str, path: str) -> str:
        if (alias := _named_alias(value)) is not None:
            value = alias
        resource = self._resolver.target(value, stack, path)
        if resource.type in {"AWS::Lambda::Alias", "AWS::Lambda::Version"}:
            return self._function_name(resource.properties["FunctionName"], resource.stack, resource.path)
        if resource.path not in self._names:
            raise TemplateFault(f"{path} points at {resource.path}, which is not one of the product's functions")
        return self._names[resource.path]

    # --- HTTP API ----------------------------------------------------------------------------------

    def routes(self) -> tuple[RouteSpec, ...]:
        return tuple(self._route(resource) for resource in self._assembly.of_type("AWS::ApiGatewayV2::Route"))

    def _route(self, route: Resource) -> RouteSpec:
        key = str(self._resolver.properties(route, "RouteKey")["RouteKey"])
        method, path = ("ANY", key) if key == DEFAULT_ROUTE else _split_key(route, key)
        where = f"{route.path}/Target"
        kind, slash, integration = _last_join_part(route.properties.get("Target"), where)
        if (kind, slash) != ("integrations", "/"):
            raise TemplateFault(f"{where} is not an integration")
        target = self._resolver.target(integration, route.stack, where)
        function = self._invoked(target.properties.get("IntegrationUri"), target.stack, f"{target.path}/IntegrationUri")
        if target.properties.get("PayloadFormatVersion") != "2.0":
            raise TemplateFault(f"{target.path}: the payload format is not 2.0")
        return RouteSpec(method, path, function, self._authorizer(route))

    def _authorizer(self, route: Resource) -> AuthorizerSpec | None:
        kind = route.properties.get("AuthorizationType", "NONE")
        if kind == "NONE":
            return None
        where = f"{route.path}/AuthorizerId"
        if kind != "CUSTOM":
            raise TemplateFault(f"{route.path}: authorization of type {kind} is not supported")
        resource = self._resolver.target(route.properties.get("AuthorizerId"), route.stack, where)
        if not resource.properties.get("EnableSimpleResponses"):
            raise TemplateFault(f"{resource.path}: only simple responses are supported")
        sources = resource.properties.get("IdentitySource", ())
        prefix = "$request.header."
        if not sources or not all(source.startswith(prefix) for source in sources):
            raise TemplateFault(f"{resource.path}/IdentitySource must name request headers, but is {sources}")
        return AuthorizerSpec(
            name=resource.path,
            function=self._invoked(resource.properties.get("AuthorizerUri"), resource.stack, resource.path),
            cache_seconds=float(resource.properties.get("AuthorizerResultTtlInSeconds", 0)),
            identity_headers=tuple(source.removeprefix(prefix).lower() for source in sources),
        )

    def _invoked(self, uri: Any, stack: str, path: str) -> str:
        """The function behind an integration URI: its ARN, bare or inside API Gateway's invocation path."""
        pointers = [uri, *(uri.get("Fn::Join", ("", ()))[1] if isinstance(uri, dict) else ())]
        for pointer in pointers:
            if _is_pointer(pointer):
                return self._function_name(pointer, stack, path)
        raise TemplateFault(f"{path} points at no function: {uri}")

    def cors(self) -> CorsSpec:
        for api in self._assembly.of_type("AWS::ApiGatewayV2::Api"):
            found = self._resolver.properties(api, "CorsConfiguration").get("CorsConfiguration", {})
            return CorsSpec(
                origins=tuple(found.get("AllowOrigins", ())),
                methods=tuple(found.get("AllowMethods", ())),
                headers=tuple(found.get("AllowHeaders", ())),
                max_age_seconds=int(found.get("MaxAge", 0)),
                exposed=tuple(found.get("ExposeHeaders", ())),
            )
        raise TemplateFault("the templates have no HTTP API (AWS::ApiGatewayV2::Api)")

    # --- queues and schedules ----------------------------------------------------------------------

    def event_sources(self) -> tuple[EventSourceSpec, ...]:
        return tuple(self._event_source(r) for r in self._assembly.of_type("AWS::Lambda::EventSourceMapping"))

    def _event_source(self, mapping: Resource) -> EventSourceSpec:
        where = f"{mapping.path}/EventSourceArn"
        queue = self._resolver.target(mapping.properties.get("EventSourceArn"), mapping.stack, where)
        if queue.type != "AWS::SQS::Queue":
            raise TemplateFault(f"{where} points at {queue.path}, which is no queue but {queue.type}")
        properties = mapping.properties
        return EventSourceSpec(
            queue_url=self._resolver.resolve({"Ref": queue.logical_id}, queue.stack, where),
            queue_arn=self._resolver.resolve({"Fn::GetAtt": [queue.logical_id, "Arn"]}, queue.stack, where),
            function=self._function_name(properties.get("FunctionName"), mapping.stack, f"{mapping.path}/FunctionName"),
            batch_size=int(properties.get("BatchSize", 10)),
            reports_item_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
            max_concurrency=properties.get("ScalingConfig", {}).get("MaximumConcurrency"),
        )

    def groups(self) -> tuple[Resource, ...]:
        return tuple(self._assembly.of_type("AWS::Scheduler::ScheduleGroup"))

    def schedules(self) -> tuple[ScheduleSpec, ...]:
        return tuple(self._schedule(resource) for resource in self._assembly.of_type("AWS::Scheduler::Schedule"))

    def _schedule(self, resource: Resource) -> ScheduleSpec:
        read = self._resolver.properties(resource, "Name", "GroupName", "ScheduleExpression", "Target")
        self._function_name(resource.properties["Target"]["Arn"], resource.stack, f"{resource.path}/Target/Arn")
        retry = read["Target"].get("RetryPolicy", {})
        return ScheduleSpec(
            name=read.get("Name", resource.logical_id),
            group=read.get("GroupName", "default"),
            expression=read["ScheduleExpression"],
            time_zone=resource.properties.get("ScheduleExpressionTimezone", "UTC"),
            target_arn=read["Target"]["Arn"],
            payload=read["Target"].get("Input", "{}"),
            retries=int(retry.get("MaximumRetryAttempts", 185)),
            max_age_seconds=float(retry.get("MaximumEventAgeInSeconds", 86400)),
        )

    # --- the watcher -------------------------------------------------------------------------------

    def watcher_environment(self) -> dict[str, str]:
        definitions = list(self._assembly.of_type("AWS::ECS::TaskDefinition"))
        if not definitions:
            raise TemplateFault("expected a task definition for the watcher, found none")
        definition = definitions[0]  # the watchers differ in nothing but their names
        pairs = [
            pair
            for container in definition.properties.get("ContainerDefinitions", ())
            for pair in container.get("Environment", ())
        ]
        where = f"{definition.path}/ContainerDefinitions/Environment"
        return {pair["Name"]: str(self._resolver.resolve(pair["Value"], definition.stack, where)) for pair in pairs}


def _split_key(route: Resource, key: str) -> tuple[str, str]:
    method, space, path = key.partition(" ")
    if not space:
        raise TemplateFault(f"{route.path}: the route key {key} is not METHOD /path")
    return method, path


def _last_join_part(value: Any, path: str) -> tuple[str, str, Any]:
    """The kind, separator and pointer of a route target, `integrations/{Ref}`, however CDK spells it."""
    if isinstance(value, dict) and "Fn::Join" in value:
        separator, parts = value["Fn::Join"]
        if len(parts) == 2:
            text = f"{parts[0]}{separator}"
            return text.rstrip("/"), text[-1:], parts[1]
    raise TemplateFault(f"{path} is not integrations/<integration>: {value}")


def _is_pointer(value: Any) -> bool:
    """Whether this refers to a resource, and is no text and none of CloudFormation's own parameters."""
    if not isinstance(value, dict):
        return False
    return "Fn::GetAtt" in value or "Fn::ImportValue" in value or "::" not in str(value.get("Ref", "::"))


def _named_alias(value: Any) -> Any:
    """The reference to an alias inside `function:alias`, which CDK cuts out of the alias's ARN."""
    match value:
        case {"Fn::Join": ["", [{"Fn::Select": [6, {"Fn::Split": [":", dict(pointer)]}]}, str(name)]]} if (
            name.startswith(":")
        ):
            return pointer
    return None
