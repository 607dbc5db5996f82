"""What PostgreSQL says the watcher should know: read at start, and again and again to repair the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from algotrading.contracts.messages import StopChange
from algotrading.domain.cycle import Cycle
from algotrading.domain.sessions import trading_day_of
from algotrading.domain.strategy import Plan, Strategy
from algotrading.ports import Clock, Instruments, Ledger, Strategies

_TOKENS_KEPT = timedelta(minutes=10)
"""The day's instrument dump may bring new tokens while the watcher runs."""
_UNKNOWN = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every strategy to be watched; `unknown` are those whose instrument is not in the broker's dump."""

    day: date
    """Today, Asia/Kolkata."""
    changes: dict[UUID, StopChange]
    unknown: dict[UUID, str]


class Truth:
    """Reads the snapshot. Blocking: belongs in a thread, one reading at a time."""

    def __init__(self, *, strategies: Strategies, ledger: Ledger, instruments: Instruments, clock: Clock) -> None:
        self._strategies = strategies
        self._ledger = ledger
        self._instruments = instruments
        self._clock = clock
        self._tokens: dict[tuple[str, str], int] = {}
        self._tokens_expire = clock.now()

    def read(self) -> Snapshot:
        """Running strategies and armed cycles, as StopChanges."""
        if self._clock.now() >= self._tokens_expire:
            self._tokens = {}
            self._tokens_expire = self._clock.now() + _TOKENS_KEPT
        running = {strategy.strategy_id: strategy for strategy in self._strategies.running()}
        armed = sorted((c for c in self._ledger.unfinished() if c.is_armed), key=lambda cycle: cycle.trading_day)
        today = trading_day_of(self._clock.now())
        wanted = {strategy.strategy_id: self._unarmed(strategy, today) for strategy in running.values()}
        for cycle in armed:  # of two cycles the one of the later day stays
            strategy = running.get(cycle.strategy_id)
            wanted[cycle.strategy_id] = self._armed(cycle if strategy is None else cycle.following(strategy.plan))
        known = {strategy_id: change for strategy_id, change in wanted.items() if change.instrument_token != _UNKNOWN}
        unknown = {s: f"{c.exchange}:{c.symbol}" for s, c in wanted.items() if s not in known}
        return Snapshot(today, known, unknown)

    def _unarmed(self, strategy: Strategy, today: date) -> StopChange:
        return self._change(strategy.strategy_id, strategy.user_id, strategy.plan, today, armed=False)

    def _armed(self, cycle: Cycle) -> StopChange:
        return self._change(cycle.strategy_id, cycle.user_id, cycle.plan, cycle.trading_day, armed=True)

    def _change(self, strategy_id: UUID, user_id: UUID, plan: Plan, trading_day: date, *, armed: bool) -> StopChange:
        return StopChange(
            strategy_id=strategy_id,
            user_id=user_id,
            exchange=plan.exchange,
            symbol=plan.symbol,
            instrument_token=self._token_of(plan),
            watched=True,
            armed=armed,
            stop_loss=plan.stop_loss,
            trading_day=trading_day,
            quantity=plan.quantity,
        )

    def _token_of(self, plan: Plan) -> int:
        key = (plan.exchange, plan.symbol)
        if key not in self._tokens:
            instrument = self._instruments.find(plan.exchange, plan.symbol)
            if instrument is None:
                return _UNKNOWN
            self._tokens[key] = instrument.instrument_token
        return self._tokens[key]
