"""What brokers, exchanges and the state take for trades at Zerodha on NSE, from a dated table of rates.

Sources, as several public pages of 2026 quote them alike (the circulars themselves were not at hand):

- Brokerage, GST (18 % on brokerage, exchange charge and SEBI fee), SEBI fee (10 rupees a crore): Zerodha's list of
  charges, zerodha.com/charges. Brokerage is taken per executed order; delivery pays none, options pay the flat amount.
- Exchange transaction charge: NSE's circular of 2024-09-27 (from 2024-10-01: 297, 173 and 3503 rupees a crore for
  cash, futures and options) with the contribution to NSE's Investor Protection Fund (10, 10 and 50 rupees a crore),
  which NSE/FA/73061 moved into it on 2026-03-01. The sum, 307, 183 and 3553, is the same before and after; a virtual
  contract note of Kite of October 2026 shows it as one figure (0.4387955 for an option premium of 1235).
- STT: NSE/FATAX/73524 (Finance Act 2026: futures 0.05 %, options 0.15 % of the premium from 2026-04-01); before that
  0.02 % and 0.1 % from 2024-10-01 (Finance (No. 2) Act 2024). Cash: 0.1 % on both sides of deliveries, 0.025 % of
  intraday sales.
- Stamp duty, buyers only: Indian Stamp Act as amended in 2020: 0.015 % delivery, 0.003 % intraday, 0.002 % futures,
  0.003 % options.

Not confirmed: whether Zerodha took GST on the fund's contribution before 2026-03-01 (it is counted here; at most
two paise for a lakh of options premium). Not in these figures, because no order of ours causes them: the depository's
fee for selling out of a demat account, the broker's fee for its own square-off, exercise of options, interest.

Rounding: each component of an order is rounded half up to the paisa, GST from the unrounded fees, and the total is
the sum of the rounded components. The day's contract note rounds STT and stamp duty to whole rupees over all orders
of the account, so that it may differ from these sums by up to a rupee and a half a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from algotrading.domain.instruments import Product
from algotrading.domain.orders import Side

_ZERO = Decimal(0)
_PAISA = Decimal("0.01")
_CRORE = Decimal(10_000_000)
_SEBI = Decimal(10) / _CRORE
_GST = Decimal("0.18")


class ChargeSegment(StrEnum):
    """Kinds of trades that are charged alike."""

    INTRADAY = "intraday"
    """Equity bought and sold on one day, whatever its product."""
    DELIVERY = "delivery"
    FUTURES = "futures"
    OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of an order's value (of the premium, for options). `brokerage` is capped at `brokerage_cap` rupees
    an order; None means that the cap is always taken."""

    brokerage: Decimal | None
    exchange: Decimal
    stt_buy: Decimal
    stt_sell: Decimal
    stamp_buy: Decimal
    brokerage_cap: Decimal = Decimal(20)


@dataclass(frozen=True, slots=True)
class Charges:
    """What one or more orders cost, rupees, by receiver."""

    brokerage: Decimal = _ZERO
    stt: Decimal = _ZERO
    exchange: Decimal = _ZERO
    sebi: Decimal = _ZERO
    stamp_duty: Decimal = _ZERO
    gst: Decimal = _ZERO

    @property
    def total(self) -> Decimal:
        """Everything together."""
        return self.brokerage + self.stt + self.exchange + self.sebi + self.stamp_duty + self.gst

    def __add__(self, other: Charges) -> Charges:
        return Charges(
            brokerage=self.brokerage + other.brokerage,
            stt=self.stt + other.stt,
            exchange=self.exchange + other.exchange,
            sebi=self.sebi + other.sebi,
            stamp_duty=self.stamp_duty + other.stamp_duty,
            gst=self.gst + other.gst,
        )


NO_CHARGES = Charges()


def _rates(brokerage: str | None, exchange: str, stt_buy: str, stt_sell: str, stamp_buy: str) -> Rates:
    share = None if brokerage is None else Decimal(brokerage)
    return Rates(share, Decimal(exchange), Decimal(stt_buy), Decimal(stt_sell), Decimal(stamp_buy))


_INTRADAY = _rates("0.0003", "0.0000307", "0", "0.00025", "0.00003")
_DELIVERY = _rates("0", "0.0000307", "0.001", "0.001", "0.00015")
_TABLE: tuple[tuple[date, dict[ChargeSegment, Rates]], ...] = (
    (
        date(2024, 10, 1),
        {
            ChargeSegment.INTRADAY: _INTRADAY,
            ChargeSegment.DELIVERY: _DELIVERY,
            ChargeSegment.FUTURES: _rates("0.0003", "0.0000183", "0", "0.0002", "0.00002"),
            ChargeSegment.OPTIONS: _rates(None, "0.0003553", "0", "0.001", "0.00003"),
        },
    ),
    (
        date(2026, 4, 1),
        {
            ChargeSegment.INTRADAY: _INTRADAY,
            ChargeSegment.DELIVERY: _DELIVERY,
            ChargeSegment.FUTURES: _rates("0.0003", "0.0000183", "0", "0.0005", "0.00002"),
            ChargeSegment.OPTIONS: _rates(None, "0.0003553", "0", "0.0015", "0.00003"),
        },
    ),
)
"""Rates by the day from which they hold, oldest first. A change is a new entry, never an edit."""


def rates_on(day: date, segment: ChargeSegment) -> Rates:
    """The rates that hold on a trading day.

    Raises:
        ValueError: the table does not reach back to that day.
    """
    valid = [rates for since, rates in _TABLE if since <= day]
    if not valid:
        raise ValueError(f"no rates are known for {day}: the table begins on {_TABLE[0][0]}")
    return valid[-1][segment]


def segment_of(exchange: str, symbol: str, product: Product) -> ChargeSegment:
    """How trades of an instrument are charged; `symbol` is Kite's tradingsymbol, in which futures end in FUT.
    CNC counts as delivery: of what is sold again on the day it was bought, see `domain.profit`."""
    if exchange == "NFO":
        return ChargeSegment.FUTURES if symbol.endswith("FUT") else ChargeSegment.OPTIONS
    return ChargeSegment.DELIVERY if product is Product.CNC else ChargeSegment.INTRADAY


def charges_of_order(day: date, segment: ChargeSegment, side: Side, value: Decimal) -> Charges:
    """What one executed order costs. `value` is the sum of quantity times price over its fills, rupees;
    an order without fills costs nothing.

    Raises:
        ValueError: `value` is negative, or the rates of that day are not known.
    """
    if value < 0:
        raise ValueError(f"the value of an order cannot be {value}")
    if value == 0:
        return NO_CHARGES
    rates = rates_on(day, segment)
    capped = rates.brokerage_cap if rates.brokerage is None else min(value * rates.brokerage, rates.brokerage_cap)
    exchange, sebi = value * rates.exchange, value * _SEBI
    is_buy = side is Side.BUY
    return Charges(
        brokerage=to_paisa(capped),
        stt=to_paisa(value * (rates.stt_buy if is_buy else rates.stt_sell)),
        exchange=to_paisa(exchange),
        sebi=to_paisa(sebi),
        stamp_duty=to_paisa(value * rates.stamp_buy) if is_buy else _ZERO,
        gst=to_paisa((capped + exchange + sebi) * _GST),
    )


def to_paisa(amount: Decimal) -> Decimal:
    """Rounded half up (away from zero) to the paisa."""
    return amount.quantize(_PAISA, ROUND_HALF_UP)
