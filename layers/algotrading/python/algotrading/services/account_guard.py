"""Keeps a broker account from being changed or forgotten under what trades in it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from uuid import UUID

from algotrading.domain.accounts import BrokerProfile, still_trading
from algotrading.domain.errors import BrokerAccountDiffers
from algotrading.ports import BrokerAccounts, Clock, Ledger

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AccountGuard:
    """Knows whether something is at stake in an account. What trades in another one of the same user counts for
    nothing here."""

    accounts: BrokerAccounts
    ledger: Ledger
    clock: Clock

    def refuse_while_trading(self, user_id: UUID, account_id: UUID, why: str) -> None:
        """Raise Conflict while strategies trade in the account; `why` tells what they would lose."""
        if self.accounts.is_trading(user_id, account_id, self.clock.now()):
            raise still_trading(why)

    def refuse_another_account(
        self, user_id: UUID, account_id: UUID, profile: BrokerProfile, known: str | None
    ) -> None:
        """Raise BrokerAccountDiffers where `profile` is not the broker's account that strategies trade in.

        `known` is the one that the stored connection leads to. Where it does not say (two users held one account and
        this one lost it: migration 0019), the trail does: orders leave through a connected account alone."""
        if known == profile.broker_user_id or not self.accounts.is_trading(user_id, account_id, self.clock.now()):
            return
        held_in = known or self.accounts.last_connected(user_id, account_id)
        if held_in is None:
            # No order can have left. Were there one all the same, a refusal would keep its owner from selling at all.
            if any(cycle.account_id == account_id for cycle in self.ledger.unsettled_of(user_id)):
                logger.error("nothing tells in which broker account cycles stand", extra={"user_id": str(user_id)})
        elif held_in != profile.broker_user_id:
            raise BrokerAccountDiffers(held_in)
