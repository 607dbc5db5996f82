"""What every answer carries and every answer's line in the log says, whatever was asked for."""

from __future__ import annotations

import logging
from typing import Any
from uuid import uuid4

import pytest

from tests.unit.api.world import ApiWorld

EMAIL = "trader@example.com"
PASSWORD = "good-old-horse"


def _answered(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The line of the last answer: whether those before it were logged depends on what other tests have set up."""
    return [vars(record) for record in caplog.records if record.getMessage() == "answered"][-1]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/account", 200),
        ("GET", "/nowhere", 404),
        ("PATCH", "/account", 405),
        ("POST", "/strategy/create", 400),
        ("GET", "/admin/users", 403),
    ],
)
def test_every_answer_carries_the_headers_that_protect_it(world: ApiWorld, method: str, path: str, status: int) -> None:
    # Given a trader
    token = world.register()

    # When something good or bad is asked for
    answer = world.call(method, path, {} if method == "POST" else None, token=token)

    # Then nobody keeps, sniffs, frames or runs the answer, and it names no server
    assert answer.status == status
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["content-type"] == "application/json"
    assert headers["content-disposition"] == 'attachment; filename="api.json"'
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
    assert not {"server", "x-powered-by"} & set(headers)


def test_a_page_for_a_browser_says_itself_what_it_may_load(world: ApiWorld) -> None:
    answer = world.call("GET", "/broker/callback", headers={"Accept": "text/html"})

    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'unsafe-inline'")
    assert "Content-Disposition" not in answer.headers
    assert "max-age=31536000" in answer.headers["Strict-Transport-Security"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_no_answer_sets_a_cookie(world: ApiWorld) -> None:
    world.register()

    for path, body in (
        ("/auth/login", {"email": EMAIL, "password": PASSWORD}),
        ("/auth/login", {"email": EMAIL, "password": "wrong-horse"}),
        ("/auth/register", {"email": "other@example.com", "password": PASSWORD}),
    ):
        answer = world.call("POST", path, body)
        assert "set-cookie" not in {name.lower() for name in answer.headers}


def test_a_second_login_makes_tokens_of_its_own(world: ApiWorld) -> None:
    # Given a login, and its tokens brought along as somebody would who fixed them
    login = {"email": EMAIL, "password": PASSWORD}
    world.register()
    first = world.call("POST", "/auth/login", login).body

    # When the trader logs in
    second = world.call("POST", "/auth/login", login, token=first["token"]).body

    # Then nothing of the first login is taken over
    assert second["token"] != first["token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert second["device_id"] != first["device_id"]


def test_an_answer_is_logged_with_who_asked_for_what_and_how_it_went(
    world: ApiWorld, caplog: pytest.LogCaptureFixture
) -> None:
    token = world.register()
    with caplog.at_level(logging.INFO):
        answer = world.call("GET", "/account", token=token, headers={"X-Client-Request-Id": "mine-1"})

    line = _answered(caplog)
    assert line["event_type"] == "GET /api/v1/account"
    assert (line["status"], line["user_id"]) == (200, str(world.user_of(token)))
    assert line["client_request_id"] == "mine-1"
    assert line["request_id"] == answer.headers["X-Request-Id"]


def test_a_refused_login_is_logged_without_what_was_sent(world: ApiWorld, caplog: pytest.LogCaptureFixture) -> None:
    world.register()
    with caplog.at_level(logging.DEBUG):
        refused = world.call("POST", "/auth/login", {"email": EMAIL, "password": "wrong-horse-sent"})

    line = _answered(caplog)
    assert refused.status == 401
    assert (line["event_type"], line["status"]) == ("POST /api/v1/auth/login", 401)
    everything = " ".join(str(vars(record)) for record in caplog.records)
    assert "wrong-horse-sent" not in everything
    assert EMAIL not in everything


def test_what_is_logged_names_the_route_and_not_the_path_and_no_email(
    world: ApiWorld, caplog: pytest.LogCaptureFixture
) -> None:
    # What a person does with the e-mail in the body, and what is told in the path
    with caplog.at_level(logging.DEBUG):
        token = world.register()
        strategy_id = world.create(token)
        for path in (f"/strategy/{strategy_id}", f"/strategy/{uuid4()}", f"/strategy/{EMAIL}", "/auth/devices"):
            world.call("GET", path, token=token)
        world.call("POST", "/auth/password/forgot", {"email": EMAIL})
        world.call("POST", "/auth/register", {"email": EMAIL, "password": "another good horse"})
        world.deliver_mails()

    everything = " ".join(str(vars(record)) for record in caplog.records)
    answered = [vars(record)["event_type"] for record in caplog.records if record.getMessage() == "answered"]
    assert answered.count("GET /api/v1/strategy/{id}") == 3
    assert {each for each in answered if strategy_id in each} == set()
    assert EMAIL not in everything


def test_a_refusal_of_access_is_logged_with_who_was_refused(world: ApiWorld, caplog: pytest.LogCaptureFixture) -> None:
    token = world.register()
    with caplog.at_level(logging.INFO):
        world.call("GET", "/admin/users", token=token)

    line = _answered(caplog)
    assert (line["event_type"], line["status"]) == ("GET /api/v1/admin/users", 403)
    assert line["user_id"] == str(world.user_of(token))


def test_a_line_break_in_a_clients_name_is_not_logged(world: ApiWorld, caplog: pytest.LogCaptureFixture) -> None:
    token = world.register()
    with caplog.at_level(logging.INFO):
        answer = world.call("GET", "/account", token=token, headers={"X-Client-Request-Id": 'a\n{"status": 200}'})

    line = _answered(caplog)
    assert line["client_request_id"] is None
    assert "X-Client-Request-Id" not in answer.headers
