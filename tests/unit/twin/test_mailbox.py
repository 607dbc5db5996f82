"""The mailbox: it takes what the cloud's own adapter sends, and shows it as text that can do nothing."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import aiohttp
import boto3
import pytest

from algotrading.adapters.ses_mailer import SesMailer
from algotrading.domain.mail import Mail, registered_mail, registration_mail, reset_mail, verification_mail
from twin.mailbox import Mailbox


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    made = Mailbox()
    await made.start()
    yield made
    await made.stop()


async def send(mailbox: Mailbox, mail: Mail, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        **mailbox.environment(),
        "AWS_ACCESS_KEY_ID": "1",
        "AWS_SECRET_ACCESS_KEY": "2",
        "AWS_DEFAULT_REGION": "ap-south-1",
    }.items():
        monkeypatch.setenv(name, value)
    client = cast(Any, boto3.client)("sesv2")
    await asyncio.to_thread(SesMailer(lambda: client, "mail@trader.in").send, mail)
    client.close()


async def page(mailbox: Mailbox, path: str = "/") -> tuple[str, Any]:
    async with aiohttp.ClientSession() as http, http.get(mailbox.url + path) as answer:
        return await answer.text(), answer.headers


async def test_what_the_adapter_sends_arrives(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    await send(mailbox, Mail("trader@example.com", "Hello", "äöü"), monkeypatch)

    [message] = mailbox.of("trader@example.com", "Hello")
    assert (message.channel, message.text) == ("e-mail", "äöü")
    assert mailbox.of("somebody@example.com") == []


async def test_the_links_of_a_mail_can_be_followed(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    await send(mailbox, reset_mail("trader@example.com", mailbox.url, "00.xx-_"), monkeypatch)

    shown, _ = await page(mailbox)

    assert f'<a href="{mailbox.url}/reset#00.xx-_">' in shown
    explained, _ = await page(mailbox, "/reset")
    assert "POST /api/v1/auth/password/reset" in explained


@pytest.mark.parametrize(
    ("write", "door"),
    [
        (lambda to, url: reset_mail(to, url, "00.xx"), "POST /api/v1/auth/password/reset"),
        (lambda to, url: registration_mail(to, url, "00.xx"), "POST /api/v1/auth/register/confirm"),
        (lambda to, url: verification_mail(to, url, "00.xx"), "POST /api/v1/auth/email/verify"),
        (registered_mail, "POST /api/v1/auth/login"),
        (registered_mail, "POST /api/v1/auth/password/forgot"),
    ],
)
async def test_every_link_of_a_mail_explains_itself_while_there_is_no_app(
    mailbox: Mailbox, write: Callable[[str, str], Mail], door: str
) -> None:
    places = re.findall(rf"{mailbox.url}(/[a-z]+)", write("trader@example.com", mailbox.url).text)

    explained = [(await page(mailbox, place))[0] for place in places]

    assert places
    assert all("make app builds it" in each for each in explained)
    assert any(door in each for each in explained)


async def test_what_arrives_is_shown_as_text(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = '<script>alert(1)</script> https://x"onmouseover=alert(1) '
    await send(mailbox, Mail("<b>@example.com", bad, bad), monkeypatch)

    shown, headers = await page(mailbox)

    assert "<script" not in shown
    assert "<b>" not in shown
    assert '"onmouseover' not in shown
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")


async def test_programs_read_it_too(mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await page(mailbox, "/messages"))[0] == "[]"

    await send(mailbox, Mail("trader@example.com", "Hello", "text"), monkeypatch)

    assert '"subject": "Hello"' in (await page(mailbox, "/messages"))[0]
