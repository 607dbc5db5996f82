"""The audit trail: what is written down about every decision and command, and how it is chained.

Each user has one chain. A record is a text, the exact bytes that were hashed, and
`hash = SHA-256(hash of the record before || the record's UTF-8 bytes)`, so that anybody can verify an
export without this code and without PostgreSQL. The first record follows `GENESIS`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, cast
from uuid import UUID

from algotrading.domain.accounts import ConnectionStatus, SealedBrokerAccount
from algotrading.domain.api_keys import ApiKey
from algotrading.domain.effects import Decision
from algotrading.domain.egress import EgressRoute
from algotrading.domain.events import Event
from algotrading.domain.logins import DeviceLogin, LoginEnd
from algotrading.domain.named_accounts import NamedAccount
from algotrading.domain.roles import Role, ViewerGrant
from algotrading.domain.strategy import Strategy

GENESIS: Final = bytes(32)
"""What the first record of every chain follows."""

DEPLOYMENT: Final = UUID(int=0)
"""The owner of the chain that holds what concerns every user at once."""


class AuditKind(StrEnum):
    """What a record speaks of. Names are stored for ever: add, never rename."""

    DECISION = "decision"
    """One event of a cycle, what it made of the cycle, and the effects: `decision_entry`."""
    MESSAGE_DROPPED = "message_dropped"
    """A message that had lost its meaning: `data` has its cause and why."""
    ENTRY_HELD_UP = "entry_held_up"
    """An entry that could not be begun and is tried again: `data` has its cause and why."""
    STRATEGY_CREATED = "strategy_created"
    """This and the next four are the owner's commands: `strategy_entry`."""
    STRATEGY_CHANGED = "strategy_changed"
    STRATEGY_STARTED = "strategy_started"
    STRATEGY_STOPPED = "strategy_stopped"
    STRATEGY_DELETED = "strategy_deleted"
    BROKER_CONNECTED = "broker_connected"
    """This and the next two are the owner's, too: `broker_entry`."""
    BROKER_LOGIN_REQUIRED = "broker_login_required"
    """Keys were stored, and the broker's login has to follow."""
    BROKER_DISCONNECTED = "broker_disconnected"
    BROKER_TOKEN_REFUSED = "broker_token_refused"  # noqa: S105 - a name, no token
    """The broker's own word on the access token. This and the next: `token_entry`."""
    BROKER_TOKEN_TAKEN = "broker_token_taken"  # noqa: S105 - a name, no token
    """And it has taken the same one again since."""
    BROKER_ACCOUNT_OPENED = "broker_account_opened"
    """One more account. This and the next two: `named_account_entry`."""
    BROKER_ACCOUNT_CHANGED = "broker_account_changed"
    """Its name, or that it is the default."""
    BROKER_ACCOUNT_REMOVED = "broker_account_removed"
    RISK_LIMITS_CHANGED = "risk_limits_changed"
    RISK_LIMIT_REACHED = "risk_limit_reached"
    """A loss limit, told once in its period. A blocked entry is a decision."""
    KILL_SWITCH_ON = "kill_switch_on"
    KILL_SWITCH_AGAIN = "kill_switch_again"
    """An operator pressed the switch for everybody while it was on: `data` has the standing lock, and who and why."""
    KILL_SWITCH_OFF = "kill_switch_off"
    VERIFIED_FLAT = "verified_flat"
    """After the kill switch, the broker's own book showed nothing of ours."""
    LOGGED_IN = "logged_in"
    """On a device: `login_entry`."""
    LOGIN_ENDED = "login_ended"
    """Before its time: `login_ended_entry`."""
    SECOND_FACTOR_ON = "second_factor_on"
    """This and the next three: `second_factor_entry`."""
    SECOND_FACTOR_OFF = "second_factor_off"
    RECOVERY_CODE_USED = "recovery_code_used"
    CODE_REUSED = "code_reused"
    """Digits that were used before, or are older than some that were: refused."""
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a name, no password
    """By a link of an e-mail. This and the next two: `account_entry`."""
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a name, no password
    """By the old one."""
    EMAIL_VERIFIED = "email_verified"
    CHANNEL_SET = "channel_set"
    """Where notices go: `channel_entry`. The next one: no more. For pushes the target is the device."""
    CHANNEL_REMOVED = "channel_removed"
    ACCOUNT_DELETED = "account_deleted"
    """Its owner is forgotten; what was done is not."""
    VIEWER_INVITED = "viewer_invited"
    """Who reads an account. This and the next two, in that account's chain: `viewer_entry`."""
    VIEWER_ACCEPTED = "viewer_accepted"
    VIEWER_REMOVED = "viewer_removed"
    ACCOUNT_READ = "account_read"
    """Somebody else than its owner reads an account: `access_entry`."""
    ACCOUNT_LOCKED = "account_locked"
    """What staff did to a user, in that user's chain; this and the next four: `staff_deed_entry`."""
    ACCOUNT_UNLOCKED = "account_unlocked"
    SECOND_FACTOR_CLEARED = "second_factor_cleared"
    """By the operator, for an owner who cannot show it."""
    ROLE_GRANTED = "role_granted"
    ROLE_WITHDRAWN = "role_withdrawn"
    API_KEY_CREATED = "api_key_created"
    """For a program of the owner's. This and the next: `api_key_entry`."""
    API_KEY_REVOKED = "api_key_revoked"
    STAFF_ACTED = "staff_acted"
    """Somebody came in as one of the staff; in the deployment's chain: `staff_entry`."""
    EGRESS_FREED = "egress_freed"
    """An operator took the addresses away that the user's orders left from: `data` has which, and who."""
    NOTHING_PLACED = "nothing_placed"
    """After the kill switch, our record had no order of its day and nothing open; the broker was not asked."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What is to be written down. `data` holds domain values or plain ones, and never a secret."""

    user_id: UUID
    kind: AuditKind
    at: datetime
    data: Mapping[str, object]
    strategy_id: UUID | None = None
    trading_day: date | None = None
    """The day whose trading it belongs to; None for what holds from `at` on."""
    request_id: str | None = None
    """Of the API's request that it is written down for, as `X-Request-Id` of the answer says it; None: for none."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One link of a user's chain, as stored. What is beside `record` is also in it, for finding it."""

    user_id: UUID
    seq: int
    """1, 2, 3 ... without gaps."""
    prev_hash: bytes
    hash: bytes
    at: datetime
    kind: str
    strategy_id: UUID | None
    trading_day: date | None
    record: str

    @property
    def request_id(self) -> str | None:
        """See `AuditEntry`. Records of before there was one have none."""
        return cast("str | None", json.loads(self.record).get("request_id"))


@dataclass(frozen=True, slots=True)
class AuditHead:
    """Where a user's chain ends: what tells that nothing was cut off."""

    user_id: UUID
    seq: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Cause:
    """The message that a decision answers: what it asked for, who asked, and when."""

    event: str
    """BUY, SELL, STOPLOSS, STOP, RECONCILE, ..."""
    asked_by: str
    """In a word: schedule, start, watcher, user, converge, ..."""
    made_at: datetime
    due: datetime | None = None
    price: Decimal | None = None
    """The price that hit the stop."""
    tick_at: datetime | None = None
    """When the watcher received that price."""
    request_id: str | None = None
    """Of the API's request that caused the message, None where none did; and what its client called that request."""
    client_request_id: str | None = None


def chain_hash(prev_hash: bytes, record: str) -> bytes:
    """The hash of a record that follows the one with `prev_hash`."""
    return hashlib.sha256(prev_hash + record.encode()).digest()


def decision_entry(decision: Decision, event: Event, now: datetime, cause: Cause | None) -> AuditEntry:
    """What is written down about one decision: the event with the broker's evidence, the cycle as it is
    after, the effects that follow, and who had asked."""
    cycle = decision.cycle
    return AuditEntry(
        user_id=cycle.user_id,
        kind=AuditKind.DECISION,
        at=now,
        data={"event": event, "cycle": cycle, "effects": decision.effects, "cause": cause},
        strategy_id=cycle.strategy_id,
        trading_day=cycle.trading_day,
    )


def strategy_entry(before: Strategy | None, after: Strategy | None, at: datetime) -> AuditEntry:
    """What is written down about an owner's command: the strategy as it was and as it is, None where there
    is none (before its creation, after its deletion)."""
    one = after or before
    assert one is not None
    return AuditEntry(
        user_id=one.user_id,
        kind=_kind_of_change(before, after),
        at=at,
        data={"before": _shown(before), "after": _shown(after)},
        strategy_id=one.strategy_id,
    )


def _kind_of_change(before: Strategy | None, after: Strategy | None) -> AuditKind:
    if before is None:
        return AuditKind.STRATEGY_CREATED
    if after is None:
        return AuditKind.STRATEGY_DELETED
    if before.status is after.status:
        return AuditKind.STRATEGY_CHANGED
    return AuditKind.STRATEGY_STARTED if after.is_running else AuditKind.STRATEGY_STOPPED


def _shown(strategy: Strategy | None) -> Mapping[str, object] | None:
    if strategy is None:
        return None
    return {
        "account_id": strategy.account_id,
        "plan": strategy.plan,
        "status": strategy.status,
        "stop_reason": strategy.stop_reason,
        "version": strategy.version,
    }


def broker_entry(account: SealedBrokerAccount, *, before: str | None) -> AuditEntry:
    """What is written down about a broker connection that was stored, none of its secrets. `before` is the
    broker's user id of the connection that it replaces."""
    connected = account.status is ConnectionStatus.CONNECTED
    return AuditEntry(
        user_id=account.user_id,
        kind=AuditKind.BROKER_CONNECTED if connected else AuditKind.BROKER_LOGIN_REQUIRED,
        at=account.updated_at,
        data={
            "account_id": account.account_id,
            "broker": account.broker,
            "broker_user_id": account.broker_user_id,
            "broker_user_id_before": before,
            "token_at": account.token_at,
        },
    )


def token_entry(user_id: UUID, kind: AuditKind, token: Mapping[str, object], at: datetime) -> AuditEntry:
    """What is written down when the broker refuses an access token, or takes it again. `token` says which: account_id,
    broker, broker_user_id, token_at."""
    return AuditEntry(user_id, kind, at, token)


def named_account_entry(account: NamedAccount, kind: AuditKind, at: datetime) -> AuditEntry:
    """What is written down about a broker account that was opened, changed (as it is then) or removed (as it was).
    Never its name, which may be a person's: what is in the trail stays when the account of ours is deleted."""
    data = {"account_id": account.account_id, "is_default": account.is_default}
    return AuditEntry(account.user_id, kind, at, data)


def login_entry(login: DeviceLogin) -> AuditEntry:
    """What is written down about a login."""
    data = {"device_id": login.device_id, "name": login.name, "expires_at": login.expires_at}
    return AuditEntry(login.user_id, AuditKind.LOGGED_IN, login.created_at, data)


def login_ended_entry(user_id: UUID, device_id: UUID, why: LoginEnd, at: datetime) -> AuditEntry:
    """What is written down about a login that ended before its time."""
    return AuditEntry(user_id, AuditKind.LOGIN_ENDED, at, {"device_id": device_id, "why": why})


def second_factor_entry(user_id: UUID, kind: AuditKind, at: datetime) -> AuditEntry:
    """What is written down about a second factor: that, and nothing of it."""
    return AuditEntry(user_id, kind, at, {})


def account_entry(user_id: UUID, kind: AuditKind, at: datetime) -> AuditEntry:
    """What is written down about a password reset, an e-mail verified, an account deleted: that, and no more."""
    return AuditEntry(user_id, kind, at, {})


def viewer_entry(grant: ViewerGrant, kind: AuditKind, at: datetime, *, by: UUID) -> AuditEntry:
    """What is written down about who reads an account. Of the viewer the identifier only: the trail holds no e-mail."""
    data = {"grant_id": grant.grant_id, "name": grant.name, "viewer_id": grant.viewer_id, "by": by}
    return AuditEntry(grant.user_id, kind, at, data)


def access_entry(account: UUID, by: UUID, role: Role, door: str, at: datetime) -> AuditEntry:
    """What is written down, before it is read, about a look at somebody's account."""
    return AuditEntry(account, AuditKind.ACCOUNT_READ, at, {"by": by, "role": role, "door": door})


def api_key_entry(key: ApiKey, kind: AuditKind, at: datetime) -> AuditEntry:
    """What is written down about a key of a program's: what it is good for, and nothing of it."""
    data = {"key_id": key.key_id, "name": key.name, "scopes": sorted(key.scopes), "expires_at": key.expires_at}
    return AuditEntry(key.user_id, kind, at, data)


def staff_deed_entry(
    user_id: UUID, kind: AuditKind, at: datetime, *, by: str, role: Role | None = None, reason: str | None = None
) -> AuditEntry:
    """What is written down about a lock, a role, or a second factor that was taken away. `by`: the administrator's
    identifier, or who the operator said to be."""
    return AuditEntry(user_id, kind, at, {"by": by, "role": role, "reason": reason})


def staff_entry(by: UUID, role: Role, door: str, path: str, at: datetime) -> AuditEntry:
    """What is written down about every request of the deployment's staff, before it is carried out."""
    return AuditEntry(DEPLOYMENT, AuditKind.STAFF_ACTED, at, {"by": by, "role": role, "door": door, "path": path})


def channel_entry(user_id: UUID, kind: AuditKind, channel: str, target: str, at: datetime) -> AuditEntry:
    """What is written down about a webhook, a chat or a phone that notices go to."""
    return AuditEntry(user_id, kind, at, {"channel": channel, "target": target})


def freed_entry(user_id: UUID, route: EgressRoute, by: str, at: datetime) -> AuditEntry:
    """What is written down about a pair of addresses that was taken from its holder."""
    data = {"route": route.name, "addresses": list(route.addresses), "by": by}
    return AuditEntry(user_id, AuditKind.EGRESS_FREED, at, data)


def disconnected_entry(
    user_id: UUID, account_id: UUID, broker: str, broker_user_id: str | None, at: datetime
) -> AuditEntry:
    """What is written down about a broker connection that was removed."""
    data = {"account_id": account_id, "broker": broker, "broker_user_id": broker_user_id}
    return AuditEntry(user_id, AuditKind.BROKER_DISCONNECTED, at, data)
