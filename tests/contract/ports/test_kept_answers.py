"""ports.KeptAnswers: a key is taken once, keeps one answer, for a day, for its owner."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from psycopg.errors import InsufficientPrivilege

from algotrading.adapters.postgres.kept_answers import PostgresKeptAnswers
from algotrading.domain.keyed_requests import KEPT_FOR, KeptAnswer, KeptRequest, KeyedRequest, hash_request
from tests.contract.ports.conftest import Stores
from tests.fakes.examples import MOMENT
from tests.stores import PostgresStore

ANSWER = KeptAnswer(201, {"ETag": '"v1"'}, '{"a": "ß"}')


@pytest.fixture
def asked(stores: Stores) -> KeyedRequest:
    """A request that has taken its key."""
    request = KeyedRequest(stores.add_user().user_id, "key", hash_request("POST", "/", "{}"), MOMENT)
    assert stores.kept_answers.begin(request) is None
    return request


def test_a_key_is_taken_once_and_tells_what_took_it(stores: Stores, asked: KeyedRequest) -> None:
    again = replace(asked, request_hash=bytes(32), begun_at=MOMENT + timedelta(seconds=1))

    assert stores.kept_answers.begin(again) == KeptRequest(asked, None)


def test_an_answer_is_kept_as_it_was_and_the_first_one_stays(stores: Stores, asked: KeyedRequest) -> None:
    stores.kept_answers.finish(asked, ANSWER)
    stores.kept_answers.finish(asked, KeptAnswer(500, {}, "another"))

    assert stores.kept_answers.begin(asked) == KeptRequest(asked, ANSWER)


def test_another_users_same_key_is_another_key(stores: Stores, asked: KeyedRequest) -> None:
    other = replace(asked, user_id=stores.add_user().user_id)

    assert stores.kept_answers.begin(other) is None
    stores.kept_answers.finish(other, ANSWER)
    assert stores.kept_answers.begin(asked) == KeptRequest(asked, None)


def test_a_key_is_good_for_a_day(stores: Stores, asked: KeyedRequest) -> None:
    stores.kept_answers.finish(asked, ANSWER)
    last, over = (replace(asked, begun_at=MOMENT + KEPT_FOR + late) for late in (-timedelta(seconds=1), timedelta(0)))

    assert stores.kept_answers.begin(last) == KeptRequest(asked, ANSWER)
    assert stores.kept_answers.begin(over) is None


def test_a_key_that_is_given_back_is_new_and_one_with_an_answer_stays(stores: Stores, asked: KeyedRequest) -> None:
    other = replace(asked, user_id=stores.add_user().user_id)
    assert stores.kept_answers.begin(other) is None
    later = replace(asked, begun_at=MOMENT + timedelta(seconds=1))

    stores.kept_answers.forget(asked)

    assert stores.kept_answers.begin(later) is None
    assert stores.kept_answers.begin(other) == KeptRequest(other, None)
    stores.kept_answers.forget(asked)
    assert stores.kept_answers.begin(later) == KeptRequest(later, None), "only who took it gives it back"
    stores.kept_answers.finish(later, ANSWER)
    stores.kept_answers.forget(later)
    assert stores.kept_answers.begin(later) == KeptRequest(later, ANSWER)


def test_an_answer_that_comes_when_its_key_is_anothers_is_not_kept(stores: Stores, asked: KeyedRequest) -> None:
    later = replace(asked, begun_at=MOMENT + KEPT_FOR)
    assert stores.kept_answers.begin(later) is None

    stores.kept_answers.finish(asked, ANSWER)

    assert stores.kept_answers.begin(later) == KeptRequest(later, None)


def test_the_function_of_the_staff_keeps_the_answers_of_who_asks(
    postgres_store: PostgresStore, in_postgres: Stores
) -> None:
    # It logs in as the system role, whose policies show every user's rows of most tables.
    mine, other = (KeyedRequest(in_postgres.add_user().user_id, "key", bytes(32), MOMENT) for _ in range(2))
    database = postgres_store.open("system_role")
    of_staff = PostgresKeptAnswers(database)
    assert in_postgres.kept_answers.begin(other) is None

    assert of_staff.begin(mine) is None
    of_staff.finish(mine, ANSWER)
    assert of_staff.begin(mine) == KeptRequest(mine, ANSWER)
    again = replace(mine, begun_at=MOMENT + KEPT_FOR)
    assert of_staff.begin(again) is None
    of_staff.forget(again)
    assert of_staff.begin(again) is None
    database.close()

    assert in_postgres.kept_answers.begin(other) == KeptRequest(other, None)


def test_another_function_of_the_system_role_neither_reads_nor_forges_nor_forgets_anybodys_answers(
    postgres_store: PostgresStore, in_postgres: Stores
) -> None:
    mine, other = (KeyedRequest(in_postgres.add_user().user_id, "key", bytes(32), MOMENT) for _ in range(2))
    for each in (mine, other):
        in_postgres.kept_answers.begin(each)
        in_postgres.kept_answers.finish(each, ANSWER)

    for tenancy, seen in ((postgres_store.system.system(), []), (postgres_store.system.tenant(mine.user_id), [mine])):
        with tenancy as session:
            rows = session.execute("select user_id from kept_answers").fetchall()
            forged = session.execute("update kept_answers set body = 'forged' where user_id = %s", (other.user_id,))
            gone = session.execute("delete from kept_answers where user_id = %s", (other.user_id,))
        assert [row["user_id"] for row in rows] == [each.user_id for each in seen]
        assert (forged.rowcount, gone.rowcount) == (0, 0)
    with pytest.raises(InsufficientPrivilege), postgres_store.system.tenant(mine.user_id) as session:
        session.execute(
            "insert into kept_answers (user_id, key, request_hash, begun_at) values (%s, 'forged', %s, %s)",
            (other.user_id, bytes(32), MOMENT),
        )

    assert in_postgres.kept_answers.begin(other) == KeptRequest(other, ANSWER)


def test_of_many_at_once_one_takes_the_key(postgres_store: PostgresStore, in_postgres: Stores) -> None:
    request = KeyedRequest(in_postgres.add_user().user_id, "key", bytes(32), MOMENT)
    databases = [postgres_store.open("app_role") for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda database: PostgresKeptAnswers(database).begin(request), databases))
    for database in databases:
        database.close()

    assert found.count(None) == 1
    assert found.count(KeptRequest(request, None)) == 7
