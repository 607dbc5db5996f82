"""The parts of AWS that call the functions: SQS pollers, EventBridge Scheduler, the minute's rule."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from algotrading.contracts.messages import OrderCommand
from algotrading.domain.errors import AlgotradingError
from algotrading.domain.sessions import IST
from algotrading.entrypoints.hold import HOLD_SECONDS, RENEWAL_SECONDS
from algotrading.entrypoints.queue import Redelivery, serve
from algotrading.ports import Lane
from algotrading.services.trigger import Trigger
from cdk.functions import EXECUTOR_TIMEOUT, FUNCTIONS, PRIORITY_TIMEOUT
from tests.fakes.cloud import MemorySchedules
from tests.fakes.queue import MemoryQueue, QueuedMessage
from tests.simulation.faults import SECOND, CloudFault, Weather
from tests.simulation.invariants import Inspector
from tests.simulation.kernel import Crashed, Kernel, TrueClock, Worker

_MINUTE = 60 * SECOND
_DELIVERED = (0.005, 0.15)
"""Seconds from a message's arrival to its function's start."""
_SOONEST_STEP = 0.01
_BESIDE = (0.0, 2.0)
"""Seconds after which a second run of converge begins, of which most last less than one."""


class SimulatedQueue(MemoryQueue):
    """The two lanes; tells the pollers what may be received when."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__(TrueClock(kernel))
        self._kernel = kernel
        self.pollers: dict[Lane, Poller] = {}

    def send(self, command: OrderCommand, lane: Lane) -> None:
        """See ports.OrderQueue."""
        super().send(command, lane)
        self.pollers[lane].look_in(0)

    def has_visible(self, lane: Lane) -> bool:
        """Whether any message could be received now."""
        now = self._kernel.now()
        return any(message.visible_at <= now for message in self._queues[lane].waiting)

    def receive_out_of_turn(self, lane: Lane, visibility: float) -> QueuedMessage | None:
        """A visible message before its turn: what a FIFO queue promises never to do, and nothing may rest on. None
        where there is none but the one whose turn it is."""
        now, blocked, turn = self._kernel.now(), set[str](), None
        others = []
        for message in self._queues[lane].waiting:
            is_visible = message.visible_at <= now
            if is_visible and turn is None and message.group not in blocked:
                turn = message
            elif is_visible:
                others.append(message)
            blocked.add(message.group)
        if not others:
            return None
        message = others[self._kernel.random.randrange(len(others))]
        message.receives += 1
        message.visible_at = now + timedelta(seconds=visibility)
        return message

    def remove(self, lane: Lane, message: QueuedMessage) -> None:
        """The message was handled; no error when it is gone already."""
        if message in self._queues[lane].waiting:
            self.delete(lane, message)

    def find(self, lane: Lane, number: int) -> QueuedMessage | None:
        """By its receipt."""
        return next((message for message in self._queues[lane].waiting if message.number == number), None)

    def waiting(self, lane: Lane) -> int:
        """How many are not handled yet."""
        return len(self._queues[lane].waiting)


class SimulatedRedelivery:
    """entrypoints.queue.Redelivery of the simulated lanes."""

    def __init__(self, kernel: Kernel, queue: SimulatedQueue) -> None:
        self._kernel = kernel
        self._queue = queue

    def delay(self, source_arn: str, receipt_handle: str, seconds: int) -> None:
        """See entrypoints.queue.Redelivery."""
        lane = Lane(source_arn)
        message = self._queue.find(lane, int(receipt_handle))
        if message is not None:
            self._queue.hide(message, seconds)
            self._queue.pollers[lane].look_in(seconds * SECOND)


@dataclass(frozen=True, slots=True)
class LaneRules:
    """What cdk/stacks/trading.py gives a lane: `timeout` of its function and `visibility` of its queue, seconds, and
    after how many deliveries a message goes to the dead-letter queue; and whether its handler holds its message."""

    timeout: int
    visibility: int
    most_receives: int
    is_held: bool


RULES: Mapping[Lane, LaneRules] = {
    Lane.NORMAL: LaneRules(EXECUTOR_TIMEOUT, EXECUTOR_TIMEOUT + 10, 10, is_held=True),
    Lane.PRIORITY: LaneRules(PRIORITY_TIMEOUT, PRIORITY_TIMEOUT + 5, 20, is_held=False),
}


class SimulatedHold:
    """entrypoints.queue.Hold without a thread: renewals are events between the workers' steps. They cease when the
    worker's process does, and when somebody else has the message: SQS knows only the receipt given last. A process
    that stands still renews nothing meanwhile."""

    def __init__(self, kernel: Kernel, queue: SimulatedQueue, lane: Lane, message: QueuedMessage) -> None:
        self._kernel = kernel
        self._queue = queue
        self._lane = lane
        self._message = message
        self._receipt = message.receives

    @contextmanager
    def __call__(self, source_arn: str, receipt_handle: str) -> Iterator[None]:
        """See entrypoints.queue.Hold."""
        worker, is_over = self._kernel.current, False
        assert worker is not None

        def renew() -> None:
            if is_over or worker.dead or self._message.receives != self._receipt:
                return
            if worker.stands_until > self._kernel.micros:
                self._kernel.at(worker.stands_until, renew)
                return
            self._queue.hide(self._message, HOLD_SECONDS)
            self._queue.pollers[self._lane].look_in(HOLD_SECONDS * SECOND)
            self._kernel.after(RENEWAL_SECONDS * SECOND, renew)

        renew()
        try:
            yield
        finally:
            is_over = True


class Poller:
    """A lane's event source and its function: one message per invocation, up to `concurrency` side by side."""

    def __init__(
        self,
        kernel: Kernel,
        weather: Weather,
        queue: SimulatedQueue,
        lane: Lane,
        *,
        concurrency: int,
        handle: Callable[[OrderCommand], object],
        redelivery: Redelivery,
        inspector: Inspector,
    ) -> None:
        self._kernel = kernel
        self._weather = weather
        self._queue = queue
        self._lane = lane
        self._rules = RULES[lane]
        self._concurrency = concurrency
        self._handle = handle
        self._redelivery = redelivery
        self._inspector = inspector
        self.running = 0
        self._early: dict[QueuedMessage, Worker] = {}
        """Who works on a message that is to be visible too early."""

    def look_in(self, micros: int) -> None:
        """Something may be received then."""
        self._kernel.after(micros + self._weather.duration(_DELIVERED), self._pump)

    def _pump(self) -> None:
        while self.running < self._concurrency:
            if not self._queue.has_visible(self._lane):
                return  # no fault befalls a message that is not there
            visibility = float(self._rules.visibility)
            message = self._receive(visibility)
            if message is None:
                return
            is_early = self._weather.is_drawn("sqs.visible_too_early")
            if is_early:
                # Of a message that is held: its renewals fail, or its worker stands still.
                longest = HOLD_SECONDS if self._rules.is_held else visibility
                visibility = self._weather.duration((0.0, longest)) / SECOND
                self._queue.hide(message, visibility)
            self.look_in(int(visibility * SECOND))
            if message.receives > self._rules.most_receives:
                self._weather.counts["sqs.dead_lettered"] += 1
                self._queue.remove(self._lane, message)
                continue
            worker = self._invoke(message, 0, is_held=self._rules.is_held and not is_early)
            if is_early:
                self._early[message] = worker
            if self._weather.strikes("sqs.duplicate"):
                self._invoke(message, self._weather.duration((0.0, 60.0)), is_held=False)

    def _receive(self, visibility: float) -> QueuedMessage | None:
        message = None
        if self._weather.is_drawn("sqs.reordered"):
            message = self._queue.receive_out_of_turn(self._lane, visibility)
            if message is not None:
                self._weather.befell("sqs.reordered")
        message = message or self._queue.receive(self._lane, visibility=visibility)
        worker = None if message is None else self._early.pop(message, None)
        if worker is not None and not worker.dead:
            self._weather.befell("sqs.visible_too_early")
        return message

    def _invoke(self, message: QueuedMessage, delay: int, *, is_held: bool) -> Worker:
        self.running += 1
        kernel, command = self._kernel, message.command
        if self._weather.strikes("lambda.cold_start"):
            delay += self._weather.duration((0.5, 4.0))
        answer: list[dict[str, Any]] = []

        def ended(fault: BaseException | None) -> None:
            self.running -= 1
            if fault is None and not answer[0]["batchItemFailures"]:
                self._queue.remove(self._lane, message)
            elif fault is not None and not isinstance(fault, (Crashed, CloudFault, AlgotradingError)):
                self._inspector.broken("bug", f"{type(fault).__name__}: {fault}")
            self.look_in(0)

        worker = kernel.spawn(
            f"{self._lane}:{command.event}:{message.group[:6]}",
            lambda: answer.append(self._serve(message, is_held=is_held)),
            tenant=command.user_id,
            skew=skew_of(kernel, self._weather),
            delay=delay,
            on_end=ended,
        )

        def time_out() -> None:
            if not worker.dead:
                self._weather.counts["lambda.timed_out"] += 1
                kernel.say(f"{worker.name} timed out")
                kernel.kill(worker)

        kernel.after(delay + self._rules.timeout * SECOND, time_out)
        if self._weather.is_drawn("clock.step"):
            self._step_clock(worker, delay)
        return worker

    def _step_clock(self, worker: Worker, delay: int) -> None:
        """In mid-work: most workers live for a tenth of a second, those that wait for their instant for minutes."""
        kernel, longest = self._kernel, self._rules.timeout
        step = int(self._weather.duration((0.001, 2.0)) * kernel.random.choice((-1, 1)))
        after = _SOONEST_STEP * (longest / _SOONEST_STEP) ** kernel.random.random()

        def strike() -> None:
            if not worker.dead and not self._weather.is_over:
                self._weather.befell("clock.step")
                kernel.say(f"FAULT clock.step of {worker.name}")
                kernel.step_clock(worker, step)

        kernel.after(delay + int(after * SECOND), strike)

    def _serve(self, message: QueuedMessage, *, is_held: bool) -> dict[str, Any]:
        record = {
            "messageId": str(message.number),
            "receiptHandle": str(message.number),
            "eventSourceARN": self._lane.value,
            "body": message.command.model_dump_json(),
            "attributes": {"ApproximateReceiveCount": str(message.receives)},
        }
        if not is_held:
            return serve({"Records": [record]}, self._handle, self._redelivery)
        hold = SimulatedHold(self._kernel, self._queue, self._lane, message)
        return serve({"Records": [record]}, self._handle, self._redelivery, hold)


def skew_of(kernel: Kernel, weather: Weather) -> int:
    """How far a new process's clock is off, microseconds. NTP keeps it within milliseconds, when it works."""
    if weather.strikes("clock.skew"):
        return kernel.random.randrange(-3 * SECOND, 3 * SECOND)
    return kernel.random.randrange(-2_000, 2_000) if weather.rates else 0


class AlarmClock:
    """EventBridge Scheduler: rings each schedule anywhere in its minute, at least once, with up to two retries."""

    def __init__(
        self, kernel: Kernel, weather: Weather, schedules: MemorySchedules, trigger: Trigger, inspector: Inspector
    ) -> None:
        self._kernel = kernel
        self._weather = weather
        self._schedules = schedules
        self._trigger = trigger
        self._inspector = inspector

    def ring_minute(self) -> None:
        """Called at each whole minute."""
        now = self._kernel.now()
        local = now.astimezone(IST)
        for name in sorted(self._schedules.alarms):
            alarm = self._schedules.alarms[name]
            if (alarm.hour, alarm.minute) != (local.hour, local.minute):
                continue
            if self._weather.strikes("schedule.lost"):
                continue
            payload = alarm.payload.model_copy(update={"scheduled_time": now})
            delay = self._kernel.random.randrange(_MINUTE)
            if self._weather.strikes("schedule.late"):
                delay += self._weather.duration((5.0, 240.0))
            self._ring(payload, alarm.payload.user_id, delay, 2)
            if self._weather.strikes("schedule.duplicate"):
                self._ring(payload, alarm.payload.user_id, self._kernel.random.randrange(2 * _MINUTE), 2)

    def _ring(self, payload: Any, user_id: UUID, delay: int, retries: int) -> None:
        def ended(fault: BaseException | None) -> None:
            if fault is not None and not isinstance(fault, (Crashed, CloudFault, AlgotradingError)):
                self._inspector.broken("bug", f"{type(fault).__name__}: {fault}")
            if fault is not None and retries:
                self._ring(payload, user_id, self._weather.duration((1.0, 30.0)), retries - 1)

        self._kernel.spawn(
            f"trigger:{payload.event}:{str(payload.strategy_id)[:6]}",
            lambda: self._trigger.fire(payload),
            tenant=user_id,
            skew=skew_of(self._kernel, self._weather),
            delay=delay,
            on_end=ended,
        )


class EveryMinute:
    """The rule that runs converge: one at a time, a run that comes too soon is turned away."""

    def __init__(self, kernel: Kernel, weather: Weather, run: Callable[[], object], inspector: Inspector) -> None:
        self._kernel = kernel
        self._weather = weather
        self._run = run
        self._inspector = inspector
        self._running = 0
        self.runs = 0

    def fire(self) -> None:
        """Called at each whole minute."""
        if self._weather.strikes("converge.lost"):
            return
        delay = self._kernel.random.randrange(2 * SECOND)
        if self._weather.strikes("converge.late"):
            delay += self._weather.duration((5.0, 120.0))
        self._kernel.after(delay, self._start)
        if self._weather.is_drawn("converge.twice"):
            self._kernel.after(delay + self._weather.duration(_BESIDE), self._start_beside)

    def _start_beside(self) -> None:
        # Reserved concurrency is one; two at once are what a rule that is deployed anew can lead to.
        if self._running:
            self._weather.befell("converge.twice")
            self._kernel.say("FAULT converge.twice")
        self._run_once()

    def _start(self) -> None:
        if not self._running:
            self._run_once()

    def _run_once(self) -> None:
        self._running += 1
        self.runs += 1

        def ended(fault: BaseException | None) -> None:
            self._running -= 1
            if fault is not None and not isinstance(fault, (Crashed, CloudFault, AlgotradingError)):
                self._inspector.broken("bug", f"{type(fault).__name__}: {fault}")

        worker = self._kernel.spawn(
            f"converge#{self.runs}", self._run, skew=skew_of(self._kernel, self._weather), on_end=ended
        )
        self._kernel.after(FUNCTIONS["converge"].timeout_seconds * SECOND, lambda: self._kernel.kill(worker))
