"""Our clock, held against others."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from struct import pack

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from fargate_listener.clock_check import ClockCheck
from fargate_listener.counters import Counters
from fargate_listener.durations import Durations
from fargate_listener.market_table import MarketTable
from fargate_listener.timekeeper import AHEAD_SECONDS
from tests.fakes.clock import VirtualClock
from tests.unit.fargate_listener.examples import INFY, frame

NOON = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)


class OtherClock(Redis):
    """A Redis whose clock is `ahead` of ours, and whose answer takes `trip` seconds; None: it is away."""

    def __init__(self, clock: VirtualClock) -> None:
        self.ours = clock
        self.ahead: float | None = 0.0
        self.trip = 0.0

    async def ping(self) -> bool:  # type: ignore[override]
        self._be_there()
        return True

    async def time(self) -> tuple[int, int]:  # type: ignore[override]
        ahead = self._be_there()
        self.ours.sleep(self.trip / 2)
        microseconds = round((self.ours.now().timestamp() + ahead) * 1e6)
        self.ours.sleep(self.trip / 2)
        return divmod(microseconds, 1_000_000)

    def _be_there(self) -> float:
        if self.ahead is None:
            raise RedisConnectionError
        return self.ahead


@dataclass
class Desk:
    """A check among clocks."""

    clock: VirtualClock = field(default_factory=lambda: VirtualClock(NOON))
    table: MarketTable = field(default_factory=MarketTable)
    durations: Durations = field(default_factory=Durations)
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        self.redis = OtherClock(self.clock)
        self.table.watch(INFY)
        self.check = ClockCheck(
            redis=self.redis,
            table=self.table,
            clock=self.clock,
            monotonic=lambda: self.clock.now().timestamp(),
            durations=self.durations,
            counters=self.counters,
        )

    def stamp(self, seconds: int) -> None:
        """A price arrives whose stamp is that much ahead of our clock, and is believed."""
        at = int(self.clock.now().timestamp()) + seconds
        self.table.tell_time(now=at, oldest_stamp=0, ahead=5)
        self._tick(at)

    def hear_stamp(self, seconds: int) -> None:
        """The same, where the table is told our clock's time."""
        now = int(self.clock.now().timestamp())
        self.table.tell_time(now=now, oldest_stamp=0, ahead=AHEAD_SECONDS)
        self._tick(now + seconds)

    def _tick(self, at: int) -> None:
        self.table.on_frames([frame([pack(">II", INFY, 100) + bytes(52) + pack(">I", at) + bytes(120)])])


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.mark.parametrize("ahead", [0.9, -0.9])
async def test_a_small_offset_is_measured_and_no_trouble(desk: Desk, ahead: float) -> None:
    desk.redis.ahead = ahead

    await desk.check.check()

    assert desk.durations.clock_offsets.take() == [pytest.approx(900, rel=0.001)]
    assert desk.counters.wrong_clocks == 0


@pytest.mark.parametrize(
    ("ahead", "said"),
    [(1.1, "our clock is 1.100 s behind that of Redis"), (-1.1, "our clock is 1.100 s ahead of that of Redis")],
)
async def test_more_than_a_second_is_trouble(
    desk: Desk, ahead: float, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    desk.redis.ahead = ahead

    await desk.check.check()

    assert desk.counters.wrong_clocks == 1
    assert caplog.messages == [said]


async def test_half_of_the_way_there_and_back_is_taken_off(desk: Desk) -> None:
    desk.redis.trip = 0.8

    await desk.check.check()

    [offset] = desk.durations.clock_offsets.take()
    assert offset < 0.01


async def test_a_slow_answer_that_leaves_it_open_is_no_trouble(desk: Desk) -> None:
    desk.redis.trip, desk.redis.ahead = 0.8, 1.3
    await desk.check.check()
    assert desk.counters.wrong_clocks == 0

    desk.redis.ahead = 1.5
    await desk.check.check()
    assert desk.counters.wrong_clocks == 1


async def test_an_absent_redis_says_nothing(desk: Desk) -> None:
    desk.redis.ahead = None

    await desk.check.check()

    assert desk.durations.clock_offsets.take() == []
    assert desk.counters.wrong_clocks == 0


@pytest.mark.parametrize(("ahead", "wrong"), [(3, 1), (2, 0), (-30, 0)])
async def test_stamps_of_the_exchange_from_the_future_mean_that_our_clock_is_behind(
    desk: Desk, ahead: int, wrong: int
) -> None:
    desk.stamp(ahead)

    await desk.check.check()

    assert desk.counters.wrong_clocks == wrong


async def test_a_clock_so_far_behind_that_no_stamp_is_believed_is_found_too(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    for expected in (1, 2):
        desk.hear_stamp(30)
        desk.table.take_counted()  # the metrics' doing
        await desk.check.check()
        assert desk.counters.wrong_clocks == expected

    await desk.check.check()  # and nothing more was heard
    assert desk.counters.wrong_clocks == 2
    assert caplog.messages == ["our clock is at least 5.000 s behind that of the exchange's stamps"] * 2


async def test_a_stamp_of_the_future_among_right_ones_is_garbage(desk: Desk) -> None:
    desk.hear_stamp(0)
    desk.hear_stamp(30)

    await desk.check.check()

    assert desk.counters.wrong_clocks == 0
