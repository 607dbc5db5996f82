"""Tells owners that the broker takes a login no more, with the change that says so."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from algotrading.adapters.postgres.outbox import write_notice
from algotrading.domain.account_notices import login_refused
from algotrading.domain.accounts import told_of_refusal
from algotrading.domain.notices import NoticeKind
from algotrading.domain.sessions import trading_day_of

if TYPE_CHECKING:
    from algotrading.adapters.postgres.database import Session

_STAKE = """
    select exists (select from strategies s where s.account_id = %(account)s and s.user_id = %(user)s
                   and s.status = 'running' and s.deleted_at is null)
        or exists (select from cycles c where c.account_id = %(account)s and c.user_id = %(user)s and is_unsettled(c))
            as matters,
        (select a.name from broker_accounts a where a.account_id = %(account)s and a.user_id = %(user)s and exists (
            select from broker_accounts o where o.user_id = a.user_id and o.account_id <> a.account_id
            and o.removed_at is null)) as name
"""


def tell_refused(session: Session, user_id: UUID, account_id: UUID, *, token_at: datetime, now: datetime) -> None:
    """Tell the user that the token of `token_at` is refused, once, though it be taken and refused again; and only where
    a strategy of the account runs, or something of it is not settled."""
    stake = session.execute(_STAKE, {"account": account_id, "user": user_id}).fetchone()
    assert stake is not None
    if not stake["matters"]:
        return
    told = session.execute(
        "insert into daily_summaries (user_id, trading_day, kind, about) values (%s, %s, %s, %s)"
        " on conflict do nothing",
        (user_id, trading_day_of(token_at), NoticeKind.LOGIN_REFUSED, told_of_refusal(account_id, token_at)),
    )
    if told.rowcount:
        write_notice(session, user_id, NoticeKind.LOGIN_REFUSED, login_refused(stake["name"], now), now)
