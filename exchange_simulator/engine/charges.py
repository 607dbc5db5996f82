"""Brokerage, taxes and fees of a trade, at the public rates for NSE since April 2026. No money moves by them."""

from dataclasses import dataclass

from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.matching import Side

_BROKERAGE_CAP = 20.0
_BROKERAGE_RATE = 0.0003
_EXCHANGE_RATE = 0.0000307
_EXCHANGE_RATE_OF_OPTIONS = 0.0003553
_EXCHANGE_RATE_OF_FUTURES = 0.0000183
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
        exchange_turnover=value * _exchange_rate(instrument),
        sebi_turnover=value * _SEBI_RATE,
        brokerage=0.0 if delivery else _brokerage(instrument, value),
        stamp_duty=value * _stamp_rate(instrument, delivery=delivery) if side == "BUY" else 0.0,
    )


def _brokerage(instrument: Instrument, value: float) -> float:
    return _BROKERAGE_CAP if instrument.is_option else min(_BROKERAGE_CAP, value * _BROKERAGE_RATE)


def _exchange_rate(instrument: Instrument) -> float:
    if instrument.is_option:
        return _EXCHANGE_RATE_OF_OPTIONS
    return _EXCHANGE_RATE if instrument.is_equity else _EXCHANGE_RATE_OF_FUTURES


def _stamp_rate(instrument: Instrument, *, delivery: bool) -> float:
    if instrument.is_equity:
        return 0.00015 if delivery else 0.00003
    return 0.00003 if instrument.is_option else 0.00002


def _transaction_tax_rate(instrument: Instrument, side: Side, *, delivery: bool) -> float:
    if delivery:
        return 0.001
    if side == "BUY":
        return 0.0
    if instrument.is_option:
        return 0.0015
    return 0.00025 if instrument.is_equity else 0.0005
