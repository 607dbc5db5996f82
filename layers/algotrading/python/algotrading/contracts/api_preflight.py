"""Bodies of /strategy/{id}/preflight."""

from __future__ import annotations

from uuid import UUID

from pydantic import Field

from algotrading.contracts.api_common import Answer, Instant
from algotrading.domain.preflight import CheckName


class CheckView(Answer):
    """One check."""

    name: CheckName
    is_green: bool
    text: str = Field(description="What was found, in plain words")
    remedy: str | None = Field(description="What to do about it; null where it is green")
    due_from: Instant | None = Field(
        description="When the remedy begins to help, where that is not now: nothing is wrong and nothing to be done "
        "until then, as with the login of a later day"
    )


class PreflightView(Answer):
    """Whether a strategy can trade next time."""

    strategy_id: UUID
    is_ready: bool = Field(description="Whether every check is green")
    checks: list[CheckView]
    next_buy_at: Instant | None = Field(description="The buy that was looked ahead to; null when nobody knows when")
    as_of: Instant
