"""The broker's part of `--check`: each feed account's login and socket, and the quotes that stand in for a feed."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Sequence
from typing import Final

from algotrading.domain.errors import AccessDenied, BrokerAuthFailed, BrokerUnavailable, DatabaseUnavailable
from algotrading.settings import ListenerSettings
from fargate_listener.check_lines import Line, Remedy, Verdict, Wrong, of_aws, tried
from fargate_listener.connections import read_feed_credentials, read_quotes
from fargate_listener.feed import SILENCE_SECONDS
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.kite_socket import DialFailed, KiteSocket, dial

_LOOK_SECONDS: Final = 0.05
_QUOTED: Final = "NSE:NIFTY 50"
"""Every day has it, whoever watches whatever."""
_TURN_SECONDS: Final = 1.3
"""A key has one request for quotes a second (Kite Connect documentation, API rate limits), which watchers that run
may take."""
_TURNS: Final = 5
_TOO_MANY: Final = "HTTP 429"


async def check_broker(settings: ListenerSettings) -> Sequence[Line]:
    """A line for each feed account, and one for the quotes, asked with the first login that there is."""
    opened: list[FeedCredentials] = []
    feeds = [await _feed(settings, email, opened) for email in settings.feed_account_email]
    sees = any(feed.verdict is Verdict.OK for feed in feeds)
    lines = [
        # One that sees makes good for one that does not.
        Line(Verdict.WARN if sees and feed.verdict is Verdict.FAIL else feed.verdict, feed.what, feed.words)
        for feed in feeds
    ]
    return [*lines, await _quotes(settings, opened)]


async def _feed(settings: ListenerSettings, email: str, opened: list[FeedCredentials]) -> Line:
    """Reads the account's token from PostgreSQL, opens it with KMS, and waits for the socket's first frame."""

    async def look() -> str:
        credentials = await asyncio.to_thread(read_feed_credentials(settings, email))
        opened.append(credentials)
        return await _look_through(settings, email, credentials)

    return await tried("feed account", look, _remedy_of_feed(settings, email))


def _remedy_of_feed(settings: ListenerSettings, email: str) -> Remedy:
    def remedy(error: Exception) -> str:
        if isinstance(error, DatabaseUnavailable):
            return f"The login of {email} is in PostgreSQL: mend what the line PostgreSQL says."
        if of_aws(error):
            return f"Reading the login of {email} needs Secrets Manager and KMS: mend what the line secret says first."
        if isinstance(error, AccessDenied):
            return (
                f"See that KMS_KEY_ID ({settings.kms_key_id}) is the key that the login of {email} was sealed under, "
                "and that the task's role may open this account (feed_accounts in cdk/environments.py)."
            )
        if isinstance(error, DialFailed) and not error.refused:
            return (
                f"See that KITE_SOCKET_URL ({settings.kite_socket_url}) is the broker's, and that this task gets out "
                "to it (route, security group, name resolution)."
            )
        if isinstance(error, DialFailed):
            return (
                f"403: log {email} in to the broker again. 429, or a login that is good: see that its app has fewer "
                "than three sockets."
            )
        if isinstance(error, TimeoutError):
            return "See whether PostgreSQL, KMS or the broker's socket hangs: the lines before this tell of the first."
        return f"Log {email} in to the broker."

    return remedy


async def _look_through(settings: ListenerSettings, email: str, credentials: FeedCredentials) -> str:
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


async def _quotes(settings: ListenerSettings, opened: Sequence[FeedCredentials]) -> Line:
    """They stand in for a feed that is away, still, late or silent: without them such a feed leaves a watcher blind."""
    if not opened:
        return Line(Verdict.WARN, "quotes", "not tried: there is no login of a feed account to ask for them with.")
    return await tried("quotes", lambda: _ask_for_quotes(settings, opened[0]), _remedy_of_quotes(settings))


async def _ask_for_quotes(settings: ListenerSettings, credentials: FeedCredentials) -> str:
    read = read_quotes(settings)
    for _ in range(_TURNS):
        try:
            quotes = await asyncio.to_thread(read, credentials, [_QUOTED])
        except BrokerUnavailable as error:
            if _TOO_MANY not in error.message:
                raise
            await asyncio.sleep(_TURN_SECONDS)
        else:
            if quotes:
                return f"{settings.kite_api_url} answers"
            raise Wrong(f"{settings.kite_api_url} answers without a quote of {_QUOTED}: see that it is the broker's.")
    raise Wrong(
        f"{settings.kite_api_url} answers, and had no turn for this check: others use the key's requests (429).",
        Verdict.WARN,
    )


def _remedy_of_quotes(settings: ListenerSettings) -> Remedy:
    def remedy(error: Exception) -> str:
        if isinstance(error, BrokerAuthFailed):
            return "Log the feed account in to the broker again."
        return (
            f"See that KITE_API_URL ({settings.kite_api_url}) is the broker's, and that this task gets out to it. "
            "Meanwhile nothing stands in for a feed that is away, still, late or silent."
        )

    return remedy
