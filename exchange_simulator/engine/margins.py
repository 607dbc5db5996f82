"""How much money an order or a position ties up. The rates are round figures of the right order, not SPAN."""

from dataclasses import dataclass

from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.matching import Side

_INTRADAY_EQUITY_PERCENT = 20
_MTF_PERCENT = 25
_SPAN_PERCENT = 12
_EXPOSURE_PERCENT = 3


@dataclass(frozen=True, slots=True)
class Margin:
    """Margin by component, in paise (Kite Connect documentation, margin calculation)."""

    span: int = 0
    exposure: int = 0
    option_premium: int = 0
    var: int = 0
    leverage: int = 1

    @property
    def total(self) -> int:
        """The money tied up."""
        return self.span + self.exposure + self.option_premium + self.var


def margin_for(instrument: Instrument, product: str, side: Side, quantity: int, price: int) -> Margin:
    """Margin to open `quantity` at `price` paise."""
    value = quantity * price
    if instrument.is_equity:
        return _equity(product, side, value)
    if instrument.is_option and side == "BUY":
        return Margin(option_premium=value)
    notional = quantity * (instrument.strike or price)
    return Margin(span=_share(notional, _SPAN_PERCENT), exposure=_share(notional, _EXPOSURE_PERCENT))


def _equity(product: str, side: Side, value: int) -> Margin:
    if product == "CNC":
        return Margin(var=value if side == "BUY" else 0)
    percent = _MTF_PERCENT if product == "MTF" else _INTRADAY_EQUITY_PERCENT
    return Margin(var=_share(value, percent), leverage=100 // percent)


def _share(value: int, percent: int) -> int:
    """A percentage of a value, rounded up to the paisa so that margin is never understated."""
    return -(-value * percent // 100)
