"""What the gateway of this machine tells a browser's page."""

from __future__ import annotations

from unittest.mock import create_autospec

import aiohttp
import pytest

from twin.functions import Lambda
from twin.gateway import Gateway
from twin.routing import RouteTable
from twin.wiring import CorsSpec

PAGE = "http://127.0.0.1:8081"
CORS = CorsSpec((PAGE,), ("GET", "PUT"), ("authorization", "if-match"), 60, ("etag", "retry-after"))


@pytest.mark.parametrize(
    ("origin", "told"), [(PAGE, (PAGE, "etag,retry-after")), ("http://elsewhere", (None, None)), (None, (None, None))]
)
async def test_a_page_of_ours_may_read_what_the_template_exposes(
    origin: str | None, told: tuple[str | None, str | None]
) -> None:
    gateway = Gateway(RouteTable(()), CORS, create_autospec(Lambda), "000000000000")
    port = await gateway.start(0)
    headers = {} if origin is None else {"Origin": origin}
    try:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"http://127.0.0.1:{port}/nothing", headers=headers) as got,
        ):
            names = ("Access-Control-Allow-Origin", "Access-Control-Expose-Headers")
            allowed, exposed = (got.headers.get(name) for name in names)
    finally:
        await gateway.stop()

    assert (allowed, exposed) == told
