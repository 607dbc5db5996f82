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
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, StopChange
from algotrading.ports import Clock
from fargate_listener.hit_commands import OwedHit, command_of, hit_again, owed_of, told
from fargate_listener.hit_queue import LARGEST_BATCH, HitQueue
from fargate_listener.owed_hits import NowhereKept, OwedHits
from fargate_listener.refused_hits import key_of
from fargate_listener.stop_guard import Hit
from fargate_listener.waiting_hits import WaitingHits

logger = logging.getLogger(__name__)

SENDERS = 4
"""Threads: a call that hangs until its time-out holds up only the hits it carries."""
PROBE_SECONDS = 20.0
TROUBLED_PROBE_SECONDS = 1.0
"""While it is not known whether the queue is there: so soon it is known again."""
HANGING_SECONDS = 4.0
"""A call that takes longer is trouble: with its time-outs none should."""
_FIRST_PAUSE = 0.05
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
        owed: OwedHits | None = None,
    ) -> None:
        """`owed` keeps what the queue does not take, for whoever comes after this process."""
        self._open_queue = open_queue
        self._clock = clock
        self._monotonic = monotonic
        self._waiting: queue.SimpleQueue[Sequence[Hit] | None] = queue.SimpleQueue()
        """From the event loop to the threads, without a lock. None ends one thread; nothing wakes one."""
        self._sorting = threading.Lock()
        self._hits = WaitingHits(monotonic)
        """What the threads have taken over and not sent. Guarded by `_sorting`."""
        self._put = 0
        """Written by the event loop alone, which therefore never waits for a lock."""
        self._taken = 0
        self._lock = threading.Condition()
        self._opening = threading.Lock()
        self._delivered = Delivered()
        self._trouble: str | None = "the queue was not reached yet"
        self._stuck: dict[int, int] = {}
        """Hits of the last attempt that failed, per thread."""
        self._begun: dict[int, float] = {}
        """When the call began that a thread is waiting for."""
        self._queue: HitQueue | None = None
        self._owed: OwedHits = owed or NowhereKept()
        self._kept: dict[tuple[UUID, date], Hit | None] = {}
        """Whose hit is written there: this process's, or None for one that is taken over from another."""
        self._is_told_to_end = False
        self._threads = [
            threading.Thread(target=self._work, name=f"hit-sender-{number}", daemon=True) for number in range(senders)
        ]

    @property
    def trouble(self) -> str | None:
        """Why hits are not getting through; None when they are."""
        if ended := self.ended:
            return f"{ended} of {len(self._threads)} threads have ended"
        if stuck := sum(self._stuck.values()):
            return f"{stuck} hits are being retried"
        now = self._monotonic()
        if any(now - begun > HANGING_SECONDS for begun in list(self._begun.values())):
            return self._trouble or "a call does not end"
        return self._trouble

    @property
    def ended(self) -> int:
        """Threads that are no more, though nobody told them to end."""
        return 0 if self._is_told_to_end else sum(t.ident is not None and not t.is_alive() for t in self._threads)

    @property
    def refused(self) -> int:
        """Hits that the queue answers and does not take, while it may take the others."""
        return self._hits.refused

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
        self._is_told_to_end = True
        for _ in self._threads:
            self._waiting.put(None)

    def keep(self) -> None:
        """Write down what the queue has not taken, so that it outlives the process. Blocking."""
        self._sort_in_all()
        with self._sorting:
            new = [hit for hit in self._hits.all if self._kept.get(key_of(hit)) is not hit]
        if new and self._owed.keep(owed_of(hit, self._command(hit)) for hit in new):
            with self._sorting:
                self._kept.update((key_of(hit), hit) for hit in new)

    def load_owed(self) -> list[OwedHit] | None:
        """What another process owed when it wrote it down; None when that cannot be known. Blocking."""
        owed = self._owed.load()
        with self._sorting:
            for command in owed or ():
                self._kept.setdefault((command.strategy_id, command.trading_day), None)
        return owed

    def take_over(self, owed: Sequence[OwedHit], stop_of: Callable[[UUID], StopChange | None]) -> list[OwedHit]:
        """Send what another process owed, where the stop that was hit still guards the strategy; returns those of stops
        that were moved. Of a strategy that nothing guards here nothing can be said. Event loop only."""
        now, monotonic = self._clock.now(), self._monotonic()
        guarded = [(one, stop) for one in owed if (stop := stop_of(one.strategy_id)) is not None]
        hits = [hit_again(one, stop, now=now, monotonic=monotonic) for one, stop in guarded]
        self.put([hit for hit in hits if hit is not None])
        return [one for (one, _), hit in zip(guarded, hits, strict=True) if hit is None]

    def forget(self, commands: Iterable[OrderCommand]) -> None:
        """They are owed no more, by whomever. Blocking."""
        with self._sorting:
            keys = [(command, (command.strategy_id, command.trading_day)) for command in commands]
            kept = [command for command, key in keys if key in self._kept]
            for command in kept:
                del self._kept[command.strategy_id, command.trading_day]
        if kept:
            self._owed.forget(kept)

    def take_report(self) -> Delivered:
        """Deliveries and failures since the last call."""
        with self._lock:
            report, self._delivered = self._delivered, Delivered()
        return report

    def _work(self) -> None:
        """A thread's life. Daemonic: what the process still owes is waited for in `flush`."""
        self._probe()
        pause, is_over = _FIRST_PAUSE, False
        while not is_over:
            try:
                is_over, is_well = self._turn()
            except Exception as error:
                # Whatever it is, a fault of our own: a thread that ends takes hits with it, and nobody would know.
                self._trouble, is_well = type(error).__name__, False
                logger.critical("a thread that sends hits has failed, and goes on", exc_info=True)
            if is_well:
                pause = _FIRST_PAUSE
            else:
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _turn(self) -> tuple[bool, bool]:
        """Send the next batch, or wait for one. Whether the thread's life is over, and whether all went well."""
        batch: list[Hit] = []
        try:
            self._take_most_at_risk(batch)
            if batch:
                return False, self._deliver(batch)
        finally:
            if batch:
                self._take_back(batch)
                self.keep()
        self._stuck[threading.get_ident()] = 0
        return self._wait(), True

    def _wait(self) -> bool:
        """For hits; ask the queue where none come. Whether the thread was told to end instead."""
        with self._sorting:
            patience = self._hits.seconds_left(PROBE_SECONDS if self._trouble is None else TROUBLED_PROBE_SECONDS)
        try:
            hits = self._waiting.get(timeout=patience)
        except queue.Empty:
            if not self._hits.refused:  # they ask the queue often enough
                self._probe()
            return False
        if hits is None:
            return True
        self._sort_in(hits)
        return False

    def _probe(self) -> None:
        self._attempt(lambda hit_queue: hit_queue.probe())

    def _sort_in(self, hits: Iterable[Hit]) -> None:
        with self._sorting:
            replaced = self._hits.add(hits)
        self._settle(replaced)

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

    def _take_most_at_risk(self, batch: list[Hit]) -> None:
        """The next batch. What came meanwhile, or has rested, is sorted in first: a larger risk overtakes."""
        self._sort_in_all()
        with self._sorting:
            is_more = self._hits.take(batch, LARGEST_BATCH)
        if is_more:
            self._waiting.put(())  # wakes the next thread, which does the same

    def _deliver(self, batch: list[Hit]) -> bool:
        """Try once; what the queue has answered leaves `batch`. Whether it did answer: if not, all of it goes back to
        where it waited, so that a hit of a larger risk or of a stop that was moved since is tried next."""
        me, hits = threading.get_ident(), len(batch)
        strategies = [str(hit.stop.strategy_id) for hit in batch]
        is_answered = self._attempt(lambda hit_queue: self._send_once(hit_queue, batch))
        with self._lock:
            self._stuck[me] = 0 if is_answered else hits
            self._delivered.failures += 0 if is_answered else hits
        if not is_answered:
            logger.error(
                "stop-loss hits are not getting into the queue: %s",
                self._trouble,
                extra={"undelivered": self.undelivered, "strategies": strategies},
            )
        return is_answered

    def _send_once(self, hit_queue: HitQueue, batch: list[Hit]) -> None:
        owed = [(hit, self._command(hit)) for hit in batch]
        still_owed = {command.deduplication_id for command in hit_queue.send([command for _, command in owed])}
        now = self._monotonic()
        batch[:] = [hit for hit, command in owed if command.deduplication_id in still_owed]
        taken = [each for each in owed if each[1].deduplication_id not in still_owed]
        with self._lock:
            self._delivered.latencies_ms += [1000 * (now - hit.received) for hit, _ in taken]
        with self._sorting:
            self._hits.taken(hit for hit, _ in taken)
        self._settle(len(taken))
        if batch:
            self._put_back(batch)
            batch.clear()
            self.keep()
        if taken:
            # A line a batch, after it has left: of ten thousand hits at once the log makes no queue of its own.
            logger.info("stop-loss hits are in the queue", extra={"hits": [told(*each) for each in taken]})
            self.forget(command for _, command in taken)

    def _take_back(self, batch: Sequence[Hit]) -> None:
        """They were not sent: each waits again, unless another one waits in its place."""
        with self._sorting:
            replaced = self._hits.take_back(batch)
        self._settle(replaced)

    def _put_back(self, hits: Sequence[Hit]) -> None:
        """The queue refuses them, and may do so for good: they rest, and come again in their rank."""
        with self._sorting:
            superseded = self._hits.rest(hits)
        with self._lock:
            self._delivered.failures += len(hits)
        self._settle(superseded)
        strategies = [str(hit.stop.strategy_id) for hit in hits]
        logger.error("the queue refuses stop-loss hits, which are sent again", extra={"strategies": strategies})
        self._waiting.put(())  # whoever waits for longer than they rest looks again

    def _attempt(self, action: Callable[[HitQueue], None]) -> bool:
        """Whether the queue answered."""
        me = threading.get_ident()
        try:
            self._begun[me] = self._monotonic()
            action(self._opened())
        except Exception as error:
            # Whatever the AWS client raises: a hit is retried until it is delivered, so nothing may end this thread.
            self._trouble = type(error).__name__
            logger.warning("the priority queue is away: %s", self._trouble)
            return False
        finally:
            self._begun.pop(me, None)
        self._trouble = None
        return True

    def _opened(self) -> HitQueue:
        with self._opening:
            if self._queue is None:
                self._queue = self._open_queue()
            return self._queue

    def _command(self, hit: Hit) -> OrderCommand:
        now = self._clock.now()
        return command_of(hit, now=now, tick_at=now - timedelta(seconds=self._monotonic() - hit.received))
