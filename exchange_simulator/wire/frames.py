"""Binary ticker frames, big-endian (Kite Connect documentation, WebSocket streaming)."""

import struct
from collections.abc import Iterable
from typing import Literal

from exchange_simulator.clock import NANOS
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.matching import Level

Mode = Literal["ltp", "quote", "full"]
HEARTBEAT = b"\x00"
"""A frame of one byte says only that the connection is alive."""

_LTP = struct.Struct(">II")
_QUOTE = struct.Struct(">11I")
_INDEX = struct.Struct(">6Ii")
_FULL_TAIL = struct.Struct(">5I")
_DEPTH = struct.Struct(">IIHxx")
_U32 = struct.Struct(">I")
_U16 = struct.Struct(">H")
_WRAP = 0xFFFFFFFF


def packet(market: Market, mode: Mode) -> bytes:
    """One instrument's packet: 8, 44 or 184 bytes; 8, 28 or 32 for an index."""
    token = market.instrument.token
    if mode == "ltp":
        return _LTP.pack(token, market.last)
    if market.instrument.is_index:
        return _index_packet(market, mode)
    depth = market.book.depth()
    quote = _QUOTE.pack(
        token,
        market.last,
        market.last_quantity & _WRAP,
        market.day.average,
        market.day.volume & _WRAP,
        sum(level.quantity for level in depth.buy) & _WRAP,
        sum(level.quantity for level in depth.sell) & _WRAP,
        market.day.open,
        market.day.high,
        market.day.low,
        market.day.close,
    )
    if mode == "quote":
        return quote
    interest = market.open_interest & _WRAP
    tail = _FULL_TAIL.pack(market.last_trade_ns // NANOS, interest, interest, interest, market.tick_ns // NANOS)
    return b"".join((quote, tail, _side(depth.buy), _side(depth.sell)))


def frame(packets: Iterable[bytes]) -> bytes:
    """Several packets in one message: their count, then each after its length."""
    parts = list(packets)
    return _U16.pack(len(parts)) + b"".join(_U16.pack(len(part)) + part for part in parts)


def _index_packet(market: Market, mode: Mode) -> bytes:
    day = market.day
    quote = _INDEX.pack(
        market.instrument.token, market.last, day.high, day.low, day.open, day.close, market.last - day.close
    )
    return quote if mode == "quote" else quote + _U32.pack(market.tick_ns // NANOS)


def _side(levels: list[Level]) -> bytes:
    entries = [_DEPTH.pack(level.quantity & _WRAP, level.price, min(level.orders, 0xFFFF)) for level in levels[:5]]
    return b"".join(entries).ljust(5 * _DEPTH.size, b"\x00")
