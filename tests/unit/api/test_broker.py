"""Connecting a broker: keys, the browser login, and what is shown of it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from algotrading.adapters.postgres.egress_routes import DeployedRoute
from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import BrokerCredentials, ConnectionStatus, SealedBrokerAccount, first_account_of
from algotrading.domain.cycle import CycleState, IntentState
from algotrading.ports import Lane
from tests.fakes.accounts import MemoryBrokerAccounts
from tests.fakes.examples import make_intent
from tests.unit.api.world import TODAY, Answer, ApiWorld

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
JSON = {"Accept": "application/json"}


def connect(world: ApiWorld, token: str, **body: str) -> Answer:
    """Send broker keys."""
    return world.call("POST", "/broker/connect", body, token=token)


def state_of(login_url: str) -> str:
    """The state that the broker's login brings back."""
    (redirect,) = parse_qs(urlsplit(login_url).query)["redirect_params"]
    return parse_qs(redirect)["state"][0]


def come_back(world: ApiWorld, headers: dict[str, str] | None = None, **query: str) -> Answer:
    """The browser's return from the broker's login."""
    return world.call("GET", "/broker/callback", query=query, headers=headers)


def test_keys_with_an_access_token_are_validated_and_connected(world: ApiWorld) -> None:
    token = world.register()
    keys = world.exchange.open_account()
    assert keys.access_token is not None

    answer = connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret, access_token=keys.access_token)

    assert (answer.status, answer.body["status"], answer.body["broker_valid"]) == (200, "connected", True)


def test_credentials_that_the_broker_refuses_are_not_stored(world: ApiWorld) -> None:
    token = world.register()
    keys = world.exchange.open_account()

    answer = connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret, access_token="dead")

    assert (answer.status, answer.error) == (400, "BROKER_AUTH_FAILED")
    assert world.database.broker_accounts == {}


def test_a_broker_account_that_another_user_trades_through_is_refused(world: ApiWorld) -> None:
    # Given a trader, and somebody with a second login of ours who can log in to the same broker account
    keys = world.connect(world.register())
    other = world.register("second@example.com")
    before = world.snapshot()

    # When it is connected there as well
    answer = connect(
        world, other, api_key=keys.api_key, api_secret=keys.api_secret, access_token=str(keys.access_token)
    )

    # Then it stays with the first: both would sell upon the same positions
    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_TAKEN")
    assert world.snapshot() == before


def test_an_account_that_carries_prices_starts_no_strategy(world: ApiWorld) -> None:
    # Given the account that carries prices, on a broker account that a trader trades through as well
    keys = world.connect(world.register())
    feed = world.register("feed@example.com")
    connect(world, feed, api_key=keys.api_key, api_secret=keys.api_secret, access_token=str(keys.access_token))

    # When a strategy is started there
    answer = world.start(feed, world.create(feed))

    # Then it does not: both would sell upon the same positions
    assert (answer.status, answer.error) == (409, "CONFLICT")


def test_a_broker_that_is_away_is_no_refusal(world: ApiWorld) -> None:
    token = world.register()
    keys = world.exchange.open_account()
    assert keys.access_token is not None
    world.exchange.is_down = True

    answer = connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret, access_token=keys.access_token)

    assert (answer.status, answer.error) == (503, "BROKER_UNAVAILABLE")
    assert world.database.broker_accounts == {}


def test_the_browser_login_connects(world: ApiWorld) -> None:
    # Given a trader who sends keys without an access token
    token = world.register()
    keys = world.exchange.open_account()
    answer = connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret)
    assert (answer.body["status"], answer.body["broker_valid"]) == ("login_required", False)

    # When they log in at the URL and the browser comes back
    request_token = world.exchange.issue_request_token(keys.api_key)
    state = state_of(answer.body["login_url"])
    page = come_back(world, HTML, request_token=request_token, state=state, status="success", action="login")

    # Then a page tells them, and the connection stands
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "is connected" in page.body
    assert world.call("GET", "/broker", token=token).body["status"] == "connected"


def test_a_program_gets_json_from_the_callback(world: ApiWorld) -> None:
    token = world.register()
    keys = world.exchange.open_account()
    connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret)
    login_url = world.call("GET", "/broker/login", token=token).body["login_url"]
    request_token = world.exchange.issue_request_token(keys.api_key)

    answer = come_back(world, JSON, request_token=request_token, state=state_of(login_url))

    assert answer.body == {
        "account_id": str(first_account_of(world.user_of(token))),
        "status": "connected",
        "broker_valid": True,
        "broker_user_id": "MEM001",
    }


def test_a_request_token_works_once(world: ApiWorld) -> None:
    token = world.register()
    keys = world.exchange.open_account()
    state = state_of(connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret).body["login_url"])
    request_token = world.exchange.issue_request_token(keys.api_key)
    come_back(world, request_token=request_token, state=state)
    before = world.snapshot()

    again = come_back(world, request_token=request_token, state=state)

    assert (again.status, again.error) == (400, "BROKER_AUTH_FAILED")
    assert world.snapshot() == before


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({}, 400, "BROKER_AUTH_FAILED"),
        ({"request_token": "request"}, 400, "BROKER_AUTH_FAILED"),
        ({"state": "STATE"}, 400, "BROKER_AUTH_FAILED"),
        ({"request_token": "request", "state": "STATE", "status": "cancelled"}, 400, "BROKER_AUTH_FAILED"),
        ({"request_token": "request", "state": "forged"}, 401, "TOKEN_INVALID"),
        ({"request_token": "request", "state": "BEARER"}, 401, "TOKEN_INVALID"),
        ({"request_token": "<script>alert(1)</script>", "state": "STATE"}, 400, "BROKER_AUTH_FAILED"),
        ({"request_token": "x" * 5000, "state": "STATE"}, 400, "REQUEST_INVALID"),
    ],
    ids=str,
)
def test_a_callback_that_is_not_ours_changes_nothing(
    world: ApiWorld, query: dict[str, str], status: int, code: str
) -> None:
    # Given a trader with keys, a good state, and a bearer token that is not one
    token = world.register()
    keys = world.exchange.open_account()
    state = state_of(connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret).body["login_url"])
    before = world.snapshot()
    known = {"STATE": state, "BEARER": token}

    # When a browser comes with something else than the broker's answer
    sent = {name: known.get(value, value) for name, value in query.items()}
    answer = come_back(world, None, **sent)
    page = come_back(world, HTML, **sent)

    # Then it is refused, on a page too, which repeats nothing that was sent
    assert (answer.status, answer.error) == (status, code)
    assert page.status == status
    assert page.headers["Content-Type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script>" not in str(page.body)
    assert world.snapshot() == before


def test_a_fault_of_our_own_is_told_on_a_page_too(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()
    keys = world.exchange.open_account()
    state = state_of(connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret).body["login_url"])
    monkeypatch.setattr("tests.fakes.accounts.MemoryBrokerAccounts.find", lambda *_: 1 / 0)

    page = come_back(world, HTML, request_token="request", state=state)

    assert (page.status, page.headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert "mention request request-1" in page.body
    assert "division" not in page.body


def test_only_the_callback_has_pages(world: ApiWorld) -> None:
    answer = world.call("GET", "/broker", headers=HTML)

    assert (answer.status, answer.error) == (401, "TOKEN_INVALID")


@pytest.mark.parametrize("field", ["api_key", "api_secret", "access_token"])
@pytest.mark.parametrize("value", ["a&redirect_params=x#", "a b", "a:b", "a/b", "a%26b", "k\n", "é"])
def test_keys_that_no_broker_issues_are_refused(world: ApiWorld, field: str, value: str) -> None:
    token = world.register()
    keys = {"api_key": "key00001", "api_secret": "secret00001", "access_token": "token00001"}

    answer = connect(world, token, **{**keys, field: value})

    assert (answer.status, answer.error, answer.fields) == (400, "REQUEST_INVALID", [field])
    assert "letters, digits" in answer.body["details"][0]["problem"]
    assert world.database.broker_accounts == {}


def test_a_login_state_lives_a_quarter_of_an_hour(world: ApiWorld) -> None:
    token = world.register()
    keys = world.exchange.open_account()
    state = state_of(connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret).body["login_url"])
    request_token = world.exchange.issue_request_token(keys.api_key)
    world.clock.sleep(timedelta(minutes=15).total_seconds())

    answer = come_back(world, request_token=request_token, state=state)

    assert (answer.status, answer.error) == (401, "TOKEN_EXPIRED")


def test_a_locked_account_is_not_connected_by_a_login_that_began_before(world: ApiWorld) -> None:
    # Given a trader with a living connection, on the way through the broker's login once more
    token = world.register()
    keys = world.connect(token)
    state = state_of(world.call("GET", "/broker/login", token=token).body["login_url"])
    request_token = world.exchange.issue_request_token(keys.api_key)

    # When an administrator locks the account meanwhile
    world.database.locked[world.user_of(token)] = "a stranger had the password"
    before = world.snapshot()
    answer = come_back(world, JSON, request_token=request_token, state=state)

    # Then nothing comes of it, and the broker is not asked: the session that sells what is held lives on
    assert (answer.status, answer.error) == (403, "ACCOUNT_LOCKED")
    assert world.snapshot() == before
    assert world.exchange.exchange(keys.api_key, keys.api_secret, request_token) is not None


def test_a_deleted_account_is_not_connected_by_a_login_that_began_before(world: ApiWorld) -> None:
    token = world.register()
    keys = world.exchange.open_account()
    state = state_of(connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret).body["login_url"])
    assert world.call("POST", "/account/delete", {"password": "good-old-horse"}, token=token).status == 200

    answer = come_back(world, request_token=world.exchange.issue_request_token(keys.api_key), state=state)

    assert (answer.status, answer.error) == (401, "TOKEN_INVALID")
    assert world.database.broker_accounts == {}


def test_a_login_state_opens_no_account(world: ApiWorld) -> None:
    token = world.register()
    keys = world.exchange.open_account()
    state = state_of(connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret).body["login_url"])

    assert world.call("GET", "/account", token=state).error == "TOKEN_INVALID"


def test_the_connection_is_shown_without_its_secrets(world: ApiWorld) -> None:
    token = world.register()
    keys = world.connect(token)

    answer = world.call("GET", "/broker", token=token)

    assert answer.body == {
        "account_id": str(first_account_of(world.user_of(token))),
        "status": "connected",
        "broker": "kite",
        "broker_user_id": "MEM001",
        "api_key": "****0001",
        "addresses": [],
        "token_at": "2026-11-20T02:30:00Z",
        "token_expires_at": "2026-11-21T00:30:00Z",
        "token_refused_at": None,
        "postback_url": answer.body["postback_url"],
    }
    assert re.fullmatch("https://api[.]example[.]com/api/v1/broker/postback/[0-9a-f-]{36}", answer.body["postback_url"])
    assert keys.api_secret not in str(answer.body)
    assert str(keys.access_token) not in str(answer.body)


def test_secrets_are_stored_sealed(world: ApiWorld) -> None:
    keys = world.connect(world.register())

    (stored,) = world.database.broker_accounts.values()
    assert keys.api_key not in str(stored)
    assert keys.api_secret not in str(stored)
    assert str(keys.access_token) not in str(stored)


def test_a_dead_token_shows_as_login_required(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    world.clock.sleep(timedelta(hours=22).total_seconds())
    token = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-horse"}).body[
        "token"
    ]

    assert world.call("GET", "/broker", token=token).body["status"] == "login_required"


def test_a_token_that_the_broker_refuses_shows_as_login_required_since_when_and_nobody_asks_the_broker(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a trader whose token a worker was refused with, an hour after the login
    token = world.register()
    world.connect(token)
    account = refuse_token_of(world, token)
    monkeypatch.setattr(world.exchange, "authenticate", lambda *_: pytest.fail("the broker was asked"))

    shown = world.call("GET", "/broker", token=token).body
    summary = world.call("GET", "/account", token=token).body["broker"]

    assert (shown["status"], shown["token_refused_at"]) == ("login_required", "2026-11-20T03:30:00Z")
    assert {key: summary[key] for key in ("status", "token_refused_at")} == {
        "status": "login_required",
        "token_refused_at": "2026-11-20T03:30:00Z",
    }

    # and once the broker takes it again, it is connected as before
    MemoryBrokerAccounts(world.database).mark_taken(
        account.user_id, account.account_id, token_at=token_at_of(account), now=world.clock.now()
    )
    shown = world.call("GET", "/broker", token=token).body
    assert (shown["status"], shown["token_refused_at"]) == ("connected", None)


def test_a_new_login_follows_a_token_that_the_broker_refuses(world: ApiWorld) -> None:
    token = world.register()
    keys = world.connect(token)
    refuse_token_of(world, token)

    again = world.exchange.log_in(keys.api_key).access_token
    assert again is not None
    connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret, access_token=again)

    shown = world.call("GET", "/broker", token=token).body
    assert (shown["status"], shown["token_refused_at"]) == ("connected", None)


def test_keys_may_follow_a_token_that_the_broker_refuses_while_strategies_trade(world: ApiWorld) -> None:
    # given a running strategy, the broker's secret renewed, and with that the token of before refused
    token = world.register()
    keys = world.connect(token)
    body = {"api_key": keys.api_key, "api_secret": keys.api_secret}
    assert world.start(token, world.create(token)).status == 200
    assert world.call("POST", "/broker/connect", body, token=token).status == 409

    refuse_token_of(world, token)

    # what is held can be sold by the new keys alone
    assert world.call("POST", "/broker/connect", body, token=token).status == 200


def test_nothing_is_started_with_a_token_that_the_broker_refuses(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    refuse_token_of(world, token)

    answer = world.start(token, strategy_id)

    assert (answer.status, answer.error) == (400, "BROKER_AUTH_FAILED")
    assert "log in at the broker first (GET /broker/login)" in answer.body["message"]


def refuse_token_of(world: ApiWorld, token: str) -> SealedBrokerAccount:
    """An hour later a worker hears from the broker that the user's access token is not good any more."""
    accounts = MemoryBrokerAccounts(world.database)
    account = accounts.find(world.user_of(token))
    assert account is not None
    world.clock.sleep(3600)
    accounts.mark_refused(account.user_id, account.account_id, token_at=token_at_of(account), now=world.clock.now())
    return account


def token_at_of(account: SealedBrokerAccount) -> datetime:
    assert account.token_at is not None
    return account.token_at


def test_without_a_connection_there_is_nothing_to_log_in_to(world: ApiWorld) -> None:
    token = world.register()

    assert world.call("GET", "/broker", token=token).body["status"] == "not_connected"
    answer = world.call("GET", "/broker/login", token=token)
    assert (answer.status, answer.error) == (400, "BROKER_AUTH_FAILED")


def test_a_connection_can_be_forgotten(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)

    assert world.call("DELETE", "/broker", token=token).body["status"] == "not_connected"
    assert world.call("DELETE", "/broker", token=token).status == 200
    assert world.database.broker_accounts == {}


def test_a_connection_cannot_be_forgotten_under_a_running_strategy(world: ApiWorld) -> None:
    token, _ = world.running_trader()
    before = world.snapshot()

    answer = world.call("DELETE", "/broker", token=token)

    assert (answer.status, answer.error) == (409, "CONFLICT")
    assert world.snapshot() == before


@pytest.mark.parametrize("is_deleted", [False, True])
def test_an_order_that_may_still_surface_keeps_the_broker_account_until_its_day_ends(
    world: ApiWorld, is_deleted: bool
) -> None:
    # Given a day that is over by our record, of whose buy the book has proven that it was never placed
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    cycle = world.hold(strategy_id, CycleState.FLAT)
    absent = replace(cycle, intents=(make_intent(cycle, state=IntentState.NOT_PLACED),))
    world.database.cycles[cycle.strategy_id, cycle.trading_day] = absent
    if is_deleted:
        assert world.call("DELETE", f"/strategy/{strategy_id}", token=token).status == 200
    before = world.snapshot()

    # When its owner gives the connection up, or takes another account
    other = world.exchange.open_account()
    forgotten = world.call("DELETE", "/broker", token=token)
    swapped = connect(
        world, token, api_key=other.api_key, api_secret=other.api_secret, access_token=str(other.access_token)
    )

    # Then it stays: what surfaces late could not be sold any more
    assert [(each.status, each.error) for each in (forgotten, swapped)] == [
        (409, "CONFLICT"),
        (409, "BROKER_ACCOUNT_DIFFERS"),
    ]
    assert world.snapshot() == before


def test_an_order_that_was_looked_for_until_its_day_ended_keeps_nothing(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    cycle = world.hold(world.create(token), CycleState.FLAT, day=TODAY - timedelta(days=1))
    absent = replace(cycle, intents=(make_intent(cycle, state=IntentState.NOT_PLACED),))
    world.database.cycles[cycle.strategy_id, cycle.trading_day] = absent

    assert world.call("DELETE", "/broker", token=token).status == 200


def test_a_late_order_of_a_deleted_strategy_keeps_the_broker_account_that_holds_it(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    strategy_id = world.create(token)
    assert world.call("DELETE", f"/strategy/{strategy_id}", token=token).status == 200
    world.hold(strategy_id, CycleState.LONG)

    answer = world.call("DELETE", "/broker", token=token)

    assert (answer.status, answer.error) == (409, "CONFLICT")


def test_a_position_keeps_the_broker_account_that_holds_it(world: ApiWorld) -> None:
    # Given a stopped strategy whose position is still being sold
    token, strategy_id = world.running_trader()
    world.stop(token, strategy_id)
    world.hold(strategy_id, CycleState.EXITING)
    before = world.snapshot()

    # When the trader connects another broker account
    other = world.exchange.open_account()
    answer = connect(
        world,
        token,
        api_key=other.api_key,
        api_secret=other.api_secret,
        access_token=str(other.access_token),
    )

    # Then the one that holds the position stays
    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_DIFFERS")
    assert "MEM001" in answer.body["message"]
    assert world.snapshot() == before


def lose_login(world: ApiWorld, token: str) -> None:
    """As migration 0019 takes it from one of two users who held one broker account."""
    user_id = world.user_of(token)
    world.database.broker_accounts[first_account_of(user_id)] = replace(
        world.database.broker_accounts[first_account_of(user_id)],
        access_token=None,
        broker_user_id=None,
        status=ConnectionStatus.LOGIN_REQUIRED,
    )


def log_in_to(world: ApiWorld, token: str, keys: BrokerCredentials) -> Answer:
    """The keys of an account, and the broker's login."""
    state = state_of(connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret).body["login_url"])
    return come_back(world, JSON, request_token=world.exchange.issue_request_token(keys.api_key), state=state)


def test_a_position_keeps_its_broker_account_when_the_connection_does_not_name_it_any_more(world: ApiWorld) -> None:
    # Given a position, whose owner was logged out of the broker account in which it stands
    token = world.register()
    keys = world.connect(token)
    world.hold(world.create(token), CycleState.LONG)
    lose_login(world, token)

    # When another is connected: by its token, or by the broker's login
    other = world.exchange.open_account()
    by_token = connect(
        world, token, api_key=other.api_key, api_secret=other.api_secret, access_token=str(other.access_token)
    )
    by_login = log_in_to(world, token, other)

    # Then neither is: the position could not be sold through it; the one that holds it is taken
    assert [(each.status, each.error) for each in (by_token, by_login)] == [(409, "BROKER_ACCOUNT_DIFFERS")] * 2
    assert "MEM001" in by_token.body["message"]
    assert world.call("GET", "/broker", token=token).body["status"] == "login_required"
    assert log_in_to(world, token, keys).body["broker_user_id"] == "MEM001"


def test_whoever_holds_nothing_any_more_may_connect_another_broker_account(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    world.hold(world.create(token), CycleState.FLAT)
    lose_login(world, token)

    assert log_in_to(world, token, world.exchange.open_account()).body["broker_user_id"] not in {None, "MEM001"}


def test_a_position_of_which_nothing_tells_where_it_stands_can_be_sold_and_is_told_of(
    world: ApiWorld, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a position, and a trail that was lost
    token = world.register()
    world.hold(world.create(token), CycleState.LONG)
    world.database.audit.clear()

    # When its owner connects a broker account
    answer = log_in_to(world, token, world.exchange.open_account())

    # Then it is taken: by none at all nothing could ever be sold
    assert answer.body["broker_user_id"] == "MEM001"
    assert "nothing tells in which broker account cycles stand" in caplog.text


def test_the_daily_login_goes_on_under_running_strategies(world: ApiWorld) -> None:
    # Given a running strategy and a broker token that died at six in the morning
    token = world.register()
    keys = world.connect(token)
    world.start(token, world.create(token))
    world.clock.sleep(timedelta(hours=23).total_seconds())
    token = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": "good-old-horse"}).body[
        "token"
    ]

    # When the trader logs in again
    login_url = world.call("GET", "/broker/login", token=token).body["login_url"]
    request_token = world.exchange.issue_request_token(keys.api_key)
    answer = come_back(world, JSON, request_token=request_token, state=state_of(login_url))

    # Then the same account is connected again
    assert (answer.status, answer.body["broker_user_id"]) == (200, "MEM001")


def test_a_living_connection_is_not_given_up_under_a_running_strategy(world: ApiWorld) -> None:
    token, _ = world.running_trader()
    before = world.snapshot()

    answer = connect(world, token, api_key="another", api_secret="pair-of-keys")

    assert (answer.status, answer.error) == (409, "CONFLICT")
    assert world.snapshot() == before


def bound(world: ApiWorld) -> ApiWorld:
    """One pair of addresses, for whoever comes first."""
    world.is_bound = True
    world.database.deploy_routes([DeployedRoute(name="pair", addresses=("13.200.0.1", "13.200.0.2"))])
    return world


def connect_validated(world: ApiWorld, token: str) -> Answer:
    keys = world.exchange.open_account()
    return connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret, access_token=str(keys.access_token))


def test_the_addresses_to_register_are_answered_once_the_broker_has_vouched_for_the_account(world: ApiWorld) -> None:
    token = bound(world).register()

    made = connect_validated(world, token)

    assert made.body["addresses"] == ["13.200.0.1", "13.200.0.2"]
    assert world.call("GET", "/broker", token=token).body["addresses"] == ["13.200.0.1", "13.200.0.2"]


def test_made_up_keys_take_no_addresses_away_from_anybody(world: ApiWorld) -> None:
    stranger, owner = bound(world).register("stranger@example.com"), world.register()

    made_up = connect(world, stranger, api_key="nobodys", api_secret="nobodys")

    assert (made_up.status, made_up.body["addresses"]) == (200, [])
    assert connect_validated(world, owner).body["addresses"] == ["13.200.0.1", "13.200.0.2"]


def test_an_account_that_carries_prices_takes_none_either(world: ApiWorld) -> None:
    feed, owner = bound(world).register("feed@example.com"), world.register()

    assert connect_validated(world, feed).body["addresses"] == []
    assert connect_validated(world, owner).body["addresses"] != []


def test_where_none_are_left_an_account_is_connected_all_the_same_since_it_may_have_to_sell(world: ApiWorld) -> None:
    first, second = bound(world).register(), world.register("other@example.com")
    connect_validated(world, first)

    made = connect_validated(world, second)

    assert (made.status, made.body["status"], made.body["addresses"]) == (200, "connected", [])
    assert world.call("GET", "/broker", token=second).body["status"] == "connected"


def test_where_orders_are_taken_from_anywhere_there_is_nothing_to_register(world: ApiWorld) -> None:
    made = world.call("POST", "/broker/connect", {"api_key": "key", "api_secret": "secret"}, token=world.register())

    assert made.body["addresses"] == []


def test_a_login_that_was_ended_connects_nothing_by_a_broker_login_that_it_began(world: ApiWorld) -> None:
    # Given a stranger with a stolen token, who has asked where to log in to the broker
    token = world.register()
    keys = world.exchange.open_account()
    state = state_of(connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret).body["login_url"])
    request_token = world.exchange.issue_request_token(keys.api_key)

    # When the owner ends every login, and the stranger's browser comes back with a broker account of the stranger's
    assert world.call("DELETE", "/auth/devices", token=token).status == 200
    answer = come_back(world, request_token=request_token, state=state)

    # Then nothing is connected
    assert (answer.status, answer.error) == (401, "TOKEN_INVALID")


def woken(world: ApiWorld) -> list[tuple[Lane, OrderEvent, str, str]]:
    """What executors were asked for by logins."""
    asked = [(lane, command) for lane, command in world.queue.sent if command.cause == "login"]
    return [(lane, command.event, str(command.strategy_id), str(command.trading_day)) for lane, command in asked]


def test_a_login_wakes_what_its_account_has_open_today(world: ApiWorld) -> None:
    # Given a position, one that is over, one of yesterday, and one in another account of the same trader
    token = world.register()
    keys = world.connect(token)
    other = world.open_account(token)
    world.connect(token, other)
    held, over, elsewhere = (world.create(token) for _ in range(3))
    world.hold(held, CycleState.EXITING)
    world.hold(over, CycleState.FLAT)
    world.hold(held, CycleState.LONG, day=TODAY - timedelta(days=1))
    cycle = world.hold(elsewhere, CycleState.LONG)
    world.database.cycles[cycle.strategy_id, TODAY] = replace(cycle, account_id=UUID(other))
    expected = (Lane.PRIORITY, OrderEvent.RECONCILE, held, str(TODAY))
    assert woken(world) == []

    # When its owner logs in to the broker, and once more within the time in which queues drop repetitions
    for count in (1, 2):
        world.clock.sleep(30)
        login_url = world.call("GET", "/broker/login", token=token).body["login_url"]
        request_token = world.exchange.issue_request_token(keys.api_key)
        assert come_back(world, JSON, request_token=request_token, state=state_of(login_url)).status == 200

        # Then executors are asked to look after the one, each time
        assert woken(world) == [expected] * count

    # And so they are by a token that is sent with its keys
    world.clock.sleep(30)
    fresh = str(world.exchange.log_in(keys.api_key).access_token)
    connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret, access_token=fresh)
    assert woken(world) == [expected] * 3


def test_keys_alone_wake_nothing(world: ApiWorld) -> None:
    token = world.register()
    world.hold(world.create(token), CycleState.LONG)
    keys = world.exchange.open_account()

    assert connect(world, token, api_key=keys.api_key, api_secret=keys.api_secret).status == 200

    assert woken(world) == []


def test_a_login_that_wakes_nobody_is_a_login_all_the_same(world: ApiWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    token = world.register()
    world.hold(world.create(token), CycleState.LONG)
    keys = world.exchange.open_account()

    def fail(*_: object) -> None:
        raise ConnectionError("away")

    monkeypatch.setattr(world.queue, "send", fail)

    answer = connect(
        world, token, api_key=keys.api_key, api_secret=keys.api_secret, access_token=str(keys.access_token)
    )

    assert answer.status == 200
    assert world.call("GET", "/broker", token=token).body["status"] == "connected"
    assert world.meter.counts["PublishFailed"] == 1
