"""What an owner does with an account as a whole: take everything along, or have it deleted."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from algotrading.contracts.errands import AccountDeletedErrand
from algotrading.domain.errors import AuthenticationFailed, FieldProblem, RequestInvalid, TooManyTries
from algotrading.domain.instants import with_instants
from algotrading.domain.throttle import suspects_of_login
from algotrading.ports import AccountRecords, Clock, Errands, Passwords, Throttle, Users
from algotrading.services.second_factor import SecondFactorKeeper

logger = logging.getLogger(__name__)

MOST_BYTES: Final = 3_000_000
"""Of one page: API Gateway and Lambda carry no more than six million bytes, and the answer is written again."""
_ROWS: Final = 200
"""Read at a time."""


@dataclass(frozen=True, slots=True)
class AccountData:
    """Needs the password again for what cannot be undone."""

    users: Users
    records: AccountRecords
    passwords: Passwords
    second_factors: SecondFactorKeeper
    throttle: Throttle
    clock: Clock
    errands: Errands

    def export(
        self, user_id: UUID, cursor: str | None, *, most_bytes: int = MOST_BYTES
    ) -> tuple[Mapping[str, Sequence[Any]], str | None]:
        """A page of everything that is kept of the user, and where the next begins; None after the last.

        Raises:
            NotFound: the account is gone.
            RequestInvalid: the cursor is none.
        """
        self.users.get(user_id)
        sections = list(self.records.sections())
        number, offset = _read_cursor(cursor, sections)
        page: dict[str, list[Any]] = {}
        left = most_bytes
        while number < len(sections):
            name = sections[number]
            rows = self.records.read(user_id, name, offset=offset, limit=_ROWS)
            for row in rows:
                size = len(row.encode())
                if size > left and page:
                    return page, f"{name}.{offset}"
                page.setdefault(name, []).append(with_instants(json.loads(row)))
                left -= size
                offset += 1
            if len(rows) < _ROWS:
                page.setdefault(name, [])
                number, offset = number + 1, 0
        return page, None

    def delete(self, user_id: UUID, password: str, code: str | None, address: str) -> None:
        """Forget who the user is. What was traded, and the audit trail, stay under an identifier that names nobody.

        Raises:
            AuthenticationFailed, SecondFactorNeeded: as at a login.
            Conflict: strategies run or are not settled.
            NotFound: the account is gone.
            TooManyTries: too many wrong passwords.
        """
        email = self.users.get(user_id).email
        suspects = suspects_of_login(email, address, on_known_device=True)
        seconds = self.throttle.try_now(suspects)
        if seconds > 0:
            raise TooManyTries(seconds)
        login = self.users.find_login(email)
        if not self.passwords.matches(password, login.password_hash if login else None):
            raise AuthenticationFailed("the password is not right")
        # Before a code is used up: a recovery code is good once.
        self.records.refuse_trading(user_id, self.clock.now())
        self.second_factors.check(user_id, code)
        self.throttle.succeeded(suspects)
        self.records.close(user_id, self.clock.now())
        self._tell(user_id, email)

    def _tell(self, user_id: UUID, email: str) -> None:
        """The address is known nowhere else by now. The account is gone all the same when nobody can be asked."""
        try:
            self.errands.ask(AccountDeletedErrand(email=email))
        except Exception:
            logger.warning("nobody was asked to mail of a deletion", exc_info=True, extra={"user_id": str(user_id)})


def _read_cursor(cursor: str | None, sections: Sequence[str]) -> tuple[int, int]:
    if cursor is None:
        return 0, 0
    name, _, offset = cursor.partition(".")
    if name not in sections or not offset.isdecimal() or len(offset) > 9:
        problem = FieldProblem("cursor", "must be the next_cursor of the page before")
        raise RequestInvalid("the request is not valid: see cursor", (problem,))
    return sections.index(name), int(offset)
