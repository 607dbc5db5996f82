"""A user's broker accounts, by name."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from algotrading.domain.named_accounts import NamedAccount


class NamedAccounts(Protocol):
    """The broker accounts of users, whether or not a broker is connected in them. Every change leaves an audit record
    in the same transaction; changes of one user's wait for each other."""

    def of_user(self, user_id: UUID) -> Sequence[NamedAccount]:
        """Those that were not removed, oldest first; one of them is the default."""
        ...

    def get(self, user_id: UUID, account_id: UUID | None = None) -> NamedAccount:
        """One of them, the default where none is named. Raises NotFound."""
        ...

    def add(self, account: NamedAccount) -> None:
        """One more, which is not the default.

        Raises:
            BrokerAccountsFull: the user has as many as there may be.
            Conflict: another one of the user's has the name.
            NotFound: the user is gone.
            AccountLocked: nobody gets in any more.
        """
        ...

    def change(
        self,
        user_id: UUID,
        account_id: UUID,
        *,
        name: str | None,
        make_default: bool,
        now: datetime,
        seen: str | None = None,
    ) -> NamedAccount:
        """The account with another name (None: the same), and as the default instead of the one that was. What changes
        nothing is no error, and not on record.

        Raises:
            NotFound: no such account of this user.
            Conflict: another one of the user's has the name.
            PreconditionFailed: the account has another tag than `seen`.
        """
        ...

    def remove(self, user_id: UUID, account_id: UUID, now: datetime, *, seen: str | None = None) -> None:
        """Forget its keys, and show the account no more; what was traded in it stays on record.

        Raises:
            NotFound: no such account of this user.
            BrokerAccountIsDefault: it is meant where none is named.
            BrokerAccountInUse: a strategy is bound to it, a cycle in it is not settled, or an order is looked for that
                was proven absent there today.
            PreconditionFailed: the account has another tag than `seen`.
        """
        ...
