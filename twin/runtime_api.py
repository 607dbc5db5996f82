"""The Lambda Runtime API that one execution environment talks to (AWS Lambda documentation, custom runtimes).

Every environment has a server of its own, as in Lambda's sandbox: whoever calls is known by the port.
An answer leaves in one write on a socket without Nagle's delay (asyncio sets TCP_NODELAY), which is worth
40 ms an invocation.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

_PREFIX = "/2018-06-01/runtime"
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event on its way to a function. `deadline_ms` is in milliseconds since the epoch."""

    request_id: str
    function_arn: str
    payload: bytes
    deadline_ms: int
    trace_id: str

    def headers(self) -> dict[str, str]:
        """What the runtime client makes the function's context from."""
        return {
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(self.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self.function_arn,
            "Lambda-Runtime-Trace-Id": self.trace_id,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a function returned, or the error document of what it raised."""

    payload: bytes
    is_error: bool


class InitFailed(Exception):
    """The function's module could not be loaded; the message is the runtime's error document."""


class RuntimeApi:
    """Serves one environment: hands it one event at a time and takes its answers."""

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._events: asyncio.Queue[Invocation | None] = asyncio.Queue()
        self._answers: dict[str, asyncio.Future[Answer]] = {}
        self._connections: set[asyncio.Task[Any]] = set()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the environment asks for its first event; InitFailed when it reports that it cannot."""

    async def start(self) -> str:
        """Listen on a free loopback port and return `host:port`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def stop(self) -> None:
        """Listen no more and hang up. The environment's process has ended already."""
        self._events.put_nowait(None)
        if self._connections:
            await asyncio.wait(self._connections)
        if self._server is not None:
            self._server.close()

    def hand_over(self, invocation: Invocation) -> asyncio.Future[Answer]:
        """Give the environment its next event; the future holds its answer."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[invocation.request_id] = answer
        self._events.put_nowait(invocation)
        return answer

    def forget(self, request_id: str) -> None:
        """No answer to this event is awaited any more."""
        self._answers.pop(request_id, None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection is not None
        self._connections.add(connection)
        try:
            while True:
                method, path, body = await _read_request(reader)
                if method == "GET" and path == f"{_PREFIX}/invocation/next":
                    if not self.ready.done():
                        self.ready.set_result(None)
                    invocation = await self._events.get()
                    if invocation is None:
                        return
                    _write(writer, HTTPStatus.OK, invocation.payload, invocation.headers())
                else:
                    _write(writer, self._take(method, path, body), b'{"status":"OK"}\n')
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return  # the environment hung up: its process is watched by its owner
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
            self._connections.discard(connection)

    def _take(self, method: str, path: str, body: bytes) -> HTTPStatus:
        parts = path.removeprefix(_PREFIX).strip("/").split("/")
        match (method, *parts):
            case ("POST", "invocation", request_id, ("response" | "error") as kind):
                answer = self._answers.pop(request_id, None)
                if answer is None or answer.done():
                    return HTTPStatus.BAD_REQUEST
                answer.set_result(Answer(body, is_error=kind == "error"))
                return HTTPStatus.ACCEPTED
            case ("POST", "init", "error"):
                if not self.ready.done():
                    self.ready.set_exception(InitFailed(_message_of(body)))
                return HTTPStatus.ACCEPTED
        return HTTPStatus.NOT_FOUND


def _message_of(body: bytes) -> str:
    # The runtime client encodes this one document twice.
    document: Any = json.loads(body)
    document = json.loads(document) if isinstance(document, str) else document
    return f"{document.get('errorType')}: {document.get('errorMessage')}"


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.split("\r\n")
    method, path, _ = request_line.split(" ", 2)
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
    }
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return method, path, await _read_chunks(reader)
    return method, path, await reader.readexactly(int(headers.get("content-length", "0")))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return body


def _write(
    writer: asyncio.StreamWriter, status: HTTPStatus, body: bytes, headers: Mapping[str, str] | None = None
) -> None:
    fields = {"Content-Type": _JSON, "Content-Length": str(len(body)), **(headers or {})}
    head = f"HTTP/1.1 {status.value} {status.phrase}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
    writer.write(head.encode("latin-1") + b"\r\n" + body)
