"""Kite's daily instrument dump (Kite Connect documentation, market quotes: CSV, renewed once a day)."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation

from algotrading.domain.errors import BrokerUnavailable
from algotrading.domain.instruments import Instrument

_log = logging.getLogger(__name__)

EXCHANGES = frozenset({"NSE", "NFO"})
"""The exchanges our session calendar knows; BSE, currency and commodities trade on other hours."""
_INDICES = "INDICES"
_COLUMNS = frozenset(
    {"instrument_token", "tradingsymbol", "name", "tick_size", "lot_size", "instrument_type", "segment", "exchange"}
)


def parse_instruments(dump: bytes) -> Sequence[Instrument]:
    """Everything tradable on `EXCHANGES`: without indices and without rows that have no tick.

    Raises:
        BrokerUnavailable: this is no instrument dump, or an empty one.
    """
    reader = csv.DictReader(io.StringIO(dump.decode("utf-8", "replace").strip(), newline=""))
    try:
        if not _COLUMNS.issubset(reader.fieldnames or ()):
            raise BrokerUnavailable("Kite's instrument dump lacks columns")
        rows = [row for row in reader if row["exchange"] in EXCHANGES and row["segment"] != _INDICES]
    except csv.Error as error:
        raise BrokerUnavailable(f"Kite's instrument dump cannot be read: {error}") from error
    instruments = [instrument for row in rows if (instrument := _instrument_of(row)) is not None]
    if not instruments:
        raise BrokerUnavailable("Kite's instrument dump is empty")
    if len(instruments) < len(rows):
        _log.warning("%d rows of the instrument dump cannot be traded or read", len(rows) - len(instruments))
    return _mark_underlyings(instruments)


def _instrument_of(row: Mapping[str, str | None]) -> Instrument | None:
    try:
        instrument = Instrument(
            exchange=row["exchange"] or "",
            tradingsymbol=row["tradingsymbol"] or "",
            instrument_token=int(row["instrument_token"] or ""),
            name=row["name"] or "",
            segment=row["segment"] or "",
            instrument_type=row["instrument_type"] or "",
            tick_size=Decimal(row["tick_size"] or ""),
            lot_size=int(row["lot_size"] or ""),
            has_derivatives=False,
        )
    except (ValueError, InvalidOperation):
        return None
    is_tradable = instrument.tradingsymbol and instrument.tick_size.is_finite() and instrument.tick_size > 0
    return instrument if is_tradable and instrument.lot_size > 0 else None


def _mark_underlyings(instruments: Sequence[Instrument]) -> Sequence[Instrument]:
    """A future's or option's `name` is the symbol of the share under it."""
    underlyings = {each.name for each in instruments if each.exchange == "NFO"}
    return [
        replace(each, has_derivatives=True)
        if each.exchange == "NSE" and each.instrument_type == "EQ" and each.tradingsymbol in underlyings
        else each
        for each in instruments
    ]
