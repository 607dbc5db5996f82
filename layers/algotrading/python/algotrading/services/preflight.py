"""Looks whether a strategy can trade next time, before it has to."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from algotrading.domain.errors import CalendarMissing, RedisDown, StrategyInvalid
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.preflight import (
    Check,
    below_stop,
    check_addresses,
    check_feed,
    check_limits,
    check_locks,
    check_login,
    check_login_lasts,
    check_plan,
    check_quantity,
    check_running,
    of_account,
)
from algotrading.domain.risk import EntryOrder
from algotrading.domain.sessions import SessionTable, instant_of, trading_day_of
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Plan, Strategy
from algotrading.ports import (
    BrokerAccounts,
    Clock,
    LastPrice,
    NamedAccounts,
    Risks,
    RiskStanding,
    Runtime,
    Strategies,
)
from algotrading.services.account_names import account_where_several
from algotrading.services.check_plan import CheckedPlan, PlanChecker, PlanDraft
from algotrading.services.live_prices import marks_of, prices_of_today

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Preflight:
    """Every check of a strategy, as of `as_of`, for its buy at `next_buy_at` (None: nobody knows when)."""

    strategy_id: UUID
    checks: Sequence[Check]
    next_buy_at: datetime | None
    as_of: datetime
    account: NamedAccount | None = None
    """The strategy's broker account, where its owner has several."""

    @property
    def named_checks(self) -> Sequence[Check]:
        """The checks for who reads them one by one: those of the account name it, where there are several."""
        return [of_account(check, self.account) for check in self.checks]

    @property
    def is_ready(self) -> bool:
        """Whether every check is green."""
        return all(check.is_green for check in self.checks)


@dataclass(frozen=True, slots=True)
class PreflightReader:
    """Answers whether a strategy is ready. It asks our own stores only. The broker is asked nothing: what it takes of
    an account belongs to those who trade, and this may be looked at as often as somebody likes."""

    strategies: Strategies
    accounts: BrokerAccounts
    named: NamedAccounts
    risks: Risks
    runtime: Runtime
    checker: PlanChecker
    clock: Clock
    is_bound: bool
    """Whether orders are taken from registered addresses alone."""

    def look(self, user_id: UUID, strategy_id: UUID) -> Preflight:
        """Every check of the strategy.

        Raises:
            NotFound: no such strategy of this user.
        """
        return self.look_at(self.strategies.get(user_id, strategy_id))

    def look_at(self, strategy: Strategy) -> Preflight:
        """The same for who has the strategy at hand."""
        now = self.clock.now()
        account = self.accounts.find(strategy.user_id, strategy.account_id)
        checked, problems = self._plan(strategy.plan, now)
        buy, sell = next_instants(checked, self.checker.table, now)
        day = trading_day_of(buy or now)
        standing = self.risks.standing(strategy.user_id, day, now)
        instrument = None if checked is None else checked.instrument
        several = account_where_several(self.named, strategy)
        named = None if several is None else several.account_id
        sight = self._sight()
        prices = self._prices({strategy.plan.symbol, *_symbols_held_against(standing)})
        beneath = below_stop(strategy.plan, marks_of(prices, now, sight).get(strategy.plan.symbol))
        checks = (
            check_running(strategy),
            check_login(account, now, named),
            check_login_lasts(account, now, sell, named),
            check_addresses(account, is_bound=self.is_bound, named=named),
            check_locks(standing.locks),
            check_plan([*problems, *([] if beneath is None else [beneath])]),
            check_feed(sight, now),
            _check_limits(strategy, standing, prices, day, now),
            check_quantity(strategy.plan.quantity, instrument, day),
        )
        return Preflight(strategy.strategy_id, checks, buy, now, several)

    def _prices(self, symbols: set[str]) -> Mapping[str, LastPrice]:
        try:
            return self.runtime.last_prices(symbols)
        except RedisDown:
            logger.warning("no prices to hold against stop-loss and limits: the runtime store is away")
            return {}

    def _plan(self, plan: Plan, now: datetime) -> tuple[CheckedPlan | None, Sequence[str]]:
        try:
            return self.checker.check(PlanDraft(plan), now), ()
        except StrategyInvalid as error:
            return None, [f"{detail.field} {detail.problem}" for detail in error.details]
        except CalendarMissing as error:
            return None, [error.message]

    def _sight(self) -> Sight | None:
        try:
            return self.runtime.sight()
        except RedisDown:
            logger.warning("the watchers' sight is not known: the runtime store is away")
            return None


def _symbols_held_against(standing: RiskStanding) -> set[str]:
    return {cycle.plan.symbol for cycle in standing.usage.open_cycles} if standing.limits.need_prices else set()


def _check_limits(
    strategy: Strategy, standing: RiskStanding, prices: Mapping[str, LastPrice], day: date, now: datetime
) -> Check:
    """Held against what others of the user hold now, where the buy is of today. One of a later day meets nothing
    that is held today: by then it is sold."""
    plan, usage = strategy.plan, standing.usage
    is_today = day == trading_day_of(now)
    others = tuple(c for c in usage.open_cycles if is_today and c.strategy_id != strategy.strategy_id)
    last = prices.get(plan.symbol)
    order = EntryOrder(plan.exchange, plan.symbol, plan.quantity, None if last is None else last.price, day)
    return check_limits(standing.limits, replace(usage, open_cycles=others), order, prices_of_today(prices, now))


def next_instants(
    checked: CheckedPlan | None, table: SessionTable, now: datetime
) -> tuple[datetime | None, datetime | None]:
    """The buy that a strategy started now would make first, and the sale of the same day; None where nobody knows."""
    if checked is None:
        return None, None
    today = trading_day_of(now)
    is_still_ahead = now < instant_of(today, checked.plan.buy_time)
    try:
        day = table.next_trading_day(today if is_still_ahead else today + timedelta(days=1))
    except CalendarMissing:
        return None, None
    return instant_of(day, checked.plan.buy_time), instant_of(day, checked.effective_exit.at)
