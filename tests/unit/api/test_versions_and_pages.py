"""What clients that work side by side need: the state that was seen, pages, and names for requests."""

from __future__ import annotations

import logging
from uuid import uuid4

import pytest

from tests.unit.api.world import PLAN, Answer, ApiWorld


def change(world: ApiWorld, token: str, strategy_id: str, seen: str | None, quantity: int = 20) -> Answer:
    headers = {} if seen is None else {"If-Match": seen}
    body = {**PLAN, "quantity": quantity}
    return world.call("PUT", f"/strategy/{strategy_id}", body, token=token, headers=headers)


def etag(world: ApiWorld, token: str, strategy_id: str) -> str:
    return world.call("GET", f"/strategy/{strategy_id}", token=token).headers["ETag"]


# --- the state that was seen -------------------------------------------------------------------------


def test_a_change_of_the_state_that_was_seen_is_made_and_answers_the_new_one(world: ApiWorld) -> None:
    token = world.register()
    strategy_id = world.create(token)

    answer = change(world, token, strategy_id, etag(world, token, strategy_id))

    assert (answer.status, answer.body["quantity"]) == (200, 20)
    assert answer.headers["ETag"] == etag(world, token, strategy_id) == '"v2"'


def test_of_two_who_saw_the_same_state_only_the_first_changes_it(world: ApiWorld) -> None:
    # given a phone and a browser that show the same plan
    token = world.register()
    strategy_id = world.create(token)
    seen = etag(world, token, strategy_id)

    # when both change it
    first, second = (change(world, token, strategy_id, seen, quantity) for quantity in (20, 30))

    # then the second is told, and nothing of it is stored
    assert (first.status, second.status, second.error) == (200, 412, "PRECONDITION_FAILED")
    assert world.call("GET", f"/strategy/{strategy_id}", token=token).body["quantity"] == 20


def test_a_start_is_a_new_state_too(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    seen = etag(world, token, strategy_id)
    world.start(token, strategy_id)

    assert change(world, token, strategy_id, seen).error == "PRECONDITION_FAILED"


def test_what_was_not_seen_as_it_is_is_not_deleted(world: ApiWorld) -> None:
    token = world.register()
    strategy_id = world.create(token)
    seen = etag(world, token, strategy_id)
    change(world, token, strategy_id, None)

    path = f"/strategy/{strategy_id}"
    refused = world.call("DELETE", path, token=token, headers={"If-Match": seen})
    assert (refused.status, refused.error) == (412, "PRECONDITION_FAILED")
    current = etag(world, token, strategy_id)
    assert world.call("DELETE", path, token=token, headers={"If-Match": current}).status == 200


@pytest.mark.parametrize("seen", ['W/"v1"', '"v9"', '"theirs"'])
def test_a_plan_that_is_wrong_is_told_before_the_state_is(world: ApiWorld, seen: str) -> None:
    token = world.register()
    strategy_id = world.create(token)

    assert change(world, token, strategy_id, seen, quantity=0).error == "STRATEGY_INVALID"


@pytest.mark.parametrize("seen", [None, "*", " * ", '"v1"'])
def test_whoever_names_no_state_or_any_changes_whatever_is_there(world: ApiWorld, seen: str | None) -> None:
    token = world.register()

    assert change(world, token, world.create(token), seen).status == 200


@pytest.mark.parametrize("seen", ['W/"v1"', '"v01x"', '"v2"', '"v9999999999"', '"v1", "v2"', '""'])
def test_a_tag_that_names_another_state_or_none_changes_nothing(world: ApiWorld, seen: str) -> None:
    token = world.register()

    answer = change(world, token, world.create(token), seen)

    assert (answer.status, answer.error) == (412, "PRECONDITION_FAILED")


@pytest.mark.parametrize("seen", ["v1", "", '"v1', "*, *", "\x00"])
def test_what_is_no_tag_is_no_request(world: ApiWorld, seen: str) -> None:
    token = world.register()

    answer = change(world, token, world.create(token), seen)

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")


def test_a_stranger_learns_nothing_from_a_tag(world: ApiWorld) -> None:
    strategy_id = world.create(world.register())
    stranger = world.register("stranger@example.com")

    assert (
        change(world, stranger, strategy_id, '"v7"').status
        == change(world, stranger, strategy_id, '"v1"').status
        == 404
    )


# --- pages -------------------------------------------------------------------------------------------


def test_pages_together_are_the_whole_list_in_its_order(world: ApiWorld) -> None:
    token = world.register()
    for _ in range(5):
        world.create(token)
    whole = world.call("GET", "/strategy", token=token).body
    ids = [one["strategy_id"] for one in whole["strategies"]]

    paged, cursor = [], None
    while True:
        query = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = world.call("GET", "/strategy", token=token, query=query).body
        paged.append([one["strategy_id"] for one in page["strategies"]])
        if (cursor := page["next_cursor"]) is None:
            break

    assert (len(ids), whole["next_cursor"]) == (5, None)
    assert paged == [ids[:2], ids[2:4], ids[4:]]


def test_a_page_that_ends_with_the_list_has_no_next_one(world: ApiWorld) -> None:
    token = world.register()
    for _ in range(2):
        world.create(token)

    assert world.call("GET", "/strategy", token=token, query={"limit": "2"}).body["next_cursor"] is None


def test_another_traders_strategy_is_no_cursor(world: ApiWorld) -> None:
    foreign = world.create(world.register())
    token = world.register("stranger@example.com")
    answers = [world.call("GET", "/strategy", token=token, query={"cursor": one}) for one in (foreign, str(uuid4()))]

    assert [(answer.status, answer.error) for answer in answers] == [(400, "REQUEST_INVALID")] * 2
    assert answers[0].body == answers[1].body


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"cursor": "x"}])
def test_a_page_that_cannot_be_is_refused(world: ApiWorld, query: dict[str, str]) -> None:
    answer = world.call("GET", "/strategy", token=world.register(), query=query)

    assert (answer.status, answer.error, answer.fields) == (400, "REQUEST_INVALID", list(query))


# --- names of requests -------------------------------------------------------------------------------


def test_every_answer_names_its_request_as_the_log_does(world: ApiWorld, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="algotrading")

    answer = world.call("GET", "/account", headers={"X-Client-Request-Id": "app-42"})

    assert answer.status == 401
    assert (answer.headers["X-Request-Id"], answer.headers["X-Client-Request-Id"]) == ("request-1", "app-42")
    line = vars(caplog.records[-1])
    assert (line["request_id"], line["client_request_id"]) == ("request-1", "app-42")


@pytest.mark.parametrize("name", ["", "two words", "x" * 65, "a\nb", "{}"])
def test_what_is_no_name_is_neither_answered_nor_logged(
    world: ApiWorld, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.INFO, logger="algotrading")

    answer = world.call("GET", "/account", headers={"X-Client-Request-Id": name})

    assert "X-Client-Request-Id" not in answer.headers
    assert vars(caplog.records[-1])["client_request_id"] is None
