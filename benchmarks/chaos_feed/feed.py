"""A broker's socket and quotes that misbehave as they are told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from random import Random
from struct import pack
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
    ws_create_server,
)

from benchmarks.chaos_feed.market import SENTINEL, Market
from benchmarks.watcher.task import frame, message, packet
from fargate_listener.kite_socket import LARGEST_FRAME

STEP_SECONDS: Final = 0.05
_PACKETS: Final = 12
_LATE_SECONDS: Final = 15.0
_STALE_SECONDS: Final = 30
_PACE_SECONDS: Final = 1.0
"""The broker answers one request for quotes a second, per key."""
_FULL, _INDEX = 184, 32
_FULL_STAMP_AT, _INDEX_STAMP_AT = 60, 28


class Feed:
    """Sends what the market does to whoever is connected, in the way of the present `scenario`."""

    def __init__(self, market: Market, seed: int) -> None:
        self.market = market
        self.scenario = ""
        self.url = self.api_url = ""
        self.quotes_answered = self.quotes_refused = self.dials = 0
        self._dice = Random(f"feed {seed}")
        self._peers: list[_Peer] = []
        self._frozen: dict[int, int] = {}
        self._answered_at = float("-inf")
        self._steps = 0
        self._torn_apart: list[tuple[_Peer, bytes]] = []
        self._servers: list[asyncio.Server] = []
        self._lines: set[asyncio.StreamWriter] = set()
        """Connections that ask for quotes."""
        self._ways: dict[str, Callable[[Sequence[int]], None]] = {
            "mute": lambda _moved: None,
            "frozen": lambda moved: self._show({token: self._frozen[token] for token in moved}),
            "refused with 403": lambda _moved: None,
            "late by 15 s": lambda _moved: self._show_late(),
            "prices of another market": lambda moved: self._show(_elsewhere(self._of(moved))),
            "garbage": self._with_garbage,
            "oversized frames": self._with_oversized,
            "torn frames": self._torn,
            "zero prices": lambda moved: self._beside(moved, dict.fromkeys(self.market.tokens, 0)),
            "absurd prices": lambda moved: self._beside(moved, {t: self._absurd(t) for t in self.market.tokens}),
            "stale and future stamps in full packets": self._with_stamps,
            "three reconnects a second": self._reconnecting,
        }

    async def serve(self) -> None:
        """Listen on loopback until closed."""
        sockets = await ws_create_server(self._accept, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{sockets.sockets[0].getsockname()[1]}"
        quotes = await asyncio.start_server(self._answer_quotes, "127.0.0.1", 0)
        self._servers = [sockets, quotes]
        self.api_url = f"http://127.0.0.1:{quotes.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Hang up, and listen no longer."""
        for server in self._servers:
            server.close()
        self._drop_all()
        for line in list(self._lines):
            line.close()
        await asyncio.sleep(0.05)  # what was told to close does so in a later turn of the loop

    def begin(self, scenario: str) -> None:
        """From now on the feed behaves like this."""
        self.scenario = scenario
        self._frozen = dict(self.market.prices)
        if scenario == "half-open":
            for peer in self._peers:
                peer.is_dead = True
        if scenario == "refused with 403":
            self._drop_all()

    def tell(self, moved: Sequence[int]) -> None:
        """One step of the market. Once a second a heartbeat, and the sentinel with the exchange's time."""
        self._write_rest()
        self._steps += 1
        if self._steps % round(1 / STEP_SECONDS) == 0:
            self._broadcast(b"\x00")
            if self.scenario not in {"mute", "frozen"}:
                self._broadcast(frame([self._index()]))
        tell = self._ways.get(self.scenario)
        if tell is None:
            self._show(self._of(moved))
        else:
            tell(moved)

    # --- ways of telling ----------------------------------------------------------------------------

    def _of(self, moved: Iterable[int]) -> dict[int, int]:
        return {token: self.market.prices[token] for token in moved}

    def _show(self, prices: Mapping[int, int]) -> None:
        for each in _frames(prices):
            self._broadcast(each)

    def _show_late(self) -> None:
        for prices in self.market.moves_before(time.monotonic() - _LATE_SECONDS, 1):
            self._show(prices)

    def _with_garbage(self, moved: Sequence[int]) -> None:
        self._show(self._of(moved))
        dice = self._dice
        claimed = pack(">H", dice.randrange(65_536)) + dice.randbytes(dice.randrange(200))
        self._broadcast(dice.choice([dice.randbytes(dice.randrange(1, 300)), claimed]))
        if self._steps % 7 == 0:
            self._broadcast(b'{"type": ' + dice.randbytes(5).hex().encode(), WSMsgType.TEXT)
        if self._steps % 80 == 0:
            self._broadcast(dice.randbytes(20), WSMsgType.CONTINUATION)

    def _with_oversized(self, moved: Sequence[int]) -> None:
        self._show(self._of(moved))
        if self._steps % 60 == 0:
            self._broadcast(bytes(LARGEST_FRAME + 1))

    def _torn(self, moved: Sequence[int]) -> None:
        """One step's stream in two pieces; every third message in fragments."""
        stream = b"".join(
            message(each) if number % 3 else _fragments(each, self._dice.randrange(1, len(each)))
            for number, each in enumerate(_frames(self._of(moved)), start=self._steps)
        )
        at = self._dice.randrange(len(stream) + 1)
        self._torn_apart = [(peer, stream[at:]) for peer in self._living()]
        for peer, _ in self._torn_apart:
            peer.write(stream[:at])
        asyncio.get_running_loop().call_later(STEP_SECONDS / 4, self._write_rest)

    def _write_rest(self) -> None:
        """A stream goes on where it broke off, before anything else comes."""
        for peer, rest in self._torn_apart:
            peer.write(rest)
        self._torn_apart = []

    def _beside(self, moved: Sequence[int], nonsense: Mapping[int, int]) -> None:
        """The true prices before and after such that mean nothing."""
        self._show(self._of(moved))
        self._show(nonsense)

    def _absurd(self, token: int) -> int:
        lowest, highest = self.market.limits(token)
        return self._dice.choice([1, lowest - 1, highest + 1, 2**31, 2**32 - 1])

    def _with_stamps(self, moved: Sequence[int]) -> None:
        """The truth of this second, then a price at which every stop would be hit, of half a minute ago. In packets of
        mode full: those of mode ltp, in which the watcher subscribes shares, have no stamp, and TCP keeps their order.
        """
        now = int(time.time())
        for token in moved:
            price, bait = self.market.prices[token], int(self.market.first[token] * 0.85)
            ahead = now + (3_600 if self._dice.random() < 0.3 else 0)
            packets = [_stamped(token, price, ahead), _stamped(token, price, now)]
            self._broadcast(frame([*packets, _stamped(token, bait, now - _STALE_SECONDS)]))

    def _reconnecting(self, moved: Sequence[int]) -> None:
        self._show(self._of(moved))
        if self._steps % round(1 / (3 * STEP_SECONDS)) == 0:
            self._drop_all()

    def _index(self) -> bytes:
        late = _LATE_SECONDS if self.scenario == "late by 15 s" else 0.0
        body = pack(">II", SENTINEL, 2_000_000 + self._steps % 1_000) + bytes(_INDEX_STAMP_AT - 8)
        return pack(">H", _INDEX) + body + pack(">I", int(time.time() - late))

    # --- sockets ------------------------------------------------------------------------------------

    def _accept(self, _request: WSUpgradeRequest) -> WSListener | WSUpgradeResponseWithListener:
        if self.scenario == "refused with 403":
            refusal = WSUpgradeResponse.create_error_response(HTTPStatus.FORBIDDEN)
            return WSUpgradeResponseWithListener(refusal, None)
        self.dials += 1
        return _Peer(self)

    def greet(self, peer: _Peer, tokens: Iterable[int]) -> None:
        """What is known of instruments that were just subscribed to. Late feeds are late here too."""
        known = self._frozen if self.scenario in {"frozen", "late by 15 s", "mute"} else self.market.prices
        if self.scenario == "prices of another market":
            known = _elsewhere(known)
        if self.scenario != "mute":
            for each in _frames({token: known[token] for token in tokens if token in known}):
                peer.send(each)

    def joined(self, peer: _Peer) -> None:
        """It is connected."""
        self._peers.append(peer)

    def left(self, peer: _Peer) -> None:
        """It is not."""
        with suppress(ValueError):
            self._peers.remove(peer)

    def _living(self) -> list[_Peer]:
        return [peer for peer in self._peers if not peer.is_dead]

    def _broadcast(self, payload: bytes, kind: WSMsgType = WSMsgType.BINARY, *, fin: bool = True) -> None:
        for peer in self._living():
            peer.send(payload, kind, fin=fin)

    def _drop_all(self) -> None:
        for peer in list(self._peers):
            peer.drop()

    # --- quotes -------------------------------------------------------------------------------------

    async def _answer_quotes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            while True:
                request = await reader.readuntil(b"\r\n\r\n")
                target = request.split(b" ", 2)[1].decode()
                status, document = self._quotes(parse_qs(urlsplit(target).query).get("i", []))
                body = json.dumps(document).encode()
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        self._lines.discard(writer)
        writer.close()

    def _quotes(self, keys: Sequence[str]) -> tuple[str, dict[str, Any]]:
        now = time.monotonic()
        if now - self._answered_at < _PACE_SECONDS:
            self.quotes_refused += 1
            refusal = {"status": "error", "message": "Too many requests", "error_type": "NetworkException"}
            return "429 Too Many Requests", refusal
        self._answered_at = now
        self.quotes_answered += 1
        rows = {key: self._row((int(key.removeprefix("NSE:S")) << 8) | 1) for key in keys}
        return "200 OK", {"status": "success", "data": rows}

    def _row(self, token: int) -> dict[str, Any]:
        lowest, highest = self.market.limits(token)
        return {
            "instrument_token": token,
            "last_price": self.market.prices[token] / 100,
            "lower_circuit_limit": lowest / 100,
            "upper_circuit_limit": highest / 100,
        }


class _Peer(WSListener):
    """One watcher's connection."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._transport: WSTransport | None = None
        self.is_dead = False
        """Nothing comes from here any more, and nobody says so."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        self._feed.joined(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type is WSMsgType.TEXT:
            asked = json.loads(frame.get_payload_as_utf8_text())
            if asked["a"] == "subscribe":
                self._feed.greet(self, asked["v"])

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - the signature of picows
        self._feed.left(self)

    def send(self, payload: bytes, kind: WSMsgType = WSMsgType.BINARY, *, fin: bool = True) -> None:
        """A frame, unless nothing comes from here."""
        if self._transport is not None and not self.is_dead:
            self._transport.send(kind, payload, fin)

    def write(self, piece: bytes) -> None:
        """Bytes of the stream as they are."""
        if self._transport is not None and not self.is_dead:
            self._transport.underlying_transport.write(piece)

    def drop(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)


def _elsewhere(prices: Mapping[int, int]) -> dict[int, int]:
    """A twentieth higher, and moving as the true ones do."""
    return {token: price * 21 // 20 for token, price in prices.items()}


def _frames(prices: Mapping[int, int]) -> Iterator[bytes]:
    packets = [packet("ltp", token, price) for token, price in prices.items()]
    for begin in range(0, len(packets), _PACKETS):
        yield frame(packets[begin : begin + _PACKETS])


def _fragments(payload: bytes, at: int) -> bytes:
    """A message in two frames (RFC 6455, section 5.4): the first says that it goes on, the second that it ends."""
    first, second = bytearray(message(payload[:at])), bytearray(message(payload[at:]))
    first[0], second[0] = 0x02, 0x80
    return bytes(first + second)


def _stamped(token: int, price: int, stamp: int) -> bytes:
    body = pack(">II", token, price) + bytes(_FULL_STAMP_AT - 8) + pack(">I", stamp)
    return pack(">H", _FULL) + body + bytes(_FULL - len(body))
