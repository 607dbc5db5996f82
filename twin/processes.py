"""Processes of the twin: each writes into its own log, is on record while it lives, and is stopped by its pid.

The record (`processes` in the state folder) holds pid and start time of every process. After a crash the
next start stops what is still alive of it; the start time tells a left-over from a stranger that has been
given the same pid since.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
STOP_SECONDS = 10.0
_START_TIME_TOLERANCE = 1.0


class TwinRunning(Exception):
    """Another twin uses the state folder."""


class ChildFailed(Exception):
    """A process of the twin ended on its own or did not become ready; the message says where its log is."""


class StateFolder:
    """Everything a running twin leaves on disk: logs, data, and the record of its processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.logs = path / "logs"
        self._record = path / "processes"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this twin alone. The lock dies with its holder, however that dies.

        Raises:
            TwinRunning: another twin holds it.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise TwinRunning(
                    f"another twin (process {lock.read().strip()}) uses {self.path}: stop it, or give --state FOLDER"
                ) from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            yield

    def note(self, pid: int, name: str) -> None:
        """Put a started process on record."""
        with contextlib.suppress(psutil.NoSuchProcess), self._record.open("a") as record:
            record.write(f"{pid} {psutil.Process(pid).create_time():.3f} {name}\n")

    def survivors(self) -> list[tuple[str, psutil.Process]]:
        """Name and process of everything on record that is still alive."""
        found: list[tuple[str, psutil.Process]] = []
        lines = self._record.read_text().splitlines() if self._record.exists() else []
        for line in lines:
            pid, started, name = line.split(" ", 2)
            with contextlib.suppress(psutil.NoSuchProcess):
                process = psutil.Process(int(pid))
                is_same = abs(process.create_time() - float(started)) < _START_TIME_TOLERANCE
                if is_same and process.status() != psutil.STATUS_ZOMBIE:
                    found.append((name, process))
        return found

    def stop_leftovers(self) -> list[str]:
        """Stop what an earlier run left alive; the names of what was found."""
        found = self.survivors()
        processes = [process for _, process in found]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
        for process in psutil.wait_procs(processes, timeout=STOP_SECONDS)[1]:
            process.kill()
        self._record.unlink(missing_ok=True)
        return [name for name, _ in found]


@dataclass(frozen=True, slots=True)
class Child:
    """One running process."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
            except TimeoutError:
                self.process.kill()
                await self.process.wait()

    def fault(self) -> ChildFailed:
        """How it ended, with the end of its log."""
        tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        return ChildFailed(f"{self.name} ended with status {self.process.returncode}; {self.log} ends with:\n{tail}")


async def start_module(
    state: StateFolder,
    name: str,
    module: str,
    *arguments: str,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
) -> Child:
    """Run `python -m module` from the repository, in a session of its own: Ctrl-C in the terminal reaches
    the twin, which then stops its processes in order."""
    log = state.logs / f"{name}.log"
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            cwd=REPOSITORY,
            env=base_environment() | dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=tuple(descriptors),
            start_new_session=True,
        )
    state.note(process.pid, name)
    return Child(name, process, log)


def base_environment() -> dict[str, str]:
    """What every process inherits: none of the developer's own AWS, Python or proxy settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return {**kept, "TZ": "UTC", "PYTHONUNBUFFERED": "1"}
