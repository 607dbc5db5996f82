"""Kite's wire prices."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algotrading.adapters.redis_keys import decimal_text
from fargate_listener.wire_prices import decimals_of, price_text, to_price, to_wire_stop
from tests.unit.fargate_listener.examples import INFY, USDINR


@pytest.mark.parametrize(
    ("segment", "decimals"), [(1, 2), (2, 2), (3, 7), (4, 2), (5, 2), (6, 4), (7, 2), (8, 2), (9, 2), (12, 4)]
)
def test_the_segment_decides_the_decimals(segment: int, decimals: int) -> None:
    assert decimals_of((77 << 8) | segment) == decimals


def test_prices_are_exact() -> None:
    assert to_price(INFY, 157_315) == Decimal("1573.15")
    assert to_price(USDINR, 832_525_000) == Decimal("83.2525000")


@given(
    st.sampled_from([INFY, USDINR, (1 << 8) | 12]),
    st.decimals("0.0001", "99999", places=4),
    st.integers(0, 2**31 - 1),
)
def test_a_stop_in_wire_units_says_the_same_as_the_stop_in_rupees(token: int, stop: Decimal, wire: int) -> None:
    assert (wire <= to_wire_stop(token, stop)) == (to_price(token, wire) <= stop)


@given(st.sampled_from([INFY, USDINR, (1 << 8) | 12]), st.integers(1, 2**31 - 1))
def test_the_text_of_a_price_is_that_of_its_rupees(token: int, wire: int) -> None:
    assert price_text(token, wire) == decimal_text(to_price(token, wire))
