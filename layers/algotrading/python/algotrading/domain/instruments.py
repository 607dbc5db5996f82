"""What can be traded, as the broker's daily instrument dump describes it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class Product(StrEnum):
    """How the broker carries the position (Kite Connect documentation, orders)."""

    MIS = "MIS"
    """Intraday; the broker squares it off before the session ends."""
    CNC = "CNC"
    """Delivery of equity."""
    NRML = "NRML"
    """Carried derivatives."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable line of the dump. Key is (exchange, tradingsymbol): the broker reuses tokens after
    expiry, so a token names an instrument for one day only."""

    exchange: str
    tradingsymbol: str
    instrument_token: int
    name: str
    segment: str
    instrument_type: str
    tick_size: Decimal
    lot_size: int
    has_derivatives: bool
    """The underlying of futures or options: since 2026-08-03 its cash session ends in a closing auction."""

    def is_on_tick(self, price: Decimal) -> bool:
        """Whether `price` is a whole number of ticks. Indices carry a tick of 0 and accept none."""
        return self.tick_size > 0 and price % self.tick_size == 0
