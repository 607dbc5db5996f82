"""One run of the watcher's benchmark: a sender on one core, a client on the other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.watcher.found import Found
from benchmarks.watcher.peers import PEERS
from benchmarks.watcher.task import Task

OURS = "ours"
_PATIENCE = 120


class RunFailed(Exception):
    """A process of the benchmark ended without a result; the message is the last thing that it said."""


def run(engine: str, task: Task) -> Found:
    """The task by `ours` or one of the peers. Raises RunFailed."""
    cores = sorted(os.sched_getaffinity(0))
    sender_core, client_core = (cores[0], cores[1]) if len(cores) > 1 else (None, None)
    with _sender(replace(task, core=sender_core)) as port:
        mine = replace(task, port=port, core=client_core)
        module = ["benchmarks.watcher.ours"] if engine == OURS else ["benchmarks.watcher.peers", engine]
        assert engine == OURS or engine in PEERS
        done = subprocess.run(
            [sys.executable, "-m", *module],
            input=mine.dump() + "\n",
            capture_output=True,
            text=True,
            timeout=_PATIENCE + task.seconds,
            check=False,
        )
    if done.returncode != 0 or not done.stdout.strip():
        raise RunFailed(f"{engine}: {(done.stderr or done.stdout).strip()[-400:]}")
    return Found.load(done.stdout.strip().splitlines()[-1])


@contextmanager
def _sender(task: Task) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.watcher.sender"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(task.dump() + "\n")
        process.stdin.flush()
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
