"""Nothing is stored in the name of whoever has deleted the account: not afterwards, and not by who began before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from time import sleep
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.adapters.postgres.database import Database
from algotrading.adapters.postgres.egress_routes import DeployedRoute
from algotrading.domain.accounts import User
from algotrading.domain.api_keys import ApiKey, Scope
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.errors import AlgotradingError
from algotrading.domain.keyed_requests import KeyedRequest
from algotrading.domain.limits import RiskLimits
from algotrading.domain.logins import LOGIN_LASTS, DeviceLogin
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import Channel
from algotrading.domain.roles import INVITATION_LASTS, ViewerGrant
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.sms import CodeLimits
from algotrading.domain.strategy import Strategy, StrategyStatus
from tests.contract.ports.conftest import Stores, postgres_stores
from tests.contract.ports.test_notifications import tell, webhook
from tests.fakes.examples import MOMENT, make_strategy
from tests.integration.tenancy.test_every_repository_function import CALLS, REPOSITORIES, Intruder, attempt
from tests.integration.tenancy.trader import make_trader, rows_of, sealed_account, with_first_notice
from tests.stores import PostgresStore

LATER = MOMENT + timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Leaver:
    """Who deletes the account, with what each deed needs."""

    user: User
    second: UUID
    """Another broker account."""
    strategy: Strategy
    """It does not run."""
    inviter: User
    """Who has sent an invitation, by the token of zeros."""

    @property
    def user_id(self) -> UUID:
        return self.user.user_id

    @property
    def grant(self) -> ViewerGrant:
        return ViewerGrant(uuid4(), self.user_id, "reader", self.user.email, MOMENT, MOMENT + INVITATION_LASTS)


def make_leaver(stores: Stores) -> Leaver:
    user, inviter = stores.add_user(), stores.add_user()
    mark = f"route{uuid4().hex[:8]}"
    stores.deploy((DeployedRoute(name=mark, addresses=("13.200.0.1",), proxies=(f"{mark}:3128",)),))
    stores.risks.lock(user.user_id, by="owner", reason=None, now=MOMENT)
    tell(stores, user.user_id)
    invitation = ViewerGrant(uuid4(), inviter.user_id, "r", inviter.email, MOMENT, MOMENT + INVITATION_LASTS)
    stores.viewers.invite(invitation, bytes(32))
    second = stores.add_account(user)
    return Leaver(user, second, stores.add_strategy(user, status=StrategyStatus.STOPPED), inviter)


DEEDS: dict[str, Callable[[Any, Leaver], Any]] = {
    "PostgresLogins.begin": lambda r, me: r.begin(
        DeviceLogin(uuid4(), me.user_id, "phone", MOMENT, MOMENT, MOMENT + LOGIN_LASTS), uuid4().bytes * 2, "hash"
    ),
    "PostgresLogins.change_password": lambda r, me: r.change_password(me.user_id, None, "hash", "new", MOMENT),
    "PostgresSecondFactors.begin": lambda r, me: r.begin(SecondFactor(me.user_id, "sealed", MOMENT)),
    "PostgresSecondFactors.note_reuse": lambda r, me: r.note_reuse(me.user_id, MOMENT),
    "PostgresEmailLinks.add": lambda r, me: r.add(
        me.user_id, LinkPurpose.RESET_PASSWORD, uuid4().bytes * 2, now=MOMENT, expires_at=LATER
    ),
    "PostgresKeptAnswers.begin": lambda r, me: r.begin(KeyedRequest(me.user_id, "key", bytes(32), MOMENT)),
    "PostgresBrokerAccounts.save": lambda r, me: r.save(sealed_account(me.user_id, "mark")),
    "PostgresBrokerAccounts.claim_egress": lambda r, me: r.claim_egress(me.user_id),
    "PostgresNamedAccounts.add": lambda r, me: r.add(
        NamedAccount(uuid4(), me.user_id, "third", is_default=False, created_at=MOMENT)
    ),
    "PostgresNamedAccounts.change": lambda r, me: r.change(
        me.user_id, me.second, name="of my uncle", make_default=False, now=MOMENT
    ),
    "PostgresNamedAccounts.remove": lambda r, me: r.remove(me.user_id, me.second, MOMENT),
    "PostgresStrategies.add": lambda r, me: r.add(make_strategy(me.user_id)),
    "PostgresStrategies.save": lambda r, me: r.save(
        replace(me.strategy, status=StrategyStatus.RUNNING, version=2), expected_version=1
    ),
    "PostgresStrategies.delete": lambda r, me: r.delete(
        me.user_id, me.strategy.strategy_id, expected_version=1, now=MOMENT
    ),
    "PostgresRisks.set_limits": lambda r, me: r.set_limits(me.user_id, RiskLimits(open_strategies=3), MOMENT),
    "PostgresRisks.lock": lambda r, me: (
        r.release(me.user_id, MOMENT),
        r.lock(me.user_id, by="me", reason="x", now=LATER),
    ),
    "PostgresRisks.release": lambda r, me: r.release(me.user_id, MOMENT),
    "PostgresNotifications.mark_read": lambda r, me: r.mark_read(me.user_id, None, MOMENT),
    "PostgresNotifications.set_wishes": lambda r, me: r.set_wishes(
        me.user_id, {(NoticeKind.SOLD, Channel.EMAIL): False}
    ),
    "PostgresNotifications.save_setup": lambda r, me: r.save_setup(webhook(me.user_id, "https://hooks.of-mine.in")),
    "PostgresNotifications.spend_chat_code": lambda r, me: r.spend_chat_code(me.user_id, MOMENT),
    "PostgresSmsCodes.spend": lambda r, me: r.spend(me.user_id, 123, CodeLimits(99), MOMENT),
    "PostgresApiKeys.add": lambda r, me: r.add(
        ApiKey(uuid4(), me.user_id, "program", frozenset({Scope.READ}), MOMENT, LATER), uuid4().bytes * 2
    ),
    "PostgresViewerGrants.invite": lambda r, me: r.invite(me.grant, uuid4().bytes * 2),
    "PostgresViewerGrants.accept": lambda r, me: r.accept(me.inviter.user_id, bytes(32), me.user, MOMENT),
}
"""What a user has stored: each looks whether the account is there, and holds it to the commit."""

MACHINERY = {
    # An account is not deleted before what it holds is settled: what finishes a trade is never held up by a look.
    "PostgresLedger.take",
    "PostgresLedger.save",
    "PostgresLedger.add_logs",
    "PostgresLedger.note",
    "PostgresRisks.record_flat",
    "PostgresRisks.record_nothing_placed",
    "PostgresRisks.record_breach",
    "PostgresSnapshots.add",
    "PostgresSummaries.tell",
    # Of an id that is nobody's yet.
    "PostgresRegistrations.add",
    # What is on its way already.
    "PostgresOutbox.claim",
    "PostgresOutbox.mark_delivered",
    "PostgresOutbox.mark_failed",
    "PostgresDeliveries.add",
    "PostgresDeliveries.claim",
    "PostgresDeliveries.mark_delivered",
    "PostgresDeliveries.mark_failed",
}
"""What this product stores by itself."""


def do(name: str, database: Database, me: Leaver) -> Any:
    make = next(each for each in REPOSITORIES if name.startswith(f"{each.__name__}."))
    return DEEDS[name](make(database), me)


def all_rows(store: PostgresStore, me: Leaver) -> list[dict[str, list[Any]]]:
    return [rows_of(store, me.user_id), rows_of(store, me.inviter.user_id)]


@pytest.fixture
def stores(postgres_store: PostgresStore) -> Stores:
    return postgres_stores(postgres_store)


@pytest.fixture
def other(postgres_store: PostgresStore) -> Iterator[Database]:
    """As another process's."""
    with closing(postgres_store.open("app_role")) as database:
        yield database


@pytest.mark.parametrize("name", DEEDS)
def test_an_account_that_is_there_stores_it(postgres_store: PostgresStore, stores: Stores, name: str) -> None:
    # Else what comes below would be refused for another reason.
    me = make_leaver(stores)
    before = all_rows(postgres_store, me)

    do(name, postgres_store.app, me)

    assert all_rows(postgres_store, me) != before


@pytest.mark.parametrize("name", DEEDS)
def test_a_deleted_account_stores_nothing(postgres_store: PostgresStore, stores: Stores, name: str) -> None:
    me = make_leaver(stores)
    stores.records.close(me.user_id, MOMENT)
    before = all_rows(postgres_store, me)

    with pytest.raises(AlgotradingError):
        do(name, postgres_store.app, me)

    assert all_rows(postgres_store, me) == before


@pytest.mark.parametrize("name", DEEDS)
def test_what_began_while_the_account_was_being_deleted_is_refused(
    postgres_store: PostgresStore, stores: Stores, other: Database, name: str
) -> None:
    me = make_leaver(stores)
    with postgres_store.owner() as owner, ThreadPoolExecutor(1) as threads:
        with owner.transaction():
            owner.execute("select from users where id = %s for no key update", (me.user_id,))
            deed = threads.submit(do, name, other, me)
            sleep(0.1)
            assert not deed.done(), "it did not wait for the deletion"
            owner.execute("update users set deleted_at = %s where id = %s", (MOMENT, me.user_id))
        before = all_rows(postgres_store, me)
        with pytest.raises(AlgotradingError):
            deed.result(timeout=5)

    assert all_rows(postgres_store, me) == before


@pytest.mark.parametrize("name", sorted(set(CALLS) - set(DEEDS) - MACHINERY))
def test_nothing_else_changes_what_is_left_of_a_deleted_account(
    postgres_store: PostgresStore, stores: Stores, name: str
) -> None:
    trader = with_first_notice(make_trader(stores), postgres_store)
    with postgres_store.owner() as owner:
        owner.execute("update order_intents set state = 'done' where user_id = %s", (trader.user_id,))
        owner.execute("update cycles set state = 'flat' where user_id = %s", (trader.user_id,))
        owner.execute("update strategies set status = 'stopped' where user_id = %s", (trader.user_id,))
    stores.records.close(trader.user_id, MOMENT)
    before = rows_of(postgres_store, trader.user_id)

    attempt(CALLS[name], name, postgres_store.app, Intruder(trader.user_id, trader))

    assert rows_of(postgres_store, trader.user_id) == before
