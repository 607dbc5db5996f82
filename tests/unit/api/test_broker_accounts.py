"""A user's broker accounts: opened, named, chosen, removed, and each connected by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.contracts.api_access import ACCESS
from algotrading.domain.accounts import first_account_of
from algotrading.domain.audit import AuditKind
from algotrading.domain.cycle import CycleState, IntentState
from algotrading.domain.named_accounts import MOST_ACCOUNTS
from algotrading.domain.orders import AccountBook
from algotrading.domain.roles import Role
from algotrading.ports import BookSnapshot
from tests.fakes.examples import make_intent
from tests.fakes.snapshots import MemorySnapshots
from tests.unit.api.test_broker import JSON, come_back, state_of
from tests.unit.api.world import TODAY, Answer, ApiWorld


def accounts(world: ApiWorld, token: str) -> list[dict[str, Any]]:
    """What the trader is shown of them."""
    answer = world.call("GET", "/broker/accounts", token=token)
    assert answer.status == 200, answer.body
    listed: list[dict[str, Any]] = answer.body["accounts"]
    return listed


def open_account(world: ApiWorld, token: str, name: str = "HUF", **more: Any) -> Answer:
    world.clock.sleep(1)
    return world.call("POST", "/broker/accounts", {"name": name}, token=token, **more)


def change(world: ApiWorld, token: str, account_id: str, **body: Any) -> Answer:
    return world.call("PUT", f"/broker/accounts/{account_id}", body, token=token)


def remove(world: ApiWorld, token: str, account_id: str) -> Answer:
    return world.call("DELETE", f"/broker/accounts/{account_id}", token=token)


def first_of(world: ApiWorld, token: str) -> str:
    return str(first_account_of(world.user_of(token)))


def kinds(world: ApiWorld) -> list[AuditKind]:
    """What was written down about broker accounts, in order."""
    wanted = {kind for kind in AuditKind if kind.startswith("broker_")}
    return [entry.kind for entry in world.database.audit if entry.kind in wanted]


def bind(world: ApiWorld, strategy_id: str, account_id: str) -> None:
    """Let the strategy trade in that account."""
    key = UUID(strategy_id)
    world.database.strategies[key] = replace(world.database.strategies[key], account_id=UUID(account_id))


# --- which there are --------------------------------------------------------------------------------


def test_everybody_has_a_first_account_that_is_the_default(world: ApiWorld) -> None:
    token = world.register()

    [only] = accounts(world, token)

    assert {**only, "created_at": None, "etag": None} == {
        "account_id": first_of(world, token),
        "name": "Main account",
        "is_default": True,
        "etag": None,
        "strategies": 0,
        "created_at": None,
        "connection": None,
    }


def test_an_account_is_opened_and_waits_for_a_broker(world: ApiWorld) -> None:
    token = world.register()

    answer = open_account(world, token, "  HUF ")

    assert answer.status == 201
    assert (answer.body["name"], answer.body["is_default"], answer.body["connection"]) == ("HUF", False, None)
    assert accounts(world, token)[1] == answer.body
    assert kinds(world) == [AuditKind.BROKER_ACCOUNT_OPENED]
    (entry,) = [e for e in world.database.audit if e.kind is AuditKind.BROKER_ACCOUNT_OPENED]
    assert entry.data == {"account_id": UUID(answer.body["account_id"]), "is_default": False}


def test_each_is_shown_with_its_own_connection_and_strategies(world: ApiWorld) -> None:
    token = world.register()
    world.connect(token)
    world.create(token)
    second = world.open_account(token)
    world.connect(token, second)
    for symbol in ("TCS", "INFY"):
        bind(world, world.create(token, symbol=symbol), second)

    shown = accounts(world, token)

    assert [(each["strategies"], each["connection"]["broker_user_id"]) for each in shown] == [
        (1, "MEM001"),
        (2, "MEM003"),
    ]
    assert shown[0]["connection"] == world.call("GET", "/broker", token=token).body
    query = {"account_id": second}
    assert shown[1]["connection"] == world.call("GET", "/broker", token=token, query=query).body
    assert len({each["connection"]["postback_url"] for each in shown}) == 2


def test_there_are_five_at_the_most(world: ApiWorld) -> None:
    token = world.register()
    for number in range(MOST_ACCOUNTS - 1):
        assert open_account(world, token, f"family {number}").status == 201
    before = world.snapshot()

    answer = open_account(world, token, "one too many")

    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNTS_FULL")
    assert world.snapshot() == before
    # One that is removed makes room.
    assert remove(world, token, accounts(world, token)[-1]["account_id"]).status == 200
    assert open_account(world, token, "one too many").status == 201


def test_two_are_not_called_the_same(world: ApiWorld) -> None:
    token = world.register()
    second = world.open_account(token)
    before = world.snapshot()

    refused = [
        open_account(world, token, "huf"),
        open_account(world, token, "MAIN ACCOUNT"),
        change(world, token, second, name="Main account"),
    ]

    assert [(each.status, each.error, each.fields) for each in refused] == [(409, "CONFLICT", ["name"])] * 3
    assert world.snapshot() == before
    assert change(world, token, second, name="Huf").body["name"] == "Huf", "its own name, in other letters"


@pytest.mark.parametrize(
    ("taken", "name"),
    [
        ("R\u00e9na", "Re\u0301na"),
        ("Re\u0301na", "R\u00c9NA"),
        ("HUF", "\uff28\uff35\uff26"),
        ("HUF", "HUF\ufe0f"),
        ("HUF", "\u3164HUF"),
        ("Stra\u00dfe", "STRASSE"),
        ("of the family", "of  the family"),
        ("\u1100\u1161", "\uac00"),
    ],
)
def test_two_are_not_called_what_reads_the_same(world: ApiWorld, taken: str, name: str) -> None:
    token = world.register()
    assert open_account(world, token, taken).status == 201
    second, before = world.open_account(token, "another"), world.snapshot()

    refused = [open_account(world, token, name), change(world, token, second, name=name)]

    assert [(each.status, each.error, each.fields) for each in refused] == [(409, "CONFLICT", ["name"])] * 2
    assert world.snapshot() == before


def test_a_name_is_measured_and_kept_in_its_composed_form(world: ApiWorld) -> None:
    answer = open_account(world, world.register(), "e\u0301" * 40)

    assert (answer.status, answer.body["name"]) == (201, "\u00e9" * 40)


@pytest.mark.parametrize("name", ["\u0397UF", "HU\u0424", "\u041d\u03a5", "\u1fecena A"])
def test_a_name_does_not_mix_alphabets_that_look_alike(world: ApiWorld, name: str) -> None:
    token = world.register()
    second, before = world.open_account(token), world.snapshot()

    refused = [open_account(world, token, name), change(world, token, second, name=name)]

    assert [(each.status, each.error, each.fields) for each in refused] == [(400, "REQUEST_INVALID", ["name"])] * 2
    assert world.snapshot() == before


@pytest.mark.parametrize(
    "name",
    [
        "\u092a\u0930\u093f\u0935\u093e\u0930 HUF",
        "\u03a1\u03ad\u03bd\u03b1 2",
        "\u041d\u0438\u043d\u0430",
        "\u5bb6\u65cf ABC",
    ],
)
def test_a_name_may_be_of_any_alphabet(world: ApiWorld, name: str) -> None:
    answer = open_account(world, world.register(), name)

    assert (answer.status, answer.body["name"]) == (201, name)


@pytest.mark.parametrize("name", ["", "   ", "x" * 41, "two\nlines", "nul\x00", None, 5])
def test_a_name_is_one_short_line(world: ApiWorld, name: object) -> None:
    token = world.register()
    second, before = world.open_account(token), world.snapshot()

    answers = [
        world.call("POST", "/broker/accounts", {"name": name}, token=token),
        world.call("PUT", f"/broker/accounts/{second}", {"name": name}, token=token),
    ]

    assert [(each.status, each.error, each.fields) for each in answers] == [(400, "REQUEST_INVALID", ["name"])] * 2
    assert world.snapshot() == before


def test_where_it_is_real_money_an_account_is_opened_with_a_safe_login_only(world: ApiWorld) -> None:
    token = world.register_as_before()
    before = world.snapshot()
    world.needs_second_factor = world.needs_verified_email = True

    unverified = open_account(world, token)
    user_id = world.user_of(token)
    user, hashed = world.database.users[user_id]
    world.database.users[user_id] = (replace(user, email_verified_at=world.clock.now()), hashed)
    without_factor = open_account(world, token)
    world.database.users[user_id] = (user, hashed)

    assert (unverified.status, unverified.error) == (403, "EMAIL_UNVERIFIED")
    assert (without_factor.status, without_factor.error) == (403, "SECOND_FACTOR_REQUIRED")
    assert world.snapshot() == before


def test_a_repetition_under_its_key_opens_nothing_more(world: ApiWorld) -> None:
    token = world.register()
    key = {"Idempotency-Key": "open-1"}

    first, again = open_account(world, token, headers=key), open_account(world, token, headers=key)

    assert (again.status, again.body, again.headers["Idempotency-Replayed"]) == (201, first.body, "true")
    assert len(accounts(world, token)) == 2


# --- names, and the default -------------------------------------------------------------------------


def test_an_account_is_renamed(world: ApiWorld) -> None:
    token = world.register()

    answer = change(world, token, first_of(world, token), name="My own")

    assert (answer.status, answer.body["name"], answer.body["is_default"]) == (200, "My own", True)
    assert accounts(world, token) == [answer.body]
    assert kinds(world) == [AuditKind.BROKER_ACCOUNT_CHANGED]


def test_another_is_made_the_default_and_no_strategy_moves(world: ApiWorld) -> None:
    token = world.register()
    strategy_id, second = world.create(token), world.open_account(token)

    answer = change(world, token, second, is_default=True)

    assert (answer.status, answer.body["is_default"]) == (200, True)
    assert [each["is_default"] for each in accounts(world, token)] == [False, True]
    assert str(world.database.strategies[UUID(strategy_id)].account_id) == first_of(world, token)


def test_who_names_no_account_means_the_default(world: ApiWorld) -> None:
    # given an older connection, and another account that is the default now
    token = world.register()
    world.connect(token)
    second = world.open_account(token)
    change(world, token, second, is_default=True)

    # when keys are sent as clients of before send them
    assert world.call("GET", "/broker", token=token).body["status"] == "not_connected"
    world.connect(token)

    assert [each["connection"]["broker_user_id"] for each in accounts(world, token)] == ["MEM001", "MEM003"]
    assert world.call("DELETE", "/broker", token=token).body["account_id"] == second
    assert [each["connection"] is None for each in accounts(world, token)] == [False, True]


def test_what_changes_nothing_is_not_on_record(world: ApiWorld) -> None:
    token = world.register()

    answer = change(world, token, first_of(world, token), name="Main account", is_default=True)

    assert answer.status == 200
    assert kinds(world) == []


@pytest.mark.parametrize(
    "body", [{"is_default": False}, {"is_default": None}, {"is_default": "yes"}, {"is_default": 1}]
)
def test_the_default_is_chosen_and_never_given_up(world: ApiWorld, body: dict[str, Any]) -> None:
    token = world.register()

    answer = change(world, token, first_of(world, token), **body)

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")
    assert [each["is_default"] for each in accounts(world, token)] == [True]


# --- removing ---------------------------------------------------------------------------------------


def test_an_account_is_removed_with_its_keys(world: ApiWorld) -> None:
    token = world.register()
    second = world.open_account(token)
    world.connect(token, second)

    answer = remove(world, token, second)

    assert (answer.status, answer.body) == (200, {"account_id": second, "status": "removed"})
    assert [each["name"] for each in accounts(world, token)] == ["Main account"]
    assert world.database.broker_accounts == {}
    assert kinds(world)[-2:] == [AuditKind.BROKER_DISCONNECTED, AuditKind.BROKER_ACCOUNT_REMOVED]
    # And it is not there for anything any more.
    assert (remove(world, token, second).status, change(world, token, second, name="x").status) == (404, 404)
    assert world.call("GET", "/broker", token=token, query={"account_id": second}).status == 404


def test_the_default_is_not_removed(world: ApiWorld) -> None:
    token = world.register()
    first, second = first_of(world, token), world.open_account(token)
    before = world.snapshot()

    answer = remove(world, token, first)

    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_IS_DEFAULT")
    assert world.snapshot() == before
    # Once another is, the first one goes like any.
    change(world, token, second, is_default=True)
    assert remove(world, token, first).status == 200
    assert [each["account_id"] for each in accounts(world, token)] == [second]


def test_an_account_with_a_strategy_is_not_removed(world: ApiWorld) -> None:
    token = world.register()
    second, strategy_id = world.open_account(token), world.create(token)
    bind(world, strategy_id, second)
    before = world.snapshot()

    answer = remove(world, token, second)

    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_IN_USE")
    assert world.snapshot() == before
    assert world.call("DELETE", f"/strategy/{strategy_id}", token=token).status == 200
    assert remove(world, token, second).status == 200


@pytest.mark.parametrize("state", [CycleState.ENTERING, CycleState.LONG, CycleState.EXITING])
def test_an_account_with_an_unsettled_cycle_is_not_removed(world: ApiWorld, state: CycleState) -> None:
    # given a position whose strategy is deleted, as a late order leaves it
    token = world.register()
    second, strategy_id = world.open_account(token), world.create(token)
    bind(world, strategy_id, second)
    assert world.call("DELETE", f"/strategy/{strategy_id}", token=token).status == 200
    world.hold(strategy_id, state)
    before = world.snapshot()

    answer = remove(world, token, second)

    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_IN_USE")
    assert world.snapshot() == before


def test_an_account_in_which_an_order_may_still_surface_is_not_removed_that_day(world: ApiWorld) -> None:
    token = world.register()
    second, strategy_id = world.open_account(token), world.create(token)
    bind(world, strategy_id, second)
    cycle = world.hold(strategy_id, CycleState.FLAT)
    absent = replace(cycle, intents=(make_intent(cycle, state=IntentState.NOT_PLACED),))
    world.database.cycles[cycle.strategy_id, cycle.trading_day] = absent
    assert world.call("DELETE", f"/strategy/{strategy_id}", token=token).status == 200

    answer = remove(world, token, second)
    world.clock.sleep(timedelta(days=1).total_seconds())
    (user_id,) = world.database.users

    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_IN_USE")
    assert remove(world, world.token_for(user_id), second).status == 200


# --- one connection to each -------------------------------------------------------------------------


def test_the_brokers_login_comes_back_to_the_account_it_was_begun_for(world: ApiWorld) -> None:
    # given a login at the broker that was begun for the second account, whose owner makes it the default meanwhile
    token = world.register()
    world.connect(token)
    second = world.open_account(token)
    keys = world.exchange.open_account()
    body = {"api_key": keys.api_key, "api_secret": keys.api_secret, "account_id": second}
    connecting = world.call("POST", "/broker/connect", body, token=token)
    again = world.call("GET", "/broker/login", token=token, query={"account_id": second})
    change(world, token, second, is_default=True)
    change(world, token, first_of(world, token), is_default=True)

    # when each of its addresses comes back
    for login_url in (connecting.body["login_url"], again.body["login_url"]):
        request_token = world.exchange.issue_request_token(keys.api_key)
        answer = come_back(world, JSON, request_token=request_token, state=state_of(login_url))
        assert (answer.status, answer.body["account_id"], answer.body["broker_user_id"]) == (200, second, "MEM003")

    assert connecting.body["account_id"] == second
    assert [each["connection"]["broker_user_id"] for each in accounts(world, token)] == ["MEM001", "MEM003"]


def test_a_login_that_the_version_before_began_is_the_defaults(world: ApiWorld) -> None:
    token = world.register()
    keys = world.exchange.open_account()
    body = {"api_key": keys.api_key, "api_secret": keys.api_secret}
    world.call("POST", "/broker/connect", body, token=token)
    state = world.token_for(world.user_of(token), audience="broker-login")

    answer = come_back(world, JSON, request_token=world.exchange.issue_request_token(keys.api_key), state=state)

    assert (answer.status, answer.body["account_id"]) == (200, first_of(world, token))


def test_a_login_that_comes_back_after_its_account_was_removed_connects_nothing(world: ApiWorld) -> None:
    token = world.register()
    second = world.open_account(token)
    keys = world.exchange.open_account()
    body = {"api_key": keys.api_key, "api_secret": keys.api_secret, "account_id": second}
    state = state_of(world.call("POST", "/broker/connect", body, token=token).body["login_url"])
    assert remove(world, token, second).status == 200

    answer = come_back(world, JSON, request_token=world.exchange.issue_request_token(keys.api_key), state=state)

    assert (answer.status, answer.error) == (404, "NOT_FOUND")
    assert world.database.broker_accounts == {}


def test_one_brokers_account_is_not_connected_in_two_of_a_users(world: ApiWorld) -> None:
    token = world.register()
    keys, second = world.connect(token), world.open_account(token)
    body = {"api_key": keys.api_key, "api_secret": keys.api_secret, "access_token": keys.access_token}
    before = world.snapshot()

    answer = world.call("POST", "/broker/connect", {**body, "account_id": second}, token=token)

    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_TAKEN")
    assert world.snapshot() == before


def test_a_key_of_another_account_of_ones_own_is_refused_before_the_login(world: ApiWorld) -> None:
    token = world.register()
    keys, second = world.connect(token), world.open_account(token)
    body = {"api_key": keys.api_key, "api_secret": keys.api_secret}
    before = world.snapshot()

    answer = world.call("POST", "/broker/connect", {**body, "account_id": second}, token=token)

    # Then nobody is sent to the broker, whose new session would end the first account's; and no other user is named
    assert (answer.status, answer.error) == (409, "BROKER_ACCOUNT_TAKEN")
    assert "your other broker accounts" in answer.body["message"]
    assert "user" not in answer.body["message"]
    assert world.snapshot() == before
    # In its own account the key is asked for a login as before
    first = world.call("POST", "/broker/connect", body, token=token)
    assert first.status == 200


def test_what_trades_in_one_account_leaves_the_other_free(world: ApiWorld) -> None:
    # given a running strategy with a position in the first account
    token, strategy_id = world.running_trader()
    world.hold(strategy_id, CycleState.LONG)
    second = world.open_account(token)
    world.connect(token, second)

    # when the second is connected anew, to another broker's account, and given up
    world.connect(token, second)
    given_up = world.call("DELETE", "/broker", token=token, query={"account_id": second})

    # then nothing stands in the way there, and everything in the first
    assert (given_up.status, given_up.body["status"]) == (200, "not_connected")
    refused = world.call("DELETE", "/broker", token=token)
    assert (refused.status, refused.error) == (409, "CONFLICT")


def test_what_trades_in_the_second_account_keeps_it(world: ApiWorld) -> None:
    # given a running strategy in the second account, and one with a position
    token = world.register()
    world.connect(token)
    second = world.open_account(token)
    keys = world.connect(token, second)
    strategy_id = world.create(token)
    bind(world, strategy_id, second)
    assert world.start(token, strategy_id).status == 200
    before = world.snapshot()
    other = world.exchange.open_account()
    body = {"account_id": second, "api_key": other.api_key, "api_secret": other.api_secret}

    refused = [
        world.call("DELETE", "/broker", token=token, query={"account_id": second}),
        world.call("POST", "/broker/connect", body, token=token),
        world.call("POST", "/broker/connect", {**body, "access_token": other.access_token}, token=token),
    ]

    assert [each.error for each in refused] == ["CONFLICT", "CONFLICT", "BROKER_ACCOUNT_DIFFERS"]
    assert keys.api_key[-4:] in str(accounts(world, token)[1]["connection"]["api_key"])
    assert world.snapshot() == before
    assert world.call("DELETE", "/broker", token=token).status == 200


def test_the_users_second_account_places_orders_where_the_first_carries_prices(world: ApiWorld) -> None:
    token = world.register("feed@example.com")
    world.connect(token)
    second = world.open_account(token)
    world.connect(token, second)

    stored = world.database.broker_accounts

    first = UUID(first_of(world, token))
    assert (stored[first].places_orders, stored[UUID(second)].places_orders) == (False, True)


def test_each_account_has_a_book_of_its_own(world: ApiWorld) -> None:
    token = world.register()
    user_id, second = world.user_of(token), UUID(world.open_account(token))
    snapshots, day = MemorySnapshots(world.database), TODAY - timedelta(days=1)
    taken = world.clock.now() - timedelta(days=1)
    snapshots.add(BookSnapshot(user_id, second, day, AccountBook(taken, (), (), ())))

    def read(**query: str) -> Answer:
        return world.call("GET", "/broker/book", token=token, query={"day": day.isoformat(), **query})

    assert read(account_id=str(second)).status == 200
    assert (read().status, read(account_id=str(uuid4())).status) == (404, 404)
    # It is read still when its account is gone.
    assert remove(world, token, str(second)).status == 200
    assert read(account_id=str(second)).status == 200


# --- as whom ---------------------------------------------------------------------------------------


def test_broker_accounts_are_their_owners_alone() -> None:
    rows = {key: access for key, access in ACCESS.items() if "/broker/accounts" in key}

    assert len(rows) == 4
    assert all(access.roles == {Role.TRADER} and access.scope is None for access in rows.values())
    assert [key for key, access in rows.items() if access.needs_fresh_code] == ["POST /api/v1/broker/accounts"]


# --- of another user --------------------------------------------------------------------------------

NAMING = [
    ("GET", "/broker", None),
    ("DELETE", "/broker", None),
    ("GET", "/broker/login", None),
    ("GET", "/broker/book", None),
    ("POST", "/broker/connect", {"api_key": "key00001", "api_secret": "secret00001"}),
    ("POST", "/broker/connect", {"api_key": "key00001", "api_secret": "secret00001", "access_token": "token00001"}),
]
"""Requests that may name an account."""


@pytest.mark.parametrize(("method", "path", "body"), NAMING)
def test_an_account_of_another_user_is_none(
    world: ApiWorld, method: str, path: str, body: dict[str, str] | None
) -> None:
    owner, stranger = world.register(), world.register("stranger@example.com")
    world.connect(owner)
    world.connect(owner, second := world.open_account(owner))
    before = world.snapshot()

    def naming(account_id: str) -> Answer:
        named = {"account_id": account_id}
        if body is None:
            return world.call(method, path, token=stranger, query=named)
        return world.call(method, path, {**body, **named}, token=stranger)

    for theirs in (second, first_of(world, owner)):
        answer = naming(theirs)
        nobodys = naming(str(uuid4()))
        assert (answer.status, answer.error) == (404, "NOT_FOUND")
        assert answer.body == nobodys.body
    assert world.snapshot() == before


@pytest.mark.parametrize(("method", "path", "body"), NAMING)
def test_what_is_no_account_id_is_named(world: ApiWorld, method: str, path: str, body: dict[str, str] | None) -> None:
    token, named = world.register(), {"account_id": "mine"}

    answer = (
        world.call(method, path, token=token, query=named)
        if body is None
        else world.call(method, path, {**body, **named}, token=token)
    )

    assert (answer.status, answer.error, answer.fields) == (400, "REQUEST_INVALID", ["account_id"])
