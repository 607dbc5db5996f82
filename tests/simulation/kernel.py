"""Virtual time, and workers that change over whenever they wait.

Everything that happens is an event on one heap of virtual microseconds. A worker is a greenlet: it runs until it
waits (for an answer, for an instant), and meanwhile whoever is due next runs. One seeded random generator decides
how long anything takes and who comes first among those due at the same instant, so a seed replays exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from uuid import UUID

from greenlet import getcurrent, greenlet

MICROSECONDS = 1_000_000


class Crashed(BaseException):
    """The worker's process is gone. Not an Exception: nothing in the product may catch it."""


class Worker:
    """One process's thread of work. `skew` is how far its clock is ahead of the truth, microseconds."""

    __slots__ = (
        "born",
        "dead",
        "generation",
        "greenlet",
        "lead",
        "name",
        "on_end",
        "pauses",
        "read_at",
        "skew",
        "stands_until",
        "steps",
        "tenant",
    )

    def __init__(self, name: str, tenant: UUID | None, skew: int, born: int) -> None:
        self.name = name
        self.tenant = tenant
        """Whose rows it may touch; None for the parts of the system that serve everybody."""
        self.skew = skew
        self.lead = max(0, skew)
        """How far its clock was ahead at most."""
        self.born = born
        self.dead = False
        self.generation = 0
        """Grows with every wait: an event made for an earlier one is stale."""
        self.pauses: list[tuple[int, int]] = []
        """From when until when injected pauses held it up."""
        self.steps: list[tuple[int, int]] = []
        """When its clock was set, and by how much."""
        self.stands_until = 0
        """An injected pause stops its whole process until then, not only the thread that works."""
        self.read_at: int | None = None
        """Of which time its last reading of what the broker holds was; None once it has decided since."""
        self.greenlet: greenlet | None = None
        self.on_end: Callable[[BaseException | None], None] | None = None

    def stood_still(self, since: int = 0) -> int:
        """For how many microseconds injected pauses have held it up since then."""
        return sum(max(0, until - max(begun, since)) for begun, until in self.pauses)

    def set_back(self, since: int) -> int:
        """By how many microseconds its clock was set back since then."""
        return sum(-step for at, step in self.steps if at >= since and step < 0)


_Timer = Callable[[], None]


class Kernel:
    """The scheduler. Timers run between workers, and must not wait."""

    def __init__(self, seed: int, start: datetime) -> None:
        self.random = Random(seed)
        self.micros = 0
        """Virtual time since the start."""
        self.current: Worker | None = None
        self.steps = 0
        self.trace: Callable[[str], None] | None = None
        self._start = start.astimezone(UTC)
        self._heap: list[tuple[int, float, Worker | _Timer, int]] = []
        self._tie = self.random.random
        """Order among events of the same microsecond: random, and as good as never equal."""
        self._until = 0
        self._living: dict[Worker, None] = {}
        self._hub = getcurrent()
        self._seen = (-1, self._start)

    # --- time ---------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The true instant, UTC."""
        if self._seen[0] != self.micros:
            self._seen = (self.micros, self._start + timedelta(microseconds=self.micros))
        return self._seen[1]

    def micros_of(self, instant: datetime) -> int:
        """Where an instant lies in virtual time."""
        return (instant - self._start) // timedelta(microseconds=1)

    def say(self, text: str) -> None:
        """One line of the trace."""
        if self.trace is not None:
            who = "-" if self.current is None else self.current.name
            at = self.now() + timedelta(hours=5, minutes=30)
            self.trace(f"{at:%H:%M:%S.%f} {who:<28} {text}")

    # --- events -------------------------------------------------------------------------------------

    def at(self, micros: int, action: _Timer) -> None:
        """Run `action` at that time (at once when past), between workers."""
        heappush(self._heap, (max(micros, self.micros), self._tie(), action, 0))

    def after(self, micros: int, action: _Timer) -> None:
        """Run `action` that much later."""
        heappush(self._heap, (self.micros + micros, self._tie(), action, 0))

    def spawn(
        self,
        name: str,
        work: Callable[[], object],
        *,
        tenant: UUID | None = None,
        skew: int = 0,
        delay: int = 0,
        on_end: Callable[[BaseException | None], None] | None = None,
    ) -> Worker:
        """A new worker that begins `delay` later. `on_end` hears how it ended; without it nothing may fail."""
        worker = Worker(name, tenant, skew, self.micros + delay)
        worker.on_end = on_end
        self._living[worker] = None
        worker.greenlet = greenlet(lambda: self._live(worker, work), parent=self._hub)
        self._wake(worker, self.micros + delay)
        return worker

    def close(self) -> None:
        """End everybody who still waits, and forget what was to come."""
        self._heap.clear()
        for worker in list(self._living):
            worker.on_end = _nobody_hears
            self.kill(worker)
        self._living.clear()

    def kill(self, worker: Worker) -> None:
        """End a worker wherever it waits, as the end of its process does. From a timer."""
        if worker.dead or worker.greenlet is None or worker.greenlet.dead:
            return
        worker.dead = True
        if worker.greenlet:
            self.current = worker
            worker.greenlet.throw(Crashed)
            self.current = None
        elif worker.on_end is not None:
            worker.on_end(Crashed())

    def step_clock(self, worker: Worker, micros: int) -> None:
        """Correct a worker's clock. One that waits for an instant looks at its clock again within half a second."""
        worker.skew += micros
        worker.steps.append((self.micros, micros))
        worker.lead = max(worker.lead, worker.skew)
        heappush(self._heap, (self.micros + self.random.randrange(500_000), self._tie(), worker, worker.generation))

    def wake(self, worker: Worker) -> None:
        """End a worker's present wait now: for work that heeds what it is told."""
        if not worker.dead:
            self._wake(worker, self.micros)

    # --- what workers call --------------------------------------------------------------------------

    def pause(self, micros: int) -> None:
        """Wait. Others run meanwhile."""
        worker = self.current
        assert worker is not None
        due = self.micros + micros
        if (not self._heap or self._heap[0][0] > due) and due < self._until:
            # Nothing else happens until then: the same as being woken next.
            self.micros = due
            return
        worker.generation += 1
        heappush(self._heap, (due, self._tie(), worker, worker.generation))
        self._hub.switch()
        if worker.dead:
            raise Crashed

    def crash(self) -> None:
        """The worker's process dies here."""
        assert self.current is not None
        self.current.dead = True
        raise Crashed

    # --- the loop -----------------------------------------------------------------------------------

    def run(self, until: int) -> None:
        """Let everything happen that is due before `until`."""
        heap = self._heap
        self._until = until
        while heap and heap[0][0] < until:
            due, _, who, generation = heappop(heap)
            self.micros = due
            if not isinstance(who, Worker):
                who()
            elif not who.dead and who.generation == generation:
                assert who.greenlet is not None
                if who.greenlet.dead:
                    continue
                self.steps += 1
                self.current = who
                who.greenlet.switch()
                self.current = None
        self.micros = max(self.micros, until)

    def _live(self, worker: Worker, work: Callable[[], object]) -> None:
        end: BaseException | None = None
        try:
            work()
        except (Crashed, Exception) as fault:
            end = fault
        worker.dead = True
        self._living.pop(worker, None)
        if worker.on_end is not None:
            worker.on_end(end)
        elif end is not None and not isinstance(end, Crashed):
            raise end

    def _wake(self, worker: Worker, due: int) -> None:
        heappush(self._heap, (due, self._tie(), worker, worker.generation))


def _nobody_hears(_end: BaseException | None) -> None:
    """Of a worker that ended with its world."""


class TrueClock:
    """ports.Clock for the in-memory servers: the truth, which never waits."""

    def __init__(self, kernel: Kernel) -> None:
        self.now = kernel.now

    def sleep(self, seconds: float) -> None:
        """Servers do not wait."""
        raise NotImplementedError

    def sleep_until(self, instant: datetime) -> None:
        """Servers do not wait."""
        raise NotImplementedError


class ProcessClock:
    """ports.Clock of whatever process runs: true time plus the skew of its machine."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def now(self) -> datetime:
        """See ports.Clock."""
        worker = self._kernel.current
        if worker is None or not worker.skew:
            return self._kernel.now()
        return self._kernel.now() + timedelta(microseconds=worker.skew)

    def sleep(self, seconds: float) -> None:
        """See ports.Clock."""
        if seconds > 0:
            woken_at = self._kernel.micros + max(1, round(seconds * MICROSECONDS))
            while self._kernel.micros < woken_at:
                self._kernel.pause(woken_at - self._kernel.micros)

    def sleep_until(self, instant: datetime) -> None:
        """See ports.Clock."""
        kernel = self._kernel
        due = kernel.micros_of(instant)
        worker = kernel.current
        assert worker is not None
        while (remaining := due - kernel.micros - worker.skew) > 0:
            kernel.pause(remaining)
