"""What an operator may do with the pairs of addresses that orders leave from."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.egress import EgressRoute
from algotrading.ports import BrokerAccounts, Clock


@dataclass(frozen=True, slots=True)
class AddressPairs:
    """Works across all users, as the system."""

    accounts: BrokerAccounts
    clock: Clock

    def free(self, user_id: UUID, *, by: str) -> EgressRoute:
        """Take the pair from its holder, so that another account may have it.

        Raises:
            NotFound: this user holds none.
            Conflict: a broker is connected, through which it would be used, or claimed again.
        """
        return self.accounts.free_egress(user_id, by=by, now=self.clock.now())
