"""A user's broker accounts: one's own, the family's; each with its name, whether or not a broker is connected in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from algotrading.domain.errors import BrokerAccountsFull, Conflict, FieldProblem, StrategyInvalid
from algotrading.domain.seen import tag_of

MOST_ACCOUNTS: Final = 5
"""Of one user: see docs/decisions/several-broker-accounts.md."""
MOST_OPENED: Final = 50
"""That a user opens in all, with those that were removed since: each stays on record for ever."""
LONGEST_NAME: Final = 40
FIRST_NAME: Final = "Main account"
"""What the account is called that every user has from the beginning; migration 0025 agrees."""

_ALIKE: Final = frozenset({"LATIN", "GREEK", "CYRILLIC"})
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Printable by their kind, and shown by nothing (Unicode's Default_Ignorable_Code_Point)."""


@dataclass(frozen=True, slots=True)
class NamedAccount:
    """One broker account of a user."""

    account_id: UUID
    user_id: UUID
    name: str
    is_default: bool
    """Whether it is meant where a request names none."""
    created_at: datetime

    @property
    def tag(self) -> str:
        """What tells this state of the account from others: see `domain.seen`."""
        return tag_of(self.name, self.is_default)


def refuse_one_more(held: Iterable[NamedAccount], opened: int, name: str) -> None:
    """Raise unless a user with the accounts `held`, out of `opened` that ever were, may open one of that name.

    Raises:
        BrokerAccountsFull: there are, or there were in all, as many as there may be.
        Conflict: one of them is called so.
    """
    held = tuple(held)
    if len(held) >= MOST_ACCOUNTS:
        raise BrokerAccountsFull(MOST_ACCOUNTS)
    if opened >= MOST_OPENED:
        raise BrokerAccountsFull(MOST_OPENED, in_all=True)
    refuse_taken_name(held, name)


def refuse_taken_name(others: Iterable[NamedAccount], name: str) -> None:
    """Raise Conflict where one of the `others` has that name, or one that reads the same: notices tell accounts apart
    by it."""
    if any(_as_read(other.name) == _as_read(name) for other in others):
        problem = FieldProblem("name", "is the name of another account of yours")
        raise Conflict("another broker account of yours has this name: choose another", (problem,))


def around_name(symbol: str, text: str) -> tuple[str, str]:
    """What stands before the name of an account, and what after it, in a notice about a strategy in `symbol`:
    "TCS: bought 1" becomes "TCS (HUF): bought 1"."""
    rest = text.removeprefix(symbol)
    if rest == text or not rest.startswith((":", " ")):
        rest = f": {text}"
    return f"{symbol} (", f"){rest}"


def mixes_alphabets(name: str) -> bool:
    """Whether letters of more than one of those alphabets stand in the name whose letters look like each other's.
    Words that are wholly of another alphabet are not told apart: that takes Unicode's list of confusables (UTS 39)."""
    letters = (each for each in unicodedata.normalize("NFKC", name) if each.isalpha())
    return len(_ALIKE & {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}) > 1


def _as_read(name: str) -> str:
    """What names are compared by: capitals, forms of one character, blanks and what is not seen make no difference."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(_UNSEEN.sub("", folded).split())


def no_such_account() -> StrategyInvalid:
    """Why a strategy cannot be bound to an account that its owner does not have, or not any more."""
    return StrategyInvalid("the strategy cannot trade as asked: see account_id", (UNKNOWN_ACCOUNT,))


UNKNOWN_ACCOUNT: Final = FieldProblem("account_id", "is not a broker account of yours (GET /broker/accounts)")
