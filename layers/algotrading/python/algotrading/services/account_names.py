"""What a broker account is called where its owner has to be told which one is meant."""

from __future__ import annotations

from algotrading.domain.cycle import Cycle
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.strategy import Strategy
from algotrading.ports import NamedAccounts


def account_where_several(named: NamedAccounts, one: Strategy | Cycle) -> NamedAccount | None:
    """The account that a strategy trades in, or a cycle; None where its owner has no other."""
    held = named.of_user(one.user_id)
    if len(held) < 2:
        return None
    return next((account for account in held if account.account_id == one.account_id), None)


def where_in(account: NamedAccount | None) -> str:
    """The same as a part of a sentence about a login; None: its owner has no other."""
    return "" if account is None else f" in the account {account.name}"
