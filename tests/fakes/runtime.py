"""ports.Runtime in memory."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from algotrading.adapters import redis_keys as keys
from algotrading.contracts.messages import StopChange
from algotrading.domain.candles import Candle, MinuteCandle
from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import LockBusy, RedisDown
from algotrading.domain.rates import Window, first_free, granted
from algotrading.domain.sessions import IST
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Strategy
from algotrading.ports import Clock, LastPrice
from tests.fakes.clock import VirtualClock


class MemoryRuntime:
    """ports.Runtime in memory. Set `is_down` to take the store away; `lose_everything` empties it."""

    def __init__(self, clock: Clock | None = None, new_token: Callable[[], str] = lambda: uuid4().hex) -> None:
        self._clock = clock or VirtualClock()
        self._new_token = new_token
        self._turn = threading.Lock()
        self.is_down = False
        self.lose_everything()

    def lose_everything(self) -> None:
        """Forget every key, as a store that was replaced."""
        self.hashes: dict[str, dict[str, str]] = {}
        self.members: defaultdict[str, set[str]] = defaultdict(set)
        self.changes: list[StopChange] = []
        self.requests: defaultdict[str, Counter[tuple[str, int, int]]] = defaultdict(Counter)
        """Places taken, by account, then bucket, length and index of a window."""
        self._candles: dict[tuple[str, str], dict[datetime, Candle]] = {}
        """By exchange and symbol, then by minute."""
        self._hints: dict[UUID, datetime] = {}
        self._locks: dict[UUID, tuple[str, datetime]] = {}

    def lock(self, strategy_id: UUID, *, seconds: float) -> str:
        """See ports.Runtime."""
        self._reach()
        with self._turn:
            if self._is_locked(strategy_id):
                raise LockBusy(f"another worker holds strategy {strategy_id}")
            token = self._new_token()
            self._locks[strategy_id] = (token, self._clock.now() + timedelta(seconds=seconds))
            self._mirror_lock(strategy_id, locked=True)
        return token

    def unlock(self, strategy_id: UUID, token: str) -> None:
        """See ports.Runtime."""
        self._reach()
        with self._turn:
            if self._is_locked(strategy_id) and self._locks[strategy_id][0] == token:
                del self._locks[strategy_id]
                self._mirror_lock(strategy_id, locked=False)

    def put_strategy(self, strategy: Strategy) -> None:
        """See ports.Runtime."""
        self._reach()
        before = self.hashes.get(keys.strategy_key(strategy.strategy_id))
        if before:
            self.members[keys.symbol_key(before["symbol"])].discard(str(strategy.strategy_id))
        if strategy.is_running:
            self.members[keys.symbol_key(strategy.plan.symbol)].add(str(strategy.strategy_id))
        self.hashes[keys.strategy_key(strategy.strategy_id)] = keys.strategy_fields(strategy)

    def put_cycle(self, cycle: Cycle) -> None:
        """See ports.Runtime."""
        self._reach()
        price = self.hashes.get(keys.price_key(cycle.plan.symbol), {}).get("price", "")
        locked = "true" if self._is_locked(cycle.strategy_id) else "false"
        self.hashes[keys.runtime_key(cycle.strategy_id)] = {
            **keys.cycle_fields(cycle),
            "last_price": price,
            "lock_state": locked,
        }

    def put_price(self, symbol: str, price: Decimal, at: datetime) -> None:
        """Write `price:{symbol}`, and `last_price` of every strategy that trades the symbol, unless a newer one is
        there."""
        self._reach()
        there = keys.read_price(self.hashes.get(keys.price_key(symbol), {}))
        if there is not None and timedelta(0) < there.at - at <= timedelta(seconds=10):
            return
        self.hashes[keys.price_key(symbol)] = keys.price_fields(price, at)
        for strategy_id in self.members[keys.symbol_key(symbol)]:
            runtime = self.hashes.get(keys.runtime_key(strategy_id))
            if runtime is not None:
                runtime["last_price"] = keys.decimal_text(price)

    def forget(self, strategy: Strategy) -> None:
        """See ports.Runtime."""
        self._reach()
        self.hashes.pop(keys.strategy_key(strategy.strategy_id), None)
        self.hashes.pop(keys.runtime_key(strategy.strategy_id), None)
        self.members[keys.symbol_key(strategy.plan.symbol)].discard(str(strategy.strategy_id))

    def read_strategies(self, strategy_ids: Sequence[UUID]) -> Sequence[Mapping[str, str]]:
        """See ports.Runtime."""
        self._reach()
        return [dict(self.hashes.get(keys.strategy_key(strategy_id), {})) for strategy_id in strategy_ids]

    def read_cycles(self, strategy_ids: Sequence[UUID]) -> Sequence[Mapping[str, str]]:
        """See ports.Runtime."""
        self._reach()
        return [dict(self.hashes.get(keys.runtime_key(strategy_id), {})) for strategy_id in strategy_ids]

    def last_price(self, symbol: str) -> LastPrice | None:
        """See ports.Runtime."""
        self._reach()
        return keys.read_price(self.hashes.get(keys.price_key(symbol), {}))

    def last_prices(self, symbols: Collection[str]) -> Mapping[str, LastPrice]:
        """See ports.Runtime."""
        self._reach()
        prices = {symbol: self.last_price(symbol) for symbol in symbols}
        return {symbol: price for symbol, price in prices.items() if price is not None}

    def put_candles(self, candles: Sequence[MinuteCandle]) -> None:
        """Write candles, all of the same minute, as watchers do."""
        self._reach()
        for one in candles:
            kept = self._candles.setdefault((one.exchange, one.symbol), {})
            minute = one.minute.astimezone(IST)
            if minute not in kept or one.ticks > kept[minute].ticks:
                kept[minute] = Candle(minute, one.open, one.high, one.low, one.close, one.ticks)

    def day_candles(self, exchange: str, symbol: str, day: date) -> Sequence[Candle]:
        """See ports.Runtime."""
        self._reach()
        if day != self._clock.now().astimezone(IST).date():
            return []
        kept = self._candles.get((exchange, symbol), {})
        return [kept[minute] for minute in sorted(kept) if minute.date() == day]

    def announce(self, change: StopChange) -> None:
        """See ports.Runtime."""
        self._reach()
        self.changes.append(change)

    def book_hint(self, strategy_id: UUID, now: datetime, interval: timedelta) -> timedelta | None:
        """See ports.Runtime."""
        self._reach()
        with self._turn:
            latest = self._hints.get(strategy_id, now - interval)
            if latest > now:
                return None
            self._hints[strategy_id] = at = max(now, latest + interval)
        return at - now

    def sight(self) -> Sight | None:
        """See ports.Runtime."""
        self._reach()
        return keys.read_sight(self.hashes.get(keys.SIGHT, {}))

    def report_sight(self, now: datetime, since: datetime | None = None) -> None:
        """A watcher sees at this moment, and has without a break since `since`."""
        self._reach()
        with self._turn:
            before = keys.read_sight(self.hashes.get(keys.SIGHT, {}))
            after = Sight(now, timedelta(0)) if before is None else before.with_report(now, since)
            self.hashes[keys.SIGHT] = keys.sight_fields(after)

    def reserve(
        self, account: str, wanted: datetime, windows: tuple[Window, ...], *, until: datetime, margin: timedelta
    ) -> datetime | None:
        """See ports.Runtime."""
        self._reach()
        with self._turn:
            used = self.requests[account]
            second = first_free(int(wanted.timestamp()), int(until.timestamp()), windows, used)
            if second >= 0:
                for window in windows:
                    used[window.bucket, window.seconds, window.index(second)] += window.cost
        return granted(wanted, second, margin)

    def _reach(self) -> None:
        if self.is_down:
            raise RedisDown("the runtime store did not answer")

    def _is_locked(self, strategy_id: UUID) -> bool:
        return strategy_id in self._locks and self._clock.now() < self._locks[strategy_id][1]

    def _mirror_lock(self, strategy_id: UUID, *, locked: bool) -> None:
        runtime = self.hashes.get(keys.runtime_key(strategy_id))
        if runtime is not None:
            runtime["lock_state"] = "true" if locked else "false"
