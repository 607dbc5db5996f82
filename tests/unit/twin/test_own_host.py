"""A page from elsewhere, open in a browser on this machine, reads nothing from the twin's servers and sends nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import create_autospec

import aiohttp
import pytest

from twin.app_server import AppServer
from twin.functions import Lambda
from twin.gateway import Gateway
from twin.mailbox import Mailbox
from twin.routing import RouteTable
from twin.wiring import CorsSpec

OWN = ("127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]:8081", "127.0.0.1")
FOREIGN = ("rebound.example.com:8081", "127.0.0.1.example.com", "localhost.example.com", "192.168.1.7:8081", "[", "")


@pytest.fixture(params=["mailbox", "app", "API"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "mailbox":
        mailbox = Mailbox()
        yield await mailbox.start()
        await mailbox.stop()
    elif request.param == "app":
        (tmp_path / "index.html").write_text("<title>app</title>")
        server = AppServer(tmp_path)
        yield await server.start(0)
        await server.stop()
    else:
        gateway = Gateway(RouteTable(()), CorsSpec((), (), (), 0, ()), create_autospec(Lambda), "000000000000")
        yield f"http://127.0.0.1:{await gateway.start(0)}"
        await gateway.stop()


@pytest.mark.parametrize("host", FOREIGN)
async def test_a_name_that_somebody_else_lets_point_here_is_refused(url: str, host: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(url, headers={"Host": host}) as answer:
        assert answer.status == 421
        assert "http://127.0.0.1" in (await answer.json())["message"]


@pytest.mark.parametrize("host", OWN)
async def test_this_machines_own_names_are_answered(url: str, host: str) -> None:
    async with aiohttp.ClientSession() as http, http.get(url, headers={"Host": host}) as answer:
        assert answer.status in {200, 404}


@pytest.mark.parametrize(
    ("origin", "status"),
    [("https://elsewhere.example.com", 403), ("null", 403), ("http://127.0.0.1:8081", 200), (None, 200)],
)
async def test_a_page_from_elsewhere_puts_nothing_into_the_mailbox(origin: str | None, status: int) -> None:
    mailbox = Mailbox()
    url = await mailbox.start()
    headers = {} if origin is None else {"Origin": origin}
    said = {"chat_id": "42", "text": "hello"}
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{url}/telegram/bot1/sendMessage", json=said, headers=headers) as answer,
        ):
            assert answer.status == status
        assert len(mailbox.messages) == (1 if status == 200 else 0)
    finally:
        await mailbox.stop()
