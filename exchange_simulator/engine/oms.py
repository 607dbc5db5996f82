"""Order management: accepts, changes and cancels orders, and leads a new order to the exchange."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from exchange_simulator.clock import Clock, Scheduler
from exchange_simulator.engine import orders as states
from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.engine.execution import Execution
from exchange_simulator.engine.ids import IdSource
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.matching import opposite
from exchange_simulator.engine.order_checks import check_request, check_stop, exchange_rejection
from exchange_simulator.engine.order_request import OrderRequest
from exchange_simulator.engine.orders import Order
from exchange_simulator.engine.protection import protect
from exchange_simulator.errors import input_error, margin_error, order_error
from exchange_simulator.money import rupees

MARKETS_CLOSED = "Markets are closed right now. Use GTT for placing long standing orders instead."
BEING_PROCESSED = "Order cannot be cancelled as it is being processed. Try later."


@dataclass(frozen=True, slots=True)
class Handling:
    """How one order is treated on its way: the defaults of the venue, or a fault that a test asked for."""

    delay_s: float = 0.001
    fill_at_most: int | None = None
    rest_s: float | None = None
    rejection: str | None = None
    at_api: bool = False


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where an order comes from when the broker itself makes it out of another; such an order is not checked again."""

    tags: tuple[str, ...] = ()
    parent: str | None = None
    variety: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    trusted: bool = False


class OrderManager:
    """The broker's order management in front of the exchange."""

    def __init__(
        self,
        *,
        clock: Clock,
        scheduler: Scheduler,
        ids: IdSource,
        execution: Execution,
        market_of: Callable[[Instrument], Market],
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._ids = ids
        self._execution = execution
        self._market_of = market_of
        self._waiting_for_open: list[tuple[Order, TradingAccount]] = []
        self.is_open = True

    def place(
        self,
        account: TradingAccount,
        request: OrderRequest,
        instrument: Instrument,
        *,
        handling: Handling,
        received_ns: int | None = None,
        lineage: Lineage = Lineage(),
    ) -> Order:
        """Accept an order; raises KiteError when the API refuses it, and then nothing is kept."""
        market = self._market_of(instrument)
        if not lineage.trusted:
            self.check(request, instrument)
        order = self._new_order(account, request, instrument, received_ns, lineage)
        if order.order_type == "MARKET":
            protect(order, market)
        short = account.shortfall(order) if (account.refuse_at_api or handling.at_api) else None
        if short is not None:
            raise margin_error(_insufficient(*short)[0])
        account.add(order)
        order.become(states.AMO_RECEIVED if request.variety == "amo" else states.PUT_RECEIVED, order.received_ns)
        if request.variety == "amo":
            self._waiting_for_open.append((order, account))
        else:
            self._scheduler.call_later(handling.delay_s, lambda: self._admit(order, account, handling))
        return order

    def check(self, request: OrderRequest, instrument: Instrument) -> None:
        """All checks that the API makes before it accepts an order."""
        check_request(request, instrument)
        if not self.is_open and request.variety != "amo":
            raise input_error(MARKETS_CLOSED)
        market = self._market_of(instrument)
        check_stop(request.order_type, request.side, request.trigger_price, request.price, market)
        if request.variety == "co":
            check_stop("SL-M", opposite(request.side), request.trigger_price, 0, market)

    def cancel(self, account: TradingAccount, order: Order, *, late_fill_s: float | None = None) -> None:
        """Cancel an open order; with `late_fill_s` the acknowledged cancel loses the race to a fill."""
        if not order.is_open:
            raise order_error(f"Order cannot be cancelled as it is already {order.status.lower()}.")
        if order.status in {states.PUT_RECEIVED, states.VALIDATION_PENDING, states.OPEN_PENDING}:
            raise order_error(BEING_PROCESSED)
        order.become(states.CANCEL_PENDING, self._clock.now_ns())
        if late_fill_s is not None:
            market = self._market_of(order.instrument)
            self._execution.withdraw(order)
            self._scheduler.call_later(late_fill_s, lambda: self._execution.force_fill(order, account, market))
        elif order.variety == "co" and order.parent_order_id is not None:
            self._exit_now(account, order)
        else:
            self._execution.finish(order, account, states.CANCELLED)

    def open_market(self) -> None:
        """Open the market and send the after-market orders to the exchange."""
        self.is_open = True
        waiting, self._waiting_for_open = self._waiting_for_open, []
        for order, account in waiting:
            if order.is_open:
                self._admit(order, account, Handling())

    def close_market(self) -> None:
        """Close the market: only after-market orders are accepted."""
        self.is_open = False

    def _new_order(
        self,
        account: TradingAccount,
        request: OrderRequest,
        instrument: Instrument,
        received_ns: int | None,
        lineage: Lineage,
    ) -> Order:
        return Order(
            order_id=self._ids.order_id(),
            user_id=account.user_id,
            instrument=instrument,
            variety=lineage.variety or request.variety,
            side=request.side,
            order_type=request.order_type,
            product=request.product,
            quantity=request.quantity,
            price=request.price if request.order_type in {"LIMIT", "SL"} else 0,
            trigger_price=request.trigger_price,
            validity=request.validity,
            received_ns=received_ns or self._clock.now_ns(),
            validity_ttl=request.validity_ttl,
            disclosed_quantity=request.disclosed_quantity,
            market_protection=request.market_protection or 0,
            auction_number=request.auction_number,
            tag=request.tag,
            system_tags=lineage.tags,
            parent_order_id=lineage.parent,
            meta=lineage.meta,
            guid=self._ids.guid(),
        )

    def _admit(self, order: Order, account: TradingAccount, handling: Handling) -> None:
        """Risk checks, registration at the exchange, then the book."""
        market = self._market_of(order.instrument)
        order.become(states.VALIDATION_PENDING, self._clock.now_ns())
        reason = self._refusal(order, account, market, handling)
        if reason is not None:
            self._execution.reject(order, account, *reason)
            return
        now = self._clock.now_ns()
        order.exchange_order_id = self._ids.exchange_order_id()
        order.exchange_ns = now
        order.become(states.OPEN_PENDING, now)
        if order.needs_trigger:
            self._execution.arm(order, account, market)
        else:
            self._execution.enter(order, account, market, handling.fill_at_most)
            if handling.fill_at_most is not None and handling.rest_s is not None:
                self._scheduler.call_later(handling.rest_s, lambda: self._execution.release(order, market))
        if order.validity == "TTL":
            self._scheduler.call_later(order.validity_ttl * 60, lambda: self._expire(order, account))

    def _refusal(
        self, order: Order, account: TradingAccount, market: Market, handling: Handling
    ) -> tuple[str, str] | None:
        if handling.rejection is not None:
            return handling.rejection, handling.rejection
        rejection = exchange_rejection(order.price, order.quantity, market)
        if rejection is not None:
            return rejection
        if account.lacks_shares(order):
            holding = "Insufficient stock holding. Check your holdings and the orderbook for open orders."
            return holding, f"RMS:Rule: Check holdings including BTST for entity account-{account.user_id}"
        short = account.shortfall(order)
        return _insufficient(*short, account.user_id) if short else None

    def _expire(self, order: Order, account: TradingAccount) -> None:
        if order.is_open and order.order_id in account.working:
            self._execution.finish(order, account, states.CANCELLED)

    def _exit_now(self, account: TradingAccount, order: Order) -> None:
        """Cancelling the second leg of a cover order exits the position at the market."""
        market = self._market_of(order.instrument)
        self._execution.withdraw(order)
        protect(order, market)
        self._execution.enter(order, account, market)


def with_quantity(request: OrderRequest, quantity: int) -> OrderRequest:
    """The same wish for another quantity."""
    return dataclasses.replace(request, quantity=quantity, disclosed_quantity=0)


def _insufficient(required: int, available: int, user_id: str = "") -> tuple[str, str]:
    need, have = f"{rupees(required):.2f}", f"{rupees(available):.2f}"
    return (
        f"Insufficient funds. Required margin is {need} but available margin is {have}. "
        "Check the orderbook for open orders.",
        f"RMS:Margin Exceeds,Required:{need}, Available:{have} for entity account-{user_id} "
        "across exchange across segment across product ",
    )
