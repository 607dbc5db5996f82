"""What a broker account is called where its owner has to be told which one is meant."""

from __future__ import annotations

from algotrading.domain.strategy import Strategy
from algotrading.ports import NamedAccounts


def name_where_several(named: NamedAccounts, strategy: Strategy) -> str | None:
    """The name of the account that the strategy trades in; None where its owner has no other."""
    held = named.of_user(strategy.user_id)
    if len(held) < 2:
        return None
    return next((account.name for account in held if account.account_id == strategy.account_id), None)
