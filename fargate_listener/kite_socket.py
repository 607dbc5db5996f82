"""One connection to Kite's price socket, from dial to drop."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Callable, Collection, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from picows import (
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from fargate_listener.feed_account import FeedCredentials

logger = logging.getLogger(__name__)
# Below its own debug level the library writes the handshake, and with it the credentials, to the log.
logging.getLogger("picows").setLevel(logging.WARNING)

DIAL_SECONDS = 4.0
LARGEST_FRAME = 1 << 20
"""3,000 full packets are 558,002 bytes."""
_MODE = "ltp"
_STAMPED_MODE = "full"
_LONGER = b"\x01"
_MOST_AT_ONCE = 256
"""Frames evaluated together when many wait: a flood of them must not keep the first ones waiting for the last."""
_REFUSALS = {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}


class DialFailed(Exception):
    """The socket could not be opened. `refused`: the broker said no to the token or the number of
    sockets (403, 429), so that dialling again soon is pointless."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


class KiteSocket(WSListener):
    """An open socket. Frames go to the two callbacks, on the event loop: the binary ones of one read together,
    with the monotonic instant at which the first of them was looked at. Every frame, also a heartbeat, moves
    `last_frame`."""

    # Some are read at every frame: a flood of small ones passes a sixth faster with them in slots.
    __slots__ = (
        "_dropped",
        "_fragments",
        "_is_stamped",
        "_loop",
        "_monotonic",
        "_on_frames",
        "_on_text",
        "_read",
        "_read_at",
        "_transport",
        "frames",
        "last_frame",
        "subscribed",
    )

    def __init__(
        self,
        *,
        on_frames: Callable[[Sequence[bytes], float], None],
        on_text: Callable[[str], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._on_frames = on_frames
        self._on_text = on_text
        self._monotonic = monotonic
        self._loop = asyncio.get_running_loop()
        self._transport: WSTransport | None = None
        self._read: list[bytes] = []
        """Binary frames of the read that is being taken apart."""
        self._read_at = 0.0
        self._fragments: tuple[WSMsgType, bytearray] | None = None
        self._dropped = asyncio.Event()
        self.last_frame = monotonic()
        self.frames = 0
        self.subscribed: set[int] = set()
        self._is_stamped = False

    @property
    def is_open(self) -> bool:
        """Whether frames can still arrive."""
        return not self._dropped.is_set()

    def on_ws_connected(self, transport: WSTransport) -> None:
        """picows: the handshake is done."""
        self._transport = transport
        self.last_frame = self._monotonic()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """picows: a frame arrived. An exception in here, or in the evaluation that follows a read, closes the
        socket: the redial brings a fresh snapshot of every price, which a skipped frame would not."""
        payload = frame.get_payload_as_bytes()
        # The library takes 0.3 us to tell the kind of a frame; its first byte tells it faster. Only a binary frame of
        # fewer than 256 packets begins with a zero: text does not, nor a close, nor a longer frame, which has the time.
        # An empty one says nothing of its kind, and a close without a reason is empty.
        if payload and payload < _LONGER and frame.fin and self._fragments is None:
            frames = self._read
            if frames:
                frames.append(payload)
                if len(frames) == _MOST_AT_ONCE:
                    self._evaluate()
            else:
                frames.append(payload)
                self._read_at = self._monotonic()
                if frame.last_in_buffer:
                    self._evaluate()
                else:
                    self._loop.call_soon(self._evaluate_rest)
        else:
            self._evaluate()
            self._on_other_frame(transport, frame, payload)

    def on_ws_disconnected(self, transport: WSTransport) -> None:  # noqa: ARG002 - the signature of picows
        """picows: the connection is gone, whoever ended it."""
        self._dropped.set()

    def _evaluate(self) -> None:
        """Hand over what was read, if it has not been handed over."""
        if self._read:
            frames, self._read = self._read, []
            self.last_frame = self._read_at
            self.frames += len(frames)
            self._on_frames(frames, self._read_at)

    def _evaluate_rest(self) -> None:
        """The same where the event loop calls: an exception closes the socket from here too."""
        try:
            self._evaluate()
        except Exception:
            logger.exception("what a socket brought could not be evaluated")
            self.abort()

    def _on_other_frame(self, transport: WSTransport, frame: WSFrame, payload: bytes) -> None:
        """Long frames, text, the end, and messages in several fragments; ping and pong are the library's."""
        self.last_frame = self._monotonic()
        self.frames += 1
        match frame.msg_type:
            case WSMsgType.BINARY if frame.fin:
                self._on_frames([payload], self.last_frame)
            case WSMsgType.CLOSE:
                transport.send_close(frame.get_close_code(), frame.get_close_message())
                transport.disconnect()
            case WSMsgType.PING | WSMsgType.PONG:
                return
            case kind:
                self._join(kind, payload, is_last=frame.fin)

    def _join(self, kind: WSMsgType, fragment: bytes, *, is_last: bool) -> None:
        if kind is WSMsgType.CONTINUATION:
            if self._fragments is None:
                raise WSError("a continuation of nothing")
            kind, payload = self._fragments
        else:
            payload = bytearray()
        payload += fragment
        if len(payload) > LARGEST_FRAME:
            raise WSError("a message larger than anything Kite sends")
        if not is_last:
            self._fragments = (kind, payload)
            return
        self._fragments = None
        if kind is WSMsgType.BINARY:
            self._on_frames([bytes(payload)], self.last_frame)
        else:
            self._on_text(payload.decode("utf-8", errors="replace"))

    def subscribe(self, tokens: Collection[int], *, stamped: int | None = None) -> None:
        """Make `tokens` the whole subscription, in their order, sending only what differs. Beside them comes
        `stamped`, an instrument whose packets are to carry the exchange's time; it is never part of `subscribed`."""
        wanted = set(tokens)
        gained = [token for token in tokens if token not in self.subscribed]
        if stamped is not None and not self._is_stamped:
            self._is_stamped = True
            self._send({"a": "subscribe", "v": [stamped]})
            self._send({"a": "mode", "v": [_STAMPED_MODE, [stamped]]})
        lost = sorted(self.subscribed - wanted)
        if lost:
            self._send({"a": "unsubscribe", "v": lost})
        if gained:
            self._send({"a": "subscribe", "v": gained})
            self._send({"a": "mode", "v": [_MODE, gained]})
        self.subscribed = wanted

    def _send(self, message: dict[str, Any]) -> None:
        if self._transport is not None and self.is_open:
            self._transport.send(WSMsgType.TEXT, json.dumps(message, separators=(",", ":")).encode())

    async def wait_dropped(self, *, silence: float) -> bool:
        """Return when the connection is gone; one that is silent for `silence` seconds is torn down.
        True when that was the reason."""
        while self.is_open:
            left = self.last_frame + silence - self._monotonic()
            if left <= 0:
                self.abort()
                return True
            try:
                async with asyncio.timeout(left):
                    await self._dropped.wait()
            except TimeoutError:
                continue  # look at the clock again: frames may have come meanwhile
        return False

    def abort(self) -> None:
        """Tear the connection down without waiting for the peer, which may be dead."""
        self._dropped.set()
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    async def close(self) -> None:
        """Say goodbye, and leave within a second whether or not the peer answers."""
        if self._transport is not None and self.is_open:
            self._transport.send_close()
            try:
                async with asyncio.timeout(1):
                    await self._dropped.wait()
            except TimeoutError:
                logger.info("the broker's socket did not answer the close")
        self.abort()


def read_text(text: str) -> tuple[str | None, object]:
    """Kind and data of a text frame: `order`, `error`, `message` ...; what is no such frame is an error."""
    try:
        message = json.loads(text)
    except ValueError:
        return "error", None
    return (message.get("type"), message.get("data")) if isinstance(message, dict) else (None, None)


async def dial(
    url: str, credentials: FeedCredentials, make_socket: Callable[[], KiteSocket], tls: ssl.SSLContext
) -> KiteSocket:
    """Open a socket. `tls` verifies the peer of a wss address; settings allow plain ws in dev only.

    Raises:
        DialFailed: with a message free of credentials, which are part of the address.
    """
    query = urlencode({"api_key": credentials.api_key, "access_token": credentials.access_token})
    try:
        _, socket = await ws_connect(
            make_socket,
            f"{url}{'' if urlsplit(url).path else '/'}?{query}",
            ssl_context=tls,
            websocket_handshake_timeout=DIAL_SECONDS,
            max_frame_size=LARGEST_FRAME,
            max_redirects=0,
            extra_headers={"X-Kite-Version": "3", "User-Agent": "algotrading-watcher/1"},
        )
    except WSHandshakeError as error:
        status = None if error.response is None else error.response.status
        said = "not a WebSocket answer" if status is None else f"HTTP {status.value}"
        raise DialFailed(f"the upgrade was refused: {said}", refused=status in _REFUSALS) from None
    except ssl.SSLCertVerificationError as error:
        raise DialFailed(f"the certificate of the broker's socket is not trusted: {error.verify_message}") from None
    except (OSError, TimeoutError, WSError) as error:
        raise DialFailed(f"no connection: {type(error).__name__}") from None
    if not isinstance(socket, KiteSocket):
        # picows 2.3 returns without a listener when the peer hangs up in the midst of the handshake.
        raise DialFailed("the connection was closed before the upgrade was answered")
    return socket
