"""ports.Strategies in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from algotrading.domain.audit import strategy_entry
from algotrading.domain.cycle import CycleState
from algotrading.domain.errors import Conflict, NotFound, StrategyOverlap
from algotrading.domain.strategy import Strategy, held_fixed
from tests.fakes import audit
from tests.fakes.database import MemoryDatabase, oldest_first, refuse_deleted
from tests.fakes.named_accounts import require_account


class MemoryStrategies:
    """ports.Strategies in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def add(self, strategy: Strategy) -> None:
        """See ports.Strategies."""
        with self._database.turn:
            refuse_deleted(self._database, strategy.user_id)
            self._refuse_overlap(strategy)
            require_account(self._database, strategy.user_id, strategy.account_id)
            self._database.strategies[strategy.strategy_id] = strategy
            audit.append(self._database, strategy_entry(None, strategy, strategy.created_at))

    def get(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        """See ports.Strategies."""
        strategy = self._database.strategies.get(strategy_id)
        if strategy is None or strategy.user_id != user_id or strategy_id in self._database.deleted:
            raise NotFound("no such strategy")
        return strategy

    def list_for(self, user_id: UUID) -> Sequence[Strategy]:
        """See ports.Strategies."""
        return [strategy for strategy in self._present() if strategy.user_id == user_id]

    def save(self, strategy: Strategy, *, expected_version: int) -> None:
        """See ports.Strategies."""
        with self._database.turn:
            refuse_deleted(self._database, strategy.user_id)
            stored = self.get(strategy.user_id, strategy.strategy_id)
            if stored.version != expected_version:
                raise Conflict(f"the strategy was changed meanwhile: it is at version {stored.version}")
            self._refuse_overlap(strategy)
            fixed = held_fixed(stored, strategy)
            if fixed is not None and not self._is_settled(strategy.strategy_id):
                raise fixed
            if stored.account_id != strategy.account_id:
                require_account(self._database, strategy.user_id, strategy.account_id)
            self._fence_idle(strategy.strategy_id)
            self._database.strategies[strategy.strategy_id] = strategy
            audit.append(self._database, strategy_entry(stored, strategy, strategy.updated_at))

    def delete(self, user_id: UUID, strategy_id: UUID, *, expected_version: int, now: datetime) -> None:
        """See ports.Strategies."""
        with self._database.turn:
            refuse_deleted(self._database, user_id)
            stored = self.get(user_id, strategy_id)
            if stored.version != expected_version:
                raise Conflict(f"the strategy was changed meanwhile: it is at version {stored.version}")
            if stored.is_running:
                raise Conflict("the strategy is running: stop it first")
            if not self._is_settled(strategy_id):
                raise Conflict("orders of this strategy are not settled yet: delete it once they are")
            self._fence_idle(strategy_id)
            self._database.deleted.add(strategy_id)
            audit.append(self._database, strategy_entry(stored, None, now))

    def is_owned(self, user_id: UUID, strategy_id: UUID) -> bool:
        """See ports.Strategies."""
        strategy = self._database.strategies.get(strategy_id)
        return strategy is not None and strategy.user_id == user_id

    def running(self) -> Sequence[Strategy]:
        """See ports.Strategies."""
        return [strategy for strategy in self._present() if strategy.is_running]

    def _is_settled(self, strategy_id: UUID) -> bool:
        return all(cycle.is_settled for key, cycle in self._database.cycles.items() if key[0] == strategy_id)

    def _fence_idle(self, strategy_id: UUID) -> None:
        for key, cycle in self._database.cycles.items():
            if key[0] == strategy_id and cycle.state is CycleState.IDLE:
                self._database.cycles[key] = replace(cycle, epoch=cycle.epoch + 1)

    def _present(self) -> list[Strategy]:
        present = [s for s in self._database.strategies.values() if s.strategy_id not in self._database.deleted]
        return sorted(present, key=oldest_first)

    def _refuse_overlap(self, strategy: Strategy) -> None:
        plan = strategy.plan
        for other in self.running() if strategy.is_running else ():
            if (
                other.strategy_id != strategy.strategy_id
                and (other.account_id, other.plan.exchange, other.plan.symbol)
                == (strategy.account_id, plan.exchange, plan.symbol)
                and other.plan.buy_time <= plan.sell_time
                and other.plan.sell_time >= plan.buy_time
            ):
                raise StrategyOverlap(f"strategy {other.strategy_id} already trades {plan.exchange}:{plan.symbol}")
