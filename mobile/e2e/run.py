"""`python -m mobile.e2e.run` starts the whole product and drives the built app in a headless Chromium against it, then
looks at every screen of a recorded day; with `--only pictures` it does only the latter, which needs no product."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console

from cdk.toolchain import bundled_node
from twin.api_client import ApiClient
from twin.app_server import INDEX, AppServer
from twin.console import Narrator
from twin.processes import REPOSITORY
from twin.running import Options, Twin
from twin.script import FUNDS, time_to_wait
from twin.stage import enter_feed
from twin.supervisor import run_twin

_STORY = REPOSITORY / "mobile" / "e2e" / "story.test.mjs"
_WAYS = REPOSITORY / "mobile" / "e2e" / "ways.test.mjs"
_LOOKS = REPOSITORY / "mobile" / "e2e" / "looks.test.mjs"
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_BUILT = REPOSITORY / "build" / "app"
_KEPT = REPOSITORY / "docs" / "app"
"""The pictures that a run is held against."""
_USERS = ("APP001", "APP002", "APP003")
_UNAVAILABLE = 2
_NO_API = "http://127.0.0.1:9"
"""Nobody answers there: what the screens show then is recorded."""
_TRADED = timedelta(minutes=4)
"""From the start until the story's last order."""


def main() -> int:
    """The exit code: 0 when the whole story held."""
    arguments = _parser().parse_args()
    browser = arguments.browser or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        print("[test-app] no Chromium here: install one (Debian: apt-get install chromium), or give --browser")  # noqa: T201
        return _UNAVAILABLE
    if not (_BUILT / INDEX).is_file():
        print("[test-app] the app is not built: make app")  # noqa: T201
        return _UNAVAILABLE
    if arguments.only == "pictures":
        return asyncio.run(_look(browser, arguments))
    return asyncio.run(_play(browser, arguments))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mobile.e2e.run", description=__doc__)
    parser.add_argument("--browser", help="path of a Chromium (default: the one on PATH)")
    parser.add_argument("--pictures", type=Path, help="take the pictures that have changed anew into this folder")
    parser.add_argument("--record", action="store_true", help="record the day anew that the pictures show")
    parser.add_argument(
        "--only", choices=["pictures"], help="look at the screens of the recorded day, and nothing else"
    )
    return parser


async def _play(browser: str, arguments: argparse.Namespace) -> int:
    narrator = Narrator(Console(width=140))
    if pause := time_to_wait(datetime.now(UTC), _TRADED):
        narrator.say(f"waits {pause.total_seconds():.0f} s: no order may live across midnight or 06:00 in India")
        await asyncio.sleep(pause.total_seconds())
    options = Options(state=REPOSITORY / "build" / "twin-app", app=_BUILT)
    async with run_twin(options, narrator) as twin:
        operator = ApiClient(twin.http, twin.api_url)
        await enter_feed(twin, operator)
        await twin.settled
        facts = _common(browser, arguments) | await _of(twin)
        return await _test(_STORY, facts) or await _test(_WAYS, facts) or await _test(_LOOKS, facts)


async def _look(browser: str, arguments: argparse.Namespace) -> int:
    server = AppServer(_BUILT)
    server.tell({"name": "twin", "apiUrl": _NO_API})
    url = await server.start(0)
    try:
        return await _test(_LOOKS, _common(browser, arguments) | {"app": url, "api": _NO_API})
    finally:
        await server.stop()


async def _test(file: Path, facts: dict[str, object]) -> int:
    node = str(bundled_node())
    tests = await asyncio.create_subprocess_exec(
        node, "--test", "--test-reporter=spec", str(file), env={**os.environ, "STORY": json.dumps(facts)}
    )
    try:
        return await tests.wait()
    finally:
        if tests.returncode is None:
            tests.terminate()


def _common(browser: str, arguments: argparse.Namespace) -> dict[str, object]:
    return {
        "browser": browser,
        "kept": str(_KEPT),
        "pictures": str(arguments.pictures.resolve()) if arguments.pictures else None,
        "differences": str(REPOSITORY / "build" / "app-pictures"),
        "isRecording": arguments.record,
        "measures": str(REPOSITORY / "build" / "app-measures.json"),
    }


async def _of(twin: Twin) -> dict[str, object]:
    callback = f"{twin.api_url}/api/v1/broker/callback"
    accounts = [await twin.exchange.open_account(user, funds=FUNDS, redirect_url=callback) for user in _USERS]
    return {
        "app": twin.app_url,
        "api": twin.api_url,
        "exchange": twin.exchange_address.url,
        "mailbox": twin.mailbox.url,
        "accounts": [{"key": one.api_key, "secret": one.api_secret, "token": one.access_token} for one in accounts],
    }


if __name__ == "__main__":
    sys.exit(main())
