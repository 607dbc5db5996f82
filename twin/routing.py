"""Which route of an HTTP API a request takes: the most specific one wins (API Gateway documentation, routing)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import unquote

from twin.wiring import DEFAULT_ROUTE, RouteSpec


class RouteTable:
    """The routes of one API."""

    def __init__(self, routes: Sequence[RouteSpec]) -> None:
        self._routes = sorted(routes, key=_preference)

    def find(self, method: str, path: str) -> tuple[RouteSpec, Mapping[str, str]] | None:
        """The route for a request, with its path parameters; None when there is none."""
        segments = path.strip("/").split("/")
        for route in self._routes:
            if route.method in {method, "ANY"}:
                parameters = _match(route.path.strip("/").split("/"), segments)
                if parameters is not None:
                    return route, parameters
        return None


def _preference(route: RouteSpec) -> tuple[list[int], bool]:
    """Static segments before variables before greedy ones before the default, a named method before ANY."""
    if route.path == DEFAULT_ROUTE:
        return [3], True
    return [_rank(segment) for segment in route.path.strip("/").split("/")], route.method == "ANY"


def _rank(segment: str) -> int:
    if segment.startswith("{"):
        return 2 if segment.endswith("+}") else 1
    return 0


def _match(pattern: Sequence[str], segments: Sequence[str]) -> dict[str, str] | None:
    parameters: dict[str, str] = {}
    if pattern == [DEFAULT_ROUTE]:
        return parameters
    for index, part in enumerate(pattern):
        if _rank(part) == 2:
            rest = "/".join(segments[index:])
            return {**parameters, part[1:-2]: unquote(rest)} if rest else None
        if index >= len(segments):
            return None
        if _rank(part) == 1:
            if not segments[index]:
                return None
            parameters[part[1:-1]] = unquote(segments[index])
        elif part != segments[index]:
            return None
    return parameters if len(pattern) == len(segments) else None
