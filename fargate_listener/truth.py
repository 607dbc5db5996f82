"""What PostgreSQL says the watcher should know: read at start, and again and again to repair the rest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from algotrading.contracts.messages import StopChange
from algotrading.domain.sessions import trading_day_of
from algotrading.ports import Clock, Instruments, Ledger, Watched

_FIELDS = set(StopChange.model_fields)
"""Shared: whoever copies a change copies it first."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every strategy to be watched; `unknown` are those whose instrument is not in the broker's dump."""

    day: date
    """Today, Asia/Kolkata."""
    changes: dict[UUID, StopChange]
    unknown: dict[UUID, str]
    unguarded: frozenset[str]
    """The instruments of those of them of which something is held: nobody sees their stops."""


class Truth:
    """Reads the snapshot. Blocking: belongs in a thread, one reading at a time."""

    def __init__(self, *, ledger: Ledger, instruments: Instruments, clock: Clock) -> None:
        self._ledger = ledger
        self._instruments = instruments
        self._clock = clock

    def read(self) -> Snapshot:
        """Running strategies and armed cycles, as StopChanges."""
        today = trading_day_of(self._clock.now())
        all_watched = self._ledger.to_watch()
        # Each time, and all at once: a dump may bring new tokens, and a change that was announced with one must not be
        # undone by an older reading.
        tokens = self._instruments.tokens_of({(watched.exchange, watched.symbol) for watched in all_watched})
        known: dict[UUID, StopChange] = {}
        unknown: dict[UUID, str] = {}
        unguarded: set[str] = set()
        for watched in all_watched:
            token = tokens.get((watched.exchange, watched.symbol))
            if token is None:
                name = unknown[watched.strategy_id] = f"{watched.exchange}:{watched.symbol}"
                if watched.trading_day is not None:
                    unguarded.add(name)
            else:
                known[watched.strategy_id] = _change(watched, token, today)
        return Snapshot(today, known, unknown, frozenset(unguarded))


def _change(watched: Watched, token: int, today: date) -> StopChange:
    """What `StopChange.model_construct` makes, in a fifth of its time: a hundred thousand are made at a start. Nothing
    is validated: every value has its type from the ledger."""
    change = StopChange.__new__(StopChange)
    day = watched.trading_day
    object.__setattr__(
        change,
        "__dict__",
        {
            "version": 1,
            "strategy_id": watched.strategy_id,
            "user_id": watched.user_id,
            "exchange": watched.exchange,
            "symbol": watched.symbol,
            "instrument_token": token,
            "watched": True,
            "armed": day is not None,
            "stop_loss": watched.stop_loss,
            "trading_day": today if day is None else day,
            "quantity": watched.quantity,
        },
    )
    object.__setattr__(change, "__pydantic_fields_set__", _FIELDS)
    object.__setattr__(change, "__pydantic_extra__", None)
    object.__setattr__(change, "__pydantic_private__", None)
    return change
