"""The watcher's process: its real parts that decide (guard, watchlist, truth, the sender's messages), and what drives
them in place of its event loop, its socket and its threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from struct import pack
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, StopChange
from algotrading.domain.errors import AlgotradingError
from algotrading.ports import Instruments, Lane, Ledger, OrderQueue, Strategies
from fargate_listener.counters import Counters
from fargate_listener.health import Loaded
from fargate_listener.hit_queue import HitQueue
from fargate_listener.hit_sender import HitSender
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import REPEAT_SECONDS, Hit, StopGuard
from fargate_listener.truth import Truth
from fargate_listener.watcher import CHECK_SECONDS
from fargate_listener.watchlist import Watchlist
from tests.simulation.cloud import skew_of
from tests.simulation.faults import SECOND, CloudFault, Weather
from tests.simulation.invariants import Inspector
from tests.simulation.kernel import Crashed, Kernel, ProcessClock, Worker

_CHECK_RETRY = 2 * SECOND
_NO_QUEUE = "the simulated sender sends by itself"


@dataclass(slots=True)
class Stores:
    """What a watcher reads and writes, behind doors."""

    strategies: Strategies
    ledger: Ledger
    instruments: Instruments
    queue: OrderQueue
    prices: Callable[[int], int | None]
    """The market's price of a token, wire units."""
    report_sight: Callable[[datetime], None]


@dataclass(eq=False)
class WatcherProcess:
    """One process. `is_cut_off` makes it stale: no changes, no ticks' silence, but old stops and new prices."""

    number: int
    kernel: Kernel
    weather: Weather
    stores: Stores
    inspector: Inspector
    on_death: Callable[[WatcherProcess], None]
    on_failed_check: Callable[[], None]
    alive: bool = True
    is_cut_off: bool = False
    is_mute: bool = False
    """Whether its socket brings nothing."""
    is_following: bool = False
    workers: list[Worker] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.loaded = Loaded(monotonic=self._monotonic)
        self.skew = skew_of(self.kernel, self.weather)
        clock = ProcessClock(self.kernel)
        self.sender = HitSender(open_queue=_refuse, clock=clock, monotonic=self._monotonic, senders=0)
        self.counters = Counters()
        self.guard = StopGuard(table=MarketTable(), report=self._report, counters=self.counters)
        self.watchlist = Watchlist(self.guard, self._monotonic)
        self.watchlist.on_subscriptions_changed = self._subscribe
        self.subscribed: set[int] = set()
        self.truth = Truth(
            ledger=self.stores.ledger,
            instruments=self.stores.instruments,
            clock=clock,
        )
        self._day = date.min
        self._check_soon = False
        self._waits = False
        self._life = self._spawn("follow", self._live)
        self._report_sight()

    # --- what the world does to it ------------------------------------------------------------------

    def change(self, change: StopChange) -> None:
        """An entry of the stream has arrived."""
        if self.alive and self.is_following and not self.is_cut_off:
            self.watchlist.apply(change)

    def gap(self) -> None:
        """Something may have been missed in the stream."""
        if self.alive:
            self.loaded.may_have_missed()
            self._check_soon = True
            if self._waits:
                self.kernel.wake(self._life)

    def tick(self, token: int, wire: int) -> None:
        """A frame with one price has arrived."""
        if self.alive and not self.is_mute and token in self.subscribed:
            self.guard.on_frames([pack(">HHII", 1, 8, token, wire)], self._monotonic())

    def dial_again(self) -> None:
        """The socket was mute and was replaced: known prices say nothing any more, and every price comes anew."""
        self.is_mute = False
        self.guard.forget_prices()
        for token in sorted(self.subscribed):
            self._first_tick(token)

    def die(self) -> None:
        """The process is gone, with all it knew."""
        if self.alive:
            self.alive = False
            for worker in self.workers:
                if worker is not self.kernel.current:
                    self.kernel.kill(worker)
            self.on_death(self)

    def guards(self, strategy_id: UUID) -> bool:
        """Whether a price at the stop would be acted upon."""
        return self.sees and self.guard.guards(strategy_id)

    @property
    def sees(self) -> bool:
        """Whether stops are known, and prices arrive."""
        return self.alive and self.loaded.is_current and not self.is_cut_off and not self.is_mute

    # --- its life -----------------------------------------------------------------------------------

    def _live(self) -> None:
        while not self.loaded.stops_loaded:
            self._check()
            if not self.loaded.stops_loaded:
                self.kernel.pause(_CHECK_RETRY)
        while True:
            if not self._check_soon:
                self._waits = True
                self.kernel.pause(int(CHECK_SECONDS * SECOND))
                self._waits = False
            self._check_soon = False
            self._check()

    def _check(self) -> None:
        if self.is_cut_off:
            return
        as_of, asked = self.watchlist.serial, self._monotonic()
        # Changes from here on are newer than what is read: none is missed, as the stream keeps them.
        self.is_following = True
        try:
            snapshot = self.truth.read()
        except AlgotradingError:
            self.on_failed_check()
            self.counters.failed_checks += 1
            return
        if snapshot.day != self._day:
            self._day = snapshot.day
            self.guard.forget_prices()
        for _ in self.watchlist.repair(snapshot.changes, as_of=as_of, unknown=snapshot.unknown.keys()):
            self.kernel.pause(self.kernel.random.randrange(2_000))  # for ticks and changes to come in between
        self.loaded.checked(asked)

    def _report_sight(self) -> None:
        """Once a second, as fargate_listener.sight does; silent while it would not see a stop."""
        if self.alive:
            if self.sees:
                self.stores.report_sight(self.kernel.now())
            self.kernel.after(SECOND, self._report_sight)

    def _subscribe(self) -> None:
        tokens = set(self.watchlist.tokens)
        fresh = sorted(tokens - self.subscribed)
        self.subscribed = tokens
        for token in fresh:
            # The broker answers a subscription with the present price.
            self.kernel.after(self.weather.duration((0.03, 0.5)), lambda token=token: self._first_tick(token))  # type: ignore[misc]

    def _first_tick(self, token: int) -> None:
        wire = self.stores.prices(token)
        if wire is not None:
            self.tick(token, wire)

    def _report(self, hits: Sequence[Hit]) -> None:
        for hit in hits:
            self._deliver(self.sender._command(hit))

    def _deliver(self, command: OrderCommand) -> None:
        self._spawn(f"hit:{str(command.strategy_id)[:6]}", lambda: self._send(command))
        self.kernel.after(int(REPEAT_SECONDS * SECOND) + self.kernel.random.randrange(SECOND // 10), self._repeat)

    def _repeat(self) -> None:
        if self.alive:
            while self.guard.repeat(self._monotonic()):
                continue

    def _send(self, command: OrderCommand) -> None:
        """As HitSender delivers: again and again until the queue has it."""
        pause = SECOND // 20
        while True:
            try:
                self.stores.queue.send(command, Lane.PRIORITY)
            except CloudFault:
                self.kernel.pause(pause)
                pause = min(2 * pause, 2 * SECOND)
            else:
                return

    def _monotonic(self) -> float:
        return self.kernel.micros / SECOND

    def _spawn(self, name: str, work: Callable[[], object]) -> Worker:
        def ended(fault: BaseException | None) -> None:
            if fault is not None and not isinstance(fault, (Crashed, CloudFault, AlgotradingError)):
                self.inspector.broken("bug", f"{type(fault).__name__}: {fault}")
            if fault is not None:
                self.kernel.after(0, self.die)  # a thread of it died: so did the process

        self.workers = [worker for worker in self.workers if not worker.dead]
        worker = self.kernel.spawn(f"watcher{self.number}:{name}", work, skew=self.skew, on_end=ended)
        self.workers.append(worker)
        return worker


def _refuse() -> HitQueue:
    raise NotImplementedError(_NO_QUEUE)
