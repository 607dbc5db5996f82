"""The running product with traders in it, for the benchmarks that need the real thing.

Traders enter through the API as people do: register, connect the broker, log in on its page. There are
several of them because the broker allows an account ten orders a second.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from rich.console import Console

from algotrading.domain.sessions import IST
from benchmarks.figures import Progress
from twin.api_client import ApiClient, Login
from twin.console import Narrator
from twin.processes import REPOSITORY
from twin.running import Deviations, Options, Twin
from twin.stage import open_account
from twin.supervisor import run_twin

STATE = REPOSITORY / "build" / "bench"
SYMBOLS = ("INFY", "SBIN", "TCS", "RELIANCE", "HDFCBANK", "ICICIBANK", "ITC", "AXISBANK", "WIPRO", "SUNPHARMA")
STOP_LEVELS = (Decimal("0.99"), Decimal("0.98"), Decimal("0.97"), Decimal("0.96"), Decimal("0.95"))
"""Of the price at the start: five traders hold every symbol, each with a stop of their own."""
TRADERS = len(SYMBOLS)
FUNDS = 5_000_000
_FEED_BROKER_USER = "FEED01"
_LEAD = timedelta(seconds=30)
"""From the first creation to the buys: enough to create and start every strategy."""
_HELD = timedelta(minutes=10)
_QUIET_INSTANTS = (time(0, 0), time(6, 0))
"""Midnight ends the times of day, 06:00 the broker's logins."""
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Trader:
    """One person with a broker account."""

    api: ApiClient
    broker_user: str


@dataclass(frozen=True, slots=True)
class Holding:
    """One started strategy."""

    trader: Trader
    strategy_id: UUID
    symbol: str
    stop_loss: Decimal
    due: datetime


@dataclass(frozen=True, slots=True)
class Intent:
    """One order of the ledger; instants as the product noted them."""

    strategy_id: UUID
    leg: str
    tag: str
    due_at: datetime
    cause_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    answered_at: datetime | None
    state: str


class StageFailed(Exception):
    """The product did not do what a benchmark measures; the message says what."""


@dataclass(slots=True)
class Stage:
    """The running product. `holdings` are the strategies entered so far."""

    twin: Twin
    database: psycopg.AsyncConnection[Any]
    progress: Progress
    logs: Path
    traders: list[Trader] = field(default_factory=list)
    holdings: list[Holding] = field(default_factory=list)

    async def people(self) -> Sequence[Trader]:
        """The traders and the operator whose account feeds the watcher, entered at the first call."""
        if not self.traders:
            self.progress(f"{TRADERS} traders register and connect their brokers")
            await self.watch()
            for number in range(TRADERS):
                self.traders.append(await self.enter_trader(f"bench-{number}@example.com", f"BENCH{number:02d}"))
        return self.traders

    async def watch(self) -> None:
        """Enter the operator whose account feeds the watcher, and wait until that is connected."""
        await self.enter_trader(self.twin.wiring.watcher_environment["FEED_ACCOUNT_EMAIL"], _FEED_BROKER_USER)
        await self.until(self._is_watching, "the watcher connects")

    async def enter(self, count: int) -> Sequence[Holding]:
        """Start `count` strategies through the API, all due at the same instant, and wait until all of
        them hold what they were to buy. Those of an earlier call are returned as they are."""
        if not self.holdings:
            traders = await self.people()
            self.progress(f"{count} executors are loaded")
            await self.twin.functions["executor"].warm(count)
            await self.twin.functions["strategy"].warm(3)
            prices = {symbol: await self.price(symbol) for symbol in SYMBOLS}
            await wait_out_quiet_instants(self.progress)
            due = datetime.fromtimestamp(math.ceil((datetime.now(UTC) + _LEAD).timestamp()), UTC)
            self.progress(f"{count} strategies are created and started, all due at {due.astimezone(IST):%H:%M:%S}")
            self.holdings = await self._start_all(traders, count, prices, due)
            if datetime.now(UTC) > due - timedelta(seconds=5):
                raise StageFailed("creating and starting the strategies took so long that their buy time had come")
            self.progress("waiting for the instant")
            await self.until(self.all_hold, "every strategy buys")
        return self.holdings

    async def enter_more(self, count: int, lead: timedelta) -> Sequence[Holding]:
        """Start `count` strategies of traders who have none, all due together, `lead` from now. Nobody waits for it."""
        await self.people()
        makers = range(min(count, TRADERS))
        traders = [await self.enter_trader(f"more-{number}@example.com", f"MORE{number:02d}") for number in makers]
        prices = {symbol: await self.price(symbol) for symbol in SYMBOLS}
        await wait_out_quiet_instants(self.progress)
        due = datetime.fromtimestamp(math.ceil((datetime.now(UTC) + lead).timestamp()), UTC)
        self.progress(f"{count} strategies are created and started, all due at {due.astimezone(IST):%H:%M:%S}")
        return await self._start_all(traders, count, prices, due)

    async def intents(self, leg: str) -> Sequence[Intent]:
        """First attempts of every strategy."""
        async with self.database.cursor(row_factory=class_row(Intent)) as cursor:
            await cursor.execute(_INTENTS, (leg,))
            return await cursor.fetchall()

    async def exchange_orders(self, tags: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The exchange's own record, by tag."""
        async with self.twin.http.get(f"{self.twin.exchange_address.url}/sim/orders") as response:
            rows = await response.json()
        wanted = frozenset(tags)
        return {row["tag"]: row for row in rows if row["tag"] in wanted}

    async def open_account(self, broker_user: str) -> dict[str, Any]:
        """An account at the exchange with a living access token, for a peer that does without the product."""
        body = {"user_id": broker_user, "funds": FUNDS}
        async with self.twin.http.post(f"{self.twin.exchange_address.url}/sim/accounts", json=body) as response:
            account: dict[str, Any] = await response.json()
            return account

    async def until(self, condition: Callable[[], Any], what: str, seconds: float = _PATIENCE) -> None:
        """Wait for `condition` (async). Raises StageFailed."""
        try:
            async with asyncio.timeout(seconds):
                while not await condition():  # noqa: ASYNC110  # others change what is waited for
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise StageFailed(f"'{what}' did not come within {seconds:.0f} s") from None

    async def enter_trader(self, email: str, broker_user: str) -> Trader:
        """Somebody new, registered and connected to an account of their own at the broker."""
        callback = f"{self.twin.api_url}/api/v1/broker/callback"
        api = ApiClient(self.twin.http, self.twin.api_url)
        await open_account(self.twin, api, Login.fresh(email))
        account = await self.twin.exchange.open_account(broker_user, funds=FUNDS, redirect_url=callback)
        return Trader(api, await api.connect_broker(account))

    async def _start_all(
        self, traders: Sequence[Trader], count: int, prices: dict[str, Decimal], due: datetime
    ) -> list[Holding]:
        async def start(number: int) -> list[Holding]:
            trader = traders[number]
            # Five symbols in a row for each trader; the n-th of them carries the n-th stop level.
            turns = [turn for turn in range(len(STOP_LEVELS)) if turn * len(traders) + number < count]
            return [
                await self.start(trader, symbol, prices[symbol] * STOP_LEVELS[turn], due)
                for turn in turns
                for symbol in [SYMBOLS[(number + turn) % len(SYMBOLS)]]
            ]

        started = await asyncio.gather(*(start(number) for number in range(len(traders))))
        return [holding for group in started for holding in group]

    async def start(self, trader: Trader, symbol: str, stop: Decimal, due: datetime) -> Holding:
        """Create and start a strategy that buys one at `due`, and sells at the stop, rounded down to a whole rupee."""
        stop_loss = stop.quantize(Decimal(1), ROUND_DOWN)  # a whole rupee is a multiple of every tick size
        plan = {
            "symbol": symbol,
            "buy_time": f"{due.astimezone(IST):%H:%M:%S}",
            "sell_time": f"{(due + _HELD).astimezone(IST):%H:%M:%S}",
            "stop_loss": float(stop_loss),
            "quantity": 1,
            # A stop order at the exchange would be quicker than what is measured here: the watcher and its lane.
            "broker_stop": False,
        }
        made = await trader.api.call("POST", "/api/v1/strategy/create", plan)
        await trader.api.call("POST", "/api/v1/strategy/start", {"strategy_id": made["strategy_id"]})
        return Holding(trader, UUID(made["strategy_id"]), symbol, stop_loss, due)

    async def price(self, symbol: str) -> Decimal:
        """What was last traded at the exchange."""
        return Decimal(str((await self.twin.exchange.last_tick(symbol))["last_price"]))

    async def _is_watching(self) -> bool:
        return await self.twin.exchange.has_socket(_FEED_BROKER_USER)

    async def all_hold(self) -> bool:
        """Whether every strategy of `holdings` has bought. Raises StageFailed when one cannot."""
        cursor = await self.database.execute(
            "select state, count(*) from cycles where strategy_id = any(%s) group by state",
            ([holding.strategy_id for holding in self.holdings],),
        )
        states = dict(await cursor.fetchall())
        if states.get("failed"):
            raise StageFailed(f"{states['failed']} strategies failed to buy; see {self.logs}")
        return bool(states.get("long", 0) == len(self.holdings))


@asynccontextmanager
async def open_stage(progress: Progress, settings: Mapping[str, str] | None = None) -> AsyncIterator[Stage]:
    """Start the product, with some `settings` other than the templates'; everything is stopped when the block ends."""
    options = Options(state=STATE, deviations=Deviations(settings=settings or {}))
    async with (
        run_twin(options, Narrator(Console(stderr=True))) as twin,
        await psycopg.AsyncConnection.connect(twin.database, autocommit=True) as database,
    ):
        yield Stage(twin, database, progress, STATE / "logs")


async def wait_out_quiet_instants(progress: Progress) -> None:
    """Wait when a strategy started now would live across an instant that ends times of day or logins."""
    now = datetime.now(IST)
    for instant in _QUIET_INSTANTS:
        next_one = datetime.combine(now.date(), instant, IST)
        next_one += timedelta(days=0 if next_one > now else 1)
        if next_one - now < _LEAD + _HELD:
            pause = (next_one - now).total_seconds() + 2
            progress(f"the day turns soon: waiting {pause:.0f} s")
            await asyncio.sleep(pause)


_INTENTS = """
    select strategy_id, leg, tag, due_at, cause_at, created_at, sent_at, answered_at, state
    from order_intents where leg = %s and attempt = 1 order by created_at
"""
