"""Bodies of /admin."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from algotrading.contracts.api_auth import SecondFactorCode
from algotrading.contracts.api_common import Answer, Instant, RequestBody, Storable
from algotrading.contracts.api_risk import LockView

Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), Storable]
StaffRole = Literal["support", "admin"]
_CODE = Field(description="Of the caller's authenticator app, or a recovery code: good once", examples=["492039"])


class UserView(Answer):
    """One user in a list."""

    user_id: UUID
    email: str
    email_verified: bool
    created_at: Instant
    locked_at: Instant | None
    roles: list[StaffRole] = Field(description="Beside that of a trader")


class UsersView(Answer):
    """Users, the newest first."""

    users: list[UserView]
    next_cursor: UUID | None = Field(description="For the next page; null after the last")


class BrokerStateView(Answer):
    """A broker connection, without its keys."""

    broker: str
    broker_user_id: str | None
    connected_until: Instant | None = Field(description="When its token dies; null where a login is needed")


class BrokerAccountStateView(BrokerStateView):
    """A broker connection, and in which of the user's broker accounts it is."""

    account_id: UUID
    is_default: bool


class UserStateView(UserView):
    """How one account stands: no secret, no order, no plan."""

    lock_reason: str | None
    second_factor: bool = Field(description="Whether it is on")
    logins: int = Field(description="Devices on which the user is logged in")
    last_login_at: Instant | None
    viewers: int
    broker: BrokerStateView | None = Field(description="Of the default account")
    brokers: list[BrokerAccountStateView] = Field(description="Of every account with a connection, the oldest first")
    strategies: int
    running_strategies: int
    open_cycles: int = Field(description="Not settled yet")
    kill_switch_since: Instant | None = Field(description="Of the user's own switch")
    waiting_notices: int = Field(description="Not taken on to their channels yet")


class LockUserRequest(RequestBody):
    """Why, for the record and for support."""

    reason: Reason = Field(examples=["the owner called: a phone was stolen"])
    code: SecondFactorCode = _CODE


class ConfirmedRequest(RequestBody):
    """Shows who asks."""

    code: SecondFactorCode = _CODE


class RoleRequest(RequestBody):
    """Which role, and who asks."""

    role: StaffRole
    code: SecondFactorCode = _CODE


class DeploymentKillRequest(RequestBody):
    """Why everybody's trading stops; everybody reads it."""

    reason: Reason = Field(examples=["exchange trouble"])
    code: SecondFactorCode = _CODE


class UserDoneAnswer(Answer):
    """It is so now, whether it was before or not."""

    user_id: UUID
    status: Literal["locked", "unlocked", "granted", "withdrawn"]


class DeploymentSwitchAnswer(Answer):
    """The switch for everybody, and how far everybody is from flat."""

    is_locked: bool
    lock: LockView | None
    open_cycles: int | None = Field(
        description="Of all users, not settled; null when the switch was stored and this could not be read"
    )
    unproven_users: int | None = Field(
        description="While locked: users who traded today, or still hold something, and whose broker has not shown"
        " flat yet"
    )


class StoreView(Answer):
    """Whether a store answered this request."""

    is_up: bool
    milliseconds: float


class WatchersView(Answer):
    """What the watchers last reported, all together."""

    is_seeing: bool = Field(description="Reported within the last three seconds; by night nobody does")
    last_report_at: Instant | None


class QueueView(Answer):
    """About how much is in a queue. What lies in one of dead letters was given up."""

    name: str
    waiting: int
    in_flight: int


class HealthView(Answer):
    """What each part answered, just now. null: it did not."""

    as_of: Instant
    database: StoreView
    redis: StoreView
    watchers: WatchersView
    queues: list[QueueView] | None
    lock: LockView | None = Field(description="The kill switch for everybody")
    users: int | None
    running_strategies: int | None
    open_cycles: int | None
    waiting_notices: int | None
    oldest_notice_at: Instant | None
