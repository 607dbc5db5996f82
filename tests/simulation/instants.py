"""I9: no order leaves before its instant, by what owners have stored and the market has done, whatever the ledger says
of when it is due."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from algotrading.domain.cycle import Cycle, ExitReason
from algotrading.domain.nse_calendar import NSE_SESSIONS
from algotrading.domain.sessions import instant_of, trading_day_of
from algotrading.domain.strategy import Strategy
from tests.fakes.database import MemoryDatabase
from tests.simulation.kernel import Kernel

_ENTRY_SLACK = timedelta(seconds=20)
"""From the decision that an entry is in time to its arrival at the exchange: storing, telling the watcher, asking
the fence, each of which may run into its time-out. Time in which the process stood still comes on top."""
MOST_SKEW = timedelta(seconds=5)
"""How far behind a process's clock can be here, steps included."""


@dataclass(slots=True)
class Instants:
    """Every plan that an owner has stored, and how low prices were."""

    kernel: Kernel
    database: MemoryDatabase
    broken: Callable[[str, str], None]
    entry_grace: timedelta
    _buys: dict[UUID, set[time]] = field(default_factory=dict)
    _earliest_sell: dict[UUID, datetime] = field(default_factory=dict)
    _latest_sell: dict[UUID, datetime] = field(default_factory=dict)
    _highest_stop: dict[UUID, Decimal] = field(default_factory=dict)
    _lowest: dict[str, Decimal] = field(default_factory=dict)

    def planned(self, strategy: Strategy, day: date) -> None:
        """A version of a strategy was stored: what its orders may be based on from now on."""
        instrument = self.database.instruments[strategy.plan.exchange, strategy.plan.symbol]
        hours = NSE_SESSIONS.hours(day, instrument)
        assert hours is not None
        at = instant_of(day, hours.effective_exit(strategy.plan.sell_time, strategy.plan.product).at)
        key = strategy.strategy_id
        self._buys.setdefault(key, set()).add(strategy.plan.buy_time)
        self._earliest_sell[key] = min(at, self._earliest_sell.get(key, at))
        self._latest_sell[key] = max(at, self._latest_sell.get(key, at))
        self._highest_stop[key] = max(strategy.plan.stop_loss, self._highest_stop.get(key, strategy.plan.stop_loss))

    def ticked(self, symbol: str, price: Decimal) -> None:
        """The market moved."""
        self._lowest[symbol] = min(price, self._lowest.get(symbol, price))

    def entry_left(self, cycle: Cycle) -> None:
        """An entry is at the exchange: at the buy time of the plan that its cycle follows, or within its grace."""
        now = self.kernel.now()
        lead, held_up = self._leeway()
        if cycle.plan.buy_time not in self._buys[cycle.strategy_id]:
            self.broken("I9", f"an entry follows a buy time that its owner has never stored: {cycle.plan.buy_time}")
        due = instant_of(cycle.trading_day, cycle.plan.buy_time)
        if now + lead < due:
            self.broken("I9", f"an entry left {due - now} early")
        if now > due + self.entry_grace + _ENTRY_SLACK + MOST_SKEW + held_up:
            self.broken("I9", f"an entry left {now - due} late")
        latest_sell = self._latest_sell[cycle.strategy_id]
        if now > latest_sell + _ENTRY_SLACK + MOST_SKEW + held_up:
            self.broken("I9", f"an entry left {now - latest_sell} after its time to sell")

    def exit_began(self, cycle: Cycle) -> None:
        """An exit is at the exchange: not before whatever it says is its reason."""
        now = self.kernel.now()
        lead, _ = self._leeway()
        if cycle.claim is ExitReason.SELL_TIME and now + lead < self._earliest_sell[cycle.strategy_id]:
            self.broken("I9", f"a timed exit left {self._earliest_sell[cycle.strategy_id] - now} early")
        if cycle.claim is ExitReason.STOPLOSS:
            lowest, stop = self._lowest.get(cycle.plan.symbol), self._highest_stop[cycle.strategy_id]
            if lowest is None or lowest > stop:
                self.broken("I9", f"an exit at a stop of {stop} with no price below {lowest}")

    def order_left(self, day: date) -> None:
        """An order of a cycle of `day` is at the exchange."""
        if day != trading_day_of(self.kernel.now()):
            self.broken("I9", f"an order of {day} left on another day")

    def _leeway(self) -> tuple[timedelta, timedelta]:
        """How far the sender's clock was ahead at most, and how long its process stood still."""
        worker = self.kernel.current
        if worker is None:
            return timedelta(0), timedelta(0)
        return timedelta(microseconds=worker.lead), timedelta(microseconds=worker.stood_still())
