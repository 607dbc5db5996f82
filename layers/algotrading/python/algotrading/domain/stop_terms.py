"""How a protective stop order is written for the instrument it guards."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from algotrading.domain.instruments import Instrument
from algotrading.domain.orders import OrderType

_OPTIONS = frozenset({"CE", "PE"})
_OPTION_DEPTH = Decimal("0.10")
"""How far below the trigger an option's stop order may still sell: options move by tens of percent at once."""


@dataclass(frozen=True, slots=True)
class StopTerms:
    """Order type and, for a stop-limit order, the lowest price at which it sells."""

    order_type: OrderType
    price: Decimal | None


def stop_terms(instrument: Instrument | None, trigger: Decimal) -> StopTerms:
    """SL-M where the exchange takes it. NSE has taken no SL-M orders in options since 2021 (exchange circular on
    stop-loss market orders; Zerodha support says the same): there a stop-limit order with room below it."""
    if instrument is None or instrument.instrument_type not in _OPTIONS:
        return StopTerms(OrderType.SL_M, None)
    tick = instrument.tick_size
    lowest = (trigger * (1 - _OPTION_DEPTH) / tick).to_integral_value(ROUND_DOWN) * tick
    return StopTerms(OrderType.SL, max(lowest, tick))
