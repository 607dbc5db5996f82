"""Bodies of /strategy/{id}/timeline."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from algotrading.contracts.api_common import Answer, Instant, Price
from algotrading.domain.timeline import LineKind

_DAY = re.compile(r"20\d\d-\d\d-\d\d", re.ASCII)


def _read_day(value: Any) -> date:
    """As people write it, and in a century in which days can still be counted with."""
    if isinstance(value, str) and _DAY.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("day", "must be a day of this century as YYYY-MM-DD")


Day = Annotated[date, BeforeValidator(_read_day)]
"""An Asia/Kolkata date in a request."""


class LineView(Answer):
    """One thing that happened, or did not."""

    at: Instant
    ist: str = Field(description="The same as a time of day HH:MM:SS.mmm, Asia/Kolkata", examples=["09:30:00.004"])
    kind: LineKind = Field(description="Stable, for programs")
    text: str = Field(description="For people")
    price: Price | None
    quantity: int | None
    tag: str | None = Field(description="Which of our orders: the mark that the broker keeps with it")
    broker_order_id: str | None
    milliseconds_late: float | None = Field(
        description="After the instant at which it was due; negative when ahead of it"
    )
    execution_time_ms: float | None = Field(description="How long the broker took to answer")
    asked_by: str | None = Field(description="Who asked, of messages: schedule, start, watcher, user, converge, ...")
    request_id: str | None = Field(
        description="The request to this API that caused it, of commands and messages: X-Request-Id of its answer"
    )


class TimelineView(Answer):
    """One day of a strategy, oldest first: why did it, or did it not, fire?"""

    strategy_id: UUID
    trading_day: date
    lines: list[LineView]
