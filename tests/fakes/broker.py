"""ports.Broker and ports.Brokers in memory: sessions at a `MemoryExchange`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from algotrading.domain.accounts import BrokerCredentials, BrokerName, BrokerProfile, Margins
from algotrading.domain.errors import BrokerAuthFailed, BrokerUnavailable
from algotrading.domain.instruments import Instrument
from algotrading.domain.orders import (
    Accepted,
    AccountBook,
    Answer,
    BookReading,
    BrokerStatus,
    Fill,
    Holding,
    OrderRow,
    OrderTicket,
    OrderType,
    Refused,
    Side,
    Unknown,
    net_of_others,
)
from algotrading.ports import BrokerSession
from tests.fakes.exchange import Fate, MemoryAccount, MemoryExchange, MemoryOrder, Reply

READ_SECONDS = 5.0
"""As the real one's (`brokers.kite.line.Limits`)."""


class MemoryPreparedOrder:
    """An order ready to leave, once."""

    def __init__(self, send: Callable[[], Answer]) -> None:
        self._send = send
        self._is_sent = False

    def send(self) -> Answer:
        """Send once."""
        if self._is_sent:
            raise RuntimeError("this order has been sent: prepare another one")
        self._is_sent = True
        return self._send()


class MemoryBroker:
    """One trader's session."""

    def __init__(
        self,
        exchange: MemoryExchange,
        credentials: BrokerCredentials,
        proxies: tuple[str, ...] = (),
        *,
        within: float = READ_SECONDS,
    ) -> None:
        self._exchange = exchange
        self.proxies = proxies
        self.within = within
        """Seconds that a reading waits for its answer."""
        self._credentials = credentials
        self.warmed = 0
        """How often the connection was opened ahead of need."""

    # --- orders ------------------------------------------------------------------------------------

    @property
    def stop_obstacle(self) -> str | None:
        """What the test's exchange says."""
        return self._exchange.stop_obstacle

    def warm(self) -> None:
        """Count."""
        self.warmed += 1

    def prepare_order(self, ticket: OrderTicket) -> MemoryPreparedOrder:
        """Keep the ticket until it is sent."""
        return MemoryPreparedOrder(lambda: self._place(ticket))

    def place_order(self, ticket: OrderTicket) -> Answer:
        """Prepare and send."""
        return self.prepare_order(ticket).send()

    def modify_order(
        self,
        broker_order_id: str,
        *,
        quantity: int | None = None,
        price: Decimal | None = None,
        trigger_price: Decimal | None = None,
        order_type: str | None = None,
    ) -> Answer:
        """Change a working order."""
        changes: dict[str, Any] = {"quantity": quantity, "price": price, "trigger_price": trigger_price}
        changes["order_type"] = None if order_type is None else OrderType(order_type)
        given = {name: value for name, value in changes.items() if value is not None}
        if order_type == OrderType.MARKET:
            given["trigger_price"] = None

        def change(order: MemoryOrder) -> None:
            self._exchange.change(order, replace(order.ticket, **given))

        return self._command(broker_order_id, self._exchange.next_change, change)

    def cancel_order(self, broker_order_id: str) -> Answer:
        """Cancel a working order."""
        return self._command(broker_order_id, lambda: self._exchange.next_fate(is_cancel=True), self._exchange.cancel)

    def _place(self, ticket: OrderTicket) -> Answer:
        self._exchange.received.append(ticket)
        try:
            account = self._account()
        except BrokerUnavailable as fault:
            return Refused("NOT_SENT", fault.message, retryable=True, raw={"error": fault.message}, throttled=True)
        except BrokerAuthFailed as fault:
            return _token_refused(fault)
        if self._exchange.is_triggered(ticket):
            message = "Trigger price for stoploss sell orders should be lower than the last traded price."
            return Refused("INPUT", message, retryable=False, raw={"response": {"message": message}})
        fate = self._exchange.next_fate(ticket)
        if fate.refusal is not None:
            return fate.refusal
        order = self._exchange.place(account, ticket, fate) if fate.is_done else None
        if fate.reply is Reply.LOSE or order is None:
            return _lost()
        return _accepted(order)

    def _command(self, broker_order_id: str, draw: Callable[[], Fate], act: Callable[[MemoryOrder], None]) -> Answer:
        try:
            account = self._account()
        except BrokerUnavailable as fault:
            return Refused("NOT_SENT", fault.message, retryable=True, raw={"error": fault.message}, throttled=True)
        except BrokerAuthFailed as fault:
            return _token_refused(fault)
        fate = draw()
        if fate.refusal is not None:
            return fate.refusal
        order = next((order for order in account.orders if order.order_id == broker_order_id), None)
        if order is None or order.status(self._exchange.clock.now()).is_terminal:
            return Refused("ORDER", "There is no such open order.", retryable=True, raw={"order_id": broker_order_id})
        if fate.is_done:
            act(order)
        return _lost() if fate.reply is Reply.LOSE else _accepted(order)

    # --- reads -------------------------------------------------------------------------------------

    def hurried(self, seconds: float) -> MemoryBroker:
        """The same session for readings that do not wait as long."""
        return MemoryBroker(self._exchange, self._credentials, self.proxies, within=min(seconds, self.within))

    def _wait_for_answer(self) -> None:
        takes = self._exchange.answer_takes
        if takes:
            self._exchange.clock.sleep(min(takes, self.within))
        if takes > self.within:
            raise BrokerUnavailable(f"no answer within {self.within} s")

    def get_price(self, exchange: str, symbol: str) -> Decimal:
        """Last traded price."""
        self._wait_for_answer()
        self._account()
        price = self._exchange.prices.get(f"{exchange}:{symbol}")
        if price is None:
            raise BrokerUnavailable(f"there is no price for {exchange}:{symbol}")
        return price

    def read_book(self, tags: frozenset[str], since: datetime | None = None) -> BookReading:
        """What the book shows, `book_lag` seconds late."""
        self._wait_for_answer()
        begun_at, at = self._exchange.clock.now(), self._seen_at()
        orders = [order for order in self._visible(at) if order.ticket.tag in tags]
        rows = tuple(_row_of(order, at) for order in orders)
        fills = tuple(fill for order in orders for fill in _fills_of(order, at))
        return BookReading(begun_at, rows, fills, self._others(tags, at, since))

    def _others(self, tags: frozenset[str], at: datetime, since: datetime | None) -> Mapping[str, int]:
        others = [_row_of(order, at) for order in self._visible(at) if order.ticket.tag not in tags]
        return net_of_others(others, tags, since)

    def read_account(self) -> AccountBook:
        """Everything of the account, `book_lag` seconds late."""
        self._wait_for_answer()
        begun_at, at = self._exchange.clock.now(), self._seen_at()
        rows = tuple(_row_of(order, at) for order in self._visible(at))
        return AccountBook(begun_at, rows, tuple(self.trades()), tuple(self.positions()))

    def order_history(self, broker_order_id: str) -> Sequence[OrderRow]:
        """As it was when placed, and as it is."""
        at = self._seen_at()
        order = next((order for order in self._visible(at) if order.order_id == broker_order_id), None)
        if order is None:
            raise BrokerUnavailable(f"there is no order {broker_order_id}")
        return (_row_of(order, order.placed_at - timedelta.resolution), _row_of(order, at))

    def trades(self) -> Sequence[Fill]:
        """Every execution of the account."""
        at = self._seen_at()
        return tuple(fill for order in self._visible(at) for fill in _fills_of(order, at))

    def positions(self) -> Sequence[Holding]:
        """Net quantities, closed ones included, `position_lag` seconds later still than the book."""
        self._wait_for_answer()
        at = self._seen_at() - timedelta(seconds=self._exchange.position_lag)
        net = dict(self._account().carried)
        for order in self._visible(at):
            ticket = order.ticket
            key = (ticket.exchange, ticket.symbol, ticket.product.value)
            signed = order.filled(at) if ticket.side is Side.BUY else -order.filled(at)
            net[key] = net.get(key, 0) + signed
        prices = self._exchange.prices
        return tuple(
            Holding(exchange, symbol, product, quantity, Decimal(0), prices.get(f"{exchange}:{symbol}", Decimal(100)))
            for (exchange, symbol, product), quantity in net.items()
        )

    def margins(self) -> Margins:
        """Cash, less what went into positions."""
        self._wait_for_answer()
        account = self._account()
        spent = account.spent(self._exchange.clock.now())
        return Margins(account.cash - spent, account.cash, spent)

    def required_margin(self, ticket: OrderTicket) -> Decimal:
        """The whole value, of what does not only close a position: this exchange lends nothing."""
        price = ticket.price or self.get_price(ticket.exchange, ticket.symbol)
        key = (ticket.exchange, ticket.symbol, ticket.product)
        held = sum(each.quantity for each in self.positions() if (each.exchange, each.symbol, each.product) == key)
        closes = min(ticket.quantity, max(-held if ticket.side is Side.BUY else held, 0))
        return (ticket.quantity - closes) * price

    def validate_credentials(self) -> BrokerProfile:
        """Who this is."""
        account = self._account()
        return BrokerProfile(account.broker_user_id, f"Trader {account.broker_user_id}")

    def _account(self) -> MemoryAccount:
        if self._exchange.is_down:
            raise BrokerUnavailable("nobody answers")
        return self._exchange.authenticate(self._credentials.api_key, self._credentials.access_token)

    def _seen_at(self) -> datetime:
        return self._exchange.clock.now() - timedelta(seconds=self._exchange.book_lag)

    def _visible(self, at: datetime) -> list[MemoryOrder]:
        wiped_at = self._exchange.wiped_at
        orders = [order for order in self._account().orders if order.placed_at <= at]
        return orders if wiped_at is None else [order for order in orders if order.placed_at >= wiped_at]


class MemoryBrokers:
    """Opens sessions at one exchange."""

    def __init__(self, exchange: MemoryExchange) -> None:
        self._exchange = exchange

    def connect(self, credentials: BrokerCredentials, proxies: Sequence[str] = ()) -> MemoryBroker:
        """A session. Raises BrokerAuthFailed without an access token."""
        if credentials.access_token is None:
            raise BrokerAuthFailed("log in first: there is no access token")
        return MemoryBroker(self._exchange, credentials, tuple(proxies))

    def outward_address(self, proxies: Sequence[str]) -> str:
        """What the test says for the first proxy, or for none."""
        address = self._exchange.outward.get(proxies[0] if proxies else "")
        if address is None:
            raise BrokerUnavailable("nobody can say where orders come from")
        return address

    def login_url(self, broker: BrokerName, api_key: str, state: str) -> str:
        """A page that exists nowhere."""
        redirect = quote(urlencode({"state": state}), safe="")
        return f"https://{broker.value}.example/login?api_key={api_key}&v=3&redirect_params={redirect}"

    def exchange(self, credentials: BrokerCredentials, request_token: str) -> BrokerSession:
        """Use up a request token."""
        account = self._exchange.exchange(credentials.api_key, credentials.api_secret, request_token)
        assert account.access_token is not None
        return BrokerSession(account.access_token, account.broker_user_id)

    def instruments(self) -> Sequence[Instrument]:
        """What the test listed."""
        if not self._exchange.instruments:
            raise BrokerUnavailable("there is no instrument dump")
        return self._exchange.instruments


_STATUS_TEXTS = {BrokerStatus.WAITING: "TRIGGER PENDING", BrokerStatus.WORKING: "PUT ORDER REQ RECEIVED"}


def _accepted(order: MemoryOrder) -> Accepted:
    return Accepted(order.order_id, {"response": {"order_id": order.order_id}})


def _lost() -> Unknown:
    return Unknown("the answer was lost", {"error": "the answer was lost"})


def _token_refused(fault: BrokerAuthFailed) -> Refused:
    return Refused("TOKEN", fault.message, retryable=False, raw={"response": fault.message}, is_auth=True)


def _row_of(order: MemoryOrder, at: datetime) -> OrderRow:
    ticket, status = order.ticket, order.status(at)
    return OrderRow(
        broker_order_id=order.order_id,
        tags=frozenset({ticket.tag}),
        exchange=ticket.exchange,
        symbol=ticket.symbol,
        side=ticket.side,
        product=ticket.product.value,
        quantity=ticket.quantity,
        filled_quantity=order.filled(at),
        average_price=order.average_price(at),
        status=status,
        status_text=_STATUS_TEXTS.get(status, status.value),
        message=order.rejection,
        raw={"order_id": order.order_id, "status": status.value, "tag": ticket.tag},
        changed_at=order.changed_at(at),
    )


def _fills_of(order: MemoryOrder, at: datetime) -> tuple[Fill, ...]:
    return tuple(
        Fill(each.trade_id, order.order_id, order.ticket.exchange, each.quantity, each.price, each.at)
        for each in order.executions
        if each.at <= at
    )
