"""Turns an early alarm into an order command that waits for its instant."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import time, timedelta

from algotrading.contracts.messages import OrderEvent, ScheduleInput
from algotrading.domain.alarms import due_after
from algotrading.domain.errors import CalendarMissing
from algotrading.domain.sessions import SessionTable, trading_day_of
from algotrading.ports import Clock, Lane, Meter, OrderQueue
from algotrading.services.alarms import make_command

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trigger:
    """Handles what EventBridge Scheduler delivers: at least once, in the alarm's minute or later."""

    clock: Clock
    queue: OrderQueue
    meter: Meter
    table: SessionTable
    entry_grace: timedelta

    def fire(self, alarm: ScheduleInput) -> bool:
        """Queue the order command, and say whether there was one to queue.

        Not on a day the exchange is closed. Not for a BUY that comes later than its grace: converge
        records it as missed. A SELL is queued however late it is, for an exit is never too late.
        """
        due = due_after(alarm.scheduled_time, time.fromisoformat(alarm.at))
        trading_day = trading_day_of(due)
        fields = {"strategy_id": str(alarm.strategy_id), "event_type": alarm.event.value}
        try:
            is_open = self.table.is_trading_day(trading_day)
        except CalendarMissing:
            self.meter.count("CalendarMissing")
            raise
        if not is_open:
            logger.info("%s is no trading day", trading_day, extra=fields)
            return False
        now = self.clock.now()
        if alarm.event is OrderEvent.BUY and now > due + self.entry_grace:
            self.meter.count("TriggerTooLate")
            logger.error("the alarm came %s after its time", now - due, extra=fields)
            return False
        if now > due - timedelta(seconds=1):
            self.meter.count("TriggerLate")
        command = make_command(
            strategy_id=alarm.strategy_id,
            user_id=alarm.user_id,
            event=alarm.event,
            trading_day=trading_day,
            now=now,
            cause="schedule",
            due=due,
            strategy_version=alarm.strategy_version,
        )
        self.queue.send(command, Lane.NORMAL)
        return True
