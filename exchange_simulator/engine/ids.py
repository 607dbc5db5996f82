"""Identifiers as the broker and the exchange issue them."""

import itertools
import uuid

from exchange_simulator.clock import Clock

_SNOWFLAKE_EPOCH_MS = 1_288_834_974_657


class IdSource:
    """Issues identifiers that never repeat within a run and grow with time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last_order_id = 0
        self._exchange_orders = itertools.count(1)
        self._trades = itertools.count(1)
        self._gtts = itertools.count(200_001)

    def order_id(self) -> str:
        """A 19-digit snowflake, larger than a double can hold exactly (as Kite issues since 2026)."""
        candidate = (self._clock.now_ns() // 1_000_000 - _SNOWFLAKE_EPOCH_MS) << 22
        self._last_order_id = max(candidate, self._last_order_id + 1)
        return str(self._last_order_id)

    def exchange_order_id(self) -> str:
        """A 16-digit exchange number."""
        return str(1_300_000_000_000_000 + next(self._exchange_orders))

    def trade_id(self) -> str:
        """An exchange trade number."""
        return str(70_000_000 + next(self._trades))

    def gtt_id(self) -> int:
        """A GTT trigger number."""
        return next(self._gtts)

    def guid(self) -> str:
        """The broker's internal request id."""
        return uuid.uuid4().hex[:20]
