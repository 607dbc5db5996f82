"""Taking everything along, and being forgotten."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from algotrading.domain.audit import AuditKind
from algotrading.domain.cycle import CycleState
from tests.fakes.account_records import MemoryAccountRecords
from tests.fakes.ledger import add_notice
from tests.fakes.mails import MemoryErrands
from tests.unit.api.test_second_factor import shown, switch_on, wait_a_step
from tests.unit.api.world import Answer, ApiWorld

PASSWORD = "good-old-horse"


def delete(world: ApiWorld, token: str, password: str = PASSWORD, **code: str) -> Answer:
    return world.call("POST", "/account/delete", {"password": password, **code}, token=token)


def export(world: ApiWorld, token: str, **query: str) -> Answer:
    return world.call("GET", "/account/export", token=token, query=query)


# --- everything along -------------------------------------------------------------------------------


def test_an_export_has_what_is_kept_of_the_caller_and_nothing_of_others(world: ApiWorld) -> None:
    token, other = world.register(), world.register("other@example.com")
    mine, hers = world.create(token), world.create(other)

    answer = export(world, token)

    assert (answer.status, answer.body["next_cursor"]) == (200, None)
    # Stored with an offset, and shown as every answer writes it.
    assert answer.body["sections"]["account"] == [{"email": "trader@example.com", "created_at": "2026-11-20T02:30:00Z"}]
    assert answer.body["sections"]["strategies"] == [{"strategy_id": mine}]
    assert hers not in str(answer.body)


def test_a_large_account_is_exported_page_by_page_without_a_gap(world: ApiWorld) -> None:
    token = world.register()
    user_id = UUID(world.call("GET", "/account", token=token).body["user_id"])
    for number in range(450):
        add_notice(world.database, user_id, None, "bought", f"{number} {'x' * 100}", world.clock.now())
    data = world._accounts().data
    pages: list[dict[str, Any]] = []
    cursor = None
    while True:
        page, cursor = data.export(user_id, cursor, most_bytes=5_000)
        pages.append(dict(page))
        if cursor is None:
            break

    numbers = [int(row["text"].split()[0]) for page in pages for row in page.get("notices", ())]
    assert numbers == list(range(450))
    assert len(pages) > 9
    assert max(len(str(page)) for page in pages) < 6_000
    [[account]] = [page["account"] for page in pages if "account" in page]
    assert account["email"] == "trader@example.com"


def test_a_row_that_is_larger_than_a_page_is_a_page(world: ApiWorld) -> None:
    token = world.register()
    user_id = UUID(world.call("GET", "/account", token=token).body["user_id"])
    add_notice(world.database, user_id, None, "bought", "x" * 9000, world.clock.now())
    data = world._accounts().data

    _, cursor = data.export(user_id, None, most_bytes=1_000)
    page, following = data.export(user_id, cursor, most_bytes=1_000)

    assert len(page["notices"]) == 1
    assert following is None


@pytest.mark.parametrize(
    "cursor", ["x", "account", "account.", "account.x", "account.-1", "users.0", f"account.{'9' * 10}"]
)
def test_what_is_no_cursor_is_refused(world: ApiWorld, cursor: str) -> None:
    answer = export(world, world.register(), cursor=cursor)

    assert (answer.status, answer.fields) == (400, ["cursor"])


# --- forgotten --------------------------------------------------------------------------------------


def test_a_deleted_account_is_gone_and_its_email_may_register_again(world: ApiWorld) -> None:
    token = world.register()
    user_id = UUID(world.call("GET", "/account", token=token).body["user_id"])
    world.connect(token)
    refresh = world.call("POST", "/auth/login", {"email": "trader@example.com", "password": PASSWORD}).body

    answer = delete(world, token)

    assert (answer.status, answer.body) == (200, {"status": "deleted"})
    login = {"email": "trader@example.com", "password": PASSWORD}
    assert world.call("POST", "/auth/login", login).error == "CREDENTIALS_INVALID"
    assert world.call("POST", "/auth/refresh", {"refresh_token": refresh["refresh_token"]}).error == "TOKEN_EXPIRED"
    # The bearer token is out for hours still, and opens nothing any more.
    assert world.call("GET", "/account", token=token).error == "TOKEN_INVALID"
    assert export(world, token).error == "TOKEN_INVALID"
    assert delete(world, token).error == "TOKEN_INVALID"
    assert "trader@example.com" not in str(world.database.users)
    assert not world.database.broker_accounts
    kinds = [entry.kind for entry in world.database.audit if entry.user_id == user_id]
    assert AuditKind.ACCOUNT_DELETED in kinds
    assert AuditKind.BROKER_DISCONNECTED in kinds
    assert world.register() != token


def test_the_password_is_asked_for_again(world: ApiWorld) -> None:
    token = world.register()
    before = world.snapshot()

    assert delete(world, token, "wrong-horse").error == "CREDENTIALS_INVALID"
    assert world.snapshot() == before


def test_guessing_at_it_is_slowed_down_as_at_a_login(world: ApiWorld) -> None:
    token = world.register()

    errors = [delete(world, token, "wrong-horse").error for _ in range(6)]

    assert errors == ["CREDENTIALS_INVALID"] * 5 + ["TOO_MANY_TRIES"]


def test_so_is_the_second_factor(world: ApiWorld) -> None:
    token, secret, _ = switch_on(world)
    wait_a_step(world)

    assert delete(world, token).error == "SECOND_FACTOR_NEEDED"
    assert delete(world, token, code="000000").error == "CREDENTIALS_INVALID"
    assert delete(world, token, code=shown(world, secret)).status == 200


def test_a_running_strategy_keeps_its_owner(world: ApiWorld) -> None:
    token, strategy_id = world.running_trader()

    assert delete(world, token).error == "CONFLICT"
    world.stop(token, strategy_id)
    assert delete(world, token).status == 200


def test_so_does_a_position_that_is_still_held(world: ApiWorld) -> None:
    token = world.register()
    strategy_id = world.create(token)
    world.hold(strategy_id, CycleState.LONG)

    assert delete(world, token).error == "CONFLICT"
    assert MemoryAccountRecords(world.database).sections()


def test_a_deletion_is_mailed_to_the_address_that_the_account_had(world: ApiWorld) -> None:
    token = world.register()
    world.deliver_mails()

    assert delete(world, token).status == 200

    [mail] = world.deliver_mails()
    assert (mail.to, mail.subject) == ("trader@example.com", "Your account was deleted")
    assert "If it was not you" in mail.text


def test_an_account_is_deleted_all_the_same_where_nobody_can_be_asked_to_mail(
    world: ApiWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.register()

    def fail(errand: object) -> None:
        raise RuntimeError("the queue is away")

    monkeypatch.setattr(MemoryErrands, "ask", lambda self, errand: fail(errand))

    assert delete(world, token).status == 200


def test_a_refused_deletion_uses_no_recovery_code_up_and_mails_nothing(world: ApiWorld) -> None:
    # Given a trader with a second factor and a running strategy
    token, _, recovery = switch_on(world)
    strategy_id = world.create(token)
    world.hold(strategy_id, CycleState.LONG)
    world.errands.asked.clear()

    # When the account is to be deleted with a recovery code
    assert delete(world, token, code=recovery[0]).error == "CONFLICT"

    # Then the code is good still
    assert world.deliver_mails() == []
    world.database.cycles.clear()
    assert delete(world, token, code=recovery[0]).status == 200
