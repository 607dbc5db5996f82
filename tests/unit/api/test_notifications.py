"""/notifications: the inbox, what is sent where, and how a channel is shown to be its owner's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.contracts.errands import read_delivery_errand
from algotrading.domain.notices import NoticeKind
from tests.fakes.ledger import add_notice
from tests.unit.api.test_account_links import token_in
from tests.unit.api.world import PASSWORD, Answer, ApiWorld

PATH = "/notifications"


def user_of(world: ApiWorld, token: str) -> UUID:
    return UUID(world.call("GET", "/account", token=token).body["user_id"])


def tell(world: ApiWorld, token: str, *texts: str) -> None:
    for text in texts:
        add_notice(world.database, user_of(world, token), None, NoticeKind.BOUGHT, text, world.clock.now())


def preferences(world: ApiWorld, token: str) -> dict[str, Any]:
    answer = world.call("GET", f"{PATH}/preferences", token=token)
    assert answer.status == 200
    return dict(answer.body)


def choose(world: ApiWorld, token: str, kinds: dict[str, list[str]]) -> Answer:
    return world.call("PUT", f"{PATH}/preferences", {"kinds": kinds}, token=token)


# --- the inbox --------------------------------------------------------------------------------------


def test_the_inbox_is_read_page_by_page_the_newest_first(world: ApiWorld) -> None:
    token = world.register()
    tell(world, token, "one", "two", "three")

    first = world.call("GET", PATH, token=token, query={"limit": "2"}).body
    rest = world.call("GET", PATH, token=token, query={"limit": "2", "cursor": str(first["next_cursor"])}).body

    assert [each["text"] for each in first["notices"]] == ["three", "two"]
    assert (first["unread"], first["notices"][0]["kind"]) == (3, "bought")
    assert ([each["text"] for each in rest["notices"]], rest["next_cursor"]) == (["one"], None)


def test_the_inbox_says_of_which_account_a_notice_speaks(world: ApiWorld) -> None:
    token, account_id = world.register(), uuid4()
    now = world.clock.now()
    add_notice(world.database, user_of(world, token), None, NoticeKind.KILLED, "of everything", now)
    add_notice(world.database, user_of(world, token), None, NoticeKind.BOUGHT, "of one", now, account_id)

    notices = world.call("GET", PATH, token=token).body["notices"]

    assert [(each["text"], each["account_id"]) for each in notices] == [
        ("of one", str(account_id)),
        ("of everything", None),
    ]


def test_notices_are_marked_as_read_some_or_all(world: ApiWorld) -> None:
    token, other = world.register(), world.register("other@example.com")
    tell(world, token, "one", "two", "three")
    newest = world.call("GET", PATH, token=token).body["notices"][0]["notice_id"]

    assert world.call("POST", f"{PATH}/read", {"notice_ids": [newest]}, token=other).body == {"read": 0}
    assert world.call("POST", f"{PATH}/read", {"notice_ids": [newest]}, token=token).body == {"read": 1}
    inbox = world.call("GET", PATH, token=token).body
    assert (inbox["unread"], [each["read_at"] is None for each in inbox["notices"]]) == (2, [False, True, True])
    assert world.call("POST", f"{PATH}/read", token=token).body == {"read": 2}
    assert world.call("GET", PATH, token=token).body["unread"] == 0


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"cursor": "0"}, {"cursor": "x"}])
def test_a_page_that_cannot_be_is_refused(world: ApiWorld, query: dict[str, str]) -> None:
    token = world.register()

    for path in (PATH, f"{PATH}/deliveries"):
        answer = world.call("GET", path, token=token, query=query)
        assert (answer.status, answer.fields) == (400, list(query))


# --- what is sent where -----------------------------------------------------------------------------


def test_by_default_people_are_told_what_happened_and_programs_everything(world: ApiWorld) -> None:
    shown = preferences(world, world.register())

    assert set(shown["kinds"]) == set(NoticeKind)
    assert shown["kinds"]["bought"] == ["email", "webhook", "telegram", "push"]
    assert shown["kinds"]["buy_accepted"] == ["webhook"]
    assert shown["email"] == {"status": "on", "target": "trader@example.com"}
    assert (shown["webhook"]["status"], shown["telegram"]["status"]) == ("off", "off")


def test_a_choice_is_the_whole_choice(world: ApiWorld) -> None:
    token = world.register()

    first = choose(world, token, {"bought": ["telegram"], "buy_accepted": ["email"], "sold": []})
    assert first.status == 200
    assert [first.body["kinds"][kind] for kind in ("bought", "buy_accepted", "sold")] == [["telegram"], ["email"], []]
    assert preferences(world, token) == first.body

    second = choose(world, token, {"sold": ["webhook"]}).body["kinds"]
    assert (second["bought"], second["sold"]) == (["email", "webhook", "telegram", "push"], ["webhook"])


def test_who_gets_into_the_account_cannot_be_silenced_and_whoever_tries_is_told_so(world: ApiWorld) -> None:
    token = world.register()
    wanted = {"bought": [], "password_changed": [], "channel_set": ["webhook"], "new_device": ["email"]}
    before = world.snapshot()

    refused = choose(world, token, wanted)

    assert (refused.status, refused.error) == (400, "REQUEST_INVALID")
    assert refused.fields == ["kinds.password_changed", "kinds.channel_set"]
    assert {each["problem"] for each in refused.body["details"]} == {"must have email: this is always mailed"}
    assert world.snapshot() == before
    # What is left out is mailed all the same, and what is shown can be sent back.
    shown = choose(world, token, {"password_changed": ["email"]}).body["kinds"]
    assert choose(world, token, shown).body["kinds"] == shown
    assert all("email" in shown[kind] for kind in ("password_changed", "channel_set", "new_device"))


@pytest.mark.parametrize("kinds", [{"unheard_of": []}, {"bought": ["pigeon"]}, {"bought": ["email"] * 6}])
def test_a_choice_of_what_is_not_there_is_refused(world: ApiWorld, kinds: dict[str, list[str]]) -> None:
    token = world.register()
    before = world.snapshot()

    assert choose(world, token, kinds).error == "REQUEST_INVALID"
    assert world.snapshot() == before


def test_an_address_of_before_is_shown_as_on_once_it_is_confirmed(world: ApiWorld) -> None:
    token = world.register_as_before()
    assert preferences(world, token)["email"] == {"status": "unconfirmed", "target": "trader@example.com"}
    world.call("POST", "/auth/email/resend", token=token)
    [mail] = world.deliver_mails()
    world.call("POST", "/auth/email/verify", {"token": token_in(mail), "password": PASSWORD})

    assert preferences(world, token)["email"]["status"] == "on"


# --- webhooks ---------------------------------------------------------------------------------------


def test_a_webhooks_secret_is_shown_once_and_is_a_new_one_each_time(world: ApiWorld) -> None:
    token = world.register()
    body = {"url": "https://hooks.example.com/x"}

    first = world.call("PUT", f"{PATH}/webhook", body, token=token)
    second = world.call("PUT", f"{PATH}/webhook", body, token=token)

    assert (first.status, first.body["url"]) == (200, body["url"])
    assert first.body["secret"].startswith("whsec_")
    assert first.body["secret"] != second.body["secret"]
    shown = preferences(world, token)
    assert shown["webhook"] == {"status": "on", "target": body["url"]}
    assert "whsec" not in str(shown)
    [setup] = world.database.channel_setups.values()
    assert second.body["secret"] not in str(setup.sealed_secret)
    assert "hidden" in repr(setup)


def test_an_address_that_may_not_be_posted_to_is_refused(world: ApiWorld) -> None:
    token = world.register()

    answer = world.call("PUT", f"{PATH}/webhook", {"url": "http://inside"}, token=token)

    assert (answer.status, answer.fields) == (400, ["url"])
    assert world.database.channel_setups == {}


def test_a_webhook_can_be_taken_away(world: ApiWorld) -> None:
    token = world.register()
    world.call("PUT", f"{PATH}/webhook", {"url": "https://hooks.example.com"}, token=token)

    assert world.call("DELETE", f"{PATH}/webhook", token=token).body == {"status": "off"}
    assert world.call("DELETE", f"{PATH}/webhook", token=token).error == "NOT_FOUND"


# --- Telegram ---------------------------------------------------------------------------------------


def send_codes(world: ApiWorld) -> str:
    """Have the code sent that was asked for; the code."""
    while world.notice_errands.asked:
        world.notice_delivery().run(read_delivery_errand(world.notice_errands.asked.pop(0).model_dump_json()))
    return world.chats.sent[-1][1].partition("code is ")[2].partition(".")[0]


def confirm(world: ApiWorld, token: str, code: str) -> Answer:
    return world.call("POST", f"{PATH}/telegram/confirm", {"code": code}, token=token)


def test_a_chat_is_told_nothing_before_its_code_has_come_back(world: ApiWorld) -> None:
    token = world.register()
    assert world.call("PUT", f"{PATH}/telegram", {"chat_id": "42"}, token=token).body == {"status": "asked"}
    assert preferences(world, token)["telegram"] == {"status": "unconfirmed", "target": "42"}
    code = send_codes(world)

    assert confirm(world, token, "0" * 16).error == "LINK_INVALID"
    assert confirm(world, token, f" {code.upper()} ").body == {"status": "on"}
    assert preferences(world, token)["telegram"]["status"] == "on"
    assert confirm(world, token, code).error == "LINK_INVALID"


def test_a_code_is_good_for_a_quarter_of_an_hour_and_for_its_user(world: ApiWorld) -> None:
    token, other = world.register(), world.register("other@example.com")
    for each in (token, other):
        world.call("PUT", f"{PATH}/telegram", {"chat_id": "42"}, token=each)
    code = send_codes(world)
    assert confirm(world, token, code).error == "LINK_INVALID", "it is the other one's"

    world.clock.sleep(timedelta(minutes=15).total_seconds())

    assert confirm(world, other, code).error == "LINK_INVALID"


def test_a_chat_is_not_flooded_with_codes(world: ApiWorld) -> None:
    token = world.register()
    body = {"chat_id": "42"}

    assert world.call("PUT", f"{PATH}/telegram", body, token=token).status == 200
    assert world.call("PUT", f"{PATH}/telegram", body, token=token).error == "CONFLICT"
    world.clock.sleep(60)
    assert world.call("PUT", f"{PATH}/telegram", body, token=token).status == 200


def test_taking_a_chat_away_is_no_way_to_another_code(world: ApiWorld) -> None:
    token = world.register()
    answers = []
    for _ in range(3):
        answers.append(world.call("PUT", f"{PATH}/telegram", {"chat_id": "42"}, token=token).status)
        world.call("DELETE", f"{PATH}/telegram", token=token)

    assert answers == [200, 409, 409]
    assert [each.kind for each in world.notice_errands.asked] == ["chat_code"]


def test_without_a_bot_there_is_no_telegram(world: ApiWorld) -> None:
    world.chats.has_bot = False

    answer = world.call("PUT", f"{PATH}/telegram", {"chat_id": "42"}, token=world.register())

    assert answer.error == "CONFLICT"
    assert world.database.channel_setups == {}


@pytest.mark.parametrize("chat_id", ["", "x", "@channel", "4 2", "4" * 21, "--4"])
def test_what_is_no_chat_is_refused(world: ApiWorld, chat_id: str) -> None:
    answer = world.call("PUT", f"{PATH}/telegram", {"chat_id": chat_id}, token=world.register())

    assert (answer.status, answer.fields) == (400, ["chat_id"])


# --- pushes -----------------------------------------------------------------------------------------

PHONE = "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]"


def log_in(world: ApiWorld) -> tuple[str, str]:
    """Another phone of the trader's: its token, and what the API calls it."""
    body = {"email": "trader@example.com", "password": "good-old-horse", "device": "a phone"}
    answer = world.call("POST", "/auth/login", body).body
    return answer["token"], answer["device_id"]


def push_to(world: ApiWorld, token: str, device: str, phone: str = PHONE) -> Answer:
    return world.call("PUT", f"{PATH}/push/{device}", {"token": phone}, token=token)


def test_a_phone_is_pushed_to_until_that_is_switched_off(world: ApiWorld) -> None:
    world.register()
    token, device = log_in(world)
    assert preferences(world, token)["push"] == {"status": "off", "devices": []}

    assert push_to(world, token, device).body == {"status": "on"}
    assert preferences(world, token)["push"] == {"status": "on", "devices": [device]}

    assert world.call("DELETE", f"{PATH}/push/{device}", token=token).body == {"status": "off"}
    assert world.call("DELETE", f"{PATH}/push/{device}", token=token).error == "NOT_FOUND"
    assert preferences(world, token)["push"] == {"status": "off", "devices": []}


def test_logging_a_phone_out_ends_its_pushes_and_no_others(world: ApiWorld) -> None:
    world.register()
    (its_token, lost), (token, kept) = log_in(world), log_in(world)
    push_to(world, its_token, lost, "ExponentPushToken[lost]")
    push_to(world, token, kept, "ExponentPushToken[kept]")

    world.call("DELETE", f"/auth/devices/{lost}", token=token)
    tell(world, token, "bought 10")
    world.notice_delivery().hand_over(user_of(world, token), 1)

    assert [phone for phone, _ in world.pushes.sent] == ["ExponentPushToken[kept]"]
    assert push_to(world, its_token, lost).error == "TOKEN_INVALID"


def test_a_phone_takes_no_pushes_under_another_login_and_so_none_after_its_own_has_ended(world: ApiWorld) -> None:
    # Given the trader's phone, and a login of a stranger who had the password
    world.register()
    (token, owned), (strangers_token, _) = log_in(world), log_in(world)
    push_to(world, token, owned, "ExponentPushToken[owner]")

    # When the stranger's phone asks for the pushes of the trader's
    answer = push_to(world, strangers_token, owned, "ExponentPushToken[stranger]")

    # Then the trader's phone keeps them
    tell(world, token, "bought 10")
    world.notice_delivery().hand_over(user_of(world, token), 1)
    assert (answer.status, answer.error) == (404, "NOT_FOUND")
    assert [phone for phone, _ in world.pushes.sent] == ["ExponentPushToken[owner]"]


def test_a_phones_token_is_answered_to_nobody_and_stored_sealed(
    world: ApiWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    world.register()
    token, device = log_in(world)

    answers = [push_to(world, token, device).body, preferences(world, token)]

    [stored] = world.database.push_devices.values()
    for text in (str(answers), caplog.text, str(stored), str(world.database.audit)):
        assert "xxxxxxxxxxxxxxxxxxxxxx" not in text
    assert stored.sealed_token != PHONE


def test_nobody_pushes_to_a_login_of_another_trader(world: ApiWorld) -> None:
    world.register()
    token, device = log_in(world)
    push_to(world, token, device)
    stranger = world.register("other@example.com")

    assert push_to(world, stranger, device, "ExponentPushToken[forged]").error == "NOT_FOUND"
    assert world.call("DELETE", f"{PATH}/push/{device}", token=stranger).error == "NOT_FOUND"
    assert preferences(world, token)["push"]["devices"] == [device]


@pytest.mark.parametrize(
    "phone", ["", "foo", "ExponentPushToken[]", "ExponentPushToken[a b]", "a ExponentPushToken[b]"]
)
def test_what_is_no_token_of_the_push_service_is_refused_and_told_what_one_looks_like(
    world: ApiWorld, phone: str
) -> None:
    world.register()
    token, device = log_in(world)

    answer = push_to(world, token, device, phone)

    assert (answer.status, answer.fields) == (400, ["token"])
    assert "ExponentPushToken[...]" in answer.body["details"][0]["problem"]
    assert phone == "" or phone not in str(answer.body)
    assert world.database.push_devices == {}


# --- the log ----------------------------------------------------------------------------------------


def test_the_log_tells_what_became_of_each_delivery(world: ApiWorld) -> None:
    token = world.register()
    world.call("PUT", f"{PATH}/webhook", {"url": "https://hooks.example.com"}, token=token)
    tell(world, token, "one", "two")
    delivery, user_id = world.notice_delivery(), user_of(world, token)
    world.webhooks.faults = [ConnectionResetError("cut")]
    for number in (1, 2):
        delivery.hand_over(user_id, number)

    log = world.call("GET", f"{PATH}/deliveries", token=token).body["deliveries"]

    assert [(each["notice_id"], each["channel"], each["state"]) for each in log] == [
        (2, "email", "delivered"),
        (2, "webhook", "waiting"),
        (1, "email", "delivered"),
        (1, "webhook", "waiting"),
    ]
    log = [each for each in log if each["channel"] == "webhook"]
    assert (log[1]["attempts"], log[1]["last_error"]) == (1, "ConnectionResetError: cut")
    assert log[1]["next_try_at"] is not None
    assert world.call("GET", f"{PATH}/deliveries", token=world.register("o@example.com")).body["deliveries"] == []
