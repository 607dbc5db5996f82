"""Whether a plan may trade, said about every field at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from algotrading.domain.errors import FieldProblem, StrategyInvalid
from algotrading.domain.instruments import Instrument
from algotrading.domain.sessions import EffectiveExit, SessionHours, SessionTable, trading_day_of
from algotrading.domain.strategy import Plan, find_problems, plain_number
from algotrading.ports import Instruments, LastPrice

_FRESH = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A plan as it came in. Fields that could not be read at all have their `problems`, and something
    harmless stands in for them in `plan`, so that the rest can be checked all the same."""

    plan: Plan
    problems: tuple[FieldProblem, ...] = ()
    account_id: UUID | None = None
    """The broker account that it is to trade in; None: the default one, or where the strategy is."""


@dataclass(frozen=True, slots=True)
class CheckedPlan:
    """A plan that may trade, with what it will trade in."""

    plan: Plan
    instrument: Instrument
    hours: SessionHours

    @property
    def effective_exit(self) -> EffectiveExit:
        """When the exit will really be sent, and why not as asked."""
        return self.hours.effective_exit(self.plan.sell_time, self.plan.product)

    def warnings(self, price: LastPrice | None, now: datetime) -> tuple[str, ...]:
        """What the trader may not have meant, in plain words; none of it keeps the plan from trading.
        A `price` that is not fresh says nothing."""
        found = []
        if price is not None and now - price.at <= _FRESH and self.plan.stop_loss >= price.price:
            stop, last = plain_number(self.plan.stop_loss), plain_number(price.price)
            found.append(
                f"the stop-loss {stop} is not below the last price of {self.plan.symbol}, {last}: "
                "at such a price nothing is bought, and what is held is sold at once"
            )
        effective = self.effective_exit
        if effective.reason is not None:
            found.append(f"it is sold at {effective.at}, not at {self.plan.sell_time}: {effective.reason}")
        return tuple(found)


@dataclass(frozen=True, slots=True)
class PlanChecker:
    """Checks plans against today's instruments and the session in force on the next trading day."""

    instruments: Instruments
    table: SessionTable

    def check(self, draft: PlanDraft, now: datetime) -> CheckedPlan:
        """The plan with its instrument.

        Raises:
            StrategyInvalid: with every problem of every field.
            CalendarMissing: there is no session data for the next trading day.
        """
        plan, unread = draft.plan, {problem.field for problem in draft.problems}
        if unread & {"symbol", "exchange"}:
            found = find_problems(plan, None, None)
            problems = tuple(p for p in found if p.field not in unread | {"symbol"})
            raise _refusal((*draft.problems, *problems))
        instrument = self.instruments.find(plan.exchange, plan.symbol)
        day = self.table.next_trading_day(trading_day_of(now))
        hours = None if instrument is None else self.table.hours(day, instrument)
        problems = tuple(p for p in find_problems(plan, instrument, hours) if p.field not in unread)
        if draft.problems or problems or instrument is None or hours is None:
            raise _refusal((*draft.problems, *problems))
        return CheckedPlan(plan, instrument, hours)


def _refusal(problems: tuple[FieldProblem, ...]) -> StrategyInvalid:
    fields = ", ".join(dict.fromkeys(problem.field for problem in problems))
    return StrategyInvalid(f"the strategy cannot trade as asked: see {fields}", problems)
