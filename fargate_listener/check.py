"""`python -m fargate_listener --check`: what the watcher is set to do, and whether it can, line by line.

It opens each connection as the watcher does and leaves nothing behind: no message is sent, nothing is subscribed to. A
feed account's socket is open for a second or two, and is one of the three that the broker allows its app; one request
for quotes is made.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable

from botocore.exceptions import BotoCoreError

from algotrading.adapters.clock import SystemClock
from algotrading.contracts.session_table import load_session_table
from algotrading.settings import ListenerSettings, SettingsInvalid
from fargate_listener.check_broker import check_broker
from fargate_listener.check_lines import Line, Verdict, Wrong, of_aws, tried
from fargate_listener.clock_check import MOST_SECONDS, offset_from_redis
from fargate_listener.connections import (
    make_truth,
    open_hit_queue,
    open_orders_queue,
    open_redis,
    read_database_login,
)
from fargate_listener.kept_code import compiled_anew
from fargate_listener.market_hours import MarketHours
from fargate_listener.redis_client import ANSWER_SECONDS
from fargate_listener.socket_watch import SKEWED_SECONDS


def run_check() -> int:
    """Print every line as it is found. 0: a watcher would see; 1: it would be blind; 2: its settings are wrong."""
    try:
        settings = ListenerSettings.load()
    except SettingsInvalid as error:
        for problem in error.problems:
            _say(Line(Verdict.FAIL, "settings", f"{problem}. It is a variable of the task (cdk/stacks/listener.py)."))
        return 2
    return asyncio.Runner().run(_print_all(settings))


async def _print_all(settings: ListenerSettings) -> int:
    is_blind = False
    async for line in check(settings):
        _say(line)
        is_blind = is_blind or line.verdict is Verdict.FAIL
    _say("a watcher with these settings would be blind" if is_blind else "a watcher with these settings would see")
    return int(is_blind)


def _say(line: object) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


async def check(settings: ListenerSettings) -> AsyncIterator[Line]:
    """Every line, in the order in which a watcher needs what it is about."""
    yield _explain(settings)
    yield _compiled()
    yield await tried(
        "calendar",
        lambda: _in_thread(lambda: _calendar(settings)),
        "Add the year's holidays (algotrading.domain.nse_calendar).",
    )
    yield await tried(
        "secret",
        lambda: _in_thread(lambda: f"the login of {read_database_login(settings)().user} is there"),
        lambda error: _remedy_of_secret(settings, error),
    )
    yield await tried(
        "PostgreSQL",
        lambda: _in_thread(lambda: _truth(settings)),
        lambda error: _remedy_of_postgres(settings, error),
    )
    yield await tried(
        "queue",
        lambda: _in_thread(lambda: _queue(settings)),
        f"See that PRIORITY_QUEUE_URL ({settings.priority_queue_url}) exists and the task's role may send to it.",
    )
    # Orders are read in time without them: executors and the repair ask the broker again by themselves.
    yield await tried(
        "order news",
        lambda: _in_thread(lambda: _order_news(settings)),
        f"See that ORDERS_QUEUE_URL ({settings.orders_queue_url}) exists and the task's role may send to it. Meanwhile "
        "stops are seen, and news of orders does not hurry anything.",
        otherwise=Verdict.WARN,
    )
    # Stops in memory are guarded without it, and a full check brings new ones in seconds.
    yield await tried(
        "Redis",
        lambda: _redis(settings),
        f"See that {settings.redis_host}:{settings.redis_port} lets this task in (security group, REDIS_TLS). "
        "Meanwhile stops are seen, and new ones only by comparing with PostgreSQL.",
        otherwise=Verdict.WARN,
    )
    yield await tried("clock", lambda: _clock(settings), "Not compared: Redis' clock is the other.", Verdict.WARN)
    for line in await check_broker(settings):
        yield line


def _explain(settings: ListenerSettings) -> Line:
    accounts = len(settings.feed_account_email)
    news = "traders' order sockets are on" if settings.order_update_sockets else "traders' order sockets are off"
    return Line(
        Verdict.OK,
        "settings",
        f"{settings.stage}: prices from {settings.kite_socket_url} by {accounts} feed account(s), at most "
        f"{3000 * accounts - accounts} instruments, and quotes from {settings.kite_api_url}; {news}; "
        f"log level {settings.log_level}; health on port {settings.health_port}; {settings.leave_seconds:g} s to leave",
    )


def _compiled() -> Line:
    """The watcher loads it before anything else; here it was loaded with this module."""
    anew = compiled_anew()
    if not anew:
        return Line(Verdict.OK, "compiled", "the tick path was found compiled")
    return Line(
        Verdict.WARN,
        "compiled",
        "the tick path was compiled now, and is at each start where it cannot be kept: seconds without eyes. See that "
        "NUMBA_CACHE_DIR and NUMBA_CPU_NAME are those of the image (fargate_listener/Dockerfile).",
    )


async def _in_thread(action: Callable[[], str]) -> str:
    return await asyncio.to_thread(action)


def _calendar(settings: ListenerSettings) -> str:
    hours = MarketHours(load_session_table(settings.session_table), SystemClock())
    return (
        f"{settings.session_table if settings.session_table == 'nse' else 'a table of its own'}; today is {hours.day}"
    )


def _remedy_of_secret(settings: ListenerSettings, error: Exception) -> str:
    if isinstance(error, BotoCoreError):
        return "See that this task gets to Secrets Manager (endpoint of the VPC, security group) and has a role."
    if settings.database_secret_arn:
        return f"See that DATABASE_SECRET_ARN ({settings.database_secret_arn}) exists and the task's role may read it."
    return "See that the task has a role: its credentials sign the token that logs in."


def _remedy_of_postgres(settings: ListenerSettings, error: Exception) -> str:
    if of_aws(error):
        return "Nobody can log in to it without what the line secret is about: mend that first."
    return (
        f"See that {settings.database_host}:{settings.database_port} lets this task in (security group, TLS, login) "
        f"and has a migrated database {settings.database_name} with today's instruments."
    )


def _truth(settings: ListenerSettings) -> str:
    snapshot = make_truth(settings, SystemClock()).read()
    if snapshot.unknown:
        names = ", ".join(sorted(snapshot.unguarded or snapshot.unknown.values())[:10])
        raise Wrong(
            f"no instrument token for {names}: load the broker's instruments (lambdas/instruments) again, or see "
            "whether it was renamed or delisted (docs/operations.md, InstrumentMissing).",
            # Of what nobody holds there is no stop to be seen.
            Verdict.FAIL if snapshot.unguarded else Verdict.WARN,
        )
    armed = sum(change.armed for change in snapshot.changes.values())
    return (
        f"{settings.database_host}:{settings.database_port}/{settings.database_name}: {len(snapshot.changes)} "
        f"strategies to watch, {armed} armed stops"
    )


def _queue(settings: ListenerSettings) -> str:
    open_hit_queue(settings).probe()
    return f"{settings.priority_queue_url.rsplit('/', 1)[-1]} answers (whether it takes hits only a hit can tell)"


def _order_news(settings: ListenerSettings) -> str:
    open_orders_queue(settings).probe()
    return f"{settings.orders_queue_url.rsplit('/', 1)[-1]} answers"


async def _redis(settings: ListenerSettings) -> str:
    redis = open_redis(settings)
    async with redis, asyncio.timeout(ANSWER_SECONDS):
        await redis.ping()
    return f"{settings.redis_host}:{settings.redis_port} answers"


async def _clock(settings: ListenerSettings) -> str:
    async with open_redis(settings) as redis, asyncio.timeout(ANSWER_SECONDS):
        offset, error = await offset_from_redis(redis, SystemClock(), time.monotonic)
    if abs(offset) - error > MOST_SECONDS:
        raise Wrong(
            f"{offset:+.3f} s from that of Redis: one of the two is wrong. Replace the task; look at Redis.",
            # With our clock so far off, every feed would pass for one that is late, and not be believed.
            Verdict.FAIL if abs(offset) > SKEWED_SECONDS else Verdict.WARN,
        )
    return f"{1000 * offset:+.1f} ms from that of Redis, give or take {1000 * error:.1f} ms"
