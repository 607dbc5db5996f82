"""Takes notices from the outbox to their users.

A notice is written in the transaction of the change that it speaks of, so it is never lost and never told of what did
not happen. Whoever wrote one delivers it as soon as its work is done; converge delivers whatever is left.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from algotrading.domain.delivery import LEASE, pause_after
from algotrading.ports import Clock, Meter, Notice, Notifier, Outbox

logger = logging.getLogger(__name__)

_AT_MOST = 100
"""Notices of one user in one go."""


@dataclass(frozen=True, slots=True)
class Courier:
    """Delivers at least once: a deliverer that dies between delivering and noting it leaves a notice to be delivered
    again, with the same `notice_id`."""

    clock: Clock
    outbox: Outbox
    notifier: Notifier
    meter: Meter

    def deliver(self, user_id: UUID, until: datetime | None = None) -> int:
        """Deliver what waits for one user, in order, until it is done or one of them fails, or until no more is to be
        begun; how many arrived."""
        arrived = 0
        for _ in range(_AT_MOST):
            if until is not None and self.clock.now() >= until:
                break
            notice = self.outbox.claim(user_id, self.clock.now(), lease=LEASE)
            if notice is None:
                break
            arrived += self._deliver(notice)
        return arrived

    def deliver_promptly(self, user_id: UUID, until: datetime | None = None) -> None:
        """The same for whoever has other work, which must not fail over it: what fails is left to converge."""
        try:
            self.deliver(user_id, until)
        except Exception:
            self.meter.count("NoticeDelayed")
            logger.warning("notices are left to converge", exc_info=True, extra={"user_id": str(user_id)})

    def _deliver(self, notice: Notice) -> bool:
        try:
            self.notifier.publish(notice)
        except Exception as fault:
            # Whatever the channel's client raises, the next user's notices are not to wait for it.
            self.meter.count("NoticeDelayed")
            logger.warning("notice %s was not delivered: %s", notice.notice_id, fault)
            retry_at = self.clock.now() + pause_after(notice.attempts)
            self.outbox.mark_failed(notice, f"{type(fault).__name__}: {fault}", retry_at)
            return False
        now = self.clock.now()
        self.outbox.mark_delivered(notice, now)
        self.meter.milliseconds("NoticeDelay", (now - notice.created_at).total_seconds() * 1000)
        return True
