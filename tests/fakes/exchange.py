"""An exchange in memory, on any clock, whose treatment of the next orders a test can decide."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from algotrading.domain.accounts import BrokerCredentials, BrokerName
from algotrading.domain.errors import BrokerAuthFailed, BrokerTokenRefused
from algotrading.domain.instruments import Instrument
from algotrading.domain.orders import BrokerStatus, OrderTicket, OrderType, Refused, Side
from algotrading.ports import Clock


class Reply(StrEnum):
    """What the sender of a command hears."""

    ACCEPT = "accept"
    REFUSE = "refuse"
    LOSE = "lose"


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one command. Made by the functions below."""

    reply: Reply = Reply.ACCEPT
    is_done: bool = True
    """Whether the exchange carries the command out, whatever the sender hears."""
    parts: tuple[tuple[float, int], ...] | None = None
    """(seconds after, quantity) of each fill; None leaves it to the market."""
    rejection: str | None = None
    appears_after: float = 0.0
    refusal: Refused | None = None
    cancelled_after: float | None = None
    """Seconds after which the broker cancels what is left by itself."""


def trades() -> Fate:
    """As the market has it: a market order fills at once."""
    return Fate()


def fills(*parts: tuple[float, int], cancelled_after: float | None = None) -> Fate:
    """Accepted, then filled in these (seconds after, quantity) parts alone; what is left rests, or is cancelled by the
    broker so many seconds after."""
    return Fate(parts=parts, cancelled_after=cancelled_after)


def rests() -> Fate:
    """Accepted, then open without a fill."""
    return Fate(parts=())


def rejects(message: str = "Insufficient funds.") -> Fate:
    """Accepted, then REJECTED in the book."""
    return Fate(rejection=message)


def refuses(
    kind: str = "MARGIN",
    message: str = "No.",
    *,
    retryable: bool = True,
    is_auth: bool = False,
    throttled: bool = False,
) -> Fate:
    """Refused at the door; the book never shows it."""
    refusal = Refused(kind, message, retryable, {"response": {"message": message}}, is_auth, throttled)
    return Fate(Reply.REFUSE, is_done=False, refusal=refusal)


def throttles() -> Fate:
    """Turned away by the rate limit."""
    return refuses("RATE_LIMITED", "Too many requests", throttled=True)


def not_sent() -> Fate:
    """No connection."""
    return refuses("NOT_SENT", "connection refused", throttled=True)


def loses(*, placed: bool, then: Fate | None = None, appears_after: float = 0.0) -> Fate:
    """No answer. The order was placed (and `then` fares so, once it appears) or it was not."""
    return replace(then or trades(), reply=Reply.LOSE, is_done=placed, appears_after=appears_after)


@dataclass(frozen=True, slots=True)
class Execution:
    """One trade, perhaps still to come."""

    trade_id: str
    at: datetime
    quantity: int
    price: Decimal


@dataclass(slots=True)
class MemoryOrder:
    """One order of one account, with everything that happens to it in time."""

    order_id: str
    ticket: OrderTicket
    placed_at: datetime
    executions: list[Execution] = field(default_factory=list)
    cancelled_at: datetime | None = None
    rejection: str | None = None
    rejected_at: datetime | None = None
    """When that happened, of an order that stood in the book before."""
    is_scripted: bool = False
    """Whether a test decided its fills, not the market."""
    is_triggered: bool = False
    is_fired: bool = False
    """Of a stop order: whether it has begun to sell, as its trigger was reached or as it was asked to."""

    def filled(self, at: datetime) -> int:
        """Quantity executed by `at`."""
        return sum(execution.quantity for execution in self.executions if execution.at <= at)

    def changed_at(self, at: datetime) -> datetime:
        """When it was last placed, executed or cancelled, as seen at `at`, in whole seconds as a broker writes it."""
        later = [*(each.at for each in self.executions), *filter(None, (self.cancelled_at, self.rejected_at))]
        return max([self.placed_at, *(each for each in later if each <= at)]).replace(microsecond=0)

    def average_price(self, at: datetime) -> Decimal:
        """Of what was executed by `at`."""
        filled = self.filled(at)
        value = sum((e.price * e.quantity for e in self.executions if e.at <= at), Decimal(0))
        return value / filled if filled else Decimal(0)

    def status(self, at: datetime) -> BrokerStatus:
        """As the book shows it at `at`."""
        if self.rejection is not None and (self.rejected_at is None or self.rejected_at <= at):
            return BrokerStatus.REJECTED
        if self.filled(at) >= self.ticket.quantity:
            return BrokerStatus.COMPLETE
        if self.cancelled_at is not None and self.cancelled_at <= at:
            return BrokerStatus.CANCELLED
        is_waiting = self.ticket.trigger_price is not None and not self.is_triggered
        return BrokerStatus.WAITING if is_waiting else BrokerStatus.OPEN


@dataclass(slots=True)
class MemoryAccount:
    """One trader at the broker."""

    broker_user_id: str
    api_key: str
    api_secret: str
    cash: Decimal
    access_token: str | None = None
    orders: list[MemoryOrder] = field(default_factory=list)
    request_tokens: set[str] = field(default_factory=set)
    carried: dict[tuple[str, str, str], int] = field(default_factory=dict)
    """Held since another day, by exchange, symbol and product."""

    def spent(self, at: datetime) -> Decimal:
        """Net rupees that went into positions by `at`."""
        return sum(
            (
                execution.price * execution.quantity * (1 if order.ticket.side is Side.BUY else -1)
                for order in self.orders
                for execution in order.executions
                if execution.at <= at
            ),
            Decimal(0),
        )


class MemoryExchange:
    """Accounts, prices and orders. `plan` and `plan_cancels` decide the next commands' fates, one
    each, in order, and `plan_firings` those of the stop orders that begin to sell; without a plan
    everything goes well."""

    def __init__(self, clock: Clock, prices: Mapping[str, Decimal] | None = None) -> None:
        self.clock = clock
        self.prices = {f"NSE:{symbol}": price for symbol, price in (prices or {}).items()}
        self.instruments: tuple[Instrument, ...] = ()
        self.book_lag = 0.0
        self.position_lag = 0.0
        self.outward: dict[str, str] = {}
        """The address that requests come from, by the first proxy that they leave through; "" for none."""
        self.wiped_at: datetime | None = None
        """Since when the book and the positions of the days before are gone."""
        """How many seconds ago the state is that the book shows."""
        self.is_down = False
        """Whether nobody can reach the broker: reads fail, orders are not sent."""
        self.stop_obstacle: str | None = None
        """Why this broker lets no stop order rest, as `ports.Broker` says it."""
        self.received: list[OrderTicket] = []
        """Every order that was sent, whatever became of it."""
        self.answer_takes = 0.0
        """Seconds until a reading is answered; orders are not held up by it."""
        self._accounts: dict[str, MemoryAccount] = {}
        self._fates: deque[Fate] = deque()
        self._cancel_fates: deque[Fate] = deque()
        self._change_fates: deque[Fate] = deque()
        self._firing_fates: deque[Fate] = deque()
        self._numbers = itertools.count(1)

    # --- what a test arranges ----------------------------------------------------------------------

    def open_account(self, *, cash: Decimal = Decimal(1_000_000)) -> BrokerCredentials:
        """A new trader, logged in."""
        number = next(self._numbers)
        account = MemoryAccount(f"MEM{number:03d}", f"key{number:05d}", f"secret{number:05d}", cash)
        self._accounts[account.api_key] = account
        return self.log_in(account.api_key)

    def account_of(self, api_key: str) -> MemoryAccount:
        """The account under that key."""
        return self._accounts[api_key]

    def log_in(self, api_key: str) -> BrokerCredentials:
        """A living access token for the account."""
        account = self._accounts[api_key]
        account.access_token = f"token{next(self._numbers):05d}"
        return BrokerCredentials(BrokerName.KITE, api_key, account.api_secret, account.access_token)

    def log_out(self, api_key: str) -> None:
        """Let the account's access token die."""
        self._accounts[api_key].access_token = None

    def issue_request_token(self, api_key: str) -> str:
        """What the login page hands out, good for one exchange."""
        token = f"request{next(self._numbers):05d}"
        self._accounts[api_key].request_tokens.add(token)
        return token

    def plan(self, *fates: Fate) -> None:
        """Decide what becomes of the next orders."""
        self._fates.extend(fates)

    def plan_cancels(self, *fates: Fate) -> None:
        """Decide what becomes of the next cancels."""
        self._cancel_fates.extend(fates)

    def plan_changes(self, *fates: Fate) -> None:
        """Decide what becomes of the next changes."""
        self._change_fates.extend(fates)

    def plan_firings(self, *fates: Fate) -> None:
        """Decide how the next stop orders fare once they sell: `trades`, `fills`, `rests` or `rejects`."""
        self._firing_fates.extend(fates)

    def set_price(self, symbol: str, price: Decimal, exchange: str = "NSE") -> None:
        """Move the market; resting orders that can trade now do."""
        self.prices[f"{exchange}:{symbol}"] = price
        for order in self.all_orders():
            self._match(order)

    def all_orders(self) -> Iterator[MemoryOrder]:
        """Every order that exists, of every account."""
        return (order for account in self._accounts.values() for order in account.orders)

    # --- what brokers do ---------------------------------------------------------------------------

    def authenticate(self, api_key: str, access_token: str | None) -> MemoryAccount:
        """Raises BrokerTokenRefused for a dead or foreign token."""
        account = self._accounts.get(api_key)
        if account is None or access_token is None or account.access_token != access_token:
            raise BrokerTokenRefused("Incorrect `api_key` or `access_token`.")
        return account

    def exchange(self, api_key: str, api_secret: str, request_token: str) -> MemoryAccount:
        """Use up a request token. Raises BrokerAuthFailed."""
        account = self._accounts.get(api_key)
        if account is None or account.api_secret != api_secret or request_token not in account.request_tokens:
            raise BrokerAuthFailed("Token is invalid or has expired.")
        account.request_tokens.remove(request_token)
        self.log_in(api_key)
        return account

    def next_fate(self, _ticket: OrderTicket | None = None, *, is_cancel: bool = False) -> Fate:
        """The planned fate of the command that comes now."""
        fates = self._cancel_fates if is_cancel else self._fates
        return fates.popleft() if fates else trades()

    def next_change(self) -> Fate:
        """The planned fate of the change that comes now."""
        return self._change_fates.popleft() if self._change_fates else trades()

    def next_firing(self, _order: MemoryOrder) -> Fate:
        """The planned fate of the stop order that begins to sell now."""
        return self._firing_fates.popleft() if self._firing_fates else trades()

    def is_triggered(self, ticket: OrderTicket) -> bool:
        """Whether the market has already reached the order's trigger price: the broker refuses it then."""
        return ticket.trigger_price is not None and self._reaches(ticket, ticket.trigger_price)

    def place(self, account: MemoryAccount, ticket: OrderTicket, fate: Fate) -> MemoryOrder:
        """Take an order into the book."""
        placed_at = self.clock.now() + timedelta(seconds=fate.appears_after)
        order = MemoryOrder(f"{next(self._numbers):019d}", ticket, placed_at, rejection=fate.rejection)
        account.orders.append(order)
        self._opened(account, order)
        cost = self._cost_of(ticket)
        if order.rejection is None and cost and cost > account.cash - account.spent(self.clock.now()):
            order.rejection = "Insufficient funds."
        if order.rejection is None:
            self._script(order, fate, placed_at)
        self._match(order)
        return order

    def change(self, order: MemoryOrder, ticket: OrderTicket) -> None:
        """Replace the terms of a working order. What is left of one that sells already meets the market anew."""
        was_stop, order.ticket = order.ticket.trigger_price is not None, ticket
        if order.is_fired:
            self._drop_what_is_to_come(order)
            order.is_scripted = False
        if ticket.trigger_price is None and (was_stop or order.is_fired):
            order.is_fired = True
            self._script(order, self.next_firing(order), self.clock.now())
        self._match(order)

    def cancel(self, order: MemoryOrder) -> None:
        """Let what is not executed yet never be."""
        self._drop_what_is_to_come(order)
        order.cancelled_at = self.clock.now()

    def _drop_what_is_to_come(self, order: MemoryOrder) -> None:
        now = self.clock.now()
        order.cancelled_at = None
        order.executions = [execution for execution in order.executions if execution.at <= now]

    def _opened(self, account: MemoryAccount, order: MemoryOrder) -> None:
        """For subclasses: an order has come, and nothing has happened to it yet."""

    # --- matching ----------------------------------------------------------------------------------

    def _match(self, order: MemoryOrder) -> None:
        is_working = not order.status(self.clock.now()).is_terminal
        if order.is_scripted or not is_working or not self._can_trade(order):
            return
        if order.ticket.trigger_price is not None and not order.is_fired:
            order.is_fired = True
            self._script(order, self.next_firing(order), max(order.placed_at, self.clock.now()))
            if order.is_scripted or order.rejection is not None:
                return
        remaining = order.ticket.quantity - order.filled(max(order.placed_at, self.clock.now()))
        if remaining > 0:
            self._execute(order, remaining, max(order.placed_at, self.clock.now()))

    def _script(self, order: MemoryOrder, fate: Fate, at: datetime) -> None:
        """Take the market's place, where `fate` does not leave it to the market."""
        if fate.rejection is not None and order.rejection is None:
            order.rejection, order.rejected_at = fate.rejection, at
        elif fate.parts is not None:
            order.is_scripted = True
            for seconds, quantity in fate.parts:
                self._execute(order, quantity, at + timedelta(seconds=seconds))
            if fate.cancelled_after is not None:
                order.cancelled_at = at + timedelta(seconds=fate.cancelled_after)

    def _can_trade(self, order: MemoryOrder) -> bool:
        ticket, price = order.ticket, self._price_of(order.ticket)
        is_buy = ticket.side is Side.BUY
        if ticket.trigger_price is not None and not order.is_triggered:
            order.is_triggered = self._reaches(ticket, ticket.trigger_price)
            if not order.is_triggered:
                return False
        if ticket.order_type in {OrderType.MARKET, OrderType.SL_M} or ticket.price is None:
            return True
        return price <= ticket.price if is_buy else price >= ticket.price

    def _reaches(self, ticket: OrderTicket, trigger: Decimal) -> bool:
        price = self._price_of(ticket)
        return price >= trigger if ticket.side is Side.BUY else price <= trigger

    def _execute(self, order: MemoryOrder, quantity: int, at: datetime) -> None:
        quantity = min(quantity, order.ticket.quantity - sum(execution.quantity for execution in order.executions))
        if quantity <= 0:
            return
        trade_id = str(next(self._numbers))
        order.executions.append(Execution(trade_id, at, quantity, self._price_of(order.ticket)))

    def _price_of(self, ticket: OrderTicket) -> Decimal:
        return self.prices.get(f"{ticket.exchange}:{ticket.symbol}", Decimal(100))

    def _cost_of(self, ticket: OrderTicket) -> Decimal:
        return self._price_of(ticket) * ticket.quantity if ticket.side is Side.BUY else Decimal(0)
