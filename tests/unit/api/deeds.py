"""A deed for each POST that takes an Idempotency-Key, in a world where it can be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tests.unit.api.test_admin import Boss
from tests.unit.api.test_notifications import send_codes
from tests.unit.api.test_second_factor import begin, shown, switch_on, wait_a_step
from tests.unit.api.test_sms import code_of, name
from tests.unit.api.test_viewers import invite
from tests.unit.api.world import PLAN, ApiWorld

Request = tuple[str, dict[str, Any], str]
"""Path, body and token of a deed that can be done."""


def _plain(path: str, **body: Any) -> Callable[[ApiWorld], Request]:
    return lambda world: (path, body, world.register())


def _trading(path: str, **body: Any) -> Callable[[ApiWorld], Request]:
    def arrange(world: ApiWorld) -> Request:
        token, strategy_id = world.running_trader()
        if path == "/strategy/start":
            world.stop(token, strategy_id)
        if path == "/strategy/square-off":
            world.hold(strategy_id)
        return path, {"strategy_id": strategy_id, **body}, token

    return arrange


def _staff(path: str, **body: Any) -> Callable[[ApiWorld], Request]:
    def arrange(world: ApiWorld) -> Request:
        boss, user = Boss(world), world.user_of(world.register())
        if path.endswith("/roles"):
            world.give_second_factor(user)
        return path.format(id=user), {**body, "code": boss.code()}, boss.token

    return arrange


def _mailed(world: ApiWorld) -> str:
    return world.deliver_mails()[-1].text.partition("#")[2].split()[0]


def _confirm_factor(world: ApiWorld) -> Request:
    token = world.register()
    secret = begin(world, token).body["secret"]
    return "/auth/second-factor/confirm", {"code": shown(world, secret)}, token


def _with_factor(path: str) -> Callable[[ApiWorld], Request]:
    def arrange(world: ApiWorld) -> Request:
        token, secret, _ = switch_on(world)
        wait_a_step(world)
        extra = {"name": "my script", "scopes": ["read"]} if path == "/account/keys" else {}
        return path, {**extra, "code": shown(world, secret)}, token

    return arrange


def _accept(world: ApiWorld) -> Request:
    body = {"invitation": invite(world, world.register("owner@example.com"))}
    return "/account/shared/accept", body, world.register()


def _connect(world: ApiWorld) -> Request:
    account = world.exchange.open_account()
    return "/broker/connect", {"api_key": account.api_key, "api_secret": account.api_secret}, world.register()


def _confirm_chat(world: ApiWorld) -> Request:
    token = world.register()
    world.call("PUT", "/notifications/telegram", {"chat_id": "42"}, token=token)
    return "/notifications/telegram/confirm", {"code": send_codes(world)}, token


def _confirm_number(world: ApiWorld) -> Request:
    token = world.register()
    name(world, token)
    return "/notifications/sms/confirm", {"code": code_of(world)}, token


DEEDS: Mapping[str, Callable[[ApiWorld], Request]] = {
    "POST /api/v1/auth/second-factor": _plain("/auth/second-factor", password="good-old-horse"),
    "POST /api/v1/auth/second-factor/confirm": _confirm_factor,
    "POST /api/v1/auth/second-factor/remove": _with_factor("/auth/second-factor/remove"),
    "POST /api/v1/auth/second-factor/verify": _with_factor("/auth/second-factor/verify"),
    "POST /api/v1/auth/password": _plain(
        "/auth/password", old_password="good-old-horse", new_password="an even better old horse"
    ),
    "POST /api/v1/auth/email/resend": _plain("/auth/email/resend"),
    "POST /api/v1/account/delete": _plain("/account/delete", password="good-old-horse"),
    "POST /api/v1/account/viewers": _plain("/account/viewers", name="My accountant"),
    "POST /api/v1/account/shared/accept": _accept,
    "POST /api/v1/account/keys": _with_factor("/account/keys"),
    "POST /api/v1/broker/connect": _connect,
    "POST /api/v1/broker/accounts": _plain("/broker/accounts", name="HUF"),
    "POST /api/v1/strategy/create": _plain("/strategy/create", **PLAN),
    "POST /api/v1/strategy/start": _trading("/strategy/start"),
    "POST /api/v1/strategy/stop": _trading("/strategy/stop"),
    "POST /api/v1/strategy/square-off": _trading("/strategy/square-off"),
    "POST /api/v1/risk/kill": _plain("/risk/kill"),
    "POST /api/v1/risk/release": _plain("/risk/release"),
    "POST /api/v1/notifications/read": _plain("/notifications/read"),
    "POST /api/v1/notifications/telegram/confirm": _confirm_chat,
    "POST /api/v1/notifications/sms/confirm": _confirm_number,
    "POST /api/v1/admin/users/{id}/lock": _staff("/admin/users/{id}/lock", reason="a phone was stolen"),
    "POST /api/v1/admin/users/{id}/unlock": _staff("/admin/users/{id}/unlock"),
    "POST /api/v1/admin/users/{id}/roles": _staff("/admin/users/{id}/roles", role="support"),
    "POST /api/v1/admin/users/{id}/roles/withdraw": _staff("/admin/users/{id}/roles/withdraw", role="support"),
    "POST /api/v1/admin/kill": _staff("/admin/kill", reason="exchange trouble"),
    "POST /api/v1/admin/release": _staff("/admin/release"),
}
"""By the route's key."""
