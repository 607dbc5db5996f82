"""What the in-memory repositories share: one store, as PostgreSQL is one for the real ones."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from algotrading.adapters.postgres.egress_routes import DeployedRoute
from algotrading.domain.accounts import ACCOUNT_IS_GONE, SealedBrokerAccount, User
from algotrading.domain.api_keys import ApiKey
from algotrading.domain.audit import AuditEntry
from algotrading.domain.cycle import Cycle
from algotrading.domain.delivery import Waiting
from algotrading.domain.egress import EgressRoute
from algotrading.domain.email_links import LinkPurpose
from algotrading.domain.errors import TokenInvalid
from algotrading.domain.flatness import FlatProof, NothingPlaced
from algotrading.domain.instruments import Instrument
from algotrading.domain.keyed_requests import KeptRequest
from algotrading.domain.limits import Lock, RiskLimits
from algotrading.domain.logins import DeviceLogin, LoginEnd
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.notifications import Channel, ChannelSetup, DeliveryRecord, Wishes
from algotrading.domain.orders import Fill
from algotrading.domain.push import PushDevice
from algotrading.domain.registrations import Registration
from algotrading.domain.roles import Role, ViewerGrant
from algotrading.domain.second_factor import SecondFactor
from algotrading.domain.strategy import Strategy
from algotrading.ports import BookSnapshot, Notice, OrderLog, RiskEvent

CycleKey = tuple[UUID, date]


@dataclass(frozen=True, slots=True)
class RiskEventRow:
    """A row of risk_events; `period` where it is recorded once in a period."""

    user_id: UUID
    event: RiskEvent
    period: date | None = None


@dataclass(slots=True)
class MemoryDatabase:
    """All tables. `turn` makes each repository call one transaction."""

    turn: threading.RLock = field(default_factory=threading.RLock)
    users: dict[UUID, tuple[User, str]] = field(default_factory=dict)
    broker_accounts: dict[UUID, SealedBrokerAccount] = field(default_factory=dict)
    """The connections, by account."""
    named_accounts: dict[UUID, NamedAccount] = field(default_factory=dict)
    """Those that were opened or changed; a user's first account that was neither is not among them."""
    removed_accounts: set[UUID] = field(default_factory=set)
    egress_routes: dict[str, tuple[EgressRoute, frozenset[str]]] = field(default_factory=dict)
    """With the e-mail addresses of the family that shares it."""
    egress_holders: dict[UUID, str] = field(default_factory=dict)
    exclusive_routes: set[str] = field(default_factory=set)
    deployed_routes: set[str] = field(default_factory=set)
    logins: dict[UUID, DeviceLogin] = field(default_factory=dict)
    login_ends: dict[UUID, LoginEnd] = field(default_factory=dict)
    codes_shown: dict[UUID, datetime] = field(default_factory=dict)
    """When a login last showed a code of the second factor."""
    refresh_tokens: dict[bytes, tuple[UUID, datetime | None]] = field(default_factory=dict)
    """By its hash: the device, and when the token was used."""
    second_factors: dict[UUID, SecondFactor] = field(default_factory=dict)
    email_links: dict[bytes, tuple[UUID, LinkPurpose, datetime]] = field(default_factory=dict)
    """By hash: whose, what for, and until when. A link that is there was not used."""
    registrations: dict[UUID, tuple[Registration, frozenset[bytes]]] = field(default_factory=dict)
    """Each with the hashes of its links."""
    wishes: dict[UUID, Wishes] = field(default_factory=dict)
    channel_setups: dict[tuple[UUID, Channel], ChannelSetup] = field(default_factory=dict)
    push_devices: dict[UUID, PushDevice] = field(default_factory=dict)
    chat_codes: dict[UUID, datetime] = field(default_factory=dict)
    """When who last had a code sent to a chat."""
    sms_codes: list[tuple[UUID | None, int, datetime]] = field(default_factory=list)
    """Who had one sent, to the number of which mark, and when."""
    inbox_reads: dict[int, datetime] = field(default_factory=dict)
    channel_deliveries: dict[tuple[int, Channel], DeliveryRecord] = field(default_factory=dict)
    closed: set[UUID] = field(default_factory=set)
    """Accounts that were deleted."""
    locked: dict[UUID, str] = field(default_factory=dict)
    """Locked accounts, with the reason."""
    roles: dict[UUID, set[Role]] = field(default_factory=dict)
    viewers: dict[UUID, tuple[ViewerGrant, bytes | None]] = field(default_factory=dict)
    """By grant, with the hash of an invitation that was not accepted yet."""
    api_keys: dict[bytes, ApiKey] = field(default_factory=dict)
    """By hash."""
    summaries: set[tuple[UUID, date, str, UUID | None, str]] = field(default_factory=set)
    kept_answers: dict[tuple[UUID, str], KeptRequest] = field(default_factory=dict)
    recovery_codes: dict[UUID, set[bytes]] = field(default_factory=dict)
    postback_ids: dict[UUID, UUID] = field(default_factory=dict)
    """By account."""
    instruments: dict[tuple[str, str], Instrument] = field(default_factory=dict)
    strategies: dict[UUID, Strategy] = field(default_factory=dict)
    deleted: set[UUID] = field(default_factory=set)
    cycles: dict[CycleKey, Cycle] = field(default_factory=dict)
    fills: dict[tuple[UUID, str, str, str], tuple[UUID, Fill]] = field(default_factory=dict)
    snapshots: dict[tuple[UUID, date], BookSnapshot] = field(default_factory=dict)
    """By account and day."""
    logs: list[tuple[UUID, OrderLog]] = field(default_factory=list)
    risk_limits: dict[UUID, RiskLimits] = field(default_factory=dict)
    kill_locks: dict[UUID, Lock] = field(default_factory=dict)
    deployment_lock: Lock | None = None
    flat: dict[UUID, FlatProof | NothingPlaced] = field(default_factory=dict)
    risk_events: list[RiskEventRow] = field(default_factory=list)
    audit: list[AuditEntry] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    delivered: set[int] = field(default_factory=set)
    deliveries: dict[int, Waiting] = field(default_factory=dict)

    def deploy_routes(self, routes: Sequence[DeployedRoute]) -> None:
        """What `store_routes` does."""
        held = set(self.egress_holders.values())
        kept = {name: route for name, route in self.egress_routes.items() if name in held}
        deployed = {
            one.name: (EgressRoute(one.name, one.addresses, one.proxies), frozenset(one.members)) for one in routes
        }
        self.egress_routes = kept | deployed
        self.deployed_routes = set(deployed)


def oldest_first(strategy: Strategy) -> Any:
    """The order in which strategies are listed."""
    return strategy.created_at, strategy.strategy_id


def refuse_deleted(database: MemoryDatabase, user_id: UUID) -> None:
    """Raise TokenInvalid where the account was deleted: nothing is stored in its user's name any more."""
    if user_id in database.closed:
        raise TokenInvalid(ACCOUNT_IS_GONE)
