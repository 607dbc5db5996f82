"""Tells every trader, before the open, what keeps a strategy of the day from trading, and what to do about it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from uuid import UUID

from algotrading.domain.errors import CalendarMissing
from algotrading.domain.notices import NoticeKind
from algotrading.domain.readiness import naming, reminder_of
from algotrading.domain.sessions import SessionTable, trading_day_of
from algotrading.domain.strategy import Strategy
from algotrading.ports import Clock, Strategies, Summaries
from algotrading.services.preflight import PreflightReader

logger = logging.getLogger(__name__)


class RemindersFailed(Exception):
    """Some could not be reminded; running again reminds them, and nobody twice."""


@dataclass(frozen=True, slots=True)
class MorningCheck:
    """Looks at every running strategy as `GET /strategy/{id}/preflight` does, and writes into the outbox."""

    strategies: Strategies
    preflight: PreflightReader
    summaries: Summaries
    clock: Clock
    table: SessionTable

    def run(self) -> int:
        """How many were reminded. Raises RemindersFailed."""
        day = trading_day_of(self.clock.now())
        try:
            if not self.table.is_trading_day(day):
                return 0
        except CalendarMissing as missing:
            # Converge rings for it.
            logger.warning("%s", missing.message)
            return 0
        running = sorted(self.strategies.running(), key=lambda strategy: (strategy.user_id, strategy.plan.buy_time))
        reminded, failed = 0, 0
        for user_id, strategies in groupby(running, key=lambda strategy: strategy.user_id):
            try:
                reminded += self._remind(user_id, list(strategies), day)
            except Exception:
                logger.exception("no reminder", extra={"user_id": str(user_id)})
                failed += 1
        if failed:
            raise RemindersFailed(f"{failed} reminders failed, {reminded} were told")
        return reminded

    def _remind(self, user_id: UUID, strategies: Sequence[Strategy], day: date) -> bool:
        looked = [(one.plan, self.preflight.look(user_id, one.strategy_id)) for one in strategies]
        # One that buys on another day only has the whole evening, and another morning, to be made ready for it.
        of_today = [
            (naming(plan.symbol, found.account), plan.buy_time, found.checks)
            for plan, found in looked
            if found.next_buy_at is None or trading_day_of(found.next_buy_at) == day
        ]
        text = reminder_of(of_today)
        now = self.clock.now()
        return text is not None and self.summaries.tell(user_id, day, NoticeKind.NOT_READY, text, now)
