"""Limits, choices of notices and broker accounts: what was changed since it was seen is not changed by who saw it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
from algotrading.adapters.postgres.notifications import PostgresNotifications
from algotrading.adapters.postgres.risks import PostgresRisks
from algotrading.domain.accounts import first_account_of
from algotrading.domain.errors import PreconditionFailed
from algotrading.domain.limits import RiskLimits
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import Channel, Wishes, is_sent, tag_of_wishes
from tests.contract.ports.conftest import Stores
from tests.contract.ports.test_risks import audited
from tests.fakes.examples import MOMENT, TRADING_DAY
from tests.stores import PostgresStore


def wish(kind: NoticeKind) -> Wishes:
    """Something else than what is sent by default."""
    return {(kind, Channel.TELEGRAM): not is_sent(kind, Channel.TELEGRAM, {})}


CHANGES: Mapping[str, Callable[[Any, UUID, int, str | None], object]] = {
    "limits": lambda risks, user, n, seen: risks.set_limits(
        user, RiskLimits(Decimal(n), Decimal("0.50"), open_strategies=n), MOMENT, seen=seen
    ),
    "notices": lambda notifications, user, n, seen: notifications.set_wishes(
        user, wish(list(NoticeKind)[n]), seen=seen
    ),
    "account": lambda named, user, n, seen: named.change(
        user, first_account_of(user), name=f"Account {n}", make_default=False, now=MOMENT, seen=seen
    ),
}
PORTS = {"limits": "risks", "notices": "notifications", "account": "named_accounts"}
ADAPTERS: Mapping[str, Callable[[Database], Any]] = {
    "limits": PostgresRisks,
    "notices": PostgresNotifications,
    "account": PostgresNamedAccounts,
}
TAGS: Mapping[str, Callable[[Stores, UUID], str]] = {
    "limits": lambda stores, user: stores.risks.standing(user, TRADING_DAY, MOMENT).limits.tag,
    "notices": lambda stores, user: tag_of_wishes(stores.notifications.wishes(user)),
    "account": lambda stores, user: stores.named_accounts.get(user).tag,
}
each_thing = pytest.mark.parametrize("thing", sorted(CHANGES))


def change(stores: Stores, thing: str, user: UUID, number: int, seen: str | None) -> None:
    CHANGES[thing](getattr(stores, PORTS[thing]), user, number, seen)


@each_thing
def test_what_was_seen_is_replaced_and_what_has_changed_since_stays(stores: Stores, thing: str) -> None:
    user, other = stores.add_user().user_id, stores.add_user().user_id
    seen = TAGS[thing](stores, user)

    change(stores, thing, user, 1, seen)
    first = TAGS[thing](stores, user)
    with pytest.raises(PreconditionFailed):
        change(stores, thing, user, 2, seen)

    assert TAGS[thing](stores, user) == first != seen
    change(stores, thing, user, 2, first)
    assert TAGS[thing](stores, user) not in {first, seen}
    assert TAGS[thing](stores, other) == seen, "another user's is another"


@each_thing
def test_a_refused_change_leaves_no_record(stores: Stores, thing: str) -> None:
    user = stores.add_user().user_id
    change(stores, thing, user, 1, None)
    before = list(stores.risks.events(user, 10)), audited(stores, user)

    with pytest.raises(PreconditionFailed):
        change(stores, thing, user, 2, "another")

    assert (list(stores.risks.events(user, 10)), audited(stores, user)) == before


@each_thing
def test_of_many_at_once_who_saw_the_same_one_changes_it(
    postgres_store: PostgresStore, in_postgres: Stores, thing: str
) -> None:
    user = in_postgres.add_user().user_id
    seen, together = TAGS[thing](in_postgres, user), Barrier(4)

    def ask(number_and_database: tuple[int, Database]) -> str:
        number, database = number_and_database
        together.wait()
        try:
            CHANGES[thing](ADAPTERS[thing](database), user, number, seen)
        except PreconditionFailed:
            return "told"
        return "done"

    with ExitStack() as stack:
        databases = [stack.enter_context(closing(postgres_store.open("app_role"))) for _ in range(4)]
        with ThreadPoolExecutor(4) as pool:
            ends = list(pool.map(ask, enumerate(databases, 1)))

    assert sorted(ends) == ["done", "told", "told", "told"]
