"""API Gateway's HTTP API on this machine: routes, authorizer with its cache, payload format 2.0, CORS.

Errors that the gateway makes itself have its own short bodies (`{"message": ...}`), as in the cloud, where
the product's error documents come from the functions only.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from twin.authorizer import Authorizer, Verdict
from twin.functions import Lambda
from twin.lambda_runtime import InvocationResult, Throttled
from twin.own_host import own_host_only
from twin.routing import RouteTable
from twin.wiring import CorsSpec, RouteSpec

MAX_BODY_BYTES = 10 * 1024 * 1024
_API_ID = "twin"


class Gateway:
    """Answers HTTP by invoking functions."""

    def __init__(self, routes: RouteTable, cors: CorsSpec, functions: Lambda, account: str) -> None:
        self._routes = routes
        self._cors = cors
        self._functions = functions
        self._account = account
        self._authorizers: dict[str, Authorizer] = {}
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> int:
        """Listen on loopback (0: any free port) and return the port."""
        application = web.Application(middlewares=[own_host_only], client_max_size=MAX_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """Finish what is being answered and listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        if request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers and self._cors.origins:
            return web.Response(status=204, headers=self._cors_headers(request, preflight=True))
        try:
            response = await self._answer(request)
        except web.HTTPRequestEntityTooLarge:
            response = _message(413, "Request Entity Too Large")
        response.headers.update(self._cors_headers(request, preflight=False))
        return response

    async def _answer(self, request: web.Request) -> web.Response:
        found = self._routes.find(request.method, request.rel_url.raw_path)
        if found is None:
            return _message(404, "Not Found")
        route, parameters = found
        event = await self._event(request, route, parameters)
        if route.authorizer is not None:
            verdict = await self._authorizer(route).check(event)
            if isinstance(verdict, Verdict):
                return _message(verdict.status, verdict.message)
            event["requestContext"]["authorizer"] = {"lambda": dict(verdict)}
        try:
            result = await self._functions[route.function].invoke(json.dumps(event).encode())
        except Throttled:
            return _message(503, "Service Unavailable")
        return _response(result)

    def _authorizer(self, route: RouteSpec) -> Authorizer:
        spec = route.authorizer
        assert spec is not None
        if spec.name not in self._authorizers:
            self._authorizers[spec.name] = Authorizer(spec, self._functions[spec.function], time.monotonic)
        return self._authorizers[spec.name]

    async def _event(self, request: web.Request, route: RouteSpec, parameters: Mapping[str, str]) -> dict[str, Any]:
        """The request in payload format 2.0 (API Gateway documentation, Lambda integrations)."""
        now = datetime.now(UTC)
        body = await request.read()
        text, is_base64 = _text_of(body)
        key = route.key
        headers = {name.lower(): ",".join(request.headers.getall(name)) for name in request.headers}
        headers.setdefault("x-forwarded-proto", request.scheme)
        query = {name: ",".join(request.query.getall(name)) for name in request.query}
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": key,
            "rawPath": request.path,
            "rawQueryString": request.query_string,
            "headers": headers,
            "requestContext": {
                "accountId": self._account,
                "apiId": _API_ID,
                "domainName": request.host,
                "domainPrefix": _API_ID,
                "http": {
                    "method": request.method,
                    "path": request.path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": request.remote or "127.0.0.1",
                    "userAgent": request.headers.get("User-Agent", ""),
                },
                "requestId": str(uuid.uuid4()),
                "routeKey": key,
                "stage": "$default",
                "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
                "timeEpoch": int(now.timestamp() * 1000),
            },
            "isBase64Encoded": is_base64,
        }
        optional: dict[str, Any] = {"queryStringParameters": query, "pathParameters": dict(parameters)}
        if body:
            optional["body"] = text
        return event | {name: value for name, value in optional.items() if value}

    def _cors_headers(self, request: web.Request, *, preflight: bool) -> dict[str, str]:
        origin = request.headers.get("Origin")
        if origin is None or not ({"*", origin} & set(self._cors.origins)):
            return {}
        headers = {"Access-Control-Allow-Origin": "*" if "*" in self._cors.origins else origin}
        if preflight:
            headers |= {
                "Access-Control-Allow-Methods": ",".join(self._cors.methods),
                "Access-Control-Allow-Headers": ",".join(self._cors.headers),
                "Access-Control-Max-Age": str(self._cors.max_age_seconds),
            }
        elif self._cors.exposed:
            headers["Access-Control-Expose-Headers"] = ",".join(self._cors.exposed)
        return headers


def _text_of(body: bytes) -> tuple[str, bool]:
    try:
        return body.decode(), False
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), True


def _message(status: int, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status)


def _response(result: InvocationResult) -> web.Response:
    """A function's answer as HTTP; what is no answer becomes the gateway's own error."""
    if result.is_error:
        is_late = "Sandbox.Timedout" in str(json.loads(result.payload).get("errorType"))
        return _message(503, "Service Unavailable") if is_late else _message(500, "Internal Server Error")
    answer = json.loads(result.payload)
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return web.json_response(answer)
    body = answer.get("body") or ""
    if not isinstance(body, str):
        return _message(500, "Internal Server Error")
    headers = {name: str(value) for name, value in (answer.get("headers") or {}).items()}
    content_type = next((headers.pop(name) for name in list(headers) if name.lower() == "content-type"), "text/plain")
    response = web.Response(
        status=int(answer["statusCode"]),
        body=base64.b64decode(body) if answer.get("isBase64Encoded") else body.encode(),
        headers={**headers, "Content-Type": content_type},
    )
    for cookie in answer.get("cookies") or ():
        response.headers.add("Set-Cookie", cookie)
    return response
