"""What the templates wire together, as typed values: functions, routes, consumers of queues, schedules, the watcher."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from twin.cloudformation import TemplateFault

DEFAULT_ROUTE = "$default"
"""Key of the route that takes every other request (API Gateway documentation, routes)."""


@dataclass(frozen=True, slots=True)
class AsyncPolicy:
    """What Lambda does with an asynchronous event whose function fails (Lambda's own defaults)."""

    retries: int = 2
    max_age_seconds: float = 21600.0


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """One Lambda function. `name` is that of its source folder."""

    name: str
    path: str
    arn: str
    handler: str
    source: Path
    layers: tuple[Path, ...]
    timeout_seconds: float
    memory_mb: int
    environment: Mapping[str, str]
    reserved_concurrency: int | None
    on_async_failure: AsyncPolicy


@dataclass(frozen=True, slots=True)
class AuthorizerSpec:
    """A request authorizer of the HTTP API. Header names are lower case."""

    name: str
    function: str
    cache_seconds: float
    identity_headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """One route of the HTTP API; `method` is `ANY` for all, `path` a pattern such as `/a/{id}`, or
    `DEFAULT_ROUTE` for what no other route takes."""

    method: str
    path: str
    function: str
    authorizer: AuthorizerSpec | None

    @property
    def key(self) -> str:
        """As API Gateway writes it into events."""
        return self.path if self.path == DEFAULT_ROUTE else f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class CorsSpec:
    """Which browsers may call."""

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    max_age_seconds: int = 0
    exposed: tuple[str, ...] = ()
    """Headers of answers that a page may read."""


@dataclass(frozen=True, slots=True)
class EventSourceSpec:
    """A queue that feeds a function."""

    queue_url: str
    queue_arn: str
    function: str
    batch_size: int
    reports_item_failures: bool
    max_concurrency: int | None


@dataclass(frozen=True, slots=True)
class ScheduleSpec:
    """A schedule as EventBridge Scheduler keeps it; `target_arn` may be any function."""

    name: str
    group: str
    expression: str
    time_zone: str
    target_arn: str
    payload: str
    retries: int
    max_age_seconds: float
    deletes_itself: bool = False


@dataclass(frozen=True, slots=True)
class Wiring:
    """The product as the templates describe it."""

    functions: Mapping[str, FunctionSpec]
    routes: tuple[RouteSpec, ...]
    cors: CorsSpec
    event_sources: tuple[EventSourceSpec, ...]
    schedules: tuple[ScheduleSpec, ...]
    schedule_groups: tuple[str, ...]
    watcher_environment: Mapping[str, str]

    def function(self, name: str) -> FunctionSpec:
        """Raises TemplateFault when the templates have no such function."""
        if name not in self.functions:
            raise TemplateFault(f"the templates have no function {name}, only {', '.join(sorted(self.functions))}")
        return self.functions[name]

    def with_overrides(self, *, functions: Mapping[str, str], watcher: Mapping[str, str]) -> Wiring:
        """This wiring with other values for variables that the templates set; none is added, so that a
        variable which the templates forget stays missing."""

        def merged(environment: Mapping[str, str], values: Mapping[str, str]) -> dict[str, str]:
            return {name: values.get(name, value) for name, value in environment.items()}

        return replace(
            self,
            functions={
                name: replace(spec, environment=merged(spec.environment, functions))
                for name, spec in self.functions.items()
            },
            watcher_environment=merged(self.watcher_environment, watcher),
        )
