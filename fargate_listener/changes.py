"""Follows the stream of stop changes in Redis, from where the last one was read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis

from algotrading.adapters.redis_keys import CHANGE_FIELD, CHANGES
from algotrading.contracts.messages import StopChange
from fargate_listener.counters import Counters
from fargate_listener.redis_client import ANSWER_SECONDS, REDIS_AWAY

logger = logging.getLogger(__name__)

_BLOCK_SECONDS = 1.0
"""How long one read waits for news."""
_BATCH = 1_000
_RETRY_SECONDS = 0.5


class ChangeStream:
    """Reads entry after entry, in the order in which they were announced."""

    def __init__(self, *, redis: Redis, counters: Counters) -> None:
        self._redis = redis
        self._counters = counters
        self._last_id: str | None = None
        self.is_followed = False
        """Whether changes are arriving (or would, if there were any)."""
        self.is_away = False
        """Whether Redis did not answer when it was asked last."""

    async def remember_end(self) -> None:
        """Follow from the present end on: call it before reading what the stream tells changes of."""
        try:
            self._last_id = await self._end()
        except REDIS_AWAY as error:
            self._away(error)

    async def run(
        self,
        *,
        apply: Callable[[StopChange], None],
        on_gap: Callable[[], None],
        on_away: Callable[[], None] = lambda: None,
    ) -> None:
        """Follow until cancelled, also over an absence of Redis. `on_gap` is called whenever something
        may have been missed (Redis was away, an entry could not be read): only a full check closes a gap.
        `on_away` is called whenever changes are found not to arrive."""
        while True:
            try:
                await self._catch_up(apply, on_gap)
            except REDIS_AWAY as error:
                self._away(error)
                on_away()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _end(self) -> str:
        async with asyncio.timeout(ANSWER_SECONDS):
            newest: Any = await self._redis.xrevrange(CHANGES, count=1)
        return _text(newest[0][0]) if newest else "0-0"

    async def _catch_up(self, apply: Callable[[StopChange], None], on_gap: Callable[[], None]) -> None:
        if self._last_id is None:
            self._last_id = await self._end()
        if not self.is_followed:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._redis.ping()
            if self.is_away:
                logger.info("the change stream is back")
            self.is_followed, self.is_away = True, False
            on_gap()
        async with asyncio.timeout(_BLOCK_SECONDS + ANSWER_SECONDS):
            answer = await self._redis.xread({CHANGES: self._last_id}, count=_BATCH, block=int(1000 * _BLOCK_SECONDS))
        for entry_id, fields in _entries(answer):
            self._last_id = entry_id
            change = self._read(fields)
            if change is None:
                on_gap()
            else:
                apply(change)

    def _read(self, fields: dict[str, str]) -> StopChange | None:
        try:
            return StopChange.model_validate_json(fields.get(CHANGE_FIELD, ""))
        except ValidationError:
            self._counters.invalid_changes += 1
            logger.error("an entry of the change stream cannot be understood; a full check follows")
            return None

    def _away(self, error: Exception) -> None:
        self._counters.redis_failures += 1
        if not self.is_away:
            logger.error("the change stream is away: going on from memory (%s)", type(error).__name__)
        self.is_followed, self.is_away = False, True


def _entries(answer: Any) -> list[tuple[str, dict[str, str]]]:
    """The one stream's entries, in the shape of either protocol version."""
    if not answer:
        return []
    streams = answer.values() if isinstance(answer, dict) else [entries for _, entries in answer]
    found: list[tuple[str, dict[str, str]]] = []
    for entries in streams:
        # RESP3 wraps each stream's entries once more.
        flat = entries[0] if entries and entries[0] and isinstance(entries[0][0], (list, tuple)) else entries
        found += [
            (_text(entry_id), {_text(key): _text(value) for key, value in (fields or {}).items()})
            for entry_id, fields in flat
        ]
    return found


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
