"""Whether a request comes in: who asks, as whom, and for whose account. The one place where that is decided."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import NoReturn
from uuid import UUID

from algotrading.contracts.api_access import Access
from algotrading.domain.accounts import LOCKED
from algotrading.domain.allowances import Allowance, Spent
from algotrading.domain.api_keys import ApiKey
from algotrading.domain.errors import (
    AccessDenied,
    AccountLocked,
    FreshCodeNeeded,
    RateLimited,
    SecondFactorRequired,
    TokenExpired,
    TokenInvalid,
    TooManyTries,
)
from algotrading.domain.logins import Bearer
from algotrading.domain.roles import STAFF, Role, Standing
from algotrading.domain.throttle import suspects_of_key
from algotrading.ports import Allowances, Clock, Standings, Throttle

_NOT_YOURS = "this account is not shared with you"
"""Also where there is no such account."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked for, and from where."""

    door: str
    """The route's key."""
    path: str
    address: str
    """As the gateway saw it."""
    lessens_risk: bool = False
    """A stop, a square-off, the kill switch: never held up by how much was asked before, and by no store for that."""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Who came in."""

    user_id: UUID
    """Who asks."""
    account: UUID
    """Whose account is acted on: the tenant of every transaction that follows."""
    role: Role
    key_id: UUID | None = None
    """The key of the program that asks in the caller's name."""
    device_id: UUID | None = None
    """The login that the caller's bearer token belongs to."""
    spent: Spent | None = None
    """What is left of the caller's requests of this minute; None where they are not counted."""
    owes_code: bool = False
    """Whether a second factor is on and was not shown in the last minutes: see `Standing.owes_code`."""

    @property
    def is_reading_only(self) -> bool:
        """Whether nothing may be stored."""
        return self.role is Role.VIEWER


@dataclass(frozen=True, slots=True)
class Admission:
    """Looks at the store at every request, and keeps nothing: a login that was ended, a lock, a role or an invitation
    that was withdrawn counts from the next request on, however long a bearer token has still to go."""

    standings: Standings
    throttle: Throttle
    allowances: Allowances
    clock: Clock
    of_person: Allowance
    of_program: Allowance

    def admit(self, bearer: Bearer, access: Access, account: UUID | None, asked: Asked) -> Admitted:
        """Let in whom the matrix lets in. `account`: whose the caller asks to read, None for their own.

        Raises:
            TokenInvalid: there is no such user any more, the login has ended, or there is no such key.
            TokenExpired: the key has.
            TooManyTries: too many keys that were none, from this address.
            RateLimited: the caller's requests of this minute are used up.
            AccountLocked: nobody gets in.
            AccessDenied: not as what the caller is.
            SecondFactorRequired: staff, and their login did not show the one that is on now.
            FreshCodeNeeded: it was shown too long ago for this.
        """
        standing = self.standings.read(bearer, self.clock.now())
        if bearer.key_hash is not None and (standing is None or standing.key is None):
            self._refuse_key(asked.address)
        if standing is None:
            raise TokenInvalid("this account is gone")
        if standing.is_locked:
            raise AccountLocked(LOCKED)
        if not standing.is_logged_in:
            raise TokenInvalid("this login has ended: log in again")
        spent = None if asked.lessens_risk else self._spend(standing)
        who = self._admit(bearer, standing, access, account, asked)
        if access.needs_fresh_code and standing.owes_code:
            raise FreshCodeNeeded
        return replace(who, device_id=bearer.device_id, spent=spent, owes_code=standing.owes_code)

    def reading_only(self) -> AbstractContextManager[None]:
        """See ports.Standings."""
        return self.standings.reading_only()

    def _admit(
        self, bearer: Bearer, standing: Standing, access: Access, account: UUID | None, asked: Asked
    ) -> Admitted:
        if standing.key is not None:
            return self._as_program(standing.key, access, account)
        if account is not None and account != bearer.user_id:
            return self._as_viewer(bearer, access, account, asked.door)
        if Role.TRADER in access.roles:
            return Admitted(bearer.user_id, bearer.user_id, Role.TRADER)
        return self._as_staff(bearer, standing, access.roles & standing.roles & STAFF, asked)

    def _spend(self, standing: Standing) -> Spent:
        """Each key has an allowance of its own: a program that runs wild leaves its owner's alone."""
        key = standing.key
        who, allowance = (standing.user_id, self.of_person) if key is None else (key.key_id, self.of_program)
        spent = self.allowances.spend(str(who), allowance)
        if spent.is_over:
            raise RateLimited(spent)
        return spent

    def _refuse_key(self, address: str) -> NoReturn:
        seconds = self.throttle.try_now(suspects_of_key(address))
        if seconds > 0:
            raise TooManyTries(seconds)
        raise TokenInvalid("this API key is not one of ours, or was revoked")

    def _as_program(self, key: ApiKey, access: Access, account: UUID | None) -> Admitted:
        """In its owner's name, within its scopes."""
        if not key.is_alive(self.clock.now()):
            raise TokenExpired("this API key has expired: make another")
        if access.scope is None or (account is not None and account != key.user_id):
            raise AccessDenied("no API key opens this: log in")
        if access.scope not in key.scopes:
            raise AccessDenied(f"this API key has no scope {access.scope}")
        return Admitted(key.user_id, key.user_id, Role.TRADER, key.key_id)

    def _as_viewer(self, bearer: Bearer, access: Access, account: UUID, door: str) -> Admitted:
        if Role.VIEWER not in access.roles:
            raise AccessDenied("this is its owner's alone: a viewer reads strategies, orders, limits and notices")
        if not self.standings.enter(account, bearer.user_id, door, self.clock.now()):
            raise AccessDenied(_NOT_YOURS)
        return Admitted(bearer.user_id, account, Role.VIEWER)

    def _as_staff(self, bearer: Bearer, standing: Standing, held: frozenset[Role], asked: Asked) -> Admitted:
        if not held:
            is_staff = bool(standing.roles & STAFF)
            who = "administrators" if is_staff else "the staff of the deployment"
            raise AccessDenied(f"this is for {who}")
        if not (bearer.has_second_factor and standing.has_shown_factor):
            raise SecondFactorRequired("log in with your second factor first")
        role = Role.ADMIN if Role.ADMIN in held else Role.SUPPORT
        self.standings.note_staff(bearer.user_id, role, asked.door, asked.path, self.clock.now())
        return Admitted(bearer.user_id, bearer.user_id, role)
