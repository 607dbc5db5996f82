"""How long the API's functions take in the handler, with real PostgreSQL and Valkey, at 50 requests a second.

The load is open: requests leave at their instants whether or not earlier ones have been answered, in a
mix as an app sends it (mostly status polls). Each is an HTTP API event, payload version 2.0, given to the
function's environments as Lambda gives it to them; the figure is the runtime's: from the event handed to
AWS's runtime client until its answer. It therefore holds the handler and about half a millisecond of
runtime, and neither the gateway nor the authorizer.

Listed apart: starting and stopping, which call AWS APIs that an emulator answers here; register and login,
whose password hashing is made to be slow; and the authorizer, which the gateway asks before anything else.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import redis

from algotrading.contracts.api_routes import API_ROUTES
from benchmarks.figures import Figure, Target, spread
from benchmarks.stage import SYMBOLS, Holding, Stage, StageFailed
from twin.api_client import ApiClient, Login
from twin.stage import open_account

RATE = 50
TARGET = Target("p99", 25.0)
LOGIN_TARGET = Target("p99", 150.0)
"""With Argon2 at the parameters that OWASP's password storage cheat sheet names."""
AUTHORIZER_TARGET = Target("p99", 3.0)
_WARM_ENVIRONMENTS = {"strategy": 3, "auth": 1, "broker": 1}
_FLOOR = "floor: one empty transaction and one Valkey read, bare clients"
_APART_ROUNDS = 10
_LOGINS, _VERDICTS = 100, 500
_PASSWORD = "correct horse battery staple"  # of accounts that live as long as the run


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one function."""

    kind: str
    function: str
    event: Mapping[str, Any]


async def measure(stage: Stage, *, count: int, seconds: float) -> list[Figure]:
    """Milliseconds in the function, by kind of request and over all."""
    holdings = await stage.enter(count)
    for name, environments in _WARM_ENVIRONMENTS.items():
        await stage.twin.functions[name].warm(environments)
    drafts = await _make_drafts(holdings)
    calls = list(_mix(holdings, drafts, int(RATE * seconds)))
    await _play([*calls[:RATE]], stage)  # connections open, secrets are read
    stage.progress(f"{len(calls)} requests, {RATE} a second")
    times = await _play(calls, stage)
    stage.progress("start and stop, register and login, one at a time")
    apart = await _time_apart(stage, drafts)
    logins, verdicts = await _time_logins(stage), await _time_authorizer(stage, holdings[0])
    floor = await asyncio.to_thread(_time_floor, stage, 200)
    return [
        Figure(
            "api",
            f"all requests at {RATE}/s",
            "ms",
            spread([value for values in times.values() for value in values]),
            len(calls),
            TARGET,
            {_FLOOR: spread(floor)},
        ),
        *(Figure("api", f"  {kind}", "ms", spread(values), len(values)) for kind, values in times.items()),
        *(Figure("api", f"apart: {kind}", "ms", spread(values), len(values)) for kind, values in apart.items()),
        Figure("api", "apart: login", "ms", spread(logins), len(logins), LOGIN_TARGET),
        Figure("api", "apart: authorizer, warm", "ms", spread(verdicts), len(verdicts), AUTHORIZER_TARGET),
    ]


async def _make_drafts(holdings: Sequence[Holding]) -> list[tuple[Holding, str]]:
    """One strategy per trader that does not run, for requests that change it."""
    first_of = {holding.trader.broker_user: holding for holding in reversed(holdings)}
    made = []
    for number, holding in enumerate(first_of.values()):
        answer = await holding.trader.api.call("POST", "/api/v1/strategy/create", _plan(number))
        made.append((holding, str(answer["strategy_id"])))
    return made


def _mix(holdings: Sequence[Holding], drafts: Sequence[tuple[Holding, str]], count: int) -> Iterator[Call]:
    dice = random.Random(11)
    kinds = {
        "status": 60,
        "list": 9,
        "read": 8,
        "orders": 6,
        "instruments": 6,
        "account": 4,
        "broker": 2,
        "create": 3,
        "update": 2,
    }
    for kind in dice.choices(list(kinds), weights=list(kinds.values()), k=count):
        yield _call(kind, dice.choice(holdings), dice.choice(drafts), dice)


def _call(kind: str, holding: Holding, draft: tuple[Holding, str], dice: random.Random) -> Call:
    mine, identifier = f"{holding.strategy_id}", draft[1]
    path = "/api/v1/strategy"
    routes: dict[str, tuple[str, str, str, Holding, Mapping[str, Any] | None]] = {
        "status": ("strategy", "GET", f"{path}/status/{mine}", holding, None),
        "list": ("strategy", "GET", path, holding, None),
        "read": ("strategy", "GET", f"{path}/{mine}", holding, None),
        "orders": ("strategy", "GET", f"{path}/{mine}/orders", holding, None),
        "instruments": ("strategy", "GET", f"/api/v1/instruments?query={dice.choice(SYMBOLS)[:3]}", holding, None),
        "account": ("auth", "GET", "/api/v1/account", holding, None),
        "broker": ("broker", "GET", "/api/v1/broker", holding, None),
        "create": ("strategy", "POST", f"{path}/create", holding, _plan(dice.randrange(50))),
        "update": ("strategy", "PUT", f"{path}/{identifier}", draft[0], _plan(dice.randrange(50))),
    }
    function, method, target, owner, body = routes[kind]
    return Call(kind, function, _event(method, target, owner.trader.api.user_id, body))


def _plan(number: int) -> dict[str, Any]:
    return {
        "symbol": SYMBOLS[number % len(SYMBOLS)],
        "buy_time": "10:00:00",
        "sell_time": "14:00:00",
        "stop_loss": 100.0 + number,
        "quantity": 1 + number,
    }


def _event(method: str, target: str, user_id: str | None, body: Mapping[str, Any] | None) -> dict[str, Any]:
    """API Gateway documentation, Lambda integrations, payload format version 2.0; as the authorizer leaves it."""
    path, _, query = target.partition("?")
    authorizer = {} if user_id is None else {"authorizer": {"lambda": {"user_id": user_id}}}
    event = {
        "version": "2.0",
        "routeKey": _route_key(method, path),
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"content-type": "application/json", "host": "api.example.com", "user-agent": "app/1.0"},
        "requestContext": {
            "domainName": "api.example.com",
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
            "requestId": "benchmark",
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
            **authorizer,
        },
        "isBase64Encoded": False,
    }
    if query:
        event["queryStringParameters"] = dict([query.split("=", 1)])
    return event | ({} if body is None else {"body": json.dumps(body)})


def _route_key(method: str, path: str) -> str:
    """What API Gateway finds: a literal path before a template."""
    found = [route for route in API_ROUTES if route.method == method and route.matches(path)]
    return min(found, key=lambda route: route.path != path).key


async def _play(calls: Sequence[Call], stage: Stage) -> dict[str, list[float]]:
    """Send every call at its instant."""
    began = time.monotonic()
    tasks = []
    for number, call in enumerate(calls):
        await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
        tasks.append(asyncio.create_task(_time(call, stage)))
    times: dict[str, list[float]] = defaultdict(list)
    for call, task in zip(calls, tasks, strict=True):
        times[call.kind].append((await task)[0])
    return times


async def _time(call: Call, stage: Stage) -> tuple[float, dict[str, Any]]:
    result = await stage.twin.functions[call.function].invoke(json.dumps(call.event).encode())
    answer = json.loads(result.payload)
    if result.is_error or answer["statusCode"] >= 300:
        raise StageFailed(f"{call.kind} was answered {answer}")
    return result.milliseconds, json.loads(answer["body"] or "null")


async def _time_apart(stage: Stage, drafts: Sequence[tuple[Holding, str]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(_APART_ROUNDS):
        holding, identifier = drafts[number % len(drafts)]
        for kind in ("start", "stop"):
            event = _event("POST", f"/api/v1/strategy/{kind}", holding.trader.api.user_id, {"strategy_id": identifier})
            times[kind].append((await _time(Call(kind, "strategy", event), stage))[0])
        account = {"email": f"apart-{number}@example.com", "password": _PASSWORD}
        event = _event("POST", "/api/v1/auth/register", None, account)
        times["register"].append((await _time(Call("register", "auth", event), stage))[0])
    return times


async def _time_logins(stage: Stage) -> list[float]:
    login = Login("logs-in@example.com", _PASSWORD)
    await open_account(stage.twin, ApiClient(stage.twin.http, stage.twin.api_url), login)
    account = {"email": login.email, "password": login.password}
    call = Call("login", "auth", _event("POST", "/api/v1/auth/login", None, account))
    return [(await _time(call, stage))[0] for _ in range(_LOGINS)]


async def _time_authorizer(stage: Stage, holding: Holding) -> list[float]:
    """The function alone: the gateway remembers its answers, and would not ask again."""
    function = stage.twin.functions["authorizer"]
    await function.warm(1)
    event = _event("GET", "/api/v1/strategy", None, None)
    asked = event | {"headers": event["headers"] | {"authorization": f"Bearer {holding.trader.api.token}"}}
    times = []
    for _ in range(_VERDICTS + 1):
        result = await function.invoke(json.dumps(asked).encode())
        if "user_id" not in json.loads(result.payload).get("context", {}):
            raise StageFailed(f"the authorizer answered {result.payload!r}")
        times.append(result.milliseconds)
    return times[1:]  # the first reads the keys


def _time_floor(stage: Stage, rounds: int) -> list[float]:
    """What no request that asks both stores once can pass, at the same pace."""
    environment = stage.twin.wiring.function("strategy").environment
    cache = redis.Redis(environment["REDIS_HOST"], int(environment["REDIS_PORT"]))
    times = []
    with psycopg.connect(stage.twin.database) as database, cache:
        for _ in range(rounds):
            time.sleep(1 / RATE)
            began = time.perf_counter()
            database.execute("select 1")
            database.commit()
            cache.get("nothing")
            times.append((time.perf_counter() - began) * 1000)
    return times
