"""ports.Administration: users as the deployment's staff sees them, across all of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import psycopg
import pytest

from algotrading.adapters.postgres.administration import PostgresAdministration
from algotrading.adapters.postgres.second_factors import PostgresSecondFactors
from algotrading.domain.accounts import User, first_account_of
from algotrading.domain.audit import AuditKind
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.errors import Conflict, NotFound, TokenExpired
from algotrading.domain.logins import Bearer
from algotrading.domain.roles import Role
from algotrading.domain.second_factor import SecondFactor
from tests.contract.ports.conftest import Stores, postgres_stores
from tests.contract.ports.test_logins import log_in, token
from tests.fakes.examples import MOMENT
from tests.integration.tenancy.trader import make_trader, rows_of
from tests.stores import PostgresStore

LATER = MOMENT + timedelta(minutes=5)
BY = "an administrator"
DOOR = "GET /api/v1/admin/users/{id}"


def ready(stores: Stores, email: str | None = None) -> User:
    """Somebody who may become staff."""
    user = stores.add_user(email)
    link = sha256(user.email.encode()).digest()
    stores.email_links.add(user.user_id, LinkPurpose.VERIFY_EMAIL, link, now=MOMENT, expires_at=LATER)
    stores.email_links.verify_email(user.user_id, link, MOMENT)
    factor = SecondFactor(user.user_id, "sealed", MOMENT)
    stores.second_factors.begin(factor)
    stores.second_factors.confirm(factor, 1, [], MOMENT)
    return user


def kinds_of(stores: Stores, user_id: UUID) -> list[str]:
    return [record.kind for record, _ in stores.system_audit_trail.chains() if record.user_id == user_id]


def test_pages_bring_everybody_once_and_not_who_has_left(stores: Stores) -> None:
    mark = uuid4().hex
    users = [stores.add_user(f"{number}.{mark}@example.com") for number in range(5)]
    gone = stores.add_user(f"gone.{mark}@example.com")
    stores.records.close(gone.user_id, MOMENT)

    found: list[UUID] = []
    while page := stores.administration.users(query=mark.upper(), limit=2, after=found[-1] if found else None):
        assert len(page) <= 2
        found += [each.user_id for each in page]

    assert sorted(found) == sorted(user.user_id for user in users)
    with pytest.raises(NotFound):
        stores.administration.users(query=None, limit=2, after=uuid4())


def test_text_that_means_something_to_sql_is_text(stores: Stores) -> None:
    stores.add_user("o'brien_100%@example.com")

    for query, count in (("o'brien", 1), ("_100%", 1), ("%", 1), ("_1", 1), ("o_brien", 0), ("' or 1=1", 0)):
        assert len(stores.administration.users(query=query, limit=100, after=None)) == count, query


def test_a_user_is_found_by_the_email_in_whatever_case(stores: Stores) -> None:
    user = stores.add_user("Mixed.Case@example.com")

    assert stores.administration.find("mixed.case@EXAMPLE.com") == user.user_id
    with pytest.raises(NotFound):
        stores.administration.find("mixed.case@example.co")


def test_a_lock_ends_every_login_of_that_user_and_of_nobody_else(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    for who, name in ((user, "phone"), (user, "desk"), (other, "tablet")):
        log_in(stores, name, user_id=who.user_id)

    stores.administration.lock(user.user_id, by=BY, reason="a phone was stolen", now=LATER)
    stores.administration.lock(user.user_id, by=BY, reason="again", now=LATER)

    standing = stores.standings.read(Bearer(user.user_id), MOMENT)
    assert standing is not None
    assert standing.is_locked
    assert stores.logins.alive(user.user_id, LATER) == []
    with pytest.raises(TokenExpired):
        stores.logins.refresh(user.user_id, token("phone"), token("next"), LATER)
    assert len(stores.logins.alive(other.user_id, LATER)) == 1
    login = stores.users.find_login(user.email)
    assert login is not None
    assert login.is_locked
    assert kinds_of(stores, user.user_id)[2:] == ["account_locked", "login_ended", "login_ended"]
    told = [each.kind for each in stores.notifications.inbox(user.user_id, limit=9, before=None)]
    assert told == ["account_locked", "new_device"]
    assert stores.notifications.inbox(other.user_id, limit=9, before=None) == []


def test_an_unlocked_user_is_let_in_and_what_was_so_leaves_no_record(stores: Stores) -> None:
    user = stores.add_user()
    stores.administration.unlock(user.user_id, by=BY, now=MOMENT)
    stores.administration.lock(user.user_id, by=BY, reason="x", now=MOMENT)
    for _ in range(2):
        stores.administration.unlock(user.user_id, by=BY, now=LATER)

    standing = stores.standings.read(Bearer(user.user_id), MOMENT)
    assert standing is not None
    assert not standing.is_locked
    assert kinds_of(stores, user.user_id) == ["account_locked", "account_unlocked"]
    told = [each.kind for each in stores.notifications.inbox(user.user_id, limit=9, before=None)]
    assert told == ["account_unlocked", "account_locked"]


def test_a_second_factor_is_taken_away_with_its_codes_and_logins_and_nobody_elses(stores: Stores) -> None:
    user, other = ready(stores), ready(stores)
    code = user.user_id.bytes * 2
    stores.second_factors.remove(user.user_id, MOMENT)
    begun = SecondFactor(user.user_id, "sealed", MOMENT)
    stores.second_factors.begin(begun)
    stores.second_factors.confirm(begun, 1, [code], MOMENT)
    for who, name in ((user, "phone"), (user, "desk"), (other, "tablet")):
        log_in(stores, name, user_id=who.user_id)
    before = len(kinds_of(stores, user.user_id))

    assert stores.administration.clear_second_factor(user.user_id, by=BY, reason="phone lost", now=LATER) == 2

    assert stores.second_factors.find(user.user_id) is None
    assert not stores.second_factors.use_recovery(user.user_id, code, LATER)
    assert stores.logins.alive(user.user_id, LATER) == []
    with pytest.raises(TokenExpired):
        stores.logins.refresh(user.user_id, token("phone"), token("next"), LATER)
    assert stores.second_factors.find(other.user_id) is not None
    assert len(stores.logins.alive(other.user_id, LATER)) == 1
    assert kinds_of(stores, user.user_id)[before:] == ["second_factor_cleared", "login_ended", "login_ended"]
    with pytest.raises(Conflict):
        stores.administration.grant(user.user_id, Role.ADMIN, by=BY, now=LATER)
    [told, *_] = stores.notifications.inbox(user.user_id, limit=9, before=None)
    assert (told.kind, "taken away by whoever runs the service" in told.text) == ("second_factor_off", True)
    # And there is nothing to take away a second time, nor one that was only begun.
    stores.second_factors.begin(SecondFactor(user.user_id, "sealed", LATER))
    with pytest.raises(Conflict):
        stores.administration.clear_second_factor(user.user_id, by=BY, reason="again", now=LATER)
    assert stores.second_factors.find(user.user_id) is not None


def test_roles_of_the_staff_go_with_a_second_factor_that_is_taken_away(stores: Stores) -> None:
    user = ready(stores)
    stores.administration.grant(user.user_id, Role.ADMIN, by=BY, now=MOMENT)
    before = len(kinds_of(stores, user.user_id))

    stores.administration.clear_second_factor(user.user_id, by=BY, reason="phone lost", now=LATER)

    assert kinds_of(stores, user.user_id)[before:] == ["role_withdrawn", "second_factor_cleared"]
    [shown] = stores.administration.users(query=user.email, limit=2, after=None)
    assert shown.roles == ()


def test_a_role_counts_until_it_is_withdrawn(stores: Stores) -> None:
    user = ready(stores)
    for _ in range(2):
        stores.administration.grant(user.user_id, Role.SUPPORT, by=BY, now=MOMENT)
    stores.administration.grant(user.user_id, Role.ADMIN, by=BY, now=MOMENT)
    held = stores.standings.read(Bearer(user.user_id), MOMENT)
    assert held is not None
    assert held.roles == {Role.SUPPORT, Role.ADMIN}
    [shown] = stores.administration.users(query=user.email, limit=2, after=None)
    assert shown.roles == (Role.ADMIN, Role.SUPPORT)

    for _ in range(2):
        stores.administration.withdraw(user.user_id, Role.ADMIN, by=BY, now=LATER)

    left = stores.standings.read(Bearer(user.user_id), MOMENT)
    assert left is not None
    assert left.roles == {Role.SUPPORT}
    stores.second_factors.remove(user.user_id, LATER)
    without = stores.standings.read(Bearer(user.user_id), MOMENT)
    assert without is not None
    assert without.roles == set(), "a role counts while its holder's second factor is on"
    another = SecondFactor(user.user_id, "another", LATER)
    stores.second_factors.begin(another)
    stores.second_factors.confirm(another, 1, [], LATER)
    enrolled = stores.standings.read(Bearer(user.user_id), LATER)
    assert enrolled is not None
    assert enrolled.roles == set(), "whoever holds a stolen token may switch on another"
    [gone] = stores.administration.users(query=user.email, limit=2, after=None)
    assert gone.roles == ()
    kinds = [kind for kind in kinds_of(stores, user.user_id) if kind.startswith("role_")]
    assert kinds == ["role_granted", "role_granted", "role_withdrawn", "role_withdrawn"]


def test_a_closed_accounts_roles_are_withdrawn_on_record(stores: Stores) -> None:
    user = ready(stores)
    for role in (Role.SUPPORT, Role.ADMIN):
        stores.administration.grant(user.user_id, role, by=BY, now=MOMENT)

    stores.records.close(user.user_id, LATER)

    assert [kind for kind in kinds_of(stores, user.user_id) if kind == "role_withdrawn"] == ["role_withdrawn"] * 2


def test_a_second_factor_that_is_on_is_shown_by_a_login_since_its_confirmation(stores: Stores) -> None:
    user = ready(stores)
    before = replace(log_in(stores, "a while before", user_id=user.user_id), device_id=uuid4())
    stores.logins.begin(replace(before, has_second_factor=True), token("before"), "hash")

    def has_shown(user_id: UUID = user.user_id, device_id: UUID | None = before.device_id) -> bool:
        standing = stores.standings.read(Bearer(user_id, has_second_factor=True, device_id=device_id), LATER)
        assert standing is not None
        return standing.has_shown_factor

    assert has_shown()
    assert not has_shown(device_id=None), "a token of no login"
    assert not has_shown(user_id=stores.add_user().user_id), "a login of somebody else's"
    stores.second_factors.remove(user.user_id, LATER, but=before.device_id)
    assert not has_shown()
    another = SecondFactor(user.user_id, "another", LATER)
    stores.second_factors.begin(another)
    assert not has_shown()
    stores.second_factors.confirm(another, 1, [], LATER)
    assert not has_shown()
    stores.logins.show_code(user.user_id, before.device_id, LATER)
    assert has_shown()


@pytest.mark.parametrize("missing", ["second factor", "e-mail"])
def test_who_has_no_second_factor_or_confirmed_email_gets_no_role(stores: Stores, missing: str) -> None:
    if missing == "second factor":
        user = ready(stores)
        stores.second_factors.remove(user.user_id, MOMENT)
    else:
        user = stores.add_user()
        factor = SecondFactor(user.user_id, "sealed", MOMENT)
        stores.second_factors.begin(factor)
        stores.second_factors.confirm(factor, 1, [], MOMENT)

    with pytest.raises(Conflict, match=missing):
        stores.administration.grant(user.user_id, Role.ADMIN, by=BY, now=MOMENT)


@pytest.mark.parametrize("who", ["never was", "has left"])
def test_nothing_is_done_to_who_is_not_there(stores: Stores, who: str) -> None:
    user = stores.add_user()
    stores.records.close(user.user_id, MOMENT)
    user_id = uuid4() if who == "never was" else user.user_id
    store = stores.administration

    for attempt in (
        lambda: store.lock(user_id, by=BY, reason="x", now=MOMENT),
        lambda: store.unlock(user_id, by=BY, now=MOMENT),
        lambda: store.clear_second_factor(user_id, by=BY, reason="x", now=MOMENT),
        lambda: store.grant(user_id, Role.ADMIN, by=BY, now=MOMENT),
        lambda: store.withdraw(user_id, Role.ADMIN, by=BY, now=MOMENT),
        lambda: store.state(user_id, by=uuid4(), role=Role.ADMIN, door=DOOR, now=MOMENT),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_a_state_counts_what_is_that_users_and_nobody_elses(stores: Stores) -> None:
    user, other = ready(stores), stores.add_user()
    stores.add_strategy(user)
    for symbol in ("TCS", "INFY", "WIPRO"):
        stores.add_strategy(other, symbol=symbol)
    log_in(stores, "phone", user_id=user.user_id)
    log_in(stores, "desk", user_id=other.user_id)
    stores.risks.lock(other.user_id, by="owner", reason=None, now=MOMENT)

    state = stores.administration.state(user.user_id, by=other.user_id, role=Role.SUPPORT, door=DOOR, now=LATER)

    assert (state.user.user_id, state.user.is_email_verified) == (user.user_id, True)
    assert (state.strategies, state.running_strategies, state.open_cycles) == (1, 1, 0)
    assert (state.logins, state.last_login_at, state.has_second_factor) == (1, MOMENT, True)
    assert (state.kill_switch_since, state.brokers, state.viewers) == (None, (), 0)
    assert kinds_of(stores, user.user_id)[-1] == AuditKind.ACCOUNT_READ


def test_a_pulse_counts_everything(stores: Stores) -> None:
    before = stores.administration.pulse()
    user = stores.add_user()
    stores.add_strategy(user)
    stores.system_risks.lock_deployment(by=BY, reason="trouble", now=MOMENT)

    after = stores.administration.pulse()

    assert (before.lock, after.lock and after.lock.reason) == (None, "trouble")
    assert after.users == before.users + 1
    assert after.running_strategies == before.running_strategies + 1
    assert after.waiting_notices > before.waiting_notices
    assert after.oldest_notice_at is not None


# --- on PostgreSQL ----------------------------------------------------------------------------------


def test_a_role_that_is_granted_while_the_second_factor_is_switched_off_goes_with_it(
    postgres_store: PostgresStore, in_postgres: Stores
) -> None:
    user = ready(in_postgres)
    elsewhere = postgres_store.open("system_role")

    with ThreadPoolExecutor(1) as pool:
        with elsewhere.tenant(user.user_id) as session:
            # As `grant` does, which has seen the second factor by now.
            session.execute("select from users where id = %s for no key update", (user.user_id,))
            removing = pool.submit(in_postgres.second_factors.remove, user.user_id, LATER)
            with pytest.raises(TimeoutError):
                removing.result(timeout=0.3)
            session.execute(
                "insert into user_roles (user_id, role, granted_at, granted_by) values (%s, 'admin', %s, 'me')",
                (user.user_id, MOMENT),
            )
        removing.result(timeout=10)
    elsewhere.close()

    [left] = in_postgres.administration.users(query=user.email, limit=2, after=None)
    assert left.roles == ()
    with pytest.raises(Conflict, match="second factor"):
        in_postgres.administration.grant(user.user_id, Role.ADMIN, by=BY, now=LATER)


def test_no_role_is_there_without_a_second_factor_however_that_went(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    user, without = ready(stores), stores.add_user()
    stores.administration.grant(user.user_id, Role.ADMIN, by=BY, now=MOMENT)

    with postgres_store.owner() as connection:
        connection.execute("delete from second_factors where user_id = %s", (user.user_id,))
        rows = connection.execute("select from user_roles where user_id = %s", (user.user_id,)).fetchall()
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            connection.execute(
                "insert into user_roles (user_id, role, granted_at, granted_by) values (%s, 'admin', %s, 'me')",
                (without.user_id, MOMENT),
            )
    assert rows == []


def test_a_broker_connection_is_shown_without_what_opens_it(postgres_store: PostgresStore) -> None:
    trader = make_trader(postgres_stores(postgres_store))

    state = PostgresAdministration(postgres_store.system).state(
        trader.user_id, by=uuid4(), role=Role.SUPPORT, door=DOOR, now=MOMENT
    )

    [broker] = state.brokers
    assert (broker.account_id, broker.is_default) == (first_account_of(trader.user_id), True)
    assert broker.connected_until(MOMENT) is not None
    assert (state.open_cycles, state.viewers, state.user.roles) == (1, 1, (Role.SUPPORT,))
    assert f"{trader.mark}-secret" not in repr(state)
    assert f"{trader.mark}-token" not in repr(state)


def test_a_second_factor_is_asked_of_one_user_also_where_the_role_sees_everybodys(
    postgres_store: PostgresStore,
) -> None:
    # The function of the staff asks as the system, to which row-level security shows everything.
    stores = postgres_stores(postgres_store)
    boss, other = ready(stores), ready(stores)
    before = rows_of(postgres_store, other.user_id)
    factors = PostgresSecondFactors(postgres_store.system)

    assert factors.use_step(boss.user_id, 77)
    assert not factors.use_step(boss.user_id, 77)
    found = factors.find(boss.user_id)

    assert found is not None
    assert found.last_step == 77
    assert rows_of(postgres_store, other.user_id) == before


@pytest.mark.parametrize(
    "statement",
    [
        "insert into user_roles (user_id, role, granted_at, granted_by) values ('{user}', 'admin', now(), 'me')",
        "update user_roles set role = 'admin'",
        "update users set locked_at = null",
        "update users set lock_reason = 'none'",
    ],
)
def test_no_function_of_traders_raises_or_unlocks_anybody(postgres_store: PostgresStore, statement: str) -> None:
    trader = make_trader(postgres_stores(postgres_store))

    with pytest.raises(psycopg.errors.InsufficientPrivilege), postgres_store.app.tenant(trader.user_id) as session:
        session.execute(statement.format(user=trader.user_id).encode())
