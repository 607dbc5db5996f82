"""Keeps every good-till-triggered order and sends its leg when the price reaches it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from exchange_simulator.clock import Clock
from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.engine.gtt import ACTIVE, DELETED, TRIGGERED, Gtt, GttLeg, GttTerms
from exchange_simulator.engine.ids import IdSource
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.oms import Handling, OrderManager
from exchange_simulator.engine.order_checks import check_prices
from exchange_simulator.engine.order_request import OrderRequest
from exchange_simulator.errors import KiteError, input_error


class GttDesk:
    """The broker's GTT service."""

    def __init__(
        self, clock: Clock, ids: IdSource, manager: OrderManager, market_of: Callable[[Instrument], Market]
    ) -> None:
        self._clock = clock
        self._ids = ids
        self._manager = manager
        self._market_of = market_of
        self._triggers: dict[int, tuple[Gtt, TradingAccount]] = {}

    def tokens(self) -> set[int]:
        """Tokens of the instruments that a trigger waits for."""
        return {gtt.instrument.token for gtt, _ in self._triggers.values() if gtt.status == ACTIVE}

    def of(self, account: TradingAccount) -> list[Gtt]:
        """The triggers of an account, oldest first."""
        return [gtt for gtt, owner in self._triggers.values() if owner is account]

    def find(self, account: TradingAccount, trigger_id: int) -> Gtt:
        """One trigger of an account; raises KiteError."""
        gtt, owner = self._triggers.get(trigger_id, (None, None))
        if gtt is None or owner is not account:
            raise KiteError(404, "GeneralException", "Trigger not found.")
        return gtt

    def place(self, account: TradingAccount, instrument: Instrument, terms: GttTerms) -> Gtt:
        """Keep a new trigger; raises KiteError."""
        self._check(instrument, terms)
        now = self._clock.now_ns()
        terms = replace(terms, last_price=terms.last_price or self._market_of(instrument).last)
        gtt = Gtt(self._ids.gtt_id(), account.user_id, instrument, terms, created_ns=now, updated_ns=now)
        self._triggers[gtt.trigger_id] = (gtt, account)
        return gtt

    def modify(self, account: TradingAccount, trigger_id: int, terms: GttTerms) -> Gtt:
        """Replace the terms of an active trigger; raises KiteError."""
        gtt = self.find(account, trigger_id)
        if gtt.status != ACTIVE:
            raise input_error("Only active triggers can be modified.")
        self._check(gtt.instrument, terms)
        gtt.terms = replace(terms, last_price=terms.last_price or gtt.terms.last_price)
        gtt.updated_ns = self._clock.now_ns()
        return gtt

    def delete(self, account: TradingAccount, trigger_id: int) -> Gtt:
        """Delete a trigger; raises KiteError."""
        gtt = self.find(account, trigger_id)
        gtt.status, gtt.updated_ns = DELETED, self._clock.now_ns()
        del self._triggers[trigger_id]
        return gtt

    def price_moved(self, market: Market) -> None:
        """Fire the triggers that the last price has reached."""
        for gtt, account in list(self._triggers.values()):
            leg = gtt.reached(market.last) if gtt.instrument is market.instrument else None
            if leg is not None:
                gtt.status, gtt.updated_ns = TRIGGERED, self._clock.now_ns()
                leg.result = self._send(gtt, leg, account)

    def _send(self, gtt: Gtt, leg: GttLeg, account: TradingAccount) -> dict[str, Any]:
        request = OrderRequest(
            variety="regular",
            exchange=gtt.instrument.exchange,
            symbol=gtt.instrument.symbol,
            side=leg.side,
            order_type=leg.order_type,
            product=leg.product,
            quantity=leg.quantity,
            price=leg.price,
        )
        try:
            order = self._manager.place(account, request, gtt.instrument, handling=Handling())
        except KiteError as refusal:
            return {"status": "failed", "order_id": "", "rejection_reason": refusal.message}
        return {"status": "success", "order_id": order.order_id, "rejection_reason": ""}

    @staticmethod
    def _check(instrument: Instrument, terms: GttTerms) -> None:
        expected = {"single": 1, "two-leg": 2}.get(terms.kind)
        values = terms.trigger_values
        if expected is None or len(values) != expected or len(terms.legs) != expected:
            raise input_error("Invalid `type`, `trigger_values` or `orders`.")
        if values != sorted(values) or values[0] <= 0:
            raise input_error("Trigger values should be positive and in ascending order.")
        for leg in terms.legs:
            if leg.order_type != "LIMIT":
                raise input_error("Only LIMIT orders are allowed in a GTT.")
            check_prices(leg.order_type, leg.price, 0, instrument)
