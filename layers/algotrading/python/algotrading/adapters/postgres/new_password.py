"""What is done whenever somebody has another password: common to links of e-mails and to the change by the old one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.adapters.postgres.outbox import write_notice
from algotrading.domain.account_notices import OtherWays
from algotrading.domain.notices import NoticeKind

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_OTHER_WAYS = """
    select (select count(*) from api_keys where user_id = %(user_id)s and expires_at > %(now)s) as api_keys,
        (select count(*) from viewer_grants
            where user_id = %(user_id)s and (viewer_id is not null or expires_at > %(now)s)) as viewers,
        (select count(*) from notification_channels
            where user_id = %(user_id)s and confirmed_at is not null) as channels
"""


def tell_of_new_password(session: Session, user_id: UUID, words: Callable[[OtherWays], str], now: datetime) -> None:
    """Tell the owner, with what opens the account without the password."""
    left = session.execute(_OTHER_WAYS, {"user_id": user_id, "now": now}).fetchone()
    assert left is not None
    write_notice(session, user_id, NoticeKind.PASSWORD_CHANGED, words(OtherWays(**left)), now)
