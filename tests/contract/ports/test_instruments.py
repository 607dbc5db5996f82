"""ports.Instruments."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.contract.ports.conftest import Stores
from tests.fakes.examples import make_instrument


def load(stores: Stores, *symbols: str) -> None:
    stores.system_instruments.replace_all([make_instrument(symbol) for symbol in symbols])


def test_a_loaded_instrument_is_found_exactly(stores: Stores) -> None:
    future = make_instrument("TCS26DECFUT", exchange="NFO", instrument_type="FUT", lot_size=175)
    stores.system_instruments.replace_all([make_instrument(tick_size=Decimal("0.1")), future])

    assert stores.instruments.find("NSE", "TCS") == make_instrument(tick_size=Decimal("0.1"))
    assert stores.instruments.find("NFO", "TCS26DECFUT") == future
    assert stores.instruments.find("BSE", "TCS") is None
    assert stores.instruments.find("NSE", "tcs") is None


def test_tokens_of_many_are_found_at_once(stores: Stores) -> None:
    future = make_instrument("TCS", exchange="NFO", instrument_token=9)
    stores.system_instruments.replace_all([make_instrument("TCS", instrument_token=7), future])

    found = stores.instruments.tokens_of([("NSE", "TCS"), ("NFO", "TCS"), ("NSE", "GONE"), ("NSE", "TCS")])

    assert found == {("NSE", "TCS"): 7, ("NFO", "TCS"): 9}
    assert stores.instruments.tokens_of([]) == {}


def test_a_new_dump_leaves_nothing_of_the_old_one(stores: Stores) -> None:
    load(stores, "OLD", "TCS")
    stores.system_instruments.replace_all([replace(make_instrument("TCS"), instrument_token=7)])

    found = stores.instruments.find("NSE", "TCS")
    assert found is not None
    assert found.instrument_token == 7
    assert stores.instruments.find("NSE", "OLD") is None


def test_a_search_puts_the_best_first(stores: Stores) -> None:
    stores.system_instruments.replace_all(
        [
            make_instrument("MYINFRA", name="Holding"),
            make_instrument("INFRATEL", name="Towers"),
            make_instrument("INFY26DECFUT", name="INFY", instrument_type="FUT", exchange="NFO"),
            make_instrument("ABC", name="Infra Works"),
            make_instrument("INFRA", name="An Index Fund"),
        ]
    )

    found = [instrument.tradingsymbol for instrument in stores.instruments.search(" infra", 10)]

    assert found == ["INFRA", "INFRATEL", "ABC", "MYINFRA"]


def test_cash_equity_comes_before_its_derivatives(stores: Stores) -> None:
    option = make_instrument("SBI26", name="SBIN", instrument_type="CE", exchange="NFO")
    stores.system_instruments.replace_all([option, make_instrument("SBINEQUITY")])

    assert [i.tradingsymbol for i in stores.instruments.search("SBI", 10)] == ["SBINEQUITY", "SBI26"]


def test_a_search_stops_at_its_limit(stores: Stores) -> None:
    load(stores, *(f"S{number}" for number in range(20)))

    assert len(stores.instruments.search("S", 5)) == 5


@pytest.mark.parametrize("text", ["%", "_", "\\", "T_S", "' or true --"])
def test_search_text_is_never_a_pattern(stores: Stores, text: str) -> None:
    load(stores, "TCS", "INFY")

    assert list(stores.instruments.search(text, 10)) == []


def test_a_symbol_with_a_pattern_character_is_found(stores: Stores) -> None:
    load(stores, "M&M", "L_T", "LXT")

    assert [i.tradingsymbol for i in stores.instruments.search("L_", 10)] == ["L_T"]
    assert [i.tradingsymbol for i in stores.instruments.search("m&m", 10)] == ["M&M"]
