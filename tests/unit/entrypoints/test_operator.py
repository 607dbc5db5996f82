"""The operator's actions: closed, and clear about what they did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import time
from typing import Any
from uuid import uuid4

import pytest

from algotrading.adapters.postgres.database import TransactionFailed
from algotrading.adapters.postgres.egress_routes import DeployedRoute
from algotrading.adapters.postgres.over import Forgotten
from algotrading.contracts.messages import OrderEvent
from algotrading.domain.accounts import User
from algotrading.domain.cycle import Cycle, CycleState, ExitReason
from algotrading.domain.logins import LOGIN_LASTS, Bearer, DeviceLogin
from algotrading.domain.roles import Role
from algotrading.domain.second_factor import SecondFactor
from algotrading.entrypoints.operator import OperatorDoor
from algotrading.ports import Lane
from algotrading.services.address_pairs import AddressPairs
from algotrading.services.audit_verify import AuditVerifier
from algotrading.services.flatten import Flattener
from algotrading.services.kill_switch import SETTLING
from algotrading.services.operate import Operator, RoleKeeper, SecondFactorClearer
from tests.fakes.access import MemoryStandings
from tests.fakes.accounts import MemoryLogins, MemoryUsers
from tests.fakes.administration import MemoryAdministration
from tests.fakes.audit import MemoryAuditTrail
from tests.fakes.examples import make_user
from tests.fakes.ledger import MemoryLedger
from tests.fakes.trading_world import TradingWorld

KILL = {"action": "kill", "by": "ops@example.com", "reason": "exchange trouble"}
RELEASE = {"action": "release", "by": "ops@example.com"}
STATUS = {"action": "status"}


@pytest.fixture
def world() -> TradingWorld:
    return TradingWorld()


@pytest.fixture
def door(world: TradingWorld) -> OperatorDoor:
    return door_of(world)


def door_of(world: TradingWorld) -> OperatorDoor:
    """The function's door, over the world."""
    operator = operator_of(world)
    verifier = AuditVerifier(MemoryAuditTrail(world.database), world.meter, world.clock)
    pairs = AddressPairs(world.accounts, world.clock)
    clearer = SecondFactorClearer(MemoryAdministration(world.database), world.clock)
    return OperatorDoor(
        operator=lambda: operator,
        verifier=lambda: verifier,
        roles=lambda: roles_of(world),
        clearer=lambda: clearer,
        pairs=lambda: pairs,
        forget_over=lambda: Forgotten(1, 2, 3, 4, 5),
    )


def operator_of(world: TradingWorld, ledger: MemoryLedger | None = None) -> Operator:
    """The service itself, over the world."""
    flattener = Flattener(world.risks, world.ledger, world.queue)
    return Operator(world.risks, ledger or world.ledger, flattener, world.clock, world.meter)


def roles_of(world: TradingWorld) -> RoleKeeper:
    """Who grants roles, over the world."""
    return RoleKeeper(MemoryAdministration(world.database), world.clock)


class _SeesLate(MemoryLedger):
    """Its first look does not see yet what is held."""

    looks = 0

    def unfinished(self) -> Sequence[Cycle]:
        self.looks += 1
        return () if self.looks == 1 else super().unfinished()


def _fail(*_: object) -> Any:
    raise TransactionFailed("the database gave up a transaction")


def work(world: TradingWorld) -> None:
    """Let a worker handle everything in the priority lane."""
    while (message := world.queue.receive(Lane.PRIORITY)) is not None:
        world.executor.handle(message.command)
        world.queue.delete(Lane.PRIORITY, message)


def test_a_kill_stops_entries_and_sells_what_everybody_holds(world: TradingWorld, door: OperatorDoor) -> None:
    # given two traders with a position each
    strategies = [world.add_running()]
    world.buy(strategies[0])
    second = world.user_id = world.add_trader()
    strategies.append(world.add_running(buy_time=time(10, 0)))
    world.buy(strategies[1])
    before = world.clock.now()

    answer = door.handle(KILL)

    assert world.clock.now() - before >= SETTLING
    assert (answer["is_locked"], answer["by"], answer["reason"]) == (True, "ops@example.com", "exchange trouble")
    assert (answer["open_cycles"], answer["unproven_users"]) == (2, 2)
    work(world)
    assert {world.cycle(strategy).claim for strategy in strategies} == {ExitReason.KILL}
    assert strategies[1].user_id == second
    after = door.handle(STATUS)
    assert (after["open_cycles"], after["unproven_users"]) == (0, 0)


def test_what_came_in_between_is_sold_too(world: TradingWorld) -> None:
    # given a position that only the second look sees, because its entry left just before the lock
    strategy = world.add_running()
    world.buy(strategy)
    operator = operator_of(world, _SeesLate(world.database))

    operator.kill(by="ops", reason="exchange trouble")
    work(world)

    assert world.cycle(strategy).claim is ExitReason.KILL


def test_what_is_stored_is_answered_although_nothing_can_be_read_after_it(
    world: TradingWorld, door: OperatorDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    operator = operator_of(world)
    door = replace(door_of(world), operator=lambda: operator)
    monkeypatch.setattr(operator.risks, "watched", _fail)

    killed = door.handle(KILL)

    assert (killed["is_locked"], killed["by"]) == (True, "ops@example.com")
    assert (killed["open_cycles"], killed["unproven_users"]) == (None, None)
    work(world)
    assert world.cycle(strategy).claim is ExitReason.KILL

    released = door.handle(RELEASE)

    assert (released["is_locked"], released["open_cycles"]) == (False, None)
    assert world.database.deployment_lock is None


def test_an_entry_that_comes_later_is_missed_and_told(world: TradingWorld, door: OperatorDoor) -> None:
    strategy = world.add_running()
    door.handle(KILL)

    assert world.buy(strategy).state is CycleState.FLAT
    assert world.told()[-1] == "entry_blocked"


def test_killing_twice_is_killing_once_and_both_are_on_record(world: TradingWorld, door: OperatorDoor) -> None:
    first = door.handle(KILL)
    second = door.handle({**KILL, "by": "somebody else"})

    assert first == second
    again = world.database.audit[-1]
    assert (again.kind, again.data["by"], again.data["reason"]) == (
        "kill_switch_again",
        "somebody else",
        "exchange trouble",
    )
    assert again.data["lock"] == world.database.deployment_lock


def test_release_waits_until_everything_is_settled(world: TradingWorld, door: OperatorDoor) -> None:
    strategy = world.add_running()
    world.buy(strategy)
    door.handle(KILL)

    refused = door.handle(RELEASE)
    work(world)
    released = door.handle(RELEASE)

    assert refused["error"] == "CONFLICT"
    assert (released["is_locked"], released["since"]) == (False, None)


def test_status_changes_nothing(world: TradingWorld, door: OperatorDoor) -> None:
    world.buy(world.add_running())

    assert door.handle(STATUS) == {
        "is_locked": False,
        "since": None,
        "by": None,
        "reason": None,
        "open_cycles": 1,
        "unproven_users": 0,
    }
    assert OrderEvent.KILL not in {command.event for _, command in world.queue.sent}


def test_the_audit_trail_is_verified_and_its_breaks_are_named(world: TradingWorld, door: OperatorDoor) -> None:
    world.buy(world.add_running())
    assert door.handle({"action": "verify_audit"})["is_sound"] is True

    trail = MemoryAuditTrail(world.database)

    class Tampered(MemoryAuditTrail):
        def chains(self) -> Any:
            for number, (record, head) in enumerate(trail.chains()):
                yield (replace(record, record=record.record + " ") if number == 1 else record), head

    verifier = AuditVerifier(Tampered(world.database), world.meter, world.clock)
    tampered = replace(door, verifier=lambda: verifier)
    answer = tampered.handle({"action": "verify_audit"})

    assert answer["is_sound"] is False
    assert answer["breaks"] == len(answer["first_breaks"]) > 0
    assert answer["first_breaks"][0]["user_id"] == str(world.user_id)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"action": "kill", "by": "ops"}, "kill.reason"),
        ({"action": "kill", "by": " ", "reason": "x"}, "kill.by"),
        ({"action": "kill", "by": "ops", "reason": "x", "users": []}, "kill.users"),
        ({"action": "release"}, "release.by"),
        ({"action": "delete_everything"}, "body"),
        ({}, "body"),
        ([], "body"),
        (None, "body"),
        ("kill", "body"),
    ],
)
def test_what_is_no_action_is_refused_and_changes_nothing(
    world: TradingWorld, door: OperatorDoor, event: Any, field: str
) -> None:
    answer = door.handle(event)

    assert answer["error"] == "REQUEST_INVALID"
    assert '{"action": "status"}' in answer["message"]
    assert [detail["field"] for detail in answer["details"]] == [field]
    assert world.database.deployment_lock is None


def test_what_is_over_goes_and_is_counted(door: OperatorDoor) -> None:
    answer = door.handle({"action": "forget_over"})

    assert answer == {
        "registrations": 1,
        "email_links": 2,
        "kept_answers": 3,
        "sms_codes": 4,
        "refresh_tokens": 5,
    }


def test_what_the_clock_asks_for_fails_the_function_so_that_it_asks_again(door: OperatorDoor) -> None:
    broken = replace(door, forget_over=_fail)

    with pytest.raises(TransactionFailed):
        broken.handle({"action": "forget_over"})


def test_heads_are_returned_for_keeping_and_held_against_the_chains_when_given_back(
    world: TradingWorld, door: OperatorDoor
) -> None:
    strategy = world.add_running()
    assert door.handle({"action": "verify_audit"})["heads"] is None

    heads = door.handle({"action": "verify_audit", "return_heads": True})["heads"]
    world.buy(strategy)

    # through JSON, as the function's answer comes and goes
    asked = json.loads(json.dumps({"action": "verify_audit", "heads": heads, "return_heads": True}))
    later = door.handle(asked)
    assert later["is_sound"]
    assert later["heads"].keys() == heads.keys() == {str(world.user_id)}
    assert later["heads"][str(world.user_id)]["seq"] > heads[str(world.user_id)]["seq"]

    asked["heads"][str(world.user_id)]["hash"] = "0" * 64
    forged = door.handle(asked)
    assert (forged["is_sound"], forged["heads"]) == (False, None)
    assert [one["flaw"] for one in forged["first_breaks"]] == ["rewritten"]


@pytest.mark.parametrize("head", [{"seq": 0, "hash": "0" * 64}, {"seq": 1, "hash": "xyz"}, {"seq": 1}, 5])
def test_heads_that_are_none_are_refused(world: TradingWorld, door: OperatorDoor, head: Any) -> None:
    answer = door.handle({"action": "verify_audit", "heads": {str(world.user_id): head}})

    assert answer["error"] == "REQUEST_INVALID"


# --- roles ------------------------------------------------------------------------------------------


def future_admin(world: TradingWorld) -> User:
    """Somebody who has done what an administrator needs."""
    user = replace(make_user("first@example.com"), email_verified_at=world.clock.now())
    MemoryUsers(world.database).add(user, "hash")
    factor = SecondFactor(user.user_id, "sealed", world.clock.now(), confirmed_at=world.clock.now())
    world.database.second_factors[user.user_id] = factor
    return user


def grant(**changes: Any) -> dict[str, Any]:
    return {"action": "grant_role", "email": "First@Example.com", "role": "admin", "by": "ops@example.com", **changes}


def test_the_first_administrator_is_made_by_the_operator(world: TradingWorld, door: OperatorDoor) -> None:
    user = future_admin(world)

    answer = door.handle(grant())
    again = door.handle(grant())

    assert answer == again == {"user_id": str(user.user_id), "role": "admin", "status": "granted"}
    standing = MemoryStandings(world.database).read(Bearer(user.user_id), world.clock.now())
    assert standing is not None
    assert standing.roles == {Role.ADMIN}
    [_, record] = [each for each in world.database.audit if each.user_id == user.user_id]
    assert (record.kind, record.data["by"], record.data["role"]) == ("role_granted", "ops@example.com", Role.ADMIN)


def test_a_role_is_taken_back(world: TradingWorld, door: OperatorDoor) -> None:
    user = future_admin(world)
    door.handle(grant())

    answer = door.handle(grant(action="withdraw_role"))

    assert answer["status"] == "withdrawn"
    assert world.database.roles[user.user_id] == set()


@pytest.mark.parametrize("missing", ["second factor", "confirmed e-mail", "confirmed second factor"])
def test_nobody_becomes_staff_without_a_second_factor_and_a_confirmed_email(
    world: TradingWorld, door: OperatorDoor, missing: str
) -> None:
    user = future_admin(world)
    database = world.database
    if missing == "second factor":
        del database.second_factors[user.user_id]
    elif missing == "confirmed second factor":
        factor = database.second_factors[user.user_id]
        database.second_factors[user.user_id] = replace(factor, confirmed_at=None)
    else:
        database.users[user.user_id] = (replace(user, email_verified_at=None), "hash")

    answer = door.handle(grant())

    assert answer["error"] == "CONFLICT"
    assert missing.rsplit(maxsplit=1)[-1] in answer["message"]
    assert not database.roles.get(user.user_id)


def test_a_role_for_nobody_is_refused(world: TradingWorld, door: OperatorDoor) -> None:
    assert door.handle(grant(email="nobody@example.com"))["error"] == "NOT_FOUND"


@pytest.mark.parametrize("wrong", [{"role": "trader"}, {"role": "viewer"}, {"by": ""}, {"email": "no mail"}, {"x": 1}])
def test_a_role_that_is_none_is_refused(world: TradingWorld, door: OperatorDoor, wrong: dict[str, Any]) -> None:
    future_admin(world)

    assert door.handle(grant(**wrong))["error"] == "REQUEST_INVALID"
    assert not world.database.roles


# --- a second factor that nobody can show -------------------------------------------------------------


CLEAR = {
    "action": "clear_second_factor",
    "email": "First@Example.com",
    "by": "ops@example.com",
    "reason": "phone and recovery codes are lost; called back",
}


def test_who_can_show_neither_code_nor_recovery_code_is_let_in_again(world: TradingWorld, door: OperatorDoor) -> None:
    # Given somebody with a second factor, who is logged in on a phone that was lost
    user, now = future_admin(world), world.clock.now()
    logins = MemoryLogins(world.database)
    login = DeviceLogin(uuid4(), user.user_id, "a lost phone", now, now, now + LOGIN_LASTS)
    logins.begin(login, bytes(32), "hash")

    answer = door.handle(CLEAR)

    # Then the second factor is gone, and so is the phone's login; who did it and why is on record, and the owner knows
    assert answer == {"user_id": str(user.user_id), "ended": 1}
    assert user.user_id not in world.database.second_factors
    assert logins.alive(user.user_id, now) == []
    records = [each for each in world.database.audit if each.user_id == user.user_id]
    assert [each.kind for each in records][-3:] == ["logged_in", "second_factor_cleared", "login_ended"]
    assert (records[-2].data["by"], records[-2].data["reason"]) == (CLEAR["by"], CLEAR["reason"])
    [notice] = [each for each in world.database.notices if each.user_id == user.user_id]
    assert notice.kind == "second_factor_off"
    assert "taken away by whoever runs the service" in notice.text


def test_where_no_second_factor_is_on_there_is_nothing_to_clear(world: TradingWorld, door: OperatorDoor) -> None:
    user = future_admin(world)
    factor = world.database.second_factors[user.user_id]
    world.database.second_factors[user.user_id] = replace(factor, confirmed_at=None)

    for _ in range(2):
        assert door.handle(CLEAR)["error"] == "CONFLICT"
        world.database.second_factors.pop(user.user_id, None)

    assert door.handle({**CLEAR, "email": "nobody@example.com"})["error"] == "NOT_FOUND"
    assert world.database.notices == []


@pytest.mark.parametrize("wrong", [{"reason": " "}, {"reason": None}, {"by": ""}, {"email": "no mail"}, {"code": "1"}])
def test_a_second_factor_is_cleared_with_a_name_and_a_reason_only(
    world: TradingWorld, door: OperatorDoor, wrong: dict[str, Any]
) -> None:
    user = future_admin(world)

    assert door.handle({**CLEAR, **wrong})["error"] == "REQUEST_INVALID"
    assert user.user_id in world.database.second_factors


# --- pairs of addresses -------------------------------------------------------------------------------


def holder(world: TradingWorld) -> dict[str, str]:
    """The world's trader holds its only pair; an operator's wish to free it."""
    world.database.deploy_routes([DeployedRoute(name="pair-1", addresses=("13.200.1.1",))])
    assert world.accounts.claim_egress(world.user_id) is not None
    return {"action": "free_pair", "by": "ops@example.com", "user_id": str(world.user_id)}


def test_a_pair_is_freed_for_somebody_else_once_its_holder_has_left(world: TradingWorld, door: OperatorDoor) -> None:
    wish = holder(world)
    other = world.add_trader()
    assert world.accounts.claim_egress(other) is None
    world.accounts.remove(world.user_id, now=world.clock.now())

    answer = door.handle(wish)

    assert answer == {"pair": "pair-1", "addresses": ["13.200.1.1"]}
    claimed = world.accounts.claim_egress(other)
    assert claimed is not None
    assert claimed.name == "pair-1"


def test_whoever_is_connected_keeps_the_pair(world: TradingWorld, door: OperatorDoor) -> None:
    wish = holder(world)
    held = world.accounts.claim_egress(world.user_id)

    answer = door.handle(wish)

    assert answer["error"] == "CONFLICT"
    assert "disconnects it first" in answer["message"]
    assert world.accounts.claim_egress(world.user_id) == held


def test_freeing_twice_says_that_there_is_nothing_to_free(world: TradingWorld, door: OperatorDoor) -> None:
    wish = holder(world)
    world.accounts.remove(world.user_id, now=world.clock.now())
    door.handle(wish)

    assert door.handle(wish)["error"] == "NOT_FOUND"


@pytest.mark.parametrize("missing", ["by", "user_id"])
def test_a_pair_is_freed_by_somebody_and_of_somebody(world: TradingWorld, door: OperatorDoor, missing: str) -> None:
    wish = holder(world)
    del wish[missing]

    assert door.handle(wish)["error"] == "REQUEST_INVALID"
    assert world.database.egress_holders
