"""Follows the stream of stop changes in Redis, from where the last one was read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from algotrading.adapters.redis_keys import CHANGE_FIELD, CHANGES
from algotrading.contracts.messages import StopChange
from fargate_listener.counters import Counters
from fargate_listener.redis_client import ANSWER_SECONDS, REDIS_AWAY

logger = logging.getLogger(__name__)

_BLOCK_SECONDS = 1.0
"""How long one read waits for news."""
_BATCH = 1_000
_RETRY_SECONDS = 0.5


_NO_ID = "0-0"


@dataclass(frozen=True, slots=True)
class _State:
    """What Redis says of the stream: ids of its first entry and of the last one that it ever had, how many it ever had
    and has. Of a stream that is not there: nothing."""

    first: str
    last: str
    added: int
    length: int


class ChangeStream:
    """Reads entry after entry, in the order in which they were announced."""

    def __init__(self, *, redis: Redis, counters: Counters) -> None:
        self._redis = redis
        self._counters = counters
        self._last_id: str | None = None
        """The last entry that was read, or the end from which on entries are."""
        self._added = 0
        """How many entries the stream has ever had, by its own account."""
        self.is_followed = False
        """Whether changes are arriving (or would, if there were any)."""
        self.is_away = False
        """Whether Redis did not answer when it was asked last."""

    async def remember_end(self) -> None:
        """Follow from the present end on: call it before reading what the stream tells changes of."""
        try:
            await self._go_to_end()
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
        may have been missed (Redis was away, an entry could not be read, the stream let go of entries before they were
        read or is another one than it was): only a full check closes a gap.
        `on_away` is called whenever changes are found not to arrive."""
        while True:
            try:
                await self._catch_up(apply, on_gap)
            except REDIS_AWAY as error:
                self._away(error)
                on_away()
                await asyncio.sleep(_RETRY_SECONDS)

    async def _go_to_end(self) -> None:
        end = await self._state()
        self._last_id, self._added = end.last, end.added

    async def _state(self) -> _State:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                told: Any = await self._redis.xinfo_stream(CHANGES)
        except ResponseError as error:
            if "no such key" not in str(error):
                raise
            return _State(first=_NO_ID, last=_NO_ID, added=0, length=0)
        return _State(
            first=_text(told["recorded-first-entry-id"]),
            last=_text(told["last-generated-id"]),
            added=int(told["entries-added"]),
            length=int(told["length"]),
        )

    async def _catch_up(self, apply: Callable[[StopChange], None], on_gap: Callable[[], None]) -> None:
        if self._last_id is None:
            await self._go_to_end()
        assert self._last_id is not None
        before = self._last_id
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
        # After the reading: what the stream held then it held while it was read.
        await self._look_for_a_gap(before, on_gap)

    async def _look_for_a_gap(self, before: str, on_gap: Callable[[], None]) -> None:
        """Whether there were entries after `before` that were not read."""
        now = await self._state()
        is_another = now.added < self._added or _order(now.last) < _order(self._last_id)
        # Where it begins after what was read before, it has let go of what came in between, if anything did.
        is_cut = now.added > now.length and _order(now.first if now.length else now.last) > _order(before)
        self._added = now.added
        if is_another:
            self._last_id = now.last
        if is_another or is_cut:
            logger.error(
                "entries of the change stream may have been missed; a full check follows",
                extra={"stream": "another one" if is_another else "cut"},
            )
            on_gap()

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


def _order(entry_id: str | None) -> tuple[int, ...]:
    """By which ids are compared: milliseconds, and a number within one."""
    return tuple(map(int, (entry_id or _NO_ID).split("-")))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
