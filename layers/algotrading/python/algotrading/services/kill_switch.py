"""The kill switch of one user: nothing more is bought, and what is held is sold."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
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
    """Cycles that were asked to be sold by now; of what could not be asked for, converge asks within a minute."""


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
        cycles = self._flatten(user_id, asked)
        self.clock.sleep_until(settled_at)
        cycles |= self._flatten(user_id, asked, finish=True)
        return Killed(lock, len(cycles))

    def release(self, user_id: UUID) -> bool:
        """Let running strategies buy again from their next buy time on. Answers whether the operator's switch still
        keeps them from it.

        Raises:
            Conflict: something is not settled yet.
        """
        return self.risks.release(user_id, self.clock.now()).since is not None

    def _flatten(self, user_id: UUID, asked: str, *, finish: bool = False) -> set[tuple[UUID, date]]:
        """The cycles that were asked to be sold. The lock is stored and holds, so nothing that fails from here on is an
        error of the kill: what cannot be asked for now, converge asks for within a minute."""
        now, sent = self.clock.now(), set[tuple[UUID, date]]()
        try:
            cycles = self.ledger.unsettled_of(user_id)
            for cycle in cycles:
                self.flattener.flatten([cycle], now=now, cause="user", asked=asked)
                sent.add((cycle.strategy_id, cycle.trading_day))
            if finish and not cycles:
                standing = self.risks.standing(user_id, trading_day_of(now), now)
                self.flattener.prove(user_id, standing, now=now, cause="user", asked=asked)
        except Exception:
            logger.exception(
                "not every cycle could be asked to close: converge will ask", extra={"user_id": str(user_id)}
            )
            self.meter.count("PublishFailed")
        return sent
