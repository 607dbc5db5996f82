"""What the exchange takes in one order: as far as it is known, and since when."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from algotrading.domain.freeze import Freeze, freeze_of
from algotrading.domain.preflight import check_quantity
from tests.fakes.examples import make_instrument

TODAY = date(2026, 11, 20)
ANNOUNCED = date(2025, 9, 1)


@pytest.mark.parametrize("kind", ["FUT", "CE", "PE"])
def test_futures_and_options_of_an_index_share_its_quantity(kind: str) -> None:
    contract = make_instrument(f"BANKNIFTY26NOV{kind}", exchange="NFO", name="BANKNIFTY", instrument_type=kind)

    assert freeze_of(contract, TODAY) == Freeze(900, ANNOUNCED)


def test_before_it_was_announced_nothing_is_known() -> None:
    contract = make_instrument("NIFTY25AUGFUT", exchange="NFO", name="NIFTY", instrument_type="FUT")

    assert freeze_of(contract, date(2025, 8, 31)) is None
    assert freeze_of(contract, ANNOUNCED) == Freeze(1800, ANNOUNCED)


def test_of_shares_and_their_derivatives_nothing_is_known() -> None:
    share = make_instrument("NIFTY", name="NIFTY", tick_size=Decimal("0.05"))
    future = make_instrument("TCS26NOVFUT", exchange="NFO", name="TCS", instrument_type="FUT")

    assert freeze_of(share, TODAY) is None
    assert freeze_of(future, TODAY) is None
    assert check_quantity(1_000_000, share, TODAY).is_green
    assert check_quantity(1_000_000, None, TODAY).is_green


@pytest.mark.parametrize(("quantity", "is_green"), [(1800, True), (1801, False)])
def test_the_largest_quantity_itself_is_taken(quantity: int, *, is_green: bool) -> None:
    contract = make_instrument("NIFTY26NOVFUT", exchange="NFO", name="NIFTY", instrument_type="FUT")

    assert check_quantity(quantity, contract, TODAY).is_green is is_green
