"""What administrators do to users; support looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.administration import AccountState, UserSummary
from algotrading.domain.errors import (
    Conflict,
    FieldProblem,
    NotFound,
    RequestInvalid,
    SecondFactorRequired,
    TooManyTries,
)
from algotrading.domain.roles import Role
from algotrading.domain.throttle import suspects_of_code
from algotrading.ports import Administration, Clock, Throttle
from algotrading.services.second_factor import SecondFactorKeeper

PAGE = 50


@dataclass(frozen=True, slots=True)
class Administrators:
    """Every deed takes a code of the second factor of whoever does it: a stolen token alone does nothing."""

    store: Administration
    second_factors: SecondFactorKeeper
    throttle: Throttle
    clock: Clock

    def users(
        self, *, query: str | None, limit: int = PAGE, cursor: UUID | None = None
    ) -> tuple[Sequence[UserSummary], UUID | None]:
        """A page of users, the newest first, and the cursor of the next; None after the last.

        Raises:
            RequestInvalid: the cursor is none.
        """
        try:
            found = self.store.users(query=query, limit=limit + 1, after=cursor)
        except NotFound as error:
            problem = FieldProblem("cursor", "must be the next_cursor of the page before")
            raise RequestInvalid("the request is not valid: see cursor", (problem,)) from error
        page = found[:limit]
        return page, page[-1].user_id if len(found) > limit else None

    def state(self, user_id: UUID, *, by: UUID, role: Role, door: str) -> AccountState:
        """How one account stands; the look is written down in that account's trail. Raises NotFound."""
        return self.store.state(user_id, by=by, role=role, door=door, now=self.clock.now())

    def lock(self, user_id: UUID, *, by: UUID, reason: str) -> None:
        """Nobody gets in any more. Strategies that run go on, and so do their stops: what is to stop is the kill
        switch's to say.

        Raises:
            NotFound: there is no such user.
            Conflict: it is the administrator's own account.
        """
        _refuse_own(user_id, by)
        self.store.lock(user_id, by=str(by), reason=reason, now=self.clock.now())

    def unlock(self, user_id: UUID, *, by: UUID) -> None:
        """Its owner may log in again. Raises NotFound."""
        self.store.unlock(user_id, by=str(by), now=self.clock.now())

    def grant(self, user_id: UUID, role: Role, *, by: UUID) -> None:
        """Raises NotFound; Conflict: the user's e-mail or second factor is missing."""
        self.store.grant(user_id, role, by=str(by), now=self.clock.now())

    def withdraw(self, user_id: UUID, role: Role, *, by: UUID) -> None:
        """It counts from the user's next request on.

        Raises:
            NotFound: there is no such user.
            Conflict: it is the administrator's own. Two who withdraw each other's at once leave none, and the operator
                makes another.
        """
        _refuse_own(user_id, by)
        self.store.withdraw(user_id, role, by=str(by), now=self.clock.now())

    def confirm(self, user_id: UUID, code: str) -> None:
        """Whoever is about to do something is who they say.

        Raises:
            SecondFactorRequired: the administrator has switched it off.
            AuthenticationFailed: the code is wrong, or was used before.
            TooManyTries: too many codes were.
        """
        suspects = suspects_of_code(user_id)
        seconds = self.throttle.try_now(suspects)
        if seconds > 0:
            raise TooManyTries(seconds)
        if not self.second_factors.check(user_id, code):
            raise SecondFactorRequired("switch your second factor on first")
        self.throttle.succeeded(suspects)


def _refuse_own(user_id: UUID, by: UUID) -> None:
    if user_id == by:
        raise Conflict("not to your own account: ask another administrator")
