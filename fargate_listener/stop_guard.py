"""Armed stops against the stream of prices: when a stop is hit, and when to say so again."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from typing import NamedTuple
from uuid import UUID

from algotrading.contracts.messages import StopChange
from fargate_listener.counters import Counters
from fargate_listener.durations import Spread
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_index import Fall, StopIndex
from fargate_listener.wire_prices import decimals_of, to_wire_stop

REPEAT_SECONDS = 5.0
"""A stop that stays armed below its price is reported again this often: whoever failed is asked again."""
REPEATED_AT_ONCE = 40
"""About 0.3 ms: ticks wait for no longer, though thousands of stops may return at once."""
SAMPLED_READS = 17
"""Of so many reads one is timed. A prime: the feed's own rhythm does not choose which."""


class Hit(NamedTuple):
    """A price reached an armed stop."""

    stop: StopChange
    wire_price: int
    received: float
    """Monotonic instant at which the tick's frame was received."""

    @property
    def at_risk(self) -> int:
        """What the position is worth, in paise: the larger, the sooner it must go. Not what it has lost since its
        entry, (entry - stop) x quantity: that is lost in whatever order positions leave. What waiting may still cost
        grows with what is still held, and a price that falls on takes its share of each rupee of it."""
        a_rupee: int = 10 ** decimals_of(self.stop.instrument_token)
        return self.stop.quantity * self.wire_price * 100 // a_rupee


_new_hit: Callable[[tuple[StopChange, int, float]], Hit] = partial(tuple.__new__, Hit)
"""In half the time: thousands may be made while ticks wait."""


@dataclass(slots=True)
class _Guarded:
    change: StopChange
    wire_stop: int


class StopGuard:
    """Level test on every tick: `price <= stop_loss` of an armed strategy is a hit, handed to `report`.

    A hit stop leaves the index, so a falling market costs one hit per strategy and not one per tick; it
    returns after `REPEAT_SECONDS` for as long as the strategy is armed. Nothing here blocks or raises
    for what the feed sends.
    """

    def __init__(
        self,
        *,
        table: MarketTable,
        report: Callable[[Sequence[Hit]], None],
        counters: Counters,
        decisions: Spread | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`report` hears of the hits of one read at once. `decisions` takes how long the evaluation of a read took,
        by the clock `monotonic` that says when it came."""
        self._table = table
        table.on_event = self._reached
        self._index = StopIndex(table)
        self._report = report
        self._counters = counters
        self._keys: dict[UUID, int] = {}
        self._new_keys = count()
        self._guarded: dict[int, _Guarded] = {}
        self._resting: dict[int, float] = {}
        """Hit strategies, and when they return to the index. In order of return: the rest is constant."""
        self._hits: list[Hit] = []
        self._repeated: list[Hit] = []
        """Of strategies that have rested, as long as others that have are still to be looked at."""
        self._void: set[UUID] = set()
        """Those whose stop was moved or is guarded no longer since."""
        self._received = 0.0
        self._decisions = decisions if decisions is not None else Spread()
        self._monotonic = monotonic
        self._untimed = SAMPLED_READS

    @property
    def armed(self) -> int:
        """Strategies guarded now, hit or not."""
        return len(self._guarded)

    @property
    def armed_strategies(self) -> frozenset[UUID]:
        """Those strategies."""
        return frozenset(self._keys)

    def guards(self, strategy_id: UUID) -> bool:
        """Whether a strategy is guarded now, hit or not."""
        return strategy_id in self._keys

    def stop_of(self, strategy_id: UUID) -> StopChange | None:
        """The stop by which a strategy is guarded now."""
        key = self._keys.get(strategy_id)
        return None if key is None else self._guarded[key].change

    def watch(self, token: int) -> None:
        """Keep the prices of an instrument from now on. What an earlier subscription left says nothing any more."""
        self._table.unwatch(token)
        self._table.watch(token)

    def unwatch(self, token: int) -> None:
        """Keep nothing of an instrument."""
        self._table.unwatch(token)

    def arm(self, change: StopChange, now: float) -> None:
        """Guard a strategy from now on, also against the price already known. Saying the same again
        changes nothing; another stop, instrument or day starts afresh."""
        token = change.instrument_token
        guarded = _Guarded(change, to_wire_stop(token, change.stop_loss))
        key = self._keys.get(change.strategy_id)
        if key is None:
            key = self._keys[change.strategy_id] = next(self._new_keys)
        elif self._guarded[key] == guarded:
            return
        self._forget_repeated(change.strategy_id)
        self._guarded[key] = guarded
        self._resting.pop(key, None)
        self._watch(key, guarded, now)
        self._tell()

    def disarm(self, strategy_id: UUID) -> None:
        """Guard a strategy no longer."""
        key = self._keys.pop(strategy_id, None)
        if key is not None:
            del self._guarded[key]
            self._resting.pop(key, None)
            self._index.disarm(key)
            self._forget_repeated(strategy_id)

    def forget_prices(self, tokens: Sequence[int] | None = None) -> None:
        """Known prices of `tokens` (all by default) may be old: only a new tick says where the market stands."""
        self._table.forget_prices(tokens)

    def on_frames(self, frames: Sequence[bytes], received: float) -> None:
        """Evaluate the frames of one read, received at this monotonic instant."""
        self._received = received
        self._table.on_frames(frames)
        if self._hits:
            self._tell()
        self._untimed -= 1
        if not self._untimed:
            self._untimed = SAMPLED_READS
            self._decisions.add(self._monotonic() - received)

    def repeat(self, now: float) -> bool:
        """Return a portion of the rested strategies to the index, and say whether more have rested: whoever calls lets
        ticks pass and calls again. Those still below their stop are reported together when all are back, so that the
        most at risk of them leaves first."""
        for key, until in list(islice(self._resting.items(), REPEATED_AT_ONCE)):
            if until > now:
                break
            del self._resting[key]
            self._watch(key, self._guarded[key], now)
        self._repeated += self._hits
        self._hits = []
        if next(iter(self._resting.values()), math.inf) <= now:
            return True
        # Only where there is something to leave out: this looks at all of them at once.
        void, self._void = self._void, set()
        self._hits = [hit for hit in self._repeated if hit.stop.strategy_id not in void] if void else self._repeated
        self._repeated = []
        self._tell()
        return False

    def _forget_repeated(self, strategy_id: UUID) -> None:
        if self._repeated:
            self._void.add(strategy_id)

    def _watch(self, key: int, guarded: _Guarded, now: float) -> None:
        token = guarded.change.instrument_token
        self._index.arm(key, token, Fall(guarded.wire_stop))
        price = self._table.latest(token)
        if price is not None and price <= guarded.wire_stop:
            self._received = now
            self._hit(token, price)

    def _reached(self, slot: int, price: int) -> None:
        self._hit(self._table.token_of(slot), price)

    def _hit(self, token: int, price: int) -> None:
        received, guarded = self._received, self._guarded
        keys = self._index.advance(token, price)
        self._resting.update(dict.fromkeys(keys, received + REPEAT_SECONDS))
        self._hits += [_new_hit((guarded[key].change, price, received)) for key in keys]

    def _tell(self) -> None:
        hits, self._hits = self._hits, []
        if hits:
            self._counters.hits += len(hits)
            self._report(hits)
