"""MiniStack served as the twin's AWS: one socket, no background life of its own, a long poll that wakes at once.

Run as `python -m twin.emulator FD` with a listening loopback socket inherited under that descriptor.

The emulator is an ASGI application; two things about it are put right here, without touching its code:

- Its start-up event opens further listeners and starts a sweep that fires schedules at functions of its
  own. This server answers that event itself, so that the emulator only ever answers requests.
- Its long poll looks for messages every 100 ms. SQS answers a waiting consumer at once. A receive that
  wants to wait is asked again without waiting whenever any request has changed a queue, so a measured
  delay is the product's and not the emulator's.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

Message = dict[str, Any]
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

RECHECK_SECONDS = 0.5
"""How often a waiting receive looks for messages that time alone made visible again."""

_CHANGES_A_QUEUE = frozenset(
    b"AmazonSQS." + action
    for action in (
        b"SendMessage",
        b"SendMessageBatch",
        b"DeleteMessage",
        b"DeleteMessageBatch",
        b"ChangeMessageVisibility",
        b"ChangeMessageVisibilityBatch",
    )
)


class PromptLongPoll:
    """ASGI middleware around the emulator, see the module."""

    def __init__(self, emulator: Application) -> None:
        self._emulator = emulator
        self._changed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection scope."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
            return
        target = dict(scope.get("headers", ())).get(b"x-amz-target")
        if target == b"AmazonSQS.ReceiveMessage":
            await self._receive_message(scope, await _read_body(receive), send)
            return
        await self._emulator(scope, receive, send)
        if target in _CHANGES_A_QUEUE:
            self._changed.set()
            self._changed = asyncio.Event()

    async def _receive_message(self, scope: Scope, body: bytes, send: Send) -> None:
        request = json.loads(body)
        deadline = time.monotonic() + float(request.get("WaitTimeSeconds") or 0)
        payload = json.dumps({**request, "WaitTimeSeconds": 0}).encode()
        while True:
            changed = self._changed
            answer = await _ask(self._emulator, scope, payload)
            left = deadline - time.monotonic()
            if left <= 0 or not _is_empty(answer):
                break
            try:
                await asyncio.wait_for(changed.wait(), min(left, RECHECK_SECONDS))
            except TimeoutError:
                continue
        for message in answer:
            await send(message)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return


async def _read_body(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _ask(application: Application, scope: Scope, body: bytes) -> list[Message]:
    """The messages `application` would send in answer to `body`."""
    answer: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        answer.append(message)

    headers = [
        (name, str(len(body)).encode() if name == b"content-length" else value) for name, value in scope["headers"]
    ]
    await application({**scope, "headers": headers}, receive, send)
    return answer


def _is_empty(answer: list[Message]) -> bool:
    """Whether this is a successful receive that brought nothing."""
    status = next((m["status"] for m in answer if m["type"] == "http.response.start"), None)
    body = b"".join(m.get("body", b"") for m in answer if m["type"] == "http.response.body")
    return status == 200 and not json.loads(body).get("Messages")


def main(descriptor: int) -> None:
    """Serve until terminated."""
    from ministack.app import app

    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = 600
    config.graceful_timeout = 0  # it keeps nothing, and whoever polled it has gone
    config.loglevel = "WARNING"
    asyncio.run(_serve(app, config))


async def _serve(app: Application, config: Config) -> None:
    asyncio.get_running_loop().set_exception_handler(_log_unless_cancelled)
    # hypercorn's own type for ASGI applications is narrower than the protocol.
    await serve(PromptLongPoll(app), config)  # type: ignore[arg-type]


def _log_unless_cancelled(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Connections that are cut at the end are no fault, though asyncio before 3.12 reports each as one."""
    if not isinstance(context.get("exception"), asyncio.CancelledError):
        loop.default_exception_handler(context)


if __name__ == "__main__":
    main(int(sys.argv[1]))
