"""A strategy's life, as its owner commands it: create, change, start, stop, delete.

Every command is stored in PostgreSQL first and spread by `publish_strategy` after, whose rule for
failures holds here too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

from algotrading.domain.cycle import Cycle
from algotrading.domain.errors import (
    BrokerAuthFailed,
    CalendarMissing,
    Conflict,
    FieldProblem,
    StrategyInvalid,
    StrategyOverlap,
)
from algotrading.domain.instruments import Instrument
from algotrading.domain.strategy import Plan, Strategy, StrategyStatus
from algotrading.ports import BrokerAccounts, Clock, Instruments, Ledger, Strategies
from algotrading.services.check_plan import CheckedPlan, PlanChecker, PlanDraft
from algotrading.services.publish_strategy import Publisher

logger = logging.getLogger(__name__)

_HELD_FIXED = ("exchange", "symbol", "product", "quantity")
"""What cannot change while a cycle is open: it would not be what was bought."""
_ATTEMPTS = 3
"""Tries at a command that needs no particular version, when somebody else changes the strategy too."""


@dataclass(frozen=True, slots=True)
class StrategyManager:
    """Carries out the owner's commands."""

    strategies: Strategies
    ledger: Ledger
    instruments: Instruments
    accounts: BrokerAccounts
    checker: PlanChecker
    publisher: Publisher
    clock: Clock
    new_id: Callable[[], UUID] = uuid4

    def create(self, user_id: UUID, draft: PlanDraft) -> tuple[Strategy, CheckedPlan]:
        """Store a new strategy; it trades once it is started.

        Raises:
            StrategyInvalid: with every problem of every field.
        """
        now = self.clock.now()
        checked = self.checker.check(draft, now)
        strategy = Strategy(
            strategy_id=self.new_id(),
            user_id=user_id,
            plan=checked.plan,
            status=StrategyStatus.CREATED,
            version=1,
            created_at=now,
            updated_at=now,
        )
        self.strategies.add(strategy)
        return strategy, checked

    def update(self, user_id: UUID, strategy_id: UUID, draft: PlanDraft) -> tuple[Strategy, CheckedPlan]:
        """Replace the plan, with effect at once. While a cycle is open, only its times and its stop-loss.

        Raises:
            NotFound: no such strategy of this user.
            StrategyInvalid: with every problem of every field.
            Conflict: a field that an open cycle holds fixed, or somebody else changed the strategy.
            StrategyOverlap: it runs, and another running strategy trades the new symbol.
        """
        before = self.strategies.get(user_id, strategy_id)
        now = self.clock.now()
        checked = self.checker.check(draft, now)
        cycle = self.ledger.latest(user_id, strategy_id)
        if _is_open(cycle):
            _refuse_fixed_fields(before.plan, checked.plan)
        after = replace(before, plan=checked.plan, version=before.version + 1, updated_at=now)
        self.strategies.save(after, expected_version=before.version)
        if after.is_running:
            if (before.plan.exchange, before.plan.symbol) != (after.plan.exchange, after.plan.symbol):
                self.publisher.publish_moved(before, self._instrument(before.plan))
            self.publisher.publish_running(after, checked.instrument, checked.hours, cycle)
        elif _is_open(cycle):
            self.publisher.publish_stopped(after, checked.instrument, cycle)
        return after, checked

    def start(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        """Let the strategy trade, from the next buy time on. Starting a running one only spreads it again.

        Raises:
            NotFound: no such strategy of this user.
            BrokerAuthFailed: there is no live broker connection to trade through.
            StrategyInvalid: the plan cannot trade any more (the instrument or the session has changed).
            StrategyOverlap: another running strategy of this user trades the symbol.
            Conflict: its last position is still being sold.
        """
        before = self.strategies.get(user_id, strategy_id)
        if before.is_running:
            self._spread_again(before)
            return before
        now = self.clock.now()
        self._require_broker(user_id, now)
        checked = self.checker.check(PlanDraft(before.plan), now)
        cycle = self.ledger.latest(user_id, strategy_id)
        if _is_open(cycle):
            raise Conflict("the position of this strategy is still being sold: start it again once that is done")
        strategy = self._save_running(before, now)
        self.publisher.publish_running(strategy, checked.instrument, checked.hours, cycle)
        return strategy

    def stop(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        """Let the strategy trade no more; what it holds is sold at once. Stopping a stopped one repeats
        the order to sell, if something is still held.

        Raises:
            NotFound: no such strategy of this user.
            Conflict: it kept being changed by somebody else.
        """
        strategy = self._save_stopped(user_id, strategy_id)
        cycle = self.ledger.latest(user_id, strategy_id)
        self.publisher.publish_stopped(strategy, self._instrument(strategy.plan), cycle)
        return strategy

    def delete(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        """Hide the strategy and answer what it was; its orders stay on record.

        Raises:
            NotFound: no such strategy of this user.
            Conflict: it runs, or still holds a position.
        """
        strategy = self.strategies.get(user_id, strategy_id)
        if strategy.is_running:
            raise Conflict("the strategy is running: stop it first")
        if _is_open(self.ledger.latest(user_id, strategy_id)):
            raise Conflict("the position of this strategy is still being sold: delete it once that is done")
        self.strategies.delete(user_id, strategy_id)
        self.publisher.publish_deleted(strategy, self._instrument(strategy.plan))
        return strategy

    def _require_broker(self, user_id: UUID, now: datetime) -> None:
        account = self.accounts.find(user_id)
        if account is None:
            raise BrokerAuthFailed("no broker is connected: send your keys to POST /broker/connect first")
        if not account.is_connected(now):
            raise BrokerAuthFailed("the broker login is not valid today: open the URL of GET /broker/login first")

    def _spread_again(self, strategy: Strategy) -> None:
        try:
            checked = self.checker.check(PlanDraft(strategy.plan), self.clock.now())
        except (StrategyInvalid, CalendarMissing) as error:
            # It runs, which is all that was asked; what cannot trade today has nothing to spread.
            logger.warning("strategy %s is not spread again: %s", strategy.strategy_id, error.message)
            return
        cycle = self.ledger.latest(strategy.user_id, strategy.strategy_id)
        self.publisher.publish_running(strategy, checked.instrument, checked.hours, cycle)

    def _save_running(self, before: Strategy, now: datetime) -> Strategy:
        after = replace(
            before, status=StrategyStatus.RUNNING, version=before.version + 1, updated_at=now, stop_reason=None
        )
        try:
            self.strategies.save(after, expected_version=before.version)
        except StrategyOverlap:
            raise
        except Conflict:
            # A second tap on the same button: whoever came first has done what is asked here.
            current = self.strategies.get(before.user_id, before.strategy_id)
            if not current.is_running:
                raise
            return current
        return after

    def _save_stopped(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        for _ in range(_ATTEMPTS):
            before = self.strategies.get(user_id, strategy_id)
            if before.status is StrategyStatus.STOPPED:
                return before
            after = replace(
                before,
                status=StrategyStatus.STOPPED,
                version=before.version + 1,
                updated_at=self.clock.now(),
                stop_reason="stopped by its owner",
            )
            try:
                self.strategies.save(after, expected_version=before.version)
            except Conflict:
                continue
            return after
        raise Conflict("the strategy is being changed by somebody else: try again")

    def _instrument(self, plan: Plan) -> Instrument | None:
        return self.instruments.find(plan.exchange, plan.symbol)


def _is_open(cycle: Cycle | None) -> bool:
    return cycle is not None and cycle.is_armed


def _refuse_fixed_fields(before: Plan, after: Plan) -> None:
    changed = tuple(name for name in _HELD_FIXED if getattr(before, name) != getattr(after, name))
    if changed:
        details = tuple(FieldProblem(name, "cannot change while a position is open") for name in changed)
        raise Conflict(f"the strategy holds a position: {', '.join(changed)} cannot change now", details)
