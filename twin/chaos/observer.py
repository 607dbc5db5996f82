"""Watches a session from outside: who is guarded, and when an order of unknown fate became known."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import aiohttp

from twin.chaos.collect import LedgerRows
from twin.chaos.evidence import Intent, Sight
from twin.running import Twin

LEDGER_SECONDS = 0.25
SIGHT_SECONDS = 0.25
_ANSWER_SECONDS = 1.0
_PENDING_IS_UNKNOWN = 2.0
"""An order that has no answer this long after it was to leave has lost its sender."""
_UNSURE = frozenset({"pending", "unknown"})


class Observer:
    """Reads on until cancelled."""

    def __init__(self, twin: Twin, ledger: LedgerRows) -> None:
        self._twin = twin
        self._ledger = ledger
        self._http = twin.http
        self.sights: list[Sight] = []
        self._known_at: dict[str, datetime] = {}
        self._unsure_at: dict[str, datetime] = {}
        self._was_unknown: set[str] = set()

    async def run(self) -> None:
        """Observe until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_the_watcher())
            group.create_task(self._watch_the_ledger())

    def truths(self, intents: list[Intent]) -> dict[str, float]:
        """Seconds from the sending of each order of unknown fate to the ledger's knowing, by tag; at most
        LEDGER_SECONDS too long."""
        found: dict[str, float] = {}
        for intent in intents:
            left_at = intent.sent_at or max(intent.created_at, intent.due_at)
            known_at = self._known_at.get(intent.tag)
            unsure_at = self._unsure_at.get(intent.tag)
            waited = 0.0 if unsure_at is None else (unsure_at - left_at).total_seconds()
            is_unknown = intent.tag in self._was_unknown or waited > _PENDING_IS_UNKNOWN
            if is_unknown and known_at is not None:
                found[intent.tag] = max(0.0, (known_at - left_at).total_seconds())
        return found

    async def _watch_the_watcher(self) -> None:
        while True:
            began = time.monotonic()
            self.sights.append(await self._look())
            await asyncio.sleep(max(0.0, began + SIGHT_SECONDS - time.monotonic()))

    async def _look(self) -> Sight:
        asked_ns = time.time_ns()
        ports = [watcher.health_port for watcher in self._twin.watchers.each]
        return seen_by_any(asked_ns, await asyncio.gather(*(self._ask(port, asked_ns) for port in ports)))

    async def _ask(self, port: int, asked_ns: int) -> Sight:
        url = f"http://127.0.0.1:{port}/stops"
        try:
            async with asyncio.timeout(_ANSWER_SECONDS), self._http.get(url) as response:
                answer = await response.json()
        except (TimeoutError, aiohttp.ClientError):
            return Sight(asked_ns, None)
        guarded = frozenset(UUID(name) for name in answer["guarded"])
        return Sight(asked_ns, guarded, tuple(answer["reasons"]))

    async def _watch_the_ledger(self) -> None:
        while True:
            began = time.monotonic()
            self.note(await self._ledger.states(), datetime.now(UTC))
            await asyncio.sleep(max(0.0, began + LEDGER_SECONDS - time.monotonic()))

    def note(self, states: Mapping[str, str], now: datetime) -> None:
        """Take one reading of every order's state, by tag."""
        for tag, state in states.items():
            if state == "unknown":
                self._was_unknown.add(tag)
            if state in _UNSURE:
                self._unsure_at[tag] = now
                self._known_at.pop(tag, None)
            else:
                self._known_at.setdefault(tag, now)


def seen_by_any(asked_ns: int, sights: Sequence[Sight]) -> Sight:
    """What all of them together guard: those that nothing troubles, or else those that answered."""
    answered = [sight for sight in sights if sight.guarded is not None]
    if not answered:
        return Sight(asked_ns, None)
    counting = [sight for sight in answered if not sight.troubles] or answered
    guarded = frozenset[UUID]().union(*(sight.guarded for sight in counting if sight.guarded is not None))
    return Sight(asked_ns, guarded, tuple(trouble for sight in counting for trouble in sight.troubles))
