"""Whether the broker takes the access token that a session speaks with, by what it answers."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from algotrading.domain.accounts import SealedBrokerAccount
from algotrading.domain.errors import AlgotradingError
from algotrading.ports import BrokerAccounts, Clock

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class TokenWatch:
    """Writes down when the broker refuses the token, and when it takes it after all. `account` is the connection whose
    token it is, as it was read last: nothing is stored while the broker answers what is known already.

    A store that is away keeps nobody from trading: then it is written down by whoever hears it next."""

    accounts: BrokerAccounts
    clock: Clock
    account: SealedBrokerAccount

    @property
    def is_refused(self) -> bool:
        """Whether it is refused, as far as is known."""
        return self.account.refused_at is not None

    def hear(self, *, is_refused: bool) -> None:
        """The broker's word on the token, whatever it was asked. Nothing that a store does is raised."""
        account, now = self.account, self.clock.now()
        if is_refused is self.is_refused or account.token_at is None:
            return
        self.account = replace(account, refused_at=now if is_refused else None)
        of_whom = {"user_id": str(account.user_id), "account_id": str(account.account_id)}
        logger.warning("the broker %s the login", "refuses" if is_refused else "takes", extra=of_whom)
        mark = self.accounts.mark_refused if is_refused else self.accounts.mark_taken
        try:
            mark(account.user_id, account.account_id, token_at=account.token_at, now=now)
        except AlgotradingError as fault:
            logger.error("this is not written down: %s", fault, extra=of_whom)
