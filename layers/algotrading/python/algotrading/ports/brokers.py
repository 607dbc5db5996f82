"""Brokers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from algotrading.domain.accounts import (
    BrokerCredentials,
    BrokerName,
    BrokerProfile,
    Margins,
)
from algotrading.domain.instruments import Instrument
from algotrading.domain.orders import AccountBook, Answer, BookReading, Fill, Holding, OrderRow, OrderTicket


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

    def hurried(self, seconds: float) -> Broker:
        """The same session, whose readings are given up after so many seconds: BrokerUnavailable."""
        ...

    def get_price(self, exchange: str, symbol: str) -> Decimal:
        """Last traded price."""
        ...

    def read_book(self, tags: frozenset[str], since: datetime | None = None) -> BookReading:
        """The day's order rows that carry one of `tags`, with their trades. Of the other orders those count that
        were not over before `since`."""
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

    def required_margin(self, ticket: OrderTicket) -> Decimal:
        """What the broker would block for this order if it was placed now, rupees, at the last price where it has no
        limit, with what the account holds and has ordered taken into account. Nothing is placed."""
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

    def connect(self, credentials: BrokerCredentials, proxies: Sequence[str] = ()) -> Broker:
        """A session with these credentials; nothing is sent yet. Its orders leave through the first of `proxies`
        (`host:port`) that can be reached. Raises BrokerAuthFailed when there is no access token, or a credential that
        can be none of this broker's."""
        ...

    def outward_address(self, proxies: Sequence[str]) -> str:
        """The address that an order would come from if it left now through `proxies`. Raises BrokerUnavailable when
        nobody can say."""
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
