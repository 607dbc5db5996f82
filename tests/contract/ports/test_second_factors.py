"""ports.SecondFactors: what is confirmed counts, a step and a recovery code are good once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import cast
from uuid import uuid4

import pytest

from algotrading.adapters.passwords import Argon2Passwords
from algotrading.adapters.postgres.second_factors import PostgresSecondFactors
from algotrading.domain.errors import Conflict
from algotrading.domain.logins import LOGIN_LASTS, DeviceLogin
from algotrading.domain.second_factor import STEP_SECONDS, SecondFactor
from algotrading.ports import SecondFactors
from algotrading.services.second_factor import SecondFactorKeeper, digits_of
from tests.contract.ports.conftest import Stores
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryVault
from tests.fakes.examples import MOMENT
from tests.stores import PostgresStore

CODES = [hashlib.sha256(bytes([number])).digest() for number in range(3)]


@pytest.fixture
def waiting(stores: Stores) -> SecondFactor:
    """One that is not confirmed yet."""
    factor = SecondFactor(stores.add_user().user_id, "sealed", MOMENT, recovery_salt=bytes(range(16)))
    stores.second_factors.begin(factor)
    return factor


@pytest.fixture
def confirmed(stores: Stores, waiting: SecondFactor) -> SecondFactor:
    stores.second_factors.confirm(waiting, 100, CODES, MOMENT)
    return replace(waiting, confirmed_at=MOMENT, last_step=100, confirmed_step=100)


def test_who_has_none_has_none(stores: Stores) -> None:
    assert stores.second_factors.find(stores.add_user().user_id) is None


def test_one_that_waits_is_kept_and_gives_way_to_another(stores: Stores, waiting: SecondFactor) -> None:
    assert stores.second_factors.find(waiting.user_id) == waiting

    another = replace(waiting, sealed_secret="another")
    stores.second_factors.begin(another)

    assert stores.second_factors.find(waiting.user_id) == another


def test_one_that_is_on_gives_way_to_nothing(stores: Stores, confirmed: SecondFactor) -> None:
    assert stores.second_factors.find(confirmed.user_id) == confirmed

    with pytest.raises(Conflict):
        stores.second_factors.begin(replace(confirmed, sealed_secret="another"))
    with pytest.raises(Conflict):
        stores.second_factors.confirm(confirmed, 200, [], MOMENT)
    assert stores.second_factors.find(confirmed.user_id) == confirmed


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, stores: Stores) -> Iterator[SecondFactors]:
    """The same second factors, over a connection of another process."""
    if not isinstance(stores.second_factors, PostgresSecondFactors):
        yield stores.second_factors
        return
    database = cast(PostgresStore, request.getfixturevalue("postgres_store")).open("app_role")
    yield PostgresSecondFactors(database)
    database.close()


def test_another_that_is_begun_while_one_is_confirmed_is_not_switched_on(
    stores: Stores, elsewhere: SecondFactors
) -> None:
    # Given somebody who asks for another one while the recovery codes of the first are hashed, which takes a while
    user, clock = stores.add_user(), VirtualClock(MOMENT)
    second = SecondFactor(user.user_id, "another", MOMENT, recovery_salt=bytes(16))
    passwords = InterruptedPasswords(lambda: elsewhere.begin(second))
    keeper = SecondFactorKeeper(stores.second_factors, MemoryVault(), clock, passwords)
    secret = base64.b32decode(keeper.begin(user.user_id, user.email).secret)

    # When the first is confirmed by its code
    with pytest.raises(Conflict):
        keeper.confirm(user.user_id, digits_of(secret, int(MOMENT.timestamp()) // STEP_SECONDS))

    # Then the second waits for its own, and there is no recovery code
    assert stores.second_factors.find(user.user_id) == second
    assert list(stores.system_audit_trail.chains()) == []
    stores.second_factors.confirm(second, 7, CODES, MOMENT)
    assert stores.second_factors.use_recovery(user.user_id, CODES[0], MOMENT)


class InterruptedPasswords(Argon2Passwords):
    """Something else happens while the first secret is derived."""

    def __init__(self, interruption: Callable[[], None]) -> None:
        super().__init__(memory_kib=8, passes=1)
        self._interruptions = [interruption]

    def derive(self, secret: str, salt: bytes) -> bytes:
        while self._interruptions:
            self._interruptions.pop()()
        return super().derive(secret, salt)


def test_one_with_another_salt_or_secret_is_another(stores: Stores, waiting: SecondFactor) -> None:
    for other in (replace(waiting, sealed_secret="x"), replace(waiting, recovery_salt=None)):
        with pytest.raises(Conflict):
            stores.second_factors.confirm(other, 1, CODES, MOMENT)

    assert stores.second_factors.find(waiting.user_id) == waiting


def test_nothing_is_confirmed_where_nothing_waits(stores: Stores) -> None:
    with pytest.raises(Conflict):
        stores.second_factors.confirm(SecondFactor(stores.add_user().user_id, "sealed", MOMENT), 1, CODES, MOMENT)


def test_a_step_is_good_once_and_none_before_it_is(stores: Stores, confirmed: SecondFactor) -> None:
    tries = [(100, False), (102, True), (102, False), (101, False), (103, True)]

    assert [(step, stores.second_factors.use_step(confirmed.user_id, step)) for step, _ in tries] == tries
    found = stores.second_factors.find(confirmed.user_id)
    assert found is not None
    assert (found.last_step, found.confirmed_step) == (103, 100)


def test_a_recovery_code_is_good_once_and_for_its_owner_only(stores: Stores, confirmed: SecondFactor) -> None:
    other = stores.add_user().user_id
    assert not stores.second_factors.use_recovery(other, CODES[0], MOMENT)

    assert stores.second_factors.use_recovery(confirmed.user_id, CODES[0], MOMENT)
    assert not stores.second_factors.use_recovery(confirmed.user_id, CODES[0], MOMENT)
    assert stores.second_factors.use_recovery(confirmed.user_id, CODES[1], MOMENT)
    kinds = [record.kind for record, _ in stores.system_audit_trail.chains()]
    assert kinds == ["second_factor_on", "recovery_code_used", "recovery_code_used"]


def test_recovery_codes_are_counted_until_they_are_used_and_nobody_elses(
    stores: Stores, confirmed: SecondFactor
) -> None:
    other = stores.add_user().user_id
    assert [stores.second_factors.recovery_left(each) for each in (confirmed.user_id, other)] == [len(CODES), 0]

    stores.second_factors.use_recovery(confirmed.user_id, CODES[0], MOMENT)
    assert stores.second_factors.recovery_left(confirmed.user_id) == len(CODES) - 1

    stores.second_factors.remove(confirmed.user_id, MOMENT)
    assert stores.second_factors.recovery_left(confirmed.user_id) == 0


def test_what_is_taken_away_takes_its_recovery_codes_with_it(stores: Stores, confirmed: SecondFactor) -> None:
    stores.second_factors.remove(confirmed.user_id, MOMENT)
    stores.second_factors.remove(confirmed.user_id, MOMENT)

    assert stores.second_factors.find(confirmed.user_id) is None
    assert not stores.second_factors.use_recovery(confirmed.user_id, CODES[0], MOMENT)
    kinds = [record.kind for record, _ in stores.system_audit_trail.chains()]
    assert kinds == ["second_factor_on", "second_factor_off"]


def test_a_change_of_the_second_factor_is_told_to_its_owner_once(stores: Stores) -> None:
    user = stores.add_user()
    factor = SecondFactor(user.user_id, "sealed", MOMENT)
    stores.second_factors.begin(factor)
    assert stores.notifications.inbox(user.user_id, limit=9, before=None) == []

    stores.second_factors.confirm(factor, 1, [user.user_id.bytes * 2], MOMENT)
    for _ in range(2):
        stores.second_factors.remove(user.user_id, MOMENT)

    told = [each.kind for each in stores.notifications.inbox(user.user_id, limit=9, before=None)]
    assert told == ["second_factor_off", "second_factor_on"]


def test_digits_that_come_again_are_on_record_each_time_and_told_once_a_day(
    stores: Stores, confirmed: SecondFactor
) -> None:
    for at in (MOMENT, MOMENT + timedelta(minutes=1), MOMENT + timedelta(days=1)):
        stores.second_factors.note_reuse(confirmed.user_id, at)

    told = [each.kind for each in stores.notifications.inbox(confirmed.user_id, limit=9, before=None)]
    assert told == ["code_reused", "code_reused", "second_factor_on"]
    kinds = [record.kind for record, _ in stores.system_audit_trail.chains()]
    assert kinds == ["second_factor_on", "code_reused", "code_reused", "code_reused"]


def test_whoever_switches_it_off_ends_every_other_login_at_once(stores: Stores, confirmed: SecondFactor) -> None:
    logins = [
        DeviceLogin(uuid4(), confirmed.user_id, name, MOMENT, MOMENT, MOMENT + LOGIN_LASTS) for name in ("here", "lost")
    ]
    for login in logins:
        stores.logins.begin(login, login.device_id.bytes * 2, "hash")

    stores.second_factors.remove(confirmed.user_id, MOMENT, but=logins[0].device_id)

    assert [each.name for each in stores.logins.alive(confirmed.user_id, MOMENT)] == ["here"]
    stores.second_factors.remove(confirmed.user_id, MOMENT)
    assert len(stores.logins.alive(confirmed.user_id, MOMENT)) == 1
