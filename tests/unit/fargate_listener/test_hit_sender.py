"""Hits on their way into the queue."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from algotrading.contracts.messages import OrderCommand, OrderEvent
from fargate_listener.hit_sender import HANGING_SECONDS, HitSender
from fargate_listener.stop_guard import REPEAT_SECONDS, Hit
from tests.unit.fargate_listener.examples import DAY, OWNER, armed, strategy_id

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
MONOTONIC = 1000.0
PATIENCE = 10.0


class Moment:
    """A clock that stands still."""

    def now(self) -> datetime:
        return NOW

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing here waits by the clock")

    def sleep_until(self, instant: datetime) -> None:
        raise AssertionError("nothing here waits by the clock")


class Queue:
    """Takes commands, after failing as often as `failures` says; `open` lets the senders through."""

    def __init__(self, failures: Sequence[Exception | int] = ()) -> None:
        self.taken: list[OrderCommand] = []
        self.batches: list[int] = []
        self.arrived = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self._failures = list(failures)
        self._lock = threading.Lock()

    def probe(self) -> None:
        self.open.wait(PATIENCE)

    def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        self.open.wait(PATIENCE)
        with self._lock:
            self.batches.append(len(commands))
            failure = self._failures.pop(0) if self._failures else 0
            return self._fail(failure, commands)

    def _fail(self, failure: Exception | int, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        """An exception is raised; a number is how many of the batch are refused."""
        if isinstance(failure, Exception):
            raise failure
        taken = len(commands) - failure
        self.taken += commands[:taken]
        self.arrived.set()
        return commands[taken:]


class Away(Queue):
    """Away until further notice."""

    is_away = True

    def probe(self) -> None:
        if self.is_away:
            raise ConnectionError

    def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        if self.is_away:
            raise ConnectionError
        return super().send(commands)


@pytest.fixture
def sender_to() -> Iterator[Callable[..., HitSender]]:
    senders: list[HitSender] = []

    def start(queue: Queue, threads: int = 1, monotonic: Callable[[], float] = lambda: MONOTONIC) -> HitSender:
        sender = HitSender(open_queue=lambda: queue, clock=Moment(), monotonic=monotonic, senders=threads)
        sender.start()
        senders.append(sender)
        return sender

    yield start
    for sender in senders:
        sender.stop()


def hit(number: int) -> Hit:
    return Hit(armed(number, "1500"), wire_price=149_995, received=MONOTONIC - 0.25)


def large_hit(number: int, quantity: int) -> Hit:
    return Hit(armed(number, "1500", quantity=quantity), wire_price=149_995, received=MONOTONIC)


@pytest.fixture
def blocked() -> Iterator[Queue]:
    queue = Queue()
    queue.open.clear()
    yield queue
    queue.open.set()


def test_a_hit_becomes_a_stoploss_command(sender_to: Callable[..., HitSender]) -> None:
    queue = Queue()
    sender = sender_to(queue)

    sender.put([hit(1)])
    assert sender.flush(PATIENCE)

    assert queue.taken == [
        OrderCommand(
            strategy_id=strategy_id(1),
            user_id=OWNER,
            event=OrderEvent.STOPLOSS,
            trading_day=DAY,
            timestamp=int(NOW.timestamp() * 1000),
            tick_at=NOW - timedelta(seconds=0.25),
            price=Decimal("1499.95"),
            cause="watcher",
            deduplication_id=f"{strategy_id(1)}:2026-03-02:STOPLOSS:{int(NOW.timestamp() - 0.25) // 5}",
        )
    ]
    assert sender.take_report().latencies_ms == [250.0]
    assert sender.trouble is None


def test_hits_that_pile_up_leave_in_batches_of_ten(blocked: Queue, sender_to: Callable[..., HitSender]) -> None:
    # Given a queue that answers nobody yet
    sender = sender_to(blocked)
    for number in range(25):
        sender.put([hit(number)])
    assert sender.undelivered == 25

    blocked.open.set()
    assert sender.flush(PATIENCE)

    assert blocked.batches == [10, 10, 5]
    assert {command.strategy_id for command in blocked.taken} == {strategy_id(number) for number in range(25)}


def test_of_a_crash_what_is_most_at_risk_leaves_first(blocked: Queue, sender_to: Callable[..., HitSender]) -> None:
    # Given a storm in two reads, the larger positions in the middle of each
    sender = sender_to(blocked)
    sender.put([large_hit(number, quantity) for number, quantity in enumerate([5, 900, 7, 1])])
    sender.put([large_hit(number, quantity) for number, quantity in enumerate([3, 2, 1000, 4], start=4)])
    sender.put([large_hit(number, 6) for number in range(8, 16)])

    blocked.open.set()
    assert sender.flush(PATIENCE)

    assert blocked.batches == [10, 6]
    assert [command.strategy_id for command in blocked.taken[:3]] == [strategy_id(6), strategy_id(1), strategy_id(2)]
    assert {command.strategy_id for command in blocked.taken[10:]} == {strategy_id(n) for n in (0, 3, 4, 5, 7, 15)}


def test_a_storm_is_carried_by_every_thread(sender_to: Callable[..., HitSender]) -> None:
    # Given calls that all must be under way at once before any ends
    together = threading.Barrier(4, timeout=PATIENCE)

    class Waiting(Queue):
        def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
            together.wait()
            return super().send(commands)

    queue = Waiting()
    sender = sender_to(queue, threads=4)

    sender.put([hit(number) for number in range(40)])

    assert sender.flush(PATIENCE)
    assert queue.batches == [10] * 4


def test_while_a_hit_waits_its_repetitions_add_nothing(blocked: Queue, sender_to: Callable[..., HitSender]) -> None:
    sender = sender_to(blocked)
    first = hit(1)
    repetitions = [first._replace(received=first.received + turn * REPEAT_SECONDS) for turn in range(60)]
    sender.put([*repetitions[:2], hit(2)])
    for repetition in repetitions[2:]:
        sender.put([repetition])

    blocked.open.set()

    assert sender.flush(PATIENCE)
    assert [command.strategy_id for command in blocked.taken] == [strategy_id(1), strategy_id(2)]
    assert blocked.taken[0].tick_at == NOW - timedelta(seconds=0.25)


def test_during_an_outage_no_more_waits_than_there_are_stops(sender_to: Callable[..., HitSender]) -> None:
    # Given a queue that is away for a while, and stops that are reported again and again
    queue = Queue([ConnectionError()] * 6)
    sender = sender_to(queue)
    sender.put([hit(1)])
    for turn in range(1, 200):
        sender.put([hit(number)._replace(received=MONOTONIC + turn * REPEAT_SECONDS) for number in range(1, 4)])

    assert sender.flush(PATIENCE)

    # Then each is sent once more at most beside those that were on their way
    assert len(queue.taken) <= 3 + 3
    assert {command.strategy_id for command in queue.taken} == {strategy_id(number) for number in range(1, 4)}


def moved_hit(number: int, stop: str, wire_price: int, seconds_later: float) -> Hit:
    return Hit(armed(number, stop), wire_price, MONOTONIC + seconds_later)


@pytest.mark.parametrize("in_time", [True, False])
def test_the_hit_of_a_stop_that_was_moved_takes_the_place_of_the_older_one(
    blocked: Queue, sender_to: Callable[..., HitSender], in_time: bool
) -> None:
    sender = sender_to(blocked)
    hits = [moved_hit(1, "1500", 149_900, 0), moved_hit(1, "1450", 144_900, 60), moved_hit(1, "1450", 144_000, 65)]
    # However the threads took them over
    for one in hits if in_time else (hits[1], hits[0], hits[2]):
        sender.put([one])

    blocked.open.set()

    assert sender.flush(PATIENCE)
    assert [command.price for command in blocked.taken] == [Decimal(1449)]


def test_a_hit_that_is_being_tried_gives_way_to_the_one_of_the_moved_stop(sender_to: Callable[..., HitSender]) -> None:
    # Given a queue that is away while 1499 reaches a stop of 1500, which its owner lowers, and 1449 reaches that
    queue = Away()
    sender = sender_to(queue)
    sender.put([moved_hit(1, "1500", 149_900, 0)])
    _wait_for(lambda: sender.take_report().failures > 0)
    sender.put([moved_hit(1, "1450", 144_900, 60)])
    _wait_for(lambda: sender.undelivered == 1)

    queue.is_away = False

    assert sender.flush(PATIENCE)
    assert [command.price for command in queue.taken] == [Decimal(1449)]


def test_a_hit_of_a_moved_stop_takes_the_place_of_a_refused_one(sender_to: Callable[..., HitSender]) -> None:
    queue = Picky(1)
    sender = sender_to(queue, monotonic=time.monotonic)
    sender.put([moved_hit(1, "1500", 149_900, 0)])
    _wait_for(lambda: sender.refused == 1)
    sender.put([moved_hit(1, "1450", 144_900, 60)])
    _wait_for(lambda: sender.undelivered == 1)

    queue.refused.clear()

    assert sender.flush(PATIENCE)
    assert [command.price for command in queue.taken] == [Decimal(1449)]


@pytest.mark.parametrize("step", ["_command", "_deliver", "_take_most_at_risk", "_wait", "_sort_in_all"])
def test_a_fault_of_our_own_ends_no_thread_and_loses_no_hit(
    sender_to: Callable[..., HitSender], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    queue, is_broken = Queue(), threading.Event()
    step_of_old = getattr(HitSender, step)

    def broken(self: HitSender, *arguments: Any) -> Any:
        if is_broken.is_set():
            raise ZeroDivisionError
        return step_of_old(self, *arguments)

    monkeypatch.setattr(HitSender, step, broken)
    sender = sender_to(queue, threads=4)
    _wait_for(lambda: sender.trouble is None)
    is_broken.set()
    sender.put([hit(number) for number in range(10)])
    if step != "_wait":
        _wait_for(lambda: sender.trouble is not None)
        assert sender.undelivered == 10
        assert sender.trouble is not None

    is_broken.clear()

    assert sender.flush(PATIENCE)
    assert {command.strategy_id for command in queue.taken} == {strategy_id(number) for number in range(10)}
    assert sender.ended == 0


def test_a_thread_that_has_ended_is_trouble(
    sender_to: Callable[..., HitSender], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HitSender, "_work", lambda _self: None)
    sender = sender_to(Queue(), threads=4)
    _wait_for(lambda: sender.ended == 4)

    assert sender.trouble == "4 of 4 threads have ended"
    sender.stop()
    assert sender.ended == 0


def test_a_call_that_does_not_end_is_trouble(blocked: Queue, sender_to: Callable[..., HitSender]) -> None:
    now = [MONOTONIC]
    blocked.open.set()
    sender = sender_to(blocked, monotonic=lambda: now[0])
    _wait_for(lambda: sender.trouble is None)
    assert sender.trouble is None

    blocked.open.clear()
    sender.put([hit(1)])
    _wait_for(lambda: bool(sender._begun))
    assert sender.trouble is None
    now[0] += HANGING_SECONDS + 1

    assert sender.trouble == "a call does not end"
    blocked.open.set()
    assert sender.flush(PATIENCE)
    # The queue's answer counts before the call that brought it is over.
    _wait_for(lambda: sender.trouble is None)
    assert sender.trouble is None


def test_that_the_queue_is_back_is_known_within_seconds(sender_to: Callable[..., HitSender]) -> None:
    # Given a probe that failed, and no hits
    queue = Away()
    sender = sender_to(queue, monotonic=time.monotonic)
    _wait_for(lambda: sender.trouble == "ConnectionError")
    queue.is_away = False

    begun = time.monotonic()
    _wait_for(lambda: sender.trouble is None)

    assert time.monotonic() - begun < 3.0


def test_the_next_turn_has_another_identity(sender_to: Callable[..., HitSender]) -> None:
    queue = Queue()
    sender = sender_to(queue)
    sender.put([hit(1)])
    assert sender.flush(PATIENCE)
    sender.put([hit(1)._replace(received=MONOTONIC - 0.25 + REPEAT_SECONDS)])
    assert sender.flush(PATIENCE)

    assert len({command.deduplication_id for command in queue.taken}) == 2


def test_hits_of_two_days_are_two(blocked: Queue, sender_to: Callable[..., HitSender]) -> None:
    # Given a position of yesterday and one of today, of one strategy, whose hits wait together
    today = hit(1)
    yesterday = today._replace(stop=armed(1, "1500", trading_day=DAY - timedelta(days=1)))
    sender = sender_to(blocked)
    sender.put([today, yesterday])

    blocked.open.set()

    assert sender.flush(PATIENCE)
    assert {command.trading_day for command in blocked.taken} == {DAY, DAY - timedelta(days=1)}
    assert len({command.deduplication_id for command in blocked.taken}) == 2


def test_during_an_outage_repetitions_do_not_pile_up(sender_to: Callable[..., HitSender]) -> None:
    # Given a queue that is away until further notice, and a stop that is reported again and again
    queue = Away()
    sender = sender_to(queue)
    sender.put([hit(1)])
    _wait_for(lambda: sender.take_report().failures > 0)
    for turn in range(1, 1000):
        sender.put([hit(1)._replace(received=MONOTONIC + turn * REPEAT_SECONDS)])

    # Then, while nothing can be sent, the one that is being tried and the next are all that is owed
    _wait_for(lambda: sender.undelivered <= 2)
    owed = sender.undelivered
    queue.is_away = False

    assert owed <= 2
    assert sender.flush(PATIENCE)


def test_a_failing_queue_is_asked_again_until_it_takes_the_hit(sender_to: Callable[..., HitSender]) -> None:
    queue = Queue([ConnectionError(), TimeoutError(), ConnectionError()])
    sender = sender_to(queue)

    sender.put([hit(1)])
    assert sender.flush(PATIENCE)

    assert [command.strategy_id for command in queue.taken] == [strategy_id(1)]
    assert sender.take_report().failures == 3


def test_of_a_batch_only_the_refused_are_sent_again(blocked: Queue, sender_to: Callable[..., HitSender]) -> None:
    blocked._failures = [2]
    sender = sender_to(blocked, monotonic=time.monotonic)
    for number in range(5):
        sender.put([hit(number)])

    blocked.open.set()
    assert sender.flush(PATIENCE)

    assert blocked.batches == [5, 2]
    assert len(blocked.taken) == 5
    assert sender.take_report().failures == 2


class Picky(Queue):
    """Refuses the hits of some strategies, each message for itself, until further notice."""

    def __init__(self, *refused: int) -> None:
        super().__init__()
        self.refused = {strategy_id(number) for number in refused}
        self.asked_for_refused = 0

    def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
        refused = [command for command in commands if command.strategy_id in self.refused]
        with self._lock:
            self.asked_for_refused += bool(refused)
            self.taken += [command for command in commands if command not in refused]
        return refused


@pytest.mark.parametrize("threads", [1, 4])
def test_messages_that_the_queue_refuses_for_good_hold_up_no_others(
    sender_to: Callable[..., HitSender], threads: int
) -> None:
    # Given a queue that takes all hits but four, each in another batch and the most at risk there
    queue = Picky(9, 29, 49, 69)
    sender = sender_to(queue, threads=threads, monotonic=time.monotonic)

    sender.put([large_hit(number, 1000 - number if number % 20 == 9 else 100 - number) for number in range(100)])

    # Then the others are there at once, in their order, and the four are still owed, told of and tried again
    _wait_for(lambda: sender.undelivered == 4)
    others = [strategy_id(number) for number in range(100) if number not in {9, 29, 49, 69}]
    assert sorted(command.strategy_id for command in queue.taken) == sorted(others)
    if threads == 1:
        # 89 has more at risk than the rest
        assert [command.strategy_id for command in queue.taken] == sorted(
            others, key=lambda each: (each != strategy_id(89), each)
        )
    assert sender.undelivered == sender.refused == 4
    assert not sender.flush(0.01)
    before = queue.asked_for_refused
    _wait_for(lambda: queue.asked_for_refused > before)
    assert sender.take_report().failures >= 8

    # And what is refused no longer arrives by itself
    queue.refused.clear()
    assert sender.flush(PATIENCE)
    assert len(queue.taken) == 100
    assert sender.refused == 0


def test_what_is_refused_is_asked_for_ever_more_seldom(sender_to: Callable[..., HitSender]) -> None:
    queue = Picky(1)
    sender = sender_to(queue, threads=4, monotonic=time.monotonic)

    sender.put([hit(1)])
    time.sleep(1.0)

    # 0, 50, 150, 350 and 750 ms
    assert 3 <= queue.asked_for_refused <= 5


def test_repetitions_of_a_refused_hit_add_nothing(sender_to: Callable[..., HitSender]) -> None:
    queue = Picky(1)
    sender = sender_to(queue, monotonic=time.monotonic)

    for turn in range(50):
        sender.put([hit(1)._replace(received=MONOTONIC + turn * REPEAT_SECONDS)])

    _wait_for(lambda: sender.undelivered == 1)
    queue.refused.clear()
    assert sender.flush(PATIENCE)
    assert len(queue.taken) == 1


def test_every_hit_is_in_the_log_a_line_a_batch(
    sender_to: Callable[..., HitSender], blocked: Queue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "fargate_listener.hit_sender")
    sender = sender_to(blocked)
    sender.put([hit(number) for number in range(1000)])
    blocked.open.set()
    assert sender.flush(PATIENCE)
    _wait_for(lambda: len(_told(caplog)) == 100)

    told = _told(caplog)
    assert len(told) == 100
    assert {each["strategy_id"] for line in told for each in line} == {str(strategy_id(n)) for n in range(1000)}
    assert told[0][0] == {
        "strategy_id": str(strategy_id(0)),
        "instrument": "NSE:INFY",
        "kind": "STOPLOSS",
        "stop_loss": "1500",
        "price": "1499.95",
        "received_at": (NOW - timedelta(seconds=0.25)).isoformat(),
    }


def _told(caplog: pytest.LogCaptureFixture) -> list[list[dict[str, str]]]:
    """What each line about hits in the queue says."""
    return [vars(line)["hits"] for line in list(caplog.records) if line.message == "stop-loss hits are in the queue"]


def test_undelivered_hits_are_trouble(blocked: Queue, sender_to: Callable[..., HitSender]) -> None:
    sender = sender_to(blocked)

    sender.put([hit(1)])

    assert sender.trouble == "the queue was not reached yet"
    assert sender.undelivered == 1
    assert not sender.flush(0.01)


def test_a_hanging_call_holds_up_nobody_else(sender_to: Callable[..., HitSender]) -> None:
    # Given two senders, and a queue whose first call hangs
    first = threading.Event()
    released = threading.Event()

    class Hanging(Queue):
        def send(self, commands: Sequence[OrderCommand]) -> Sequence[OrderCommand]:
            if not first.is_set():
                first.set()
                released.wait(PATIENCE)
            return super().send(commands)

    queue = Hanging()
    sender = sender_to(queue, threads=2)
    sender.put([hit(1)])
    assert first.wait(PATIENCE)

    # When another hit comes
    sender.put([hit(2)])

    # Then it does not wait for the first
    assert queue.arrived.wait(PATIENCE)
    assert [command.strategy_id for command in queue.taken] == [strategy_id(2)]
    released.set()
    assert sender.flush(PATIENCE)


def _wait_for(condition: Callable[[], bool]) -> None:
    """Until it holds, or patience is over."""
    deadline = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_pauses_stay_short_however_long_the_queue_is_away(
    sender_to: Callable[..., HitSender], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an outage of an hour
    pauses: list[float] = []
    monkeypatch.setattr("fargate_listener.hit_sender.time.sleep", pauses.append)
    outage = 2_000
    queue = Queue(failures=[ConnectionError("away")] * outage)
    sender = sender_to(queue)

    sender.put([hit(1)])

    assert sender.flush(PATIENCE)
    assert len(pauses) == outage
    assert max(pauses) <= 2.0
    assert queue.taken[0].tick_at == NOW - timedelta(seconds=0.25)


def test_senders_that_are_told_to_end_while_much_is_waiting_all_end_after_it(blocked: Queue) -> None:
    sender = HitSender(open_queue=lambda: blocked, clock=Moment(), monotonic=lambda: MONOTONIC, senders=3)
    sender.start()
    sender.put([hit(number) for number in range(200)])
    sender.stop()

    blocked.open.set()

    assert sender.flush(PATIENCE)
    assert len({command.strategy_id for command in blocked.taken}) == 200
    _wait_for(lambda: not any(thread.is_alive() for thread in sender._threads))
    assert not any(thread.is_alive() for thread in sender._threads)
