"""The watchers' processes. Like ECS the twin replaces one when it ends on its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

from twin.console import Narrator
from twin.environment_file import write_environment
from twin.processes import Child, StateFolder, start_module
from twin.servers import free_port
from twin.synthesis import LIBRARY


class Watcher:
    """`python -m fargate_listener` with the environment of its container in the templates."""

    def __init__(
        self,
        state: StateFolder,
        environment: Mapping[str, str],
        narrator: Narrator,
        *,
        restart_seconds: float,
        name: str = "watcher",
    ) -> None:
        self.name = name
        self._state = state
        self._environment = environment
        self._narrator = narrator
        self._restart_seconds = restart_seconds
        self._keeper: asyncio.Task[None] | None = None
        self._child: Child | None = None
        self.health_port = 0
        self._left_behind = state.path / f"{name}.env"

    async def start(self) -> None:
        """Start it and keep it running."""
        self._child = await self._launch()
        self._keeper = asyncio.create_task(self._keep(self._child))

    async def stop(self) -> None:
        """Let it leave in good order."""
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        if self._child is not None:
            await self._child.stop()
        self._left_behind.unlink(missing_ok=True)

    @property
    def is_running(self) -> bool:
        """Whether there is a process now, seeing or about to."""
        return self._child is not None and self._child.process.returncode is None

    @property
    def pid(self) -> int:
        """Of the present process, or of the one that has just ended."""
        assert self._child is not None
        return self._child.pid

    def kill(self) -> bool:
        """End it as a lost host does; it is replaced. False when there was none to end."""
        assert self._child is not None
        if self._child.process.returncode is not None:
            return False
        self._child.process.kill()
        return True

    async def _keep(self, child: Child) -> None:
        while True:
            status = await child.process.wait()
            self._narrator.say(f"the {self.name} ended with status {status} and is replaced", style="yellow")
            await asyncio.sleep(self._restart_seconds)
            child = self._child = await self._launch()

    async def _launch(self) -> Child:
        self.health_port = free_port()
        environment = {**self._environment, "HEALTH_PORT": str(self.health_port), "PYTHONPATH": str(LIBRARY)}
        # For `make check-watcher`, which tries what this process is about to need.
        await asyncio.to_thread(write_environment, self._left_behind, environment)
        return await start_module(self._state, self.name, "fargate_listener", environment=environment)


class Watchers:
    """All of them, one for each zone: each sees everything, whatever becomes of the others."""

    def __init__(self, each: Sequence[Watcher]) -> None:
        self.each = tuple(each)
        self._turn = 0

    async def start(self) -> None:
        """Start them all."""
        for watcher in self.each:
            await watcher.start()

    async def stop(self) -> None:
        """Let them leave in good order."""
        await asyncio.gather(*(watcher.stop() for watcher in self.each))

    @property
    def next(self) -> Watcher:
        """Whose turn it is to be meant ill."""
        return self.each[self._turn % len(self.each)]

    def kill_one(self) -> bool:
        """End the next as a lost host does. False while another one is being replaced: one zone fails at a time."""
        victim = self.next
        if not all(watcher.is_running for watcher in self.each):
            return False
        self._turn += 1
        return victim.kill()
