"""What lets more be risked, lets somebody in, or has somebody told of every trade asks whoever has a second factor for
a code of minutes ago: a phone that is taken while it is logged in does not do it. What lessens risk never asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from algotrading.domain.logins import CODE_IS_FRESH
from tests.unit.api.test_second_factor import PATH, log_in, shown, switch_on, wait_a_step
from tests.unit.api.world import Answer, ApiWorld

LIMITS = {"daily_loss_limit": 5000, "open_strategies": 3, "square_off_on_loss": True}
KEYS = {"api_key": "key00001", "api_secret": "secret00001"}


class Trader:
    """A trader with a second factor, whose login showed a code long ago."""

    def __init__(self, world: ApiWorld) -> None:
        self.world = world
        self.token, self.secret, self.recovery_codes = switch_on(world)
        assert self.ask("PUT", "/risk/profile", LIMITS).status == 200
        self.let_pass(CODE_IS_FRESH)

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Answer:
        return self.world.call(method, path, body, token=self.token)

    def let_pass(self, passed: timedelta) -> None:
        self.world.clock.sleep(passed.total_seconds())

    def show_code(self) -> Answer:
        return self.ask("POST", f"{PATH}/verify", {"code": shown(self.world, self.secret)})


@pytest.fixture
def trader(world: ApiWorld) -> Trader:
    return Trader(world)


LOOSER = [
    {**LIMITS, "daily_loss_limit": 5000.05},
    {**LIMITS, "daily_loss_limit": None},
    {**LIMITS, "open_strategies": 4},
    {**LIMITS, "square_off_on_loss": False},
    {},
]
RISKY = [
    *[("PUT", "/risk/profile", limits) for limits in LOOSER],
    ("POST", "/risk/release", {}),
    ("POST", "/broker/connect", KEYS),
    ("POST", "/broker/accounts", {"name": "HUF"}),
]
STANDING_FEEDS = [
    ("PUT", "/notifications/webhook", {"url": "https://hooks.example.com/trades"}),
    ("PUT", "/notifications/telegram", {"chat_id": "123456789"}),
    ("PUT", "/notifications/sms", {"number": "+919876543210"}),
    ("POST", "/account/viewers", {"name": "My accountant"}),
]
"""What goes on for whoever had the bearer token for a quarter of an hour."""


@pytest.mark.parametrize(("method", "path", "body"), [*RISKY, *STANDING_FEEDS])
def test_what_lets_more_be_risked_asks_for_a_fresh_code_and_changes_nothing_without(
    trader: Trader, method: str, path: str, body: Mapping[str, object]
) -> None:
    trader.ask("POST", "/risk/kill")
    before = repr(trader.world.database)

    refused = trader.ask(method, path, body)

    assert (refused.status, refused.error) == (403, "FRESH_CODE_NEEDED")
    assert repr(trader.world.database) == before


@pytest.mark.parametrize(("method", "path", "body"), RISKY)
def test_with_a_code_it_is_done_for_five_minutes(
    trader: Trader, method: str, path: str, body: Mapping[str, object]
) -> None:
    until = trader.show_code()
    assert until.status == 200
    trader.let_pass(CODE_IS_FRESH - timedelta(seconds=1))
    assert trader.ask(method, path, body).status in {200, 201}

    trader.let_pass(timedelta(seconds=1))
    trader.ask("PUT", "/risk/profile", LIMITS)
    assert trader.ask(method, path, body).error == "FRESH_CODE_NEEDED"


@pytest.mark.parametrize(("method", "path", "body"), STANDING_FEEDS)
def test_with_a_code_what_is_told_of_trades_goes_where_its_owner_wants_it(
    trader: Trader, method: str, path: str, body: Mapping[str, object]
) -> None:
    assert trader.show_code().status == 200

    assert trader.ask(method, path, body).status in {200, 201}


@pytest.mark.parametrize("channel", ["webhook", "telegram", "sms"])
def test_switching_a_channel_off_asks_for_none(trader: Trader, channel: str) -> None:
    assert trader.ask("DELETE", f"/notifications/{channel}").error == "NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/risk/profile", LIMITS),
        ("PUT", "/risk/profile", {**LIMITS, "daily_loss_limit": 4999, "orders_per_minute": 5}),
        ("POST", "/risk/kill", {}),
        ("DELETE", "/broker", None),
    ],
)
def test_what_lessens_risk_asks_for_none(
    trader: Trader, method: str, path: str, body: Mapping[str, object] | None
) -> None:
    assert trader.ask(method, path, body).status == 200


def test_a_login_with_a_code_has_shown_one(trader: Trader) -> None:
    trader.token = log_in(trader.world, code=shown(trader.world, trader.secret)).body["token"]

    assert trader.ask("PUT", "/risk/profile", {}).status == 200


def test_a_code_counts_for_the_login_that_showed_it_alone(trader: Trader) -> None:
    elsewhere = log_in(trader.world, code=shown(trader.world, trader.secret))
    assert elsewhere.status == 200

    assert trader.ask("PUT", "/risk/profile", {}).error == "FRESH_CODE_NEEDED"


def test_who_switches_the_second_factor_on_has_shown_a_code(world: ApiWorld) -> None:
    token, _, _ = switch_on(world)

    assert world.call("POST", "/risk/release", token=token).status == 200


def test_who_has_no_second_factor_is_asked_for_none(world: ApiWorld) -> None:
    token = world.register()
    world.call("PUT", "/risk/profile", LIMITS, token=token)

    assert world.call("PUT", "/risk/profile", {}, token=token).status == 200
    assert world.call("POST", "/risk/release", token=token).status == 200
    verified = world.call("POST", f"{PATH}/verify", {"code": "123456"}, token=token)
    assert (verified.status, verified.error) == (409, "CONFLICT")


def test_a_wrong_code_and_one_that_was_used_open_nothing_and_guessing_is_slowed_down(trader: Trader) -> None:
    used = trader.show_code()
    assert used.status == 200
    trader.let_pass(CODE_IS_FRESH)
    wrong = [trader.ask("POST", f"{PATH}/verify", {"code": "000000"}) for _ in range(8)]

    assert wrong[0].error == "CREDENTIALS_INVALID"
    assert wrong[-1].error == "TOO_MANY_TRIES"
    assert trader.ask("PUT", "/risk/profile", {}).error == "FRESH_CODE_NEEDED"


def test_a_recovery_code_is_one_too(trader: Trader) -> None:
    assert trader.ask("POST", f"{PATH}/verify", {"code": trader.recovery_codes[0]}).status == 200

    assert trader.ask("PUT", "/risk/profile", {}).status == 200


def test_a_program_lowers_limits_and_raises_none(trader: Trader) -> None:
    assert trader.show_code().status == 200
    wait_a_step(trader.world)
    code = shown(trader.world, trader.secret)
    made = trader.ask("POST", "/account/keys", {"name": "bot", "scopes": ["risk:write"], "code": code})
    assert made.status == 201, made.body
    trader.token = made.body["key"]

    assert trader.ask("PUT", "/risk/profile", {**LIMITS, "daily_loss_limit": 4000}).status == 200
    refused = trader.ask("PUT", "/risk/profile", LIMITS)
    assert (refused.error, "a person has to do it" in refused.body["message"]) == ("FRESH_CODE_NEEDED", True)
    assert trader.ask("POST", "/risk/kill").status == 200
    assert trader.ask("POST", "/risk/release").error == "ACCESS_DENIED"


def test_a_program_raises_none_either_when_the_second_factor_is_gone(trader: Trader) -> None:
    owner = trader.token
    wait_a_step(trader.world)
    body = {"name": "bot", "scopes": ["risk:write"], "code": shown(trader.world, trader.secret)}
    key = trader.ask("POST", "/account/keys", body).body["key"]
    wait_a_step(trader.world)
    code = shown(trader.world, trader.secret)
    assert trader.ask("POST", f"{PATH}/remove", {"code": code}).status == 200

    trader.token = key
    assert trader.ask("PUT", "/risk/profile", {}).error == "FRESH_CODE_NEEDED"
    trader.token = owner
    assert trader.ask("PUT", "/risk/profile", {}).status == 200
