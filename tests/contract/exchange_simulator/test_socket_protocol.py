"""The ticker's socket on the wire: upgrades, subscriptions, frames, heartbeats, and the ways it fails."""

from __future__ import annotations

import asyncio
import json
import struct
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from exchange_simulator.accounts import App
from exchange_simulator.clock import NANOS
from exchange_simulator.engine.oms import Handling
from exchange_simulator.engine.order_request import OrderRequest
from exchange_simulator.money import paise
from exchange_simulator.server import ExchangeServer
from exchange_simulator.simulator import Options

INFY, SBIN, NIFTY = 408065, 779521, 256265
WAIT_S = 5.0


@pytest.fixture
async def server() -> AsyncIterator[ExchangeServer]:
    async with ExchangeServer(Options(rate_limits=False)) as running:
        for key in ("NSE:INFY", "NSE:SBIN", "NSE:NIFTY 50"):
            pin(running, key)
        yield running


class Sockets:
    """Opens sockets as a client does."""

    def __init__(self, server: ExchangeServer, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session
        self.opened: list[aiohttp.ClientWebSocketResponse] = []

    async def open(self, app: App, access_token: str | None = None) -> aiohttp.ClientWebSocketResponse:
        token = access_token or app.access_token
        socket = await self._session.ws_connect(f"{self._server.ws_url}?api_key={app.api_key}&access_token={token}")
        self.opened.append(socket)
        return socket


@pytest.fixture
async def sockets(server: ExchangeServer) -> AsyncIterator[Sockets]:
    async with aiohttp.ClientSession() as session:
        opener = Sockets(server, session)
        yield opener
        for socket in opener.opened:
            await socket.close()


@pytest.fixture
def app(server: ExchangeServer) -> App:
    return server.create_account("AB1234")


def pin(server: ExchangeServer, key: str, price: str | None = None) -> None:
    """Hold a price, the present one by default."""
    instrument = server.simulator.venue.instruments.find(key)
    assert instrument is not None
    last = server.simulator.venue.market(instrument).last
    server.simulator.venue.set_price(instrument, paise(price) if price else last, hold=True)


def place(server: ExchangeServer, app: App, **wish: Any) -> None:
    """Buy INFY at the market, past the HTTP layer."""
    venue = server.simulator.venue
    instrument = venue.instruments.find("NSE:INFY")
    assert instrument is not None
    fields = {"exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY", "quantity": 1, "product": "MIS"}
    request = OrderRequest.parse("regular", fields | {"order_type": "MARKET", "market_protection": -1} | wish)
    venue.multi_leg.place(app.trading, request, instrument, Handling(), venue.clock.now_ns())


async def next_of(socket: aiohttp.ClientWebSocketResponse, kind: WSMsgType, shortest: int = 2) -> Any:
    """The next message of a kind that is at least so long, which leaves heartbeats out."""
    async with asyncio.timeout(WAIT_S):
        while (message := await socket.receive()).type is not kind or len(message.data) < shortest:
            assert message.type in {WSMsgType.BINARY, WSMsgType.TEXT}, message
    return message.data


def packets(frame: bytes) -> list[bytes]:
    """A frame's packets."""
    [count] = struct.unpack(">H", frame[:2])
    found, at = [], 2
    for _ in range(count):
        [length] = struct.unpack(">H", frame[at : at + 2])
        found.append(frame[at + 2 : at + 2 + length])
        at += 2 + length
    assert at == len(frame)
    return found


async def test_bad_token_is_refused_with_403(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await sockets.open(app, "wrong")
    assert refusal.value.status == 403


async def test_fourth_socket_of_a_key_is_refused_with_429(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    first, *_ = [await sockets.open(app) for _ in range(3)]
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        await sockets.open(app)
    assert refusal.value.status == 429
    await first.close()
    assert not (await sockets.open(app)).closed


async def test_subscription_starts_in_quote_mode_and_changes_on_demand(
    server: ExchangeServer, sockets: Sockets, app: App
) -> None:
    socket = await sockets.open(app)
    await socket.send_str(json.dumps({"a": "subscribe", "v": [INFY, NIFTY]}))
    first = packets(await next_of(socket, WSMsgType.BINARY))
    assert [len(packet) for packet in first] == [44, 28]
    for mode, lengths in (("full", [184, 32]), ("ltp", [8, 8]), ("quote", [44, 28])):
        await socket.send_str(json.dumps({"a": "mode", "v": [mode, [INFY, NIFTY]]}))
        while [len(packet) for packet in packets(await next_of(socket, WSMsgType.BINARY))] != lengths:
            pass


async def test_repeated_subscription_changes_nothing(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    socket = await sockets.open(app)
    await socket.send_str(json.dumps({"a": "mode", "v": ["full", [INFY]]}))
    for _ in range(2):
        await socket.send_str(json.dumps({"a": "subscribe", "v": [INFY]}))
    for _ in range(3):
        assert len(await next_of(socket, WSMsgType.BINARY)) == 4 + 184
    [connection] = server.simulator.ticker.connections(app)
    assert connection.modes == {INFY: "full"}


async def test_price_set_now_is_sent_now(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    socket = await sockets.open(app)
    await socket.send_str(json.dumps({"a": "mode", "v": ["ltp", [INFY]]}))
    await next_of(socket, WSMsgType.BINARY)
    pin(server, "NSE:INFY", "1499.00")
    expected = struct.pack(">II", INFY, 149900)
    while packets(await next_of(socket, WSMsgType.BINARY)) != [expected]:
        pass
    emitted_ns, price = server.simulator.ticker.emitted[INFY][-1]
    assert (price, emitted_ns <= time.time_ns()) == (149900, True)


async def test_unsubscribed_instrument_is_silent(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    socket = await sockets.open(app)
    await socket.send_str(json.dumps({"a": "subscribe", "v": [INFY, SBIN]}))
    await next_of(socket, WSMsgType.BINARY)
    await socket.send_str(json.dumps({"a": "unsubscribe", "v": [INFY]}))
    await socket.send_str(json.dumps({"a": "mode", "v": ["ltp", [SBIN]]}))
    while len(packets(await next_of(socket, WSMsgType.BINARY))[0]) != 8:
        pass
    [connection] = server.simulator.ticker.connections(app)
    assert connection.modes == {SBIN: "ltp"}
    pin(server, "NSE:INFY")
    pin(server, "NSE:SBIN")
    assert [len(packet) for packet in packets(await next_of(socket, WSMsgType.BINARY))] == [8]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (json.dumps({"a": "subscribe", "v": list(range(1, 3002))}), "Max permitted is 3000"),
        ("not json", "Invalid message"),
        (json.dumps({"a": "subscribe", "v": ["x"]}), "list of integers"),
        (json.dumps({"a": "dance", "v": []}), "unknown action"),
        (json.dumps({"a": "mode", "v": 7}), "Invalid message"),
    ],
)
async def test_senseless_message_is_answered_with_an_error_frame(
    server: ExchangeServer, sockets: Sockets, app: App, text: str, reason: str
) -> None:
    socket = await sockets.open(app)
    await socket.send_str(text)
    answer = json.loads(await next_of(socket, WSMsgType.TEXT))
    assert answer["type"] == "error"
    assert reason in answer["data"]


async def test_idle_socket_gets_heartbeats_of_one_byte(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    socket = await sockets.open(app)
    async with asyncio.timeout(WAIT_S):
        beats = [await socket.receive_bytes() for _ in range(3)]
    assert beats == [b"\x00"] * 3


async def test_order_updates_reach_every_socket_of_the_user_and_no_other(
    server: ExchangeServer, sockets: Sockets, app: App
) -> None:
    mine = [await sockets.open(app) for _ in range(2)]
    stranger = await sockets.open(server.create_account("XY9999"))
    place(server, app, tag="mine")
    for socket in mine:
        update = json.loads(await next_of(socket, WSMsgType.TEXT))
        assert (update["type"], update["data"]["status"], update["data"]["tag"]) == ("order", "COMPLETE", "mine")
        assert len(update["data"]["checksum"]) == 64
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(next_of(stranger, WSMsgType.TEXT), 0.2)


async def collect_updates(socket: aiohttp.ClientWebSocketResponse, count: int) -> list[str]:
    return [json.loads(await next_of(socket, WSMsgType.TEXT))["data"]["tag"] for _ in range(count)]


async def test_updates_may_come_twice_late_or_never(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    socket = await sockets.open(app)
    faults = server.simulator.faults
    faults.arm("duplicate_updates")
    place(server, app, tag="twice")
    assert await collect_updates(socket, 2) == ["twice", "twice"]
    faults.arm("missing_updates")
    place(server, app, tag="never")
    await asyncio.sleep(0.02)
    faults.arm("reordered_updates", params={"ms": 100})
    place(server, app, tag="first")
    await asyncio.sleep(0.02)
    place(server, app, tag="second")
    assert await collect_updates(socket, 2) == ["second", "first"]


async def test_mute_socket_stays_open_and_says_nothing(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    socket = await sockets.open(app)
    await socket.send_str(json.dumps({"a": "subscribe", "v": [INFY]}))
    await next_of(socket, WSMsgType.BINARY)
    server.simulator.faults.arm("ws_mute")
    server.simulator.strike_sockets()
    await asyncio.sleep(0.1)
    sent = server.simulator.ticker.connections(app)[0].frames_sent
    pin(server, "NSE:INFY", "1490.00")
    await asyncio.sleep(1.2)
    assert server.simulator.ticker.connections(app)[0].frames_sent == sent
    assert not socket.closed


async def test_dropped_socket_sees_1006(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    socket = await sockets.open(app)
    server.simulator.faults.arm("ws_close_1006")
    server.simulator.strike_sockets()
    async with asyncio.timeout(WAIT_S):
        while (await socket.receive()).type not in {WSMsgType.CLOSED, WSMsgType.ERROR}:
            pass
    assert socket.close_code == 1006


async def test_reconnect_may_be_refused_once(server: ExchangeServer, sockets: Sockets, app: App) -> None:
    server.simulator.faults.arm("403_on_reconnect")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await sockets.open(app)
    assert not (await sockets.open(app)).closed


async def test_postback_is_posted_to_the_app(server: ExchangeServer) -> None:
    # given an app with a postback URL
    received: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def receive(request: web.Request) -> web.Response:
        received.put_nowait(await request.json())
        return web.Response()

    sink = web.Application()
    sink.router.add_post("/postback", receive)
    runner = web.AppRunner(sink)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    address = runner.addresses[0]
    app = server.create_account("PB0001", postback_url=f"http://127.0.0.1:{address[1]}/postback")
    # when an order is filled
    place(server, app)
    payload = await asyncio.wait_for(received.get(), WAIT_S)
    await runner.cleanup()
    # then the app is told, with the fields of the documentation
    assert (payload["status"], payload["user_id"], payload["unfilled_quantity"]) == ("COMPLETE", "PB0001", 0)
    assert payload["app_id"] == app.app_id


async def test_walking_prices_tick_about_five_times_a_second(
    server: ExchangeServer, sockets: Sockets, app: App
) -> None:
    socket = await sockets.open(app)
    await socket.send_str(json.dumps({"a": "subscribe", "v": [INFY]}))
    started = server.simulator.clock.now_ns()
    for _ in range(6):
        await next_of(socket, WSMsgType.BINARY)
    assert server.simulator.clock.now_ns() - started > 0.5 * NANOS
