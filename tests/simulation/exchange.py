"""The exchange of a simulated day: `MemoryExchange`, with fates from the weather and an observer of its record."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from algotrading.domain.accounts import BrokerCredentials
from algotrading.domain.orders import OrderTicket, Side
from tests.fakes.exchange import (
    Execution,
    Fate,
    MemoryAccount,
    MemoryExchange,
    MemoryOrder,
    fills,
    loses,
    not_sent,
    refuses,
    rejects,
    rests,
    throttles,
    trades,
)
from tests.simulation.faults import (
    CANCEL_FATES,
    CHANGE_FATES,
    ORDER_FATES,
    STOP_FATES,
    TRIGGER_FATES,
    TURN_FATES,
    Weather,
)
from tests.simulation.kernel import Kernel, TrueClock

EVIDENCE_SECONDS = 180.0
"""Policy.evidence_window: an order that surfaces later than this was proven absent before."""
_TOO_LATE = "order.surfaces_after_the_window"


class Observer(Protocol):
    """Sees everything that enters the exchange's record, as it happens."""

    def placed(self, account: MemoryAccount, order: MemoryOrder, *, by_hand: bool) -> None:
        """An order has entered the book, or is on its way into it."""
        ...

    def executed(self, order: MemoryOrder, execution: Execution) -> None:
        """A trade has happened, or will at `execution.at` unless the order is cancelled before."""
        ...

    def changed(self, order: MemoryOrder) -> None:
        """An order was modified or cancelled."""
        ...

    def ended(self, order: MemoryOrder) -> None:
        """The exchange has rejected what waited, or cancelled what rested, by itself."""
        ...


class SimulatedExchange(MemoryExchange):
    """Decides each command's fate when it arrives."""

    def __init__(self, kernel: Kernel, weather: Weather, prices: dict[str, Decimal]) -> None:
        super().__init__(TrueClock(kernel), prices)
        self._kernel = kernel
        self._weather = weather
        self.observer: Observer | None = None
        self.storm = False
        """Whether the rate limit turns nearly everything away."""
        self._resting: dict[str, list[MemoryOrder]] = {}
        self._is_by_hand = False
        self.is_closed = False
        """Whether the session is over: the exchange takes no orders, and none rests any more."""

    # --- fates --------------------------------------------------------------------------------------

    def next_fate(self, ticket: OrderTicket | None = None, *, is_cancel: bool = False) -> Fate:
        """What becomes of the command that has just arrived."""
        if self.is_closed and not is_cancel:
            return refuses("INPUT", "Markets are closed right now.", retryable=False)
        if self.storm and not self._weather.is_over and self._kernel.random.random() < 0.8:
            return throttles()
        name = self._weather.pick(CANCEL_FATES if is_cancel else self._names(ticket))
        if name is None:
            return trades()
        self._kernel.say(f"FAULT {name}")
        return _COMMANDS[name.partition(".")[2]] if is_cancel else self._order_fate(name, ticket)

    def _names(self, ticket: OrderTicket | None) -> tuple[str, ...]:
        """What can become of an order."""
        assert ticket is not None
        if ticket.trigger_price is not None:
            return STOP_FATES
        names = self._possible(ORDER_FATES, ticket.quantity)
        # An exit that surfaces after it was proven absent sells twice, whatever anybody does: no software can know of
        # it. An entry can be, and is, sold again. So only entries are that late here.
        return names if ticket.side is Side.BUY else tuple(name for name in names if name != _TOO_LATE)

    def next_change(self) -> Fate:
        """What becomes of the change that has just arrived."""
        if self.is_closed:
            return refuses("INPUT", "Markets are closed right now.", retryable=False)
        if self.storm and not self._weather.is_over and self._kernel.random.random() < 0.8:
            return throttles()
        name = self._weather.pick(CHANGE_FATES)
        if name is None:
            return trades()
        self._kernel.say(f"FAULT {name}")
        return _COMMANDS[name.partition(".")[2]]

    def next_firing(self, order: MemoryOrder) -> Fate:
        """What becomes of a stop order now that its trigger is reached, or that it was asked to sell at once."""
        is_turned = order.ticket.trigger_price is None
        name = self._weather.pick(self._possible(TURN_FATES if is_turned else TRIGGER_FATES, order.ticket.quantity))
        if name is None:
            return trades()
        self._kernel.say(f"FAULT {name}")
        what = name.partition(".")[2]
        return rejects("The exchange does not take it.") if what == "rejected" else self._partial(what, order.ticket)

    def _possible(self, names: tuple[str, ...], quantity: int) -> tuple[str, ...]:
        """One share is filled or is not."""
        return names if quantity > 1 else tuple(name for name in names if "part" not in name)

    def _partial(self, what: str, ticket: OrderTicket) -> Fate:
        """An order that does not trade all at once."""
        quantity, random = ticket.quantity, self._kernel.random
        match what:
            case "rests":
                return rests()
            case "fills_in_parts":
                first = random.randint(1, quantity - 1)
                return fills((random.uniform(0, 2), first), (random.uniform(2, 20), quantity - first))
            case "partly_then_cancelled":
                after = random.uniform(0, 3)
                return fills((after, random.randint(1, quantity - 1)), cancelled_after=after + random.uniform(0, 5))
            case _:
                return fills((random.uniform(0, 3), random.randint(1, quantity - 1)))

    def _order_fate(self, name: str, ticket: OrderTicket | None) -> Fate:
        assert ticket is not None
        random = self._kernel.random
        match name:
            case "order.refused":
                return refuses()
            case "order.refused_finally":
                return refuses("INPUT", "No.", retryable=False)
            case "order.rejected":
                return rejects()
            case "order.throttled":
                return throttles()
            case "order.not_sent":
                return not_sent()
            case "order.placed_answer_lost":
                return loses(placed=True, then=self._ending(ticket))
            case "order.not_placed_answer_lost":
                return loses(placed=False)
            case "order.surfaces_late":
                # Seen: 83 s. Anything inside the evidence window must be waited for.
                late = random.uniform(0.5, 100.0 if random.random() < 0.9 else EVIDENCE_SECONDS - 30)
                return loses(placed=True, appears_after=late, then=self._ending(ticket))
            case "order.surfaces_after_the_window":
                return loses(placed=True, appears_after=random.uniform(EVIDENCE_SECONDS + 30, 300.0))
            case _:
                return self._partial(name.partition(".")[2], ticket)

    def _ending(self, ticket: OrderTicket | None) -> Fate:
        """How an order fares whose answer was lost."""
        mark = self._kernel.random.random()
        if mark < 0.7 or ticket is None or ticket.trigger_price is not None:
            return trades()
        quantity = ticket.quantity
        return rests() if mark < 0.85 else fills((self._kernel.random.uniform(0, 3), max(1, quantity // 2)))

    # --- the record ---------------------------------------------------------------------------------

    def open_account(self, *, cash: Decimal = Decimal(1_000_000_000)) -> BrokerCredentials:
        """A new trader, logged in."""
        return super().open_account(cash=cash)

    def place(self, account: MemoryAccount, ticket: OrderTicket, fate: Fate) -> MemoryOrder:
        """Take an order into the book."""
        return self._take(account, ticket, fate, by_hand=False)

    def place_by_hand(self, api_key: str, ticket: OrderTicket) -> MemoryOrder:
        """The trader's own order, from the broker's app."""
        return self._take(self._accounts[api_key], ticket, trades(), by_hand=True)

    def _take(self, account: MemoryAccount, ticket: OrderTicket, fate: Fate, *, by_hand: bool) -> MemoryOrder:
        self._is_by_hand = by_hand
        order = super().place(account, ticket, replace(fate, refusal=None))
        if not order.executions and not order.is_scripted and order.rejection is None:
            self._resting.setdefault(f"{ticket.exchange}:{ticket.symbol}", []).append(order)
        return order

    def _opened(self, account: MemoryAccount, order: MemoryOrder) -> None:
        if self.observer is not None:
            self.observer.placed(account, order, by_hand=self._is_by_hand)

    def _execute(self, order: MemoryOrder, quantity: int, at: object) -> None:
        before = len(order.executions)
        super()._execute(order, quantity, at)  # type: ignore[arg-type]
        if self.observer is not None and len(order.executions) > before:
            self.observer.executed(order, order.executions[-1])

    def _script(self, order: MemoryOrder, fate: Fate, at: datetime) -> None:
        super()._script(order, fate, at)
        ended_at = order.rejected_at or order.cancelled_at
        if ended_at is not None:
            self._kernel.at(self._kernel.micros_of(ended_at), lambda: self._has_ended(order))

    def _has_ended(self, order: MemoryOrder) -> None:
        if self.observer is not None and order.status(self.clock.now()).is_terminal:
            self.observer.ended(order)

    def change(self, order: MemoryOrder, ticket: OrderTicket) -> None:
        """Replace the terms of a working order."""
        super().change(order, ticket)
        if self.observer is not None:
            self.observer.changed(order)

    def cancel(self, order: MemoryOrder) -> None:
        """Let what is not executed yet never be."""
        super().cancel(order)
        if self.observer is not None:
            self.observer.changed(order)

    def close(self) -> None:
        """The end of the session. Orders that are still on their way never arrive."""
        self.is_closed = True
        now = self.clock.now()
        for order in self.all_orders():
            if order.placed_at > now:
                order.executions.clear()
                order.rejection = "Markets are closed right now."
            elif not order.status(now).is_terminal:
                self.cancel(order)

    def begin_day(self) -> None:
        """The next session: it takes orders, and its book shows none of those before."""
        self.is_closed = False
        self.wiped_at = self.clock.now()

    def set_price(self, symbol: str, price: Decimal, exchange: str = "NSE") -> None:
        """Move the market; resting orders that can trade now do."""
        name = f"{exchange}:{symbol}"
        self.prices[name] = price
        resting = self._resting.get(name)
        if resting:
            now = self.clock.now()
            for order in resting:
                self._match(order)
            self._resting[name] = [order for order in resting if not order.status(now).is_terminal]


_COMMANDS = {
    "throttled": throttles(),
    "refused": refuses(),
    "done_answer_lost": loses(placed=True),
    "lost": loses(placed=False),
}
