"""One run: the market falls, the feed misbehaves, two watchers look, and the judge compares."""

from __future__ import annotations

import asyncio
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.chaos_feed.feed import STEP_SECONDS, Feed
from benchmarks.chaos_feed.judge import Judged, Seen, judge
from benchmarks.chaos_feed.market import Market
from benchmarks.chaos_feed.scenarios import KILLED, REST_SECONDS, SCENARIOS, STEADY, Scenario, total_seconds

EYES: Final = 2
_KILL_SECONDS: Final = 10.0
_START_SECONDS: Final = 60.0
CALM_SECONDS: Final = 12.0
"""After the last price: what is not seen by then is missed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run led to."""

    seed: int
    stops: int
    judged: list[Judged]
    false: list[Seen]
    dials: int
    quotes_answered: int
    quotes_refused: int
    kills: int

    @property
    def violations(self) -> int:
        """Missed, late and false ones."""
        return sum(each.violations for each in self.judged) + len(self.false)


@dataclass(slots=True)
class _Eye:
    """A watcher's process, replaced when it is killed."""

    name: str
    task: str
    log: Path
    seen: list[Seen]
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None

    async def live(self) -> None:
        """Start it again and again, and write down what it says."""
        while True:
            self.ready.clear()
            with self.log.open("a") as log:
                self.process = process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "benchmarks.chaos_feed.eye", self.task),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=log,
                )
            assert process.stdout is not None
            try:
                while line := await process.stdout.readline():
                    self._hear(json.loads(line))
            finally:
                if process.returncode is None:
                    process.kill()
                await process.wait()

    def kill(self) -> None:
        """As a lost machine does."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    def _hear(self, said: dict[str, float]) -> None:
        if "ready" in said:
            self.ready.set()
        else:
            self.seen.append(Seen(int(said["stop"]), said["at"], int(said["price"]), self.name))


async def run(
    seed: int,
    scenarios: Sequence[Scenario],
    *,
    folder: Path,
    progress: Callable[[str], None],
    is_careless: bool = False,
    calm_seconds: float = CALM_SECONDS,
) -> Outcome:
    """All `scenarios` in turn. Logs of the watchers go to `folder`, which exists. `is_careless`: the watchers do not
    look after their feed. `calm_seconds`: from the last price to the end.

    Raises:
        TimeoutError: the watchers do not start.
    """
    market = Market(seed, seconds=total_seconds(scenarios))
    feed, seen = Feed(market, seed), list[Seen]()
    await feed.serve()
    task = json.dumps({"url": feed.url, "api_url": feed.api_url, "seed": seed, "is_careless": is_careless})
    eyes = [_Eye(f"watcher {n + 1}", task, folder / f"watcher-{n + 1}.log", seen) for n in range(EYES)]
    for eye in eyes:
        eye.log.unlink(missing_ok=True)
    living = [asyncio.create_task(eye.live()) for eye in eyes]
    try:
        kills, ends = await _play(feed, eyes, scenarios, progress)
        await _end(feed, progress, calm_seconds)
    finally:
        for life in living:
            life.cancel()
        await asyncio.wait(living)
        await feed.close()
    judged, false = judge(list(market.crossed.values()), seen, _with_steady(scenarios), ends)
    return Outcome(seed, market.stops, judged, false, feed.dials, feed.quotes_answered, feed.quotes_refused, kills)


async def _until_ready(feed: Feed, eyes: Sequence[_Eye]) -> None:
    """Until every watcher sees everything, in a market that stands still."""
    async with asyncio.timeout(_START_SECONDS):
        while not all(eye.ready.is_set() for eye in eyes):
            feed.tell(feed.market.tokens[:1])
            await asyncio.sleep(STEP_SECONDS)


def _with_steady(scenarios: Sequence[Scenario]) -> list[Scenario]:
    """The end is steady, whatever was chosen."""
    return [next(each for each in SCENARIOS if each.name == STEADY), *(s for s in scenarios if s.name != STEADY)]


async def _play(
    feed: Feed, eyes: Sequence[_Eye], scenarios: Sequence[Scenario], progress: Callable[[str], None]
) -> tuple[int, dict[str, float]]:
    """The market's life. How many watchers were killed, and when each scenario was over; what is steady goes on."""
    total, ends = total_seconds(scenarios), {STEADY: math.inf}
    feed.begin(STEADY)
    progress(f"{len(eyes)} watchers start; {feed.market.stops} stops")
    await _until_ready(feed, eyes)
    began, kills, done = time.monotonic(), 0, 0.0
    for scenario in scenarios:
        progress(scenario.name)
        for name, seconds in ((scenario.name, scenario.seconds), (STEADY, REST_SECONDS)):
            feed.begin(name)
            until = time.monotonic() + seconds
            kill_at = time.monotonic() + 1
            while (now := time.monotonic()) < until:
                if name == KILLED and now >= kill_at and all(eye.ready.is_set() for eye in eyes):
                    eyes[kills % len(eyes)].kill()
                    kills, kill_at = kills + 1, now + _KILL_SECONDS
                done = (now - began) / total
                feed.tell(feed.market.step(min(done, 0.999), now, scenario.name))
                await asyncio.sleep(STEP_SECONDS)
            ends.setdefault(name, time.monotonic())
            if name == KILLED:
                await _until_ready(feed, eyes)
    return kills, ends


async def _end(feed: Feed, progress: Callable[[str], None], calm_seconds: float) -> None:
    """Every price falls to below its last stop, and nothing is wrong with the feed."""
    progress("the end: every stop is above the market")
    feed.begin(STEADY)
    feed.tell(feed.market.step(1.0, time.monotonic(), STEADY))
    calm = time.monotonic() + calm_seconds
    while time.monotonic() < calm:
        feed.tell(feed.market.tokens)
        await asyncio.sleep(STEP_SECONDS)
