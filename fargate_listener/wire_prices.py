"""Kite's wire prices: whole numbers, whose unit depends on the instrument's segment."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

_DECIMALS_OF_SEGMENT = {3: 7, 6: 4, 12: 4}
"""Currency derivatives of NSE (3) and BSE (6) and NSE commodities (12); every other segment has paise."""


def decimals_of(token: int) -> int:
    """Decimal places of an instrument's wire prices; the low byte of a token is its segment."""
    return _DECIMALS_OF_SEGMENT.get(token & 0xFF, 2)


def to_price(token: int, wire: int) -> Decimal:
    """A wire price in rupees, exactly."""
    return Decimal(wire).scaleb(-decimals_of(token))


def price_text(token: int, wire: int) -> str:
    """A wire price in rupees as text, without trailing zeros: 3520.75, 3500. Many times as fast as through Decimal."""
    decimals = decimals_of(token)
    whole, part = divmod(wire, 10**decimals)
    return f"{whole}.{part:0{decimals}d}".rstrip("0") if part else str(whole)


def to_wire_stop(token: int, stop: Decimal) -> int:
    """The greatest wire price that is not above `stop`: `price <= stop` means the same in either unit."""
    return int(stop.scaleb(decimals_of(token)).to_integral_value(ROUND_FLOOR))
