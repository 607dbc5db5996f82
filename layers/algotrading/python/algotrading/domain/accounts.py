"""People and their broker connections."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Final
from uuid import UUID

from algotrading.domain.egress import EgressRoute
from algotrading.domain.errors import Conflict
from algotrading.domain.sessions import instant_of, trading_day_of


class BrokerName(StrEnum):
    """Brokers a trader can connect."""

    KITE = "kite"


ACCOUNT_IS_GONE: Final = "this account is gone"
"""What is told in the name of a user who has deleted it."""
LOCKED: Final = "this account is locked: ask whoever runs the service, whose administrators can unlock it"
"""What is told of an account that an administrator has locked."""
CONNECTION_CHANGED: Final = (
    "the broker was disconnected, or its keys were replaced, since this login began: nothing was stored, log in again"
)
"""What is told when a login at the broker comes back to another connection than it began at."""
NO_MATCH: Final = (
    "e-mail or password is wrong, or the account was not opened yet: follow the link in the mail that was sent to it"
)
"""What is told of every login that fails: nothing says whether there is an account, or was one asked for."""


def still_trading(why: str) -> Conflict:
    """Why a broker connection cannot be changed or removed while strategies trade through it; `why` tells what they
    would lose."""
    return Conflict(
        f"strategies are trading through this broker connection, or an order is still looked for that was proven absent"
        f" today, and {why}: stop them, wait until nothing is held, and try again tomorrow at the latest"
    )


STILL_TRADING: Final = (
    "strategies run or are not settled, or an order is still looked for that was proven absent today: stop them, wait"
    " until nothing is held, and try again tomorrow at the latest"
)
"""Why an account is not deleted yet."""
NOT_SOLD: Final = "they could not be sold any more"


def first_account_of(user_id: UUID) -> UUID:
    """The broker account that every user has from the beginning, whether or not a broker was ever connected in it. It
    follows from the user's id, so that nobody looks it up; the function of the same name in migration 0025 agrees."""
    return UUID(bytes=sha256(f"first broker account of {user_id}".encode()).digest()[:16])


@dataclass(frozen=True, slots=True)
class User:
    """One account of this product."""

    user_id: UUID
    email: str
    created_at: datetime
    email_verified_at: datetime | None = None
    """When its owner showed that mail to it arrives with them."""
    is_locked: bool = False
    """Whether an administrator lets nobody in."""

    @property
    def is_email_verified(self) -> bool:
        """Whether mail to it reaches its owner."""
        return self.email_verified_at is not None


@dataclass(frozen=True, slots=True)
class Login:
    """What a password is checked against."""

    user_id: UUID
    password_hash: str
    is_locked: bool = False


class ConnectionStatus(StrEnum):
    """State of a broker connection."""

    LOGIN_REQUIRED = "login_required"
    CONNECTED = "connected"


def token_expiry(token_at: datetime) -> datetime:
    """When an access token made at `token_at` dies: the next 06:00 Asia/Kolkata (Kite Connect
    documentation, user: a regulatory requirement)."""
    day = trading_day_of(token_at)
    same_day = instant_of(day, time(6))
    return same_day if token_at < same_day else instant_of(day + timedelta(days=1), time(6))


@dataclass(frozen=True, slots=True)
class SealedBrokerAccount:
    """A broker connection as stored: the three secrets are envelopes that only the vault opens, and
    only for this user."""

    user_id: UUID
    account_id: UUID
    broker: BrokerName
    api_key: str
    api_secret: str
    access_token: str | None
    broker_user_id: str | None
    status: ConnectionStatus
    token_at: datetime | None
    """When the access token was validated last."""
    updated_at: datetime
    egress: EgressRoute | None = None
    """Where its orders leave from; kept apart from the rest, see `ports.BrokerAccounts.claim_egress`."""
    places_orders: bool = True
    """Not so for one that carries prices to the watchers, which a trader may connect as well."""
    refused_at: datetime | None = None
    """Since when the broker refuses this very access token, by its own word: `ports.BrokerAccounts.mark_refused`."""

    @property
    def token_expires_at(self) -> datetime | None:
        """When the access token dies; None without one."""
        return token_expiry(self.token_at) if self.token_at is not None and self.access_token is not None else None

    def is_connected(self, now: datetime) -> bool:
        """Whether there is a token that has not died of age by `now`. What is held is sold and looked after with it
        also while the broker refuses it: a refusal may turn out to be none."""
        expires = self.token_expires_at
        return self.status is ConnectionStatus.CONNECTED and expires is not None and now < expires

    def status_at(self, now: datetime) -> ConnectionStatus:
        """The status that holds at `now`: a token that is dead, or refused by the broker, needs a new login."""
        is_good = self.is_connected(now) and self.refused_at is None
        return ConnectionStatus.CONNECTED if is_good else ConnectionStatus.LOGIN_REQUIRED


@dataclass(frozen=True, slots=True, repr=False)
class BrokerCredentials:
    """The opened secrets. Never logged: `repr` shows none of them."""

    broker: BrokerName
    api_key: str
    api_secret: str
    access_token: str | None

    def __repr__(self) -> str:
        return f"BrokerCredentials({self.broker}, secrets hidden)"


@dataclass(frozen=True, slots=True)
class BrokerProfile:
    """Who the broker says these credentials belong to."""

    broker_user_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Margins:
    """Funds of the equity segment, rupees."""

    net: Decimal
    cash: Decimal
    utilised: Decimal


def told_of_refusal(account_id: UUID, token_at: datetime) -> str:
    """What tells one refused access token from another, of whom its owner is told once."""
    return f"{account_id} {token_at.astimezone(UTC).isoformat()}"
