"""Processes and sessions that the monkey reaches for, each with the way to undo what was done to it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack

import psutil
import psycopg

from twin.aws import Endpoint
from twin.chaos.proxy import Network
from twin.lines import Part
from twin.running import Twin
from twin.servers import ServerAddress, start_valkey

PRODUCT = "algotrading"
"""The application name under which the product connects (adapters/postgres/database.py)."""


class Cache:
    """Redis, which can be killed and comes back empty, on another port: its lines are led there."""

    def __init__(self, twin: Twin, network: Network, stack: AsyncExitStack) -> None:
        self._twin = twin
        self._network = network
        self._stack = stack
        self._address: ServerAddress = twin.servers.valkey
        self._starts = 0
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int:
        """Of the present process, or of the one that was killed last."""
        return self._address.pid

    async def kill(self, down_seconds: float) -> None:
        """End it, and bring an empty one up after that time."""
        async with self._turn:
            os.kill(self._address.pid, signal.SIGKILL)
            try:
                await asyncio.sleep(down_seconds)
            finally:
                await asyncio.shield(self._restart())

    async def _restart(self) -> None:
        self._starts += 1
        home = self._twin.state.path / f"valkey-{self._starts}"
        server = start_valkey(home)
        self._address = await asyncio.to_thread(server.__enter__)
        self._stack.push_async_callback(asyncio.to_thread, server.__exit__, None, None, None)
        self._twin.state.note(self._address.pid, "valkey")
        self._network.lead_to(Part.CACHE, Endpoint(self._address.host, self._address.port))


class Paused:
    """Processes that were stopped with SIGSTOP: whatever happens, they go on in the end."""

    def __init__(self) -> None:
        self._stopped: set[int] = set()

    async def pause(self, pid: int, seconds: float, *, with_children: bool = False) -> None:
        """Stop a process for a while, with what it has started (PostgreSQL has a process for each session)."""
        pids = list(_family(pid)) if with_children else [pid]
        for each in pids:
            self._signal(each, signal.SIGSTOP)
            self._stopped.add(each)
        try:
            await asyncio.sleep(seconds)
        finally:
            self._continue(pids)

    def end(self) -> None:
        """Let everything go on."""
        self._continue(list(self._stopped))

    def _continue(self, pids: list[int]) -> None:
        for pid in pids:
            self._signal(pid, signal.SIGCONT)
            self._stopped.discard(pid)

    @staticmethod
    def _signal(pid: int, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _family(pid: int) -> Iterator[int]:
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        yield pid
        yield from (child.pid for child in parent.children(recursive=True))


async def end_sessions(administrator: str, share: float) -> int:
    """Terminate that share of the product's PostgreSQL sessions, the oldest first; how many there were."""
    async with await psycopg.AsyncConnection.connect(administrator, autocommit=True, connect_timeout=5) as connection:
        cursor = await connection.execute(_END, {"name": PRODUCT, "share": share})
        return len(await cursor.fetchall())


_END = """
    with sessions as (
        select pid, row_number() over (order by backend_start) as place, count(*) over () as number
        from pg_stat_activity where application_name = %(name)s
    )
    select pg_terminate_backend(pid) from sessions where place <= ceil(number * %(share)s)
"""
