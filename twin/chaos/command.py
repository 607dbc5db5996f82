"""Sessions of chaos one after the other, each on a twin of its own with the next seed."""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp

from twin.aws import AwsAccess
from twin.chaos.figures import Figures, measure
from twin.chaos.plan import EVIDENCE_SECONDS
from twin.chaos.poller import ForgetfulPoller
from twin.chaos.proxy import Network
from twin.chaos.session import CALM_SECONDS, ChaosSession
from twin.chaos.table import show, show_all
from twin.chaos.verdict import judge
from twin.command import cancel_at_interrupt
from twin.console import Narrator
from twin.event_sources import SqsClient
from twin.running import Deviations, Options
from twin.script import time_to_wait
from twin.supervisor import run_twin

WATCHER_RESTART_SECONDS = 10.0
"""ECS takes longer to replace a task, and in life two watchers run; one that is gone this long has been missed."""
_CONCURRENCY = {"executor": 28, "priority_executor": 10, "strategy": 4}
"""Every environment is a process that takes a second of a core to start."""
_WARM = {"executor": 20, "priority_executor": 4, "strategy": 2}
_LONGEST = timedelta(seconds=150 + CALM_SECONDS)


async def run_rounds(arguments: argparse.Namespace, narrator: Narrator) -> int:
    """The exit code: 0 when no session has a violation."""
    cancel_at_interrupt()
    everything: list[Figures] = []
    for number in range(arguments.rounds):
        everything.append(await _round(arguments, narrator, arguments.seed + number))
        await asyncio.to_thread(_write, arguments.report, everything)
    if len(everything) > 1:
        show_all(everything, narrator)
    narrator.say(f"written to {arguments.report}")
    return 1 if any(each.violations for each in everything) else 0


async def _round(arguments: argparse.Namespace, narrator: Narrator, seed: int) -> Figures:
    pause = time_to_wait(datetime.now(UTC), _LONGEST)
    if pause:
        narrator.say(f"times of day end at midnight and broker logins at 06:00: waiting {pause.total_seconds():.0f} s")
        await asyncio.sleep(pause.total_seconds())
    begun = time.monotonic()
    network, pollers = Network(), _Pollers()
    deviations = Deviations(
        lines=network,
        settings={"EVIDENCE_WINDOW_SECONDS": str(EVIDENCE_SECONDS)},
        concurrency=_CONCURRENCY,
        warm=_WARM,
        watcher_restart_seconds=WATCHER_RESTART_SECONDS,
        postgres_settings={"track_commit_timestamp": "on"},
        make_poller=pollers.make,
    )
    options = Options(state=arguments.state, watchers=arguments.watchers, deviations=deviations)
    narrator.say(f"seed {seed}: {arguments.strategies} strategies", style="bold")
    try:
        async with run_twin(options, narrator) as twin:
            session = ChaosSession(
                twin,
                narrator,
                seed=seed,
                strategies=arguments.strategies,
                with_faults=not arguments.no_faults,
                network=network,
                poller=pollers.made,
            )
            played = await session.play()
            figures = measure(
                played,
                judge(played.evidence),
                seed=seed,
                logs=twin.state.logs,
                seconds=time.monotonic() - begun,
            )
    finally:
        await network.stop()
    show(figures, narrator, str(_keep_logs(arguments.state, seed)))
    return figures


class _Pollers:
    """Makes the twin's poller and keeps hold of it."""

    def __init__(self) -> None:
        self._made: ForgetfulPoller | None = None

    def make(self, http: aiohttp.ClientSession, access: AwsAccess) -> SqsClient:
        """What polls the queues."""
        self._made = ForgetfulPoller(http, access)
        return self._made

    @property
    def made(self) -> ForgetfulPoller:
        """The one that was made."""
        assert self._made is not None
        return self._made


def _keep_logs(state: Path, seed: int) -> Path:
    """The next round empties the folder of logs. Those of the last round of a seed stay."""
    kept = state / f"logs-of-seed-{seed}"
    shutil.rmtree(kept, ignore_errors=True)
    (state / "logs").rename(kept)
    return kept


def _write(report: Path, everything: Sequence[Figures]) -> None:
    report.parent.mkdir(parents=True, exist_ok=True)
    document = {"sessions": [each.document() for each in everything]}
    report.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
