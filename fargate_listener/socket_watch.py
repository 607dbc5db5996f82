"""Whether one socket of the price feed brings the market of this moment: frozen, skewed, in doubt, or well.

What is looked at are ticks. Where the broker's quotes stand in for a socket they move the same rows of the market
table, and a still socket would seem to move for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fargate_listener.feed import Feed
from fargate_listener.market_table import MarketTable
from fargate_listener.tick_kernel import Column

FROZEN_SECONDS = 10.0
"""An index is computed every second, and of a hundred shares one trades: this long nothing ever stands still."""
SKEWED_SECONDS = 5
"""Whole seconds between an index's stamp and our clock. The broker's own delay is below one."""
_SKEWED_LOOKS = 3
LONGEST_PATIENCE = 320.0
"""A market that was halted stands still on every socket: dialling is tried ever more rarely."""
RARE_SECONDS = 20.0
"""Without an index a few shares may be all that moves a socket: it is not called frozen sooner."""
RARE_TIMES = 8.0
"""Of the mean time between two movements of such a socket, after which it is. Longer is one in three thousand."""
_MEMORY = 0.1
"""The weight of the newest movement in that mean."""
DOUBTFUL_SECONDS = 3.0
"""Quiet or still for this long in the session: not yet reason to dial, and reason enough to read quotes."""


@dataclass(frozen=True, slots=True)
class Ticked:
    """By the rows of the table: which instrument of the socket has a row, or -1; and its last price that was a tick, 0
    while there was none."""

    tokens: NDArray[np.int64]
    prices: NDArray[np.int64]

    def moved_to(self, now: Ticked) -> bool:
        """Whether an instrument that is in both had a price and has another one."""
        rows = len(self.tokens)
        is_known = (self.tokens >= 0) & (self.tokens == now.tokens[:rows]) & (self.prices != 0)
        return bool((is_known & (self.prices != now.prices[:rows])).any())


@dataclass(slots=True)
class _Look:
    """What was found on a socket when it last moved."""

    connection: object | None = None
    moved: float = 0.0
    """When anything last moved. A new connection moves nothing by being there: doubt outlives it."""
    patient_since: float = 0.0
    """The same, or when the connection was made: before it is called frozen, each gets its time."""
    rest: float = 0.0
    """The mean time between two movements while the index is not due; 0.0 before there were any."""
    frames: int = 0
    ticked: Ticked | None = None
    """The last price of each instrument that was a tick; None before a look."""
    index: tuple[int, int] = (0, 0)
    """The sentinel's stamp and price."""
    told: float | None = None
    """When the sentinel last told the time, and no other than ours, or was first expected to; None before that."""
    is_index_due: bool = False
    skewed_looks: int = 0
    patience: float = FROZEN_SECONDS
    redialled: float = float("-inf")


class SocketWatch:
    """Looks at one feed. `look` returns what is wrong now: "frozen", "skewed" or None."""

    def __init__(self, feed: Feed, table: MarketTable, by_quote: Mapping[int, int]) -> None:
        """`by_quote`: the batch in which a quote, and not a tick, last moved an instrument."""
        self._feed = feed
        self._table = table
        self._by_quote = by_quote
        self._last = _Look()

    def look(self, now: float, wall: float, *, is_index_due: bool = True) -> str | None:
        """`now` monotonic, `wall` Unix seconds. A fault that was found stays until the feed proves that it moves.
        `is_index_due`: the sentinel is computed every second now."""
        feed, last = self._feed, self._last
        if is_index_due:
            last.rest = 0.0
        last.is_index_due = is_index_due
        if feed.connection is None:
            last.connection = None
            return feed.fault
        if is_index_due and last.told is None and feed.sentinel is not None:
            # One that never tells the time is as good as one that has stopped: it gets a moment to begin.
            last.told = now
        if feed.connection is not last.connection:
            if not feed.is_doubtful:
                last.moved, last.told = now, None if last.told is None else now
            last.connection, last.patient_since, last.frames, last.skewed_looks = feed.connection, now, feed.frames, 0
            self._remember()
            return feed.fault
        before = last.index
        has_moved, has_news = self._compare(now)
        stamp = last.index[0]
        is_late = bool(stamp) and abs(wall - stamp) > SKEWED_SECONDS
        if stamp and last.index != before and not is_late:
            last.told = now
        if has_news or not is_late:
            last.skewed_looks = last.skewed_looks + 1 if is_late else 0
        if last.skewed_looks >= _SKEWED_LOOKS:
            return "skewed"
        if now - last.patient_since > self._patience() and feed.frames > last.frames:
            return "frozen"
        # A new connection that has not told the time yet is no less late than the one before. That an index which is
        # computed no longer stands still says nothing.
        tells_time = bool(stamp) and not is_late
        says_nothing = feed.fault != "skewed" and not (stamp and is_index_due)
        return None if has_moved and (tells_time or says_nothing) else feed.fault

    def rest(self) -> None:
        """Nothing has to move: the next look begins anew."""
        self._last = _Look(patience=self._last.patience, redialled=self._last.redialled)

    @property
    def doubtful_from(self) -> float | None:
        """The moment from which what the feed shows is in doubt, unless something moves until then; None: nothing is
        known of a socket just opened."""
        feed, last = self._feed, self._last
        if feed.connection is None or feed.connection is not last.connection:
            return None
        if last.skewed_looks:
            return last.moved
        # Stamps older than one that is known are no ticks: a feed that falls behind moves on, and its index stands
        # still until its time has come up with the last one that was right.
        known = last.moved if last.told is None or not last.is_index_due else min(last.moved, last.told)
        return known + DOUBTFUL_SECONDS

    def is_doubtful(self, now: float) -> bool:
        """Whether nothing has moved, or come at all, for a moment, or the index does not tell our time."""
        begins = self.doubtful_from
        return begins is not None and now > begins

    def may_redial(self, now: float) -> bool:
        """Whether it is time for another dial for a fault; from the second one on ever more rarely."""
        last = self._last
        if now - last.redialled < last.patience:
            return False
        is_fresh = now - last.redialled > 4 * LONGEST_PATIENCE
        last.patience = FROZEN_SECONDS if is_fresh else min(LONGEST_PATIENCE, 2 * last.patience)
        last.redialled = now
        return True

    def _patience(self) -> float:
        """How long nothing may move before the socket is frozen."""
        last = self._last
        return FROZEN_SECONDS if last.is_index_due else max(RARE_SECONDS, RARE_TIMES * last.rest)

    def _compare(self, now: float) -> tuple[bool, bool]:
        """Whether anything that was known is another value now; and whether that was the sentinel."""
        last = self._last
        index, ticked = last.index, last.ticked
        new = self._remember()
        sentinel = any(old and old != new for old, new in zip(index, last.index, strict=True))
        has_moved = sentinel or (ticked is not None and ticked.moved_to(new))
        had_shown = any(index) or (ticked is not None and bool(ticked.prices.any()))
        is_first = not had_shown and (any(last.index) or bool(new.prices.any()))
        if has_moved and not last.is_index_due:
            rest = now - last.patient_since
            last.rest += (_MEMORY if last.rest else 1.0) * (rest - last.rest)
        if has_moved or is_first:
            # What the first frames after a dial tell is no movement, yet the patience begins with it.
            last.patient_since, last.frames = now, self._feed.frames
            if has_moved or not self._feed.is_doubtful:
                last.moved = now
        return has_moved, sentinel

    def _remember(self) -> Ticked:
        table, feed, last = self._table, self._feed, self._last
        rows, subscribed = table.rows, feed.subscribed
        slots = table.slots_of(subscribed)
        slots = slots[slots >= 0]
        new = Ticked(np.full(len(rows), -1, np.int64), np.zeros(len(rows), np.int64))
        new.tokens[slots] = table.tokens[slots]
        new.prices[slots] = rows[slots, Column.LAST]
        quoted = table.slots_of(self._by_quote)
        batches = np.fromiter(self._by_quote.values(), np.int64, len(quoted))
        quoted = quoted[(quoted >= 0) & (rows[quoted, Column.SEEN] == batches)]
        new.prices[quoted] = 0
        if last.ticked is not None:
            known = quoted[quoted < len(last.ticked.tokens)]
            known = known[last.ticked.tokens[known] == new.tokens[known]]
            new.prices[known] = last.ticked.prices[known]
        last.ticked = new
        sentinel = None if feed.sentinel is None else table.slot_of(feed.sentinel)
        if sentinel is None:
            last.index = 0, 0
        else:
            stamp, price = table.rows[sentinel, [Column.STAMP, Column.LAST]].tolist()
            last.index = stamp, price
        return new
