"""Appends to a user's audit chain, inside the transaction that changes what the record speaks of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from algotrading.adapters.postgres.json_values import to_json
from algotrading.adapters.request_names import named_entry
from algotrading.domain.audit import AuditEntry

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session


def append(session: Session, entry: AuditEntry) -> None:
    """Write `entry` down, in one round trip. `session` is a transaction of its user's (`Database.tenant`).

    It is chained to its user's records within the COMMIT (migration 0002): only there do a user's writers
    wait for each other, and never for a client's round trip. A transaction may append several, at any place;
    what is wrong with an entry may only show when it commits.
    """
    session.execute("select audit_append(%s)", (record_text(named_entry(entry)),))


def record_text(entry: AuditEntry) -> str:
    """The text that is hashed: JSON with sorted keys and no blanks. What no request caused names none."""
    request = {} if entry.request_id is None else {"request_id": entry.request_id}
    said = {
        **request,
        "at": entry.at,
        "data": entry.data,
        "kind": entry.kind,
        "strategy_id": entry.strategy_id,
        "trading_day": entry.trading_day,
        "user_id": entry.user_id,
    }
    return json.dumps(to_json(said), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
