"""What stands before any session can be played: people with a broker, a watcher that sees, markets."""

from __future__ import annotations

import asyncio
from decimal import Decimal

from twin.api_client import ApiClient, Login, naming
from twin.mailbox import Mailbox
from twin.running import Twin
from twin.script import FUNDS, Market

FEED_BROKER_USER = "FEED01"
_LOOK_SECONDS = 0.05
_READY_SECONDS = 20.0
_MAIL_SECONDS = 30.0
_PAUSE_SECONDS = 0.25


class SessionFailed(Exception):
    """The session could not be played; the message says what did not happen."""


async def enter(twin: Twin, person: ApiClient, login: Login, broker_user: str, *, funds: int) -> str:
    """Open an account for somebody and log them in to one of their own at the broker, whose order updates come to us;
    its user id there."""
    await open_account(twin, person, login)
    return await connect(twin, person, broker_user, funds=funds)


async def open_second_account(twin: Twin, person: ApiClient, name: str, broker_user: str, *, funds: int) -> str:
    """Open one more account of a person's, and connect it to one of its own at the broker; its id among us."""
    opened = await person.call("POST", "/api/v1/broker/accounts", {"name": name})
    await connect(twin, person, broker_user, funds=funds, account_id=opened["account_id"])
    return str(opened["account_id"])


async def connect(twin: Twin, person: ApiClient, broker_user: str, *, funds: int, account_id: str | None = None) -> str:
    """Open an account at the broker, and connect it as a browser does, the default one or another of the person's; its
    user id there."""
    callback = f"{twin.api_url}/api/v1/broker/callback"
    account = await twin.exchange.open_account(broker_user, funds=funds, redirect_url=callback)
    connected = await person.connect_broker(account, account_id)
    postback_url = (await person.call("GET", f"/api/v1/broker{naming(account_id)}"))["postback_url"]
    await twin.exchange.post_updates_to(account.user_id, postback_url)
    return connected


async def enter_feed(twin: Twin, operator: ApiClient) -> str:
    """Enter the account whose connection feeds the prices; its e-mail address."""
    email = twin.wiring.watcher_environment["FEED_ACCOUNT_EMAIL"]
    await enter(twin, operator, Login.fresh(email), FEED_BROKER_USER, funds=FUNDS)
    return email


async def open_account(twin: Twin, person: ApiClient, login: Login) -> None:
    """Register somebody, open the account by the link that is mailed, and log in. Raises SessionFailed when no mail
    comes."""
    await person.register(login)
    for _ in range(int(_MAIL_SECONDS / _LOOK_SECONDS)):
        if mails := twin.mailbox.of(login.email, "Confirm your e-mail"):
            await person.confirm(mails[-1].text.partition("/confirm#")[2].split()[0], login)
            await person.log_in(login)
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise SessionFailed(f"no mail to confirm {login.email} came within {_MAIL_SECONDS:.0f} s")


async def open_channels(
    person: ApiClient, mailbox: Mailbox, *, chat: str, webhook: str, phone: str, mobile: str
) -> None:
    """Have notices sent to a webhook, a phone, a chat and a mobile number, too. Raises SessionFailed when a code does
    not come."""
    [device] = (await person.call("GET", "/api/v1/auth/devices"))["devices"]
    await person.call("PUT", f"/api/v1/notifications/push/{device['device_id']}", {"token": phone})
    await person.call("PUT", "/api/v1/notifications/webhook", {"url": webhook})
    await person.call("PUT", "/api/v1/notifications/telegram", {"chat_id": chat})
    await person.call("PUT", "/api/v1/notifications/sms", {"number": mobile})
    for channel, to in (("telegram", chat), ("sms", mobile)):
        code = await _code_for(to, mailbox)
        await person.call("POST", f"/api/v1/notifications/{channel}/confirm", {"code": code})


async def _code_for(to: str, mailbox: Mailbox) -> str:
    for _ in range(int(_MAIL_SECONDS / _LOOK_SECONDS)):
        if codes := mailbox.of(to):
            return codes[-1].text.partition("code is ")[2].partition(".")[0]
        await asyncio.sleep(_LOOK_SECONDS)
    raise SessionFailed(f"no code came to the chat or the mobile number within {_MAIL_SECONDS:.0f} s")


async def wait_for_messages(person: ApiClient) -> int:
    """Wait until all that the person was told has reached every channel that is to have it; how many messages that
    were. Raises SessionFailed."""
    for _ in range(int(_MAIL_SECONDS / _LOOK_SECONDS)):
        told = (await person.call("GET", "/api/v1/notifications?limit=200"))["notices"]
        log = (await person.call("GET", "/api/v1/notifications/deliveries?limit=200"))["deliveries"]
        arrived = [each for each in log if each["state"] == "delivered"]
        by_webhook = {each["notice_id"] for each in arrived if each["channel"] == "webhook"}
        if len(arrived) == len(log) and by_webhook == {each["notice_id"] for each in told}:
            return len(arrived)
        await asyncio.sleep(_PAUSE_SECONDS)
    raise SessionFailed(f"not every message arrived within {_MAIL_SECONDS:.0f} s: {log}")


async def wait_for_watcher(twin: Twin) -> None:
    """Wait for all of them. Raises SessionFailed when one does not come to the exchange."""
    for _ in range(int(_READY_SECONDS / _LOOK_SECONDS)):
        if await twin.exchange.sockets(FEED_BROKER_USER) >= len(twin.watchers.each):
            return
        await asyncio.sleep(_LOOK_SECONDS)
    raise SessionFailed(f"the watcher did not connect to the exchange within {_READY_SECONDS:.0f} s")


async def find_market(twin: Twin, person: ApiClient, symbol: str) -> Market:
    """An NSE instrument as the API tells of it, with its price now."""
    found = await person.call("GET", f"/api/v1/instruments?query={symbol}")
    row = next(r for r in found["instruments"] if (r["exchange"], r["symbol"]) == ("NSE", symbol))
    tick = await twin.exchange.last_tick(symbol)
    return Market(symbol, Decimal(str(row["tick_size"])), Decimal(str(tick["last_price"])))
