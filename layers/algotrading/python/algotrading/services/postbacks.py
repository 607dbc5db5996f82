"""Order updates that a broker posts to the address of one trader's connection."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from algotrading.contracts.postback import Postback
from algotrading.domain.accounts import SealedBrokerAccount
from algotrading.domain.errors import AccessDenied
from algotrading.ports import BrokerAccounts, Clock, Meter, Vault
from algotrading.services.order_hints import OrderHints

logger = logging.getLogger(__name__)

_REFUSAL_TAKES = timedelta(seconds=0.3)
"""Longer than finding a connection and opening its secret: a refusal takes as long when there is none."""


@dataclass(frozen=True, slots=True)
class Postbacks:
    """Believes a postback only so far as to look at the book, and only when it is signed."""

    accounts: BrokerAccounts
    vault: Vault
    hints: OrderHints
    clock: Clock
    meter: Meter

    def receive(self, postback_id: UUID, postback: Postback) -> None:
        """Pass the hint on.

        Raises:
            AccessDenied: there is no such address, or the postback is not signed with its secret: the
                same words after the same time, so that nobody learns which addresses there are.
        """
        begun = self.clock.now()
        account = self.accounts.find_by_postback(postback_id)
        if account is None or not self._is_signed(postback, account):
            self.meter.count("PostbacksRefused")
            self.clock.sleep_until(begun + _REFUSAL_TAKES)
            raise AccessDenied("this is not an order update for anyone here")
        self.meter.count("Postbacks")
        if postback.user_id not in {None, account.broker_user_id}:
            # The app's secret may be shared by the accounts of a family; each has an address of its own.
            logger.warning("a postback speaks of another broker account", extra={"user_id": str(account.user_id)})
            return
        self.hints.give(account.user_id, account.account_id, postback.update(), "postback")

    def _is_signed(self, postback: Postback, account: SealedBrokerAccount) -> bool:
        try:
            secret = self.vault.unseal(account.user_id, {"api_secret": account.api_secret})["api_secret"]
        except AccessDenied:
            logger.exception("a broker secret cannot be opened", extra={"user_id": str(account.user_id)})
            return False
        return postback.is_signed_with(secret)
