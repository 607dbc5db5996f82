"""The largest quantity that the exchange takes in one order: what is beyond it is refused whole.

No broker interface that we use tells it: Kite's instrument dump has no such column (Kite Connect documentation, market
quotes), and neither has its margin calculation. NSE announces it by circular, per underlying and from a date on. Known
here are those of index futures and options from 2025-09-01 on (NSE's circular, as passed on by Angel One and Delhi News
Daily); of shares, and of futures and options of shares, nothing is known. So this warns, and never forbids: a later
circular may allow more, and what is too much the broker refuses. A new circular is a new line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

from algotrading.domain.instruments import Instrument

_SEPTEMBER_2025 = date(2025, 9, 1)
_DERIVATIVES = "NFO"
_INDICES: Final[Mapping[str, tuple[tuple[date, int], ...]]] = MappingProxyType(
    {
        "NIFTY": ((_SEPTEMBER_2025, 1800),),
        "BANKNIFTY": ((_SEPTEMBER_2025, 900),),
        "FINNIFTY": ((_SEPTEMBER_2025, 1800),),
        "MIDCPNIFTY": ((_SEPTEMBER_2025, 2800),),
        "NIFTYNXT50": ((_SEPTEMBER_2025, 600),),
    }
)
"""By the name of the underlying, which the dump has as `name`: since when, and how many units an order may have."""


@dataclass(frozen=True, slots=True)
class Freeze:
    """An order may have `quantity` units, by the exchange's word of `since`."""

    quantity: int
    since: date


def freeze_of(instrument: Instrument, day: date) -> Freeze | None:
    """What holds on `day`; None where nothing is known."""
    if instrument.exchange != _DERIVATIVES:
        return None
    announced = [Freeze(quantity, since) for since, quantity in _INDICES.get(instrument.name, ()) if since <= day]
    return max(announced, key=lambda freeze: freeze.since, default=None)
