"""How fast a stop becomes an order: price falls, watcher sees it, queue, executor, order at the exchange.

First one stop at a time, then all that are left at once. Instants come from whoever acts: the exchange
notes when it traded at the price and when it received the order, the watcher when it received the tick
(`cause_at` in the ledger), the executor when it sent (`sent_at`). The way through the queue is the
emulator's, not SQS's: the split shows how much of the whole that is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from benchmarks.figures import Figure, spread
from benchmarks.logs import handled_lines, json_lines
from benchmarks.peer_stop import DESCRIPTION
from benchmarks.release import run_peer
from benchmarks.stage import SYMBOLS, Holding, Intent, Stage, StageFailed

_PACE_SECONDS = 0.5
_BURST_LEVELS = 2
"""The lowest stops of every symbol are hit together."""
_PRIORITY_EXECUTORS = 20
_REPORT_SECONDS = 11.0
"""The watcher tells its own figures every ten seconds."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One stop on its way. Milliseconds since the epoch."""

    emitted: float
    ticked: float
    handled: float
    sent: float
    received: float


async def measure(stage: Stage, *, count: int) -> list[Figure]:
    """Latencies of single hits with their parts, and of a burst."""
    holdings = await stage.enter(count)
    await stage.twin.functions["priority_executor"].warm(_PRIORITY_EXECUTORS)
    levels = sorted({_level(holding, holdings) for holding in holdings})
    single_levels = levels[: max(1, len(levels) - _BURST_LEVELS)]
    singles = [h for h in holdings if _level(h, holdings) in single_levels]
    burst = [h for h in holdings if h not in singles]
    stage.progress(f"{len(singles)} stops are hit one after the other")
    emitted = {h.strategy_id: await _hit(stage, h) for h in sorted(singles, key=lambda h: _level(h, holdings))}
    await asyncio.sleep(_REPORT_SECONDS)
    acknowledged = _watcher_metric(stage.logs, "TickToQueue")
    if burst:
        stage.progress(f"{len(burst)} stops are hit at once")
        emitted |= await _hit_together(stage, burst)
    hits = await _collect(stage, emitted)
    stage.progress(f"beside: {DESCRIPTION}")
    peer = await _peer_latencies(stage, singles)
    return _figures(
        [hits[h.strategy_id] for h in singles], [hits[h.strategy_id] for h in burst], acknowledged, spread(peer)
    )


def _figures(
    singles: Sequence[Hit], burst: Sequence[Hit], acknowledged: Sequence[float], peer: Mapping[str, float]
) -> list[Figure]:
    def figure(name: str, values: Sequence[float], peers: Mapping[str, Mapping[str, float]] | None = None) -> Figure:
        return Figure("stop", name, "ms", spread(values), len(values), peers=peers or {})

    whole = "price at the exchange to order at the exchange"
    figures = [
        figure(whole, [h.received - h.emitted for h in singles], {DESCRIPTION: peer}),
        figure("tick at the watcher to order leaving", [h.sent - h.ticked for h in singles]),
        figure("  price at the exchange to tick at the watcher", [h.ticked - h.emitted for h in singles]),
        figure("  tick at the watcher to handler (queue: emulator)", [h.handled - h.ticked for h in singles]),
        figure("    of it until the queue acknowledged", acknowledged),
        figure("  handler to order leaving", [h.sent - h.handled for h in singles]),
    ]
    if burst:
        figures.append(
            figure(f"{len(burst)} at once: price to order at the exchange", [h.received - h.emitted for h in burst])
        )
    return figures


def _level(holding: Holding, holdings: Sequence[Holding]) -> int:
    """How many stops of the same symbol lie above this one."""
    return sum(1 for h in holdings if h.symbol == holding.symbol and h.stop_loss > holding.stop_loss)


async def _hit(stage: Stage, holding: Holding) -> float:
    await asyncio.sleep(_PACE_SECONDS)
    tick = await stage.twin.exchange.set_price(holding.symbol, float(holding.stop_loss))
    return float(tick["tick_ns"]) / 1e6


async def _hit_together(stage: Stage, burst: Sequence[Holding]) -> dict[UUID, float]:
    lowest = {symbol: min(h.stop_loss for h in burst if h.symbol == symbol) for symbol in {h.symbol for h in burst}}
    ticks = await asyncio.gather(*(stage.twin.exchange.set_price(s, float(price)) for s, price in lowest.items()))
    at = {symbol: float(tick["tick_ns"]) / 1e6 for symbol, tick in zip(lowest, ticks, strict=True)}
    return {h.strategy_id: at[h.symbol] for h in burst}


async def _collect(stage: Stage, emitted: Mapping[UUID, float]) -> dict[UUID, Hit]:
    async def all_left() -> bool:
        return len([i for i in await stage.intents("exit") if i.answered_at]) == len(emitted)

    await stage.until(all_left, "every stop becomes an order")
    await asyncio.sleep(1.0)  # the last handlers write their last lines
    intents = await stage.intents("exit")
    orders = await stage.exchange_orders([intent.tag for intent in intents])
    handled = dict(_handler_starts(stage.logs))
    return {
        intent.strategy_id: _as_hit(intent, emitted, orders, handled)
        for intent in intents
        if intent.strategy_id in emitted
    }


def _as_hit(
    intent: Intent, emitted: Mapping[UUID, float], orders: Mapping[str, Any], handled: Mapping[UUID, float]
) -> Hit:
    if intent.cause_at is None or intent.sent_at is None or intent.tag not in orders:
        raise StageFailed(f"the stop {intent.tag} ({intent.state}) did not become an order at the exchange")
    return Hit(
        emitted=emitted[intent.strategy_id],
        ticked=intent.cause_at.timestamp() * 1e3,
        handled=handled[intent.strategy_id],
        sent=intent.sent_at.timestamp() * 1e3,
        received=orders[intent.tag]["received_ns"] / 1e6,
    )


def _handler_starts(logs: Path) -> Iterator[tuple[UUID, float]]:
    """When the executor's handler began with each stop. The first handling of a strategy comes last, so that it
    counts."""
    for line in reversed(list(handled_lines(logs / "priority_executor.log", "STOPLOSS"))):
        yield line.strategy_id, line.began


def _watcher_metric(logs: Path, metric: str) -> list[float]:
    return [float(line[metric]) for line in json_lines(logs / "watcher.log") if metric in line]


async def _peer_latencies(stage: Stage, holdings: Sequence[Holding]) -> list[float]:
    """The same falls of the same prices, with the peer in place of the product."""
    account = await stage.open_account("TICKER01")
    symbols = SYMBOLS[: len({h.symbol for h in holdings})]
    prices = {symbol: await stage.twin.exchange.last_tick(symbol) for symbol in symbols}
    task = {
        "url": stage.twin.exchange_address.url,
        "socket_url": stage.twin.exchange_address.socket_url,
        "api_key": account["api_key"],
        "access_token": account["access_token"],
        # One paisa more than one tick below: the next fall of the symbol hits, the price of now does not.
        "stops": {prices[s]["instrument_token"]: [s, prices[s]["last_price"] * 0.998] for s in symbols},
        "seconds": 4 + _PACE_SECONDS * len(symbols),
    }
    playing = asyncio.create_task(run_peer("benchmarks.peer_stop", [], task))
    await asyncio.sleep(3.0)
    emitted = {}
    for symbol in symbols:
        await asyncio.sleep(_PACE_SECONDS)
        tick = await stage.twin.exchange.set_price(symbol, _below(prices[symbol]["last_price"]))
        emitted[f"peerstop{symbol}"] = float(tick["tick_ns"]) / 1e6
    await playing
    orders = await stage.exchange_orders(list(emitted))
    return [order["received_ns"] / 1e6 - emitted[tag] for tag, order in orders.items()]


def _below(price: float) -> float:
    """Whole rupees are multiples of every tick size."""
    return float(int(price * 0.997))
