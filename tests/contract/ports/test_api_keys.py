"""ports.ApiKeys and ports.Standings: a key is found by its hash, among its owner's."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from algotrading.domain.api_keys import MOST_KEYS, USE_NOTED_EVERY, ApiKey, Scope
from algotrading.domain.errors import Conflict, NotFound
from algotrading.domain.logins import Bearer
from tests.contract.ports.conftest import Stores, postgres_stores
from tests.fakes.examples import MOMENT
from tests.integration.tenancy.trader import rows_of
from tests.stores import PostgresStore

DAY = timedelta(days=1)


def hash_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def add(stores: Stores, user_id: UUID, name: str, *scopes: Scope) -> ApiKey:
    key = ApiKey(uuid4(), user_id, name, frozenset(scopes or (Scope.READ,)), MOMENT, MOMENT + DAY)
    stores.api_keys.add(key, hash_of(name))
    return key


def found(stores: Stores, user_id: UUID, name: str, at: datetime = MOMENT) -> ApiKey | None:
    standing = stores.standings.read(Bearer(user_id, key_hash=hash_of(name)), at)
    assert standing is not None
    return standing.key


def test_a_key_is_found_by_its_hash_with_what_it_opens(stores: Stores) -> None:
    user = stores.add_user()
    key = add(stores, user.user_id, "script", Scope.READ, Scope.RISK_WRITE)

    assert found(stores, user.user_id, "script") == key
    assert found(stores, user.user_id, "another") is None
    assert list(stores.api_keys.of_user(user.user_id)) == [replace(key, last_used_at=MOMENT)]


def test_a_key_is_found_among_its_owners_only(stores: Stores) -> None:
    user, stranger = stores.add_user(), stores.add_user()
    key = add(stores, user.user_id, "script")

    assert found(stores, stranger.user_id, "script") is None
    assert stores.api_keys.of_user(stranger.user_id) == []
    with pytest.raises(NotFound):
        stores.api_keys.revoke(stranger.user_id, key.key_id, MOMENT)
    assert found(stores, user.user_id, "script") is not None


def test_a_use_is_noted_each_minute_and_not_at_each_request(stores: Stores) -> None:
    user = stores.add_user()
    add(stores, user.user_id, "script")
    seconds = timedelta(seconds=1)

    noted = []
    for after in (seconds, 2 * seconds, USE_NOTED_EVERY, USE_NOTED_EVERY + seconds):
        found(stores, user.user_id, "script", MOMENT + after)
        noted.append(stores.api_keys.of_user(user.user_id)[0].last_used_at)

    first, again = MOMENT + seconds, MOMENT + USE_NOTED_EVERY + seconds
    assert noted == [first, first, first, again]


def test_a_key_that_is_over_is_found_and_its_use_is_not_noted(stores: Stores) -> None:
    user = stores.add_user()
    add(stores, user.user_id, "script")

    over = found(stores, user.user_id, "script", MOMENT + DAY)

    assert over is not None
    assert not over.is_alive(MOMENT + DAY)
    assert stores.api_keys.of_user(user.user_id)[0].last_used_at is None


def test_a_revoked_key_is_gone_and_both_are_on_record(stores: Stores) -> None:
    user = stores.add_user()
    key = add(stores, user.user_id, "script")

    stores.api_keys.revoke(user.user_id, key.key_id, MOMENT)

    assert found(stores, user.user_id, "script") is None
    with pytest.raises(NotFound):
        stores.api_keys.revoke(user.user_id, key.key_id, MOMENT)
    kinds = [record.kind for record, _ in stores.system_audit_trail.chains() if record.user_id == user.user_id]
    assert kinds == ["api_key_created", "api_key_revoked"]


def test_there_is_room_for_so_many_keys(stores: Stores) -> None:
    user = stores.add_user()
    keys = [add(stores, user.user_id, f"script {number}") for number in range(MOST_KEYS)]
    with pytest.raises(Conflict):
        add(stores, user.user_id, "one too many")

    stores.api_keys.revoke(user.user_id, keys[0].key_id, MOMENT)

    add(stores, user.user_id, "one more")


def test_keys_go_with_their_owner(stores: Stores) -> None:
    user = stores.add_user()
    add(stores, user.user_id, "script")

    stores.records.close(user.user_id, MOMENT)

    assert stores.api_keys.of_user(user.user_id) == []
    assert stores.standings.read(Bearer(user.user_id, key_hash=hash_of("script")), MOMENT) is None


# --- on PostgreSQL ----------------------------------------------------------------------------------


def test_an_export_names_the_keys_and_holds_no_hash(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    add(stores, user.user_id, "script")

    [row] = stores.records.read(user.user_id, "keys", offset=0, limit=10)

    assert "script" in row
    assert hash_of("script").hex() not in row


def test_the_use_of_a_key_changes_nothing_else(postgres_store: PostgresStore) -> None:
    stores = postgres_stores(postgres_store)
    user = stores.add_user()
    add(stores, user.user_id, "script")
    before = rows_of(postgres_store, user.user_id)

    found(stores, user.user_id, "script")

    after = rows_of(postgres_store, user.user_id)
    assert {name for name in after if after[name] != before[name]} == {"api_keys"}
