"""What the services need from the outside world.

Every protocol here has two implementations: the real adapter, and an in-memory one in `tests/fakes`
that passes the same contract suite. Methods take the owning `user_id` wherever rows belong to a user:
there is no way to ask for a row without saying whose it is, except through the few methods marked
"system", which only converge, the watcher and the instrument loader may call.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Protocol
from uuid import UUID

from algotrading.contracts.messages import OrderCommand, ScheduleInput, StopChange
from algotrading.domain.accounts import (
    BrokerCredentials,
    BrokerName,
    BrokerProfile,
    Login,
    Margins,
    SealedBrokerAccount,
    User,
)
from algotrading.domain.audit import AuditEntry, AuditHead, AuditRecord, Cause
from algotrading.domain.cycle import Cycle
from algotrading.domain.effects import Decision
from algotrading.domain.events import Event
from algotrading.domain.flatness import FlatProof
from algotrading.domain.instruments import Instrument
from algotrading.domain.limits import Breach, Lock, Locks, Obstacle, RiskLimits
from algotrading.domain.orders import AccountBook, Answer, BookReading, Fill, Holding, OrderRow, OrderTicket
from algotrading.domain.rates import Window
from algotrading.domain.risk import Usage
from algotrading.domain.sight import Sight
from algotrading.domain.strategy import Strategy


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The current instant, UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait `seconds` (none when not positive)."""
        ...

    def sleep_until(self, instant: datetime) -> None:
        """Wait until `instant`, never returning early; at once when it is past."""
        ...


# --- PostgreSQL: the truth ------------------------------------------------------------------------


class Users(Protocol):
    """Accounts of this product."""

    def add(self, user: User, password_hash: str) -> None:
        """Raises EmailTaken when the e-mail (compared without case) has an account."""
        ...

    def find_login(self, email: str) -> Login | None:
        """What to check a password against; None for an unknown e-mail."""
        ...

    def get(self, user_id: UUID) -> User:
        """Raises NotFound."""
        ...


class BrokerAccounts(Protocol):
    """Broker connections, secrets sealed. Every change leaves an audit record in the same transaction."""

    def save(self, account: SealedBrokerAccount) -> None:
        """Add or replace the user's connection."""
        ...

    def find(self, user_id: UUID) -> SealedBrokerAccount | None:
        """The user's connection, if any."""
        ...

    def remove(self, user_id: UUID, *, now: datetime) -> None:
        """Forget the user's connection; no error when there is none."""
        ...

    def find_by_email(self, email: str) -> SealedBrokerAccount | None:
        """System: the connection of the account that feeds prices."""
        ...

    def postback_id(self, user_id: UUID) -> UUID | None:
        """Where the broker may post order updates of this user: random, made when the connection is saved
        first, kept until it is removed. None without a connection."""
        ...

    def find_by_postback(self, postback_id: UUID) -> SealedBrokerAccount | None:
        """The connection whose address this is, whoever's it is: the broker comes without a token of ours."""
        ...


class Strategies(Protocol):
    """The traders' standing orders. Every change leaves an audit record in the same transaction."""

    def add(self, strategy: Strategy) -> None:
        """Store a new strategy."""
        ...

    def get(self, user_id: UUID, strategy_id: UUID) -> Strategy:
        """Raises NotFound, also for another user's strategy and for a deleted one."""
        ...

    def list_for(self, user_id: UUID) -> Sequence[Strategy]:
        """The user's strategies, oldest first."""
        ...

    def save(self, strategy: Strategy, *, expected_version: int) -> None:
        """Replace a strategy whose stored version is `expected_version`.

        Raises:
            NotFound: it does not exist (any more).
            Conflict: its version has moved.
            StrategyOverlap: it would run at the same time of day as another running strategy of the
                user in the same symbol.
        """
        ...

    def delete(self, user_id: UUID, strategy_id: UUID, *, expected_version: int, now: datetime) -> None:
        """Hide a strategy that does not run and holds nothing; its orders stay on record. All in one
        transaction, which also fences off every worker that took a cycle of it before.

        Raises:
            NotFound: it does not exist (any more).
            Conflict: its version has moved, it runs, or a cycle of any day is not settled.
        """
        ...

    def is_owned(self, user_id: UUID, strategy_id: UUID) -> bool:
        """Whether the user has this strategy, or had it before deleting it."""
        ...

    def running(self) -> Sequence[Strategy]:
        """System: every running strategy of every user."""
        ...


class Instruments(Protocol):
    """The broker's daily instrument dump."""

    def find(self, exchange: str, symbol: str) -> Instrument | None:
        """Today's instrument under that name."""
        ...

    def search(self, text: str, limit: int) -> Sequence[Instrument]:
        """Instruments whose symbol or name starts with or contains `text`, best first."""
        ...

    def replace_all(self, instruments: Sequence[Instrument]) -> None:
        """System: make today's dump the only truth, in one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class OrderLog:
    """One exchange of words with a broker about one order, verbatim."""

    order_id: UUID
    strategy_id: UUID
    order_type: str
    """BUY, SELL or SL."""
    timestamp: datetime
    raw_response: Mapping[str, Any]
    tag: str
    broker_order_id: str | None
    outcome: str
    """accepted, refused, unknown, cancel_*, or the broker's final status."""
    execution_time_ms: float


@dataclass(frozen=True, slots=True)
class EntryGate:
    """What an executor should know before it decides an entry."""

    locks: Locks
    unsettled_day: date | None
    """The newest earlier day on which this strategy has a cycle that is not settled."""
    symbols: frozenset[str]
    """What the user holds or has on order; empty unless a loss limit needs their prices."""


class Ledger(Protocol):
    """Cycles, intents, fills, the audit trail and the outbox: what makes an order happen once."""

    def take(self, strategy: Strategy, trading_day: date) -> Cycle:
        """Create the day's cycle if there is none, raise its epoch, and return it: from now on only
        the caller may write to it. Each take fences off every earlier one."""
        ...

    def save(
        self,
        decision: Decision,
        *,
        event: Event,
        now: datetime,
        logs: Sequence[OrderLog] = (),
        cause: Cause | None = None,
        marks: Mapping[str, Decimal] = MappingProxyType({}),
    ) -> None:
        """Store in one transaction: the audit record, the cycle, its intents, the fills of a
        `BookRead` that belong to them, `logs`, the `Tell` and `StopStrategy` effects, and the breach of an
        entry that was blocked. `cause` is the message that led here, for the record.

        A decision that writes down a new entry is held against its user's limits and locks in the same
        transaction, one entry of a user after the other (`domain.risk.check_entry`). `marks` are the last
        prices of the entry's symbol and of those that the user holds.

        Raises:
            Fenced: another worker has taken the cycle since; nothing was stored.
            RiskRefused: the entry is not allowed; nothing was stored.
        """
        ...

    def add_logs(self, user_id: UUID, logs: Sequence[OrderLog]) -> None:
        """Store words with the broker on their own, whoever has the cycle now; again is harmless."""
        ...

    def note(self, entry: AuditEntry) -> None:
        """Store an audit record on its own: something that changed nothing and has to be explained."""
        ...

    def check(self, cycle: Cycle) -> Obstacle | None:
        """Why an entry of the cycle must not leave any more: the strategy does not run, or a lock is on;
        None when it may. Raises Fenced when another worker has taken the cycle since."""
        ...

    def gate(self, cycle: Cycle) -> EntryGate:
        """What stands before an entry of the cycle, and whose prices its check will need."""
        ...

    def traded_on(self, user_id: UUID, day: date) -> Sequence[Cycle]:
        """The user's cycles of that day that had an order, whatever became of it."""
        ...

    def unsettled_of(self, user_id: UUID) -> Sequence[Cycle]:
        """The user's cycles of any day and strategy that may hold something or have an open intent, oldest
        first."""
        ...

    def find(self, user_id: UUID, strategy_id: UUID, trading_day: date) -> Cycle | None:
        """Read without taking."""
        ...

    def of_day(self, user_id: UUID, trading_day: date) -> Sequence[Cycle]:
        """The user's cycles of one day, read without taking."""
        ...

    def latest(self, user_id: UUID, strategy_id: UUID) -> Cycle | None:
        """The newest cycle of a strategy, read without taking."""
        ...

    def fills(self, user_id: UUID, strategy_id: UUID) -> Sequence[Fill]:
        """Every fill of the strategy's orders, oldest first."""
        ...

    def logs(
        self, user_id: UUID, strategy_id: UUID, *, begins: datetime | None = None, ends: datetime | None = None
    ) -> Sequence[OrderLog]:
        """The strategy's order log, oldest first; from `begins` on and before `ends`, where given."""
        ...

    def unsettled(self, user_id: UUID, strategy_id: UUID) -> Sequence[Cycle]:
        """The strategy's cycles of any day that may hold something or have an open intent, oldest first."""
        ...

    def unfinished(self) -> Sequence[Cycle]:
        """System: every unsettled cycle, and those of the last two days in which an order was proven
        absent (one that surfaces after all must be noticed)."""
        ...


class AuditTrail(Protocol):
    """The chained record of every decision and command. It is written by the repositories, each within
    the transaction of the change it speaks of; nobody changes or removes what is in it."""

    def of_strategy(
        self, user_id: UUID, strategy_id: UUID, day: date, *, begins: datetime, ends: datetime
    ) -> Sequence[AuditRecord]:
        """What explains a strategy's `day`, in the order of the chain: the records of its trading, its
        owner's commands up to the day's end, and what concerned the whole account from `begins` on and
        before `ends`."""
        ...

    def latest_day(self, user_id: UUID, strategy_id: UUID) -> date | None:
        """The newest Asia/Kolkata day on which a strategy traded or was commanded."""
        ...

    def chains(self) -> Iterator[tuple[AuditRecord, AuditHead | None]]:
        """System: every record of every user, by user and then by seq, each with its user's head as it
        was at the same moment. Constant memory."""
        ...

    def empty_heads(self) -> Sequence[AuditHead]:
        """System: heads whose chain has no record at all."""
        ...


@dataclass(frozen=True, slots=True)
class RiskStanding:
    """A user's limits and locks, and what is in use."""

    limits: RiskLimits
    locks: Locks
    flat: FlatProof | None
    """Of the present lock; None when there is none, or nothing is proven yet."""
    usage: Usage


@dataclass(frozen=True, slots=True)
class RiskEvent:
    """Something that was recorded about a user's risk: a blocked entry, a limit reached, a switch."""

    at: datetime
    kind: str
    text: str
    used: Decimal | None = None
    limit: Decimal | None = None
    strategy_id: UUID | None = None


class Risks(Protocol):
    """Risk profiles, locks, and what was recorded about them. Every change is audited in its transaction."""

    def standing(self, user_id: UUID, day: date, now: datetime) -> RiskStanding:
        """Where the user stands, with the results of the week of `day`."""
        ...

    def set_limits(self, user_id: UUID, limits: RiskLimits, now: datetime) -> None:
        """Replace the user's limits. No entry is checked half by the old and half by the new."""
        ...

    def lock(self, user_id: UUID, *, by: str, reason: str | None, now: datetime) -> Lock:
        """Switch the user's kill switch on, with its event and notice. One that is on stays as it is and is
        returned. Waits for an entry that is being written down."""
        ...

    def release(self, user_id: UUID, now: datetime) -> None:
        """Switch it off, with its event and notice; no error when it is off.

        Raises:
            Conflict: a cycle of the user is not settled.
        """
        ...

    def locks(self, user_id: UUID) -> Locks:
        """The switches that concern the user."""
        ...

    def events(self, user_id: UUID, limit: int) -> Sequence[RiskEvent]:
        """What was recorded last, newest first."""
        ...

    def record_flat(self, user_id: UUID, proof: FlatProof) -> None:
        """Keep the proof, with its event and notice."""
        ...

    def record_breach(self, user_id: UUID, breach: Breach, *, period: date, now: datetime) -> bool:
        """System: record a loss limit that was reached in the period (its day, or its Monday) and tell the
        owner; False, and nothing done, when that has happened already."""
        ...

    def lock_deployment(self, *, by: str, reason: str | None, now: datetime) -> Lock:
        """System: switch everybody's entries off and tell everybody with a running strategy or an open cycle.
        A lock that is on stays as it is and is returned."""
        ...

    def release_deployment(self, *, by: str, now: datetime) -> None:
        """System: switch it off; no error when it is off.

        Raises:
            Conflict: a cycle of any user is not settled.
        """
        ...

    def deployment(self) -> Lock | None:
        """System: the operator's switch."""
        ...

    def watched(self, day: date, now: datetime) -> Mapping[UUID, RiskStanding]:
        """System: every user with a lock of his own, or with open cycles, or, under the operator's lock, with
        orders on `day`."""
        ...


@dataclass(frozen=True, slots=True)
class BookSnapshot:
    """An account's whole book as it was kept at the end of a trading day."""

    user_id: UUID
    trading_day: date
    book: AccountBook


class Snapshots(Protocol):
    """The kept books: the broker's own vanish overnight."""

    def add(self, snapshot: BookSnapshot) -> None:
        """Keep a book; of two for one user and day the first stays."""
        ...

    def find(self, user_id: UUID, trading_day: date) -> BookSnapshot | None:
        """The user's kept book of that day, if any."""
        ...

    def missing(self, trading_day: date) -> Sequence[tuple[UUID, UUID]]:
        """System: every user with a cycle of that day and no kept book, with the id of one of the strategies."""
        ...


@dataclass(frozen=True, slots=True)
class Notice:
    """Something to tell a user, written together with the change it speaks of."""

    notice_id: int
    user_id: UUID
    strategy_id: UUID | None
    kind: str
    text: str
    created_at: datetime
    attempts: int = 0
    """How often its delivery was begun."""


class Outbox(Protocol):
    """Notices that were written with the changes they speak of, and have not arrived yet."""

    def waiting(self, now: datetime, limit: int) -> Sequence[UUID]:
        """System: users for whom a notice is due, whoever has waited longest first."""
        ...

    def claim(self, user_id: UUID, now: datetime, *, lease: timedelta) -> Notice | None:
        """The user's next notice, to be delivered by the caller alone until `lease` is over; None when there is
        none, when somebody else is delivering one, or when one that failed has not waited long enough
        (`domain.delivery.next_of`)."""
        ...

    def mark_delivered(self, notice: Notice, now: datetime) -> None:
        """This notice has reached its channel."""
        ...

    def mark_failed(self, notice: Notice, error: str, retry_at: datetime) -> None:
        """This notice has not reached its channel: try again from `retry_at` on."""
        ...

    def stuck(self, since: datetime) -> int:
        """System: how many notices that were written before `since` have not arrived."""
        ...


# --- Redis: the runtime copy ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LastPrice:
    """Latest traded price the watcher saw."""

    price: Decimal
    at: datetime


class Runtime(Protocol):
    """The runtime copy, keys as specified. Every method raises RedisDown when the store is away."""

    def lock(self, strategy_id: UUID, *, seconds: float) -> str:
        """Take `runtime:{id}:lock` and return the token that releases it. Raises LockBusy."""
        ...

    def unlock(self, strategy_id: UUID, token: str) -> None:
        """Release the lock if it is still this owner's."""
        ...

    def put_strategy(self, strategy: Strategy) -> None:
        """Write `strategy:{id}`; it stands in `symbol:{symbol}:strategies` while it runs."""
        ...

    def put_cycle(self, cycle: Cycle) -> None:
        """Write `runtime:{id}`."""
        ...

    def forget(self, strategy: Strategy) -> None:
        """Remove the strategy's keys."""
        ...

    def read_strategy(self, strategy_id: UUID) -> Mapping[str, str]:
        """`strategy:{id}` as stored; empty when missing."""
        ...

    def read_cycle(self, strategy_id: UUID) -> Mapping[str, str]:
        """`runtime:{id}` as stored; empty when missing."""
        ...

    def last_price(self, symbol: str) -> LastPrice | None:
        """`price:{symbol}`."""
        ...

    def last_prices(self, symbols: Collection[str]) -> Mapping[str, LastPrice]:
        """`price:{symbol}` of each that has one, in one round trip."""
        ...

    def announce(self, change: StopChange) -> None:
        """Append to the change stream that the watcher follows."""
        ...

    def reserve(
        self, account: str, wanted: datetime, windows: tuple[Window, ...], *, until: datetime, margin: timedelta
    ) -> datetime | None:
        """Take a place for one request to the broker in the first second, from that of `wanted` to that of
        `until`, in which every one of `windows` has one. Answers when the request may leave: at `wanted` when that
        is its second, else `margin` after the later second's start; None, and nothing taken, when there is none."""
        ...

    def book_hint(self, strategy_id: UUID, now: datetime, interval: timedelta) -> timedelta | None:
        """Ask for leave to give a hint about a strategy: how long to wait before giving it, so that two hints
        are never closer than `interval`; None when one that is still to be given comes late enough to
        cover this one."""
        ...

    def sight(self) -> Sight | None:
        """What the watchers reported of their sight; None when none ever did."""
        ...


# --- AWS ------------------------------------------------------------------------------------------


class Lane(StrEnum):
    """Which FIFO queue: exits and repairs never stand behind entries."""

    NORMAL = "normal"
    PRIORITY = "priority"


class OrderQueue(Protocol):
    """The two FIFO queues, message group = strategy id."""

    def send(self, command: OrderCommand, lane: Lane) -> None:
        """Hand over; a repeated `deduplication_id` within five minutes may be dropped by the queue."""
        ...


@dataclass(frozen=True, slots=True)
class Alarm:
    """One early alarm: fires every day at `hour`:`minute` Asia/Kolkata with `payload`."""

    name: str
    hour: int
    minute: int
    payload: ScheduleInput


class Schedules(Protocol):
    """EventBridge Scheduler, one group per environment."""

    def put(self, alarm: Alarm) -> None:
        """Create or fully replace."""
        ...

    def remove(self, name: str) -> None:
        """Delete; no error when there is none."""
        ...

    def names(self) -> frozenset[str]:
        """Every name that is scheduled in the group."""
        ...

    def find(self, name: str) -> Alarm | None:
        """What is scheduled under that name, for comparison (payload without its scheduled time)."""
        ...


class Vault(Protocol):
    """Envelope encryption under a KMS key, bound to one user."""

    def seal(self, user_id: UUID, secrets: Mapping[str, str]) -> dict[str, str]:
        """Encrypt each value under one fresh data key; names become part of what is authenticated."""
        ...

    def unseal(self, user_id: UUID, sealed: Mapping[str, str]) -> dict[str, str]:
        """Decrypt. Raises AccessDenied for another user's, renamed or altered envelopes."""
        ...


class Passwords(Protocol):
    """Password hashing."""

    def hash(self, password: str) -> str:
        """A salted hash for storing."""
        ...

    def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether they belong together; takes as long, and says no, when there is no hash."""
        ...


class Tokens(Protocol):
    """Our own signed bearer tokens. A token made for one `audience` is worth nothing for another."""

    def issue(self, user_id: UUID, *, audience: str, lifetime: timedelta) -> str:
        """A token that says who the user is."""
        ...

    def verify(self, token: str, *, audience: str) -> UUID:
        """Whose token it is. Raises TokenExpired or TokenInvalid."""
        ...


class Notifier(Protocol):
    """The channel that carries notices to people."""

    def publish(self, notice: Notice) -> None:
        """Deliver at least once."""
        ...


class Meter(Protocol):
    """Operational metrics."""

    def count(self, metric: str, value: int = 1) -> None:
        """Add to a counter."""
        ...

    def milliseconds(self, metric: str, value: float) -> None:
        """Record a duration."""
        ...


# --- brokers --------------------------------------------------------------------------------------


class PreparedOrder(Protocol):
    """An order ready to leave: everything done but the sending."""

    def send(self) -> Answer:
        """Send once. Never raises for what the broker or the network does: that is the answer."""
        ...


class Broker(Protocol):
    """One broker session of one trader. Reads raise BrokerAuthFailed or BrokerUnavailable; order
    commands never raise for what the broker or the network does, they answer."""

    @property
    def stop_obstacle(self) -> str | None:
        """Why this broker lets no stop order rest, in words for the trader; None: it does."""
        ...

    def warm(self) -> None:
        """Open the connection ahead of need; never raises."""
        ...

    def prepare_order(self, ticket: OrderTicket) -> PreparedOrder:
        """Build the order now, to be sent at its instant."""
        ...

    def place_order(self, ticket: OrderTicket) -> Answer:
        """Prepare and send."""
        ...

    def modify_order(
        self,
        broker_order_id: str,
        *,
        quantity: int | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
        order_type: str | None = None,
    ) -> Answer:
        """Ask for a change; the book tells whether it came to be."""
        ...

    def cancel_order(self, broker_order_id: str) -> Answer:
        """Ask for a cancel; the book tells whether it came to be."""
        ...

    def get_price(self, exchange: str, symbol: str) -> Decimal:
        """Last traded price."""
        ...

    def read_book(self, tags: frozenset[str]) -> BookReading:
        """The day's order rows that carry one of `tags`, with their trades."""
        ...

    def read_account(self) -> AccountBook:
        """The day's whole book of the account, orders of others included, with trades and net positions: each
        never older than what is read before it."""
        ...

    def order_history(self, broker_order_id: str) -> Sequence[OrderRow]:
        """Every state of one order, oldest first."""
        ...

    def trades(self) -> Sequence[Fill]:
        """The day's executions of the account."""
        ...

    def positions(self) -> Sequence[Holding]:
        """Net positions of the day."""
        ...

    def margins(self) -> Margins:
        """Funds."""
        ...

    def validate_credentials(self) -> BrokerProfile:
        """Who these credentials belong to. Raises BrokerAuthFailed when nobody."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class BrokerSession:
    """What a broker login yields."""

    access_token: str
    broker_user_id: str

    def __repr__(self) -> str:
        return f"BrokerSession({self.broker_user_id}, token hidden)"


class Brokers(Protocol):
    """Opens broker sessions, whatever the broker."""

    def connect(self, credentials: BrokerCredentials) -> Broker:
        """A session with these credentials; nothing is sent yet. Raises BrokerAuthFailed when there is no
        access token, or a credential that can be none of this broker's."""
        ...

    def login_url(self, broker: BrokerName, api_key: str, state: str) -> str:
        """Where the trader logs in; `state` comes back with the request token."""
        ...

    def exchange(self, credentials: BrokerCredentials, request_token: str) -> BrokerSession:
        """Turn a one-time request token into an access token. Raises BrokerAuthFailed."""
        ...

    def instruments(self) -> Sequence[Instrument]:
        """Today's instrument dump."""
        ...
