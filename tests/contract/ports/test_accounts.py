"""ports.Users and ports.BrokerAccounts."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
from algotrading.adapters.postgres.egress_routes import DeployedRoute, read_routes
from algotrading.domain.accounts import BrokerName, ConnectionStatus, Login, SealedBrokerAccount, User, first_account_of
from algotrading.domain.audit import AuditKind
from algotrading.domain.cycle import CycleState, IntentState
from algotrading.domain.effects import Decision
from algotrading.domain.egress import EgressRoute
from algotrading.domain.errors import (
    AccountLocked,
    BrokerAccountTaken,
    Conflict,
    NotFound,
    TokenInvalid,
)
from algotrading.domain.events import EntryMissed
from algotrading.domain.strategy import StrategyStatus
from tests.contract.ports.conftest import Stores, postgres_stores
from tests.fakes.examples import MOMENT, TRADING_DAY, make_intent, make_strategy, make_user
from tests.stores import PostgresStore


def make_account(user: User) -> SealedBrokerAccount:
    return SealedBrokerAccount(
        user.user_id,
        first_account_of(user.user_id),
        BrokerName.KITE,
        "key",
        "secret",
        "token",
        str(user.user_id)[:8],
        ConnectionStatus.CONNECTED,
        MOMENT,
        MOMENT,
    )


def last_connected(stores: Stores, user: User) -> str | None:
    return stores.broker_accounts.last_connected(user.user_id, first_account_of(user.user_id))


def test_an_added_user_is_found_again(stores: Stores) -> None:
    user = make_user()
    stores.users.add(user, "its hash")

    assert stores.users.get(user.user_id) == user
    assert stores.users.find_login(user.email) == Login(user.user_id, "its hash")


def test_a_login_does_not_care_about_the_case_of_the_email(stores: Stores) -> None:
    user = stores.add_user("Trader@Example.com")

    assert stores.users.find_login("tRADER@example.COM") == Login(user.user_id, "hash")


def test_an_email_has_one_account_whatever_its_case(stores: Stores) -> None:
    stores.add_user("trader@example.com")

    with pytest.raises(Conflict):
        stores.add_user("TRADER@example.com")


def test_an_unknown_email_has_no_login(stores: Stores) -> None:
    assert stores.users.find_login("nobody@example.com") is None


@pytest.mark.parametrize("email", ["' or true --", "%", "", "trader@example.com' or 'a'='a"])
def test_an_email_is_never_a_pattern_or_a_piece_of_sql(stores: Stores, email: str) -> None:
    stores.add_user("trader@example.com")

    assert stores.users.find_login(email) is None


def test_an_unknown_user_is_not_found(stores: Stores) -> None:
    with pytest.raises(NotFound):
        stores.users.get(uuid4())


def test_a_saved_connection_is_found_by_its_owner_and_by_email_for_the_system(stores: Stores) -> None:
    user = stores.add_user()
    account = make_account(user)
    stores.broker_accounts.save(account)

    assert stores.broker_accounts.find(user.user_id) == account
    assert stores.system_broker_accounts.find_by_email(user.email.upper()) == account


def test_saving_again_replaces_every_field(stores: Stores) -> None:
    user = stores.add_user()
    stores.broker_accounts.save(make_account(user))
    changed = replace(
        make_account(user),
        api_key="k2",
        api_secret="s2",
        access_token=None,
        broker_user_id=None,
        status=ConnectionStatus.LOGIN_REQUIRED,
        token_at=None,
    )

    stores.broker_accounts.save(changed)

    assert stores.broker_accounts.find(user.user_id) == changed


def test_a_refusal_marks_the_token_that_it_is_about_until_that_is_taken_or_replaced(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    account, first = make_account(user), first_account_of(user.user_id)
    for each in (account, make_account(other)):
        stores.broker_accounts.save(each)
    accounts, later = stores.broker_accounts, MOMENT + timedelta(hours=1)

    def refused_at() -> list[datetime | None]:
        found = [accounts.find(user.user_id), stores.system_broker_accounts.find_by_email(user.email)]
        return [each.refused_at for each in found if each is not None]

    # a refusal of another token than the one that is stored is nothing to it, nor is another account's
    accounts.mark_refused(user.user_id, first, token_at=MOMENT - timedelta(seconds=1), now=later)
    accounts.mark_refused(other.user_id, first, token_at=MOMENT, now=later)
    accounts.mark_refused(user.user_id, first_account_of(other.user_id), token_at=MOMENT, now=later)
    assert refused_at() == [None, None]

    # its own says since when, however often it is heard
    accounts.mark_refused(user.user_id, first, token_at=MOMENT, now=later)
    accounts.mark_refused(user.user_id, first, token_at=MOMENT, now=later + timedelta(hours=1))
    assert refused_at() == [later, later]

    # another token that is taken is nothing to it either; its own takes it back
    accounts.mark_taken(user.user_id, first, token_at=MOMENT - timedelta(seconds=1), now=later)
    assert refused_at() == [later, later]
    accounts.mark_taken(user.user_id, first, token_at=MOMENT, now=later)
    accounts.mark_taken(user.user_id, first, token_at=MOMENT, now=later)
    assert refused_at() == [None, None]

    # what is stored about the connection beside a login leaves the mark, and a login takes it away
    accounts.mark_refused(user.user_id, first, token_at=MOMENT, now=later)
    accounts.save(replace(account, places_orders=False))
    assert refused_at() == [later, later]
    accounts.save(replace(account, token_at=later))
    assert refused_at() == [None, None]
    found = accounts.find(other.user_id)
    assert found is not None
    assert found.refused_at is None


def test_a_removed_connection_is_gone_and_removing_it_again_is_fine(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    stores.broker_accounts.save(make_account(user))
    stores.broker_accounts.save(make_account(other))

    stores.broker_accounts.remove(user.user_id, now=MOMENT)
    stores.broker_accounts.remove(user.user_id, now=MOMENT)

    assert stores.broker_accounts.find(user.user_id) is None
    assert stores.broker_accounts.find(other.user_id) == make_account(other)


def test_the_account_that_was_connected_last_is_known_when_the_connection_does_not_say(stores: Stores) -> None:
    # given a user who was connected twice, and another beside them
    user, other = stores.add_user(), stores.add_user()
    connected = replace(make_account(user), broker_user_id="AB0002")
    stores.broker_accounts.save(make_account(user))
    stores.broker_accounts.save(connected)
    stores.broker_accounts.save(make_account(other))

    # when the login is lost, and then the connection
    lost = replace(connected, access_token=None, broker_user_id=None, status=ConnectionStatus.LOGIN_REQUIRED)
    stores.broker_accounts.save(lost)
    after_login = last_connected(stores, user)
    stores.broker_accounts.remove(user.user_id, now=MOMENT)

    # then the later of the two is known, and of somebody who never was connected none
    assert [after_login, last_connected(stores, user)] == ["AB0002", "AB0002"]
    assert last_connected(stores, stores.add_user()) is None


def test_a_user_without_a_connection_has_none(stores: Stores) -> None:
    assert stores.broker_accounts.find(stores.add_user().user_id) is None
    assert stores.system_broker_accounts.find_by_email("nobody@example.com") is None


def test_a_connection_has_a_postback_address_that_stays_until_it_is_removed(stores: Stores) -> None:
    user = stores.add_user()
    account = make_account(user)
    stores.broker_accounts.save(account)
    first = stores.broker_accounts.postback_id(user.user_id)
    stores.broker_accounts.save(replace(account, api_key="k2"))
    kept = stores.broker_accounts.postback_id(user.user_id)
    stores.broker_accounts.remove(user.user_id, now=MOMENT)
    removed = stores.broker_accounts.postback_id(user.user_id)
    stores.broker_accounts.save(account)

    assert first is not None
    assert first != user.user_id
    assert (kept, removed) == (first, None)
    assert stores.broker_accounts.postback_id(user.user_id) not in {None, first}


def test_a_broker_account_is_traded_through_by_one_user(stores: Stores) -> None:
    # given a connected trader, and another user of ours who can log in to the same broker account
    trader, other = stores.add_user(), stores.add_user()
    account = make_account(trader)
    same = replace(make_account(other), broker_user_id=account.broker_user_id)
    stores.broker_accounts.save(account)

    # when the other one connects it, nothing of it is kept
    with pytest.raises(BrokerAccountTaken):
        stores.broker_accounts.save(same)
    assert stores.broker_accounts.find(other.user_id) is None

    # then the trader logs in each day as before, and once the account is given up, the other may have it
    stores.broker_accounts.save(replace(account, access_token="next"))
    stores.broker_accounts.remove(trader.user_id, now=MOMENT)
    stores.broker_accounts.save(same)
    assert stores.broker_accounts.find(other.user_id) == same


def test_what_was_deleted_or_locked_meanwhile_is_not_connected(stores: Stores) -> None:
    # given two users for whom the broker is being asked
    gone, locked = stores.add_user(), stores.add_user()

    # when one deletes the account, and the other's is locked, before the broker has answered
    stores.records.close(gone.user_id, MOMENT)
    stores.administration.lock(locked.user_id, by="boss", reason="asked for", now=MOMENT)

    # then nothing is kept of what it answers
    with pytest.raises(TokenInvalid):
        stores.broker_accounts.save(make_account(gone))
    with pytest.raises(AccountLocked):
        stores.broker_accounts.save(make_account(locked))
    assert [stores.broker_accounts.find(user.user_id) for user in (gone, locked)] == [None, None]


def test_an_account_may_carry_prices_beside_its_trader(stores: Stores) -> None:
    trader, feed = stores.add_user(), stores.add_user()
    account = make_account(trader)
    carrier = replace(make_account(feed), broker_user_id=account.broker_user_id, places_orders=False)

    stores.broker_accounts.save(account)
    stores.broker_accounts.save(carrier)

    assert stores.broker_accounts.find(feed.user_id) == carrier


def test_users_who_have_not_logged_in_to_the_broker_hold_no_account(stores: Stores) -> None:
    for user in (stores.add_user(), stores.add_user()):
        keys = replace(make_account(user), access_token=None, broker_user_id=None, token_at=None)
        stores.broker_accounts.save(keys)

        assert stores.broker_accounts.find(user.user_id) == keys


def test_a_postback_address_leads_to_its_own_connection_alone(stores: Stores) -> None:
    users = [stores.add_user() for _ in range(2)]
    for user in users:
        stores.broker_accounts.save(make_account(user))
    addresses = [stores.broker_accounts.postback_id(user.user_id) for user in users]

    found = [stores.broker_accounts.find_by_postback(address) for address in addresses if address is not None]

    assert found == [make_account(user) for user in users]
    assert stores.broker_accounts.find_by_postback(uuid4()) is None
    assert stores.broker_accounts.find_by_postback(users[0].user_id) is None


# --- the addresses that orders leave from -----------------------------------------------------------

FAMILY = ("Father@Example.com", "son@example.com")
NAT = DeployedRoute(name="nat", addresses=("13.200.0.1", "13.200.0.2"), members=FAMILY)
PAIRS = tuple(
    DeployedRoute(name=f"pair-{n}", addresses=(f"13.200.{n}.1",), proxies=(f"10.0.{n}.1:3128",)) for n in (1, 2)
)


PAIRS_OF_ONE = (("13.200.1.1",), ("10.0.1.1:3128",))


def test_a_family_shares_its_addresses_and_a_stranger_gets_a_pair_of_his_own(stores: Stores) -> None:
    stores.deploy((NAT, *PAIRS))
    father, son = stores.add_user("father@example.com"), stores.add_user("SON@example.com")
    strangers = [stores.add_user() for _ in range(3)]

    shared = {stores.broker_accounts.claim_egress(user.user_id) for user in (father, son)}
    own = [stores.broker_accounts.claim_egress(user.user_id) for user in strangers]

    assert shared == {EgressRoute("nat", ("13.200.0.1", "13.200.0.2"))}
    assert own == [
        EgressRoute("pair-1", ("13.200.1.1",), ("10.0.1.1:3128",)),
        EgressRoute("pair-2", ("13.200.2.1",), ("10.0.2.1:3128",)),
        None,
    ]


def test_a_claim_is_for_good_and_shows_in_the_connection(stores: Stores) -> None:
    stores.deploy(PAIRS)
    user, other = stores.add_user(), stores.add_user()
    stores.broker_accounts.save(make_account(user))
    before = stores.broker_accounts.find(user.user_id)

    first = stores.broker_accounts.claim_egress(user.user_id)
    stores.broker_accounts.remove(user.user_id, now=MOMENT)
    second = stores.broker_accounts.claim_egress(user.user_id)
    stores.broker_accounts.save(make_account(user))

    assert before == make_account(user)
    assert first == second is not None
    assert stores.broker_accounts.find(user.user_id) == replace(make_account(user), egress=first)
    assert stores.broker_accounts.claim_egress(other.user_id) != first


def test_addresses_that_somebody_holds_stay_when_they_are_deployed_no_more(stores: Stores) -> None:
    stores.deploy(PAIRS)
    user, other = stores.add_user(), stores.add_user()
    held = stores.broker_accounts.claim_egress(user.user_id)

    stores.deploy((replace_addresses(PAIRS[1]),))

    assert stores.broker_accounts.claim_egress(user.user_id) == held
    assert stores.broker_accounts.claim_egress(other.user_id) == EgressRoute(
        "pair-2", ("13.9.9.9",), ("10.0.2.1:3128",)
    )


def test_a_pair_that_one_account_holds_is_not_shared_when_a_family_is_named_for_it(stores: Stores) -> None:
    stores.deploy((NAT.model_copy(update={"members": ()}),))
    stranger, son = stores.add_user(), stores.add_user("son@example.com")
    held = stores.broker_accounts.claim_egress(stranger.user_id)

    stores.deploy((NAT,))

    assert held is not None
    assert stores.broker_accounts.claim_egress(son.user_id) is None


def test_a_familys_pair_that_is_deployed_no_more_is_given_to_no_further_member(stores: Stores) -> None:
    stores.deploy((NAT, *PAIRS))
    father, son = stores.add_user("father@example.com"), stores.add_user("son@example.com")
    held = stores.broker_accounts.claim_egress(father.user_id)

    stores.deploy(PAIRS)

    assert stores.broker_accounts.claim_egress(father.user_id) == held
    assert stores.broker_accounts.claim_egress(son.user_id) == EgressRoute("pair-1", *PAIRS_OF_ONE)


def test_a_freed_pair_is_claimed_by_the_next_and_its_record_says_who_freed_it(stores: Stores) -> None:
    stores.deploy(PAIRS[:1])
    user, other = stores.add_user(), stores.add_user()
    held = stores.broker_accounts.claim_egress(user.user_id)
    assert stores.broker_accounts.claim_egress(other.user_id) is None

    freed = stores.system_broker_accounts.free_egress(user.user_id, by="ops@trader.in", now=MOMENT)

    assert freed == held
    assert stores.broker_accounts.claim_egress(other.user_id) == held
    assert stores.broker_accounts.claim_egress(user.user_id) is None
    records = [record for record, _ in stores.system_audit_trail.chains() if record.user_id == user.user_id]
    [said] = [json.loads(each.record)["data"] for each in records if each.kind == AuditKind.EGRESS_FREED]
    assert said == {"route": "pair-1", "addresses": ["13.200.1.1"], "by": "ops@trader.in"}


def test_a_pair_is_not_taken_from_whoever_is_connected_nor_from_whoever_has_none(stores: Stores) -> None:
    stores.deploy(PAIRS)
    user, other = stores.add_user(), stores.add_user()
    held = stores.broker_accounts.claim_egress(user.user_id)
    stores.broker_accounts.save(make_account(user))

    with pytest.raises(Conflict, match="disconnects it first"):
        stores.system_broker_accounts.free_egress(user.user_id, by="ops", now=MOMENT)
    with pytest.raises(NotFound, match="holds no pair"):
        stores.system_broker_accounts.free_egress(other.user_id, by="ops", now=MOMENT)

    assert stores.broker_accounts.claim_egress(user.user_id) == held


def test_a_member_of_a_family_leaves_the_others_their_pair(stores: Stores) -> None:
    stores.deploy((NAT, *PAIRS))
    father, son = stores.add_user("father@example.com"), stores.add_user("son@example.com")
    shared = {stores.broker_accounts.claim_egress(each.user_id) for each in (father, son)}

    stores.system_broker_accounts.free_egress(son.user_id, by="ops", now=MOMENT)

    assert {stores.broker_accounts.claim_egress(father.user_id)} == shared


def test_a_pair_of_before_that_was_freed_goes_when_it_is_deployed_no_more(stores: Stores) -> None:
    stores.deploy(PAIRS)
    user, other = stores.add_user(), stores.add_user()
    assert stores.broker_accounts.claim_egress(user.user_id) == EgressRoute("pair-1", *PAIRS_OF_ONE)
    stores.deploy(PAIRS[1:])

    stores.system_broker_accounts.free_egress(user.user_id, by="ops", now=MOMENT)

    claimed = stores.broker_accounts.claim_egress(other.user_id)
    assert claimed is not None
    assert claimed.name == "pair-2"


def test_functions_of_traders_free_nobodys_pair(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    stores.deploy(PAIRS)
    user = stores.add_user()
    held = stores.broker_accounts.claim_egress(user.user_id)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stores.broker_accounts.free_egress(user.user_id, by="me", now=MOMENT)

    assert stores.broker_accounts.claim_egress(user.user_id) == held


def replace_addresses(route: DeployedRoute) -> DeployedRoute:
    return route.model_copy(update={"addresses": ("13.9.9.9",)})


def test_who_asks_for_a_pair_many_times_at_once_gets_one(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    stores.deploy(PAIRS)
    user = stores.add_user()

    def claim(_: int) -> EgressRoute | None:
        database = postgres_store.open("app_role")
        try:
            return PostgresBrokerAccounts(database).claim_egress(user.user_id)
        finally:
            database.close()

    with ThreadPoolExecutor(8) as pool:
        claimed = set(pool.map(claim, range(8)))

    assert claimed == {EgressRoute("pair-1", *PAIRS_OF_ONE)}


def test_no_two_get_one_pair_however_close_they_come(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    stores.deploy(PAIRS)
    users = [stores.add_user() for _ in range(8)]

    def claim(user: User) -> EgressRoute | None:
        database = postgres_store.open("app_role")
        try:
            return PostgresBrokerAccounts(database).claim_egress(user.user_id)
        finally:
            database.close()

    with ThreadPoolExecutor(len(users)) as pool:
        claimed = [route.name for route in pool.map(claim, users) if route is not None]

    assert sorted(claimed) == ["pair-1", "pair-2"]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '[{"name": "nat"}]',
        '[{"name": "nat", "addresses": []}]',
        '[{"name": "nat", "addresses": ["not an address"]}]',
        '[{"name": "nat", "addresses": ["1.2.3.4", "1.2.3.5", "1.2.3.6"]}]',
        '[{"name": "nat", "addresses": ["1.2.3.4"], "proxies": ["http://10.0.0.1"]}]',
    ],
)
def test_what_describes_no_addresses_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\d+ validation error"):
        read_routes(text)


# --- what was read, and what is there by now ---------------------------------------------------------


def test_a_login_that_comes_back_is_stored_over_the_connection_that_it_began_at(stores: Stores) -> None:
    user = stores.add_user()
    began_at = replace(make_account(user), access_token=None, status=ConnectionStatus.LOGIN_REQUIRED, token_at=None)
    stores.broker_accounts.save(began_at)

    stores.broker_accounts.save(make_account(user), over=began_at)

    assert stores.broker_accounts.find(user.user_id) == make_account(user)


def test_a_login_that_comes_back_brings_no_connection_back(stores: Stores) -> None:
    user = stores.add_user()
    stores.broker_accounts.save(make_account(user))
    stores.broker_accounts.remove(user.user_id, now=MOMENT)

    with pytest.raises(TokenInvalid):
        stores.broker_accounts.save(make_account(user), over=make_account(user))

    assert stores.broker_accounts.find(user.user_id) is None


def test_a_login_that_comes_back_replaces_no_newer_keys(stores: Stores) -> None:
    user = stores.add_user()
    newer = replace(make_account(user), api_key="newer")
    stores.broker_accounts.save(make_account(user))
    stores.broker_accounts.save(newer)

    with pytest.raises(TokenInvalid):
        stores.broker_accounts.save(make_account(user), over=make_account(user))

    assert stores.broker_accounts.find(user.user_id) == newer


AT_STAKE = pytest.mark.parametrize("what", ["runs", "is held", "may surface"])


def put_at_stake(stores: Stores, user: User, what: str) -> None:
    """Something in the user's first account that is still to be sold through it."""
    strategy = stores.add_strategy(user)
    if what != "runs":
        cycle = stores.ledger.take(strategy, TRADING_DAY)
        absent = replace(make_intent(cycle, state=IntentState.NOT_PLACED), sent_at=MOMENT)
        is_held = what == "is held"
        over = replace(
            cycle, state=CycleState.LONG if is_held else CycleState.FLAT, intents=() if is_held else (absent,)
        )
        stores.ledger.save(Decision(over, ()), event=EntryMissed(MOMENT, "x"), now=MOMENT)
        stores.strategies.save(replace(strategy, status=StrategyStatus.STOPPED, version=2), expected_version=1)


@AT_STAKE
def test_what_is_at_stake_in_an_account_is_told_of_that_account_alone(stores: Stores, what: str) -> None:
    user, other = stores.add_user(), stores.add_user()
    first, second = first_account_of(user.user_id), stores.add_account(user)
    asked = ((user, first), (user, second), (other, first_account_of(other.user_id)), (other, first))

    def told(now: datetime) -> list[bool]:
        return [stores.broker_accounts.is_trading(each.user_id, account, now) for each, account in asked]

    before = told(MOMENT)
    put_at_stake(stores, user, what)

    assert (before, told(MOMENT)) == ([False] * 4, [True, False, False, False])
    # An order that was proven absent is looked for until its day ends.
    assert told(MOMENT + timedelta(days=1))[0] is (what != "may surface")


@AT_STAKE
def test_a_connection_is_not_removed_under_what_trades_through_it(stores: Stores, what: str) -> None:
    user = stores.add_user()
    stores.broker_accounts.save(make_account(user))
    put_at_stake(stores, user, what)

    with pytest.raises(Conflict):
        stores.broker_accounts.remove(user.user_id, now=MOMENT)

    assert stores.broker_accounts.find(user.user_id) == make_account(user)


def test_what_trades_in_another_account_keeps_no_connection(stores: Stores) -> None:
    user = stores.add_user()
    stores.broker_accounts.save(make_account(user))
    second = stores.add_account(user)
    stores.strategies.add(replace(make_strategy(user.user_id), account_id=second))

    stores.broker_accounts.remove(user.user_id, now=MOMENT)

    assert stores.broker_accounts.find(user.user_id) is None


def test_a_removal_waits_for_a_start_and_then_sees_it(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    stores.broker_accounts.save(make_account(user))
    stores.add_strategy(user, status=StrategyStatus.STOPPED)
    with postgres_store.owner() as owner, ThreadPoolExecutor(1) as pool:
        with owner.transaction():
            # As a start does.
            owner.execute("select from users where id = %s for no key update", (user.user_id,))
            owner.execute("update strategies set status = 'running' where user_id = %s", (user.user_id,))
            removal = pool.submit(stores.broker_accounts.remove, user.user_id, now=MOMENT)
            with pytest.raises(TimeoutError):
                removal.result(timeout=0.1)
        with pytest.raises(Conflict):
            removal.result(timeout=5)

    assert stores.broker_accounts.find(user.user_id) == make_account(user)
