"""A user's broker accounts: one's own, the family's; each with its name, whether or not a broker is connected in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from algotrading.domain.errors import BrokerAccountsFull, Conflict, FieldProblem, StrategyInvalid

MOST_ACCOUNTS: Final = 5
"""Of one user: see docs/decisions/several-broker-accounts.md."""
LONGEST_NAME: Final = 40
FIRST_NAME: Final = "Main account"
"""What the account is called that every user has from the beginning; migration 0025 agrees."""


@dataclass(frozen=True, slots=True)
class NamedAccount:
    """One broker account of a user."""

    account_id: UUID
    user_id: UUID
    name: str
    is_default: bool
    """Whether it is meant where a request names none."""
    created_at: datetime


def refuse_one_more(held: Iterable[NamedAccount], name: str) -> None:
    """Raise unless a user with the accounts `held` may open one of that name.

    Raises:
        BrokerAccountsFull: there are as many as there may be.
        Conflict: one of them is called so.
    """
    held = tuple(held)
    if len(held) >= MOST_ACCOUNTS:
        raise BrokerAccountsFull(MOST_ACCOUNTS)
    refuse_taken_name(held, name)


def refuse_taken_name(others: Iterable[NamedAccount], name: str) -> None:
    """Raise Conflict where one of the `others` has that name: notices tell accounts apart by it."""
    if any(other.name.casefold() == name.casefold() for other in others):
        problem = FieldProblem("name", "is the name of another account of yours")
        raise Conflict("another broker account of yours has this name: choose another", (problem,))


def around_name(symbol: str, text: str) -> tuple[str, str]:
    """What stands before the name of an account, and what after it, in a notice about a strategy in `symbol`:
    "TCS: bought 1" becomes "TCS (HUF): bought 1"."""
    rest = text.removeprefix(symbol)
    if rest == text or not rest.startswith((":", " ")):
        rest = f": {text}"
    return f"{symbol} (", f"){rest}"


def no_such_account() -> StrategyInvalid:
    """Why a strategy cannot be bound to an account that its owner does not have, or not any more."""
    return StrategyInvalid("the strategy cannot trade as asked: see account_id", (UNKNOWN_ACCOUNT,))


UNKNOWN_ACCOUNT: Final = FieldProblem(
    "account_id", "is not a broker account of yours: GET /broker/accounts lists those there are"
)
