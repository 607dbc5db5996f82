"""Reading another's account: invited by its owner, accepted by the viewer, ended by either."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from algotrading.domain.audit import AuditKind
from algotrading.domain.roles import INVITATION_LASTS, MOST_VIEWERS
from algotrading.services.strategy_status import StrategyReader
from tests.fakes.access import MemoryStandings
from tests.fakes.ledger import add_notice
from tests.unit.api.test_roles import share
from tests.unit.api.world import Answer, ApiWorld


def invite(world: ApiWorld, owner: str) -> str:
    answer = world.call("POST", "/account/viewers", {"name": "My accountant"}, token=owner)
    assert answer.status == 201, answer.body
    return str(answer.body["invitation"])


def accept(world: ApiWorld, invitation: str, viewer: str) -> Answer:
    return world.call("POST", "/account/shared/accept", {"invitation": invitation}, token=viewer)


def look(world: ApiWorld, viewer: str, account: UUID) -> Answer:
    return world.call("GET", "/strategy", token=viewer, headers={"X-Account": str(account)})


def two(world: ApiWorld) -> tuple[str, str]:
    return world.register(), world.register("viewer@example.com")


def test_an_invitation_that_is_accepted_opens_the_account_for_reading(world: ApiWorld) -> None:
    owner, viewer = two(world)
    strategy_id = world.create(owner)
    invitation = invite(world, owner)
    [invited] = world.call("GET", "/account/viewers", token=owner).body["viewers"]
    assert (invited["viewer_email"], invited["accepted_at"]) == (None, None)

    answer = accept(world, invitation, viewer)

    assert answer.body["owner_email"] == "trader@example.com"
    account = UUID(answer.body["account_id"])
    assert [each["strategy_id"] for each in look(world, viewer, account).body["strategies"]] == [strategy_id]
    [shown] = world.call("GET", "/account/viewers", token=owner).body["viewers"]
    assert (shown["name"], shown["viewer_email"]) == ("My accountant", "viewer@example.com")
    assert world.call("GET", "/account/shared", token=viewer).body["accounts"] == [answer.body]


def test_what_a_viewer_asks_is_answered_while_nothing_can_be_stored(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, viewer = two(world)
    account = world.user_of(owner)
    accept(world, invite(world, owner), viewer)
    seen: list[bool] = []
    is_reading_only = False

    @contextmanager
    def reading_only(_: MemoryStandings) -> Iterator[None]:
        nonlocal is_reading_only
        is_reading_only = True
        yield
        is_reading_only = False

    def page(_: StrategyReader, *_args: object, **_more: object) -> tuple[list[object], None]:
        seen.append(is_reading_only)
        return [], None

    monkeypatch.setattr(MemoryStandings, "reading_only", reading_only)
    monkeypatch.setattr(StrategyReader, "page", page)

    assert [look(world, viewer, account).status, look(world, owner, account).status] == [200, 200]
    assert seen == [True, False]


def test_an_invitation_alone_opens_nothing(world: ApiWorld) -> None:
    owner, viewer = two(world)
    invite(world, owner)

    assert look(world, viewer, world.user_of(owner)).error == "ACCESS_DENIED"


def test_an_invitation_is_good_once(world: ApiWorld) -> None:
    owner, viewer = two(world)
    other = world.register("other@example.com")
    invitation = invite(world, owner)
    accept(world, invitation, viewer)

    answer = accept(world, invitation, other)

    assert (answer.status, answer.error) == (400, "LINK_INVALID")
    assert look(world, other, world.user_of(owner)).error == "ACCESS_DENIED"


def test_an_invitation_is_over_after_a_week_and_not_listed_any_more(world: ApiWorld) -> None:
    owner = world.register()
    invitation = invite(world, owner)
    world.clock.sleep(INVITATION_LASTS.total_seconds())
    owner = world.token_for(world.user_of_email("trader@example.com"))
    viewer = world.register("viewer@example.com")

    assert accept(world, invitation, viewer).error == "LINK_INVALID"
    assert world.call("GET", "/account/viewers", token=owner).body["viewers"] == []


def test_what_was_accepted_lasts(world: ApiWorld) -> None:
    owner, viewer = two(world)
    account, viewer_id = share(world, owner, viewer), world.user_of(viewer)
    world.clock.sleep((INVITATION_LASTS + timedelta(days=300)).total_seconds())

    assert look(world, world.token_for(viewer_id), account).status == 200


@pytest.mark.parametrize("who", ["owner", "viewer"])
def test_either_of_the_two_ends_it_at_once(world: ApiWorld, who: str) -> None:
    owner, viewer = two(world)
    account = share(world, owner, viewer)
    [shown] = world.call("GET", "/account/viewers", token=owner).body["viewers"]
    assert look(world, viewer, account).status == 200

    if who == "owner":
        answer = world.call("DELETE", f"/account/viewers/{shown['grant_id']}", token=owner)
    else:
        answer = world.call("DELETE", f"/account/shared/{account}", token=viewer)

    assert answer.status == 200
    assert look(world, viewer, account).error == "ACCESS_DENIED"
    assert world.call("GET", "/account/shared", token=viewer).body["accounts"] == []
    assert world.call("GET", "/account/viewers", token=owner).body["viewers"] == []
    by = world.user_of(owner if who == "owner" else viewer)
    kinds = [(each.kind, each.data["by"]) for each in world.database.audit if each.kind.startswith("viewer_")]
    assert kinds == [
        (AuditKind.VIEWER_INVITED, account),
        (AuditKind.VIEWER_ACCEPTED, world.user_of(viewer)),
        (AuditKind.VIEWER_REMOVED, by),
    ]
    assert {each.user_id for each in world.database.audit if each.kind.startswith("viewer_")} == {account}


def test_an_invitation_that_was_taken_back_is_not_good(world: ApiWorld) -> None:
    owner, viewer = two(world)
    invitation = invite(world, owner)
    [shown] = world.call("GET", "/account/viewers", token=owner).body["viewers"]
    world.call("DELETE", f"/account/viewers/{shown['grant_id']}", token=owner)

    assert accept(world, invitation, viewer).error == "LINK_INVALID"


def test_nobody_is_the_viewer_of_their_own_account_or_twice_of_one(world: ApiWorld) -> None:
    owner, viewer = two(world)
    share(world, owner, viewer)

    assert accept(world, invite(world, owner), owner).error == "CONFLICT"
    assert accept(world, invite(world, owner), viewer).error == "CONFLICT"


def test_guesses_at_invitations_are_slowed_down(world: ApiWorld) -> None:
    owner, viewer = two(world)
    forged = f"{world.user_of(owner).hex}.{'x' * 43}"

    answers = [accept(world, forged, viewer).error for _ in range(21)]

    assert answers == ["LINK_INVALID"] * 20 + ["TOO_MANY_TRIES"]


def test_an_account_has_so_many_viewers_and_no_more(world: ApiWorld) -> None:
    owner = world.register()
    for _ in range(MOST_VIEWERS):
        invite(world, owner)

    answer = world.call("POST", "/account/viewers", {"name": "one more"}, token=owner)

    assert (answer.status, answer.error) == (409, "CONFLICT")


def test_an_owner_who_leaves_takes_the_account_from_its_viewers(world: ApiWorld) -> None:
    owner, viewer = two(world)
    account = share(world, owner, viewer)

    world.call("POST", "/account/delete", {"password": "good-old-horse"}, token=owner)

    assert look(world, viewer, account).error == "ACCESS_DENIED"
    assert world.call("GET", "/account/shared", token=viewer).body["accounts"] == []


def test_a_viewer_who_leaves_is_not_named_any_more(world: ApiWorld) -> None:
    owner, viewer = two(world)
    share(world, owner, viewer)

    world.call("POST", "/account/delete", {"password": "good-old-horse"}, token=viewer)

    assert world.call("GET", "/account/viewers", token=owner).body["viewers"] == []


def test_a_viewer_is_shown_no_notice_of_who_gets_into_the_account(world: ApiWorld) -> None:
    # Given an account with two viewers, of whom its owner was told
    owner, viewer = two(world)
    account = world.user_of(owner)
    accept(world, invite(world, owner), viewer)
    accept(world, invite(world, owner), world.register("another@example.com"))
    add_notice(world.database, account, None, "bought", "bought 5", world.clock.now())

    # When both look at the notices
    hers = world.call("GET", "/notifications", token=owner).body
    his = world.call("GET", "/notifications", token=viewer, headers={"X-Account": str(account)}).body

    # Then the viewer learns of trades only: no other viewer's e-mail, and not that there is more
    assert {each["kind"] for each in hers["notices"]} == {"bought", "viewer_joined"}
    assert ([each["kind"] for each in his["notices"]], his["unread"]) == (["bought"], 1)
