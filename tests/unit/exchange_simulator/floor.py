"""A trading floor for tests: a venue on a clock that moves only when told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from exchange_simulator.clock import NANOS
from exchange_simulator.engine.account import TradingAccount
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.oms import Handling
from exchange_simulator.engine.order_request import OrderRequest
from exchange_simulator.engine.orders import Order
from exchange_simulator.engine.venue import Venue
from exchange_simulator.money import paise

MONDAY_10_AM_IST_NS = 1_795_408_200 * NANOS
LAKH = 100_000_00


class ManualTime:
    """Clock and scheduler in one: `advance` runs what comes due on the way."""

    def __init__(self) -> None:
        self._now = MONDAY_10_AM_IST_NS
        self._calls: list[tuple[int, int, Callable[[], None]]] = []

    def now_ns(self) -> int:
        return self._now

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> None:
        self._calls.append((self._now + int(delay_s * NANOS), len(self._calls), callback))

    def advance(self, seconds: float) -> None:
        end = self._now + int(seconds * NANOS)
        while due := sorted((call for call in self._calls if call[0] <= end), key=lambda call: call[:2]):
            self._calls.remove(due[0])
            self._now = max(self._now, due[0][0])
            due[0][2]()
        self._now = end


class Floor:
    """A venue with accounts that place orders and see them through."""

    def __init__(self) -> None:
        self.time = ManualTime()
        self.venue = Venue(clock=self.time, scheduler=self.time, seed=7)
        self.updates: list[tuple[str, str]] = []
        self.venue.execution.order_listeners.append(lambda order, event: self.updates.append((order.order_id, event)))

    def account(self, user_id: str = "AB1234", cash: int = 10 * LAKH) -> TradingAccount:
        return TradingAccount(user_id, cash)

    def market(self, key: str = "NSE:INFY") -> Market:
        instrument = self.venue.instruments.find(key)
        assert instrument is not None
        return self.venue.market(instrument)

    def price(self, rupees: str, key: str = "NSE:INFY") -> Market:
        """Trade at a price and stay there."""
        return self.venue.set_price(self.market(key).instrument, paise(rupees), hold=True)

    def depth(self, quantity: int | None, key: str = "NSE:INFY") -> None:
        self.venue.requote(self.market(key).instrument, quantity)

    def send(self, account: TradingAccount, *, handling: Handling | None = None, **wish: Any) -> dict[str, Any]:
        """Place an order and let it reach the exchange; answers as the API does."""
        request = buy_infy(**wish)
        instrument = self.venue.instruments.find(f"{request.exchange}:{request.symbol}")
        assert instrument is not None
        answer = self.venue.multi_leg.place(account, request, instrument, handling or Handling(), self.time.now_ns())
        self.time.advance(0.01)
        return answer

    def order(self, account: TradingAccount, **wish: Any) -> Order:
        """Place an order and return its row."""
        return account.orders[self.send(account, **wish)["order_id"]]


def buy_infy(**wish: Any) -> OrderRequest:
    """A request to buy ten INFY intraday at the market, with whatever is said otherwise."""
    standard = OrderRequest(
        variety="regular",
        exchange="NSE",
        symbol="INFY",
        side="BUY",
        order_type="MARKET",
        product="MIS",
        quantity=10,
        market_protection=-1,
    )
    terms: dict[str, Any] = {
        name: paise(value) if name in {"price", "trigger_price"} else value for name, value in wish.items()
    }
    return replace(standard, **terms)


def statuses(order: Order) -> list[str]:
    """Every status an order went through, oldest first."""
    return [state.status for state in order.history]
