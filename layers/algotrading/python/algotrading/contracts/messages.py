"""Messages between our own parts: schedule inputs, queue bodies, changes for the watcher.

Version 1. A reader refuses what it does not understand, and the message then goes to the dead-letter
queue, which is alarmed: nothing is dropped in silence.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class OrderEvent(StrEnum):
    """What the executor is asked to look at."""

    BUY = "BUY"
    SELL = "SELL"
    STOPLOSS = "STOPLOSS"
    STOP = "STOP"
    """The owner stopped the strategy: leave the position, if there is one."""
    SQUARE_OFF = "SQUARE_OFF"
    """Leave today's position; the strategy goes on. `cause` is "risk" when a loss limit wants it."""
    KILL = "KILL"
    """The kill switch: leave the position, buy nothing today, and see that the broker shows nothing held."""
    RECONCILE = "RECONCILE"
    """Nothing new is wanted: learn the truth from the broker's book and go on from it."""
    SNAPSHOT = "SNAPSHOT"
    """The day is over for the whole account: keep its book, and hold every open cycle against it a last time."""


HINTS: Final = frozenset({"sweep", "postback", "socket"})
"""Causes of a RECONCILE that knows of no trouble: worth a look, never worth disturbing a worker."""


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScheduleInput(_Message):
    """Payload of a strategy's BUY or SELL schedule. `scheduled_time` is filled in by EventBridge
    Scheduler; identity is schedule + scheduled time, never the execution id (it changes on retry)."""

    version: Literal[1] = 1
    strategy_id: UUID
    user_id: UUID
    event: Literal[OrderEvent.BUY, OrderEvent.SELL]
    at: str
    """Due time of day, HH:MM:SS, Asia/Kolkata."""
    strategy_version: int
    scheduled_time: datetime


REQUEST_NAME: Final = r"^[A-Za-z0-9._-]{1,64}$"
RequestName = Annotated[str, Field(pattern=REQUEST_NAME)]
"""What a request to the API is called, by us or by its client."""


class OrderCommand(_Message):
    """Body of a message in `orders.fifo` or `orders-priority.fifo`; the group is the strategy id."""

    version: Literal[1] = 1
    strategy_id: UUID
    user_id: UUID
    event: OrderEvent
    trading_day: date
    timestamp: int
    """When this message was made, milliseconds since the epoch."""
    due: datetime | None = None
    """The instant at which the order is to leave; None: at once."""
    strategy_version: int | None = None
    """The strategy's version when the message was made, for the log; what counts is whether `due` is
    still the strategy's time."""
    tick_at: datetime | None = None
    """When the watcher received the tick that hit the stop."""
    price: Decimal | None = None
    """The price of that tick."""
    cause: str
    """Who asked, in a word: schedule, start, watcher, user, operator, risk, login, converge, or one of `HINTS`."""
    deduplication_id: str
    request_id: RequestName | None = Field(default=None, exclude=True)
    """Of the API's request that caused it (`X-Request-Id` of its answer); None: no request did. It travels beside the
    body, for a worker of the release before refuses a body with fields that it does not know."""
    client_request_id: RequestName | None = Field(default=None, exclude=True)
    """What its client called that request (`X-Client-Request-Id`). Beside the body, too."""

    @property
    def is_hint(self) -> bool:
        """Whether nobody knows of any trouble: whoever works on the strategy already is not disturbed."""
        return self.cause in HINTS


_Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]*$")]


class StopChange(_Message):
    """An entry of the change stream: from now on the watcher knows this about a strategy. The bounds are those of
    PostgreSQL's columns and of the broker's packets: whatever is within them the watcher can count with."""

    version: Literal[1] = 1
    strategy_id: UUID
    user_id: UUID
    exchange: _Name
    symbol: _Name
    instrument_token: Annotated[int, Field(gt=0, lt=2**32)]
    watched: bool
    """Subscribe to the symbol (the strategy runs or a cycle is open)."""
    armed: bool
    """Guard it: price <= stop_loss sends STOPLOSS."""
    stop_loss: Annotated[Decimal, Field(gt=0, lt=10**10)]
    trading_day: date
    quantity: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Shares at risk: when many stops are hit at once, those of the most money leave first."""
