"""The traders' standing orders, and what can be traded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from algotrading.domain.instruments import Instrument
from algotrading.domain.strategy import Strategy


class Strategies(Protocol):
    """The traders' standing orders. Every change leaves an audit record in the same transaction."""

    def add(self, strategy: Strategy) -> None:
        """Store a new strategy. Raises StrategyInvalid where its user has no such broker account, or not any more."""
        ...

    def get(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        """Raises NotFound, also for another user's strategy and for a deleted one."""
        ...

    def list_for(self, user_id: UUID) -> Sequence[Strategy]:
        """The user's strategies, oldest first."""
        ...

    def save(self, strategy: Strategy, *, expected_version: int) -> None:
        """Replace a strategy whose stored version is `expected_version`. All in one transaction, which also
        fences off every worker that took a cycle of it before and has ordered nothing in it yet: what it would
        order is not what its owner wants any more.

        Raises:
            NotFound: it does not exist (any more).
            Conflict: its version has moved, or account, exchange, symbol, product or quantity would change while a
                cycle of any day is not settled.
            StrategyInvalid: it is moved to a broker account that its user does not have (any more).
            StrategyOverlap: it would run at the same time of day as another running strategy in the same
                account and symbol.
        """
        ...

    def delete(self, user_id: UUID, strategy_id: UUID, *, expected_version: int, now: datetime) -> None:
        """Hide a strategy that does not run and holds nothing; its orders stay on record. All in one
        transaction, which also fences off every worker that took a cycle of it before.

        Raises:
            NotFound: it does not exist (any more).
            Conflict: its version has moved, it runs, or a cycle of any day is not settled.
        """
        ...

    def is_owned(self, user_id: UUID, strategy_id: UUID) -> bool:
        """Whether the user has this strategy, or had it before deleting it."""
        ...

    def running(self) -> Sequence[Strategy]:
        """System: every running strategy of every user."""
        ...


class Instruments(Protocol):
    """The broker's daily instrument dump."""

    def find(self, exchange: str, symbol: str) -> Instrument | None:
        """Today's instrument under that name."""
        ...

    def tokens_of(self, names: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """The tokens of all that are known among those exchanges and symbols, asked for at once."""
        ...

    def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """Instruments whose symbol or name starts with or contains `text`, best first."""
        ...

    def replace_all(self, instruments: Sequence[Instrument]) -> None:
        """System: make today's dump the only truth, in one transaction."""
        ...
