"""What the document says about the routes of strategies and instruments."""

from __future__ import annotations

from typing import Any

from algotrading.domain.errors import (
    AlgotradingError,
    BrokerAuthFailed,
    CalendarMissing,
    Conflict,
    NotFound,
    PreconditionFailed,
    RedisDown,
    RequestInvalid,
    RiskLocked,
    StrategyInvalid,
    StrategyOverlap,
)
from algotrading.entrypoints.api.answers import BEARER, answers


def _route(
    summary: str, success: str, *errors: type[AlgotradingError], tag: str = "Strategy", status: int = 200
) -> dict[str, Any]:
    return {
        "summary": summary,
        "tags": [tag],
        "security": BEARER,
        "responses": answers(success, *errors, status=status),
    }


CREATE = _route(
    "Create a strategy", "The strategy is stored", RequestInvalid, StrategyInvalid, CalendarMissing, status=201
)
START = _route(
    "Start a strategy",
    "The strategy runs",
    RequestInvalid,
    StrategyInvalid,
    BrokerAuthFailed,
    NotFound,
    Conflict,
    StrategyOverlap,
    RiskLocked,
    CalendarMissing,
)
STOP = _route("Stop a strategy", "The strategy trades no more", RequestInvalid, NotFound, Conflict)
SQUARE_OFF = _route(
    "Sell what a strategy holds", "It is being sold; the strategy runs on", RequestInvalid, NotFound, Conflict
)
STATUS = _route("Where a strategy stands", "The strategy's standing", NotFound)
LIST = _route("My strategies", "The strategies, oldest first; with `limit` a page of them", RequestInvalid)
READ = _route("One strategy", "The strategy", NotFound, CalendarMissing)
UPDATE = _route(
    "Change a strategy",
    "The strategy as it is now",
    RequestInvalid,
    StrategyInvalid,
    BrokerAuthFailed,
    NotFound,
    Conflict,
    StrategyOverlap,
    PreconditionFailed,
    CalendarMissing,
)
DELETE = _route(
    "Delete a strategy",
    "The strategy is gone; its orders stay on record",
    RequestInvalid,
    NotFound,
    Conflict,
    PreconditionFailed,
)
PREFLIGHT = _route("Can a strategy trade next time?", "Every check, green or red, with what to do about it", NotFound)
ORDERS = _route("A strategy's orders, also after its deletion", "Its order log and its executions", NotFound)
TIMELINE = _route(
    "Why did it, or did it not, fire? A day of a strategy, also after its deletion",
    "The day, oldest first; by default the latest day with anything to say",
    RequestInvalid,
    NotFound,
)
CANDLES = _route(
    "What did the price do today?", "Today's minutes, oldest first; none before the first trade", NotFound, RedisDown
)
INSTRUMENTS = _route("Find instruments", "Instruments, best first", RequestInvalid, tag="Instruments")
