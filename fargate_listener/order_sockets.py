"""One socket without subscriptions for each account of a trader with something at stake: its order updates, at once.

Kite tells a socket of every order of its user from anywhere, also of those placed by hand, which postbacks
do not (Kite Connect documentation, websocket). Off unless an environment asks for it: see
docs/decisions/order-sockets-are-a-switch.md.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from fargate_listener.counters import Counters
from fargate_listener.feed_account import Account, FeedCredentials, FeedCredentialsMissing
from fargate_listener.kite_socket import DIAL_SECONDS, DialFailed, KiteSocket, dial, read_text

logger = logging.getLogger(__name__)

MOST_SOCKETS = 500
"""Sockets of one task. Accounts beyond them have postbacks and the sweep."""
LOOK_SECONDS = 2.0
"""How often the sockets are held against who has something at stake."""
SILENCE_SECONDS = 10.0
"""Heartbeats come every couple of seconds on a socket without subscriptions too."""
_DIALS_AT_ONCE = 8
_LONGEST_PAUSE = 60.0
_STABLE_SECONDS = 30.0


class OrderSockets:
    """Opens, keeps and closes them. Nothing here raises for what the network, a broker or a store does."""

    def __init__(
        self,
        *,
        url: str,
        credentials: Callable[[Account], FeedCredentials],
        wanted: Callable[[], Awaitable[Collection[Account]]],
        hear: Callable[[Account, object], None],
        counters: Counters,
        monotonic: Callable[[], float],
        tls: ssl.SSLContext | None = None,
        most: int = MOST_SOCKETS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`credentials` is called in a thread for every dial, since tokens die; it raises
        FeedCredentialsMissing for an account that is not logged in. `wanted` never raises."""
        self._url = url
        self._credentials = credentials
        self._wanted = wanted
        self._hear = hear
        self._counters = counters
        self._monotonic = monotonic
        self._tls = tls or ssl.create_default_context()
        self._most = most
        self._look_seconds = look_seconds
        self._keepers: dict[Account, asyncio.Task[None]] = {}
        self._open: dict[Account, KiteSocket] = {}
        self._dialling = asyncio.Semaphore(_DIALS_AT_ONCE)

    @property
    def connected(self) -> frozenset[Account]:
        """Whose sockets are open."""
        return frozenset(self._open)

    async def run(self) -> None:
        """Keep the sockets until cancelled, then close them."""
        try:
            while True:
                self._adjust(await self._wanted())
                await asyncio.sleep(self._look_seconds)
        finally:
            for keeper in self._keepers.values():
                keeper.cancel()

    def _adjust(self, asked: Collection[Account]) -> None:
        wanted = set(asked)
        for account in self._keepers.keys() - wanted:
            self._keepers.pop(account).cancel()
        room = self._most - len(self._keepers)
        new = sorted(wanted - self._keepers.keys())
        self._counters.order_sockets_refused_room += max(0, len(new) - room)
        for account in new[: max(0, room)]:
            self._keepers[account] = asyncio.create_task(self._keep(account))

    async def _keep(self, account: Account) -> None:
        failures = 0
        while True:
            is_refused, lived = False, 0.0
            try:
                lived = await self._connect_and_stay(account)
            except (DialFailed, FeedCredentialsMissing) as failed:
                # Only a person can renew a login: asking again soon is pointless, and the broker counts dials.
                is_refused = isinstance(failed, FeedCredentialsMissing) or failed.refused
                self._counters.failed_order_sockets += 1
            except Exception as error:
                # Whatever a store or KMS raises: this trader's updates come by the other ways meanwhile.
                self._counters.failed_order_sockets += 1
                logger.warning("an order socket could not be opened: %s", type(error).__name__)
            failures = 0 if lived > _STABLE_SECONDS else failures + 1
            await asyncio.sleep(_pause(failures, is_refused=is_refused))

    async def _connect_and_stay(self, account: Account) -> float:
        """One dial and the life of its connection, whose seconds are returned."""
        async with self._dialling:
            credentials = await asyncio.to_thread(self._credentials, account)
            try:
                async with asyncio.timeout(DIAL_SECONDS):
                    socket = await dial(self._url, credentials, partial(self._make_socket, account), self._tls)
            except TimeoutError:
                raise DialFailed(f"no connection within {DIAL_SECONDS:.0f} s") from None
        begun = self._monotonic()
        self._open[account] = socket
        try:
            await socket.wait_dropped(silence=SILENCE_SECONDS)
        finally:
            del self._open[account]
            socket.abort()
        return self._monotonic() - begun

    def _make_socket(self, account: Account) -> KiteSocket:
        return KiteSocket(
            on_frames=lambda _frames, _received: None,
            on_text=partial(self._on_text, account),
            monotonic=self._monotonic,
        )

    def _on_text(self, account: Account, text: str) -> None:
        kind, data = read_text(text)
        if kind == "order":
            self._counters.order_updates += 1
            self._hear(account, data)


def _pause(failures: int, *, is_refused: bool) -> float:
    seconds = _LONGEST_PAUSE if is_refused else min(_LONGEST_PAUSE, 0.5 * 2.0 ** min(failures, 10))
    return seconds * (0.5 + 0.5 * random.random())  # noqa: S311 - spreads dials, guards nothing
