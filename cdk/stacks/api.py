"""The HTTP API: routes of the table, behind a Lambda authorizer."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from algotrading.contracts.api_routes import API_ROUTES, DOCS_ROUTES, UNKNOWN_PATHS, ApiRoute
from cdk.acknowledge import acknowledge, acknowledge_calls
from cdk.constructs.api_domain import NamedApi
from cdk.constructs.powers import Powers
from cdk.constructs.python_functions import PythonFunctions
from cdk.constructs.retention import log_group
from cdk.environments import Environment
from cdk.stacks.network import NetworkStack

_STALE_AFTER: Final = Duration.seconds(60)
"""The next minute asks anew."""
_OPEN: Final = (
    "Open by design: for who has no token yet, for the broker, or to answer an unknown path; throttled by itself."
)
_OF_THE_RATE: Final = 4
"""Each route that is open to everybody gets this part of the rate: a flood of one keeps nobody from the others."""
_OF_THE_RATE_WHERE_DEAR: Final = 10
_DEAR: Final = frozenset(
    {
        "POST /api/v1/auth/register",
        "POST /api/v1/auth/register/confirm",
        "POST /api/v1/auth/login",
        "POST /api/v1/auth/password/forgot",
        "POST /api/v1/auth/password/reset",
        "POST /api/v1/auth/email/verify",
        "$default",
    }
)
"""Those that work hard for whoever calls: they hash a password, which takes a core for tenths of a second, or look a
link of a mail up, or answer what nobody asks in earnest. Prod's tenth are 50 a second, 3,000 logins in the minute
before the open."""
_ACCESS: Final = {
    "request_id": "$context.requestId",
    "at": "$context.requestTime",
    "address": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "authorizer_error": "$context.authorizer.error",
    "integration_error": "$context.integrationErrorMessage",
}


class ApiStack(Stack):
    """Functions that traders call, and the door to them."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        environment: Environment,
        network: NetworkStack,
        powers: Powers,
        operations: scheduler.IScheduleGroup,
        app_url: str,
        **stack: Any,
    ) -> None:
        """`operations`: the group of what the clock calls. `app_url`: whose pages may call, its origin alone."""
        super().__init__(scope, construct_id, **stack)
        self._functions = PythonFunctions(self, "Functions", environment=environment, network=network.functions)
        self._powers = powers
        self._open: dict[str, apigateway.HttpRoute] = {}
        self.api = apigateway.HttpApi(
            self,
            "HttpApi",
            api_name=f"algotrading-{environment.stage}",
            create_default_stage=False,
            cors_preflight=_cors(environment, app_url),
            # Else everybody could go round the name, and round the certificates that it asks for.
            disable_execute_api_endpoint=environment.api_domain is not None,
        )
        stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(
                rate_limit=environment.api_rate_per_second, burst_limit=environment.api_burst
            ),
        )
        self._add_routes(environment)
        self._slow_strangers_down(stage, environment)
        self._keep_access_log(stage, environment)
        if environment.api_domain is None:
            self.url = self.api.api_endpoint
        else:
            NamedApi(self, "Domain", domain=environment.api_domain, api=self.api, stage=stage)
            self.url = f"https://{environment.api_domain.name}"
        self._ask_each_minute(operations, environment)
        CfnOutput(self, "ApiUrl", value=f"{self.url}/")

    def _add_routes(self, environment: Environment) -> None:
        authorizer = self._authorizer()
        routes = (*API_ROUTES, *(DOCS_ROUTES if environment.docs else ()))
        integrations_by_function = {name: self._integration(name) for name in dict.fromkeys(r.function for r in routes)}
        for function, integration in integrations_by_function.items():
            for route in _routes_of(function, routes):
                made = self.api.add_routes(
                    path=route.path,
                    methods=[apigateway.HttpMethod[route.method]],
                    integration=integration,
                    authorizer=apigateway.HttpNoneAuthorizer() if route.is_open else authorizer,
                )
                for each in made if route.is_open else ():
                    self._opened(route.key, each)

        # Everything else: unknown paths and methods are answered by the product, not by the gateway's own words.
        unknown = apigateway.HttpRoute(
            self,
            "Unknown",
            http_api=self.api,
            route_key=apigateway.HttpRouteKey.DEFAULT,
            integration=integrations_by_function[UNKNOWN_PATHS],
            authorizer=apigateway.HttpNoneAuthorizer(),
        )
        self._opened("$default", unknown)

    def _opened(self, key: str, route: apigateway.HttpRoute) -> None:
        self._open[key] = route
        acknowledge(route, _OPEN, nag=("APIG4",))

    def _keep_access_log(self, stage: apigateway.HttpStage, environment: Environment) -> None:
        """The route and not the path: a path may hold the address that a broker posts to, which is to be kept."""
        group = log_group(self, "AccessLog", environment=environment, name="api-access")
        settings = stage.node.default_child
        assert isinstance(settings, apigateway.CfnStage)
        settings.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=group.log_group_arn, format=json.dumps(_ACCESS)
        )

    def _ask_each_minute(self, operations: scheduler.IScheduleGroup, environment: Environment) -> None:
        """Over the public address, as the app does; with a certificate, where callers are asked for one."""
        values = {**self._powers.values, "API_URL": self.url}
        certificate = None
        if environment.api_domain is not None and (clients := environment.api_domain.clients) is not None:
            certificate = secretsmanager.Secret.from_secret_complete_arn(
                self, "CanaryCertificate", clients.canary_secret_arn
            )
            values["CLIENT_CERTIFICATE_ARN"] = clients.canary_secret_arn
        powers = replace(self._powers, values=values, client_certificate=certificate)
        canary = self._functions.add("canary", powers)
        canary.configure_async_invoke(retry_attempts=0, max_event_age=_STALE_AFTER)
        scheduler.Schedule(
            self,
            "EveryMinute",
            schedule_group=operations,
            description="Ask the API whether it answers",
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(1)),
            target=targets.LambdaInvoke(canary, retry_attempts=0, max_event_age=_STALE_AFTER),
        )
        acknowledge_calls(self, canary)

    def _slow_strangers_down(self, stage: apigateway.HttpStage, environment: Environment) -> None:
        """Anyone may call what asks for no token: each such route has a rate of its own, and the least where a call is
        dear. Who calls with a token is counted by person, in the function. Order updates of brokers that are turned
        away here are found by looking."""
        settings = stage.node.default_child
        assert isinstance(settings, apigateway.CfnStage)
        settings.route_settings = {key: _limits(key, environment) for key in self._open}
        # API Gateway takes limits only of a route that is there.
        stage.node.add_dependency(*self._open.values())

    def _integration(self, function: str) -> integrations.HttpLambdaIntegration:
        called = self._functions.add_called(function, self._powers)
        if function == UNKNOWN_PATHS:
            # The statement for all routes is for stage, method and path. The route of unknown paths has no method, so
            # its calls come from an ARN with a part less, and would be refused: 500 instead of the product's 404.
            called.add_permission(
                "UnknownPaths",
                principal=iam.ServicePrincipal("apigateway.amazonaws.com"),
                source_arn=self.format_arn(service="execute-api", resource=self.api.api_id, resource_name="*/$default"),
            )
        return integrations.HttpLambdaIntegration(
            f"{function.capitalize()}Integration",
            called,
            # One statement for all routes: a statement for each would outgrow the function's policy.
            scope_permission_to_route=False,
        )

    def _authorizer(self) -> authorizers.HttpLambdaAuthorizer:
        """One cached answer serves every route, so it says who is calling and nothing about objects;
        it lives a minute at most, and so does a revoked session."""
        return authorizers.HttpLambdaAuthorizer(
            "Authorizer",
            self._functions.add_called("authorizer", self._powers),
            response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
            identity_source=["$request.header.Authorization"],
            results_cache_ttl=Duration.seconds(60),
        )


def _routes_of(function: str, routes: tuple[ApiRoute, ...]) -> tuple[ApiRoute, ...]:
    return tuple(route for route in routes if route.function == function)


def _limits(key: str, environment: Environment) -> dict[str, int]:
    part = _OF_THE_RATE_WHERE_DEAR if key in _DEAR else _OF_THE_RATE
    return {
        "ThrottlingRateLimit": environment.api_rate_per_second // part,
        "ThrottlingBurstLimit": environment.api_burst // part,
    }


def _cors(environment: Environment, app_url: str) -> apigateway.CorsPreflightOptions | None:
    if environment.turns_browsers_away:
        return None
    return apigateway.CorsPreflightOptions(
        allow_origins=[app_url, *environment.web_origins],
        allow_methods=[apigateway.CorsHttpMethod[method] for method in ("GET", "POST", "PUT", "DELETE")],
        allow_headers=[
            "authorization",
            "content-type",
            "idempotency-key",
            "if-match",
            "x-account",
            "x-client-request-id",
        ],
        expose_headers=[
            "date",
            "etag",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "x-request-id",
            "x-client-request-id",
        ],
        max_age=Duration.hours(1),
    )
