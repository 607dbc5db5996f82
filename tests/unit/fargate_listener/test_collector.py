"""When garbage is collected, and how much of it is looked at."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from weakref import proxy, ref

import pytest

from fargate_listener.collector import FEW, GROWTH_BYTES, MOST, MOST_ENTRIES, Collector, resident_bytes
from fargate_listener.durations import Durations

DAY = date(2026, 3, 2)
LOADED = ["disable", "unfreeze", "collect 2", "freeze"]
THOROUGH = ["unfreeze", "collect 2", "freeze"]


class Gone:
    """What a weak proxy stood for."""


@dataclass
class Rubbish:
    """Writes down what it is asked for."""

    new: int = 0
    entries: int = 0
    """Of the first new object."""
    others: Sequence[object] = ()
    """New beside those."""
    asked: list[str] = field(default_factory=list)

    def disable(self) -> None:
        self.asked.append("disable")

    def collect(self, generation: int = 2) -> int:
        self.asked.append(f"collect {generation}")
        return 0

    def freeze(self) -> None:
        self.asked.append("freeze")

    def unfreeze(self) -> None:
        self.asked.append("unfreeze")

    def get_objects(self, generation: int | None = None) -> Sequence[object]:
        assert generation == 0
        return [[None] * self.entries, *([] for _ in range(self.new - 1)), *self.others]


@dataclass
class Desk:
    """A collector in a world of its own."""

    rubbish: Rubbish = field(default_factory=Rubbish)
    durations: Durations = field(default_factory=Durations)
    now: float = 0.0
    day: date = DAY
    is_closed: bool = False
    memory: int = 1000

    def __post_init__(self) -> None:
        self.collector = Collector(
            durations=self.durations,
            monotonic=lambda: self.now,
            today=lambda: self.day,
            is_closed=lambda: self.is_closed,
            memory=lambda: self.memory,
            rubbish=self.rubbish,
        )

    def look(self, after: float = 0.05) -> list[str]:
        """What a look asks for."""
        self.now += after
        self.rubbish.asked.clear()
        self.collector.look()
        return self.rubbish.asked


@pytest.fixture
def desk() -> Desk:
    desk = Desk()
    desk.collector.begin()
    desk.collector.settle()
    return desk


def test_python_collects_no_more_by_itself_and_what_was_loaded_is_frozen(desk: Desk) -> None:
    assert desk.rubbish.asked == LOADED


def test_while_everything_is_being_loaded_much_is_frozen_unseen() -> None:
    desk = Desk(rubbish=Rubbish(new=10 * MOST))
    assert desk.look(after=100) == []

    desk.collector.begin()

    assert desk.look() == ["freeze"]


def test_few_new_objects_wait(desk: Desk) -> None:
    desk.rubbish.new = FEW - 1

    assert desk.look() == []


@pytest.mark.parametrize("new", [FEW, MOST])
def test_new_objects_are_looked_at_once_and_frozen(desk: Desk, new: int) -> None:
    desk.rubbish.new = new

    assert desk.look() == ["collect 0", "freeze"]


def test_more_new_objects_than_a_short_pause_allows_are_frozen_unseen(desk: Desk) -> None:
    desk.rubbish.new = MOST + 1

    assert desk.look() == ["freeze"]


def test_a_few_new_objects_of_which_one_is_large_are_frozen_unseen(desk: Desk) -> None:
    desk.rubbish.new, desk.rubbish.entries = FEW, MOST_ENTRIES
    assert desk.look() == ["collect 0", "freeze"]

    desk.rubbish.entries += 1
    assert desk.look() == ["freeze"]


def test_a_weak_proxy_of_what_is_gone_is_an_object_like_any_other(desk: Desk) -> None:
    gone = Gone()
    left = proxy(gone)
    del gone
    desk.rubbish.new, desk.rubbish.others = FEW, [left]

    assert desk.look() == ["collect 0", "freeze"]


def test_everything_is_collected_once_a_day_and_only_while_the_market_is_closed(desk: Desk) -> None:
    # Given the evening of the day on which it was loaded
    desk.is_closed = True
    assert desk.look(after=60) == []

    # When the next day's session comes, it waits for the end of it
    desk.day, desk.is_closed = DAY + timedelta(days=1), False
    assert desk.look(after=60) == []
    desk.is_closed = True
    assert desk.look(after=60) == THOROUGH

    assert desk.look(after=60) == []


def test_memory_beyond_its_bound_is_collected_also_in_the_session(desk: Desk) -> None:
    desk.memory = 1000 + GROWTH_BYTES
    assert desk.look(after=60) == []

    desk.memory += 1
    assert desk.look(after=60) == THOROUGH


def test_memory_that_is_needed_is_not_collected_for_again_and_again(desk: Desk) -> None:
    desk.memory = 1001 + GROWTH_BYTES
    desk.look(after=60)

    assert desk.look(after=60) == []


def test_pauses_are_measured(desk: Desk) -> None:
    desk.durations.gc_pauses.take()
    desk.rubbish.new = FEW

    desk.look()

    assert desk.durations.gc_pauses.take() == [0.0]


class Ring:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def real() -> Iterator[Collector]:
    is_enabled = gc.isenabled()
    yield Collector(durations=Durations(), monotonic=lambda: 0.0, today=lambda: DAY, is_closed=lambda: False)
    gc.unfreeze()
    if is_enabled:
        gc.enable()


def test_a_young_ring_goes_and_a_frozen_one_stays_until_the_thorough_collection(real: Collector) -> None:
    real.begin()
    real.settle()
    kept = Ring()
    others = [[] for _ in range(FEW)]  # type: ignore[var-annotated]
    real.look()
    frozen, young = ref(kept), ref(Ring())
    del kept
    others += [[] for _ in range(FEW)]

    real.look()
    assert young() is None
    assert frozen() is not None

    real.settle()
    assert frozen() is None


def test_the_system_says_how_much_memory_is_in_use() -> None:
    assert resident_bytes() > 1 << 20
