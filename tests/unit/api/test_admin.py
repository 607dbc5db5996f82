"""What the deployment's staff may do: look, lock, raise, stop everybody; each with a code, each on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from algotrading.contracts.api_routes import API_ROUTES
from algotrading.domain.accounts import first_account_of
from algotrading.domain.administration import QueueDepth
from algotrading.domain.audit import DEPLOYMENT, AuditKind
from algotrading.domain.roles import Role
from algotrading.domain.second_factor import STEP_SECONDS
from algotrading.services.kill_switch import SETTLING
from tests.unit.api.test_second_factor import begin, shown, wait_a_step
from tests.unit.api.world import PASSWORD, Answer, ApiWorld

BOSS = {"email": "boss@example.com", "password": "good-old-horse"}
DEEDS: dict[str, dict[str, Any]] = {
    "/admin/users/{id}/lock": {"reason": "a phone was stolen"},
    "/admin/users/{id}/unlock": {},
    "/admin/users/{id}/roles": {"role": "support"},
    "/admin/users/{id}/roles/withdraw": {"role": "support"},
    "/admin/kill": {"reason": "exchange trouble"},
    "/admin/release": {},
}


class Boss:
    """An administrator with a phone."""

    def __init__(self, world: ApiWorld) -> None:
        self.world = world
        token = world.register(BOSS["email"])
        self.user_id = world.user_of(token)
        self.secret = str(begin(world, token).body["secret"])
        world.call("POST", "/auth/second-factor/confirm", {"code": shown(world, self.secret)}, token=token)
        world.database.roles[self.user_id] = {Role.ADMIN}
        wait_a_step(world)
        self.token = str(world.call("POST", "/auth/login", {**BOSS, "code": self.code()}).body["token"])
        wait_a_step(world)

    def code(self) -> str:
        """What the phone shows."""
        return shown(self.world, self.secret)

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """A request of his."""
        return self.world.call(method, path, body, token=self.token, **more)

    def do(self, path: str, **body: Any) -> Answer:
        """A deed of his, with a fresh code."""
        answer = self.ask("POST", path, {**body, "code": self.code()})
        wait_a_step(self.world)
        return answer


@pytest.fixture
def boss(world: ApiWorld) -> Boss:
    return Boss(world)


def kinds(world: ApiWorld, user_id: UUID) -> Sequence[str]:
    return [entry.kind for entry in world.database.audit if entry.user_id == user_id]


# --- who ----------------------------------------------------------------------------------------------


def test_a_login_without_a_second_factor_opens_no_door_of_the_staff(world: ApiWorld) -> None:
    # Given a role that was granted while a login without a code goes on
    token = world.register()
    world.employ(world.user_of(token), Role.ADMIN)

    answer = world.call("GET", "/admin/users", token=token)

    assert (answer.status, answer.error) == (403, "SECOND_FACTOR_REQUIRED")


def test_what_a_login_showed_is_kept_through_its_refreshes(world: ApiWorld, boss: Boss) -> None:
    login = world.call("POST", "/auth/login", {**BOSS, "code": boss.code()}).body

    answer = world.call("POST", "/auth/refresh", {"refresh_token": login["refresh_token"]})

    assert world.call("GET", "/admin/users", token=answer.body["token"]).status == 200


@pytest.mark.parametrize("path", DEEDS)
@pytest.mark.parametrize("code", ["000000", "used", "someone else's"])
def test_no_deed_without_a_code_of_ones_own(world: ApiWorld, boss: Boss, path: str, code: str) -> None:
    trader = world.user_of(world.register())
    given = {"000000": "000000", "used": boss.code()}.get(code, code)
    if code == "used":
        world.call("POST", "/auth/login", {**BOSS, "code": given})
    before = world.snapshot()

    answer = boss.ask("POST", path.replace("{id}", str(trader)), {**DEEDS[path], "code": given})

    assert (answer.status, answer.error) == (401, "CREDENTIALS_INVALID")
    assert world.snapshot() == before


def test_every_deed_of_the_staff_asks_for_a_code() -> None:
    deeds = {route.path for route in API_ROUTES if route.function == "admin" and route.method != "GET"}

    assert deeds == {f"/api/v1{path}" for path in DEEDS}


def test_guesses_at_a_code_are_slowed_down(world: ApiWorld, boss: Boss) -> None:
    answers = [boss.ask("POST", "/admin/release", {"code": "000000"}).error for _ in range(6)]

    assert answers == ["CREDENTIALS_INVALID"] * 5 + ["TOO_MANY_TRIES"]


def test_a_role_counts_while_its_holders_second_factor_is_on(world: ApiWorld, boss: Boss) -> None:
    assert boss.ask("POST", "/auth/second-factor/remove", {"code": boss.code()}).status == 200

    # The login showed a code, once; whoever holds its token now shows none.
    assert boss.ask("GET", "/admin/users").error == "ACCESS_DENIED"
    assert boss.ask("POST", "/admin/release", {"code": "000000"}).error == "ACCESS_DENIED"


def enrol(world: ApiWorld, token: str) -> tuple[str, list[str]]:
    """Another second factor, switched on with a token: its secret and recovery codes."""
    secret = str(world.call("POST", "/auth/second-factor", {"password": PASSWORD}, token=token).body["secret"])
    confirmed = world.call("POST", "/auth/second-factor/confirm", {"code": shown(world, secret)}, token=token)
    return secret, list(confirmed.body["recovery_codes"])


def test_a_stolen_token_and_a_recovery_code_make_no_administrator_by_another_second_factor(
    world: ApiWorld, boss: Boss
) -> None:
    # Given a thief with the token of an administrator's login and one of the recovery codes
    _, codes = enrol_again(world, boss)
    assert boss.ask("GET", "/admin/users").status == 200

    # When the thief switches the second factor off, and an own one on
    assert boss.ask("POST", "/auth/second-factor/remove", {"code": codes[0]}).status == 200
    secret, _ = enrol(world, boss.token)
    wait_a_step(world)

    # Then nobody is an administrator by it, with the old token or a new one, and the trail says since when
    assert boss.ask("GET", "/admin/users").error == "ACCESS_DENIED"
    again = world.call("POST", "/auth/login", {**BOSS, "code": shown(world, secret)}).body["token"]
    assert world.call("GET", "/admin/users", token=again).error == "ACCESS_DENIED"
    [withdrawn] = [e.data for e in world.database.audit if e.kind is AuditKind.ROLE_WITHDRAWN][1:]
    assert (withdrawn["by"], withdrawn["role"]) == (str(boss.user_id), Role.ADMIN)


def test_a_login_that_showed_a_second_factor_of_before_opens_no_door_of_the_staff(world: ApiWorld, boss: Boss) -> None:
    # Given an administrator who has switched to another second factor on another device, and was made one again
    boss.ask("POST", "/auth/second-factor/remove", {"code": boss.code()})
    desk = world.log_in(BOSS["email"])
    secret, _ = enrol(world, desk)
    world.database.roles[boss.user_id] = {Role.ADMIN}
    wait_a_step(world)

    # Then the login of before, which goes on, is let in once it shows the new one
    assert boss.ask("GET", "/admin/users").error == "SECOND_FACTOR_REQUIRED"
    assert boss.ask("POST", "/auth/second-factor/verify", {"code": shown(world, secret)}).status == 200
    assert boss.ask("GET", "/admin/users").status == 200


def enrol_again(world: ApiWorld, boss: Boss) -> tuple[str, list[str]]:
    """The boss with another second factor, of which the recovery codes are known, and made an administrator again."""
    boss.ask("POST", "/auth/second-factor/remove", {"code": boss.code()})
    found = enrol(world, boss.token)
    world.database.roles[boss.user_id] = {Role.ADMIN}
    return found


def test_every_request_of_the_staff_is_in_the_deployments_trail_whatever_becomes_of_it(
    world: ApiWorld, boss: Boss
) -> None:
    nobody = uuid4()

    boss.ask("GET", f"/admin/users/{nobody}")
    boss.ask("POST", "/admin/kill", {"reason": "x", "code": "000000"})

    found = [entry.data for entry in world.database.audit if entry.kind is AuditKind.STAFF_ACTED]
    assert [(each["by"], each["role"], each["door"], each["path"]) for each in found] == [
        (boss.user_id, Role.ADMIN, "GET /api/v1/admin/users/{id}", f"/api/v1/admin/users/{nobody}"),
        (boss.user_id, Role.ADMIN, "POST /api/v1/admin/kill", "/api/v1/admin/kill"),
    ]
    assert {entry.user_id for entry in world.database.audit if entry.kind is AuditKind.STAFF_ACTED} == {DEPLOYMENT}


# --- users --------------------------------------------------------------------------------------------


def test_users_come_in_pages_the_newest_first(world: ApiWorld, boss: Boss) -> None:
    for number in range(5):
        world.clock.sleep(1)
        world.register(f"user{number}@example.com")

    pages, cursor = [], None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        answer = boss.ask("GET", "/admin/users", query=query).body
        pages.append([each["email"].split("@")[0] for each in answer["users"]])
        if (cursor := answer["next_cursor"]) is None:
            break

    assert pages == [["user4", "user3"], ["user2", "user1"], ["user0", "boss"]]


@pytest.mark.parametrize(("query", "found"), [("ARUN", 2), ("tarun@", 1), ("%", 0), ("_", 0), ("nobody", 0)])
def test_users_are_found_by_a_part_of_their_email(world: ApiWorld, boss: Boss, query: str, found: int) -> None:
    for email in ("arun@example.com", "tarun@bharat.example", "meera@example.com"):
        world.register(email)

    answer = boss.ask("GET", "/admin/users", query={"query": query})

    assert len(answer.body["users"]) == found


@pytest.mark.parametrize("cursor", ["7f1f3c1e-7b8a-4a52-9c3b-0a1b2c3d4e5f", "nonsense"])
def test_a_cursor_that_is_none_is_refused(boss: Boss, cursor: str) -> None:
    answer = boss.ask("GET", "/admin/users", query={"cursor": cursor})

    assert (answer.status, answer.error) == (400, "REQUEST_INVALID")


def test_an_accounts_state_is_counts_and_moments_and_the_look_is_in_its_trail(world: ApiWorld, boss: Boss) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    user_id = world.user_of(token)

    answer = boss.ask("GET", f"/admin/users/{user_id}")

    assert answer.status == 200, answer.body
    state = answer.body
    assert (state["email"], state["second_factor"], state["logins"]) == ("trader@example.com", False, 1)
    assert (state["strategies"], state["running_strategies"], state["open_cycles"]) == (1, 1, 1)
    assert state["broker"]["connected_until"].startswith("2026-11-21T00:30")
    second = world.open_account(token)
    world.connect(token, second)
    brokers = boss.ask("GET", f"/admin/users/{user_id}").body["brokers"]
    assert [(each["account_id"], each["is_default"]) for each in brokers] == [
        (str(first_account_of(user_id)), True),
        (second, False),
    ]
    assert all(each["connected_until"] for each in brokers)
    secrets = world.database.broker_accounts[first_account_of(user_id)]
    for word in (strategy_id, "TCS", "3500", secrets.api_key, secrets.api_secret, str(secrets.access_token)):
        assert word not in str(state), word
    assert kinds(world, user_id)[-1] == AuditKind.ACCOUNT_READ


def test_a_user_who_is_not_there_has_no_state(world: ApiWorld, boss: Boss) -> None:
    assert boss.ask("GET", f"/admin/users/{uuid4()}").error == "NOT_FOUND"
    assert boss.do(f"/admin/users/{uuid4()}/lock", reason="x").error == "NOT_FOUND"


# --- locks and roles ----------------------------------------------------------------------------------


def test_a_locked_user_is_out_at_once_and_stays_out_until_unlocked(world: ApiWorld, boss: Boss) -> None:
    token = world.register()
    user_id = world.user_of(token)
    login = {"email": "trader@example.com", "password": "good-old-horse"}
    refresh = world.call("POST", "/auth/login", login).body["refresh_token"]

    assert boss.do(f"/admin/users/{user_id}/lock", reason="a phone was stolen").body["status"] == "locked"

    assert world.call("GET", "/strategy", token=token).error == "ACCOUNT_LOCKED"
    assert world.call("POST", "/auth/login", login).error == "ACCOUNT_LOCKED"
    assert world.call("POST", "/auth/refresh", {"refresh_token": refresh}).error == "TOKEN_EXPIRED"
    state = boss.ask("GET", f"/admin/users/{user_id}").body
    assert (state["lock_reason"], state["logins"]) == ("a phone was stolen", 0)
    assert state["locked_at"] is not None

    assert boss.do(f"/admin/users/{user_id}/unlock").body["status"] == "unlocked"
    assert world.call("POST", "/auth/login", login).status == 200
    # A bearer token of a login that ended is not good again for what is left of its time: it may be a thief's.
    assert world.call("GET", "/strategy", token=token).error == "TOKEN_INVALID"
    assert [kind for kind in kinds(world, user_id) if kind.startswith("account_") and kind != "account_read"] == [
        AuditKind.ACCOUNT_LOCKED,
        AuditKind.ACCOUNT_UNLOCKED,
    ]


def test_a_lock_leaves_what_runs_alone(world: ApiWorld, boss: Boss) -> None:
    token, strategy_id = world.running_trader()

    boss.do(f"/admin/users/{world.user_of(token)}/lock", reason="asked for")

    assert world.database.strategies[UUID(strategy_id)].is_running
    assert world.schedules.alarms


def test_locking_twice_is_locking_once(world: ApiWorld, boss: Boss) -> None:
    user_id = world.user_of(world.register())

    for reason in ("first", "second"):
        assert boss.do(f"/admin/users/{user_id}/lock", reason=reason).status == 200

    assert world.database.locked[user_id] == "first"
    assert kinds(world, user_id).count(AuditKind.ACCOUNT_LOCKED) == 1


@pytest.mark.parametrize(("deed", "body"), [("lock", {"reason": "x"}), ("roles/withdraw", {"role": "admin"})])
def test_an_administrator_is_never_the_one_who_throws_himself_out(
    world: ApiWorld, boss: Boss, deed: str, body: dict[str, str]
) -> None:
    assert boss.do(f"/admin/users/{boss.user_id}/{deed}", **body).error == "CONFLICT"
    assert boss.ask("GET", "/admin/users").status == 200


def test_a_role_is_granted_and_withdrawn(world: ApiWorld, boss: Boss) -> None:
    token = world.register("helper@example.com")
    helper = world.user_of(token)
    path = f"/admin/users/{helper}/roles"
    assert boss.do(path, role="support").error == "CONFLICT", "without a second factor"

    secret = begin(world, token).body["secret"]
    world.call("POST", "/auth/second-factor/confirm", {"code": shown(world, secret)}, token=token)
    assert boss.do(path, role="support").body == {"user_id": str(helper), "status": "granted"}

    wait_a_step(world)
    person = {"email": "helper@example.com", "password": BOSS["password"], "code": shown(world, secret)}
    as_support = world.call("POST", "/auth/login", person).body["token"]
    assert world.call("GET", "/admin/users", token=as_support).status == 200
    assert world.call("POST", "/admin/release", {"code": "1"}, token=as_support).error == "ACCESS_DENIED"
    refused = world.call("POST", f"/admin/users/{helper}/lock", {"code": "1", "reason": "x"}, token=as_support)
    assert (refused.error, refused.body["message"]) == ("ACCESS_DENIED", "this is for administrators")
    assert boss.do(f"{path}/withdraw", role="support").body["status"] == "withdrawn"
    assert world.call("GET", "/admin/users", token=as_support).error == "ACCESS_DENIED"
    granted = [e.data for e in world.database.audit if e.kind in {AuditKind.ROLE_GRANTED, AuditKind.ROLE_WITHDRAWN}]
    assert [each["by"] for each in granted] == [str(boss.user_id)] * 2


# --- the deployment -----------------------------------------------------------------------------------


def test_everybodys_trading_stops_and_goes_on_again(world: ApiWorld, boss: Boss) -> None:
    token, strategy_id = world.running_trader()
    world.hold(strategy_id)
    before = world.clock.now()

    answer = boss.ask("POST", "/admin/kill", {"reason": "exchange trouble", "code": boss.code()})

    assert answer.status == 200, answer.body
    assert world.clock.now() - before >= SETTLING
    assert (answer.body["is_locked"], answer.body["lock"]["reason"]) == (True, "exchange trouble")
    assert {event for _, event in world.sent()} == {"KILL"}
    seen = world.call("GET", "/risk/profile", token=token).body["kill_switch"]["operator"]
    assert (seen["by"], seen["reason"]) == ("an administrator", "exchange trouble")
    assert str(boss.user_id) not in str(seen)

    wait_a_step(world)
    assert boss.do("/admin/release").error == "CONFLICT", "something is held still"
    world.database.cycles.clear()
    assert boss.do("/admin/release").body["is_locked"] is False


def test_health_is_what_each_part_answered(world: ApiWorld, boss: Boss) -> None:
    _, strategy_id = world.running_trader()
    world.hold(strategy_id)
    world.gauge.found = [QueueDepth("orders.fifo", 3, 1)]
    world.runtime.report_sight(world.clock.now())

    health = boss.ask("GET", "/admin/health").body

    assert (health["database"]["is_up"], health["redis"]["is_up"]) == (True, True)
    assert health["watchers"]["is_seeing"] is True
    assert health["queues"] == [{"name": "orders.fifo", "waiting": 3, "in_flight": 1}]
    assert (health["users"], health["running_strategies"], health["open_cycles"]) == (2, 1, 1)
    assert health["lock"] is None


def test_what_does_not_answer_is_told_beside_what_does(world: ApiWorld, boss: Boss) -> None:
    world.gauge.is_down = True
    world.runtime.is_down = True

    health = boss.ask("GET", "/admin/health").body

    assert (health["queues"], health["redis"]["is_up"], health["database"]["is_up"]) == (None, False, True)
    assert health["watchers"] == {"is_seeing": False, "last_report_at": None}


def test_a_watcher_that_has_been_silent_does_not_see(world: ApiWorld, boss: Boss) -> None:
    world.runtime.report_sight(world.clock.now())
    world.clock.sleep(timedelta(seconds=STEP_SECONDS).total_seconds())

    assert boss.ask("GET", "/admin/health").body["watchers"]["is_seeing"] is False
