"""What keeps a message from other workers while its own one lives, and no longer."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from algotrading.contracts.messages import OrderCommand
from algotrading.domain.errors import RedisDown
from algotrading.entrypoints.hold import HOLD_SECONDS, RENEWAL_SECONDS, RenewedHold
from algotrading.entrypoints.queue import serve
from tests.unit.entrypoints.test_queue import record

QUEUE = "arn:aws:sqs:ap-south-1:000000000000:orders.fifo"
LONG = 60.0


@dataclass
class Renewed:
    """Counts what SQS would be asked; `at` tells whoever waits for the number of calls that it knows."""

    faults: list[Exception] = field(default_factory=list)
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def delay(self, source_arn: str, receipt_handle: str, seconds: int) -> None:
        with self.changed:
            self.calls.append((source_arn, receipt_handle, seconds))
            self.changed.notify_all()
        if self.faults:
            raise self.faults.pop(0)

    def wait_for(self, calls: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.calls) >= calls, timeout=10)


def holders() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "hold"]


def test_the_time_out_is_shortened_at_once_and_not_only_at_the_first_renewal() -> None:
    renewed = Renewed()

    with RenewedHold(renewed, renewal_seconds=LONG)(QUEUE, "handle"):
        renewed.wait_for(1)

    assert renewed.calls == [(QUEUE, "handle", HOLD_SECONDS)]


def test_it_is_renewed_as_long_as_the_work_lasts() -> None:
    renewed = Renewed()

    with RenewedHold(renewed, renewal_seconds=0.001)(QUEUE, "handle"):
        renewed.wait_for(5)

    assert set(renewed.calls) == {(QUEUE, "handle", HOLD_SECONDS)}


def test_nothing_is_renewed_once_the_work_is_done() -> None:
    renewed = Renewed()

    with RenewedHold(renewed, renewal_seconds=0.001)(QUEUE, "handle"):
        renewed.wait_for(2)

    assert holders() == []


def test_nothing_is_renewed_once_the_work_has_failed() -> None:
    def fail() -> None:
        with RenewedHold(Renewed(), renewal_seconds=LONG)(QUEUE, "handle"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert holders() == []


def test_a_renewal_under_way_is_waited_for() -> None:
    """Else it would reach SQS after what the handler answers."""
    entered, may_go = threading.Event(), threading.Event()
    ended: list[str] = []

    class Slow:
        def delay(self, *_: Any) -> None:
            entered.set()
            may_go.wait(10)
            ended.append("renewal")

    def work() -> None:
        with RenewedHold(Slow(), renewal_seconds=LONG)(QUEUE, "handle"):
            entered.wait(10)
        ended.append("handler")

    worker = threading.Thread(target=work)
    worker.start()
    entered.wait(10)
    may_go.set()
    worker.join(10)

    assert ended == ["renewal", "handler"]


def test_a_renewal_that_fails_is_told_and_the_next_one_tries_again(caplog: pytest.LogCaptureFixture) -> None:
    renewed = Renewed(faults=[TimeoutError("no answer"), ValueError("the receipt is not known")])

    with (
        caplog.at_level(logging.WARNING),
        RenewedHold(renewed, renewal_seconds=0.001)(QUEUE, "handle"),
    ):
        renewed.wait_for(3)

    assert [each.message for each in caplog.records] == [
        "the message could not be held: TimeoutError: no answer",
        "the message could not be held: ValueError: the receipt is not known",
    ]


def test_what_is_told_to_the_queue_after_a_fault_comes_after_the_last_renewal() -> None:
    renewed = Renewed()

    def fail(_command: OrderCommand) -> None:
        renewed.wait_for(3)
        raise RedisDown("away")

    serve({"Records": [record()]}, fail, renewed, RenewedHold(renewed, renewal_seconds=0.001))

    assert renewed.calls[-1][2] == 1
    assert {seconds for _, _, seconds in renewed.calls[:-1]} == {HOLD_SECONDS}


def test_two_renewals_in_a_row_may_be_lost() -> None:
    assert HOLD_SECONDS >= 3 * RENEWAL_SECONDS


def test_a_dead_workers_strategy_waits_for_less_than_half_a_minute() -> None:
    assert HOLD_SECONDS < 30
