"""Hits that the queue did not take, kept for whoever comes next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from algotrading.adapters.redis_runtime import make_redis_client
from algotrading.contracts.messages import OrderCommand, OrderEvent
from fargate_listener.hit_commands import OwedHit, command_of, hit_again, owed_of
from fargate_listener.hit_sender import HitSender
from fargate_listener.owed_hits import RedisOwedHits
from fargate_listener.stop_guard import Hit
from tests.unit.fargate_listener.examples import DAY, armed, strategy_id
from tests.unit.fargate_listener.test_hit_sender import MONOTONIC, NOW, PATIENCE, Away, Moment, Picky, hit
from twin.servers import free_port


def owed(number: int) -> OwedHit:
    """What is kept of a hit that the queue did not take."""
    one = hit(number)
    return owed_of(one, command_of(one, now=NOW, tick_at=NOW))


class Notes:
    """Kept in memory, where every write can be counted."""

    def __init__(self) -> None:
        self.kept: dict[Any, OwedHit] = {}
        self.writes = 0

    def keep(self, owed: Iterable[OwedHit]) -> bool:
        self.writes += 1
        self.kept |= {(one.strategy_id, one.trading_day): one for one in owed}
        return True

    def forget(self, commands: Iterable[OrderCommand]) -> None:
        for command in commands:
            self.kept.pop((command.strategy_id, command.trading_day), None)

    def load(self) -> list[OwedHit] | None:
        return list(self.kept.values())


Start = Callable[..., HitSender]


@pytest.fixture
def start() -> Iterator[Start]:
    senders: list[HitSender] = []

    def start(queue: Any, owed: Any, threads: int = 1) -> HitSender:
        # The refused rest by the clock
        monotonic = time.monotonic if isinstance(queue, Picky) else lambda: MONOTONIC
        sender = HitSender(open_queue=lambda: queue, clock=Moment(), monotonic=monotonic, senders=threads, owed=owed)
        sender.start()
        senders.append(sender)
        return sender

    yield start
    for sender in senders:
        sender.stop()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_every_hit_that_waits_is_kept_once_and_until_the_queue_has_it(start: Start) -> None:
    queue, notes = Away(), Notes()
    sender = start(queue, notes)
    sender.put([hit(number) for number in range(35)])
    wait_for(lambda: len(notes.kept) == 35)
    writes = notes.writes
    for _ in range(5):
        sender.put([hit(number) for number in range(35)])
    wait_for(lambda: sender.undelivered == 35)

    assert notes.writes == writes
    assert {command.event for command in notes.kept.values()} == {OrderEvent.STOPLOSS}
    queue.is_away = False

    assert sender.flush(PATIENCE)
    wait_for(lambda: not notes.kept)


def test_where_the_queue_takes_hits_nothing_is_written(start: Start) -> None:
    queue, notes = Away(), Notes()
    queue.is_away = False
    sender = start(queue, notes)

    sender.put([hit(1)])

    assert sender.flush(PATIENCE)
    assert notes.writes == 0


def test_what_the_queue_refuses_is_kept_too(start: Start) -> None:
    queue, notes = Picky(1), Notes()
    sender = start(queue, notes)

    sender.put([hit(1), hit(2)])

    wait_for(lambda: list(notes.kept) == [(strategy_id(1), DAY)])
    queue.refused.clear()
    assert sender.flush(PATIENCE)
    wait_for(lambda: not notes.kept)


def test_what_another_process_owed_is_sent_where_it_still_holds_and_then_forgotten(start: Start) -> None:
    # Given hits of a process that is gone: of a stop that stands, of two that were moved, of one that is no more
    queue, notes = Away(), Notes()
    queue.is_away = False
    notes.keep(owed(number) for number in range(4))
    stops = {strategy_id(0): armed(0, "1500"), strategy_id(1): armed(1, "1400"), strategy_id(3): armed(3, "1600")}
    sender = start(queue, notes)

    loaded = sender.load_owed()
    assert loaded is not None
    over = sender.take_over(loaded, stops.get)
    sender.forget(over)

    assert sender.flush(PATIENCE)
    assert [command.strategy_id for command in queue.taken] == [strategy_id(0)]
    assert queue.taken[0].price == Decimal("1499.95")
    assert queue.taken[0].tick_at == NOW
    # Nobody here can say why nothing guards it: it goes when the day's are forgotten.
    wait_for(lambda: list(notes.kept) == [(strategy_id(2), DAY)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": None},
        {"price": Decimal("1e999999")},
        {"price": Decimal("-1e999999")},
        {"price": Decimal("1500.01")},
        {"stop_loss": Decimal("1499.97")},
        {"stop_loss": Decimal("1500.05")},
        {"tick_at": None},
        {"tick_at": datetime(2026, 3, 2)},
        {"event": OrderEvent.BUY},
        {"trading_day": DAY - timedelta(days=1)},
    ],
)
def test_what_tells_of_no_hit_of_the_present_stop_is_none(wrong: dict[str, Any]) -> None:
    command = owed(1)
    stop = armed(1, "1500")
    assert hit_again(command, stop, now=NOW, monotonic=7.0) == Hit(stop, 149_995, 7.0)

    assert hit_again(command.model_copy(update=wrong), stop, now=NOW, monotonic=7.0) is None


@pytest.mark.parametrize("tick_at", [datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)])
def test_a_moment_that_cannot_be_is_put_where_it_can(tick_at: datetime) -> None:
    command = owed(1).model_copy(update={"tick_at": tick_at})

    again = hit_again(command, armed(1, "1500"), now=NOW, monotonic=0.0)

    assert again is not None
    assert -864_000 <= again.received <= 0


def test_while_redis_is_away_nothing_is_kept_and_nobody_is_held_up() -> None:
    now = [0.0]
    store = RedisOwedHits(make_redis_client("127.0.0.1", free_port(), tls=False, decodes=False), lambda: now[0])

    assert not store.keep([owed(1)])
    store.forget([owed(1)])
    assert store.load() is None
    now[0] += 10
    assert store.load() is None
