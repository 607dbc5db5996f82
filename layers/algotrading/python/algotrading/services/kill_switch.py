"""The kill switch of one user: nothing more is bought, and what is held is sold."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from algotrading.domain.limits import LAST_LOOK, Lock
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Clock, Ledger, Meter, Risks
from algotrading.services.flatten import Flattener

logger = logging.getLogger(__name__)

SETTLING: Final = LAST_LOOK + timedelta(seconds=0.25)
"""How long the switch waits before it answers. An entry that looked at the locks just before leaves within `LAST_LOOK`
of its look; the rest is for the sending itself."""
OWNER: Final = "its owner"


@dataclass(frozen=True, slots=True)
class Killed:
    """The switch is on, and no entry leaves any more."""

    lock: Lock
    flattening: int
    """Cycles that are being sold."""


@dataclass(frozen=True, slots=True)
class KillSwitch:
    """Switches on and off. Both can be repeated."""

    risks: Risks
    ledger: Ledger
    flattener: Flattener
    clock: Clock
    meter: Meter

    def kill(self, user_id: UUID, reason: str | None) -> Killed:
        """Lock, have everything sold at once, and answer when the last entry that might still have left has left, or
        never will. What came in between is sold too. Converge asks again each minute until nothing is held.
        """
        lock = self.risks.lock(user_id, by=OWNER, reason=reason, now=self.clock.now())
        asked = str(round(self.clock.now().timestamp() * 1000))
        settled_at = self.clock.now() + SETTLING
        self._flatten(user_id, asked)
        self.clock.sleep_until(settled_at)
        return Killed(lock, self._flatten(user_id, asked, finish=True))

    def release(self, user_id: UUID) -> None:
        """Let running strategies buy again from their next buy time on.

        Raises:
            Conflict: something is not settled yet.
        """
        self.risks.release(user_id, self.clock.now())

    def is_locked(self, user_id: UUID) -> bool:
        """Whether a switch, the user's or the operator's, keeps entries from leaving."""
        return self.risks.locks(user_id).since is not None

    def _flatten(self, user_id: UUID, asked: str, *, finish: bool = False) -> int:
        """The lock is stored and holds: what cannot be asked for now, converge asks for within a minute."""
        cycles = self.ledger.unsettled_of(user_id)
        now = self.clock.now()
        try:
            self.flattener.flatten(cycles, now=now, cause="user", asked=asked)
            if finish and not cycles:
                standing = self.risks.standing(user_id, trading_day_of(now), now)
                self.flattener.prove(user_id, standing, now=now, cause="user", asked=asked)
        except Exception:
            logger.exception(
                "not every cycle could be asked to close: converge will ask", extra={"user_id": str(user_id)}
            )
            self.meter.count("PublishFailed")
        return len(cycles)
