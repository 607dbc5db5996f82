"""Latest prices to Redis, off the tick path: each watcher writes those of its ticks ten times a second at most, two
together a symbol's twenty times.

`price:{symbol}` is what everybody reads. Every watcher writes it, and Redis refuses what was handed over before what is
there: a price may be a tenth of a second behind another watcher's, and none that was held up replaces a newer one.
`last_price` in a strategy's runtime hash, which is for people, follows it once a second at most. Another process writes
(`price_writer`); this hands it the news of the market table.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from algotrading.adapters.redis_keys import moment_text
from algotrading.ports import Clock
from fargate_listener.counters import Counters
from fargate_listener.market_table import MarketTable
from fargate_listener.price_writer import HEAD, MOMENT_BYTES, NAMES, PRICES
from fargate_listener.watchlist import Watchlist

logger = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 0.1
ANSWER_SECONDS: Final = 5.0
"""A writer that has not answered by then is replaced. Its own time-outs are far below."""
RETRY_SECONDS: Final = 1.0
_WRITER_AWAY: Final = (OSError, EOFError, ValueError, RuntimeError)
"""No answer in time (a TimeoutError is an OSError), a broken pipe, the end, no number; and uvloop's RuntimeError, for a
write into a pipe that it has closed."""
LEAVE_SECONDS: Final = 1.0


class PricePublisher:
    """Keeps a writer, and gives it the prices that came since it was given any: never more before it has answered. A
    price that could not be written is not kept: the next tick brings a better one."""

    def __init__(
        self,
        *,
        address: tuple[str, int],
        tls: bool,
        table: MarketTable,
        watchlist: Watchlist,
        clock: Clock,
        counters: Counters,
        on_started: Callable[[int], None] = lambda _pid: None,
    ) -> None:
        """`address` of Redis. `on_started` hears the process id of every writer."""
        host, port = address
        self._command = (
            sys.executable,
            "-m",
            "fargate_listener.price_writer",
            host,
            str(port),
            "tls" if tls else "plain",
        )
        self._table = table
        self._watchlist = watchlist
        self._clock = clock
        self._counters = counters
        self._on_started = on_started
        self._writer: Process | None = None
        self._names: dict[int, str | None] = {}
        """What the writer is still to be told."""
        self._unanswered = 0
        self._is_away = False
        watchlist.on_named = self._names.__setitem__

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            is_written = await self.publish()
            await asyncio.sleep(INTERVAL_SECONDS if is_written else RETRY_SECONDS)

    async def publish(self) -> bool:
        """Write every price that came since the last call. Whether there was a writer to do so."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                writer = self._writer or await self._start()
                if self._table.news:
                    self._tell_names(writer)
                    await self._hand_over(writer, self._table.take_news_pairs())
        except _WRITER_AWAY as error:
            self._counters.failed_price_writes += 1
            logger.error("the writer of prices is replaced: %s", type(error).__name__)
            await self._drop()
            return False
        return True

    async def leave(self) -> None:
        """The last prices, for `LEAVE_SECONDS` at most; every strategy is told its symbol's. Then the writer ends."""
        if self._writer is None:
            return
        try:
            async with asyncio.timeout(LEAVE_SECONDS):
                if await self.publish():
                    await self._hand_over(self._writer, b"")
        except _WRITER_AWAY as error:
            logger.warning("the last prices were not published: %s", type(error).__name__)
        await self._drop()

    async def _start(self) -> Process:
        self._names.update((token, self._watchlist.symbol_of(token)) for token in self._watchlist.tokens)
        self._writer = await asyncio.create_subprocess_exec(*self._command, stdin=PIPE, stdout=PIPE)
        self._unanswered = 0
        self._on_started(self._writer.pid)
        return self._writer

    def _tell_names(self, writer: Process) -> None:
        if self._names:
            _send(writer, NAMES, json.dumps(self._names).encode())
            self._names.clear()

    async def _hand_over(self, writer: Process, pairs: bytes) -> None:
        """Raises one of _WRITER_AWAY when there is no writer any more."""
        _send(writer, PRICES, moment_text(self._clock.now()).ljust(MOMENT_BYTES).encode("ascii") + pairs)
        self._unanswered += 1
        assert writer.stdout is not None
        failed = 0
        while self._unanswered:  # more than one after a call that was cancelled
            answer = await writer.stdout.readline()
            if not answer:
                raise EOFError
            self._unanswered -= 1
            failed = int(answer)
            self._counters.failed_price_writes += failed
        if bool(failed) != self._is_away:
            self._is_away = bool(failed)
            logger.log(logging.ERROR if failed else logging.INFO, "prices are%s being published", " not" * bool(failed))

    async def _drop(self) -> None:
        """A writer that hangs is killed; one whose input ends would end by itself, in its time."""
        writer, self._writer = self._writer, None
        if writer is not None:
            with suppress(ProcessLookupError):
                writer.kill()
            await writer.wait()


def _send(writer: Process, kind: bytes, body: bytes) -> None:
    """Into the pipe, or into memory while it is full."""
    assert writer.stdin is not None
    writer.stdin.write(HEAD.pack(kind, len(body)) + body)
