"""Where a strategy stands: what the ledger says, with the live price beside it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from algotrading.domain.cycle import Cycle, CycleState, Intent, Position
from algotrading.domain.errors import CalendarMissing, NotFound, RequestInvalid
from algotrading.domain.instruments import Instrument
from algotrading.domain.naked import naked_until
from algotrading.domain.orders import Fill, Side
from algotrading.domain.profit import Profit, profit_of
from algotrading.domain.sessions import IST, EffectiveExit, SessionTable, instant_of, trading_day_of
from algotrading.domain.strategy import Strategy
from algotrading.ports import Clock, Instruments, LastPrice, Ledger, OrderLog, Strategies
from algotrading.services.live_prices import LivePrices

logger = logging.getLogger(__name__)
_PAISA = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Standing:
    """One strategy at one moment. `cycle` is the newest that is still open, else today's."""

    strategy: Strategy
    cycle: Cycle | None
    price: LastPrice | None
    effective_exit: EffectiveExit | None
    """None when the instrument is not in today's dump or has no session."""
    next_buy_at: datetime | None
    next_sell_at: datetime | None
    note: str | None
    naked: timedelta | None
    """How long something was held that nothing guarded, up to `as_of`; None without a cycle."""
    as_of: datetime

    @property
    def position(self) -> Position:
        """none, bought or sold."""
        return self.cycle.position if self.cycle else Position.NONE

    @property
    def profit(self) -> Profit | None:
        """The cycle's result at the live price; None before anything was bought."""
        if self.cycle is None or not self.cycle.bought:
            return None
        return profit_of(self.cycle, self.price.price if self.price else None)

    @property
    def resting_stop(self) -> Intent | None:
        """The stop order that rests at the broker, as far as its book was read."""
        return next((intent for intent in self.cycle.intents if intent.rests), None) if self.cycle else None

    def average_price(self, side: Side) -> Decimal | None:
        """Average price of what was bought or sold, to the paisa; None when nothing was."""
        intents = [i for i in self.cycle.intents if i.side is side and i.filled] if self.cycle else []
        filled = sum(intent.filled for intent in intents)
        value = sum((intent.filled * intent.average_price for intent in intents), Decimal(0))
        return (value / filled).quantize(_PAISA) if filled else None


@dataclass(frozen=True, slots=True)
class OrderHistory:
    """What was said about a strategy's orders, what they bought and sold, and how they stand now; oldest first."""

    logs: Sequence[OrderLog]
    fills: Sequence[Fill]
    orders: Sequence[Intent]


@dataclass(frozen=True, slots=True)
class StrategyReader:
    """Answers what owners ask about their strategies."""

    strategies: Strategies
    ledger: Ledger
    instruments: Instruments
    prices: LivePrices
    clock: Clock
    table: SessionTable

    def all(self, user_id: UUID) -> Sequence[tuple[Strategy, EffectiveExit | None]]:
        """The user's strategies, oldest first, each with when it will really sell on the next trading day,
        as far as that is known."""
        strategies = self.strategies.list_for(user_id)
        try:
            day = self.table.next_trading_day(trading_day_of(self.clock.now()))
        except CalendarMissing as missing:
            logger.warning("%s", missing.message)
            return [(strategy, None) for strategy in strategies]
        names = {(strategy.plan.exchange, strategy.plan.symbol) for strategy in strategies}
        known = {name: self.instruments.find(*name) for name in names}
        return [
            (strategy, self._effective_exit(strategy, known[strategy.plan.exchange, strategy.plan.symbol], day))
            for strategy in strategies
        ]

    def page(
        self, user_id: UUID, *, limit: int | None, after: UUID | None
    ) -> tuple[Sequence[tuple[Strategy, EffectiveExit | None]], UUID | None]:
        """`limit` strategies, oldest first, that come after the named one, and the last one's identifier where more
        follow.

        Raises:
            RequestInvalid: the user has no such strategy (any more).
        """
        every = self.all(user_id)
        ids = [strategy.strategy_id for strategy, _ in every]
        if after is not None and after not in ids:
            raise RequestInvalid("the cursor names no strategy any more: begin again without it")
        start = 0 if after is None else ids.index(after) + 1
        end = len(every) if limit is None else start + limit
        return every[start:end], ids[end - 1] if end < len(every) else None

    def read(self, user_id: UUID, strategy_id: UUID) -> tuple[Strategy, EffectiveExit | None]:
        """A strategy and when it will really sell on the next trading day.

        Raises:
            NotFound: no such strategy of this user.
            CalendarMissing: there is no session data for the next trading day.
        """
        strategy = self.strategies.get(user_id, strategy_id)
        instrument = self.instruments.find(strategy.plan.exchange, strategy.plan.symbol)
        day = self.table.next_trading_day(trading_day_of(self.clock.now()))
        return strategy, self._effective_exit(strategy, instrument, day)

    def find_instruments(self, text: str, limit: int) -> Sequence[tuple[Instrument, LastPrice | None]]:
        """Instruments by symbol or name, best first, each with its latest price where one was seen."""
        found = self.instruments.search(text, limit)
        last = self.prices.last_of({one.tradingsymbol for one in found})
        return [(one, last.get(one.tradingsymbol)) for one in found]

    def orders(self, user_id: UUID, strategy_id: UUID) -> OrderHistory:
        """The order log and the fills of a strategy, also of one that its owner has deleted.

        Raises:
            NotFound: no such strategy, and never was one, of this user.
        """
        if not self.strategies.is_owned(user_id, strategy_id):
            raise NotFound("no such strategy")
        ledger = self.ledger
        return OrderHistory(
            logs=ledger.logs(user_id, strategy_id),
            fills=ledger.fills(user_id, strategy_id),
            orders=ledger.orders(user_id, strategy_id),
        )

    def standing(self, user_id: UUID, strategy_id: UUID) -> Standing:
        """Where the strategy stands now. Raises NotFound. Without Redis the live price is missing, and
        everything else is answered all the same."""
        strategy = self.strategies.get(user_id, strategy_id)
        now = self.clock.now()
        cycle = self._cycle_of_interest(strategy, now)
        instrument = self.instruments.find(strategy.plan.exchange, strategy.plan.symbol)
        effective = self._effective_exit(strategy, instrument, cycle.trading_day if cycle else trading_day_of(now))
        next_buy, next_sell = self._next_instants(strategy, effective, cycle, now)
        return Standing(
            strategy=strategy,
            cycle=cycle,
            price=self.prices.last(strategy.plan.symbol),
            effective_exit=effective,
            next_buy_at=next_buy,
            next_sell_at=next_sell,
            note=_note(cycle, next_buy),
            naked=self._naked(cycle, now) if cycle else None,
            as_of=now,
        )

    def _naked(self, cycle: Cycle, now: datetime) -> timedelta:
        return naked_until(cycle, now, self.prices.sight() if cycle.open_quantity > 0 else None)

    def _cycle_of_interest(self, strategy: Strategy, now: datetime) -> Cycle | None:
        unsettled = self.ledger.unsettled(strategy.user_id, strategy.strategy_id)
        armed = [cycle for cycle in unsettled if cycle.is_armed]
        if armed:
            return armed[-1]
        latest = self.ledger.latest(strategy.user_id, strategy.strategy_id)
        return latest if latest is not None and latest.trading_day == trading_day_of(now) else None

    def _effective_exit(self, strategy: Strategy, instrument: Instrument | None, day: date) -> EffectiveExit | None:
        hours = self.table.hours(day, instrument) if instrument else None
        return hours.effective_exit(strategy.plan.sell_time, strategy.plan.product) if hours else None

    def _next_instants(
        self, strategy: Strategy, effective: EffectiveExit | None, cycle: Cycle | None, now: datetime
    ) -> tuple[datetime | None, datetime | None]:
        """The next BUY and the next SELL; a SELL in the past is overdue and being carried out."""
        open_day = cycle.trading_day if cycle and cycle.is_armed else None
        buy_day = None
        if strategy.is_running:
            today = trading_day_of(now)
            begun = cycle is not None and cycle.trading_day == today and cycle.state is not CycleState.IDLE
            still_today = not begun and now < instant_of(today, strategy.plan.buy_time)
            try:
                buy_day = self.table.next_trading_day(today if still_today else today + timedelta(days=1))
            except CalendarMissing as missing:
                # The year's end, before next year's holidays are published: there is no next day to name.
                logger.warning("%s", missing.message)
        sell_day = open_day or buy_day
        return (
            instant_of(buy_day, strategy.plan.buy_time) if buy_day else None,
            instant_of(sell_day, effective.at) if sell_day and effective else None,
        )


def _note(cycle: Cycle | None, next_buy: datetime | None) -> str | None:
    if cycle is not None and cycle.note is not None:
        return cycle.note
    if next_buy is None or (cycle is not None and cycle.is_armed):
        return None
    return f"buys next on {next_buy.astimezone(IST):%A %d %B %Y at %H:%M:%S} IST"
