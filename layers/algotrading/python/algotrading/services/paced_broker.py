"""A broker session that keeps to what the broker takes of its account.

Every request takes a place in the shared store before it leaves, since many workers serve strategies of one account,
and two of our users may have connected the same one. Requests that find their second full wait for a later one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from algotrading.domain.accounts import BrokerProfile, Margins, SealedBrokerAccount
from algotrading.domain.egress import EgressRoute
from algotrading.domain.errors import BrokerAuthFailed, BrokerBusy, BrokerTokenRefused, BrokerUnavailable, RedisDown
from algotrading.domain.orders import (
    Accepted,
    AccountBook,
    Answer,
    BookReading,
    Fill,
    Holding,
    OrderRow,
    OrderTicket,
    Refused,
    Unknown,
)
from algotrading.domain.rates import RateLimits, Request
from algotrading.ports import Broker, Clock, Meter, PreparedOrder, Runtime
from algotrading.services.broker_line import BrokerLine

logger = logging.getLogger(__name__)

_Told = TypeVar("_Told")
_PATIENCE = {
    Request.EXIT: timedelta(seconds=2),
    Request.POSITION: timedelta(seconds=2),
    Request.URGENT_LOOK: timedelta(seconds=5),
    Request.LOOK: timedelta(seconds=8),
    Request.GLANCE: timedelta(seconds=8),
    Request.FORESIGHT: timedelta(seconds=5),
    Request.PRICE: timedelta(0),
}
"""How long each kind of request waits for its place. A command that gave up is asked for again while the book shows
that it is needed; a reading that gave up counts as one that failed."""


@dataclass(frozen=True, slots=True)
class Pacing:
    """Where places are taken; one per process."""

    runtime: Runtime
    clock: Clock
    meter: Meter
    limits: RateLimits = RateLimits()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class CountedOrder:
    """An order ready to leave; whether the broker answered is counted when it has, and what it says of the login."""

    order: PreparedOrder
    meter: Meter
    line: BrokerLine
    token_at: datetime | None
    """Of the login that it was prepared with."""

    def send(self) -> Answer:
        """See ports.PreparedOrder. Not sent twice: its sender has to look around before that, and sees by the session's
        `token_at` that its owner has logged in again."""
        answer = self.order.send()
        _note_answer(answer, self.meter, self.line, self.token_at)
        return answer


@dataclass(frozen=True, slots=True)
class PacedBroker:
    """Implements `ports.Broker` around another session. `account` names the broker's account, whoever of our users
    connected it. Placing an order takes no place by itself: its sender does, ahead of its instant (`reserve`)."""

    line: BrokerLine
    """Shared by all that follow from this session."""
    account: str
    pacing: Pacing
    look: Request = Request.URGENT_LOOK
    patience: timedelta | None = None
    """How long readings wait for their place, where that is less than is usual for their kind."""
    egress: EgressRoute | None = None
    """Where its orders leave from."""
    hurry: float | None = None
    """See `hurried`."""

    @property
    def session(self) -> Broker:
        """The broker's session by the newest login that is known."""
        session = self.line.session
        return session if self.hurry is None else session.hurried(self.hurry)

    @property
    def token_at(self) -> datetime | None:
        """When the access token that it speaks with was made."""
        return self.line.token_at

    @property
    def is_refused(self) -> bool:
        """Whether the broker refuses that token, by what was heard last."""
        return self.line.token.is_refused

    def know(self, account: SealedBrokerAccount) -> None:
        """The connection was read again: somebody else may have heard what the broker says of the same token."""
        self.line.token.account = account

    def yielding(self) -> PacedBroker:
        """The same session for somebody who looks after an entry, and lets exits go first."""
        return replace(self, look=Request.LOOK)

    def glancing(self, patience: timedelta) -> PacedBroker:
        """The same session for somebody whom nothing troubles: what cannot be read soon is not read, since an
        exit of the same strategy may be waiting behind."""
        return replace(self, look=Request.LOOK, patience=patience)

    def hurried(self, seconds: float) -> PacedBroker:
        """See ports.Broker. The wait for a place comes before that."""
        return replace(self, hurry=seconds)

    def reserve(self, request: Request, wanted: datetime, until: datetime) -> datetime | None:
        """Take a place, and say when the request may leave: `wanted`, or a later second's start, or None when there
        is no place until `until`. Raises RedisDown."""
        limits = self.pacing.limits
        windows = limits.windows[request]
        place = self.pacing.runtime.reserve(self.account, wanted, windows, until=until, margin=limits.margin)
        if place != wanted and request is not Request.PRICE:  # a price is asked for where there is room, or not at all
            self.pacing.meter.count("BrokerQueued")
        return place

    # --- orders -----------------------------------------------------------------------------------

    @property
    def stop_obstacle(self) -> str | None:
        """See ports.Broker."""
        return self.session.stop_obstacle

    def warm(self) -> None:
        """See ports.Broker."""
        self.session.warm()

    def prepare_order(self, ticket: OrderTicket) -> PreparedOrder:
        """See ports.Broker."""
        return CountedOrder(self.session.prepare_order(ticket), self.pacing.meter, self.line, self.token_at)

    def place_order(self, ticket: OrderTicket) -> Answer:
        """See ports.Broker; takes the place of an exit."""
        return self._command(lambda session: session.place_order(ticket))

    def modify_order(
        self,
        broker_order_id: str,
        *,
        quantity: int | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
        order_type: str | None = None,
    ) -> Answer:
        """See ports.Broker."""
        return self._command(
            lambda session: session.modify_order(
                broker_order_id, quantity=quantity, price=price, trigger_price=trigger_price, order_type=order_type
            )
        )

    def cancel_order(self, broker_order_id: str) -> Answer:
        """See ports.Broker."""
        return self._command(lambda session: session.cancel_order(broker_order_id))

    # --- reads ------------------------------------------------------------------------------------

    def get_price(self, exchange: str, symbol: str) -> Decimal:
        """See ports.Broker. Does not wait."""
        return self._ask(Request.PRICE, "prices", lambda session: session.get_price(exchange, symbol))

    def read_book(self, tags: frozenset[str], since: datetime | None = None) -> BookReading:
        """See ports.Broker."""
        return self._ask(self.look, "the order book", lambda session: session.read_book(tags, since))

    def read_account(self) -> AccountBook:
        """See ports.Broker."""
        self._take_turn(self.look, "the order book")
        return self._ask(Request.POSITION, "positions", lambda session: session.read_account())

    def order_history(self, broker_order_id: str) -> Sequence[OrderRow]:
        """See ports.Broker."""
        return self._ask(self.look, "an order's history", lambda session: session.order_history(broker_order_id))

    def trades(self) -> Sequence[Fill]:
        """See ports.Broker."""
        return self._ask(self.look, "trades", lambda session: session.trades())

    def positions(self) -> Sequence[Holding]:
        """See ports.Broker."""
        request = Request.POSITION if self.look is Request.URGENT_LOOK else Request.GLANCE
        return self._ask(request, "positions", lambda session: session.positions())

    def margins(self) -> Margins:
        """See ports.Broker."""
        return self._ask(self.look, "margins", lambda session: session.margins())

    def required_margin(self, ticket: OrderTicket) -> Decimal:
        """See ports.Broker."""
        return self._ask(Request.FORESIGHT, "an order's margin", lambda session: session.required_margin(ticket))

    def available_margin(self) -> Decimal:
        """The same account's `margins().net`, for whoever looks ahead of an entry and lets everybody go first."""
        return self._ask(Request.FORESIGHT, "margins", lambda session: session.margins()).net

    def validate_credentials(self) -> BrokerProfile:
        """See ports.Broker."""
        return self._ask(self.look, "the profile", lambda session: session.validate_credentials())

    # --- how --------------------------------------------------------------------------------------

    def _command(self, send: Callable[[Broker], Answer]) -> Answer:
        """What the broker answers to a command; asked again where its owner has logged in since, for a login that is
        refused says that nothing was done."""
        if not self._wait(Request.EXIT):
            return _held_back()
        token_at, answer = self.token_at, send(self.session)
        if _note_answer(answer, self.pacing.meter, self.line, token_at):
            return self._command(send)
        return answer

    def _ask(self, request: Request, what: str, read: Callable[[Broker], _Told]) -> _Told:
        """What the session answers to a reading; whether it does is counted, and what it says of the login noted.
        Where its owner has logged in since, it is asked again, which ends: each time there was a newer login."""
        self._take_turn(request, what)
        token_at = self.token_at
        try:
            told = read(self.session)
        except BrokerUnavailable:
            self.pacing.meter.count("BrokerFaults")
            raise
        except BrokerAuthFailed as fault:
            self.pacing.meter.count("BrokerFaults", 0)
            if isinstance(fault, BrokerTokenRefused) and self.line.hear_refusal(token_at):
                return self._ask(request, what, read)
            raise
        self.pacing.meter.count("BrokerFaults", 0)
        self.line.token.hear(is_refused=False)
        return told

    def _take_turn(self, request: Request, what: str) -> None:
        if not self._wait(request):
            raise BrokerBusy(f"not asked for {what}: too many requests of this account wait already")

    def _wait(self, request: Request) -> bool:
        """Wait for a place; whether there is one. Without the store nothing is held back: the broker counts too. Only
        who looks ahead then leaves the places, which nobody counts, to those who trade."""
        clock = self.pacing.clock
        now = clock.now()
        patience = _PATIENCE[request] if self.patience is None else min(self.patience, _PATIENCE[request])
        try:
            place = self.reserve(request, now, now + patience)
        except RedisDown:
            if request is Request.FORESIGHT:
                return False
            self.pacing.meter.count("UnbookedRequests")
            return True
        if place is None:
            logger.info("no place for a request (%s) of %s", request, self.account)
            return False
        clock.sleep_until(place)
        return True


def _note_answer(answer: Answer, meter: Meter, line: BrokerLine, token_at: datetime | None) -> bool:
    """A refusal is an answer; one before anybody looked at the order (too many requests, no connection) is none. Of the
    login, made at `token_at`, speak the refusal that is about it, and an order that was taken. Answers whether what
    was refused for its login can be asked again with a newer one."""
    is_fault = isinstance(answer, Unknown) or (isinstance(answer, Refused) and answer.throttled)
    meter.count("BrokerFaults", int(is_fault))
    if isinstance(answer, Accepted):
        line.token.hear(is_refused=False)
    return isinstance(answer, Refused) and answer.is_auth and line.hear_refusal(token_at)


def _held_back() -> Answer:
    message = "not sent: the broker takes no more requests of this account just now"
    return Refused("RATE_LIMITED", message, retryable=True, raw={"held_back": message}, throttled=True)
