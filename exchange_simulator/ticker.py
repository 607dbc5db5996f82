"""The ticker: sockets, their subscriptions, and what is sent to whom when."""

import asyncio
import json
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, cast

from aiohttp import WSMsgType, web

from exchange_simulator.accounts import App
from exchange_simulator.clock import Clock
from exchange_simulator.engine.market import Market
from exchange_simulator.faults import FaultPlan
from exchange_simulator.wire.frames import HEARTBEAT, Mode, frame, packet

MAX_SOCKETS_PER_KEY = 3
MAX_TOKENS_PER_SOCKET = 3000
HEARTBEAT_S = 1.0
_QUEUED_FRAMES = 2000
_GOODBYE_S = 1.0
_REMEMBERED_TICKS = 2000
_MODES = frozenset({"ltp", "quote", "full"})


class Connection:
    """One open socket."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request, app: App) -> None:
        self.app = app
        self.modes: dict[int, Mode] = {}
        self._mute_until = 0.0
        self.frames_sent = 0
        self._socket = socket
        self._request = request
        self._queue: asyncio.Queue[tuple[float, bytes | str]] = asyncio.Queue(_QUEUED_FRAMES)

    def send(self, message: bytes | str, delay_s: float = 0.0) -> None:
        """Queue a frame; a client that does not keep up loses frames, as with the real feed."""
        if not self._queue.full():
            self._queue.put_nowait((asyncio.get_running_loop().time() + delay_s, message))

    def mute(self, seconds: float) -> None:
        """Send nothing for some time, heartbeats included; 0 means for ever. The connection stays open."""
        self._mute_until = asyncio.get_running_loop().time() + (seconds or float("inf"))

    async def close(self) -> None:
        """Say goodbye, for the shutdown of the server."""
        await self._socket.close(code=1001, message=b"server shutdown")

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def pump(self) -> None:
        """Send queued frames until cancelled or the peer is gone."""
        loop = asyncio.get_running_loop()
        while not self._socket.closed:
            due, message = await self._queue.get()
            if due > loop.time():
                await asyncio.sleep(due - loop.time())
            if loop.time() < self._mute_until:
                continue
            self.frames_sent += 1
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_str(message)


class Ticker:
    """All sockets of the exchange."""

    def __init__(self, clock: Clock, faults: FaultPlan, snapshot: Callable[[int], Market | None]) -> None:
        self._clock = clock
        self._faults = faults
        self._snapshot = snapshot
        self._connections: dict[str, list[Connection]] = defaultdict(list)
        self._changed: dict[int, Market] = {}
        self.emitted: dict[int, deque[tuple[int, int]]] = defaultdict(lambda: deque(maxlen=_REMEMBERED_TICKS))
        """The latest ticks of each token: when they were handed to the sockets (epoch ns), and the price in paise."""

    def connections(self, app: App | None = None) -> list[Connection]:
        """Open sockets, of one app or of all."""
        if app is not None:
            return list(self._connections[app.api_key])
        return [connection for group in self._connections.values() for connection in group]

    def is_full(self, app: App) -> bool:
        """Whether the app has all the sockets it may have."""
        return len(self._connections[app.api_key]) >= MAX_SOCKETS_PER_KEY

    def subscribed_tokens(self) -> set[int]:
        """Tokens that anybody watches."""
        return {token for connection in self.connections() for token in connection.modes}

    async def serve(self, request: web.Request, app: App) -> web.WebSocketResponse:
        """Run one socket until it closes."""
        socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20, timeout=_GOODBYE_S)
        await socket.prepare(request)
        connection = Connection(socket, request, app)
        self._connections[app.api_key].append(connection)
        pump = asyncio.create_task(connection.pump())
        heart = asyncio.create_task(_beat(connection))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._obey(connection, message.data)
        finally:
            self._connections[app.api_key].remove(connection)
            heart.cancel()
            pump.cancel()
            await asyncio.gather(heart, pump, return_exceptions=True)
        return socket

    def changed(self, market: Market) -> None:
        """Note a new tick; all those of one turn of the event loop leave together."""
        if not self._changed:
            asyncio.get_running_loop().call_soon(self.flush)
        self._changed[market.instrument.token] = market

    def flush(self) -> None:
        """Send the noted ticks: one frame per socket, with a packet for each instrument it watches."""
        changed, self._changed = self._changed, {}
        now = self._clock.now_ns()
        for token, market in changed.items():
            self.emitted[token].append((now, market.last))
        packets: dict[tuple[int, Mode], bytes] = {}
        for connection in self.connections():
            wanted = []
            for token, market in changed.items():
                mode = connection.modes.get(token)
                if mode is not None:
                    key = (token, mode)
                    if key not in packets:
                        packets[key] = packet(market, mode)
                    wanted.append(packets[key])
            if wanted:
                connection.send(frame(wanted), self._lag(connection.app))

    def send_text(self, app: App, kind: str, data: Any, delay_s: float = 0.0) -> None:
        """Send a text frame to every socket of a user."""
        message = json.dumps({"type": kind, "data": data})
        for connection in self._connections[app.api_key]:
            connection.send(message, delay_s + self._lag(app))

    async def close(self) -> None:
        """Close every socket, for the shutdown of the server."""
        await asyncio.gather(*(connection.close() for connection in self.connections()))

    def _lag(self, app: App) -> float:
        fault = self._faults.strike(app.user_id, "ws_lag")
        return fault.seconds("ms", 2000) if fault else 0.0

    def _obey(self, connection: Connection, text: str) -> None:
        """Carry out a client's message; one that makes no sense is answered with an error frame."""
        try:
            command = json.loads(text)
            action, value = command["a"], command["v"]
            if action == "subscribe":
                self._subscribe(connection, _tokens(value), None)
            elif action == "unsubscribe":
                for token in _tokens(value):
                    connection.modes.pop(token, None)
            elif action == "mode" and value[0] in _MODES:
                self._subscribe(connection, _tokens(value[1]), cast(Mode, value[0]))
            else:
                raise ValueError(f"unknown action {action!r}")
        except (ValueError, TypeError, KeyError, IndexError) as error:
            connection.send(json.dumps({"type": "error", "data": f"Invalid message: {error}"}))

    def _subscribe(self, connection: Connection, tokens: list[int], mode: Mode | None) -> None:
        """Watch tokens in a mode (None: keep the present one, quote for a new token) and send their last ticks."""
        fresh = [token for token in dict.fromkeys(tokens) if token not in connection.modes]
        if len(connection.modes) + len(fresh) > MAX_TOKENS_PER_SOCKET:
            reason = f"Too many tokens requested. Max permitted is {MAX_TOKENS_PER_SOCKET}."
            connection.send(json.dumps({"type": "error", "data": reason}))
            return
        first_ticks = []
        for token in dict.fromkeys(tokens):
            connection.modes[token] = mode or connection.modes.get(token, "quote")
            market = self._snapshot(token)
            if market is not None:
                first_ticks.append(packet(market, connection.modes[token]))
        if first_ticks:
            connection.send(frame(first_ticks))


async def _beat(connection: Connection) -> None:
    while True:
        connection.send(HEARTBEAT)
        await asyncio.sleep(HEARTBEAT_S)


def _tokens(value: Any) -> list[int]:
    if not isinstance(value, list) or not all(isinstance(token, int) for token in value):
        raise ValueError("tokens should be a list of integers")
    return value
