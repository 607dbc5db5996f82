"""One trader's session with Kite."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from copy import copy
from datetime import datetime
from decimal import Decimal
from typing import Any

from algotrading.brokers.kite.answers import NOT_SENT, classify
from algotrading.brokers.kite.connection import ConnectFailed, Reply, ReplyLost, WireRequest
from algotrading.brokers.kite.line import Line
from algotrading.brokers.kite.official import RequestWriter
from algotrading.brokers.kite.reads import data_of, identity_of
from algotrading.brokers.kite.rows import (
    decimal_of,
    fields_in,
    fill_of,
    holding_of,
    margins_of,
    order_of,
    readable_orders,
    required_of,
    rows_in,
    tags_of,
    text_of,
)
from algotrading.brokers.kite.transcript import Transcript
from algotrading.domain.accounts import BrokerProfile, Margins
from algotrading.domain.errors import BrokerUnavailable
from algotrading.domain.orders import (
    AccountBook,
    Answer,
    BookReading,
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
from algotrading.ports import Clock

_log = logging.getLogger(__name__)

_VARIETY = "regular"
_VALIDITY = "DAY"
_AUTOMATIC_PROTECTION = -1
_PROTECTED = frozenset({OrderType.MARKET, OrderType.SL_M})
"""Refused without market protection since 2026-04-01 (Kite Connect documentation, orders)."""


_BUY_OPENS = 0.1
"""Seconds. Whether a buy may leave was asked just before (`domain.limits.LAST_LOOK`), and holds no longer than it takes
to send it: where its connection is gone and does not open at once, it is not sent, and asked for again."""


class PreparedKiteOrder:
    """An order command as bytes. They leave once: sending again is a programming error."""

    def __init__(
        self, request: WireRequest, line: Line, transcript: Transcript, open_seconds: float | None = None
    ) -> None:
        self._open_seconds = open_seconds
        self._request = request
        self._line = line
        self._transcript = transcript
        self._is_sent = False

    def send(self) -> Answer:
        """Send once and answer, whatever happens on the way.

        Raises:
            RuntimeError: it has been sent already.
        """
        if self._is_sent:
            raise RuntimeError("this order has been sent: prepare another one")
        self._is_sent = True
        try:
            reply = self._line.send(self._request, open_seconds=self._open_seconds)
        except ConnectFailed as failure:
            raw = self._transcript.of_failure(self._request, failure)
            return Refused(NOT_SENT, raw["error"], retryable=True, raw=raw, throttled=True)
        except ReplyLost as loss:
            raw = self._transcript.of_failure(self._request, loss)
            return Unknown(raw["error"], raw)
        return classify(self._request, reply, self._transcript)


class KiteBroker:
    """Implements `ports.Broker`. Call `warm` a second or two before an order is due: it replaces a
    connection that idled, so that at the instant there is nothing left to do but write."""

    def __init__(
        self, *, writer: RequestWriter, reads: Line, orders: Line, transcript: Transcript, clock: Clock
    ) -> None:
        self._writer = writer
        self._reads = reads
        self._orders = orders
        self._transcript = transcript
        self._clock = clock
        self._within: float | None = None
        """Seconds after which a reading is given up; None: after the line's own."""

    def hurried(self, seconds: float) -> KiteBroker:
        """The same session over the same lines."""
        other = copy(self)
        other._within = seconds
        return other

    # --- orders ------------------------------------------------------------------------------------

    @property
    def stop_obstacle(self) -> None:
        """None: Kite takes SL and SL-M orders (Kite Connect documentation, orders)."""
        return None

    def warm(self) -> None:
        """Open or renew the connection for the next order; never raises."""
        if failure := self._orders.warm():
            _log.warning("no connection to Kite yet: %s", failure)

    def prepare_order(self, ticket: OrderTicket) -> PreparedKiteOrder:
        """Write the order's bytes and open its connection."""
        prepared = self._command(
            lambda kite: kite.place_order(
                variety=_VARIETY,
                exchange=ticket.exchange,
                tradingsymbol=ticket.symbol,
                transaction_type=ticket.side.value,
                quantity=ticket.quantity,
                product=ticket.product.value,
                order_type=ticket.order_type.value,
                price=_plain(ticket.price),
                trigger_price=_plain(ticket.trigger_price),
                validity=_VALIDITY,
                market_protection=_protection(ticket.order_type),
                tag=ticket.tag,
            ),
            open_seconds=_BUY_OPENS if ticket.side is Side.BUY else None,
        )
        self.warm()
        return prepared

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
        """Ask for a change. A change to a market type needs protection as a new order does."""
        return self._command(
            lambda kite: kite.modify_order(
                variety=_VARIETY,
                order_id=broker_order_id,
                quantity=quantity,
                price=_plain(price),
                trigger_price=_plain(trigger_price),
                order_type=order_type,
                market_protection=None if order_type is None else _protection(OrderType(order_type)),
            )
        ).send()

    def cancel_order(self, broker_order_id: str) -> Answer:
        """Ask for a cancel."""
        return self._command(lambda kite: kite.cancel_order(variety=_VARIETY, order_id=broker_order_id)).send()

    # --- reads -------------------------------------------------------------------------------------

    def get_price(self, exchange: str, symbol: str) -> Decimal:
        """Last traded price. Kite leaves out what it does not know: then BrokerUnavailable."""
        name = f"{exchange}:{symbol}"
        prices = fields_in(self._read(lambda kite: kite.ltp(name), "prices"), "price map")
        if name not in prices:
            raise BrokerUnavailable(f"Kite has no price for {name}")
        price = decimal_of(fields_in(prices[name], "price"), "last_price")
        if price <= 0:
            raise BrokerUnavailable(f"Kite shows {name} at {price}")
        return price

    def read_book(self, tags: frozenset[str], since: datetime | None = None) -> BookReading:
        """Order rows first and, when one of them has a fill, trades: these are then never older."""
        begun_at = self._clock.now()
        book = rows_in(self._read(lambda kite: kite.orders(), "orders"), "orders")
        rows = tuple(order_of(row) for row in book if tags & tags_of(row))
        ids = {row.broker_order_id for row in rows if row.filled_quantity > 0}
        fills = self._trades_of(ids) if ids else ()
        others = tuple(readable_orders(row for row in book if not tags & tags_of(row)))
        return BookReading(begun_at, rows, fills, net_of_others(others, tags, since))

    def read_account(self) -> AccountBook:
        """Orders, then trades, then positions."""
        begun_at = self._clock.now()
        book = rows_in(self._read(lambda kite: kite.orders(), "orders"), "orders")
        return AccountBook(
            begun_at, tuple(order_of(row) for row in book), tuple(self.trades()), tuple(self.positions())
        )

    def order_history(self, broker_order_id: str) -> Sequence[OrderRow]:
        """Every state of one order, oldest first."""
        data = self._read(lambda kite: kite.order_history(broker_order_id), "an order's history")
        return tuple(order_of(row) for row in rows_in(data, "order history"))

    def trades(self) -> Sequence[Fill]:
        """The day's executions of the account."""
        return tuple(fill_of(row) for row in self._trade_rows())

    def positions(self) -> Sequence[Holding]:
        """Net positions; closed ones stay listed with quantity 0."""
        data = fields_in(self._read(lambda kite: kite.positions(), "positions"), "positions")
        return tuple(holding_of(row) for row in rows_in(data.get("net"), "net positions"))

    def margins(self) -> Margins:
        """Funds of the equity segment."""
        return margins_of(fields_in(self._read(lambda kite: kite.margins("equity"), "margins"), "margins"))

    def required_margin(self, ticket: OrderTicket) -> Decimal:
        """`total` of Kite's own calculation, POST /margins/orders, a JSON list of orders. It works out a market order
        at the last price, knows its own leverage for MIS, and considers positions and open orders (Kite Connect
        documentation, margins: order margins; the official client's `order_margins`)."""
        order = {
            "exchange": ticket.exchange,
            "tradingsymbol": ticket.symbol,
            "transaction_type": ticket.side.value,
            "variety": _VARIETY,
            "product": ticket.product.value,
            "order_type": ticket.order_type.value,
            "quantity": ticket.quantity,
            "price": float(ticket.price or 0),
            "trigger_price": float(ticket.trigger_price or 0),
        }
        rows = rows_in(self._read(lambda kite: kite.order_margins([order]), "an order's margin"), "order margins")
        if len(rows) != 1:
            raise BrokerUnavailable(f"Kite answers {len(rows)} margins about one order")
        required_of(rows[0], "total")
        return decimal_of(rows[0], "total")

    def validate_credentials(self) -> BrokerProfile:
        """Ask Kite for the profile behind the access token."""
        reply = self._fetch(lambda kite: kite.profile(), "the profile")
        profile = fields_in(identity_of(reply, "the profile"), "profile")
        return BrokerProfile(required_of(profile, "user_id"), text_of(profile, "user_name"))

    # --- how ---------------------------------------------------------------------------------------

    def _command(self, call: Callable[[Any], object], open_seconds: float | None = None) -> PreparedKiteOrder:
        return PreparedKiteOrder(self._writer.write(call), self._orders, self._transcript, open_seconds)

    def _trade_rows(self) -> Sequence[Any]:
        return rows_in(self._read(lambda kite: kite.trades(), "trades"), "trades")

    def _trades_of(self, order_ids: set[str]) -> tuple[Fill, ...]:
        return tuple(fill_of(row) for row in self._trade_rows() if text_of(row, "order_id") in order_ids)

    def _read(self, call: Callable[[Any], object], what: str) -> Any:
        return data_of(self._fetch(call, what), what)

    def _fetch(self, call: Callable[[Any], object], what: str) -> Reply:
        return fetch(self._reads, self._writer.write(call), self._transcript, what, within=self._within)


def fetch(line: Line, request: WireRequest, transcript: Transcript, what: str, *, within: float | None = None) -> Reply:
    """One read over `line`. Raises BrokerUnavailable when no whole answer comes, `within` so many seconds of each of
    opening a connection, where there is none, and answering."""
    try:
        return line.send(request, open_seconds=within, seconds=within)
    except (ConnectFailed, ReplyLost) as failure:
        raise BrokerUnavailable(transcript.clean(f"Kite did not answer about {what}: {failure}")) from failure


def _plain(price: Decimal | None) -> str | None:
    """Without exponent: a normalised Decimal may be 1E+2, which Kite does not read."""
    return None if price is None else format(price, "f")


def _protection(order_type: OrderType) -> int | None:
    return _AUTOMATIC_PROTECTION if order_type in _PROTECTED else None
