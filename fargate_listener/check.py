"""`python -m fargate_listener --check`: what the watcher is set to do, and whether it can, line by line.

It opens each connection as the watcher does and leaves nothing behind: no message is sent, nothing is subscribed to. A
feed account's socket is open for a second or two, and is one of the three that the broker allows its app.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from botocore.exceptions import ClientError

from algotrading.adapters.clock import SystemClock
from algotrading.contracts.session_table import load_session_table
from algotrading.domain.errors import AlgotradingError
from algotrading.settings import ListenerSettings, SettingsInvalid
from fargate_listener.clock_check import MOST_SECONDS, offset_from_redis
from fargate_listener.connections import (
    make_truth,
    open_hit_queue,
    open_redis,
    read_database_login,
    read_feed_credentials,
)
from fargate_listener.feed import SILENCE_SECONDS
from fargate_listener.kept_code import compiled_anew
from fargate_listener.kite_socket import DialFailed, KiteSocket, dial
from fargate_listener.market_hours import MarketHours
from fargate_listener.redis_client import ANSWER_SECONDS
from fargate_listener.socket_watch import SKEWED_SECONDS

PATIENCE_SECONDS: Final = 15.0
"""For one line. What takes longer would keep a watcher from its stops as well."""
_LOOK_SECONDS: Final = 0.05


class Verdict(StrEnum):
    """What a line begins with."""

    OK = "OK"
    WARN = "WARN"
    """Something is wrong and every stop would be seen."""
    FAIL = "FAIL"
    """Stops would not be seen, or not acted upon."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was found of one thing; `words` hold no secret, and what to do where it is not as it should be."""

    verdict: Verdict
    what: str
    words: str

    def __str__(self) -> str:
        return f"{self.verdict:<5} {self.what:<12} {self.words}"


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
    yield await _tried(
        "calendar",
        lambda: _in_thread(lambda: _calendar(settings)),
        "SESSION_TABLE must be nse or a session table as JSON; add the year's holidays.",
    )
    yield await _tried(
        "secret",
        lambda: _in_thread(lambda: f"the login of {read_database_login(settings)().user} is there"),
        f"See that DATABASE_SECRET_ARN ({settings.database_secret_arn}) exists and the task's role may read it."
        if settings.database_secret_arn
        else "See that the task has a role: its credentials sign the token that logs in.",
    )
    yield await _tried(
        "PostgreSQL",
        lambda: _in_thread(lambda: _truth(settings)),
        f"See that {settings.database_host}:{settings.database_port} lets this task in (security group, TLS, login) "
        f"and has a migrated database {settings.database_name} with today's instruments.",
    )
    yield await _tried(
        "queue",
        lambda: _in_thread(lambda: _queue(settings)),
        f"See that PRIORITY_QUEUE_URL ({settings.priority_queue_url}) exists and the task's role may send to it.",
    )
    # Stops in memory are guarded without it, and a full check brings new ones in seconds.
    yield await _tried(
        "Redis",
        lambda: _redis(settings),
        f"See that {settings.redis_host}:{settings.redis_port} lets this task in (security group, REDIS_TLS). "
        "Meanwhile stops are seen, and new ones only by comparing with PostgreSQL.",
        otherwise=Verdict.WARN,
    )
    yield await _tried("clock", lambda: _clock(settings), "Not compared: Redis' clock is the other.", Verdict.WARN)
    feeds = [await _feed(settings, email) for email in settings.feed_account_email]
    for feed in feeds:
        others_see = feed.verdict is Verdict.FAIL and any(each.verdict is Verdict.OK for each in feeds)
        yield Line(Verdict.WARN if others_see else feed.verdict, feed.what, feed.words)


class Wrong(Exception):
    """Something answered, and the answer is wrong; the message says how and what to do."""

    def __init__(self, message: str, verdict: Verdict = Verdict.FAIL) -> None:
        super().__init__(message)
        self.verdict = verdict


def _explain(settings: ListenerSettings) -> Line:
    accounts = len(settings.feed_account_email)
    news = "traders' order sockets are on" if settings.order_update_sockets else "traders' order sockets are off"
    return Line(
        Verdict.OK,
        "settings",
        f"{settings.stage}: prices from {settings.kite_socket_url} by {accounts} feed account(s), at most "
        f"{3000 * accounts - accounts} instruments; {news}; log level {settings.log_level}; health on port "
        f"{settings.health_port}; {settings.leave_seconds:g} s to leave",
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


async def _tried(
    what: str, action: Callable[[], Awaitable[str]], remedy: str, otherwise: Verdict = Verdict.FAIL
) -> Line:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return Line(Verdict.OK, what, await action())
    except Wrong as wrong:
        return Line(wrong.verdict, what, str(wrong))
    except Exception as error:
        # Whatever a client raises is what is to be told.
        return Line(otherwise, what, f"{_said(error)}. {remedy}")


async def _in_thread(action: Callable[[], str]) -> str:
    return await asyncio.to_thread(action)


def _said(error: Exception) -> str:
    """What went wrong, without anything that a library may have quoted."""
    match error:
        case ClientError():
            return f"AWS says {error.response['Error']['Code']}"
        case AlgotradingError() | DialFailed():
            return str(error)
        case TimeoutError():
            return f"no answer within {PATIENCE_SECONDS:g} s"
    return type(error).__name__


def _calendar(settings: ListenerSettings) -> str:
    hours = MarketHours(load_session_table(settings.session_table), SystemClock())
    return (
        f"{settings.session_table if settings.session_table == 'nse' else 'a table of its own'}; today is {hours.day}"
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


async def _feed(settings: ListenerSettings, email: str) -> Line:
    """Reads the account's token from PostgreSQL, opens it with KMS, and waits for the socket's first frame."""
    return await _tried(
        "feed account",
        lambda: _look_through(settings, email),
        f"Log {email} in to the broker; see that KMS_KEY_ID is right and the task's role may open this account "
        "(feed_accounts in cdk/environments.py), and that its app has fewer than three sockets.",
    )


async def _look_through(settings: ListenerSettings, email: str) -> str:
    credentials = await asyncio.to_thread(read_feed_credentials(settings, email))
    socket = await dial(settings.kite_socket_url, credentials, _deaf_socket, ssl.create_default_context())
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            while not socket.frames and socket.is_open:  # noqa: ASYNC110 - a socket that only listens
                await asyncio.sleep(_LOOK_SECONDS)
    except TimeoutError:
        raise Wrong(f"{email}: the socket opens and says nothing for {SILENCE_SECONDS:g} s. Ask the broker.") from None
    finally:
        await socket.close()
    if not socket.frames:
        raise Wrong(f"{email}: the broker hung up. See that its app has fewer than three sockets.")
    return f"{email} is logged in, and its socket speaks"


def _deaf_socket() -> KiteSocket:
    return KiteSocket(on_frames=lambda _frames, _at: None, on_text=lambda _text: None, monotonic=time.monotonic)
