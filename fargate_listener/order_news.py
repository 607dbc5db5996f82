"""Order updates that arrive on sockets, on their way to the executors: off the tick path, and hints only."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from pydantic import ValidationError

from algotrading.contracts.postback import OrderFrame
from algotrading.ports import Clock
from algotrading.services.order_hints import Hint, OrderHints
from fargate_listener.counters import Counters
from fargate_listener.feed_account import Account

if TYPE_CHECKING:
    from collections.abc import Coroutine

logger = logging.getLogger(__name__)

WORKERS = 4
MOST_WAITING = 20
"""Updates of one account that wait to be looked at: more are dropped, which costs that account a minute at
most, and the others nothing."""
_Result = TypeVar("_Result")


class OrderNews:
    """Takes updates on the event loop, where it never blocks or raises, and passes them on from threads of its
    own: neither the stores nor the queue can hold a tick up."""

    def __init__(self, *, open_hints: Callable[[], OrderHints], clock: Clock, counters: Counters) -> None:
        """`open_hints` makes the services; it is called in a thread, once."""
        self._open_hints = open_hints
        self._clock = clock
        self._counters = counters
        self._hints: OrderHints | None = None
        self._waiting: asyncio.Queue[tuple[Account, object]] = asyncio.Queue()
        self._per_account: Counter[Account] = Counter()
        self._later: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(WORKERS, "order-news")
        self._opening = asyncio.Lock()

    def hear(self, account: Account, data: object) -> None:
        """An `order` frame of a socket of this account: its `data`."""
        if self._per_account[account] >= MOST_WAITING:
            self._counters.dropped_order_updates += 1
            return
        self._per_account[account] += 1
        self._waiting.put_nowait((account, data))

    async def run(self) -> None:
        """Pass on until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(WORKERS):
                    group.create_task(self._work())
        finally:
            for task in self._later:
                task.cancel()
            self._threads.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while True:
            account, data = await self._waiting.get()
            await self._isolated(self._pass_on(account, data))
            self._per_account -= Counter((account,))

    async def _isolated(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except ValidationError:
            self._counters.invalid_order_updates += 1
            logger.warning("an order update cannot be understood")
        except Exception as error:
            # Whatever a store or the queue raises: the sweep looks within the minute, and the ticks go on.
            self._counters.failed_order_hints += 1
            logger.warning("an order update could not be passed on: %s", type(error).__name__)

    async def _pass_on(self, account: Account, data: object) -> None:
        update = OrderFrame.model_validate(data).update()
        hints = await self._services()
        for hint in await self._in_thread(lambda: hints.plan(*account, update, "socket")):
            # Not waited for here: one account's hints that wait for their second must not hold up the others'.
            task = asyncio.create_task(self._isolated(self._send_in_time(hints, hint)))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def _send_in_time(self, hints: OrderHints, hint: Hint) -> None:
        wait = (hint.at - self._clock.now()).total_seconds()
        if wait > 0:
            await asyncio.sleep(wait)
        await self._in_thread(lambda: hints.send(hint))

    async def _services(self) -> OrderHints:
        async with self._opening:
            if self._hints is None:
                self._hints = await self._in_thread(self._open_hints)
            return self._hints

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)
