"""Instruments and the master list that finds them by token or by exchange and symbol."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

SEGMENT_IDS = {"NSE": 1, "NFO": 2, "BSE": 4, "INDICES": 9}
"""Low byte of an instrument token (Kite Connect documentation, WebSocket streaming)."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One line of the instrument dump. Prices are paise; `reference` is the previous close the day starts from."""

    exchange_token: int
    symbol: str
    name: str
    exchange: str
    segment: str
    kind: str
    tick: int
    lot: int
    reference: int
    freeze: int
    band_percent: int = 10
    expiry: date | None = None
    strike: int = 0
    isin: str = ""

    @property
    def token(self) -> int:
        """The instrument token: exchange token times 256 plus the segment id."""
        segment = "INDICES" if self.is_index else self.exchange
        return self.exchange_token * 256 + SEGMENT_IDS[segment]

    @property
    def key(self) -> str:
        """The name used by the quote routes, such as NSE:INFY."""
        return f"{self.exchange}:{self.symbol}"

    @property
    def is_index(self) -> bool:
        """An index has a price and no order book."""
        return self.segment == "INDICES"

    @property
    def is_equity(self) -> bool:
        """Shares settle into holdings; derivatives do not."""
        return self.kind == "EQ" and not self.is_index

    @property
    def is_option(self) -> bool:
        """Calls and puts."""
        return self.kind in {"CE", "PE"}


class InstrumentMaster:
    """Every instrument that the exchange lists."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self._by_key: dict[str, Instrument] = {}
        self._by_token: dict[int, Instrument] = {}
        for instrument in instruments:
            self.add(instrument)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self._by_key.values())

    def add(self, instrument: Instrument) -> None:
        """List an instrument; an equal key or token replaces the earlier line."""
        self._by_key[instrument.key] = instrument
        self._by_token[instrument.token] = instrument

    def find(self, key: str) -> Instrument | None:
        """By "EXCHANGE:SYMBOL"; a bare symbol means NSE."""
        return self._by_key.get(key if ":" in key else f"NSE:{key}")

    def by_token(self, token: int) -> Instrument | None:
        """By instrument token."""
        return self._by_token.get(token)

    def relist_equity(self, symbol: str, reference: int, tick: int) -> Instrument:
        """The NSE share of that name with this previous close and tick, listed when it is not known yet."""
        known = self.find(f"NSE:{symbol}")
        if known is None:
            taken = {instrument.exchange_token for instrument in self if instrument.exchange == "NSE"}
            known = Instrument(max(taken) + 1, symbol, symbol, "NSE", "NSE", "EQ", tick, 1, reference, 100_000)
        listed = replace(known, reference=reference, tick=tick, band_percent=20)
        self.add(listed)
        return listed
