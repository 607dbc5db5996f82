"""What every API body shares: strict fields, exact prices, times of day, the one shape of errors."""

from __future__ import annotations

import re
from datetime import datetime, time
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from algotrading.domain.errors import ErrorCode
from algotrading.domain.instants import instant_text

_TIME_OF_DAY = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")
_UUID = re.compile(r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


class RequestBody(BaseModel):
    """A request: nothing is converted on the quiet, unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Answer(BaseModel):
    """A response."""

    model_config = ConfigDict(frozen=True)


def _storable(value: str) -> str:
    # Neither PostgreSQL nor UTF-8 can hold these.
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise PydanticCustomError("text", "must not contain NUL characters or halves of surrogate pairs")
    return value


def _read_time(value: Any) -> time:
    if not isinstance(value, str) or not _TIME_OF_DAY.fullmatch(value):
        raise PydanticCustomError("time_of_day", "must be a time of day as HH:MM:SS")
    return time.fromisoformat(value)


def _read_uuid(value: Any) -> UUID:
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID.fullmatch(value):
        raise PydanticCustomError("uuid", "must be a UUID")
    return UUID(value)


def _read_price(value: Any) -> Decimal:
    """A JSON number: the body reader makes whole ones int and all others Decimal, digit by digit."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise PydanticCustomError("number", "must be a number")
    return Decimal(value)


Storable = AfterValidator(_storable)
"""The text can be held by the database. Comes after constraints, which then speak of text."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=60), Storable]
"""A short name, such as a trading symbol."""
TimeOfDay = Annotated[
    time,
    BeforeValidator(_read_time),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$",
            "description": "Time of day HH:MM:SS, Asia/Kolkata",
        }
    ),
]
ReadPrice = BeforeValidator(_read_price)
"""Reads a JSON number without rounding it."""
RequestPrice = Annotated[
    Decimal,
    ReadPrice,
    Field(lt=10**8, decimal_places=4, allow_inf_nan=False),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 10**8, "examples": [3500]}),
]
"""Rupees, exactly as written in the request; at most four decimal places."""
Price = Annotated[Decimal, PlainSerializer(float, return_type=float, when_used="json-unless-none")]
"""Rupees in an answer: a JSON number."""
Identifier = Annotated[UUID, BeforeValidator(_read_uuid)]
ShownTime = Annotated[time, PlainSerializer(lambda at: at.isoformat("seconds"), return_type=str)]
"""Time of day HH:MM:SS, Asia/Kolkata."""
Instant = Annotated[
    datetime,
    PlainSerializer(instant_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""An instant in an answer: RFC 3339 in UTC with `Z`, microseconds where there are any."""


class Problem(Answer):
    """One thing wrong with one field."""

    field: str
    problem: str


class GatewayRefusal(Answer):
    """What API Gateway answers by itself, before any function is asked: no code, and no X-Request-Id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    message: str = Field(description="The gateway's own words")


class ErrorAnswer(Answer):
    """Every error, on every path; but for what the gateway answers by itself."""

    error: ErrorCode = Field(description="Stable code, for programs")
    message: str = Field(description="What happened and what to do about it, for people")
    details: list[Problem] = Field(description="Each field with what is wrong with it; empty when no field is to blame")
