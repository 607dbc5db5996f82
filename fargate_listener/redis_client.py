"""Asynchronous Redis clients that notice quickly when Redis is away."""

from __future__ import annotations

from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

REDIS_AWAY: Final = (RedisError, OSError, RuntimeError)
"""What a command raises while Redis is away. The RuntimeError is uvloop's, for a write on a connection that was
lost since it was looked at (uvloop 0.23, UVHandle._ensure_alive); asyncio's own loop drops such a write in silence."""

ANSWER_SECONDS = 1.0
"""For one answer, with the connection it may need: whoever asks sets this limit, with `asyncio.timeout`."""
_CONNECT_SECONDS = 0.5


def make_redis_client(host: str, port: int, *, tls: bool) -> Redis:
    """A client that connects at its first command. The library's own retries would hide an absence that
    the callers handle.

    Its own time-out of answers is off: it sends through `asyncio.wait_for`, which before Python 3.12 can
    lose a cancellation (python/cpython#86296), and a part that is not ended keeps the whole watcher from leaving.

    Bytes that are no UTF-8 become lone surrogates, which no reader takes for a value: raised as an error within the
    library they would end whoever reads.
    """
    return Redis(
        host=host,
        port=port,
        ssl=tls,
        decode_responses=True,
        encoding_errors="surrogateescape",
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=None,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
