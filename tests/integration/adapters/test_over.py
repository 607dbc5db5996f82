"""What is taken away each night, on a real PostgreSQL: what is over of everybody, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from psycopg.errors import InsufficientPrivilege

from algotrading.adapters.postgres.email_links import PostgresEmailLinks
from algotrading.adapters.postgres.kept_answers import PostgresKeptAnswers
from algotrading.adapters.postgres.logins import PostgresLogins
from algotrading.adapters.postgres.over import Forgotten, PostgresOver
from algotrading.adapters.postgres.registrations import PostgresRegistrations
from algotrading.adapters.postgres.sms_codes import PostgresSmsCodes
from algotrading.adapters.postgres.users import PostgresUsers
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.keyed_requests import KEPT_FOR, KeyedRequest
from algotrading.domain.logins import DeviceLogin
from algotrading.domain.registrations import KEPT_FOR as OPEN_FOR
from algotrading.domain.registrations import Registration
from algotrading.domain.sms import CodeLimits
from tests.fakes.examples import make_user
from tests.stores import PostgresStore

MOMENT = datetime(2026, 1, 5, 9, 15, tzinfo=UTC)
"""Long ago: nothing goes that is not over by the database's own clock."""
NONE = Forgotten(0, 0, 0, 0, 0)
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
WEEK, MONTH = timedelta(days=7), timedelta(days=30)
LIMITS = CodeLimits(of_user=9, of_number=9, of_deployment=9)


@pytest.fixture
def over(postgres_store: PostgresStore) -> PostgresOver:
    postgres_store.clear()
    return PostgresOver(postgres_store.system)


@pytest.fixture
def trader(postgres_store: PostgresStore) -> UUID:
    user = make_user()
    PostgresUsers(postgres_store.app).add(user, "hash")
    return user.user_id


def log_in(store: PostgresStore, user_id: UUID, *, lasts: timedelta = MONTH) -> tuple[DeviceLogin, bytes]:
    login = DeviceLogin(
        device_id=uuid4(),
        user_id=user_id,
        name="phone",
        created_at=MOMENT,
        used_at=MOMENT,
        expires_at=MOMENT + lasts,
        ended_at=None,
        has_second_factor=False,
    )
    token = sha256(login.device_id.bytes).digest()
    PostgresLogins(store.app).begin(login, token, "hash")
    return login, token


def tokens(store: PostgresStore) -> int:
    with store.owner() as connection:
        (count,) = connection.execute("select count(*) from refresh_tokens").fetchone() or (None,)
    assert isinstance(count, int)
    return count


def test_a_registration_that_nobody_opened_goes_the_night_after_its_day(
    over: PostgresOver, postgres_store: PostgresStore
) -> None:
    registrations = PostgresRegistrations(postgres_store.app)
    asked = Registration(uuid4(), "new@example.com", "hash", MOMENT)
    registrations.add(asked)

    assert over.forget(asked.expires_at - SECOND) == NONE
    assert asked.expires_at == MOMENT + OPEN_FOR
    assert over.forget(asked.expires_at) == replace(NONE, registrations=1)
    assert registrations.email_of(asked.user_id, MOMENT) is None


def test_links_go_when_they_are_over(over: PostgresOver, postgres_store: PostgresStore, trader: UUID) -> None:
    links, expires = PostgresEmailLinks(postgres_store.app), MOMENT + timedelta(hours=1)
    links.add(trader, LinkPurpose.RESET_PASSWORD, bytes(32), now=MOMENT, expires_at=expires)

    assert over.forget(expires - SECOND) == NONE
    assert links.is_good(trader, LinkPurpose.RESET_PASSWORD, bytes(32), MOMENT)
    assert over.forget(expires) == replace(NONE, email_links=1)


def test_answers_go_when_their_keys_stand_for_nothing_any_more(
    over: PostgresOver, postgres_store: PostgresStore, trader: UUID
) -> None:
    answers = PostgresKeptAnswers(postgres_store.app)
    request = KeyedRequest(trader, "key", bytes(32), MOMENT)
    assert answers.begin(request) is None

    assert over.forget(MOMENT + KEPT_FOR - SECOND) == NONE
    assert answers.begin(request) is not None
    assert over.forget(MOMENT + KEPT_FOR) == replace(NONE, kept_answers=1)
    assert answers.begin(request) is None


def test_codes_to_numbers_count_for_their_day_and_are_kept_for_one_more(
    over: PostgresOver, postgres_store: PostgresStore, trader: UUID
) -> None:
    assert PostgresSmsCodes(postgres_store.app).spend(trader, 1, LIMITS, MOMENT)

    assert over.forget(MOMENT + DAY) == NONE
    assert over.forget(MOMENT + 2 * DAY) == replace(NONE, sms_codes=1)


def test_a_used_token_is_known_for_a_week_and_the_one_in_use_as_long_as_its_login(
    over: PostgresOver, postgres_store: PostgresStore, trader: UUID
) -> None:
    logins, (login, token) = PostgresLogins(postgres_store.app), log_in(postgres_store, trader)
    successor = sha256(b"successor").digest()
    logins.refresh(trader, token, successor, MOMENT + SECOND)

    assert over.forget(MOMENT + WEEK) == NONE
    assert over.forget(MOMENT + WEEK + 2 * SECOND) == replace(NONE, refresh_tokens=1)
    assert over.forget(login.expires_at) == NONE
    logins.refresh(trader, successor, bytes(32), login.expires_at - SECOND)


@pytest.mark.parametrize("is_logged_out", [pytest.param(True, id="logged out"), pytest.param(False, id="expired")])
def test_tokens_of_a_login_go_a_month_after_it(
    over: PostgresOver, postgres_store: PostgresStore, trader: UUID, is_logged_out: bool
) -> None:
    login, _ = log_in(postgres_store, trader, lasts=MONTH if is_logged_out else DAY)
    log_in(postgres_store, trader, lasts=2 * MONTH)
    if is_logged_out:
        PostgresLogins(postgres_store.app).end(trader, login.device_id, MOMENT + DAY)

    assert over.forget(MOMENT + DAY + MONTH - SECOND) == NONE
    assert over.forget(MOMENT + DAY + MONTH) == replace(NONE, refresh_tokens=1)
    assert tokens(postgres_store) == 1


def test_a_clock_that_is_ahead_takes_nothing_that_still_counts(
    over: PostgresOver, postgres_store: PostgresStore, trader: UUID
) -> None:
    now = datetime.now(UTC)
    PostgresRegistrations(postgres_store.app).add(Registration(uuid4(), "new@example.com", "hash", now))
    PostgresKeptAnswers(postgres_store.app).begin(KeyedRequest(trader, "key", bytes(32), now))
    PostgresSmsCodes(postgres_store.app).spend(trader, 1, LIMITS, now)

    assert over.forget(now + 100 * DAY) == NONE


def test_a_traders_own_role_cannot_ask_for_it(over: PostgresOver, postgres_store: PostgresStore) -> None:
    assert over.forget(MOMENT) == NONE

    with pytest.raises(InsufficientPrivilege):
        PostgresOver(postgres_store.app).forget(MOMENT)
