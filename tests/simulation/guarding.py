"""I3: what is held is guarded, and nothing stays below its stop; and a proof that nothing is held is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

from tests.fakes.database import MemoryDatabase
from tests.fakes.exchange import MemoryExchange, MemoryOrder
from tests.simulation.faults import SECOND
from tests.simulation.kernel import Kernel
from tests.simulation.record import Key, Traded

_STOP_FORGOTTEN = 90 * SECOND
"""How long a price may stay at the stop of a position, in quiet weather, before something sells."""
_GUARD_LAG = 20 * SECOND
"""How long after an outage of Redis, PostgreSQL or the watcher a stop may still be missing: the watcher compares
itself with PostgreSQL every 15 s."""
_LATE_ORDER_LAG = 130 * SECOND
"""How long what a late order bought may go unseen in quiet weather: converge runs every minute, spreads its looks over
the next, and a look takes its time."""
_LATE_ORDER_RUNS = 2
_LATE_ORDER_STORM = 300 * SECOND
"""In any other weather converge must have run well that often since, and have given its looks this long: the broker may
give no answer for two minutes, its login may be over for four."""


@dataclass(slots=True)
class Guarding:
    """Every position that is held, by the exchange's record."""

    kernel: Kernel
    exchange: MemoryExchange
    database: MemoryDatabase
    broken: Callable[[str, str], None]
    traded: dict[Key, Traded]
    sees: Callable[[UUID], bool]
    """Whether some watcher would act on this strategy's stop now."""
    last_outage: Callable[[], int]
    """When something that guarding depends on was away last; now, while it is."""
    is_late: Callable[[MemoryOrder], bool]
    """Whether an order surfaced so late that its absence was proven before."""
    quiet_since: int | None = None
    """When the faults ended."""
    _held: set[Key] = field(default_factory=set)
    _naked_since: dict[Key, int] = field(default_factory=dict)
    _below_since: dict[Key, int] = field(default_factory=dict)
    _converged: list[tuple[int, int]] = field(default_factory=list)

    def bought(self, key: Key, at: int) -> None:
        """An entry has bought something, or will at that time."""
        self._held.add(key)
        self.kernel.at(at, lambda: self._check(key))

    def converged(self, begun: int) -> None:
        """A run of converge that began then has ended well."""
        self._converged.append((begun, self.kernel.micros))

    def check_all(self) -> None:
        """Everything that is held is guarded."""
        for key in sorted(self._held):
            self._check(key)

    def check_stops(self) -> None:
        """In quiet weather, while there is a market: no position stays below its stop without being sold."""
        now = self.kernel.now()
        for key in sorted(self._held):
            cycle, traded = self.database.cycles[key], self.traded[key]
            price = self.exchange.prices[f"{cycle.plan.exchange}:{cycle.plan.symbol}"]
            # An exit without an answer is waited for until the book has spoken (decision "an exit whose sender died").
            leaving = traded.sells(now) or any(i.state.is_open and not i.rests for i in cycle.intents)
            if self._quantity(key) <= 0 or price > cycle.plan.stop_loss or leaving:
                self._below_since.pop(key, None)
                continue
            since = self._below_since.setdefault(key, self.kernel.micros)
            if self.kernel.micros - since > _STOP_FORGOTTEN:
                seconds = (self.kernel.micros - since) // SECOND
                self.broken("I3", f"{cycle.plan.symbol} of {str(key[0])[:8]} is below its stop for {seconds} s")
                self._below_since[key] = self.kernel.micros

    def proven_flat(self, user_id: UUID) -> None:
        """A proof that a user holds nothing was stored: the exchange's record agrees."""
        for key in self.traded:
            cycle, held = self.database.cycles[key], self._quantity(key)
            # Of an entry that surfaces later than every evidence window nobody can know (see the exchange).
            if cycle.user_id == user_id and held > self._bought_late(key):
                self.broken("flat", f"proven flat, and {held} {cycle.plan.symbol} of {str(key[0])[:8]} are held")

    def _check(self, key: Key) -> None:
        """What is held is guarded by an armed stop or by a stop order at the exchange, within a second of its fill; or
        there was an outage; or no more is held than an order bought that had been proven absent."""
        now, traded, cycle = self.kernel.now(), self.traded[key], self.database.cycles[key]
        held = self._quantity(key)
        if held <= 0:
            if not traded.pending(now):
                self._held.discard(key)
            self._naked_since.pop(key, None)
            return
        if self.sees(key[0]) or traded.rests(now):
            self._naked_since.pop(key, None)
            return
        if self.kernel.micros - self.last_outage() < _GUARD_LAG:
            return
        since = self._naked_since.setdefault(key, self.kernel.micros)
        if self.kernel.micros - since < SECOND:
            self.kernel.at(since + SECOND, lambda: self._check(key))
            return
        if held <= self._bought_late(key) and not self._should_have_looked(since):
            return
        self.broken("I3", f"{held} {cycle.plan.symbol} of {str(key[0])[:8]} are held unguarded in state {cycle.state}")

    def _should_have_looked(self, since: int) -> bool:
        """Whether converge must have found by now what an order bought that had been proven absent: nobody else can
        know of it, and it is alarmed then (LateOrder)."""
        now = self.kernel.micros
        looked = [ended for begun, ended in self._converged if begun >= since][:_LATE_ORDER_RUNS]
        if len(looked) == _LATE_ORDER_RUNS and now - looked[-1] >= _LATE_ORDER_STORM:
            return True
        return self.quiet_since is not None and now - max(since, self.quiet_since) >= _LATE_ORDER_LAG

    def _quantity(self, key: Key) -> int:
        now, traded = self.kernel.now(), self.traded[key]
        return traded.bought(now) - traded.sold(now) - self.database.cycles[key].closed_outside

    def _bought_late(self, key: Key) -> int:
        now = self.kernel.now()
        return sum(order.filled(now) for order in self.traded[key].entries if self.is_late(order))
