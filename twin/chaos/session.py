"""A session of many strategies, with chaos or without: played through the API, judged by the exchange's record."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import psycopg

from algotrading.settings import TimingSettings
from twin.api_client import ApiClient, Login
from twin.chaos.cast import FUNDS, Fall, Player, Script, traders_needed, write_script
from twin.chaos.collect import LedgerRows, exchange_order, read_alarms, strategy_records, verify_audit
from twin.chaos.evidence import Evidence, Tick
from twin.chaos.insistence import LOGGED_OUT, insist
from twin.chaos.monkey import Monkey, People
from twin.chaos.observer import Observer
from twin.chaos.plan import CHAOS_BEFORE, EVIDENCE_SECONDS, make_plan
from twin.chaos.poller import ForgetfulPoller
from twin.chaos.proxy import Network
from twin.chaos.rest import unrest
from twin.console import Narrator
from twin.running import Twin
from twin.script import Market
from twin.stage import FEED_BROKER_USER, enter, enter_feed, find_market, wait_for_watcher

SYMBOLS = (
    "RELIANCE", "TCS", "INFY", "SBIN", "HDFCBANK", "ICICIBANK", "ITC", "AXISBANK", "KOTAKBANK", "LT",
    "MARUTI", "SUNPHARMA", "TATASTEEL", "WIPRO", "HINDUNILVR", "BHARTIARTL", "IDEA", "YESBANK", "TATAMOTORS", "HDFC",
)  # fmt: skip
GRACE_SECONDS = float(TimingSettings.model_fields["entry_grace_seconds"].default)
_LEAD = timedelta(seconds=10)
"""From the last strategy's start to the first buy."""
_STARTS_AT_ONCE = 3
_START_SECONDS_EACH = 0.15
"""What a creation and a start take on two busy cores, for planning ahead."""
CHAOS_AFTER = 5.0
CALM_SECONDS = EVIDENCE_SECONDS + 2 * 60 + GRACE_SECONDS
"""The calm end's limit: the evidence window, two minutes in which converge runs at least once and its work is
carried out, and the grace, after which it records an entry that nobody made as missed."""
_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Round:
    """A session that is over."""

    evidence: Evidence
    script: Script
    struck: dict[str, int]
    missed: dict[str, int]
    chaos_seconds: float
    calm_seconds: float
    last_restless: Sequence[str]
    """What came to rest last."""


class ChaosSession:
    """One session on a twin of its own. Without `network` and `poller` nothing is broken."""

    def __init__(
        self,
        twin: Twin,
        narrator: Narrator,
        *,
        seed: int,
        strategies: int,
        with_faults: bool,
        network: Network,
        poller: ForgetfulPoller,
    ) -> None:
        self._twin = twin
        self._narrator = narrator
        self._seed = seed
        self._strategies = strategies
        self._with_faults = with_faults
        self._network = network
        self._poller = poller
        self._players: dict[UUID, Player] = {}
        self._starting = asyncio.Semaphore(_STARTS_AT_ONCE)

    async def play(self) -> Round:
        """Play and collect. Raises SessionFailed, ApiRefused: it could not be played at all."""
        twin = self._twin
        await twin.entrance
        self._people = await self._enter_people()
        await twin.settled
        markets = [await find_market(twin, self._people.traders[0], symbol) for symbol in SYMBOLS]
        script = await self._begin(markets)
        async with (
            AsyncExitStack() as stack,
            await psycopg.AsyncConnection.connect(twin.database, autocommit=True) as first,
            await psycopg.AsyncConnection.connect(twin.database, autocommit=True) as second,
        ):
            monkey = Monkey(
                twin,
                self._people,
                network=self._network,
                poller=self._poller,
                find_strategy=self._strategy_of,
                stack=stack,
            )
            stack.callback(monkey.release)
            observer = Observer(twin, LedgerRows(first))
            watching = asyncio.create_task(observer.run())
            stack.callback(watching.cancel)
            chaos_seconds = await self._act(script, monkey)
            ledger = LedgerRows(second)
            calm_seconds, restless, last = await self._wait_for_rest(ledger, watching)
            evidence = await self._collect(script, ledger, observer, restless)
        done = monkey.done
        return Round(evidence, script, dict(done.struck), dict(done.missed), chaos_seconds, calm_seconds, last)

    # --- the stage ---------------------------------------------------------------------------------

    async def _enter_people(self) -> People:
        twin = self._twin
        operator = ApiClient(twin.http, twin.api_url)
        await enter_feed(twin, operator)
        traders, accounts = [], []
        for number in range(traders_needed(self._strategies)):
            trader = ApiClient(twin.http, twin.api_url)
            accounts.append(await enter(twin, trader, Login.fresh(), f"TRADER{number:02}", funds=FUNDS))
            traders.append(trader)
        await wait_for_watcher(twin)
        self._narrator.say(f"{len(traders)} traders registered and logged in; the watcher is connected")
        return People(traders, accounts, operator, FEED_BROKER_USER)

    async def _begin(self, markets: Sequence[Market]) -> Script:
        """Write the script and start everything that is not to start in the midst of the chaos."""
        needed = timedelta(seconds=self._strategies * _START_SECONDS_EACH) + _LEAD
        begins_at = (datetime.now(UTC) + needed).replace(microsecond=0)
        script = write_script(self._seed, begins_at, markets, self._strategies)
        early = sorted((p for p in script.players if p.starts_at is None), key=lambda player: player.part.buy_at)
        with self._narrator.step(f"{len(early)} strategies created and started"):
            await asyncio.gather(*(self._start(player) for player in early))
        ahead = (begins_at - datetime.now(UTC)).total_seconds()
        self._narrator.say(f"the first can buy in {ahead:.1f} s; all of them within a minute of it")
        return script

    async def _start(self, player: Player) -> None:
        """Create and start a strategy. A creation whose answer is lost is made again: what is not started does
        nothing. Whoever's broker login has just died presses start again once they are back."""
        trader = self._people.traders[player.trader]
        async with self._starting:
            made = await insist(lambda: trader.call("POST", "/api/v1/strategy/create", player.part.request()))
            strategy_id = UUID(made["strategy_id"])
            self._players[strategy_id] = player
            await insist(partial(self._command, player, strategy_id, "start"), passing={LOGGED_OUT})

    async def _command(self, player: Player, strategy_id: UUID, what: str) -> dict[str, Any]:
        trader = self._people.traders[player.trader]
        return await trader.call("POST", f"/api/v1/strategy/{what}", {"strategy_id": str(strategy_id)})

    # --- the play ----------------------------------------------------------------------------------

    async def _act(self, script: Script, monkey: Monkey) -> float:
        """Everything that the script says, and the monkey beside it. How long it took, seconds."""
        begins = script.begins_at - timedelta(seconds=CHAOS_BEFORE)
        await _sleep_until(begins)
        begun = time.monotonic()
        seconds = (script.last_event_at - begins).total_seconds() + CHAOS_AFTER
        plan = make_plan(self._seed, script, seconds=seconds) if self._with_faults else ()
        self._narrator.say(f"chaos for {seconds:.0f} s: {len(plan)} deeds are planned", style="bold")
        async with asyncio.TaskGroup() as group:
            group.create_task(monkey.act(plan))
            for player in script.players:
                self._cast(group, player)
            for fall in script.falls:
                group.create_task(self._at(fall.at, partial(self._fall, fall)))
            await _sleep_until(begins + timedelta(seconds=seconds))
        await monkey.heal()
        self._narrator.say("calm: nothing is broken any more", style="bold")
        return time.monotonic() - begun

    def _cast(self, group: asyncio.TaskGroup, player: Player) -> None:
        if player.starts_at is not None:
            group.create_task(self._at(player.starts_at, partial(self._start, player)))
        if player.called_off_at is not None:
            group.create_task(self._at(player.called_off_at, partial(self._call_off, player)))

    async def _at(self, instant: datetime, act: Callable[[], Awaitable[None]]) -> None:
        await _sleep_until(instant)
        await act()

    async def _call_off(self, player: Player) -> None:
        ids = [strategy_id for strategy_id, each in self._players.items() if each is player]
        for strategy_id in ids:
            await insist(partial(self._command, player, strategy_id, "stop"))

    async def _fall(self, fall: Fall) -> None:
        if fall.over_ms:
            await self._twin.exchange.lead_price(fall.symbol, float(fall.price), fall.over_ms)
            await asyncio.sleep(fall.over_ms / 1000)
        await self._twin.exchange.set_price(fall.symbol, float(fall.price))

    def _strategy_of(self, number: int) -> UUID | None:
        """The strategy of a player, once there is one."""
        return next((s for s, player in self._players.items() if player.number == number), None)

    # --- the end -----------------------------------------------------------------------------------

    async def _wait_for_rest(
        self, ledger: LedgerRows, watching: asyncio.Task[None]
    ) -> tuple[float, list[str], list[str]]:
        """Until nothing is under way any more; how long it took, what still is when the time is over, and what
        was before."""
        begun = time.monotonic()
        restless: list[str] = []
        while True:
            before = restless
            if watching.done():
                watching.result()
            restless = unrest(self._players, await ledger.standing(), await ledger.intents())
            waited = time.monotonic() - begun
            if not restless or waited > CALM_SECONDS:
                break
            await asyncio.sleep(_LOOK_SECONDS)
        said = "everything is at rest" if not restless else f"{len(restless)} things are not at rest"
        self._narrator.say(f"{said} {waited:.0f} s after the chaos", style="" if not restless else "bold red")
        return waited, restless, before

    async def _collect(
        self, script: Script, ledger: LedgerRows, observer: Observer, restless: Sequence[str]
    ) -> Evidence:
        twin = self._twin
        intents = await ledger.intents()
        symbols = sorted({player.part.market.symbol for player in script.players})
        since = script.begins_at - timedelta(seconds=CHAOS_BEFORE)
        ticks = {symbol: await twin.exchange.ticks_since(symbol, since) for symbol in symbols}
        return Evidence(
            strategies=strategy_records(self._players, self._people.accounts, await ledger.standing()),
            intents=intents,
            orders=[exchange_order(row) for row in await twin.exchange.orders()],
            alarms=await asyncio.to_thread(read_alarms, twin.state.logs),
            sights=observer.sights,
            ticks={symbol: [Tick(tick.emitted_ns, tick.price) for tick in sent] for symbol, sent in ticks.items()},
            truths=observer.truths(intents),
            grace_seconds=GRACE_SECONDS,
            is_at_rest=not restless,
            unrest=restless,
            audit_trouble=await verify_audit(twin.state),
        )


async def _sleep_until(instant: datetime) -> None:
    await asyncio.sleep(max(0.0, (instant - datetime.now(UTC)).total_seconds()))
