"""Brokerage, taxes and fees of a trade, at the public rates for NSE of 2026. For display; no money moves by them."""

from dataclasses import dataclass

from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.matching import Side

_BROKERAGE_CAP = 20.0
_BROKERAGE_RATE = 0.0003
_EXCHANGE_RATE = 0.0000297
_SEBI_RATE = 0.000001
_GST_RATE = 0.18


@dataclass(frozen=True, slots=True)
class Charges:
    """Amounts in rupees."""

    transaction_tax: float
    exchange_turnover: float
    sebi_turnover: float
    brokerage: float
    stamp_duty: float

    @property
    def gst(self) -> float:
        """Goods and services tax on the fees."""
        return (self.brokerage + self.exchange_turnover + self.sebi_turnover) * _GST_RATE

    @property
    def total(self) -> float:
        """Everything together."""
        fees = self.exchange_turnover + self.sebi_turnover + self.brokerage
        return self.transaction_tax + fees + self.stamp_duty + self.gst


def charges_for(instrument: Instrument, product: str, side: Side, quantity: int, price_rupees: float) -> Charges:
    """Charges of trading a quantity at a price in rupees."""
    value = quantity * price_rupees
    delivery = instrument.is_equity and product in {"CNC", "MTF"}
    return Charges(
        transaction_tax=value * _transaction_tax_rate(instrument, side, delivery=delivery),
        exchange_turnover=value * _EXCHANGE_RATE,
        sebi_turnover=value * _SEBI_RATE,
        brokerage=0.0 if delivery else min(_BROKERAGE_CAP, value * _BROKERAGE_RATE),
        stamp_duty=value * (0.00015 if delivery else 0.00003) if side == "BUY" else 0.0,
    )


def _transaction_tax_rate(instrument: Instrument, side: Side, *, delivery: bool) -> float:
    if delivery:
        return 0.001
    if side == "BUY":
        return 0.0
    if instrument.is_option:
        return 0.001
    return 0.00025 if instrument.is_equity else 0.0002
