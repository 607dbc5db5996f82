"""Example values for the watcher's tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from struct import pack
from typing import Any
from uuid import UUID

from algotrading.contracts.messages import StopChange

INFY = 408065
"""NSE: prices in paise."""
USDINR = (1 << 8) | 3
"""NSE currency derivatives: seven decimals."""
DAY = date(2026, 3, 2)
OWNER = UUID(int=7)


def strategy_id(number: int) -> UUID:
    """A strategy by number."""
    return UUID(int=1000 + number)


def armed(number: int, stop: str, **changes: Any) -> StopChange:
    """Strategy `number` guards INFY at `stop`."""
    values: dict[str, Any] = {
        "strategy_id": strategy_id(number),
        "user_id": OWNER,
        "exchange": "NSE",
        "symbol": "INFY",
        "instrument_token": INFY,
        "watched": True,
        "armed": True,
        "stop_loss": Decimal(stop),
        "trading_day": DAY,
    }
    return StopChange(**values | changes)


def frame(packets: Sequence[bytes]) -> bytes:
    """A binary frame holding `packets`."""
    return pack(">H", len(packets)) + b"".join(pack(">H", len(packet)) + packet for packet in packets)


def ltp_frame(*ticks: tuple[int, int]) -> bytes:
    """A frame of ltp packets, one per (token, wire price)."""
    return frame([pack(">II", token, price) for token, price in ticks])
