"""/notifications/sms: whose number it is, how often codes are sent, and that nobody reads the number."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from algotrading.contracts.errands import read_delivery_errand
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import BY_SMS, MOST_CODE_TRIES
from algotrading.domain.sms import CODES_PER_NUMBER, CODES_PER_USER
from tests.unit.api.world import Answer, ApiWorld

PATH = "/notifications/sms"
NUMBER = "+919876543210"
DAY = 24 * 3600


def name(world: ApiWorld, token: str, number: str = NUMBER) -> Answer:
    return world.call("PUT", PATH, {"number": number}, token=token)


def deliver(world: ApiWorld) -> None:
    while world.notice_errands.asked:
        world.notice_delivery().run(read_delivery_errand(world.notice_errands.asked.pop(0).model_dump_json()))


def code_of(world: ApiWorld) -> str:
    """The code that arrived last."""
    deliver(world)
    found = re.search(r"code is ([0-9]{6})\.", world.texts.sent[-1][1])
    assert found is not None
    return found[1]


def confirm(world: ApiWorld, token: str, code: str) -> Answer:
    return world.call("POST", f"{PATH}/confirm", {"code": code}, token=token)


def shown(world: ApiWorld, token: str) -> dict[str, Any]:
    return dict(world.call("GET", "/notifications/preferences", token=token).body["sms"])


def test_a_number_is_on_once_its_code_has_come_back(world: ApiWorld) -> None:
    token = world.register()
    assert shown(world, token) == {"status": "off", "target": None}

    assert name(world, token).body == {"status": "asked", "target": "+91******3210"}
    assert shown(world, token) == {"status": "unconfirmed", "target": "+91******3210"}
    code = code_of(world)
    assert [number for number, _ in world.texts.sent] == [NUMBER]
    assert confirm(world, token, code).body == {"status": "on"}
    assert shown(world, token)["status"] == "on"
    assert confirm(world, token, code).error == "LINK_INVALID", "it was used"

    assert world.call("DELETE", PATH, token=token).body == {"status": "off"}
    assert world.call("DELETE", PATH, token=token).error == "NOT_FOUND"
    assert shown(world, token)["status"] == "off"


def test_a_number_is_stored_sealed_shown_masked_and_never_logged(
    world: ApiWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    token = world.register()

    answers = [name(world, token).body, shown(world, token), confirm(world, token, code_of(world)).body]
    code = code_of(world)
    answers += [name(world, token, "+91 98765 4321").body, world.call("GET", "/account/export", token=token).body]

    [setup] = world.database.channel_setups.values()
    for text in (str(answers), caplog.text, str(setup), setup.target, str(world.database.audit)):
        assert "9876543210" not in text
        assert "98765 4321" not in text
    assert code not in caplog.text
    assert setup.sealed_secret is not None
    assert NUMBER not in setup.sealed_secret


def test_a_code_is_good_for_five_tries(world: ApiWorld) -> None:
    token = world.register()
    name(world, token)
    code = code_of(world)
    wrong = "000000" if code != "000000" else "000001"

    for _ in range(MOST_CODE_TRIES):
        assert confirm(world, token, wrong).error == "LINK_INVALID"

    assert confirm(world, token, code).error == "LINK_INVALID"
    assert shown(world, token)["status"] == "unconfirmed"


def test_a_code_is_good_for_a_quarter_of_an_hour_and_for_its_own_user(world: ApiWorld) -> None:
    token, other = world.register(), world.register("other@example.com")
    name(world, token)
    code = code_of(world)

    assert confirm(world, other, code).error == "LINK_INVALID"
    world.clock.sleep(15 * 60)
    assert confirm(world, token, code).error == "LINK_INVALID"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345x", "9f86d081884c7d65"])
def test_what_is_no_code_is_refused_and_counts_as_no_try(world: ApiWorld, code: str) -> None:
    token = world.register()
    name(world, token)
    right = code_of(world)

    for _ in range(MOST_CODE_TRIES):
        assert confirm(world, token, code).error == "REQUEST_INVALID"
    assert confirm(world, token, right).status == 200


def test_a_new_number_is_sent_nothing_before_it_is_confirmed_and_nor_is_the_old_one(world: ApiWorld) -> None:
    token = world.register()
    name(world, token)
    old = code_of(world)
    confirm(world, token, old)
    world.clock.sleep(60)

    name(world, token, "+919876500000")

    assert confirm(world, token, old).error == "LINK_INVALID"
    assert shown(world, token) == {"status": "unconfirmed", "target": "+91******0000"}


# --- whoever has messages sent for money, or to pester ----------------------------------------------


def test_a_code_a_minute_is_sent(world: ApiWorld) -> None:
    token = world.register()

    assert name(world, token).status == 200
    assert name(world, token).error == "CONFLICT"
    assert world.call("DELETE", PATH, token=token).status == 200
    assert name(world, token).error == "CONFLICT", "though the number was taken away in between"
    world.clock.sleep(60)
    assert name(world, token).status == 200


def test_one_user_has_five_codes_a_day_though_the_number_is_taken_away_in_between(world: ApiWorld) -> None:
    token = world.register()

    for number in range(CODES_PER_USER):
        assert name(world, token, f"+9198765432{number:02}").status == 200
        assert world.call("DELETE", PATH, token=token).status == 200
        world.clock.sleep(60)
    answer = name(world, token)

    assert (answer.status, answer.error) == (429, "TOO_MANY_TRIES")
    assert 0 < int(answer.headers["Retry-After"]) <= DAY
    assert world.database.channel_setups == {}
    world.clock.sleep(int(answer.headers["Retry-After"]))
    world.authorizer = type(world.authorizer)(lambda: world.tokens)
    again = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-horse"})
    assert name(world, again.body["token"]).status == 200


def test_one_number_gets_three_codes_a_day_whoever_asks(world: ApiWorld) -> None:
    tokens = [world.register(f"{number}@example.com") for number in range(CODES_PER_NUMBER + 1)]

    answers = [name(world, token) for token in tokens]

    assert [answer.status for answer in answers] == [*[200] * CODES_PER_NUMBER, 429]
    assert name(world, tokens[-1], "+919876500000").status == 200, "another number has its own"


def test_a_deployment_sends_so_many_codes_a_day(world: ApiWorld) -> None:
    world.sms_codes_per_day = 2
    tokens = [world.register(f"{number}@example.com") for number in range(3)]

    answers = [name(world, token, f"+919876500{number:03}") for number, token in enumerate(tokens)]

    assert [answer.status for answer in answers] == [200, 200, 429]


@pytest.mark.parametrize("number", ["+14155550100", "+447911123456", "+911234567890", "x", "98765"])
def test_what_is_no_mobile_number_of_the_list_is_refused(world: ApiWorld, number: str) -> None:
    token = world.register()
    before = world.snapshot()

    answer = name(world, token, number)

    assert (answer.status, answer.fields) == (400, ["number"])
    assert world.snapshot() == before


def test_an_account_whose_mail_is_not_confirmed_has_no_message_sent(world: ApiWorld) -> None:
    token = world.register_as_before()

    answer = name(world, token)

    assert (answer.status, answer.error) == (403, "EMAIL_UNVERIFIED")
    assert (world.database.sms_codes, world.database.channel_setups) == ([], {})


def test_a_deployment_without_a_sender_has_no_sms_and_says_so(world: ApiWorld) -> None:
    world.texts.has_sender = False
    token = world.register()

    answer = name(world, token)

    assert (answer.status, answer.error) == (409, "CONFLICT")
    assert answer.body["message"] == "SMS is not set up here"
    assert shown(world, token) == {"status": "unavailable", "target": None}


# --- which notices ----------------------------------------------------------------------------------


def test_by_default_the_few_are_sent_that_matter_most(world: ApiWorld) -> None:
    token = world.register()

    kinds = world.call("GET", "/notifications/preferences", token=token).body["kinds"]

    assert {kind for kind, channels in kinds.items() if "sms" in channels} == {kind.value for kind in BY_SMS}
    chosen = {"kinds": {"killed": ["email"], "sold": ["sms"]}}
    kinds = world.call("PUT", "/notifications/preferences", chosen, token=token).body["kinds"]
    assert (kinds["killed"], kinds["sold"]) == (["email"], ["sms"])
    assert kinds[NoticeKind.LOGIN_REFUSED] == ["email", "webhook", "telegram", "push", "sms"]
