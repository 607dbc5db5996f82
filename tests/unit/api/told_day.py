"""One trader's day, told by asking each route of the API once: where the document's examples come from.

Everything is the product's own: the doors, the services behind them, and the workers that trade, over one set of
stores in memory and one clock. What a door answers is the example, so none can be of another shape than an answer.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import time
from decimal import Decimal
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from algotrading.adapters.postgres.account_records import SECTIONS
from algotrading.contracts.messages import OrderEvent
from algotrading.domain.administration import QueueDepth
from algotrading.domain.candles import MinuteCandle
from algotrading.domain.instants import instant_text
from algotrading.domain.roles import Role
from algotrading.domain.sessions import instant_of
from tests.fakes.audit import chained
from tests.unit.api.test_account_links import token_in
from tests.unit.api.told_stage import Stage
from tests.unit.api.world import PASSWORD, TODAY

TRADER, ACCOUNTANT, ADMIN = "trader@example.com", "accountant@example.com", "admin@example.com"
JSON, PAGE = "application/json", "text/html"
_PASSWORD, _NEW_PASSWORD, _OTHER_PASSWORD = "a long passphrase", "an even longer passphrase", "yet another passphrase"
_PLAN: Final = {"symbol": "TCS", "buy_time": "09:30:00", "sell_time": "15:15:00", "stop_loss": 3450, "quantity": 10}
_PHONE = "ExponentPushToken[xxxxxxxxxxxxxxxxxxxxxx]"
_MINUTES = (
    (time(9, 28), "3519", "3520.4"),
    (time(9, 29), "3520.4", "3521"),
    (time(9, 30), "3521", "3523.65"),
    (time(9, 31), "3523.65", "3534.1"),
    (time(11, 5), "3551.2", "3551.2"),
)
"""Some minutes of the day, each with its first and last price in rupees."""


class ToldDay(Stage):
    """From the first registration to the end of the account."""

    def tell(self) -> dict[str, dict[str, Any]]:
        """The whole day: for each route, by content type, its answer of success."""
        self._open_account()
        self._log_in_and_out()
        self._be_told()
        self._connect_broker()
        self._let_others_in()
        self._prepare()
        self._trade()
        self._administer()
        self._close()
        return self.told

    # --- the morning --------------------------------------------------------------------------------

    def _open_account(self) -> None:
        person = {"email": TRADER, "password": _PASSWORD}
        self.show("POST", "/auth/register", person, token=None)
        mail = self.world.deliver_mails()[-1]
        opening = {"token": mail.text.partition("/confirm#")[2].split()[0], "password": _PASSWORD}
        self.show("POST", "/auth/register/confirm", opening, token=None)
        self.token = self.ask("POST", "/auth/login", {**person, "device": "My phone"}, token=None)["token"]
        self.show("GET", "/account/export")["sections"] = self._exported()
        self._forget_confirmation()
        self.show("POST", "/auth/email/resend")
        mail = self.world.deliver_mails()[-1]
        self.show("POST", "/auth/email/verify", {"token": token_in(mail), "password": _PASSWORD})
        self.show("GET", "/auth/second-factor")
        self.secret = self.show("POST", "/auth/second-factor", {"password": _PASSWORD})["secret"]
        self.show("POST", "/auth/second-factor/confirm", {"code": self.code()})

    def _forget_confirmation(self) -> None:
        """Accounts of before were open before their e-mail was confirmed: two doors are for them alone."""
        ((user, password_hash),) = self.world.database.users.values()
        self.world.database.users[user.user_id] = replace(user, email_verified_at=None), password_hash

    def _exported(self) -> dict[str, list[Any]]:
        """The rows of a new account as the database gives them: the store in memory keeps less. The contract test of
        the records holds them to it."""
        ((user, _),) = self.world.database.users.values()
        account = self.workers.named.get(user.user_id)
        (login,) = self.world.database.logins.values()
        records = chained(self.world.database.audit)
        assert user.email_verified_at is not None
        confirmed = instant_text(user.email_verified_at)
        created, opened = instant_text(user.created_at), instant_text(account.created_at)
        began, ends = instant_text(login.created_at), instant_text(login.expires_at)
        device = {"device_id": str(login.device_id), "name": login.name, "created_at": began, "used_at": began}
        rows: dict[str, list[Any]] = {
            "account": [{"email": user.email, "created_at": created, "email_verified_at": confirmed}],
            "broker_accounts": [
                {
                    "account_id": str(account.account_id),
                    "name": account.name,
                    "is_default": True,
                    "created_at": opened,
                    "removed_at": None,
                }
            ],
            "devices": [{**device, "expires_at": ends, "ended_at": None, "end_reason": None}],
            "audit_trail": [{"seq": one.seq, "hash": one.hash.hex(), "record": one.record} for one in records],
        }
        return {name: rows.get(name, []) for name in SECTIONS}

    def _log_in_and_out(self) -> None:
        self.show("POST", "/auth/password/forgot", {"email": TRADER})
        mail = self.world.deliver_mails()[-1]
        self.show("POST", "/auth/password/reset", {"token": token_in(mail), "password": _NEW_PASSWORD})
        login = self._log_in("My phone", self.show)
        login = self.show("POST", "/auth/refresh", {"refresh_token": login["refresh_token"]})
        self.token = login["token"]
        self.show("POST", "/auth/second-factor/verify", {"code": self.code()})
        laptop = self._log_in("My laptop", self.ask)
        self.show("GET", "/auth/devices")
        self.show("DELETE", f"/auth/devices/{laptop['device_id']}")
        laptop = self._log_in("My laptop", self.ask)
        self.show("POST", "/auth/logout", {"refresh_token": laptop["refresh_token"]}, token=None)
        self._log_in("My laptop", self.ask)
        change = {"old_password": _NEW_PASSWORD, "new_password": _OTHER_PASSWORD}
        self.show("POST", "/auth/password", change)
        phone = login["device_id"]
        self.show("PUT", f"/notifications/push/{phone}", {"token": _PHONE})

    def _log_in(self, device: str, ask: Any) -> Any:
        person = {"email": TRADER, "password": _NEW_PASSWORD, "device": device, "code": self.code()}
        return ask("POST", "/auth/login", person, token=None)

    def _be_told(self) -> None:
        self.show("PUT", "/notifications/webhook", {"url": "https://hooks.example.com/trades"})
        self.show("PUT", "/notifications/telegram", {"chat_id": "123456789"})
        self.deliver()
        code = self.world.chats.sent[-1][1].partition("code is ")[2].partition(".")[0]
        self.show("POST", "/notifications/telegram/confirm", {"code": code})
        self.show("PUT", "/notifications/sms", {"number": "+919876543210"})
        self.deliver()
        code = self.world.texts.sent[-1][1].partition("code is ")[2].partition(".")[0]
        self.show("POST", "/notifications/sms/confirm", {"code": code})
        kinds = {"bought": ["email", "webhook", "push"], "buy_accepted": []}
        self.show("PUT", "/notifications/preferences", {"kinds": kinds})
        self.show("GET", "/notifications/preferences")

    def _connect_broker(self) -> None:
        keys = self.world.exchange.open_account()
        secrets = {"api_key": keys.api_key, "api_secret": keys.api_secret}
        self.show("POST", "/broker/connect", secrets)
        login_url = self.show("GET", "/broker/login")["login_url"]
        self._come_back(keys.api_key, login_url, JSON)
        self._come_back(keys.api_key, self.ask("GET", "/broker/login")["login_url"], PAGE)
        postback_url = self.show("GET", "/broker")["postback_url"]
        path = str(postback_url).partition("/api/v1")[2]
        self.show("POST", path, _postback(keys.api_secret), token=None)
        self.ask("POST", "/auth/second-factor/verify", {"code": self.code()})
        second = self.show("POST", "/broker/accounts", {"name": "HUF"})["account_id"]
        self.show("PUT", f"/broker/accounts/{second}", {"name": "Family"})
        self.show("GET", "/broker/accounts")
        self.show("GET", "/account")
        self.show("DELETE", f"/broker/accounts/{second}")

    def _come_back(self, api_key: str, login_url: str, wanted: str) -> None:
        (redirect,) = parse_qs(urlsplit(login_url).query)["redirect_params"]
        query = {
            "request_token": self.world.exchange.issue_request_token(api_key),
            "state": parse_qs(redirect)["state"][0],
            "status": "success",
        }
        self.show("GET", "/broker/callback", token=None, query=query, headers={"Accept": wanted})

    def _let_others_in(self) -> None:
        key = {"name": "My spreadsheet", "scopes": ["read"], "code": self.code()}
        made = self.show("POST", "/account/keys", key)
        self.ask("GET", "/strategy", token=made["key"])
        self.show("GET", "/account/keys")
        self.show("DELETE", f"/account/keys/{made['key_id']}")
        accountant = self.world.register(ACCOUNTANT)
        invited = self.show("POST", "/account/viewers", {"name": "My accountant"})
        accepted = {"invitation": invited["invitation"]}
        account = self.show("POST", "/account/shared/accept", accepted, token=accountant)["account_id"]
        self.show("GET", "/account/viewers")
        self.show("GET", "/account/shared", token=accountant)
        self.show("DELETE", f"/account/shared/{account}", token=accountant)
        again = self.ask("POST", "/account/viewers", {"name": "My accountant"})
        self.show("DELETE", f"/account/viewers/{again['grant_id']}")

    # --- the trading day ----------------------------------------------------------------------------

    def _prepare(self) -> None:
        self.at("09:20:00")
        self.tick(time(9, 20), "3512.5")
        limits = {"daily_loss_limit": 5000, "weekly_loss_limit": 15000}
        self.show("PUT", "/risk/profile", limits)
        self.show("GET", "/instruments", query={"query": "tcs"})
        self.strategy_id = self.show("POST", "/strategy/create", _PLAN)["strategy_id"]
        self.show("PUT", f"/strategy/{self.strategy_id}", {**_PLAN, "stop_loss": 3460})
        self.show("POST", "/strategy/start", {"strategy_id": self.strategy_id})
        self.at("09:25:00")
        self.tick(time(9, 25), "3517.9")
        self.show("GET", f"/strategy/{self.strategy_id}/preflight")

    def _trade(self) -> None:
        self.at("09:28:30")
        self.tick(time(9, 28), "3521")
        self.command(OrderEvent.BUY, due=time(9, 30))
        self.at("09:32:00")
        self.tick(time(9, 32), "3534.5")
        self.show("GET", f"/strategy/status/{self.strategy_id}")
        self.show("GET", "/risk/profile")
        self.at("11:05:00")
        self.tick(time(11, 5), "3551.2")
        self.show("POST", "/strategy/square-off", {"strategy_id": self.strategy_id})
        self.workers.work()
        self.at("11:10:00")
        self._fill_minutes()
        for what in ("/candles", "/orders", "/timeline", ""):
            self.show("GET", f"/strategy/{self.strategy_id}{what}")
        self.show("GET", "/strategy")
        inbox = self.show("GET", "/notifications", query={"limit": "2"})
        for notice in reversed(inbox["notices"]):
            self.world.notice_delivery().hand_over(self.world.user_of(self.token), notice["notice_id"])
        self.show("GET", "/notifications/deliveries", query={"limit": "8"})
        self.show("POST", "/notifications/read")
        self.show("POST", "/risk/kill", {"reason": "results are due at noon"})
        self.workers.work()
        self.ask("POST", "/auth/second-factor/verify", {"code": self.code()})
        self.show("POST", "/risk/release")
        self.show("POST", "/strategy/stop", {"strategy_id": self.strategy_id})
        self.workers.work()
        self.at("15:45:00")
        self.command(OrderEvent.SNAPSHOT)
        self.show("GET", "/broker/book")

    def _fill_minutes(self) -> None:
        for minute, opened, closed in _MINUTES:
            at, first, last = instant_of(TODAY, minute), Decimal(opened), Decimal(closed)
            low, high = min(first, last) - Decimal("0.4"), max(first, last) + Decimal("0.6")
            self.world.runtime.put_candles([MinuteCandle("NSE", "TCS", 1, at, first, high, low, last, 58)])

    # --- the staff, and the end ---------------------------------------------------------------------

    def _administer(self) -> None:
        self.world.gauge.found = [QueueDepth("orders.fifo", 0, 0), QueueDepth("orders-priority.fifo", 0, 0)]
        token = self.world.register(ADMIN)
        trader, mine, admin = self.world.user_of(self.token), self.secret, self.world.user_of(token)
        self.secret = self.ask("POST", "/auth/second-factor", {"password": PASSWORD}, token=token)["secret"]
        self.ask("POST", "/auth/second-factor/confirm", {"code": self.code()}, token=token)
        self.world.database.roles[UUID(str(admin))] = {Role.ADMIN}
        person = {"email": ADMIN, "password": PASSWORD, "code": self.code()}
        token = self.ask("POST", "/auth/login", person, token=None)["token"]
        for path in ("/admin/health", "/admin/users", f"/admin/users/{trader}"):
            self.show("GET", path, token=token)
        for path, body in (
            ("/admin/kill", {"reason": "exchange trouble"}),
            ("/admin/release", {}),
            (f"/admin/users/{trader}/roles", {"role": "support"}),
            (f"/admin/users/{trader}/roles/withdraw", {"role": "support"}),
            (f"/admin/users/{trader}/lock", {"reason": "the owner called: a phone was stolen"}),
            (f"/admin/users/{trader}/unlock", {}),
        ):
            self.show("POST", path, {**body, "code": self.code()}, token=token)
        self.secret = mine

    def _close(self) -> None:
        # The lock has ended every login.
        person = {"email": TRADER, "password": _OTHER_PASSWORD, "device": "My phone", "code": self.code()}
        login = self.ask("POST", "/auth/login", person, token=None)
        self.token = login["token"]
        self.show("DELETE", f"/strategy/{self.strategy_id}")
        self.show("DELETE", "/broker")
        self.show("DELETE", "/notifications/telegram")
        self.show("DELETE", "/notifications/sms")
        self.show("DELETE", "/notifications/webhook")
        self.ask("PUT", f"/notifications/push/{login['device_id']}", {"token": _PHONE})
        self.show("DELETE", f"/notifications/push/{login['device_id']}")
        self.show("POST", "/auth/second-factor/remove", {"code": self.code()})
        self.show("DELETE", "/auth/devices")
        login = self.ask("POST", "/auth/login", {"email": TRADER, "password": _OTHER_PASSWORD}, token=None)
        self.show("POST", "/account/delete", {"password": _OTHER_PASSWORD}, token=login["token"])


def _postback(api_secret: str) -> dict[str, Any]:
    update = {
        "order_id": "220303000308932",
        "order_timestamp": "2026-11-20 08:05:25",
        "user_id": "MEM001",
        "status": "COMPLETE",
        "exchange": "NSE",
        "tradingsymbol": "TCS",
    }
    signed = f"{update['order_id']}{update['order_timestamp']}{api_secret}"
    return {**update, "checksum": hashlib.sha256(signed.encode()).hexdigest()}
