"""Kite's binary ticker frames, read as plain integers.

Layout, big-endian (Kite Connect documentation, WebSocket streaming): `u16` packet count, then for each
packet a `u16` length and its bytes. Every kind of packet (ltp 8 bytes, index quote 28, index full 32,
quote 44, full 184) starts with the instrument token and the last price, both `u32`; the length alone
tells the kind. A frame of one byte is a heartbeat.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache
from struct import Struct

PACKET_LENGTHS = frozenset({8, 28, 32, 44, 184})
MOST_PACKETS = 3_000
"""What one socket may subscribe to, so more in a frame is nothing Kite sends."""

_DECIMALS_OF_SEGMENT = {3: 7, 6: 4, 12: 4}
"""Currency derivatives of NSE (3) and BSE (6) and NSE commodities (12); every other segment has paise."""

_LTP_PACKET = 2 + 8
_COUNT = Struct(">H")
_PACKET_HEAD = Struct(">HII")

Ticks = tuple[Sequence[int], Sequence[int], int]
"""Tokens, their last prices in wire units, and how many packets were malformed."""

_NOTHING: Ticks = ((), (), 0)


def decode(frame: bytes) -> Ticks:
    """Read one binary frame. Never raises: what is not a packet is left out and counted."""
    size = len(frame)
    if size < 2:
        return _NOTHING
    (count,) = _COUNT.unpack_from(frame)
    if size == 2 + count * _LTP_PACKET and 0 < count <= MOST_PACKETS:
        fields = _ltp_layout(count).unpack_from(frame, 2)
        if fields[0::3].count(8) == count:
            return fields[1::3], fields[2::3], 0
    return _walk(frame, count, size)


@lru_cache(maxsize=256)
def _ltp_layout(count: int) -> Struct:
    return Struct(">" + "HII" * count)


def _walk(frame: bytes, count: int, size: int) -> Ticks:
    """Packet by packet: mixed kinds, or a frame that does not keep its own promise."""
    tokens: list[int] = []
    prices: list[int] = []
    malformed = 0
    offset = 2
    for _ in range(count):
        if offset + 2 > size:
            return tokens, prices, malformed + 1
        (length,) = _COUNT.unpack_from(frame, offset)
        end = offset + 2 + length
        if end > size:
            return tokens, prices, malformed + 1
        if length in PACKET_LENGTHS:
            _, token, price = _PACKET_HEAD.unpack_from(frame, offset)
            tokens.append(token)
            prices.append(price)
        else:
            malformed += 1
        offset = end
    return tokens, prices, malformed + (offset < size)


def decimals_of(token: int) -> int:
    """Decimal places of an instrument's wire prices; the low byte of a token is its segment."""
    return _DECIMALS_OF_SEGMENT.get(token & 0xFF, 2)


def to_price(token: int, wire: int) -> Decimal:
    """A wire price in rupees, exactly."""
    return Decimal(wire).scaleb(-decimals_of(token))


def to_wire_stop(token: int, stop: Decimal) -> int:
    """The greatest wire price that is not above `stop`: `price <= stop` means the same in either unit."""
    return int(stop.scaleb(decimals_of(token)).to_integral_value(ROUND_FLOOR))
