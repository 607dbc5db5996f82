"""Where everything arrives that the product sends to people: mails, webhooks, Telegram messages, SMS and pushes, on
one page.

It speaks to the product what the real services speak, each to the adapter that also runs in the cloud: SES's API (v2,
SendEmail) under the address that AWS's own libraries read from `AWS_ENDPOINT_URL_SESV2`; Telegram's bot API
(sendMessage); Expo's push service (send, getReceipts); SNS's API (Publish to a phone) under an address of its own,
since notices leave by topics of the twin's AWS; and for webhooks, which go to the public internet over HTTPS alone, a
relay that is told whom they were meant for.
"""

from __future__ import annotations

import html
import itertools
import json
import re
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from aiohttp import web

from algotrading.domain.instants import instant_text
from algotrading.domain.sms_templates import LONGEST_VARIABLE, TEXTS, SmsTemplate
from twin.console import clock_time
from twin.own_host import own_host_only, own_pages_only

_KEPT = 500
_LINK = re.compile(r"https?://[^\s&<>\"']+")
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
article { border: 1px solid #8886; border-radius: 8px; padding: .75rem 1rem; margin: 1rem 0; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: .5rem 0 0; }
small { opacity: .7; }
@media (prefers-color-scheme: dark) { body { background: #111; color: #eee; } a { color: #8bf; } }
"""
_WITHOUT_APP = """the app is not built: make app builds it, and the next make run serves it here. Meanwhile """
_WITH_CODE = """the code of the mail, which follows the # in its link, goes into the token field of """
_PLACES_OF_THE_APP = {
    "/confirm": f"{_WITH_CODE}POST /api/v1/auth/register/confirm, beside the password that was chosen.",
    "/reset": f"{_WITH_CODE}POST /api/v1/auth/password/reset, beside the new password.",
    "/verify": f"{_WITH_CODE}POST /api/v1/auth/email/verify, beside the password of the account.",
    "/login": "POST /api/v1/auth/login takes e-mail and password.",
    "/forgot": "POST /api/v1/auth/password/forgot takes the e-mail, and has a link for a new password sent to it.",
}
"""Where the links of mails lead, and how to go on there without the app."""


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that arrived."""

    number: int
    at: datetime
    channel: str
    to: str
    subject: str
    text: str


class Mailbox:
    """Takes what is sent, and shows it on loopback."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._numbers = itertools.count(1)
        self._runner: web.AppRunner | None = None
        self.messages: deque[Message] = deque(maxlen=_KEPT)
        """The oldest first."""
        self.url = ""

    async def start(self, port: int = 0) -> str:
        """Listen on loopback (0: any free port) and return the URL of the page."""
        application = web.Application(middlewares=[own_host_only, own_pages_only])
        application.router.add_get("/", self._show)
        application.router.add_get("/messages", self._list)
        for path in _PLACES_OF_THE_APP:
            application.router.add_get(path, _explain)
        application.router.add_post("/v2/email/outbound-emails", self._take_mail)
        application.router.add_post("/telegram/bot{token}/sendMessage", self._take_chat)
        application.router.add_post("/push/--/api/v2/push/send", self._take_pushes)
        application.router.add_post("/push/--/api/v2/push/getReceipts", self._tell_receipts)
        application.router.add_post("/sms", self._take_sms)
        application.router.add_post("/sms/", self._take_sms)
        application.router.add_post("/webhook", self._take_webhook)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    def environment(self) -> dict[str, str]:
        """What leads AWS's own libraries here."""
        return {"AWS_ENDPOINT_URL_SESV2": self.url}

    def settings(self) -> dict[str, str]:
        """What leads the functions here."""
        return {
            "PUSH_API_URL": f"{self.url}/push",
            "SMS_API_URL": f"{self.url}/sms",
            "SMS_SENDER_ID": "ALGOTR",
            "SMS_ENTITY_ID": "1101000000000000000",
            "SMS_TEMPLATE_IDS": ",".join(f"{name}={number}" for name, number in _TEMPLATE_IDS.items()),
            "TELEGRAM_API_URL": f"{self.url}/telegram",
            "WEBHOOK_RELAY_URL": f"{self.url}/webhook",
        }

    def of(self, to: str, subject: str = "") -> list[Message]:
        """What arrived for an address, with a subject if one is given."""
        return [each for each in self.messages if each.to == to and subject in each.subject]

    def _keep(self, channel: str, to: str, subject: str, text: str) -> Message:
        message = Message(next(self._numbers), self._now(), channel, to, subject, text)
        self.messages.append(message)
        return message

    async def _take_mail(self, request: web.Request) -> web.Response:
        """As Amazon SES API v2 (SendEmail) has it."""
        body = await request.json()
        content = body["Content"]["Simple"]
        for to in body["Destination"]["ToAddresses"]:
            kept = self._keep("e-mail", to, content["Subject"]["Data"], content["Body"]["Text"]["Data"])
        return web.json_response({"MessageId": str(kept.number)})

    async def _take_chat(self, request: web.Request) -> web.Response:
        """As Telegram's bot API (sendMessage) has it."""
        body = await request.json()
        title, _, text = str(body["text"]).partition("\n")
        self._keep("Telegram", str(body["chat_id"]), title if text else "", text or title)
        return web.json_response({"ok": True, "result": {}})

    async def _take_pushes(self, request: web.Request) -> web.Response:
        """As Expo's push service has it: a ticket for each message, in their order."""
        tickets = []
        for each in await request.json():
            text = f"{each['body']}\n\n{json.dumps(each['data'])}"
            kept = self._keep("push", str(each["to"]), str(each["title"]), text)
            tickets.append({"status": "ok", "id": str(kept.number)})
        return web.json_response({"data": tickets})

    async def _take_sms(self, request: web.Request) -> web.Response:
        """As Amazon SNS API 2010-03-31 (Publish) has it, in the query protocol. A text that is not the one that it is
        registered as would reach nobody in India, so it is refused here."""
        asked = await request.post()
        attributes = {
            str(asked[name]): str(asked[f"{name.removesuffix('.Name')}.Value.StringValue"])
            for name in asked
            if name.startswith("MessageAttributes.entry.") and name.endswith(".Name")
        }
        text = str(asked["Message"])
        name = next((n for n, each in _TEMPLATE_IDS.items() if each == attributes.get("AWS.MM.SMS.TemplateId")), None)
        if name is None or not _is_text_of(name, text):
            return web.Response(status=400, text=_SMS_REFUSED, content_type="text/xml")
        kept = self._keep("SMS", str(asked["PhoneNumber"]), "", text)
        return web.Response(text=_SMS_TAKEN.format(kept.number), content_type="text/xml")

    async def _tell_receipts(self, request: web.Request) -> web.Response:
        """Everything that is here was handed on."""
        numbers = {str(each.number) for each in self.messages}
        asked = (await request.json())["ids"]
        return web.json_response({"data": {each: {"status": "ok"} for each in asked if each in numbers}})

    async def _take_webhook(self, request: web.Request) -> web.Response:
        body = await request.text()
        signed = {
            name: request.headers[name] for name in sorted(request.headers) if name.lower().startswith("webhook-")
        }
        head = "\n".join(f"{name.lower()}: {value}" for name, value in signed.items())
        kind = str(json.loads(body).get("type"))
        self._keep("webhook", request.headers["X-Meant-For"], kind, f"{head}\n\n{body}")
        return web.Response(status=204)

    async def _list(self, _request: web.Request) -> web.Response:
        rows = [{**asdict(each), "at": instant_text(each.at)} for each in self.messages]
        return web.Response(text=json.dumps(rows), content_type="application/json", headers=_HEADERS)

    async def _show(self, _request: web.Request) -> web.Response:
        shown = "".join(_article(each) for each in reversed(self.messages)) or "<p>Nothing has arrived yet.</p>"
        return _page(f"<h1>Mailbox</h1><p>Everything that this twin sends to people.</p>{shown}", refresh=True)


_SMS_TAKEN = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>{0}</MessageId>'
    "</PublishResult><ResponseMetadata><RequestId>{0}</RequestId></ResponseMetadata></PublishResponse>"
)
_SMS_REFUSED = (
    '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
    "<Code>InvalidParameter</Code><Message>not as it is registered</Message></Error><RequestId>0</RequestId>"
    "</ErrorResponse>"
)
_TEMPLATE_IDS = {template: f"{1107 * 10**15 + number}" for number, template in enumerate(SmsTemplate)}
"""What the twin's texts are registered as."""


def _is_text_of(template: SmsTemplate, text: str) -> bool:
    """Whether it is the registered text with its gaps filled, each by thirty characters at the most."""
    fixed = re.split(r"\{[a-z]+\}", TEXTS[template])
    return re.fullmatch(f".{{1,{LONGEST_VARIABLE}}}".join(map(re.escape, fixed)), text) is not None


_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


async def _explain(request: web.Request) -> web.Response:
    """Links lead here while no app is built."""
    return _page(f"<h1>Mailbox</h1><p>{html.escape(_WITHOUT_APP + _PLACES_OF_THE_APP[request.path])}</p>")


def _article(message: Message) -> str:
    head = f"{clock_time(message.at)} · {message.channel} to {message.to}"
    return (
        f"<article><small>{html.escape(head)}</small><br><strong>{html.escape(message.subject)}</strong>"
        f"<pre>{_LINK.sub(_anchor, html.escape(message.text))}</pre></article>"
    )


def _anchor(link: re.Match[str]) -> str:
    return f'<a href="{link[0]}">{link[0]}</a>'


def _page(body: str, *, refresh: bool = False) -> web.Response:
    again = '<meta http-equiv="refresh" content="5">' if refresh else ""
    text = f'<!doctype html><meta charset="utf-8">{again}<title>Mailbox</title><style>{_STYLE}</style>{body}'
    return web.Response(text=text, content_type="text/html", headers={**_HEADERS, "Content-Security-Policy": _POLICY})
