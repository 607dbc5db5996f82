"""Requests take the route that API Gateway would give them."""

from __future__ import annotations

import pytest

from twin.routing import RouteTable
from twin.wiring import DEFAULT_ROUTE, RouteSpec

ROUTES = RouteTable(
    [
        RouteSpec("GET", "/strategy/{id}", "one", None),
        RouteSpec("GET", "/strategy/status", "status", None),
        RouteSpec("GET", "/strategy/{id}/orders", "orders", None),
        RouteSpec("ANY", "/strategy/{id}", "any", None),
        RouteSpec("GET", "/files/{path+}", "files", None),
        RouteSpec("GET", "/", "root", None),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        pytest.param("GET", "/strategy/status", "status", {}, id="a static segment before a variable"),
        pytest.param("GET", "/strategy/42", "one", {"id": "42"}, id="a variable"),
        pytest.param("GET", "/strategy/a%2Fb", "one", {"id": "a/b"}, id="an encoded variable"),
        pytest.param("DELETE", "/strategy/42", "any", {"id": "42"}, id="any method where none is named"),
        pytest.param("GET", "/strategy/42/orders", "orders", {"id": "42"}, id="a variable within"),
        pytest.param("GET", "/files/a/b/c", "files", {"path": "a/b/c"}, id="a greedy variable"),
        pytest.param("GET", "/", "root", {}, id="the root"),
    ],
)
def test_the_most_specific_route_wins(method: str, path: str, function: str, parameters: dict[str, str]) -> None:
    found = ROUTES.find(method, path)

    assert found is not None
    assert (found[0].function, dict(found[1])) == (function, parameters)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/nowhere"), ("GET", "/strategy"), ("GET", "/strategy/42/orders/1"), ("POST", "/strategy/42/orders")],
)
def test_a_request_without_route_finds_none(method: str, path: str) -> None:
    assert ROUTES.find(method, path) is None


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing/here"), ("DELETE", "/")])
def test_the_default_route_takes_what_no_other_knows(method: str, path: str) -> None:
    default = RouteSpec("ANY", DEFAULT_ROUTE, "default", None)
    root = RouteSpec("GET", "/", "root", None)

    found = RouteTable([default, root]).find(method, path)

    assert found == (default, {})
    assert default.key == "$default"


def test_the_default_route_is_the_last_resort() -> None:
    default = RouteSpec("ANY", DEFAULT_ROUTE, "default", None)
    greedy = RouteSpec("ANY", "/{path+}", "greedy", None)

    found = RouteTable([default, greedy]).find("GET", "/anything")

    assert found is not None
    assert found[0] is greedy
