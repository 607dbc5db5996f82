"""One simulated day: a seed in, what happened out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time
from random import Random

from algotrading.domain.sessions import instant_of
from tests.fakes.examples import TRADING_DAY
from tests.simulation.faults import Weather
from tests.simulation.invariants import Violation
from tests.simulation.kernel import Kernel
from tests.simulation.secrets import listening
from tests.simulation.workload import MINUTE, Shape, Workload, first_prices, make_shape, start_of
from tests.simulation.world import World

_LISTENED = 20
"""On every so manieth day the logs are read: writing them takes longer than the day."""

_RESTFUL_MINUTES = 2


@dataclass(slots=True)
class Found:
    """What days led to, added up."""

    days: int = 0
    strategy_days: int = 0
    orders: int = 0
    steps: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    truth_found: list[float] = field(default_factory=list)
    """Seconds from a lost answer (or its sender's death) until the ledger knew that the broker has the order."""
    truth_absent: list[float] = field(default_factory=list)
    """The same until it was proven that the broker never had it."""
    violations: list[tuple[int, Violation]] = field(default_factory=list)
    """With their seeds."""

    def add(self, other: Found) -> None:
        """Take another's sums over."""
        self.days += other.days
        self.strategy_days += other.strategy_days
        self.orders += other.orders
        self.steps += other.steps
        self.faults += other.faults
        self.truth_found += other.truth_found
        self.truth_absent += other.truth_absent
        self.violations += other.violations


def simulate_day(
    seed: int, trace: Callable[[str], None] | None = None, *, rates: Mapping[str, float] | None = None
) -> Found:
    """Run the day of `seed` to its rest, and check that everything is as it should be. `trace` hears every port call,
    fault and log record. `rates` are the weather instead of the seed's own."""
    setting = Random(f"day {seed}")
    shape = make_shape(setting)
    kernel = Kernel(seed, start_of(instant_of(TRADING_DAY, time(9, 15)), shape, setting))
    kernel.trace = trace
    weather = Weather(kernel.random, rates)
    world = World(kernel, weather, symbols=first_prices(shape, setting), concurrency=shape.concurrency)
    workload = Workload(world, shape)

    def hear(text: str) -> None:
        kernel.say(f"log: {text}")
        world.check_secrets(text, "the log")

    with listening(hear if trace is not None or seed % _LISTENED == 0 else None):
        workload.begin()
        kernel.run(shape.faults_end * MINUTE)
        workload.calm_down()
        _come_to_rest(kernel, world, shape)
        if shape.closes is not None:
            workload.next_morning()
        world.inspector.check_rest(TRADING_DAY)
        if seed % _LISTENED == 0:
            world.check_stored_secrets()
    kernel.close()
    inspector = world.inspector
    return Found(
        days=1,
        strategy_days=len(world.database.cycles),
        orders=inspector.orders,
        steps=kernel.steps,
        faults=weather.counts,
        truth_found=inspector.truth_found,
        truth_absent=inspector.truth_absent,
        violations=[(seed, violation) for violation in inspector.violations],
    )


def _come_to_rest(kernel: Kernel, world: World, shape: Shape) -> None:
    """Until nothing has been left to happen for two minutes, or the day's end."""
    restful = 0
    for minute in range(shape.faults_end + 1, shape.ends + 1):
        kernel.run(minute * MINUTE)
        restful = restful + 1 if world.is_at_rest() else 0
        if restful > _RESTFUL_MINUTES and shape.closes is None:
            return


def simulate_days(seeds: range) -> Found:
    """The days of several seeds."""
    found = Found()
    for seed in seeds:
        found.add(simulate_day(seed))
    return found
