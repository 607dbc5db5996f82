"""Keys of a user's programs: made with the second factor, shown once, taken back at once."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from algotrading.domain.api_keys import ApiKey, Scope, write_key
from algotrading.domain.errors import SecondFactorRequired, TooManyTries
from algotrading.domain.throttle import suspects_of_code
from algotrading.ports import ApiKeys, Clock, Throttle
from algotrading.services.second_factor import SecondFactorKeeper

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Programs:
    """What a user lets programs do."""

    keys: ApiKeys
    second_factors: SecondFactorKeeper
    throttle: Throttle
    clock: Clock
    new_id: Callable[[], UUID] = uuid4

    def create(
        self, user_id: UUID, *, name: str, scopes: Collection[Scope], lasts: timedelta, code: str
    ) -> tuple[ApiKey, str]:
        """A new key, and its text, which nobody can show again.

        Raises:
            SecondFactorRequired: the user has none.
            AuthenticationFailed: the code is wrong, or was used before.
            TooManyTries: too many codes were.
            Conflict: the user has as many keys as they may.
        """
        suspects = suspects_of_code(user_id)
        seconds = self.throttle.try_now(suspects)
        if seconds > 0:
            raise TooManyTries(seconds)
        if not self.second_factors.check(user_id, code):
            raise SecondFactorRequired("switch your second factor on first: a key is made with its code")
        self.throttle.succeeded(suspects)
        now = self.clock.now()
        text, key_hash = write_key(user_id, secrets.token_bytes(_SECRET_BYTES))
        key = ApiKey(self.new_id(), user_id, name, frozenset(scopes), now, now + lasts)
        self.keys.add(key, key_hash)
        return key, text

    def of_user(self, user_id: UUID) -> Sequence[ApiKey]:
        """The user's keys, the oldest first; those that have expired, too."""
        return self.keys.of_user(user_id)

    def revoke(self, user_id: UUID, key_id: UUID) -> None:
        """It opens nothing from the next request on. Raises NotFound."""
        self.keys.revoke(user_id, key_id, self.clock.now())
