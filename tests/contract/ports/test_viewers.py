"""ports.ViewerGrants and ports.Standings: who reads whose account, and that it is written down before."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from algotrading.domain.accounts import User
from algotrading.domain.errors import Conflict, LinkInvalid, NotFound
from algotrading.domain.logins import LOGIN_LASTS, Bearer, DeviceLogin
from algotrading.domain.roles import INVITATION_LASTS, MOST_VIEWERS, ViewerGrant
from tests.contract.ports.conftest import Stores, postgres_stores
from tests.fakes.examples import MOMENT
from tests.stores import PostgresStore

DOOR = "GET /api/v1/strategy"
LATER = MOMENT + timedelta(hours=1)


def hash_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def invite(stores: Stores, owner: User, token: str) -> ViewerGrant:
    grant = ViewerGrant(uuid4(), owner.user_id, "accountant", owner.email, MOMENT, MOMENT + INVITATION_LASTS)
    stores.viewers.invite(grant, hash_of(token))
    return grant


def kinds_of(stores: Stores, user_id: UUID) -> list[str]:
    return [record.kind for record, _ in stores.system_audit_trail.chains() if record.user_id == user_id]


def test_who_accepts_may_read_and_each_look_is_in_the_accounts_trail(stores: Stores) -> None:
    owner, viewer = stores.add_user(), stores.add_user()
    grant = invite(stores, owner, "token")
    assert not stores.standings.enter(owner.user_id, viewer.user_id, DOOR, MOMENT)

    accepted = stores.viewers.accept(owner.user_id, hash_of("token"), viewer, LATER)

    assert accepted == replace(grant, viewer_id=viewer.user_id, viewer_email=viewer.email, accepted_at=LATER)
    assert list(stores.viewers.of_account(owner.user_id, LATER)) == [accepted]
    assert list(stores.viewers.shared_with(viewer.user_id)) == [accepted]
    assert stores.standings.enter(owner.user_id, viewer.user_id, DOOR, LATER)
    assert kinds_of(stores, owner.user_id) == ["viewer_invited", "viewer_accepted", "account_read"]
    assert kinds_of(stores, viewer.user_id) == []


def test_reading_goes_one_way(stores: Stores) -> None:
    owner, viewer = stores.add_user(), stores.add_user()
    invite(stores, owner, "token")
    stores.viewers.accept(owner.user_id, hash_of("token"), viewer, LATER)

    assert not stores.standings.enter(viewer.user_id, owner.user_id, DOOR, LATER)
    assert not stores.standings.enter(owner.user_id, stores.add_user().user_id, DOOR, LATER)
    assert not stores.standings.enter(uuid4(), viewer.user_id, DOOR, LATER)


def test_a_locked_account_is_not_read_either(stores: Stores) -> None:
    owner, viewer = stores.add_user(), stores.add_user()
    invite(stores, owner, "token")
    stores.viewers.accept(owner.user_id, hash_of("token"), viewer, LATER)

    stores.administration.lock(owner.user_id, by="boss", reason="asked for", now=LATER)
    assert not stores.standings.enter(owner.user_id, viewer.user_id, DOOR, LATER)

    stores.administration.unlock(owner.user_id, by="boss", now=LATER)
    assert stores.standings.enter(owner.user_id, viewer.user_id, DOOR, LATER)


@pytest.mark.parametrize("case", ["used", "over", "of another account", "never made"])
def test_an_invitation_that_is_not_good_opens_nothing(stores: Stores, case: str) -> None:
    owner, viewer, other = stores.add_user(), stores.add_user(), stores.add_user()
    invite(stores, owner, "token")
    if case == "used":
        stores.viewers.accept(owner.user_id, hash_of("token"), other, MOMENT)
    at = MOMENT + INVITATION_LASTS if case == "over" else LATER
    account = other.user_id if case == "of another account" else owner.user_id
    token = "forged" if case == "never made" else "token"

    with pytest.raises(LinkInvalid):
        stores.viewers.accept(account, hash_of(token), viewer, at)

    assert not stores.standings.enter(owner.user_id, viewer.user_id, DOOR, at)


def test_nobody_reads_one_account_by_two_invitations(stores: Stores) -> None:
    owner, viewer = stores.add_user(), stores.add_user()
    for token in ("one", "two"):
        invite(stores, owner, token)
    stores.viewers.accept(owner.user_id, hash_of("one"), viewer, LATER)

    with pytest.raises(Conflict):
        stores.viewers.accept(owner.user_id, hash_of("two"), viewer, LATER)

    # The second one was not used up by that.
    assert stores.viewers.accept(owner.user_id, hash_of("two"), stores.add_user(), LATER)


def test_owner_and_viewer_end_it_and_nobody_else(stores: Stores) -> None:
    owner, viewer, stranger = stores.add_user(), stores.add_user(), stores.add_user()
    grants = [invite(stores, owner, token) for token in ("one", "two")]
    stores.viewers.accept(owner.user_id, hash_of("one"), viewer, LATER)

    with pytest.raises(NotFound):
        stores.viewers.revoke(stranger.user_id, grants[0].grant_id, LATER)
    with pytest.raises(NotFound):
        stores.viewers.leave(owner.user_id, stranger.user_id, LATER)
    stores.viewers.leave(owner.user_id, viewer.user_id, LATER)
    stores.viewers.revoke(owner.user_id, grants[1].grant_id, LATER)

    assert not stores.standings.enter(owner.user_id, viewer.user_id, DOOR, LATER)
    assert list(stores.viewers.of_account(owner.user_id, LATER)) == []
    assert kinds_of(stores, owner.user_id)[-2:] == ["viewer_removed", "viewer_removed"]


def test_invitations_that_are_over_make_room(stores: Stores) -> None:
    owner = stores.add_user()
    for number in range(MOST_VIEWERS):
        invite(stores, owner, f"token {number}")
    with pytest.raises(Conflict):
        invite(stores, owner, "one too many")

    over = MOMENT + INVITATION_LASTS
    assert list(stores.viewers.of_account(owner.user_id, over)) == []
    grant = ViewerGrant(uuid4(), owner.user_id, "later", owner.email, over, over + INVITATION_LASTS)
    stores.viewers.invite(grant, hash_of("later"))

    assert [one.name for one in stores.viewers.of_account(owner.user_id, over)] == ["later"]


def test_who_is_gone_stands_nowhere(stores: Stores) -> None:
    user = stores.add_user()
    before = stores.standings.read(Bearer(user.user_id), MOMENT)
    stores.records.close(user.user_id, MOMENT)

    assert before is not None
    assert (before.is_locked, before.roles) == (False, frozenset())
    assert stores.standings.read(Bearer(user.user_id), MOMENT) is None
    assert stores.standings.read(Bearer(uuid4()), MOMENT) is None


def test_a_login_goes_on_until_it_ends_and_is_its_users_alone(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    login = DeviceLogin(uuid4(), user.user_id, "phone", MOMENT, MOMENT, MOMENT + LOGIN_LASTS)
    stores.logins.begin(login, hash_of("refresh"), "hash")

    def goes_on(who: User, at: datetime, device_id: UUID | None = login.device_id) -> bool:
        standing = stores.standings.read(Bearer(who.user_id, device_id=device_id), at)
        assert standing is not None
        return standing.is_logged_in

    assert goes_on(user, LATER)
    assert goes_on(user, LATER, None), "what names no login is judged by its user"
    assert not goes_on(other, LATER)
    assert not goes_on(user, LATER, uuid4())
    assert not goes_on(user, MOMENT + LOGIN_LASTS)
    stores.logins.end_all(user.user_id, LATER)
    assert not goes_on(user, LATER)


@pytest.mark.parametrize("who", ["owner", "viewer"])
def test_who_deletes_an_account_takes_it_out_of_the_others_list(stores: Stores, who: str) -> None:
    owner, viewer = stores.add_user(), stores.add_user()
    invite(stores, owner, "token")
    stores.viewers.accept(owner.user_id, hash_of("token"), viewer, LATER)

    stores.records.close((owner if who == "owner" else viewer).user_id, LATER)

    assert list(stores.viewers.of_account(owner.user_id, LATER)) == []
    assert list(stores.viewers.shared_with(viewer.user_id)) == []
    assert not stores.standings.enter(owner.user_id, viewer.user_id, DOOR, LATER)


# --- on PostgreSQL ----------------------------------------------------------------------------------


def test_of_many_who_accept_at_once_one_gets_in(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    owner = stores.add_user()
    invite(stores, owner, "token")
    viewers = [stores.add_user() for _ in range(4)]
    databases = [postgres_store.open("app_role") for _ in viewers]
    taken: list[UUID] = []

    def accept(number: int) -> None:
        from algotrading.adapters.postgres.viewer_grants import PostgresViewerGrants

        grants = PostgresViewerGrants(databases[number])
        try:
            grants.accept(owner.user_id, hash_of("token"), viewers[number], LATER)
        except LinkInvalid:
            return
        taken.append(viewers[number].user_id)

    threads = [threading.Thread(target=accept, args=(number,)) for number in range(len(viewers))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for database in databases:
        database.close()

    [grant] = stores.viewers.of_account(owner.user_id, LATER)
    assert taken == [grant.viewer_id]
