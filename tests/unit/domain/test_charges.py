"""Charges against contract notes worked out by hand, and what must hold of all of them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrading.domain.charges import Charges, ChargeSegment, charges_of_order, rates_on, segment_of
from algotrading.domain.instruments import Product
from algotrading.domain.orders import Side
from exchange_simulator.engine.charges import charges_for
from exchange_simulator.engine.universe import standard_universe

DAY = date(2026, 11, 20)
PARTS = ("brokerage", "stt", "exchange", "sebi", "stamp_duty", "gst")
VALUES = st.decimals(min_value=0, max_value=10**10, places=4)
SEGMENTS = st.sampled_from(ChargeSegment)
SIDES = st.sampled_from(Side)
DAYS = st.dates(min_value=date(2024, 10, 1), max_value=date(2030, 12, 31))


@pytest.mark.parametrize(
    ("day", "segment", "side", "value", "parts"),
    [
        # 10 x 3520 intraday. Brokerage 10.56; exchange 1.08064; SEBI 0.0352; stamp 1.056; GST of 11.67584.
        (DAY, "intraday", "BUY", "35200", ("10.56", "0", "1.08", "0.04", "1.06", "2.10")),
        # Sold at 3499.90: STT 8.74975, brokerage 10.4997, exchange 1.0744693, GST of 11.609168.
        (DAY, "intraday", "SELL", "34999", ("10.50", "8.75", "1.07", "0.03", "0", "2.09")),
        # Five lakhs: the brokerage is capped.
        (DAY, "intraday", "BUY", "500000", ("20", "0", "15.35", "0.50", "15", "6.45")),
        (DAY, "delivery", "BUY", "100000", ("0", "100", "3.07", "0.10", "15", "0.57")),
        (DAY, "delivery", "SELL", "100500", ("0", "100.50", "3.09", "0.10", "0", "0.57")),
        # One lot of 65 at 24000.
        (DAY, "futures", "BUY", "1560000", ("20", "0", "28.55", "1.56", "31.20", "9.02")),
        (DAY, "futures", "SELL", "1560000", ("20", "780", "28.55", "1.56", "0", "9.02")),
        (date(2026, 3, 31), "futures", "SELL", "1560000", ("20", "312", "28.55", "1.56", "0", "9.02")),
        # The premium of Kite's own virtual contract note: exchange 0.4387955, GST 3.67920549.
        (DAY, "options", "BUY", "1235", ("20", "0", "0.44", "0", "0.04", "3.68")),
        (DAY, "options", "SELL", "10000", ("20", "15", "3.55", "0.01", "0", "4.24")),
        (date(2026, 3, 31), "options", "SELL", "10000", ("20", "10", "3.55", "0.01", "0", "4.24")),
    ],
)
def test_contract_notes(day: date, segment: str, side: str, value: str, parts: tuple[str, ...]) -> None:
    expected = Charges(**dict(zip(PARTS, map(Decimal, parts), strict=True)))

    charges = charges_of_order(day, ChargeSegment(segment), Side(side), Decimal(value))

    assert charges == expected
    assert charges.total == sum(map(Decimal, parts))


@pytest.mark.parametrize(
    ("exchange", "symbol", "product", "segment"),
    [
        ("NSE", "TCS", Product.MIS, ChargeSegment.INTRADAY),
        ("NSE", "TCS", Product.CNC, ChargeSegment.DELIVERY),
        ("NFO", "NIFTY26NOVFUT", Product.NRML, ChargeSegment.FUTURES),
        ("NFO", "NIFTY26O0623200CE", Product.MIS, ChargeSegment.OPTIONS),
        ("NFO", "NIFTY26NOV24000PE", Product.NRML, ChargeSegment.OPTIONS),
    ],
)
def test_how_an_instrument_is_charged(exchange: str, symbol: str, product: Product, segment: ChargeSegment) -> None:
    assert segment_of(exchange, symbol, product) is segment


def test_an_order_that_traded_nothing_costs_nothing() -> None:
    for segment in ChargeSegment:
        assert charges_of_order(DAY, segment, Side.BUY, Decimal(0)) == Charges()


@pytest.mark.parametrize(
    ("day", "value"), [(date(2024, 9, 30), "100"), (DAY, "-0.01")], ids=["before the table", "negative"]
)
def test_what_cannot_be_charged_is_refused(day: date, value: str) -> None:
    with pytest.raises(ValueError, match=r"no rates are known|cannot be"):
        charges_of_order(day, ChargeSegment.INTRADAY, Side.BUY, Decimal(value))


def test_rates_hold_from_their_day_on() -> None:
    assert rates_on(date(2026, 3, 31), ChargeSegment.FUTURES).stt_sell == Decimal("0.0002")
    assert rates_on(date(2026, 4, 1), ChargeSegment.FUTURES).stt_sell == Decimal("0.0005")


@given(day=DAYS, segment=SEGMENTS, side=SIDES, value=VALUES)
def test_no_charge_is_ever_negative_or_finer_than_a_paisa(day: date, segment: Any, side: Any, value: Decimal) -> None:
    charges = charges_of_order(day, segment, side, value)

    amounts = [getattr(charges, part) for part in PARTS]
    assert all(amount >= 0 and amount == round(amount, 2) for amount in amounts)
    assert charges.brokerage <= 20
    assert charges.total == sum(amounts)


@given(segment=SEGMENTS, side=SIDES, small=VALUES, more=VALUES)
def test_a_larger_order_never_costs_less(segment: Any, side: Any, small: Decimal, more: Decimal) -> None:
    assert charges_of_order(DAY, segment, side, small).total <= charges_of_order(DAY, segment, side, small + more).total


@given(segment=SEGMENTS, side=SIDES, one=VALUES, other=VALUES)
def test_an_order_in_two_costs_no_less_than_in_one(segment: Any, side: Any, one: Decimal, other: Decimal) -> None:
    """Brokerage is taken per order; everything else differs by rounding alone, half a paisa a component and order."""
    whole = charges_of_order(DAY, segment, side, one + other)
    halves = charges_of_order(DAY, segment, side, one) + charges_of_order(DAY, segment, side, other)

    assert halves.brokerage >= whole.brokerage - Decimal("0.01")
    assert abs(halves.stt - whole.stt) <= Decimal("0.015")
    assert abs(halves.exchange - whole.exchange) <= Decimal("0.015")


@pytest.mark.parametrize("instrument", [i for i in standard_universe(DAY) if i.exchange != "BSE" and not i.is_index])
@pytest.mark.parametrize("side", list(Side))
def test_the_simulated_brokers_contract_note_is_the_same(instrument: Any, side: Side) -> None:
    """Its rates are written down apart from ours; it rounds nothing."""
    for product in (Product.MIS, Product.CNC if instrument.is_equity else Product.NRML):
        segment = segment_of(instrument.exchange, instrument.symbol, product)
        ours = charges_of_order(DAY, segment, side, Decimal(instrument.lot) * Decimal("1234.55"))
        theirs = charges_for(instrument, product, "BUY" if side is Side.BUY else "SELL", instrument.lot, 1234.55)
        assert abs(float(ours.total) - theirs.total) <= 0.03, segment
