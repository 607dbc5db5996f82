"""The web app's server: its files, the app's own paths, the document that names the API, and what a page may do."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from twin.app_server import AppServer
from twin.supervisor import open_to
from twin.wiring import CorsSpec, Wiring

SCRIPT = "_expo/static/js/web/entry-1.js"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A built app, with a secret beside it."""
    folder = tmp_path / "app"
    (folder / SCRIPT).parent.mkdir(parents=True)
    (folder / "index.html").write_text("<title>app</title>")
    (folder / SCRIPT).write_text("run()")
    (folder / f"{SCRIPT}.gz").write_bytes(gzip.compress(b"run()"))
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.fixture
async def server(built: Path) -> AsyncIterator[AppServer]:
    made = AppServer(built)
    yield made
    await made.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def test_a_folder_without_a_page_is_not_built(tmp_path: Path) -> None:
    assert not AppServer(tmp_path).is_built


async def test_every_path_of_the_app_is_its_page_and_a_missing_file_is_missing(
    server: AppServer, http: aiohttp.ClientSession
) -> None:
    url = await server.start(0)
    for path in ("/", "/strategy/1/timeline"):
        async with http.get(url + path) as page:
            assert (page.status, await page.text()) == (200, "<title>app</title>")
            assert page.headers["Cache-Control"] == "no-cache"
    async with http.get(f"{url}/missing.png") as missing:
        assert missing.status == 404


async def test_a_hashed_file_is_kept_by_browsers_and_comes_compressed(
    server: AppServer, http: aiohttp.ClientSession
) -> None:
    url = await server.start(0)
    async with http.get(f"{url}/{SCRIPT}") as script:
        assert await script.text() == "run()"
        assert script.headers["Content-Encoding"] == "gzip"
        assert "immutable" in script.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["/../secret.txt", "/%2e%2e/secret.txt", "/_expo/..%2f..%2f..%2fsecret.txt"])
async def test_nothing_outside_of_the_folder_is_served(
    server: AppServer, http: aiohttp.ClientSession, path: str
) -> None:
    url = await server.start(0)
    async with http.get(URL(url + path, encoded=True)) as answer:
        assert "secret" not in await answer.text()


async def test_the_app_learns_its_api_once_there_is_one_and_may_call_no_other(
    server: AppServer, http: aiohttp.ClientSession
) -> None:
    url = await server.start(0)
    async with http.get(f"{url}/environment.json") as early:
        assert early.status == 503
    server.tell({"name": "twin", "apiUrl": "http://127.0.0.1:1"})
    async with http.get(f"{url}/environment.json") as environment:
        assert await environment.json() == {"name": "twin", "apiUrl": "http://127.0.0.1:1"}
    async with http.get(url) as page:
        policy = page.headers["Content-Security-Policy"]
    assert "connect-src 'self' http://127.0.0.1:1;" in policy
    assert "script-src 'self';" in policy


def test_the_apps_origin_is_added_to_those_that_may_call() -> None:
    wiring = Wiring({}, (), CorsSpec(("http://localhost:8081",), ("GET",), ("authorization",), 60), (), (), (), {})
    opened = open_to(wiring, "http://127.0.0.1:2")
    assert opened.cors.origins == ("http://localhost:8081", "http://127.0.0.1:2")
    assert opened.cors.methods == ("GET",)
