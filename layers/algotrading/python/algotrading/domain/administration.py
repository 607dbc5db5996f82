"""What the staff of a deployment see: users, how one account stands, and whether the deployment's parts answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from algotrading.domain.accounts import token_expiry
from algotrading.domain.limits import Lock
from algotrading.domain.roles import Role


@dataclass(frozen=True, slots=True)
class UserSummary:
    """One user in a list."""

    user_id: UUID
    email: str
    is_email_verified: bool
    created_at: datetime
    locked_at: datetime | None
    roles: tuple[Role, ...]


@dataclass(frozen=True, slots=True)
class BrokerStanding:
    """A broker connection, without anything that opens it."""

    account_id: UUID
    is_default: bool
    """Whether it is of the user's default account."""
    broker: str
    broker_user_id: str | None
    has_token: bool
    """Whether there is one that the broker does not refuse."""
    token_at: datetime | None

    def connected_until(self, now: datetime) -> datetime | None:
        """When its access token dies; None where it is dead already, or never was."""
        if not self.has_token or self.token_at is None:
            return None
        expires = token_expiry(self.token_at)
        return expires if now < expires else None


@dataclass(frozen=True, slots=True)
class AccountState:
    """How one account stands: counts and moments; no secret, no order, no plan."""

    user: UserSummary
    lock_reason: str | None
    has_second_factor: bool
    logins: int
    """Devices on which the user is logged in."""
    last_login_at: datetime | None
    viewers: int
    brokers: tuple[BrokerStanding, ...]
    """Of every account of the user's in which a broker is connected, the oldest first."""
    strategies: int
    running_strategies: int
    open_cycles: int
    kill_switch_since: datetime | None
    waiting_notices: int
    """Not taken on to their channels yet."""


@dataclass(frozen=True, slots=True)
class StorePulse:
    """What PostgreSQL says of itself, and of what waits in it."""

    users: int
    running_strategies: int
    open_cycles: int
    waiting_notices: int
    oldest_notice_at: datetime | None
    lock: Lock | None
    """The kill switch for everybody."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much is in a queue, about: SQS counts from a sample of its servers."""

    name: str
    waiting: int
    in_flight: int
    """Taken by a function that is not done yet."""
