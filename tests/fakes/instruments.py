"""ports.Instruments in memory."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from algotrading.domain.instruments import Instrument
from tests.fakes.database import MemoryDatabase


class MemoryInstruments:
    """ports.Instruments in memory."""

    def __init__(self, database: MemoryDatabase | None = None) -> None:
        self._database = database or MemoryDatabase()

    def find(self, exchange: str, symbol: str) -> Instrument | None:
        """See ports.Instruments."""
        return self._database.instruments.get((exchange, symbol))

    def tokens_of(self, names: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], int]:
        """See ports.Instruments."""
        known = self._database.instruments
        return {name: known[name].instrument_token for name in names if name in known}

    def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """See ports.Instruments."""
        wanted = text.strip().upper()

        def quality(instrument: Instrument) -> Any:
            symbol, name = instrument.tradingsymbol, instrument.name.upper()
            matches = (symbol == wanted, symbol.startswith(wanted), name.startswith(wanted), True)
            is_derivative = instrument.instrument_type != "EQ"
            return matches.index(True), is_derivative, len(symbol), symbol, instrument.exchange

        found = [
            i for i in self._database.instruments.values() if wanted in i.tradingsymbol or wanted in i.name.upper()
        ]
        return sorted(found, key=quality)[:limit]

    def replace_all(self, instruments: Sequence[Instrument]) -> None:
        """See ports.Instruments."""
        self._database.instruments = {(i.exchange, i.tradingsymbol): i for i in instruments}
