"""What an operator asks of lambdas/operator, and is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from algotrading.contracts.api_admin import StaffRole
from algotrading.contracts.api_auth import Email
from algotrading.contracts.api_common import Answer, Identifier, Instant, RequestBody, Storable
from algotrading.domain.audit import AuditHead

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


class KeptHead(RequestBody):
    """The end of one chain, as it is kept outside the database."""

    seq: Annotated[int, Field(ge=1)]
    hash: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


KeptHeads = dict[Identifier, KeptHead]
"""Ends of chains by user: what a later verification is held against."""


def keep_heads(heads: Mapping[UUID, AuditHead]) -> KeptHeads:
    """Ends of chains in the form in which they are kept."""
    return {user_id: KeptHead(seq=head.seq, hash=head.hash.hex()) for user_id, head in heads.items()}


def known_heads(kept: KeptHeads) -> Mapping[UUID, AuditHead]:
    """Kept ends of chains as a verification takes them."""
    return {user_id: AuditHead(user_id, head.seq, bytes.fromhex(head.hash)) for user_id, head in kept.items()}


class VerifyAuditAction(RequestBody):
    """Go through every audit chain."""

    action: Literal["verify_audit"]
    heads: KeptHeads = Field(default_factory=dict)
    """Those of an earlier answer: hold the chains against them."""
    return_heads: bool = False


class ForgetOverAction(RequestBody):
    """Take away what is of no use any more, of everybody."""

    action: Literal["forget_over"]


class GrantRoleAction(RequestBody):
    """Make a user support or administrator."""

    action: Literal["grant_role"]
    email: Email
    role: StaffRole
    by: Who


class WithdrawRoleAction(RequestBody):
    """Take a role back."""

    action: Literal["withdraw_role"]
    email: Email
    role: StaffRole
    by: Who


class FreePairAction(RequestBody):
    """Take the pair of addresses from a user, once it is no longer registered with their broker."""

    action: Literal["free_pair"]
    by: Who
    user_id: Identifier


class ClearSecondFactorAction(RequestBody):
    """Take a user's second factor away, who can show neither a code nor a recovery code."""

    action: Literal["clear_second_factor"]
    email: Email
    by: Who
    reason: Words


OperatorAction = Annotated[
    KillAction
    | ReleaseAction
    | StatusAction
    | VerifyAuditAction
    | ForgetOverAction
    | GrantRoleAction
    | WithdrawRoleAction
    | FreePairAction
    | ClearSecondFactorAction,
    Field(discriminator="action"),
]


class RoleReport(Answer):
    """It is so now, whether it was before or not."""

    user_id: UUID
    role: StaffRole
    status: Literal["granted", "withdrawn"]


class SecondFactorCleared(Answer):
    """The password alone logs in again."""

    user_id: UUID
    ended: int
    """Of how many devices the login has ended."""


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


class ForgottenRows(Answer):
    """How many rows of each kind were over, and are gone."""

    registrations: int
    email_links: int
    kept_answers: int
    sms_codes: int
    refresh_tokens: int


class FreedPair(Answer):
    """What whoever claims next may be given."""

    pair: str
    addresses: list[str]


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
    heads: KeptHeads | None = None
    """When asked for, and every chain holds: where each ends now."""
