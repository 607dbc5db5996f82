"""Tells every trader, after the close, how the day went."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from algotrading.domain.errors import CalendarMissing
from algotrading.domain.notices import NoticeKind
from algotrading.domain.sessions import SessionTable, trading_day_of
from algotrading.domain.summary import summary_of
from algotrading.ports import Clock, Ledger, NamedAccounts, Summaries

logger = logging.getLogger(__name__)


class SummariesFailed(Exception):
    """Some could not be told; running again tells them, and nobody twice."""


@dataclass(frozen=True, slots=True)
class DailySummary:
    """Writes notices into the outbox, whose deliverers take them from there."""

    summaries: Summaries
    ledger: Ledger
    named: NamedAccounts
    clock: Clock
    table: SessionTable

    def run(self) -> int:
        """How many were told. Raises SummariesFailed."""
        day = trading_day_of(self.clock.now())
        try:
            if not self.table.is_trading_day(day):
                return 0
        except CalendarMissing as missing:
            # Nothing was traded either, and converge rings for it.
            logger.warning("%s", missing.message)
            return 0
        told, failed = 0, 0
        for user_id in self.summaries.traders(day):
            try:
                told += self._tell(user_id, day)
            except Exception:
                logger.exception("no summary", extra={"user_id": str(user_id)})
                failed += 1
        if failed:
            raise SummariesFailed(f"{failed} summaries failed, {told} were told")
        return told

    def _tell(self, user_id: UUID, day: date) -> bool:
        held = self.named.of_user(user_id)
        names = {each.account_id: each.name for each in held} if len(held) > 1 else {}
        text = summary_of(day, self.ledger.of_day(user_id, day), names)
        return text is not None and self.summaries.tell(user_id, day, NoticeKind.DAILY_SUMMARY, text, self.clock.now())
