"""ports.AuditTrail in memory. Entries are chained when somebody reads: most tests never do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from uuid import UUID

from algotrading.adapters.postgres.audit import record_text
from algotrading.adapters.request_names import named_entry
from algotrading.domain.audit import GENESIS, AuditEntry, AuditHead, AuditKind, AuditRecord, chain_hash
from algotrading.domain.cycle import CycleState
from algotrading.domain.sessions import trading_day_of
from tests.fakes.database import MemoryDatabase


def append(database: MemoryDatabase, entry: AuditEntry) -> None:
    """Write `entry` down, as `adapters.postgres.audit.append` does."""
    database.audit.append(named_entry(entry))


class MemoryAuditTrail:
    """ports.AuditTrail in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def of_strategy(
        self, user_id: UUID, strategy_id: UUID, day: date, *, begins: datetime, ends: datetime
    ) -> Sequence[AuditRecord]:
        """See ports.AuditTrail."""

        def is_wanted(entry: AuditRecord) -> bool:
            if entry.strategy_id is None:
                return begins <= entry.at < ends and entry.kind != AuditKind.ACCOUNT_READ
            is_of_day = entry.at < ends if entry.trading_day is None else entry.trading_day == day
            return entry.strategy_id == strategy_id and is_of_day

        return [record for record in self._chain(user_id) if is_wanted(record)]

    def latest_day(self, user_id: UUID, strategy_id: UUID) -> date | None:
        """See ports.AuditTrail."""
        days = [
            entry.trading_day or trading_day_of(entry.at)
            for entry in self._database.audit
            if (entry.user_id, entry.strategy_id) == (user_id, strategy_id)
        ]
        return max(days, default=None)

    def _chain(self, user_id: UUID) -> list[AuditRecord]:
        return chained([entry for entry in self._database.audit if entry.user_id == user_id])

    def chains(self) -> Iterator[tuple[AuditRecord, AuditHead | None]]:
        """See ports.AuditTrail."""
        for user_id in sorted({entry.user_id for entry in self._database.audit}):
            chain = self._chain(user_id)
            head = AuditHead(user_id, chain[-1].seq, chain[-1].hash)
            for record in chain:
                yield record, head

    def empty_heads(self) -> Sequence[AuditHead]:
        """See ports.AuditTrail."""
        return []

    def unchained(self) -> Sequence[UUID]:
        """See ports.AuditTrail. Strategies put into the memory by hand have no record either."""
        heard_of = {entry.user_id for entry in self._database.audit}
        owners = {strategy.user_id for strategy in self._database.strategies.values()}
        traded = {cycle.user_id for cycle in self._database.cycles.values() if cycle.state is not CycleState.IDLE}
        return sorted((owners | traded) - heard_of)


def chained(entries: Sequence[AuditEntry]) -> list[AuditRecord]:
    """One user's entries as records."""
    records: list[AuditRecord] = []
    for seq, entry in enumerate(entries, start=1):
        prev_hash = records[-1].hash if records else GENESIS
        text = record_text(entry)
        hashed = chain_hash(prev_hash, text)
        records.append(
            AuditRecord(
                entry.user_id,
                seq,
                prev_hash,
                hashed,
                entry.at,
                entry.kind,
                entry.strategy_id,
                entry.trading_day,
                text,
            )
        )
    return records
