"""A user's broker accounts: which there are, and opening, naming, choosing and removing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

from algotrading.domain.named_accounts import NamedAccount
from algotrading.ports import Clock, NamedAccounts, Strategies
from algotrading.services.broker_connection import BrokerConnections, Connection
from algotrading.services.safe_login import SafeLogins


@dataclass(frozen=True, slots=True)
class AccountInView:
    """An account as its owner sees it."""

    account: NamedAccount
    connection: Connection | None
    """None: no broker is connected in it."""
    strategies: int
    """How many are bound to it, running or not."""


@dataclass(frozen=True, slots=True)
class BrokerAccountKeeper:
    """Carries out what an owner wants of his broker accounts."""

    named: NamedAccounts
    connections: BrokerConnections
    strategies: Strategies
    safe_logins: SafeLogins
    clock: Clock
    new_id: Callable[[], UUID] = uuid4

    def of_user(self, user_id: UUID) -> Sequence[AccountInView]:
        """All that were not removed, oldest first."""
        bound = self._bound(user_id)
        return [self._view(account, bound) for account in self.named.of_user(user_id)]

    def open(self, user_id: UUID, name: str) -> AccountInView:
        """One more account, to connect a broker in.

        Raises:
            EmailUnverified, SecondFactorRequired: as where a broker is connected; nothing was stored.
            BrokerAccountsFull: the user has as many as there may be.
            Conflict: another one has the name.
        """
        self.safe_logins.require(user_id)
        account = NamedAccount(self.new_id(), user_id, name, is_default=False, created_at=self.clock.now())
        self.named.add(account)
        return AccountInView(account, None, 0)

    def change(
        self, user_id: UUID, account_id: UUID, *, name: str | None, make_default: bool, seen: str | None = None
    ) -> AccountInView:
        """Another name, or the default from now on. Strategies stay in the account that they are bound to.

        Raises:
            NotFound: no such account of this user.
            Conflict: another one has the name.
            PreconditionFailed: it is not as it was `seen` any more.
        """
        now = self.clock.now()
        account = self.named.change(user_id, account_id, name=name, make_default=make_default, now=now, seen=seen)
        return self._view(account, self._bound(user_id))

    def remove(self, user_id: UUID, account_id: UUID, *, seen: str | None = None) -> None:
        """Forget its keys, and show it no more; its orders and kept books stay on record.

        Raises:
            NotFound: no such account of this user.
            BrokerAccountIsDefault: another one has to be the default first.
            BrokerAccountInUse: strategies are bound to it, or not everything in it is settled.
            PreconditionFailed: it is not as it was `seen` any more.
        """
        self.named.remove(user_id, account_id, self.clock.now(), seen=seen)

    def _bound(self, user_id: UUID) -> Counter[UUID]:
        return Counter(strategy.account_id for strategy in self.strategies.list_for(user_id))

    def _view(self, account: NamedAccount, bound: Counter[UUID]) -> AccountInView:
        connection = self.connections.describe(account)
        return AccountInView(account, connection, bound[account.account_id])
