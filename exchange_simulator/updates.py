"""Order updates on their way to the user: text frames on the sockets and HTTP postbacks to the app."""

import asyncio
import logging
from functools import partial
from typing import Any

import aiohttp

from exchange_simulator.accounts import Accounts, App
from exchange_simulator.clock import Scheduler
from exchange_simulator.engine.orders import Order
from exchange_simulator.faults import Fault, FaultPlan
from exchange_simulator.ticker import Ticker
from exchange_simulator.wire.order_rows import postback

_LOG = logging.getLogger(__name__)
_POSTBACK_TIMEOUT_S = 5.0


class UpdateCourier:
    """Delivers order updates, with the faults that are armed for them."""

    def __init__(self, accounts: Accounts, ticker: Ticker, faults: FaultPlan, scheduler: Scheduler) -> None:
        self._accounts = accounts
        self._ticker = ticker
        self._faults = faults
        self._scheduler = scheduler
        self._client: aiohttp.ClientSession | None = None
        self._posting: set[asyncio.Task[None]] = set()

    def deliver(self, order: Order, event: str) -> None:
        """Send one update over every channel of the order's user."""
        app = self._accounts.by_user(order.user_id)
        if app is None or not (app.postback_url or self._ticker.connections(app)):
            return
        payload = postback(order, event, app)
        fault = self._faults.strike(app.user_id, "missing_updates", "duplicate_updates", "reordered_updates")
        for channel in ("ws", "postback"):
            copies, delay_s = _effect(fault, channel)
            for _ in range(copies):
                if delay_s:
                    self._scheduler.call_later(delay_s, partial(self._send, app, channel, payload))
                else:
                    self._send(app, channel, payload)

    async def close(self) -> None:
        """Give up the postbacks that are still under way."""
        for task in self._posting:
            task.cancel()
        await asyncio.gather(*self._posting, return_exceptions=True)
        if self._client is not None:
            await self._client.close()

    def _send(self, app: App, channel: str, payload: dict[str, Any]) -> None:
        if channel == "ws":
            self._ticker.send_text(app, "order", payload)
        elif app.postback_url is not None:
            task = asyncio.get_running_loop().create_task(self._post(app.postback_url, payload))
            self._posting.add(task)
            task.add_done_callback(self._posting.discard)

    async def _post(self, url: str, payload: dict[str, Any]) -> None:
        if self._client is None:
            self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_POSTBACK_TIMEOUT_S))
        try:
            async with self._client.post(url, json=payload) as response:
                await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            _LOG.warning("postback to %s was not delivered: %s", url, error)


def _effect(fault: Fault | None, channel: str) -> tuple[int, float]:
    """(copies, delay in seconds) for a channel."""
    if fault is None or fault.params.get("channel", "both") not in (channel, "both"):
        return 1, 0.0
    if fault.name == "missing_updates":
        return 0, 0.0
    return (2, 0.0) if fault.name == "duplicate_updates" else (1, fault.seconds("ms", 300))
