"""All sockets of the price feed together: one for each feed account, the instruments dealt over them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Final

from fargate_listener.counters import Counters
from fargate_listener.feed import MOST_INSTRUMENTS, Feed
from fargate_listener.feed_account import Account
from fargate_listener.shards import Shards
from fargate_listener.watchlist import Watchlist

logger = logging.getLogger(__name__)

ROOM: Final = MOST_INSTRUMENTS - 1
"""Instruments of one feed: the sentinel takes a place too."""
AWAY_SECONDS = 3.0
"""A feed that shows nothing for longer has its instruments carried by the others. A redial takes less."""
CALM_SECONDS = 10.0
"""A feed that is back must have lived this long before it gets them again."""
_LOOK_SECONDS = 0.5


class Feeds:
    """Runs the feeds and deals the watchlist over them."""

    def __init__(
        self,
        *,
        feeds: Sequence[Feed],
        watchlist: Watchlist,
        counters: Counters,
        monotonic: Callable[[], float],
        room: int = ROOM,
        away_seconds: float = AWAY_SECONDS,
        calm_seconds: float = CALM_SECONDS,
    ) -> None:
        self.all: Final = tuple(feeds)
        self._watchlist = watchlist
        self._counters = counters
        self._monotonic = monotonic
        self._room = room
        self._away_seconds = away_seconds
        self._calm_seconds = calm_seconds
        self._shards = Shards(len(self.all), room)
        self._away: set[int] = set()
        self._turned = [monotonic()] * len(self.all)
        """When each feed began to show prices, or ceased to."""
        self._was_live = [False] * len(self.all)
        self._wanted: list[int] = []
        self._is_running = False
        self._is_dealing = False
        self._leaving = False
        self.left_out: frozenset[int] = frozenset()
        """Instruments that no feed has room for."""
        watchlist.on_subscriptions_changed = self._deal_soon
        for feed in self.all:
            feed.in_order = watchlist.by_risk

    @property
    def silence(self) -> float | None:
        """Seconds since the last frame of the most silent connection; None without any."""
        return max((feed.silence for feed in self.all if feed.silence is not None), default=None)

    @property
    def trouble(self) -> str | None:
        """What is wrong with the first feed that shows nothing; None when all do."""
        return next((feed.trouble or "silent" for feed in self.all if not feed.is_live), None)

    @property
    def is_live(self) -> bool:
        """Whether any feed shows the market."""
        return any(feed.is_live for feed in self.all)

    @property
    def is_logged_out(self) -> bool:
        """Whether no feed is live because nobody has logged in to the broker: nothing but a login mends that."""
        return not self.is_live and all(feed.is_logged_out for feed in self.all)

    @property
    def subscribed(self) -> frozenset[int]:
        """Instruments that the present connections were asked for."""
        return frozenset().union(*(feed.subscribed for feed in self.all))

    @property
    def shown(self) -> frozenset[int]:
        """Instruments whose ticks would arrive now."""
        return frozenset().union(*(feed.subscribed for feed in self.all if feed.is_live))

    @property
    def doubtful(self) -> frozenset[int]:
        """Instruments of sockets that have been quiet or still for a moment."""
        return frozenset().union(*(feed.subscribed for feed in self.all if feed.is_doubtful))

    @property
    def accounts(self) -> frozenset[Account]:
        """Whose broker connections carry the feed, as far as is known."""
        return frozenset(feed.account for feed in self.all if feed.account is not None)

    def carrier_of(self, token: int) -> Feed | None:
        """The feed that was asked for an instrument."""
        return next((feed for feed in self.all if token in feed.subscribed), None)

    async def run(self) -> None:
        """Keep all feeds until cancelled."""
        self._is_running = True
        self._deal()
        async with asyncio.TaskGroup() as group:
            for feed in self.all:
                group.create_task(feed.run())
            group.create_task(self._look())

    async def close(self) -> None:
        """Close every connection."""
        async with asyncio.TaskGroup() as group:
            for feed in self.all:
                group.create_task(feed.close())

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._find_away() or self._leaving or (self.left_out and self._watchlist.tokens != self._wanted):
                self._deal()

    def _find_away(self) -> bool:
        """Notice which feeds have been away or back for long enough; True when that changed."""
        before, now = set(self._away), self._monotonic()
        for number, feed in enumerate(self.all):
            is_live = feed.is_live
            if is_live != self._was_live[number]:
                self._was_live[number], self._turned[number] = is_live, now
            since = now - self._turned[number]
            if not is_live and since > self._away_seconds:
                self._away.add(number)
            elif is_live and since > self._calm_seconds:
                self._away.discard(number)
        if self._away != before:
            self._tell_away()
        return self._away != before

    def _tell_away(self) -> None:
        away = {"feeds": [self.all[number].name for number in sorted(self._away)]}
        if not away["feeds"]:
            logger.warning("every feed carries its own instruments again")
        elif len(self._away) < len(self.all):
            logger.warning("feeds are away, and others carry their instruments", extra=away)
        else:
            logger.error("every feed is away: no other carries their instruments", extra=away)

    def _deal_soon(self) -> None:
        """Once per turn of the event loop, however many changes it brought."""
        if self._is_running and not self._is_dealing:
            self._is_dealing = True
            asyncio.get_running_loop().call_soon(self._deal)

    def _deal(self) -> None:
        self._is_dealing = False
        self._wanted = self._watchlist.tokens
        dealt = self._shards.deal(self._wanted, self._away)
        wanted = set(self._wanted)
        moved = False
        for feed, hand in zip(self.all, dealt.hands, strict=True):
            # What goes to another feed is let go of when that one has been asked for it.
            gone = (feed.subscribed & wanted).difference(hand, dealt.left_out) if not self._leaving else ()
            leaving = sorted(gone)[: self._room - len(hand)]
            moved = moved or bool(leaving)
            feed.carry([*hand, *leaving])
        self._leaving = moved
        self._tell_left_out(frozenset(dealt.left_out))

    def _tell_left_out(self, left_out: frozenset[int]) -> None:
        if left_out and left_out != self.left_out:
            self._counters.instruments_without_room += len(left_out)
            logger.error("more instruments than the feeds take", extra={"left_out": len(left_out)})
        self.left_out = left_out
