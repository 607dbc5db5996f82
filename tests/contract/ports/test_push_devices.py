"""ports.PushDevices: a phone takes pushes for as long as the login on it goes on, and of nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from algotrading.domain.errors import NotFound
from algotrading.domain.logins import GRACE, LOGIN_LASTS, DeviceLogin
from algotrading.domain.push import MOST_DEVICES, PushDevice, push_token_hash
from tests.contract.ports.conftest import Stores
from tests.contract.ports.test_logins import log_in, token
from tests.fakes.examples import MOMENT
from tests.stores import PostgresStore

SECOND = timedelta(seconds=1)


def phone(login: DeviceLogin, name: str = "phone", seconds: int = 0) -> PushDevice:
    """What a login registers."""
    at = MOMENT + seconds * SECOND
    return PushDevice(login.user_id, login.device_id, push_token_hash(name), f"sealed {name}", at)


def pushed_to(stores: Stores, user_id: UUID) -> list[PushDevice]:
    return list(stores.push_devices.of_user(user_id, MOMENT + SECOND))


def test_every_phone_of_a_user_takes_pushes_the_latest_first(stores: Stores) -> None:
    first = log_in(stores, "first")
    second = log_in(stores, "second", user_id=first.user_id)
    other = log_in(stores, "other")
    for login, name, seconds in ((first, "one", 0), (second, "two", 1), (other, "three", 2)):
        stores.push_devices.register(phone(login, name, seconds))

    assert pushed_to(stores, first.user_id) == [phone(second, "two", 1), phone(first, "one", 0)]


def test_no_more_phones_than_one_request_takes_and_those_of_before_are_left_out(stores: Stores) -> None:
    user = stores.add_user()
    for number in range(MOST_DEVICES + 1):
        login = log_in(stores, f"{number}", user_id=user.user_id)
        stores.push_devices.register(phone(login, f"{number}", number))

    found = pushed_to(stores, user.user_id)

    assert [each.sealed_token for each in found] == [f"sealed {number}" for number in range(MOST_DEVICES, 0, -1)]


def test_a_new_token_replaces_the_logins_former_one_and_the_same_one_changes_nothing(stores: Stores) -> None:
    login = log_in(stores, "first")
    stores.push_devices.register(phone(login, "old"))
    stores.push_devices.register(phone(login, "new", 1))
    stores.push_devices.register(phone(login, "new", 2))

    assert pushed_to(stores, login.user_id) == [phone(login, "new", 1)]


@pytest.mark.parametrize("whose", ["the same user's", "another user's"])
def test_a_phone_shows_the_notices_of_who_logged_in_on_it_last(stores: Stores, whose: str) -> None:
    # Given a phone whose owner never logged out
    before = log_in(stores, "before")
    stores.push_devices.register(phone(before))

    # When somebody logs in on it
    user_id = before.user_id if whose == "the same user's" else None
    after = log_in(stores, "after", user_id=user_id)
    stores.push_devices.register(phone(after, seconds=1))

    # Then it is theirs, and nobody's of before
    assert pushed_to(stores, after.user_id) == [phone(after, seconds=1)]
    if user_id is None:
        assert pushed_to(stores, before.user_id) == []


@pytest.mark.parametrize("how", ["logged out", "revoked", "all revoked", "a stolen token", "closed account"])
def test_when_the_login_ends_its_pushes_end(stores: Stores, how: str) -> None:
    login = log_in(stores, "first")
    stores.push_devices.register(phone(login))

    match how:
        case "logged out":
            stores.logins.end_by_token(login.user_id, token("first"), MOMENT)
        case "revoked":
            stores.logins.end(login.user_id, login.device_id, MOMENT)
        case "all revoked":
            stores.logins.end_all(login.user_id, MOMENT)
        case "a stolen token":
            stores.logins.refresh(login.user_id, token("first"), token("second"), MOMENT)
            later = MOMENT + GRACE + SECOND
            with pytest.raises(Exception, match="used before"):
                stores.logins.refresh(login.user_id, token("first"), token("stolen"), later)
        case _:
            stores.records.close(login.user_id, MOMENT)

    assert pushed_to(stores, login.user_id) == []
    assert not stores.push_devices.forget(login.user_id, push_token_hash("phone"), MOMENT), "nothing is kept"
    with pytest.raises(NotFound):
        stores.push_devices.register(phone(login, seconds=60))


def test_ending_one_login_leaves_the_other_phone_alone(stores: Stores) -> None:
    first = log_in(stores, "first")
    second = log_in(stores, "second", user_id=first.user_id)
    stores.push_devices.register(phone(first, "one"))
    stores.push_devices.register(phone(second, "two"))

    stores.logins.end(first.user_id, first.device_id, MOMENT)

    assert pushed_to(stores, first.user_id) == [phone(second, "two")]


def test_a_login_that_has_reached_its_age_is_pushed_nothing(stores: Stores) -> None:
    login = log_in(stores, "first")
    stores.push_devices.register(phone(login))

    assert len(stores.push_devices.of_user(login.user_id, MOMENT + LOGIN_LASTS - SECOND)) == 1
    assert list(stores.push_devices.of_user(login.user_id, MOMENT + LOGIN_LASTS)) == []


def test_a_login_that_has_reached_its_age_registers_nothing(stores: Stores) -> None:
    login = log_in(stores, "first")
    late = replace(phone(login), registered_at=MOMENT + LOGIN_LASTS)

    with pytest.raises(NotFound):
        stores.push_devices.register(late)


@pytest.mark.parametrize("whose", ["nobody's", "somebody else's"])
def test_a_login_that_is_not_the_users_registers_nothing(stores: Stores, whose: str) -> None:
    mine, other = log_in(stores, "mine"), log_in(stores, "other")
    device_id = uuid4() if whose == "nobody's" else other.device_id
    forged = PushDevice(mine.user_id, device_id, push_token_hash("x"), "sealed x", MOMENT)

    with pytest.raises(NotFound):
        stores.push_devices.register(forged)

    assert pushed_to(stores, mine.user_id) == pushed_to(stores, other.user_id) == []


def test_pushes_can_be_switched_off_and_a_dead_token_is_forgotten_once(stores: Stores) -> None:
    login, other = log_in(stores, "first"), log_in(stores, "other")
    devices = stores.push_devices
    devices.register(phone(login, "one"))

    assert not devices.remove(other.user_id, login.device_id, MOMENT)
    assert not devices.forget(other.user_id, push_token_hash("one"), MOMENT)
    assert devices.remove(login.user_id, login.device_id, MOMENT)
    assert not devices.remove(login.user_id, login.device_id, MOMENT)

    devices.register(phone(login, "two"))
    assert not devices.forget(login.user_id, push_token_hash("one"), MOMENT), "it has registered anew since"
    assert devices.forget(login.user_id, push_token_hash("two"), MOMENT)
    assert pushed_to(stores, login.user_id) == []


def test_the_audit_trail_has_the_device_and_not_the_token(stores: Stores) -> None:
    login = log_in(stores, "first")
    stores.push_devices.register(phone(login))
    stores.push_devices.register(phone(login, seconds=1))
    stores.push_devices.remove(login.user_id, login.device_id, MOMENT)

    records = [record for record, _ in stores.system_audit_trail.chains() if record.user_id == login.user_id]

    assert [record.kind for record in records] == ["logged_in", "channel_set", "channel_removed"]
    assert all(str(login.device_id) in record.record for record in records)
    assert not any("sealed" in record.record for record in records)


def test_the_token_is_nowhere_in_what_is_shown() -> None:
    device = PushDevice(UUID(int=1), UUID(int=2), push_token_hash("x"), "sealed", MOMENT)

    assert "sealed" not in repr(device)
    assert "hidden" in repr(device)


def test_two_who_bring_one_token_at_once_do_not_collide(postgres_store: PostgresStore) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from algotrading.adapters.postgres.push_devices import PostgresPushDevices
    from tests.contract.ports.conftest import postgres_stores

    stores = postgres_stores(postgres_store)
    logins = [log_in(stores, f"{number}") for number in range(4)]
    databases = [postgres_store.open("app_role") for _ in logins]

    with ThreadPoolExecutor(len(logins)) as pool:
        for registered in [
            pool.submit(PostgresPushDevices(database).register, phone(login))
            for database, login in zip(databases, logins, strict=True)
        ]:
            registered.result()

    assert sum(len(pushed_to(stores, login.user_id)) for login in logins) == 1
    for each in databases:
        each.close()
