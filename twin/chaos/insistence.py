"""Asking an API that is being broken, as an app does: again, after a pause, until it answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Container
from typing import Final, TypeVar

import aiohttp

from twin.api_client import ApiRefused

T = TypeVar("T")
_ANSWER_SECONDS = 30.0
"""API Gateway gives up after as much (HTTP API quotas, maximum integration time-out)."""
_PATIENCE_SECONDS = 120.0
_PAUSE_SECONDS = 1.0
LOGGED_OUT: Final = "BROKER_AUTH_FAILED"
"""The broker has ended a login, and its owner has not logged in again yet."""


async def insist(call: Callable[[], Awaitable[T]], *, passing: Container[str] = ()) -> T:
    """What `call` answers in the end. It must be harmless to repeat. `passing` are codes of refusals that pass.

    Raises:
        ApiRefused: it was refused for its own sake (another 4xx), or for two minutes on end.
        TimeoutError, aiohttp.ClientError: there was no answer for two minutes.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + _PATIENCE_SECONDS
    while True:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await call()
        except (ApiRefused, TimeoutError, aiohttp.ClientError) as error:
            is_refusal = isinstance(error, ApiRefused) and error.status < 500 and error.code not in passing
            if is_refusal or loop.time() > give_up_at:
                raise
        await asyncio.sleep(_PAUSE_SECONDS)
