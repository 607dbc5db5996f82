"""Stops the twin's processes when the twin itself is killed and can stop nothing any more.

The guard is a small process that waits on a pipe whose other end only the twin holds: however the twin ends,
the pipe ends with it. Run as `python -m twin.guard STATE_FOLDER` with the pipe as standard input.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from twin.processes import REPOSITORY, StateFolder, TwinRunning, base_environment


@asynccontextmanager
async def guarded(state: StateFolder) -> AsyncIterator[None]:
    """Have the processes on record in `state` stopped if this process dies inside the block."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "twin.guard",
        str(state.path.resolve()),
        cwd=REPOSITORY,
        env=base_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        # In order here: nothing is left for the guard to do.
        process.kill()
        await process.wait()


def main(folder: Path) -> None:
    """Wait for the twin's end, then stop what it has left, unless the next twin is already doing so."""
    sys.stdin.buffer.read()
    state = StateFolder(folder)
    try:
        with state.locked():
            state.stop_leftovers()
    except TwinRunning:
        return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
