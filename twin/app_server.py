"""Serves the built web app at a URL of its own, as a bucket behind a content network does in the cloud.

The app asks `/environment.json` which API it belongs to. Every unknown path is the app's own: its router reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from cdk.page_policy import page_policy
from twin.own_host import own_host_only

INDEX = "index.html"
HOW_TO_BUILD = "the app is not built: `make app` builds it, and the next `make run` serves it"
_IMMUTABLE = "public, max-age=31536000, immutable"
"""Of files whose name holds a hash of their content."""


class AppServer:
    """Answers with the files of `folder`, on loopback."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._environment: dict[str, Any] = {}
        self._runner: web.AppRunner | None = None

    @property
    def is_built(self) -> bool:
        """Whether there is anything to serve."""
        return (self._folder / INDEX).is_file()

    async def start(self, port: int) -> str:
        """Listen on loopback (0: any free port) and return the URL, which is also the origin browsers name."""
        application = web.Application(middlewares=[own_host_only])
        application.router.add_get("/environment.json", self._show_environment)
        application.router.add_get("/{path:.*}", self._show_file)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Add to what `/environment.json` answers: `name`, `apiUrl`, and of a simulated product `demo`."""
        self._environment |= facts

    async def _show_environment(self, _request: web.Request) -> web.StreamResponse:
        if "apiUrl" not in self._environment:
            return web.json_response({"message": "the API does not answer yet"}, status=503)
        return web.json_response(self._environment, headers={"Cache-Control": "no-store"})

    async def _show_file(self, request: web.Request) -> web.StreamResponse:
        wanted = (self._folder / request.match_info["path"]).resolve()
        is_file = wanted.is_relative_to(self._folder) and wanted.is_file()
        if not is_file and Path(request.match_info["path"]).suffix:
            return web.Response(status=404, text="Not Found")
        # A compressed neighbour (.gz) is sent to whoever takes it.
        answer = web.FileResponse(wanted if is_file else self._folder / INDEX)
        is_hashed = is_file and "_expo/static" in wanted.as_posix()
        answer.headers["Cache-Control"] = _IMMUTABLE if is_hashed else "no-cache"
        answer.headers.update(self._protection())
        return answer

    def _protection(self) -> dict[str, str]:
        """As the content network does."""
        return {
            "Content-Security-Policy": page_policy(self._environment.get("apiUrl", "")),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
