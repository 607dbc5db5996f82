"""The accounts whose order updates are worth a socket: all in which a trader with something at stake is logged in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Final
from uuid import UUID

from fargate_listener.counters import Counters
from fargate_listener.feed_account import Account

logger = logging.getLogger(__name__)

READ_SECONDS: Final = 60.0
"""So old what is known of traders' logins may be: who logs in later has postbacks and the sweep meanwhile."""


class StakedAccounts:
    """Knows them, and asks the store when a trader is new, or a minute has passed."""

    def __init__(
        self,
        *,
        traders: Callable[[], Collection[UUID]],
        read: Callable[[Collection[UUID]], Collection[Account]],
        heard: Callable[[], Collection[Account]],
        counters: Counters,
        monotonic: Callable[[], float],
    ) -> None:
        """`traders` have something at stake; `read` tells the accounts in which they are logged in, and blocks; the
        updates of `heard` come over other sockets already."""
        self._traders = traders
        self._read = read
        self._heard = heard
        self._counters = counters
        self._monotonic = monotonic
        self._known: frozenset[Account] = frozenset()
        self._known_of: frozenset[UUID] = frozenset()
        self._known_until = float("-inf")

    async def wanted(self) -> Collection[Account]:
        """The accounts of this moment. Where the store is away, those that are known."""
        traders = frozenset(self._traders())
        if traders and (self._monotonic() >= self._known_until or not traders <= self._known_of):
            await self._learn(traders)
        return {account for account in self._known if account.user_id in traders}.difference(self._heard())

    async def _learn(self, traders: frozenset[UUID]) -> None:
        try:
            known = frozenset(await asyncio.to_thread(self._read, traders))
        except Exception as error:
            self._counters.failed_order_sockets += 1
            logger.warning("traders' logins could not be read: %s", type(error).__name__)
            return
        self._known, self._known_of = known, traders
        self._known_until = self._monotonic() + READ_SECONDS
