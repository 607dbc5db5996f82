"""What an operator asks of lambdas/operator, and is answered."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from algotrading.contracts.api_common import Answer, Instant, RequestBody, Storable

Words = Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True), Storable]
Who = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Storable]


class KillAction(RequestBody):
    """Stop every entry of everybody, and sell everything."""

    action: Literal["kill"]
    by: Who
    reason: Words


class ReleaseAction(RequestBody):
    """Let trading go on."""

    action: Literal["release"]
    by: Who


class StatusAction(RequestBody):
    """Whether the switch is on, and what is still held."""

    action: Literal["status"]


class VerifyAuditAction(RequestBody):
    """Go through every audit chain."""

    action: Literal["verify_audit"]


OperatorAction = Annotated[KillAction | ReleaseAction | StatusAction | VerifyAuditAction, Field(discriminator="action")]


class OperatorStatus(Answer):
    """The operator's switch, and how far everybody is from flat."""

    is_locked: bool
    since: Instant | None
    by: str | None
    reason: str | None
    open_cycles: int | None
    """Cycles of all users that are not settled; null when the switch was stored and this could not be read."""
    unproven_users: int | None
    """While locked: users who traded today, or still hold something, and whose broker has not shown flat yet."""


class ChainFlaw(Answer):
    """One break of a chain."""

    user_id: str
    seq: int
    flaw: str
    text: str


class AuditReport(Answer):
    """What a verification went through."""

    is_sound: bool
    chains: int
    records: int
    breaks: int
    first_breaks: list[ChainFlaw]
