"""Changing an order that is open or waiting for its trigger."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from exchange_simulator.clock import Clock
from exchange_simulator.engine import orders as states
from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.engine.execution import Execution
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.order_checks import check_prices, check_protection, check_stop, exchange_rejection
from exchange_simulator.engine.orders import Order
from exchange_simulator.engine.protection import protect
from exchange_simulator.errors import input_error, margin_error, order_error
from exchange_simulator.money import rupees

MAX_MODIFICATIONS = 25
_ALLOWED_TYPES = {
    "LIMIT": frozenset({"LIMIT", "MARKET"}),
    "SL": frozenset({"SL", "LIMIT", "MARKET"}),
    "SL-M": frozenset({"SL-M", "LIMIT", "MARKET"}),
}
_CHANGEABLE = frozenset({states.OPEN, states.TRIGGER_PENDING, states.AMO_RECEIVED})


@dataclass(frozen=True, slots=True)
class Change:
    """New values; None keeps the present one. Prices are paise."""

    quantity: int | None = None
    price: int | None = None
    order_type: str | None = None
    trigger_price: int | None = None
    validity: str | None = None
    disclosed_quantity: int | None = None
    market_protection: float | None = None


class Modifier:
    """Applies changes to open orders."""

    def __init__(self, clock: Clock, execution: Execution, market_of: Callable[[Instrument], Market]) -> None:
        self._clock = clock
        self._execution = execution
        self._market_of = market_of

    def modify(self, account: TradingAccount, order: Order, change: Change) -> None:
        """Change an order; raises KiteError and leaves it as it was when the change is not allowed."""
        if order.status not in _CHANGEABLE:
            raise order_error(f"Order cannot be modified as it is {order.status.lower()}.")
        if order.modifications >= MAX_MODIFICATIONS:
            raise order_error("Maximum allowed order modifications exceeded.")
        market = self._market_of(order.instrument)
        changed = self._changed(order, change, market)
        self._check_funds(account, order, changed)
        resting = order.status
        now = self._clock.now_ns()
        for status in (states.MODIFY_VALIDATION_PENDING, states.MODIFY_PENDING):
            order.become(status, now)
        _copy_terms(order, changed)
        order.modified = True
        order.modifications += 1
        order.become(states.MODIFIED, now)
        self._execution.notify(order, "UPDATE")
        self._return(order, account, market, resting)

    def _return(self, order: Order, account: TradingAccount, market: Market, resting: str) -> None:
        """Put the changed order where it belongs; it queues behind the orders already at its price."""
        if resting == states.AMO_RECEIVED:
            order.become(resting, self._clock.now_ns())
            return
        self._execution.withdraw(order)
        if order.needs_trigger:
            self._execution.arm(order, account, market)
        else:
            self._execution.enter(order, account, market)

    def _changed(self, order: Order, change: Change, market: Market) -> Order:
        order_type = change.order_type or order.order_type
        if order_type not in _ALLOWED_TYPES[order.order_type]:
            raise input_error(f"Order type cannot be modified from {order.order_type} to {order_type}.")
        changed = replace(
            order,
            order_type=order_type,
            quantity=order.quantity if change.quantity is None else change.quantity,
            price=order.price if change.price is None else change.price,
            trigger_price=order.trigger_price if change.trigger_price is None else change.trigger_price,
            validity=change.validity or order.validity,
            disclosed_quantity=change.disclosed_quantity or order.disclosed_quantity,
            market_protection=change.market_protection or order.market_protection,
            history=[],
        )
        if order_type == "MARKET":
            check_protection(order_type, changed.market_protection)
            protect(changed, market)
        self._check_terms(order, changed, market)
        return changed

    @staticmethod
    def _check_terms(order: Order, changed: Order, market: Market) -> None:
        instrument = order.instrument
        if changed.quantity <= order.filled or changed.quantity % instrument.lot:
            raise input_error("Quantity should exceed what is filled, in multiples of the lot size.")
        check_prices(changed.order_type, changed.price, changed.trigger_price, instrument)
        check_stop(changed.order_type, changed.side, changed.trigger_price, changed.price, market)
        refusal = exchange_rejection(changed.price, changed.quantity, market)
        if refusal is not None:
            raise order_error(refusal[0])

    @staticmethod
    def _check_funds(account: TradingAccount, order: Order, changed: Order) -> None:
        before = account.available()
        working = {**account.working, order.order_id: changed}
        trial = replace(account, working=working)
        required = before - trial.available()
        if required > max(before, 0):
            raise margin_error(
                f"Insufficient funds. Required margin is {rupees(required):.2f} "
                f"but available margin is {rupees(before):.2f}. Check the orderbook for open orders."
            )
        if trial.lacks_shares(changed):
            raise order_error("Insufficient stock holding. Check your holdings and the orderbook for open orders.")


def _copy_terms(order: Order, changed: Order) -> None:
    order.order_type = changed.order_type
    order.quantity = changed.quantity
    order.price = changed.price
    order.trigger_price = changed.trigger_price
    order.validity = changed.validity
    order.disclosed_quantity = changed.disclosed_quantity
    order.market_protection = changed.market_protection
    order.system_tags = changed.system_tags
