"""The HTTP API: its routes, who may call them, and how often."""

from __future__ import annotations

from fnmatch import fnmatchcase

from algotrading.contracts.api_routes import API_ROUTES, DOCS_ROUTES, UNKNOWN_PATHS, ApiRoute
from algotrading.entrypoints.http import REQUEST_ID
from algotrading.entrypoints.http_event import ACCOUNT, CLIENT_REQUEST_ID
from algotrading.entrypoints.http_keys import IDEMPOTENCY_KEY
from algotrading.entrypoints.http_rates import LEFT, POLICY
from cdk.environments import Environment
from tests.infrastructure.templates import APP_URL, Estate, Resource


def _served_by(estate: Estate, route: Resource) -> str:
    integration = estate.templates[route.stack]["Resources"][_integration_id(route)]
    path, _ = estate.called(integration["Properties"]["IntegrationUri"], route.stack)
    [function] = (each for each in estate.functions() if each.path == path)
    asset: str = function.body["Metadata"]["aws:asset:path"]
    return asset.rsplit("/", 1)[1]


def _integration_id(route: Resource) -> str:
    logical_id: str = route.properties["Target"]["Fn::Join"][1][1]["Ref"]
    return logical_id


def _routes(estate: Estate) -> set[tuple[str, str, bool]]:
    """Key, function, and whether it asks for no token."""
    return {
        (
            route.properties["RouteKey"],
            _served_by(estate, route),
            route.properties["AuthorizationType"] == "NONE",
        )
        for route in estate.resources("AWS::ApiGatewayV2::Route")
    }


def _expected(routes: tuple[ApiRoute, ...]) -> set[tuple[str, str, bool]]:
    return {(f"{route.method} {route.path}", route.function, route.is_open) for route in routes}


def test_the_api_answers_exactly_the_routes_of_the_table(estate: Estate, environment: Environment) -> None:
    docs = {"dev": DOCS_ROUTES}.get(environment.stage, ())

    assert _routes(estate) == {*_expected((*API_ROUTES, *docs)), ("$default", UNKNOWN_PATHS, True)}


def test_only_logins_and_the_broker_come_without_a_token(estate: Estate) -> None:
    docs = {route.path for route in DOCS_ROUTES}

    still_open = {key for key, _, is_open in _routes(estate) if is_open and key.split()[-1] not in docs}

    assert still_open == {
        "POST /api/v1/auth/register",
        "POST /api/v1/auth/register/confirm",
        "POST /api/v1/auth/login",
        # Whoever holds the refresh token in the body is who calls.
        "POST /api/v1/auth/refresh",
        "POST /api/v1/auth/logout",
        # Whoever reads the account's mail is who calls.
        "POST /api/v1/auth/password/forgot",
        "POST /api/v1/auth/password/reset",
        "POST /api/v1/auth/email/verify",
        "GET /api/v1/broker/callback",
        "POST /api/v1/broker/postback/{account}",
        "$default",
    }


def test_every_other_route_asks_the_one_authorizer(estate: Estate) -> None:
    authorizer = estate.one("AWS::ApiGatewayV2::Authorizer")
    guarded = [
        route.properties
        for route in estate.resources("AWS::ApiGatewayV2::Route")
        if route.properties["AuthorizationType"] != "NONE"
    ]

    assert {route["AuthorizationType"] for route in guarded} == {"CUSTOM"}
    assert {route["AuthorizerId"]["Ref"] for route in guarded} == {authorizer.logical_id}


def test_the_authorizer_answers_simply_and_is_remembered_for_a_minute_at_most(estate: Estate) -> None:
    authorizer = estate.one("AWS::ApiGatewayV2::Authorizer").properties

    assert authorizer["AuthorizerType"] == "REQUEST"
    assert authorizer["EnableSimpleResponses"] is True
    assert authorizer["AuthorizerPayloadFormatVersion"] == "2.0"
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]
    assert 0 < authorizer["AuthorizerResultTtlInSeconds"] <= 60


def test_calls_are_limited_in_rate(estate: Estate, environment: Environment) -> None:
    stage = estate.one("AWS::ApiGatewayV2::Stage").properties

    assert stage["StageName"] == "$default"
    assert stage["DefaultRouteSettings"] == {
        "ThrottlingRateLimit": environment.api_rate_per_second,
        "ThrottlingBurstLimit": environment.api_burst,
    }


def test_a_flood_of_one_route_that_anybody_may_call_keeps_nobody_from_the_others(
    estate: Estate, environment: Environment
) -> None:
    stage = estate.one("AWS::ApiGatewayV2::Stage")
    still_open = {
        each.properties["RouteKey"]: each.logical_id
        for each in estate.resources("AWS::ApiGatewayV2::Route")
        if each.properties["AuthorizationType"] == "NONE"
    }
    limits = {
        key: (each["ThrottlingRateLimit"], each["ThrottlingBurstLimit"])
        for key, each in stage.properties["RouteSettings"].items()
    }

    # Every route without a token has a rate of its own; the others are counted by person (tests/unit/api).
    assert limits.keys() == still_open.keys()
    assert set(still_open.values()) <= set(stage.body["DependsOn"])
    assert max(limits.values()) == (environment.api_rate_per_second / 4, environment.api_burst / 4)


def test_a_call_that_hashes_a_password_or_reads_a_link_has_the_least_of_the_rate(
    estate: Estate, environment: Environment
) -> None:
    settings = estate.one("AWS::ApiGatewayV2::Stage").properties["RouteSettings"]
    dear = (
        "auth/register",
        "auth/register/confirm",
        "auth/login",
        "auth/password/forgot",
        "auth/password/reset",
        "auth/email/verify",
    )

    for key in (*(f"POST /api/v1/{path}" for path in dear), "$default"):
        assert settings[key] == {
            "ThrottlingRateLimit": environment.api_rate_per_second / 10,
            "ThrottlingBurstLimit": environment.api_burst / 10,
        }
    # Of those that guess, the gateway lets through fewer than would hold up every login before the open.
    assert settings["POST /api/v1/auth/login"]["ThrottlingRateLimit"] * 60 >= 600


def test_a_flood_of_order_updates_keeps_no_worker_from_people(estate: Estate, environment: Environment) -> None:
    from_brokers = {route.function for route in API_ROUTES if route.is_from_broker}
    of_people = {route.function for route in API_ROUTES if not route.is_from_broker}
    reserved = [estate.function(name).properties.get("ReservedConcurrentExecutions") for name in from_brokers]

    assert not from_brokers & of_people
    assert reserved == [10]
    # they hold database connections too, of the quarter that executors leave to the others
    assert environment.database_connections / 4 / 2 >= 10


def test_api_gateway_may_call_the_function_of_every_route(estate: Estate) -> None:
    """It calls as api/stage/method/path, and for the route of unknown paths as api/stage/$default: a part less."""
    allowed = [
        (estate.called(each.properties["FunctionName"], "api"), estate.text("api", each.properties["SourceArn"]))
        for each in estate.resources("AWS::Lambda::Permission")
        if each.properties["Principal"] == "apigateway.amazonaws.com"
    ]

    for route in estate.resources("AWS::ApiGatewayV2::Route"):
        key = route.properties["RouteKey"].replace(" ", "")
        integration = estate.templates["api"]["Resources"][_integration_id(route)]["Properties"]
        called = estate.called(integration["IntegrationUri"], "api")
        assert any(
            called == function and fnmatchcase(f"api/HttpApi/$default/{key}", pattern.rsplit(":", 1)[1])
            for function, pattern in allowed
        ), key


def test_browsers_may_call_from_the_app_and_the_named_origins_only(estate: Estate, environment: Environment) -> None:
    cors = estate.one("AWS::ApiGatewayV2::Api").properties["CorsConfiguration"]

    # Nobody has to write down where the app is: it is deployed before, and may call from the first moment.
    assert [estate.text("api", each) for each in cors["AllowOrigins"]] == [APP_URL, *environment.web_origins]
    assert "*" not in environment.web_origins


def test_browsers_may_send_and_see_every_header_that_the_api_heeds_and_gives(estate: Estate) -> None:
    cors = estate.one("AWS::ApiGatewayV2::Api").properties["CorsConfiguration"]
    heeded = {"Authorization", "Content-Type", "If-Match", IDEMPOTENCY_KEY, ACCOUNT, CLIENT_REQUEST_ID}
    # By the date of an answer a phone sees that its clock is wrong.
    given = {"Date", "ETag", "Retry-After", REQUEST_ID, CLIENT_REQUEST_ID, POLICY, LEFT}

    assert set(cors["AllowHeaders"]) == {name.lower() for name in heeded}
    assert set(cors["ExposeHeaders"]) == {name.lower() for name in given}


def test_functions_behind_the_api_give_up_before_the_gateway_does(estate: Estate) -> None:
    behind = {route.function for route in API_ROUTES}
    slowest = max(estate.function(name).properties["Timeout"] for name in behind)

    assert slowest < 30
