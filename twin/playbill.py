"""What the reader sees while a session is played: a line for each step, and on a terminal a live table."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from uuid import UUID

from rich import box
from rich.live import Live
from rich.table import Table

from twin.console import Narrator, clock_time
from twin.ledger import Ledger, LedgerOrder, LedgerStrategy
from twin.script import Part

_ENDS = {"flat": "green", "failed": "yellow"}


class Playbill:
    """Follows the ledger and tells what is new in it."""

    def __init__(self, narrator: Narrator, parts: Mapping[UUID, Part]) -> None:
        self._narrator = narrator
        self._parts = parts
        self._ledger = Ledger({}, ())
        self._told: set[tuple[str, str]] = set()
        self._live: Live | None = None
        self._changed = asyncio.Event()

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table while the block runs; only lines where there is no terminal."""
        if not self._narrator.console.is_terminal:
            with self._narrator.in_order():
                yield
            return
        with (
            Live(self._table(), console=self._narrator.console, refresh_per_second=10) as live,
            self._narrator.in_order(),
        ):
            self._live = live
            yield
        self._live = None

    def state(self, strategy_id: UUID) -> str | None:
        """The state of the strategy's cycle, None before there is one."""
        strategy = self._ledger.strategies.get(strategy_id)
        return strategy.state if strategy else None

    async def wait_for(self, strategy_id: UUID, is_reached: Callable[[str | None], bool]) -> None:
        """Wait until the state of the strategy's cycle is one that is wanted."""
        while not is_reached(self.state(strategy_id)):
            await self._changed.wait()

    def entered_at(self, strategy_id: UUID) -> datetime:
        """When the strategy's entry left."""
        orders = (order for order in self._ledger.orders if order.strategy_id == strategy_id)
        return next(order.sent_at for order in orders if order.leg == "entry" and order.sent_at)

    def symbol(self, strategy_id: UUID) -> str:
        """What the strategy trades."""
        return self._parts[strategy_id].market.symbol

    def update(self, ledger: Ledger) -> None:
        """Show a new reading."""
        self._ledger = ledger
        self._changed.set()
        self._changed = asyncio.Event()
        for order in ledger.orders:
            for step, text in _steps(order):
                known = {"sent": order.sent_at, "turned": order.turned_at}
                at = known.get(step) or datetime.now(UTC)
                self._tell_once(order.tag, step, at, f"{order.symbol:<10} {text}")
        for strategy in ledger.strategies.values():
            if strategy.is_over:
                text = f"{strategy.symbol:<10} {_ending(strategy)}"
                self._tell_once(str(strategy.strategy_id), "over", datetime.now(UTC), text)
        self._narrator.print_settled()
        if self._live is not None:
            self._live.update(self._table())

    def _tell_once(self, subject: str, step: str, at: datetime, text: str) -> None:
        if (subject, step) not in self._told:
            self._told.add((subject, step))
            self._narrator.tell(at, text)

    def _table(self) -> Table:
        table = Table(
            "strategy",
            "symbol",
            "state",
            "bought",
            "sold",
            "last order",
            "left at",
            title="Trading session",
            box=box.SIMPLE,
        )
        for strategy_id, part in self._parts.items():
            strategy = self._ledger.strategies.get(strategy_id)
            orders = [order for order in self._ledger.orders if order.strategy_id == strategy_id]
            last = orders[-1] if orders else None
            state = (strategy.state if strategy else None) or "waiting"
            table.add_row(
                part.role,
                part.market.symbol,
                f"[{_ENDS.get(state, 'cyan')}]{state}[/]",
                str(sum(order.filled for order in orders if order.leg == "entry")),
                str(sum(order.filled for order in orders if order.side == "SELL")),
                f"{last.side} {last.quantity} {last.broker_status or last.state}" if last else "",
                clock_time(last.sent_at) if last and last.sent_at else "",
            )
        return table


def _steps(order: LedgerOrder) -> Iterator[tuple[str, str]]:
    """What has happened to an order so far, as keys and texts."""
    name = f"{order.side} {order.quantity}" + (f", attempt {order.attempt}" if order.attempt > 1 else "")
    if order.leg == "stop":
        name = f"stop order {name}"
        if order.broker_order_id is not None and order.trigger_price is not None:
            yield "rests", f"{name}: rests at the exchange, to sell at {order.trigger_price.normalize():f} or below"
        if order.turned_at is not None:
            yield "turned", f"{name}: is the exit now"
    elif order.sent_at is not None:
        yield "sent", f"{name}: {_released(order, order.sent_at)}"
    if order.filled:
        yield f"filled {order.filled}", f"{name}: {order.filled} filled at {order.average_price.normalize():f}"
    if order.state == "refused" or order.broker_status in {"REJECTED", "CANCELLED"}:
        yield "ended", f"{name}: {(order.broker_status or order.state).lower()}: {order.message}"


def _released(order: LedgerOrder, sent_at: datetime) -> str:
    if order.attempt > 1:
        return "tried again after a pause"
    late = (sent_at - (order.cause_at or order.due_at)).total_seconds() * 1000
    since = "after the tick" if order.cause_at else "after its instant" if order.is_scheduled else "after the command"
    return f"released {late:+.1f} ms {since}"


def _ending(strategy: LedgerStrategy) -> str:
    why = f" ({strategy.note or strategy.stop_reason})" if strategy.note or strategy.stop_reason else ""
    return f"is {strategy.state}{why}"
