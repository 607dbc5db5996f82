"""The daily load of instruments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import pytest

from algotrading.domain.errors import BrokerUnavailable
from algotrading.domain.instruments import Instrument
from algotrading.ports import Brokers
from algotrading.services.load_instruments import InstrumentLoader
from tests.fakes.cloud import MemoryMeter
from tests.fakes.examples import make_instrument
from tests.fakes.instruments import MemoryInstruments

YESTERDAY = make_instrument("YESTERDAY")


@dataclass(frozen=True, slots=True)
class DumpOnly:
    """The one call of the broker port that the loader makes."""

    dump: Callable[[], Sequence[Instrument]]

    def instruments(self) -> Sequence[Instrument]:
        return self.dump()


def make_loader(dump: Callable[[], Sequence[Instrument]]) -> InstrumentLoader:
    instruments = MemoryInstruments()
    instruments.replace_all([YESTERDAY])
    return InstrumentLoader(cast(Brokers, DumpOnly(dump)), instruments, MemoryMeter(), smallest=2)


def counts(loader: InstrumentLoader) -> dict[str, int]:
    return cast(MemoryMeter, loader.meter).counts


def test_todays_dump_replaces_yesterdays() -> None:
    loader = make_loader(lambda: [make_instrument("TCS"), make_instrument("INFY")])

    assert loader.load() == 2
    assert loader.instruments.find("NSE", "TCS") == make_instrument("TCS")
    assert loader.instruments.find("NSE", "YESTERDAY") is None
    assert counts(loader) == {"InstrumentsLoaded": 2}


def test_an_implausibly_small_dump_is_refused_and_yesterdays_stays() -> None:
    loader = make_loader(lambda: [make_instrument("TCS")])

    with pytest.raises(BrokerUnavailable, match="1 lines"):
        loader.load()

    assert loader.instruments.find("NSE", "YESTERDAY") == YESTERDAY
    assert counts(loader) == {"InstrumentsNotLoaded": 1}


def test_a_broker_that_is_away_leaves_yesterdays() -> None:
    def away() -> Sequence[Instrument]:
        raise BrokerUnavailable("no dump")

    loader = make_loader(away)

    with pytest.raises(BrokerUnavailable):
        loader.load()

    assert loader.instruments.find("NSE", "YESTERDAY") == YESTERDAY
    assert counts(loader) == {"InstrumentsNotLoaded": 1}


def test_a_name_that_stands_twice_in_the_dump_is_loaded_once_as_it_stands_last() -> None:
    last = replace(make_instrument("TCS"), instrument_token=9)
    loader = make_loader(lambda: [make_instrument("TCS"), make_instrument("INFY"), last])

    assert loader.load() == 2
    assert loader.instruments.find("NSE", "TCS") == last
