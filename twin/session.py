"""A trading session in front of the reader: two people, seven strategies, one exchange, every step to the millisecond.

Everything is done through the API, as an app would; only what is shown and compared is read from the
ledger and from the exchange's own order book.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict

from algotrading.domain.sessions import IST
from twin.api_client import ApiClient, Login
from twin.console import Narrator
from twin.exchange import ExchangeControl
from twin.ledger import LedgerReader
from twin.playbill import Playbill
from twin.replay_path import ReplayPath
from twin.report import Report, make_report, show_report
from twin.running import Twin
from twin.script import CAST, FUNDS, HIT, IN_FAMILY, LEAD, Market, Part, Role, time_to_wait, write_script
from twin.secret_scan import find_secrets
from twin.stage import (
    SessionFailed,
    enter,
    enter_feed,
    find_market,
    open_channels,
    open_second_account,
    wait_for_messages,
    wait_for_watcher,
)

TRADER_BROKER_USER = "TRADER01"
FAMILY_BROKER_USER = "TRADER02"
"""The trader's second account."""
CHAT, WEBHOOK, PHONE = "123456789", "https://hooks.example.com/trades", "ExponentPushToken[demo]"
MOBILE = "+919876543210"
"""Where the trader is told, besides the inbox and the mail; in the twin all of it arrives in the mailbox."""
SYMBOLS = ("INFY", "SBIN", "TCS", "RELIANCE", "HDFCBANK", "ICICIBANK", "AXISBANK")
_LOOK_SECONDS = 0.05
_PART_SECONDS = 45.0
_HELD_SECONDS = 1.5
"""How long the strategies that end early are left in peace before what ends them."""
_BETWEEN_STOPS_SECONDS = 1.0
_NATURAL_HIT_SECONDS = 12.0
"""How long a replayed path may take to hit the stop; then the price is pushed."""


@dataclass(frozen=True, slots=True)
class Played:
    """A session that is over. `is_good`: it went as its script says, and ledger and exchange agree."""

    is_good: bool
    trader: Login


async def play_session(
    twin: Twin, narrator: Narrator, *, report_file: Path, replay: Path | None = None, speed: float = 1.0
) -> Played:
    """Play, show and record a session.

    Raises:
        SessionFailed, ApiRefused: a step could not be done at all.
    """
    pause = time_to_wait(datetime.now(UTC))
    if pause:
        narrator.say(f"times of day end at midnight and broker logins at 06:00: waiting {pause.total_seconds():.0f} s")
        await asyncio.sleep(pause.total_seconds())
    path = None if replay is None else ReplayPath.read(replay, twin.exchange_address.opened_at, speed)
    async with await psycopg.AsyncConnection.connect(twin.database, autocommit=True) as connection:
        session = _Session(twin, narrator, LedgerReader(connection), path)
        report = await session.play()
    report = replace(report, leaks=await asyncio.to_thread(find_secrets, twin.state.logs, session.secrets()))
    for leak in report.leaks:
        narrator.say(f"a log holds a secret: {leak}", style="bold red")
    document = json.dumps(report.document(narrator.seconds), indent=2, ensure_ascii=False)
    await asyncio.to_thread(report_file.write_text, document + "\n")
    show_report(report, narrator, report_file)
    return Played(report.is_good, session.login)


class _Session:
    def __init__(self, twin: Twin, narrator: Narrator, ledger: LedgerReader, path: ReplayPath | None) -> None:
        self._twin = twin
        self._exchange: ExchangeControl = twin.exchange
        self._narrator = narrator
        self._ledger = ledger
        self._path = path
        self._operator = ApiClient(twin.http, twin.api_url)
        self._trader = ApiClient(twin.http, twin.api_url)
        self._emitted: dict[UUID, int] = {}
        self.login = Login.fresh()

    async def play(self) -> Report:
        # First calls while their functions still load could outlast the functions' time-outs.
        await self._twin.entrance
        await self._enter_people()
        await open_channels(self._trader, self._twin.mailbox, chat=CHAT, webhook=WEBHOOK, phone=PHONE, mobile=MOBILE)
        self._narrator.say(f"{self.login.email} is told by mail, webhook, Telegram, SMS and push")
        await self._twin.settled
        if self._path is not None:
            self._narrator.say(self._path.describe(datetime.now(UTC)))
        markets = await self._find_markets()
        parts = {await self._start(part): part for part in write_script(datetime.now(UTC), markets)}
        playbill = Playbill(self._narrator, parts)
        with playbill.shown():
            async with asyncio.TaskGroup() as group:
                look = group.create_task(self._look(playbill))
                await self._act(parts, playbill)
                look.cancel()
        messages = await wait_for_messages(self._trader)
        self._narrator.say(
            f"{messages} messages about it arrived in the mailbox: mails, webhooks, Telegram, SMS, pushes"
        )
        ledger = await self._ledger.read(self._trader.user_id)
        orders = [
            order
            for broker_user in (self._broker_user, FAMILY_BROKER_USER)
            for order in await self._exchange.orders(broker_user)
        ]
        return make_report(parts, ledger, orders, self._emitted)

    def secrets(self) -> dict[str, str]:
        """Every secret that this session handed out or was given, by what it is."""
        found = {
            "password": self.login.password,
            "database password": _database_password(self._twin.database),
            "mobile number": MOBILE,
        }
        for name, client in (("trader", self._trader), ("operator", self._operator)):
            found[f"bearer token of the {name}"] = client.token
        for account in self._exchange.opened:
            found[f"API secret of {account.user_id}"] = account.api_secret
            found[f"access token of {account.user_id}"] = account.access_token
        return found

    # --- people ------------------------------------------------------------------------------------

    async def _enter_people(self) -> None:
        feed_email = await enter_feed(self._twin, self._operator)
        self._narrator.say(f"{feed_email} registered and logged in to the broker: its connection feeds the prices")
        self._broker_user = await enter(self._twin, self._trader, self.login, TRADER_BROKER_USER, funds=FUNDS)
        who = f"{self.login.email} registered and logged in to the broker as {self._broker_user}"
        self._narrator.say(f"{who}, ₹{FUNDS:,}")
        self._family = await open_second_account(self._twin, self._trader, "Family", FAMILY_BROKER_USER, funds=FUNDS)
        self._narrator.say(f"and opened a second account, Family, logged in to the broker as {FAMILY_BROKER_USER}")
        await wait_for_watcher(self._twin)
        self._narrator.say("the watcher is connected to the exchange")

    # --- the stage ---------------------------------------------------------------------------------

    async def _find_markets(self) -> Sequence[Market]:
        """A market for each part, those of the replayed file before others."""
        replayed = self._path.symbols if self._path else ()
        chosen = [*replayed, *(symbol for symbol in SYMBOLS if symbol not in replayed)]
        markets = [await self._market(symbol) for symbol in chosen]
        markets.sort(key=_depth_ahead)
        return markets[: len(CAST)]

    async def _market(self, symbol: str) -> Market:
        market = await find_market(self._twin, self._trader, symbol)
        if self._path is None or symbol not in self._path.symbols:
            return market
        now = datetime.now(UTC)
        return replace(market, stop_hint=self._path.stop_hint(symbol, now, now + LEAD))

    async def _start(self, part: Part) -> UUID:
        account_id = self._family if part.role in IN_FAMILY else None
        made = await self._trader.call("POST", "/api/v1/strategy/create", part.request(account_id))
        await self._trader.call("POST", "/api/v1/strategy/start", {"strategy_id": made["strategy_id"]})
        where = "" if account_id is None else " in the Family account"
        self._narrator.tell(
            datetime.now(UTC),
            f"{part.market.symbol:<10} created and started{where}: {part.role} (buys {part.quantity} at "
            f"{part.buy_at.astimezone(IST):%H:%M:%S}, stop-loss {part.stop_loss}, sells at "
            f"{part.sell_at.astimezone(IST):%H:%M:%S})",
        )
        return UUID(made["strategy_id"])

    # --- the play ----------------------------------------------------------------------------------

    async def _look(self, playbill: Playbill) -> None:
        while True:
            playbill.update(await self._ledger.read(self._trader.user_id))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _act(self, parts: dict[UUID, Part], playbill: Playbill) -> None:
        async with asyncio.TaskGroup() as group:
            patience = _HELD_SECONDS
            for strategy_id, part in parts.items():
                if part.role in HIT:
                    group.create_task(self._fall(part, strategy_id, playbill, patience))
                    patience += _BETWEEN_STOPS_SECONDS
                if part.role is Role.CALLED_OFF:
                    group.create_task(self._call_off(strategy_id, playbill))
                group.create_task(self._end(strategy_id, part, playbill))

    async def _fall(self, part: Part, strategy_id: UUID, playbill: Playbill, patience: float) -> None:
        """Let the price fall below the stop, by itself where the replayed path does that in time."""
        await self._reach(strategy_id, playbill, _is_held, "is bought")
        symbol, entered = part.market.symbol, playbill.entered_at(strategy_id)
        natural = patience if part.market.stop_hint is None else _NATURAL_HIT_SECONDS
        await self._is_hit(strategy_id, playbill, natural)
        is_pushed = await self._exchange.first_tick_at_or_below(symbol, part.stop_loss, entered) is None
        if is_pushed:
            price = part.stop_loss - part.market.tick_size
            tick = await self._exchange.set_price(symbol, float(price))
            at = datetime.fromtimestamp(tick["tick_ns"] / 1e9, UTC)
            self._narrator.tell(at, f"{symbol:<10} the exchange is made to trade at {price}: below the stop-loss")
        await self._reach(strategy_id, playbill, lambda state: state in {"flat", "failed"}, f"{part.role}")
        # Also after a push: the price may have fallen by itself a moment before.
        hit = await self._exchange.first_tick_at_or_below(symbol, part.stop_loss, entered)
        if hit is not None:
            self._emitted[strategy_id] = hit.emitted_ns
        if hit is not None and not is_pushed:
            text = f"{symbol:<10} the exchange traded at {hit.price} by itself: not above the stop-loss"
            self._narrator.tell(hit.emitted_at, text)
        if is_pushed:
            await self._exchange.release_price(symbol)

    async def _is_hit(self, strategy_id: UUID, playbill: Playbill, seconds: float) -> bool:
        """Whether the price falls to the stop by itself within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await playbill.wait_for(strategy_id, lambda state: not _is_held(state))
        except TimeoutError:
            return False
        return True

    async def _call_off(self, strategy_id: UUID, playbill: Playbill) -> None:
        await self._reach(strategy_id, playbill, _is_held, "is bought")
        await asyncio.sleep(_HELD_SECONDS)
        self._narrator.tell(datetime.now(UTC), f"{playbill.symbol(strategy_id):<10} its owner stops the strategy")
        await self._trader.call("POST", "/api/v1/strategy/stop", {"strategy_id": str(strategy_id)})

    async def _end(self, strategy_id: UUID, part: Part, playbill: Playbill) -> None:
        await self._reach(strategy_id, playbill, lambda state: state in {"flat", "failed"}, f"{part.role}")
        standing = await self._trader.call("GET", f"/api/v1/strategy/status/{strategy_id}")
        self._narrator.tell(
            datetime.now(UTC),
            f"{part.market.symbol:<10} the API says: {standing['status']}, position {standing['position']}, "
            f"last action {standing['last_action']}",
        )

    async def _reach(
        self, strategy_id: UUID, playbill: Playbill, is_reached: Callable[[str | None], bool], what: str
    ) -> None:
        try:
            async with asyncio.timeout(_PART_SECONDS):
                await playbill.wait_for(strategy_id, is_reached)
        except TimeoutError:
            state = playbill.state(strategy_id)
            raise SessionFailed(
                f"{playbill.symbol(strategy_id)}: '{what}' did not come within {_PART_SECONDS:.0f} s (it is {state})"
            ) from None


def _is_held(state: str | None) -> bool:
    return state == "long"


def _depth_ahead(market: Market) -> Decimal:
    """How far down the replayed path leads, as a share of the price; more than the price when it does not."""
    return Decimal(2) if market.stop_hint is None else market.stop_hint / market.price


def _database_password(address: str) -> str:
    return str(conninfo_to_dict(address)["password"])
