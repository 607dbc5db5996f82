"""Kite's REST quotes, for whoever is without ticks (Kite Connect documentation, market quotes)."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from algotrading.brokers.kite.broker import fetch
from algotrading.brokers.kite.connection import Endpoint
from algotrading.brokers.kite.line import Limits, Line
from algotrading.brokers.kite.official import RequestWriter
from algotrading.brokers.kite.reads import data_of
from algotrading.brokers.kite.rows import Row, decimal_of, fields_in, instant_in, integer_of, text_of
from algotrading.brokers.kite.transcript import Transcript
from algotrading.domain.errors import BrokerUnavailable

logger = logging.getLogger(__name__)

MOST_QUOTES = 500
"""Instruments of one request; one request a second."""
_HURRIED = Limits(connect_seconds=1.0, read_seconds=2.0)


@dataclass(frozen=True, slots=True)
class Quote:
    """One instrument's row. Prices in rupees; what the broker does not tell is None."""

    instrument_token: int
    last_price: Decimal
    lowest: Decimal | None
    highest: Decimal | None
    """The circuit limits of this moment."""
    last_trade: datetime | None


class KiteQuotes:
    """Reads quotes of one session, over one kept connection. Blocking; not for use by two threads at once."""

    def __init__(
        self,
        *,
        api_url: str,
        api_key: str,
        access_token: str,
        limits: Limits = _HURRIED,
        tls_context: ssl.SSLContext | None = None,
    ) -> None:
        endpoint = Endpoint.parse(api_url)
        self._writer = RequestWriter(endpoint, api_key=api_key, access_token=access_token)
        self._transcript = Transcript([api_key, access_token])
        self._line = Line(
            endpoint,
            limits,
            seconds=limits.read_seconds,
            max_bytes=limits.read_bytes,
            kept=True,
            tls_context=tls_context,
        )

    def read(self, keys: Sequence[str]) -> list[Quote]:
        """Quotes of instruments named `EXCHANGE:SYMBOL`; one the broker does not know has none, nor has one whose row
        cannot be read: it must not keep the others from being seen.

        Raises:
            BrokerAuthFailed: the session is over.
            BrokerUnavailable: there is no answer, or it cannot be read.
        """
        if len(keys) > MOST_QUOTES:
            raise ValueError(f"{len(keys)} instruments: the broker answers for {MOST_QUOTES} at once")
        request = self._writer.write(lambda kite: kite.quote(*keys))
        rows = fields_in(data_of(fetch(self._line, request, self._transcript, "quotes"), "quotes"), "quotes")
        quotes, unreadable = [], []
        for key, row in rows.items():
            try:
                quotes.append(_quote_of(fields_in(row, "quote")))
            except BrokerUnavailable:
                unreadable.append(key)
        if unreadable:
            logger.warning("quotes that cannot be read are left out", extra={"instruments": unreadable[:10]})
        return quotes


def _quote_of(row: Row) -> Quote:
    token = integer_of(row, "instrument_token")
    if not token:
        raise BrokerUnavailable("Kite shows a quote without an instrument")
    last_trade = instant_in(row, ("last_trade_time",))
    if last_trade is None and text_of(row, "last_trade_time"):
        # Nobody knows of which day its price is.
        raise BrokerUnavailable("Kite shows a quote whose last trade cannot be read")
    return Quote(
        instrument_token=token,
        last_price=decimal_of(row, "last_price"),
        lowest=decimal_of(row, "lower_circuit_limit") or None,
        highest=decimal_of(row, "upper_circuit_limit") or None,
        last_trade=last_trade,
    )
