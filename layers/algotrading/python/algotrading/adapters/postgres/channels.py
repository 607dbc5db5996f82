"""What is done to every channel of a user's at once."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.adapters.postgres import audit
from algotrading.domain.audit import AuditKind, channel_entry

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session


def remove_channels(session: Session, user_id: UUID, now: datetime) -> None:
    """No webhook, chat or mobile number is sent to any more; each removal is on record. Phones go with their logins."""
    rows = session.execute(
        "delete from notification_channels where user_id = %s returning channel, target", (user_id,)
    ).fetchall()
    for row in rows:
        audit.append(session, channel_entry(user_id, AuditKind.CHANNEL_REMOVED, row["channel"], row["target"], now))
