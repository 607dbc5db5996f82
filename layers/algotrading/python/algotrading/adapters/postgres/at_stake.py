"""Whether something trades through a broker account, or through any of a user's: who takes it away asks here."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.domain.sessions import trading_day_of

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_IS_TRADING = """
    select exists (select from strategies s where s.user_id = %(user)s and s.status = 'running' and s.deleted_at is null
            and (%(account)s::uuid is null or s.account_id = %(account)s))
        or exists (select from cycles c where c.user_id = %(user)s and is_unsettled(c)
            and (%(account)s::uuid is null or c.account_id = %(account)s))
        -- An order that was proven absent is looked for until its day ends: it may surface, and be there to sell.
        or exists (select from order_intents i join cycles c using (strategy_id, trading_day)
            where c.user_id = %(user)s and (%(account)s::uuid is null or c.account_id = %(account)s)
            and i.trading_day = %(day)s and i.state = 'not_placed') as is_trading
"""


def is_trading(session: Session, user_id: UUID, account_id: UUID | None, now: datetime) -> bool:
    """See ports.BrokerAccounts; `account_id` None: in any account of the user's. As things stand in the session's
    transaction: whoever acts upon it holds the user's row, under which strategies are started, too."""
    values = {"user": user_id, "account": account_id, "day": trading_day_of(now)}
    row = session.execute(_IS_TRADING, values).fetchone()
    return row is None or bool(row["is_trading"])
