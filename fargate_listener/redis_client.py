"""Asynchronous Redis clients that notice quickly when Redis is away."""

from __future__ import annotations

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from fargate_listener.changes import BLOCK_MILLISECONDS

_CONNECT_SECONDS = 0.5
_ANSWER_SECONDS = 0.5


def make_redis_client(host: str, port: int, *, tls: bool, follows_stream: bool = False) -> Redis:
    """A client that connects at its first command. The one that follows the stream has to bear the
    silence of a blocking read; the library's own retries would hide an absence that the callers handle."""
    patience = _ANSWER_SECONDS + (BLOCK_MILLISECONDS / 1000 if follows_stream else 0)
    return Redis(
        host=host,
        port=port,
        ssl=tls,
        decode_responses=True,
        socket_connect_timeout=_CONNECT_SECONDS,
        socket_timeout=patience,
        retry=Retry(NoBackoff(), 0),
        health_check_interval=0,
    )
