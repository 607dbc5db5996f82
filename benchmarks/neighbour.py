"""Whether a user's exits are as quick beside a noisy neighbour as without one.

Two users of one deployment, with the 600 requests a minute that production answers each. The quiet one holds positions
and looks at them now and then; stops of theirs are reached, and some positions are squared off by the API. The noisy
one sends a hundred times as many requests, refused ones counted, among them starts and stops of strategies; and
whenever a stop of the quiet one is reached, several stops of the noisy one are reached just before it. Stops are
reached while all that the noisy one asks is done, the costliest time, and square-offs are asked for once the minute's
requests are used up. It is measured in turns, alone and beside the neighbour, until the exchange has the order. All of
it shares the cores of one machine here, the benchmark and the gateway too: what the neighbour costs beyond what the
product lets through is in it.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from benchmarks.figures import Figure, Progress, spread
from benchmarks.noise import RATIO, Pair, shares
from benchmarks.stage import Holding, Stage, StageFailed, Trader, open_stage, wait_out_quiet_instants
from twin.api_client import ApiRefused

_SETTINGS = {"REQUESTS_PER_MINUTE": "600"}
_QUIET_SYMBOLS = ("INFY", "SBIN", "TCS", "RELIANCE", "HDFCBANK", "ICICIBANK", "ITC", "AXISBANK", "WIPRO", "SUNPHARMA")
_NOISY_SYMBOLS = ("KOTAKBANK", "LT", "MARUTI", "TATASTEEL", "HINDUNILVR", "BHARTIARTL", "TATAMOTORS", "HDFC")
_DRAFT_SYMBOLS = ("IDEA", "YESBANK")
"""One strategy at a time trades a symbol in an account."""
_STOPS = 3
"""Of the quiet user's, in one turn; what else is held is squared off."""
_FALL, _NEVER = Decimal("0.99"), Decimal("0.90")
"""Of the price: the stops that are reached, and those of positions that are squared off."""
_LEAD = timedelta(seconds=40)
_A_SECOND = 4
"""Buys of one user: the broker takes ten orders a second of an account."""
_PACE_SECONDS = 1.0
_DRAFTS = 6
_PATIENCE = 120.0
_WARM = {"priority_executor": 10, "executor": 18, "strategy": 5}


@dataclass(frozen=True, slots=True)
class Exits:
    """What is left in one turn: the quiet user's stops, each with those of the neighbour that are reached just before
    it, and the quiet user's positions to be squared off."""

    stops: Sequence[tuple[Holding, Sequence[Holding]]]
    square_offs: Sequence[Holding]


def divide(quiet: Sequence[Holding], noisy: Sequence[Holding]) -> tuple[Exits, Exits]:
    """One round's positions as two turns, alone and beside the neighbour, whose own are all in the second."""
    half = len(quiet) // 2
    alone, beside = quiet[:half], quiet[half:]
    return (
        Exits([(holding, ()) for holding in alone[:_STOPS]], alone[_STOPS:]),
        Exits([(holding, noisy[n::_STOPS]) for n, holding in enumerate(beside[:_STOPS])], beside[_STOPS:]),
    )


@dataclass(slots=True)
class Begun:
    """When exits of the quiet user began, milliseconds since the epoch, by their strategies."""

    stops: dict[UUID, float] = field(default_factory=dict)
    square_offs: dict[UUID, float] = field(default_factory=dict)


async def measure(progress: Progress, *, rounds: int) -> list[Figure]:
    """Milliseconds until the exchange has the quiet user's order, alone and beside the neighbour."""
    progress("a product with production's number of requests starts")
    async with open_stage(progress, _SETTINGS) as stage:
        await stage.watch()
        quiet = await stage.enter_trader("quiet@example.com", "QUIET01")
        for name, environments in _WARM.items():
            await stage.twin.functions[name].warm(environments)
        prices = {symbol: await stage.price(symbol) for symbol in (*_QUIET_SYMBOLS, *_NOISY_SYMBOLS)}
        alone, beside = Begun(), Begun()
        pairs = []
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}: positions are entered")
            # Another one each time: the one before has no requests left to enter with.
            noisy = await stage.enter_trader(f"noisy-{number}@example.com", f"NOISY{number:02d}")
            drafts = [str((await noisy.api.call("POST", _CREATE, _draft(n)))["strategy_id"]) for n in range(_DRAFTS)]
            by_itself, together = divide(*await _enter(stage, quiet, noisy, prices))
            progress("exits alone, then beside the neighbour")
            await _play(stage, by_itself, alone, _pair(quiet, _say_nothing))
            pairs.append(_pair(quiet, _requests(noisy, drafts)))
            await _play(stage, together, beside, pairs[-1])
            for holding in stage.holdings:
                await holding.trader.api.call("POST", f"{_STRATEGY}/stop", {"strategy_id": str(holding.strategy_id)})
        received = await _received(stage)
    return _figures(alone, beside, received, pairs)


def _figures(alone: Begun, beside: Begun, received: Mapping[UUID, float], pairs: Sequence[Pair]) -> list[Figure]:
    def figure(name: str, those: Mapping[UUID, float], others: Mapping[UUID, float]) -> Figure:
        values = [received[strategy] - began for strategy, began in those.items()]
        peer = spread([received[strategy] - began for strategy, began in others.items()])
        return Figure("neighbour", name, "ms", spread(values), len(values), peers={"alone, in turns with it": peer})

    sent, share = sum(pair.sent for pair in pairs), shares(pairs)
    return [
        figure("price at the stop to order at the exchange, beside the neighbour", beside.stops, alone.stops),
        figure("square-off asked for to order at the exchange", beside.square_offs, alone.square_offs),
        Figure("neighbour", f"{RATIO} times the requests: refused with 429", "%", {"median": share["refused"]}, sent),
        Figure("neighbour", "  not answered as they should be (5xx)", "%", {"median": share["failed"]}, sent),
    ]


# --- positions ------------------------------------------------------------------------------------------------------


async def _enter(
    stage: Stage, quiet: Trader, noisy: Trader, prices: Mapping[str, Decimal]
) -> tuple[Sequence[Holding], Sequence[Holding]]:
    """Have both users buy one of each of their symbols. Prices stand still, except where they are told to fall."""
    for symbol, price in prices.items():
        await stage.twin.exchange.set_price(symbol, float(price))
    await wait_out_quiet_instants(stage.progress)
    at = datetime.fromtimestamp(math.ceil((datetime.now(UTC) + _LEAD).timestamp()), UTC)

    async def start(trader: Trader, symbols: Sequence[str], levels: Sequence[Decimal]) -> list[Holding]:
        return [
            await stage.start(trader, symbol, prices[symbol] * level, at + timedelta(seconds=number // _A_SECOND))
            for number, (symbol, level) in enumerate(zip(symbols, levels, strict=True))
        ]

    turn = [*[_FALL] * _STOPS, *[_NEVER] * (len(_QUIET_SYMBOLS) // 2 - _STOPS)]
    bought = (
        await start(quiet, _QUIET_SYMBOLS, turn * 2),
        await start(noisy, _NOISY_SYMBOLS, [_FALL] * len(_NOISY_SYMBOLS)),
    )
    if datetime.now(UTC) > at:
        raise StageFailed("starting the strategies took so long that their buy time had come")
    stage.holdings = [*bought[0], *bought[1]]
    await stage.until(stage.all_hold, "every strategy buys", seconds=_PATIENCE)
    return bought


async def _play(stage: Stage, exits: Exits, begun: Begun, pair: Pair) -> None:
    """One turn: exits, one after the other, while both users send what they send, until all of it is sold."""
    await pair.play(lambda: _leave(stage, exits, begun, pair))


async def _leave(stage: Stage, exits: Exits, begun: Begun, pair: Pair) -> None:
    """Stops are reached while all that the neighbour asks is done, and square-offs are asked for once it is refused."""
    is_noisy = any(others for _, others in exits.stops)
    for holding, others in exits.stops:
        await asyncio.sleep(_PACE_SECONDS)
        await asyncio.gather(*(stage.twin.exchange.set_price(each.symbol, float(each.stop_loss)) for each in others))
        tick = await stage.twin.exchange.set_price(holding.symbol, float(holding.stop_loss))
        begun.stops[holding.strategy_id] = float(tick["tick_ns"]) / 1e6
    if is_noisy:
        await stage.until(_uses_up(pair), "the neighbour uses up the minute's requests")
    for holding in exits.square_offs:
        await asyncio.sleep(_PACE_SECONDS)
        pair.note_quiet()
        begun.square_offs[holding.strategy_id] = time.time() * 1e3
        await holding.trader.api.call("POST", f"{_STRATEGY}/square-off", {"strategy_id": str(holding.strategy_id)})
    left = {each.strategy_id for holding, others in exits.stops for each in (holding, *others)}
    left |= {holding.strategy_id for holding in exits.square_offs}

    async def are_sold() -> bool:
        return left <= {intent.strategy_id for intent in await stage.intents("exit") if intent.answered_at}

    await stage.until(are_sold, "every exit becomes an order", seconds=_PATIENCE)


def _uses_up(pair: Pair) -> Callable[[], Awaitable[bool]]:
    async def is_refused() -> bool:
        return pair.refused > 0

    return is_refused


async def _received(stage: Stage) -> dict[UUID, float]:
    """When the exchange had each strategy's order to sell, milliseconds since the epoch."""
    tags = {intent.tag: intent.strategy_id for intent in await stage.intents("exit")}
    orders = await stage.exchange_orders(list(tags))
    return {tags[tag]: row["received_ns"] / 1e6 for tag, row in orders.items()}


# --- requests -------------------------------------------------------------------------------------------------------

_STRATEGY = "/api/v1/strategy"
_CREATE = f"{_STRATEGY}/create"


def _pair(quiet: Trader, send: Callable[[int], Awaitable[int]]) -> Pair:
    async def look() -> None:
        await quiet.api.call("GET", _STRATEGY)

    return Pair(look, send)


async def _say_nothing(_number: int) -> int:
    return 0


def _requests(noisy: Trader, drafts: Sequence[str]) -> Callable[[int], Awaitable[int]]:
    """What the neighbour sends: every fifth request starts a strategy, every fifth stops one, the others read."""

    async def send(number: int) -> int:
        draft = drafts[number // 5 % len(drafts)]
        kinds: Sequence[tuple[str, str, dict[str, str] | None]] = (
            ("POST", f"{_STRATEGY}/start", {"strategy_id": draft}),
            ("GET", f"{_STRATEGY}/status/{draft}", None),
            ("POST", f"{_STRATEGY}/stop", {"strategy_id": draft}),
            ("GET", _STRATEGY, None),
            ("GET", f"{_STRATEGY}/{draft}/orders", None),
        )
        method, path, body = kinds[number % len(kinds)]
        try:
            await noisy.api.call(method, path, body)
        except ApiRefused as refused:
            return refused.status
        return 200

    return send


def _draft(number: int) -> dict[str, object]:
    hour = 9 + 2 * (number // len(_DRAFT_SYMBOLS))
    return {
        "symbol": _DRAFT_SYMBOLS[number % len(_DRAFT_SYMBOLS)],
        "buy_time": f"{hour:02}:30:00",
        "sell_time": f"{hour + 1:02}:30:00",
        "stop_loss": 1.0,
        "quantity": 1,
    }
