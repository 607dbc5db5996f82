"""What an operator may do to the whole deployment."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.limits import Lock
from algotrading.domain.roles import Role
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Administration, Clock, Ledger, Meter, Risks
from algotrading.services.flatten import Flattener
from algotrading.services.kill_switch import SETTLING

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeploymentStatus:
    """The switch for everybody, and how far everybody is from flat."""

    lock: Lock | None
    open_cycles: int | None
    """None where it could not be read; the switch is as `lock` says all the same."""
    unproven_users: int | None
    """While locked: users who traded today, or still hold something, and whose broker has not shown flat yet."""


@dataclass(frozen=True, slots=True)
class Operator:
    """Works across all users, as the system."""

    risks: Risks
    ledger: Ledger
    flattener: Flattener
    clock: Clock
    meter: Meter

    def kill(self, *, by: str, reason: str) -> DeploymentStatus:
        """Lock, have everything of everybody sold, and answer when no entry can leave any more. Can be repeated."""
        lock = self.risks.lock_deployment(by=by, reason=reason, now=self.clock.now())
        settled_at = self.clock.now() + SETTLING
        asked = str(round(self.clock.now().timestamp() * 1000))
        self._flatten(asked)
        self.clock.sleep_until(settled_at)
        self._flatten(asked)
        return self._status_after(lock)

    def release(self, *, by: str) -> DeploymentStatus:
        """Let running strategies buy again from their next buy time on; users' own switches stay as they are.

        Raises:
            Conflict: a cycle of any user is not settled.
        """
        self.risks.release_deployment(by=by, now=self.clock.now())
        return self._status_after(None)

    def status(self) -> DeploymentStatus:
        """Where everybody stands."""
        now = self.clock.now()
        standings = self.risks.watched(trading_day_of(now), now).values()
        open_cycles = sum(len(one.usage.open_cycles) for one in standings)
        lock = self.risks.deployment()
        unproven = sum(1 for one in standings if one.flat is None) if lock is not None else 0
        return DeploymentStatus(lock, open_cycles, unproven)

    def _status_after(self, lock: Lock | None) -> DeploymentStatus:
        """What was done is stored: that it cannot be looked at now is no error of it."""
        try:
            return self.status()
        except Exception:
            logger.exception("the switch is stored; where everybody stands could not be read")
            return DeploymentStatus(lock, None, None)

    def _flatten(self, asked: str) -> None:
        """The lock is stored and holds: what cannot be asked for now, converge asks for within a minute."""
        try:
            cycles = [cycle for cycle in self.ledger.unfinished() if not cycle.is_settled]
            self.flattener.flatten(cycles, now=self.clock.now(), cause="operator", asked=asked)
        except Exception:
            logger.exception("not all could be asked to close: converge will ask")
            self.meter.count("PublishFailed")


@dataclass(frozen=True, slots=True)
class RoleKeeper:
    """Grants and withdraws roles as the operator: how the first administrator comes to be."""

    store: Administration
    clock: Clock

    def grant(self, email: str, role: Role, *, by: str) -> UUID:
        """Whose account it is that has the role now.

        Raises:
            NotFound: nobody has this e-mail.
            Conflict: the user has not confirmed it, or has no second factor.
        """
        user_id = self.store.find(email)
        self.store.grant(user_id, role, by=by, now=self.clock.now())
        return user_id

    def withdraw(self, email: str, role: Role, *, by: str) -> UUID:
        """Whose account it is that has the role no more. Raises NotFound."""
        user_id = self.store.find(email)
        self.store.withdraw(user_id, role, by=by, now=self.clock.now())
        return user_id


@dataclass(frozen=True, slots=True)
class SecondFactorClearer:
    """Lets somebody in again who can show neither a code of the second factor nor a recovery code, as the operator: who
    asks is a matter of people, and not of this."""

    store: Administration
    clock: Clock

    def clear(self, email: str, *, by: str, reason: str) -> tuple[UUID, int]:
        """Whose second factor was taken away, and of how many devices the login has ended. The user is told.

        Raises:
            NotFound: nobody has this e-mail.
            Conflict: the user has no second factor that is on.
        """
        user_id = self.store.find(email)
        return user_id, self.store.clear_second_factor(user_id, by=by, reason=reason, now=self.clock.now())
