"""What is done whenever somebody has another password, in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from algotrading.domain.account_notices import OtherWays
from algotrading.domain.notices import NoticeKind
from tests.fakes.access import MemoryApiKeys, MemoryViewerGrants
from tests.fakes.database import MemoryDatabase
from tests.fakes.ledger import add_notice


def tell_of_new_password(
    database: MemoryDatabase, user_id: UUID, words: Callable[[OtherWays], str], now: datetime
) -> None:
    """Tell the owner, with what opens the account without the password."""
    setups = [each for each in database.channel_setups.values() if each.user_id == user_id]
    left = OtherWays(
        sum(key.is_alive(now) for key in MemoryApiKeys(database).of_user(user_id)),
        len(MemoryViewerGrants(database).of_account(user_id, now)),
        sum(each.confirmed_at is not None for each in setups),
    )
    add_notice(database, user_id, None, NoticeKind.PASSWORD_CHANGED, words(left), now)
