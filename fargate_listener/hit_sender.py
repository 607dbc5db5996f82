"""Gets hits from the event loop into the queue: never blocks the one, never gives up on the other."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from heapq import heapify, heappop
from itertools import count
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, OrderEvent
from algotrading.ports import Clock
from fargate_listener.hit_queue import LARGEST_BATCH, HitQueue
from fargate_listener.refused_hits import RefusedHits, key_of
from fargate_listener.stop_guard import REPEAT_SECONDS, Hit
from fargate_listener.wire_prices import to_price

logger = logging.getLogger(__name__)

SENDERS = 4
"""Threads: a call that hangs until its time-out holds up only the hits it carries."""
PROBE_SECONDS = 20.0
_LONGEST_PAUSE = 2.0


@dataclass(slots=True)
class Delivered:
    """What has happened since the last report; guarded by the sender's lock."""

    latencies_ms: list[float] = field(default_factory=list)
    """From the arrival of the tick to the queue's acknowledgement."""
    failures: int = 0


class HitSender:
    """A few threads that send hits in batches, again and again until the queue has them."""

    def __init__(
        self,
        *,
        open_queue: Callable[[], HitQueue],
        clock: Clock,
        monotonic: Callable[[], float],
        senders: int = SENDERS,
    ) -> None:
        self._open_queue = open_queue
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: queue.SimpleQueue[Sequence[Hit] | None] = queue.SimpleQueue()
        """From the event loop to the threads, without a lock. None ends one thread; nothing wakes one."""
        self._sorting = threading.Lock()
        self._by_risk: list[tuple[int, int, Hit]] = []
        """What the threads have taken over and not sent: a heap, the most at risk first."""
        self._waits: set[tuple[UUID, date]] = set()
        """Whose hit is in the heap or rests. A stop is reported every few seconds while it is not answered: one hit
        waits for each, the first, however long the queue is away."""
        self._refused = RefusedHits(monotonic)
        self._serials = count()
        self._put = 0
        """Written by the event loop alone, which therefore never waits for a lock."""
        self._taken = 0
        self._lock = threading.Condition()
        self._opening = threading.Lock()
        self._delivered = Delivered()
        self._trouble: str | None = "the queue was not reached yet"
        self._stuck: dict[int, int] = {}
        """Hits whose last attempt failed, per thread that keeps trying."""
        self._queue: HitQueue | None = None
        self._threads = [
            threading.Thread(target=self._work, name=f"hit-sender-{number}", daemon=True) for number in range(senders)
        ]

    @property
    def trouble(self) -> str | None:
        """Why hits are not getting through; None when they are."""
        stuck = sum(self._stuck.values())
        return f"{stuck} hits are being retried" if stuck else self._trouble

    @property
    def refused(self) -> int:
        """Hits that the queue answers and does not take, while it may take the others."""
        return len(self._refused)

    @property
    def undelivered(self) -> int:
        """Hits the queue has not acknowledged."""
        return self._put - self._taken

    def start(self) -> None:
        """Start the threads; the first thing they do is to reach the queue."""
        for thread in self._threads:
            thread.start()

    def put(self, hits: Sequence[Hit]) -> None:
        """Hand hits over; returns at once. Event loop only."""
        self._put += len(hits)
        self._waiting.put(hits)

    def flush(self, seconds: float) -> bool:
        """Wait up to `seconds` for the queue to have everything. Blocking."""
        with self._lock:
            return self._lock.wait_for(lambda: self.undelivered == 0, seconds)

    def stop(self) -> None:
        """End the threads, each after the hits it carries."""
        for _ in self._threads:
            self._waiting.put(None)

    def take_report(self) -> Delivered:
        """Deliveries and failures since the last call."""
        with self._lock:
            report, self._delivered = self._delivered, Delivered()
        return report

    def _work(self) -> None:
        """A thread's life. Daemonic: what the process still owes is waited for in `flush`."""
        self._attempt(lambda hit_queue: hit_queue.probe())
        while True:
            if batch := self._most_at_risk():
                self._deliver(batch)
                continue
            with self._sorting:
                patience = self._refused.seconds_left(PROBE_SECONDS)
            try:
                hits = self._waiting.get(timeout=patience)
            except queue.Empty:
                if not self._refused:  # they ask the queue often enough
                    self._attempt(lambda hit_queue: hit_queue.probe())
                continue
            if hits is None:
                return
            self._sort_in(hits)

    def _sort_in(self, hits: Sequence[Hit]) -> None:
        with self._sorting:
            fresh = {key: hit for hit in reversed(hits) if (key := key_of(hit)) not in self._waits}
            self._waits.update(fresh)
            self._rank(reversed(fresh.values()))
        self._settle(len(hits) - len(fresh))

    def _rank(self, hits: Iterable[Hit]) -> None:
        self._by_risk += [(-hit.at_risk, next(self._serials), hit) for hit in hits]
        heapify(self._by_risk)

    def _settle(self, hits: int) -> None:
        """So many are owed no longer: sent, or another one of the same stop waits."""
        if hits:
            with self._lock:
                # Another thread may have sent the hit itself meanwhile: whoever waits is told here as well.
                self._taken += hits
                self._lock.notify_all()

    def _sort_in_all(self) -> None:
        """What the event loop has put, as far as it has come."""
        with suppress(queue.Empty):
            while (hits := self._waiting.get_nowait()) is not None:
                if hits:
                    self._sort_in(hits)
            self._waiting.put(None)  # for when everything is sent

    def _most_at_risk(self) -> list[Hit]:
        """The next batch. What came meanwhile, or has rested, is sorted in first: a larger risk overtakes."""
        self._sort_in_all()
        with self._sorting:
            if rested := self._refused.rested():
                self._rank(rested)
            batch = [heappop(self._by_risk)[2] for _ in range(min(LARGEST_BATCH, len(self._by_risk)))]
            self._waits.difference_update(map(key_of, batch))
            is_more = bool(self._by_risk)
        if is_more:
            self._waiting.put(())  # wakes the next thread, which does the same
        return batch

    def _deliver(self, hits: list[Hit]) -> None:
        """Send until the queue has answered; pauses grow while it does not. What it refuses is not waited for."""
        me = threading.get_ident()
        owed = [(hit, self._command(hit)) for hit in hits]
        strategies = [str(hit.stop.strategy_id) for hit in hits]
        pause = 0.05
        while not self._attempt(lambda hit_queue: self._send_once(hit_queue, owed)):
            with self._lock:
                self._stuck[me] = len(owed)
                self._delivered.failures += len(owed)
            logger.error(
                "stop-loss hits are not getting into the queue: %s",
                self._trouble,
                extra={"undelivered": self.undelivered, "strategies": strategies},
            )
            time.sleep(pause)
            self._sort_in_all()  # so that repetitions do not pile up while the queue is away
            pause = min(2 * pause, _LONGEST_PAUSE)
        with self._lock:
            self._stuck[me] = 0

    def _send_once(self, hit_queue: HitQueue, owed: Sequence[tuple[Hit, OrderCommand]]) -> None:
        still_owed = {command.deduplication_id for command in hit_queue.send([command for _, command in owed])}
        now = self._monotonic()
        taken = [each for each in owed if each[1].deduplication_id not in still_owed]
        with self._lock:
            self._delivered.latencies_ms += [1000 * (now - hit.received) for hit, _ in taken]
        with self._sorting:
            for hit, _ in taken:
                self._refused.taken(hit)
        self._settle(len(taken))
        if taken:
            # A line a batch, after it has left: of ten thousand hits at once the log makes no queue of its own.
            logger.info("stop-loss hits are in the queue", extra={"hits": [_told(*each) for each in taken]})
        if still_owed:
            self._put_back([hit for hit, command in owed if command.deduplication_id in still_owed])

    def _put_back(self, hits: Sequence[Hit]) -> None:
        """The queue refuses them, and may do so for good: they rest, and come again in their rank."""
        superseded = 0
        with self._sorting:
            for hit in hits:
                self._refused.refused(hit)
                if (key := key_of(hit)) in self._waits:
                    superseded += 1
                else:
                    self._waits.add(key)
                    self._refused.rest(hit)
        with self._lock:
            self._delivered.failures += len(hits)
        self._settle(superseded)
        strategies = [str(hit.stop.strategy_id) for hit in hits]
        logger.error("the queue refuses stop-loss hits, which are sent again", extra={"strategies": strategies})
        self._waiting.put(())  # whoever waits for longer than they rest looks again

    def _attempt(self, action: Callable[[HitQueue], None]) -> bool:
        """Whether the queue answered."""
        try:
            action(self._opened())
        except Exception as error:
            # Whatever the AWS client raises: a hit is retried until it is delivered, so nothing may end this thread.
            self._trouble = type(error).__name__
            logger.warning("the priority queue is away: %s", self._trouble)
            return False
        self._trouble = None
        return True

    def _opened(self) -> HitQueue:
        with self._opening:
            if self._queue is None:
                self._queue = self._open_queue()
            return self._queue

    def _command(self, hit: Hit) -> OrderCommand:
        stop, now = hit.stop, self._clock.now()
        tick_at = now - timedelta(seconds=self._monotonic() - hit.received)
        # The same for most tasks that saw the tick, so that the queue keeps one of their messages; and another one when
        # the stop is reported again. Two that received it on either side of a turn's beginning send two: the second
        # finds the exit under way, as a repetition does.
        turn = int(tick_at.timestamp() // REPEAT_SECONDS)
        return OrderCommand(
            strategy_id=stop.strategy_id,
            user_id=stop.user_id,
            event=OrderEvent.STOPLOSS,
            trading_day=stop.trading_day,
            timestamp=int(now.timestamp() * 1000),
            tick_at=tick_at,
            price=to_price(stop.instrument_token, hit.wire_price),
            cause="watcher",
            deduplication_id=f"{stop.strategy_id}:{stop.trading_day}:STOPLOSS:{turn}",
        )


def _told(hit: Hit, command: OrderCommand) -> dict[str, str]:
    """A hit, for the log. `received_at` is when its tick arrived, by our clock."""
    stop = hit.stop
    return {
        "strategy_id": str(stop.strategy_id),
        "instrument": f"{stop.exchange}:{stop.symbol}",
        "kind": command.event.value,
        "stop_loss": str(stop.stop_loss),
        "price": str(command.price),
        "received_at": "" if command.tick_at is None else command.tick_at.isoformat(),
    }
