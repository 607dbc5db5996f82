"""A strategy's life, as its owner commands it: create, change, start, stop, delete.

Every command is stored in PostgreSQL first and spread by `publish_strategy` after, whose rule for
failures holds here too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid4

from algotrading.domain.accounts import SealedBrokerAccount
from algotrading.domain.alarms import may_have_rung
from algotrading.domain.cycle import CycleState
from algotrading.domain.errors import (
    BrokerAuthFailed,
    CalendarMissing,
    Conflict,
    FieldProblem,
    NotFound,
    PreconditionFailed,
    RiskLocked,
    StrategyInvalid,
    StrategyOverlap,
)
from algotrading.domain.instruments import Instrument
from algotrading.domain.named_accounts import UNKNOWN_ACCOUNT
from algotrading.domain.preflight import check_login_lasts, in_query, of_account
from algotrading.domain.sessions import EffectiveExit, instant_of, trading_day_of
from algotrading.domain.strategy import Plan, Strategy, StrategyStatus
from algotrading.ports import BrokerAccounts, Clock, Instruments, Ledger, NamedAccounts, Risks, Strategies
from algotrading.services.account_names import account_where_several, where_in
from algotrading.services.check_plan import CheckedPlan, PlanChecker, PlanDraft
from algotrading.services.live_prices import LivePrices
from algotrading.services.preflight import next_instants
from algotrading.services.publish_strategy import DUE_NOW, Cycles, Publisher

logger = logging.getLogger(__name__)

_ATTEMPTS = 3
"""Tries at a command that needs no particular version, when somebody else changes the strategy too, and at telling
the watcher what holds, when an executor changes that meanwhile."""


@dataclass(frozen=True, slots=True)
class Commanded:
    """A strategy after a command, and what its owner should hear about it."""

    strategy: Strategy
    effective_exit: EffectiveExit | None
    """None when the plan cannot trade today."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StrategyManager:
    """Carries out the owner's commands."""

    strategies: Strategies
    ledger: Ledger
    instruments: Instruments
    accounts: BrokerAccounts
    named: NamedAccounts
    risks: Risks
    checker: PlanChecker
    publisher: Publisher
    prices: LivePrices
    clock: Clock
    new_id: Callable[[], UUID] = uuid4

    def create(self, user_id: UUID, draft: PlanDraft) -> Commanded:
        """Store a new strategy, in the account that the draft names, or in the default one of this moment; it trades
        once it is started.

        Raises:
            StrategyInvalid: with every problem of every field.
        """
        now = self.clock.now()
        account_id, draft = self._place(user_id, draft)
        checked = self.checker.check(draft, now)
        strategy = Strategy(
            strategy_id=self.new_id(),
            user_id=user_id,
            account_id=account_id,
            plan=checked.plan,
            status=StrategyStatus.CREATED,
            version=1,
            created_at=now,
            updated_at=now,
        )
        self.strategies.add(strategy)
        return self._commanded(strategy, checked)

    def update(
        self, user_id: UUID, strategy_id: UUID, draft: PlanDraft, *, seen_version: int | None = None
    ) -> Commanded:
        """Replace the plan, with effect at once. While a cycle is open, only its times and its stop-loss: then it
        cannot be moved to another account either. A draft that names no account leaves it where it is.

        In the minutes before an order's instant an executor already waits for it, and messages of one
        strategy are handled one after the other: an earlier instant would stand behind that wait and be
        missed. So a buy or sell time that is being prepared cannot be moved to an earlier one; it can be
        moved to a later one, and a sell time that is due now (within `DUE_NOW`, or past) is carried out
        at once on the priority lane, which waits for nobody.

        Raises:
            NotFound: no such strategy of this user.
            PreconditionFailed: it is not at `seen_version` any more.
            StrategyInvalid: with every problem of every field.
            Conflict: a field that an open cycle holds fixed, an order that is being prepared, or somebody
                else changed the strategy.
            StrategyOverlap: it runs, and another running strategy trades the new symbol in that account.
            BrokerAuthFailed: it runs, and there is no live broker connection in the account that it is moved to.
        """
        before = self.strategies.get(user_id, strategy_id)
        now = self.clock.now()
        account_id, draft = self._place(user_id, draft, before.account_id)
        checked = self.checker.check(draft, now)
        # A plan that is refused without a condition is refused with one as well (RFC 9110, section 13.2.1).
        _require_seen(before, seen_version)
        if before.is_running:
            self._refuse_overtaking(before, checked, self._cycles(before), now)
        is_same_time = checked.plan.buy_time == before.plan.buy_time
        after = replace(
            before,
            account_id=account_id,
            plan=checked.plan,
            version=before.version + 1,
            updated_at=now,
            timed_at=before.due_since if is_same_time else now,
        )
        if before.is_running and after.account_id != before.account_id:
            # What runs could be started where it is.
            self._require_broker(after, now)
        self.strategies.save(after, expected_version=before.version)
        cycles = self._cycles(after)
        if after.is_running:
            cycles = self._spread_running(after, checked, cycles)
            if (before.plan.stop_loss, before.plan.broker_stop) != (after.plan.stop_loss, after.plan.broker_stop):
                self.publisher.publish_guarded(after, cycles)
        elif cycles.unsettled:
            self.publisher.publish_stopped(after, checked.instrument, cycles)
        return self._commanded(after, checked)

    def start(self, user_id: UUID, strategy_id: UUID) -> Commanded:
        """Let the strategy trade, from the next buy time on. Starting a running one only spreads it again.

        Raises:
            NotFound: no such strategy of this user.
            BrokerAuthFailed: there is no live broker connection to trade through.
            StrategyInvalid: the plan cannot trade any more (the instrument or the session has changed).
            StrategyOverlap: another running strategy of this user trades the symbol.
            Conflict: its last position is still being sold, an order's fate is not known yet, or the account carries
                prices.
            RiskLocked: a kill switch is on, the user's own or the operator's.
        """
        before = self.strategies.get(user_id, strategy_id)
        if before.is_running:
            return self._spread_again(before)
        now = self.clock.now()
        self._refuse_locked(user_id)
        self._require_broker(before, now)
        checked = self.checker.check(PlanDraft(before.plan), now)
        cycles = self._cycles(before)
        if cycles.unsettled:
            raise Conflict("orders of this strategy are not settled yet: start it again once they are")
        strategy = self._save_running(before, now)
        self._spread_running(strategy, checked, self._cycles(strategy))
        return self._started(strategy, checked)

    def stop(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        """Let the strategy trade no more; what it holds is sold at once. Stopping a stopped one repeats
        the order to sell, if something is still held.

        Raises:
            NotFound: no such strategy of this user.
            Conflict: it kept being changed by somebody else.
        """
        strategy = self._save_stopped(user_id, strategy_id)
        self.publisher.publish_stopped(strategy, self._instrument(strategy.plan), self._cycles(strategy))
        return strategy

    def square_off(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        """Sell what the strategy holds now; it goes on running, and buys again on the next trading day. A buy that
        is on its way is cancelled, or sold once it is filled. Asking again repeats the order to sell.

        Raises:
            NotFound: no such strategy of this user.
            Conflict: it holds nothing, and no buy of it is on its way.
        """
        strategy = self.strategies.get(user_id, strategy_id)
        open_cycles = [cycle for cycle in self._cycles(strategy).unsettled if cycle.is_armed]
        if not open_cycles:
            raise Conflict("there is nothing to sell: the strategy holds no position, and no buy is on its way")
        self.publisher.publish_square_off(open_cycles)
        return strategy

    def delete(self, user_id: UUID, strategy_id: UUID, *, seen_version: int | None = None) -> None:
        """Hide the strategy; its orders stay on record, and its owner can still read them.

        Raises:
            NotFound: no such strategy of this user.
            PreconditionFailed: it is not at `seen_version` any more.
            Conflict: it runs, still holds a position, or somebody else changed it.
        """
        strategy = self.strategies.get(user_id, strategy_id)
        _require_seen(strategy, seen_version)
        self.strategies.delete(user_id, strategy_id, expected_version=strategy.version, now=self.clock.now())
        self.publisher.publish_deleted(strategy, self._instrument(strategy.plan))

    def _place(self, user_id: UUID, draft: PlanDraft, present: UUID | None = None) -> tuple[UUID, PlanDraft]:
        """The account that the draft means, and the draft, with a problem more where there is none such. `present`:
        where the strategy is by now."""
        if present is not None and draft.account_id in {None, present}:
            return present, draft
        try:
            return self.named.get(user_id, draft.account_id).account_id, draft
        except NotFound:
            nowhere = UUID(int=0)
            return nowhere, replace(draft, problems=(*draft.problems, UNKNOWN_ACCOUNT))

    def _refuse_locked(self, user_id: UUID) -> None:
        breach = self.risks.locks(user_id).breach()
        if breach is not None:
            raise RiskLocked(breach)

    def _require_broker(self, strategy: Strategy, now: datetime) -> None:
        account = self.accounts.find(strategy.user_id, strategy.account_id)
        if account is None or not account.is_connected(now) or account.refused_at is not None:
            raise self._no_login(strategy, account, now)
        if not account.places_orders:
            # Another user may trade through the same broker account, and would take these orders for its owner's own.
            raise Conflict("this account carries prices and places no orders: trade with another one")

    def _no_login(self, strategy: Strategy, account: SealedBrokerAccount | None, now: datetime) -> BrokerAuthFailed:
        several = account_where_several(self.named, strategy)
        place, named = where_in(several), None if several is None else several.account_id
        if account is None:
            account_id = "" if named is None else f" with account_id {named}"
            return BrokerAuthFailed(
                f"no broker is connected{place}: enter your keys first (POST /broker/connect{account_id})"
            )
        first = f"log in at the broker first (GET /broker/login{in_query(named)})"
        if account.refused_at is not None and account.is_connected(now):
            return BrokerAuthFailed(f"the broker does not take the login{place} any more: {first}")
        return BrokerAuthFailed(f"the broker login{place} is not valid today: {first}")

    def _started(self, strategy: Strategy, checked: CheckedPlan) -> Commanded:
        """With what the owner must do for the first sale to be made: his login may be over by then."""
        commanded, now = self._commanded(strategy, checked), self.clock.now()
        _, sell = next_instants(checked, self.checker.table, now)
        several = account_where_several(self.named, strategy)
        named = None if several is None else several.account_id
        check = check_login_lasts(self.accounts.find(strategy.user_id, strategy.account_id), now, sell, named)
        if check.is_green or sell is None:
            return commanded
        check = of_account(check, several)
        return replace(commanded, warnings=(*commanded.warnings, f"{check.text}: {check.remedy}"))

    def _spread_again(self, strategy: Strategy) -> Commanded:
        try:
            checked = self.checker.check(PlanDraft(strategy.plan), self.clock.now())
        except (StrategyInvalid, CalendarMissing) as error:
            # It runs, which is all that was asked; what cannot trade today has nothing to spread.
            logger.warning("strategy %s is not spread again: %s", strategy.strategy_id, error.message)
            return Commanded(strategy, None, ())
        self._spread_running(strategy, checked, self._cycles(strategy))
        return self._started(strategy, checked)

    def _spread_running(self, strategy: Strategy, checked: CheckedPlan, cycles: Cycles) -> Cycles:
        """Spread a running strategy and return its cycles as they were last told to the watcher.

        An executor may store an entry and have it guarded between our look at the cycles and our word to the
        watcher, which would take that guard away. So they are looked at again after it: what was stored by then
        is told once more, and who stores later has it guarded after us.
        """
        self.publisher.publish_running(strategy, checked.instrument, checked.hours, cycles)
        for _ in range(_ATTEMPTS):
            told, cycles = cycles, self._cycles(strategy)
            if cycles.guarded_day == told.guarded_day:
                break
            self.publisher.publish_guard(strategy, checked.instrument, cycles)
        return cycles

    def _save_running(self, before: Strategy, now: datetime) -> Strategy:
        after = replace(
            before,
            status=StrategyStatus.RUNNING,
            version=before.version + 1,
            updated_at=now,
            stop_reason=None,
            timed_at=now,
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

    def _refuse_overtaking(self, before: Strategy, checked: CheckedPlan, cycles: Cycles, now: datetime) -> None:
        old, new = before.plan, checked.plan
        old_sell_time = checked.hours.effective_exit(old.sell_time, old.product).at
        day = self._day_in_preparation(old.buy_time, now)
        if day is not None and new.buy_time < old.buy_time and _state_on(day, cycles) is CycleState.IDLE:
            raise _being_prepared("buy", old.buy_time)
        day = self._day_in_preparation(old_sell_time, now)
        sell_time = checked.effective_exit.at
        if day is None or sell_time >= old_sell_time or _state_on(day, cycles).is_over:
            return
        if instant_of(day, sell_time) > now + DUE_NOW:
            raise _being_prepared("sell", old_sell_time)

    def _day_in_preparation(self, at: time, now: datetime) -> date | None:
        """The trading day for whose `at` an executor may be waiting already."""
        today = trading_day_of(now)
        days = [day for day in (today, today + timedelta(days=1)) if may_have_rung(instant_of(day, at), now)]
        return next((day for day in days if self.checker.table.is_trading_day(day)), None)

    def _commanded(self, strategy: Strategy, checked: CheckedPlan) -> Commanded:
        price = self.prices.last(strategy.plan.symbol)
        return Commanded(strategy, checked.effective_exit, checked.warnings(price, self.clock.now()))

    def _cycles(self, strategy: Strategy) -> Cycles:
        user_id, strategy_id = strategy.user_id, strategy.strategy_id
        return Cycles(self.ledger.latest(user_id, strategy_id), self.ledger.unsettled(user_id, strategy_id))

    def _instrument(self, plan: Plan) -> Instrument | None:
        return self.instruments.find(plan.exchange, plan.symbol)


def _require_seen(strategy: Strategy, version: int | None) -> None:
    if version is not None and strategy.version != version:
        raise PreconditionFailed("the strategy has changed since you read it: read it again, then decide")


def _state_on(day: date, cycles: Cycles) -> CycleState:
    newest = cycles.newest
    return newest.state if newest is not None and newest.trading_day == day else CycleState.IDLE


def _being_prepared(leg: str, at: time) -> Conflict:
    field, text = f"{leg}_time", f"the {leg} at {at} is being prepared"
    problem = FieldProblem(field, "cannot be moved to an earlier time now")
    return Conflict(f"{text}: change {field} after it, or move it to a later time", (problem,))
