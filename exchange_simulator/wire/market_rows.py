"""JSON quotes and the instrument dump (Kite Connect documentation, market quotes and instruments)."""

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any

from exchange_simulator.clock import wire_time
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.matching import Level
from exchange_simulator.money import rupees

INSTRUMENT_COLUMNS = (
    "instrument_token",
    "exchange_token",
    "tradingsymbol",
    "name",
    "last_price",
    "expiry",
    "strike",
    "tick_size",
    "lot_size",
    "instrument_type",
    "segment",
    "exchange",
)


def ltp_row(market: Market) -> dict[str, Any]:
    """Last price only."""
    return {"instrument_token": market.instrument.token, "last_price": rupees(market.last)}


def ohlc_row(market: Market) -> dict[str, Any]:
    """Last price and the day's prices."""
    day = market.day
    prices = {"open": day.open, "high": day.high, "low": day.low, "close": day.close}
    return {**ltp_row(market), "ohlc": {name: rupees(price) for name, price in prices.items()}}


def quote_row(market: Market) -> dict[str, Any]:
    """The full quote with depth."""
    depth = market.book.depth()
    return {
        **ohlc_row(market),
        "timestamp": wire_time(market.tick_ns),
        "last_trade_time": wire_time(market.last_trade_ns),
        "last_quantity": market.last_quantity,
        "buy_quantity": sum(level.quantity for level in depth.buy),
        "sell_quantity": sum(level.quantity for level in depth.sell),
        "volume": market.day.volume,
        "average_price": rupees(market.day.average),
        "oi": market.open_interest,
        "oi_day_high": market.open_interest,
        "oi_day_low": market.open_interest,
        "net_change": rupees(market.last - market.day.close),
        "lower_circuit_limit": rupees(market.lower_circuit),
        "upper_circuit_limit": rupees(market.upper_circuit),
        "depth": {"buy": _levels(depth.buy), "sell": _levels(depth.sell)},
    }


def instruments_csv(instruments: Iterable[Instrument], last_price: Callable[[Instrument], int]) -> str:
    """The instrument dump."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(INSTRUMENT_COLUMNS)
    for line in instruments:
        writer.writerow(
            (
                line.token,
                line.exchange_token,
                line.symbol,
                line.name,
                rupees(last_price(line)),
                line.expiry.isoformat() if line.expiry else "",
                rupees(line.strike),
                rupees(line.tick),
                line.lot,
                line.kind,
                line.segment,
                line.exchange,
            )
        )
    return text.getvalue()


def _levels(levels: list[Level]) -> list[dict[str, Any]]:
    rows = [{"price": rupees(lv.price), "quantity": lv.quantity, "orders": lv.orders} for lv in levels[:5]]
    empty = {"price": 0, "quantity": 0, "orders": 0}
    return rows + [dict(empty) for _ in range(5 - len(rows))]
