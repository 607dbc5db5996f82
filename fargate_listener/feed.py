"""Keeps one price socket open: dial, subscribe, notice silence, redial with a fresh token."""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from fargate_listener.counters import Counters
from fargate_listener.feed_account import Account, FeedCredentials, FeedCredentialsMissing
from fargate_listener.kite_socket import DIAL_SECONDS, DialFailed, KiteSocket, dial, read_text
from fargate_listener.stop_guard import StopGuard

logger = logging.getLogger(__name__)

SILENCE_SECONDS = 5.0
"""Heartbeats come every one or two seconds (Kite's own Go and JavaScript clients give up after five)."""
STABLE_SECONDS = 5.0
"""A connection that lived this long was a good one: its loss starts the back-off from the beginning."""
MOST_INSTRUMENTS = 3_000
"""What one socket may subscribe to."""
CREDENTIALS_SECONDS = 1.0
FIRST_CREDENTIALS_SECONDS = 10.0
"""The first reading opens the connections to PostgreSQL and KMS."""


@dataclass(slots=True)
class Backoff:
    """Pauses before the next dial: none, then doubling with jitter up to 1.6 s, so that with the dial
    itself the feed is back within two seconds of the broker being there again."""

    jitter: Callable[[], float] = random.random
    failures: int = 0

    def next(self, *, refused: bool) -> float:
        """Seconds to wait after one more failure. The broker's refusals (403, 429) wait longer: it
        counts dials, and only a person can renew a token."""
        self.failures += 1
        if refused:
            return self._spread(min(5.0, 2.0 * 1.5 ** min(self.failures - 1, 10)))
        return 0.0 if self.failures == 1 else self._spread(min(1.6, 0.1 * 2.0 ** min(self.failures - 1, 10)))

    def _spread(self, seconds: float) -> float:
        return seconds * (0.5 + 0.5 * self.jitter())


class Feed:
    """One eye of the watcher. `run` never returns on its own and never raises for what the network, the
    broker or the stores do."""

    def __init__(
        self,
        *,
        url: str,
        credentials: Callable[[], FeedCredentials],
        guard: StopGuard,
        counters: Counters,
        monotonic: Callable[[], float],
        name: str = "feed 1",
        sentinel: int | None = None,
        tls: ssl.SSLContext | None = None,
        silence_seconds: float = SILENCE_SECONDS,
        hear_order: Callable[[Account, object], None] = lambda _account, _data: None,
    ) -> None:
        """`sentinel` is an instrument of this feed alone whose packets carry the exchange's time. `hear_order` gets
        the order updates of the account that carries the feed, which this socket brings anyway."""
        self.name = name
        self.sentinel = sentinel
        self._url = url
        self._credentials = credentials
        self._guard = guard
        self._counters = counters
        self._monotonic = monotonic
        self._tls = tls or ssl.create_default_context()
        self._silence_seconds = silence_seconds
        self._hear_order = hear_order
        self._socket: KiteSocket | None = None
        self._tokens: list[int] = []
        self._last_known: FeedCredentials | None = None
        self._reading: asyncio.Task[FeedCredentials] | None = None
        self._redial_for: str | None = None
        self.trouble: str | None = "not connected yet"
        """Why there is no socket, in plain words; None while there is one."""
        self.fault: str | None = None
        """What is wrong with what the socket brings, set and cleared by whoever looks at it; None: nothing is known."""
        self.is_logged_out = False
        """Whether the stores said at the last dial that there is no living login to dial with."""
        self.doubtful_from: float | None = None
        """The monotonic moment from which it has been quiet or still for too long, unless it moves until then: set and
        cleared by whoever looks at it."""
        self.in_order: Callable[[Sequence[int]], list[int]] = list
        """Puts instruments into the order in which they matter now: what is armed changes while a socket lives."""
        self._subscribing = False
        if sentinel is not None:
            guard.watch(sentinel)

    @property
    def silence(self) -> float | None:
        """Seconds since the last frame; None without a connection."""
        if self._socket is None or not self._socket.is_open:
            return None
        return self._monotonic() - self._socket.last_frame

    @property
    def is_live(self) -> bool:
        """Whether what the market does would be seen here: connected, not silent, nothing wrong with the frames."""
        silence = self.silence
        return silence is not None and silence <= self._silence_seconds and self.fault is None

    @property
    def is_doubtful(self) -> bool:
        """Whether its prices are better read elsewhere too."""
        return self.doubtful_from is not None and self._monotonic() > self.doubtful_from

    @property
    def frames(self) -> int:
        """Reads of the present connection that brought something."""
        return 0 if self._socket is None else self._socket.frames

    @property
    def connection(self) -> object | None:
        """Something that is another one for each connection; None without."""
        return self._socket

    @property
    def last_credentials(self) -> FeedCredentials | None:
        """Those read last, for a dial or since; None before one."""
        return self._last_known

    @property
    def account(self) -> Account | None:
        """The broker account that carries the feed; None before it is known."""
        return None if self._last_known is None else self._last_known.account

    @property
    def subscribed(self) -> frozenset[int]:
        """Instruments the current connection was asked for."""
        return frozenset() if self._socket is None else frozenset(self._socket.subscribed)

    def carry(self, tokens: Sequence[int]) -> None:
        """From now on these are this feed's instruments, in the order in which they matter."""
        self._tokens = list(tokens)
        self._subscribe_soon()

    def redial(self, why: str) -> None:
        """Give the present connection up for another one."""
        if self._socket is not None:
            self._redial_for = why
            self._socket.abort()

    async def renew_credentials(self) -> None:
        """Read them again while the socket lives on: its broker refuses those of the last dial elsewhere."""
        try:
            await self._fresh_credentials()
        except FeedCredentialsMissing as missing:
            logger.warning("the credentials of %s are refused: %s", self.name, missing.message)

    async def run(self) -> None:
        """Stay connected until cancelled."""
        backoff = Backoff()
        while True:
            pause = await self._connect_and_stay(backoff)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        """Close the connection, if there is one."""
        if self._socket is not None:
            await self._socket.close()
            self.trouble = "closed"  # on purpose: no trouble to be told of
            self._lost(self.trouble)

    async def _connect_and_stay(self, backoff: Backoff) -> float:
        """One dial and the life of its connection. Returns the pause before the next one."""
        try:
            await self._dial()
        except FeedCredentialsMissing as missing:
            self._counters.missing_credentials += 1
            self._report_trouble(missing.message)
            return 2.0
        except DialFailed as failed:
            self._counters.refused_dials += failed.refused
            self._report_trouble(str(failed))
            return backoff.next(refused=failed.refused)
        await self._stay(backoff)
        return backoff.next(refused=False)

    async def _dial(self) -> None:
        credentials = await self._fresh_credentials()
        try:
            async with asyncio.timeout(DIAL_SECONDS):
                self._socket = await dial(self._url, credentials, self._make_socket, self._tls)
        except TimeoutError:
            raise DialFailed(f"no connection within {DIAL_SECONDS:.0f} s") from None
        self.trouble = None
        self._counters.reconnects += 1
        self._tokens = self.in_order(self._tokens)
        self._subscribe()
        logger.info(
            "connected to the price feed", extra={"feed": self.name, "instruments": len(self._socket.subscribed)}
        )

    async def _stay(self, backoff: Backoff) -> None:
        socket = self._socket
        assert socket is not None
        connected = self._monotonic()
        if await socket.wait_dropped(silence=self._silence_seconds):
            self._counters.mute_sockets += 1
            self._lost(f"the feed was silent for {self._silence_seconds:g} s")
        else:
            self._lost(self._redial_for or "the connection dropped")
        self._redial_for = None
        if socket.frames and self._monotonic() - connected > STABLE_SECONDS:
            backoff.failures = 0

    async def _fresh_credentials(self) -> FeedCredentials:
        """Straight from the stores for every dial; what they said last when they do not answer. A reading that hangs
        is not started a second time; one that was begun for an earlier dial is followed by another, as the login may
        have changed since."""
        patience = FIRST_CREDENTIALS_SECONDS if self._last_known is None else CREDENTIALS_SECONDS
        trouble: BaseException | None = TimeoutError()
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                if self._reading is not None:
                    trouble = await self._finish(self._reading)
                if self._reading is None:
                    self._reading = asyncio.create_task(asyncio.to_thread(self._credentials))
                trouble = await self._finish(self._reading)
        if isinstance(trouble, FeedCredentialsMissing):
            raise trouble
        if trouble is not None:
            # Whatever a database or KMS client raised: a token that worked a moment ago is better than blindness.
            logger.warning("the feed's credentials cannot be read: %s", type(trouble).__name__)
        if self._last_known is None:
            raise FeedCredentialsMissing("the feed's credentials cannot be read") from trouble
        return self._last_known

    async def _finish(self, reading: asyncio.Task[FeedCredentials]) -> BaseException | None:
        """Wait for a reading and keep what it found; what went wrong with it."""
        await asyncio.wait({reading})
        if self._reading is reading:
            self._reading = None
        error = reading.exception()
        if error is None:
            self._last_known, self.is_logged_out = reading.result(), False
        elif isinstance(error, FeedCredentialsMissing):
            self.is_logged_out = True
        return error

    def _make_socket(self) -> KiteSocket:
        return KiteSocket(on_frames=self._guard.on_frames, on_text=self._on_text, monotonic=self._monotonic)

    def _lost(self, why: str) -> None:
        """Only what this connection showed is in doubt now: other feeds' prices stand."""
        if self._socket is not None:
            shown = [*self._socket.subscribed, *(() if self.sentinel is None else (self.sentinel,))]
            self._guard.forget_prices(shown)
        self._socket = None
        self._report_trouble(why)

    def _report_trouble(self, trouble: str) -> None:
        """Logged once per kind of trouble: a broken feed is redialled many times a minute."""
        if trouble != self.trouble:
            logger.warning("the price %s is away: %s", self.name, trouble)
        self.trouble = trouble

    def _subscribe_soon(self) -> None:
        """Once per turn of the event loop, however many changes it brought."""
        if self._socket is not None and not self._subscribing:
            self._subscribing = True
            asyncio.get_running_loop().call_soon(self._subscribe)

    def _subscribe(self) -> None:
        self._subscribing = False
        if self._socket is None:
            return
        self._socket.subscribe(self._tokens[:MOST_INSTRUMENTS], stamped=self.sentinel)

    def _on_text(self, text: str) -> None:
        """The feed account's own order updates, and the broker's messages: counted."""
        kind, data = read_text(text)
        if kind == "order":
            self._counters.order_updates += 1
            if self.account is not None:
                self._hear_order(self.account, data)
        elif kind == "error":
            self._counters.feed_errors += 1
            logger.warning("the price feed reports an error: %.200s", text)
