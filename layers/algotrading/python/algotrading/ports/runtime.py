"""The runtime copy in Redis."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Protocol
from uuid import UUID

from algotrading.contracts.messages import StopChange
from algotrading.domain.candles import Candle
from algotrading.domain.cycle import Cycle
from algotrading.domain.rates import Window
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Strategy


@dataclass(frozen=True, slots=True)
class LastPrice:
    """Latest traded price the watcher saw."""

    price: Decimal
    at: datetime


class Runtime(Protocol):
    """The runtime copy, keys as specified. Every method raises RedisDown when the store is away."""

    def lock(self, strategy_id: UUID, *, seconds: float) -> str:
        """Take `runtime:{id}:lock` and return the token that releases it. Raises LockBusy."""
        ...

    def unlock(self, strategy_id: UUID, token: str) -> None:
        """Release the lock if it is still this owner's."""
        ...

    def put_strategy(self, strategy: Strategy) -> None:
        """Write `strategy:{id}`; it stands in `symbol:{symbol}:strategies` while it runs."""
        ...

    def put_cycle(self, cycle: Cycle) -> None:
        """Write `runtime:{id}`."""
        ...

    def forget(self, strategy: Strategy) -> None:
        """Remove the strategy's keys."""
        ...

    def read_strategies(self, strategy_ids: Sequence[UUID]) -> Sequence[Mapping[str, str]]:
        """`strategy:{id}` of each as stored, empty when missing, in few round trips."""
        ...

    def read_cycles(self, strategy_ids: Sequence[UUID]) -> Sequence[Mapping[str, str]]:
        """`runtime:{id}` of each as stored, empty when missing, in few round trips."""
        ...

    def last_price(self, symbol: str) -> LastPrice | None:
        """`price:{symbol}`."""
        ...

    def last_prices(self, symbols: Collection[str]) -> Mapping[str, LastPrice]:
        """`price:{symbol}` of each that has one, in one round trip."""
        ...

    def day_candles(self, exchange: str, symbol: str, day: date) -> Sequence[Candle]:
        """The instrument's minute candles of an Asia/Kolkata day, oldest first; of a day that is over there are none
        any more."""
        ...

    def announce(self, change: StopChange) -> None:
        """Append to the change stream that the watcher follows."""
        ...

    def reserve(
        self, account: str, wanted: datetime, windows: tuple[Window, ...], *, until: datetime, margin: timedelta
    ) -> datetime | None:
        """Take a place for one request to the broker in the first second, from that of `wanted` to that of
        `until`, in which every one of `windows` has one. Answers when the request may leave: at `wanted` when that
        is its second, else `margin` after the later second's start; None, and nothing taken, when there is none."""
        ...

    def book_hint(self, strategy_id: UUID, now: datetime, interval: timedelta) -> timedelta | None:
        """Ask for leave to give a hint about a strategy: how long to wait before giving it, so that two hints
        are never closer than `interval`; None when one that is still to be given comes late enough to
        cover this one."""
        ...

    def sight(self) -> Sight | None:
        """What the watchers reported of their sight; None when none ever did."""
        ...
