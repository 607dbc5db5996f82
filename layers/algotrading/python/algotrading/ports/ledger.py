"""Cycles, orders and trades, and what is on record about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from algotrading.domain.audit import AuditEntry, AuditHead, AuditRecord, Cause
from algotrading.domain.cycle import Cycle, Intent
from algotrading.domain.effects import Decision
from algotrading.domain.events import Event
from algotrading.domain.limits import Locks, Obstacle
from algotrading.domain.orders import AccountBook, Fill
from algotrading.domain.strategy import Strategy


class Watched(NamedTuple):
    """What a watcher must know of one strategy."""

    strategy_id: UUID
    user_id: UUID
    exchange: str
    symbol: str
    stop_loss: Decimal
    quantity: int
    trading_day: date | None
    """Of the cycle that may hold something, and is guarded; None: there is none, the strategy only runs."""


@dataclass(frozen=True, slots=True)
class OrderLog:
    """One exchange of words with a broker about one order, verbatim."""

    order_id: UUID
    strategy_id: UUID
    order_type: str
    """BUY, SELL or SL."""
    timestamp: datetime
    raw_response: Mapping[str, Any]
    tag: str
    broker_order_id: str | None
    outcome: str
    """accepted, refused, unknown, cancel_*, or the broker's final status."""
    execution_time_ms: float


@dataclass(frozen=True, slots=True)
class EntryGate:
    """What an executor should know before it decides an entry."""

    locks: Locks
    unsettled_day: date | None
    """The newest earlier day on which this strategy has a cycle that is not settled."""
    symbols: frozenset[str]
    """What the user holds or has on order; empty unless a loss limit needs their prices."""
    is_held_elsewhere: bool = False
    """Whether another strategy in the same account has a cycle of any day in the same instrument and product that is
    not settled: the broker does not tell whose the shares are."""
    may_surface_elsewhere: bool = False
    """Whether such a strategy has an order of today that was proven absent: should it surface after all, what it
    bought is not this strategy's."""


class Ledger(Protocol):
    """Cycles, intents, fills, the audit trail and the outbox: what makes an order happen once."""

    def take(self, strategy: Strategy, trading_day: date) -> Cycle:
        """Create the day's cycle if there is none, raise its epoch, and return it: from now on only
        the caller may write to it. Each take fences off every earlier one."""
        ...

    def save(
        self,
        decision: Decision,
        *,
        event: Event,
        now: datetime,
        logs: Sequence[OrderLog] = (),
        cause: Cause | None = None,
        marks: Mapping[str, Decimal] = MappingProxyType({}),
    ) -> None:
        """Store in one transaction: the audit record, the cycle, its intents, the fills of a
        `BookRead` that belong to them, `logs`, the `Tell` and `StopStrategy` effects, and the breach of an
        entry that was blocked. Word of an order that surfaced late takes a proof of being flat away. `cause` is the
        message that led here, for the record.

        A decision that writes down a new entry is held against its user's limits and locks in the same
        transaction, one entry of a user after the other (`domain.risk.check_entry`). `marks` are the last
        prices of the entry's symbol and of those that the user holds.

        Raises:
            Fenced: another worker has taken the cycle since; nothing was stored.
            RiskRefused: the entry is not allowed; nothing was stored.
        """
        ...

    def add_logs(self, user_id: UUID, logs: Sequence[OrderLog]) -> None:
        """Store words with the broker on their own, whoever has the cycle now; again is harmless."""
        ...

    def note(self, entry: AuditEntry) -> None:
        """Store an audit record on its own: something that changed nothing and has to be explained."""
        ...

    def check(self, cycle: Cycle) -> Obstacle | None:
        """Why an entry of the cycle must not leave any more: the strategy does not run, or a lock is on;
        None when it may. Raises Fenced when another worker has taken the cycle since."""
        ...

    def gate(self, cycle: Cycle) -> EntryGate:
        """What stands before an entry of the cycle, and whose prices its check will need."""
        ...

    def traded_on(self, user_id: UUID, day: date) -> Sequence[Cycle]:
        """The user's cycles of that day that had an order, whatever became of it."""
        ...

    def unsettled_of(self, user_id: UUID) -> Sequence[Cycle]:
        """The user's cycles of any day and strategy that may hold something or have an open intent, oldest
        first."""
        ...

    def find(self, user_id: UUID, strategy_id: UUID, trading_day: date) -> Cycle | None:
        """Read without taking."""
        ...

    def of_day(self, user_id: UUID, trading_day: date) -> Sequence[Cycle]:
        """The user's cycles of one day, read without taking."""
        ...

    def latest(self, user_id: UUID, strategy_id: UUID) -> Cycle | None:
        """The newest cycle of a strategy, read without taking."""
        ...

    def fills(self, user_id: UUID, strategy_id: UUID, *, trading_day: date | None = None) -> Sequence[Fill]:
        """Every fill of the strategy's orders, oldest first; of that day's orders alone, where it is given."""
        ...

    def of_deleted(self, user_id: UUID, day: date) -> Sequence[Cycle]:
        """The day's cycles of strategies that their owner has deleted since."""
        ...

    def orders(self, user_id: UUID, strategy_id: UUID) -> Sequence[Intent]:
        """Every order of the strategy as it stands now, oldest first."""
        ...

    def logs(
        self, user_id: UUID, strategy_id: UUID, *, begins: datetime | None = None, ends: datetime | None = None
    ) -> Sequence[OrderLog]:
        """The strategy's order log, oldest first; from `begins` on and before `ends`, where given."""
        ...

    def unsettled(self, user_id: UUID, strategy_id: UUID) -> Sequence[Cycle]:
        """The strategy's cycles of any day that may hold something or have an open intent, oldest first."""
        ...

    def begun(self, strategy_ids: Sequence[UUID], trading_day: date) -> frozenset[UUID]:
        """System: those of the strategies, of any user, whose cycle of that day is beyond IDLE."""
        ...

    def unfinished(self) -> Sequence[Cycle]:
        """System: every unsettled cycle, and those of the last two days in which an order was proven
        absent (one that surfaces after all must be noticed)."""
        ...

    def to_watch(self) -> Sequence[Watched]:
        """System: all that a watcher must know, each strategy once: those that run, and those whose cycle may hold
        something, with the stop that guards it (`Cycle.following`). Of several such cycles that of the last day."""
        ...


class AuditRoots(Protocol):
    """Where the audit chains ended at earlier verifications, out of reach for who can alter the database. Its methods
    raise what the store raises."""

    def newest(self, now: datetime) -> Mapping[UUID, AuditHead]:
        """The heads that were kept last, of the past weeks; empty where none were."""
        ...

    def keep(self, heads: Mapping[UUID, AuditHead], now: datetime) -> None:
        """Keep today's heads beside those of before."""
        ...


class AuditTrail(Protocol):
    """The chained record of every decision and command. It is written by the repositories, each within
    the transaction of the change it speaks of; nobody changes or removes what is in it."""

    def of_strategy(
        self, user_id: UUID, strategy_id: UUID, day: date, *, begins: datetime, ends: datetime
    ) -> Sequence[AuditRecord]:
        """What explains a strategy's `day`, in the order of the chain: the records of its trading, its
        owner's commands up to the day's end, and what concerned the whole account from `begins` on and
        before `ends`."""
        ...

    def latest_day(self, user_id: UUID, strategy_id: UUID) -> date | None:
        """The newest Asia/Kolkata day on which a strategy traded or was commanded."""
        ...

    def chains(self) -> Iterator[tuple[AuditRecord, AuditHead | None]]:
        """System: every record of every user, by user and then by seq, each with its user's head as it
        was at the same moment. Constant memory.

        Raises:
            DatabaseUnavailable: there are no chains here, or whoever asks does not see all of them.
        """
        ...

    def empty_heads(self) -> Sequence[AuditHead]:
        """System: heads whose chain has no record at all, and had one."""
        ...

    def unchained(self) -> Sequence[UUID]:
        """System: users with strategies or trading of which there is neither a record nor a head."""
        ...


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """A broker account's whole book as it was kept at the end of a trading day."""

    user_id: UUID
    account_id: UUID
    trading_day: date
    book: AccountBook


class Snapshots(Protocol):
    """The kept books: the broker's own vanish overnight."""

    def add(self, snapshot: BookSnapshot) -> None:
        """Keep a book; of two for one account and day the first stays."""
        ...

    def find(self, user_id: UUID, account_id: UUID, trading_day: date) -> BookSnapshot | None:
        """The kept book of an account of the user of that day, if any."""
        ...

    def missing(self, trading_day: date) -> Sequence[tuple[UUID, UUID]]:
        """System: the user of every broker account with a cycle of that day and no kept book, with the id of one of
        the strategies that traded in it."""
        ...
