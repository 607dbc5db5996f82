"""Verifying audit chains: what breaks show that a record was altered, removed, added or put elsewhere.

What the chain alone cannot show is what somebody who may change the schema makes to fit: a rewrite from some
record to the end, or records cut off the end, head included; or a user of whom everything is gone. Heads that
were kept outside the database (`known`) show that, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from algotrading.domain.audit import GENESIS, AuditHead, AuditRecord, chain_hash

ChainRow = tuple[AuditRecord, AuditHead | None]
"""A record, and its user's head as it was at the same moment."""


class Flaw(StrEnum):
    """What is wrong with a chain at one record."""

    ALTERED = "altered"
    """Its hash is not that of its text, or a column beside the text says something else."""
    MISSING = "missing"
    """Records before it are not there."""
    MISPLACED = "misplaced"
    """It does not follow the record before it: one of the two was replaced, inserted or moved."""
    TAIL_MISSING = "tail missing"
    """The chain ends before its head, or before a head that was known."""
    BEYOND_HEAD = "beyond the head"
    """The chain goes on after its head."""
    HEAD_DIFFERS = "head differs"
    """The last record is not the one that the head names."""
    HEAD_MISSING = "head missing"
    """The chain has no head."""
    CHAIN_MISSING = "chain missing"
    """Its user has traded, or has strategies, and there is neither a record nor a head."""
    REWRITTEN = "rewritten"
    """It is not the record that a known head names, though the chain fits together."""


@dataclass(frozen=True, slots=True)
class ChainBreak:
    """One place at which a user's chain does not hold."""

    user_id: UUID
    seq: int
    flaw: Flaw
    text: str


@dataclass(slots=True)
class ChainCheck:
    """Follows rows in the order of user and seq and tells every break; constant memory. `known` are heads
    that were kept elsewhere. `heads` fills with the end of every chain, for keeping."""

    known: Mapping[UUID, AuditHead] = field(default_factory=dict)
    records: int = 0
    heads: dict[UUID, AuditHead] = field(default_factory=dict)

    def follow(
        self, rows: Iterable[ChainRow], empty_heads: Iterable[AuditHead] = (), unchained: Iterable[UUID] = ()
    ) -> Iterator[ChainBreak]:
        """Every break of every chain. `empty_heads` are those of chains without records, `unchained` users who
        ought to have a chain and have neither."""
        last: ChainRow | None = None
        for row in rows:
            record = row[0]
            if last is not None and last[0].user_id != record.user_id:
                yield from self._end(*last)
                last = None
            yield from _link_breaks(record, None if last is None else last[0])
            yield from self._known_break(record)
            self.records += 1
            last = row
        if last is not None:
            yield from self._end(*last)
        for head in empty_heads:
            text = f"the head is at record {head.seq} and there are no records at all"
            yield ChainBreak(head.user_id, head.seq, Flaw.TAIL_MISSING, text)
        for user_id in unchained:
            text = "the user has strategies or has traded, and there is neither a record nor a head"
            yield ChainBreak(user_id, 0, Flaw.CHAIN_MISSING, text)
        for user_id in sorted(self.known.keys() - self.heads.keys()):
            seq = self.known[user_id].seq
            text = f"record {seq} was known, and there are no records at all"
            yield ChainBreak(user_id, seq, Flaw.TAIL_MISSING, text)

    def _known_break(self, record: AuditRecord) -> Iterator[ChainBreak]:
        known = self.known.get(record.user_id)
        if known is not None and known.seq == record.seq and known.hash != record.hash:
            text = "it is not the record that was known: from some record on the chain was made anew"
            yield ChainBreak(record.user_id, record.seq, Flaw.REWRITTEN, text)

    def _end(self, last: AuditRecord, head: AuditHead | None) -> Iterator[ChainBreak]:
        self.heads[last.user_id] = AuditHead(last.user_id, last.seq, last.hash)
        yield from _head_breaks(last, head)
        known = self.known.get(last.user_id)
        if known is not None and known.seq > last.seq and (head is None or head.seq <= last.seq):
            text = f"the chain ends here, and record {known.seq} was known"
            yield ChainBreak(last.user_id, last.seq, Flaw.TAIL_MISSING, text)


def _link_breaks(record: AuditRecord, before: AuditRecord | None) -> Iterator[ChainBreak]:
    expected, link = (1, GENESIS) if before is None else (before.seq + 1, before.hash)
    if record.seq > expected:
        gone = f"record {expected} is" if record.seq == expected + 1 else f"records {expected} to {record.seq - 1} are"
        yield ChainBreak(record.user_id, record.seq, Flaw.MISSING, f"{gone} missing before it")
    elif record.seq < expected or record.prev_hash != link:
        text = "it does not follow the record before it: one of the two was replaced, inserted or moved"
        yield ChainBreak(record.user_id, record.seq, Flaw.MISPLACED, text)
    if chain_hash(record.prev_hash, record.record) != record.hash:
        yield ChainBreak(record.user_id, record.seq, Flaw.ALTERED, "its hash is not the hash of what it says")
    elif (column := _other_column(record)) is not None:
        text = f"the column {column} says something else than the record itself"
        yield ChainBreak(record.user_id, record.seq, Flaw.ALTERED, text)


def _head_breaks(last: AuditRecord, head: AuditHead | None) -> Iterator[ChainBreak]:
    if head is None:
        yield ChainBreak(last.user_id, last.seq, Flaw.HEAD_MISSING, "the chain has no head")
    elif head.seq > last.seq:
        text = f"the chain ends here, and its head is at record {head.seq}"
        yield ChainBreak(last.user_id, last.seq, Flaw.TAIL_MISSING, text)
    elif head.seq < last.seq:
        text = f"the chain goes on to here, and its head is at record {head.seq}"
        yield ChainBreak(last.user_id, last.seq, Flaw.BEYOND_HEAD, text)
    elif head.hash != last.hash:
        yield ChainBreak(last.user_id, last.seq, Flaw.HEAD_DIFFERS, "it is not the record that the head names")


def _other_column(record: AuditRecord) -> str | None:
    """The first column that differs from the record, if any; `record` for one that cannot be read."""
    try:
        said = json.loads(record.record)
        at = datetime.fromisoformat(said["at"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return "record"
    beside = {
        "user_id": str(record.user_id),
        "kind": record.kind,
        "strategy_id": None if record.strategy_id is None else str(record.strategy_id),
        "trading_day": None if record.trading_day is None else record.trading_day.isoformat(),
    }
    if at != record.at:
        return "at"
    return next((name for name, value in beside.items() if said.get(name) != value), None)
