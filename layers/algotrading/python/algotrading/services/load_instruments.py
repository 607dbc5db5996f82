"""The daily load of the broker's instrument dump."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from algotrading.domain.errors import BrokerUnavailable
from algotrading.ports import Brokers, Instruments, Meter

logger = logging.getLogger(__name__)

SMALLEST_HONEST_DUMP = 20_000
"""Kite's dump of all exchanges has about five times as many lines."""


@dataclass(frozen=True, slots=True)
class InstrumentLoader:
    """Replaces yesterday's instruments by today's. `smallest` is the fewest lines that an honest dump
    can have: below it the dump is refused and yesterday's stays, since a symbol that is missing
    keeps its strategies from trading."""

    brokers: Brokers
    instruments: Instruments
    meter: Meter
    smallest: int

    def load(self) -> int:
        """How many instruments there are now.

        Raises:
            BrokerUnavailable: there is no dump, or not an honest one; nothing was changed.
        """
        try:
            dump = self.brokers.instruments()
            if len(dump) < self.smallest:
                raise BrokerUnavailable(f"the instrument dump has {len(dump)} lines, expected {self.smallest} or more")
        except BrokerUnavailable:
            self.meter.count("InstrumentsNotLoaded")
            raise
        unique = {(instrument.exchange, instrument.tradingsymbol): instrument for instrument in dump}
        if len(unique) < len(dump):
            logger.warning("%d names stand in the dump more than once: the last line wins", len(dump) - len(unique))
        self.instruments.replace_all(list(unique.values()))
        self.meter.count("InstrumentsLoaded", len(unique))
        logger.info("loaded %d instruments", len(unique))
        return len(unique)
