"""ports.AuditTrail in memory. Entries are chained when somebody reads: most tests never do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from algotrading.adapters.postgres.audit import record_text
from algotrading.domain.audit import GENESIS, AuditEntry, AuditHead, AuditRecord, chain_hash
from tests.fakes.database import MemoryDatabase


def append(database: MemoryDatabase, entry: AuditEntry) -> None:
    """Write `entry` down, as `adapters.postgres.audit.append` does."""
    database.audit.append(entry)


class MemoryAuditTrail:
    """ports.AuditTrail in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def chains(self) -> Iterator[tuple[AuditRecord, AuditHead | None]]:
        """See ports.AuditTrail."""
        by_user = sorted(self._database.audit, key=lambda entry: entry.user_id)
        for user_id, entries in groupby(by_user, key=lambda entry: entry.user_id):
            chain = chained(list(entries))
            head = AuditHead(user_id, chain[-1].seq, chain[-1].hash)
            for record in chain:
                yield record, head

    def empty_heads(self) -> Sequence[AuditHead]:
        """See ports.AuditTrail."""
        return []


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
