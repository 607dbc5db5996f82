"""An order, its status, and every state it went through."""

from dataclasses import dataclass, field, replace
from typing import Any

from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.matching import Side

PUT_RECEIVED = "PUT ORDER REQ RECEIVED"
AMO_RECEIVED = "AMO REQ RECEIVED"
VALIDATION_PENDING = "VALIDATION PENDING"
OPEN_PENDING = "OPEN PENDING"
OPEN = "OPEN"
TRIGGER_PENDING = "TRIGGER PENDING"
MODIFY_VALIDATION_PENDING = "MODIFY VALIDATION PENDING"
MODIFY_PENDING = "MODIFY PENDING"
MODIFIED = "MODIFIED"
CANCEL_PENDING = "CANCEL PENDING"
COMPLETE = "COMPLETE"
CANCELLED = "CANCELLED"
REJECTED = "REJECTED"
TERMINAL = frozenset({COMPLETE, CANCELLED, REJECTED})


@dataclass(slots=True)
class Order:
    """One row of the order book. Prices are paise; `history` holds copies of earlier states, oldest first."""

    order_id: str
    user_id: str
    instrument: Instrument
    variety: str
    side: Side
    order_type: str
    product: str
    quantity: int
    price: int
    trigger_price: int
    validity: str
    received_ns: int
    validity_ttl: int = 0
    disclosed_quantity: int = 0
    market_protection: float = 0
    auction_number: str | None = None
    tag: str | None = None
    system_tags: tuple[str, ...] = ()
    parent_order_id: str | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    guid: str = ""
    status: str = PUT_RECEIVED
    status_message: str | None = None
    status_message_raw: str | None = None
    exchange_order_id: str | None = None
    exchange_ns: int | None = None
    updated_ns: int = 0
    filled: int = 0
    filled_value: int = 0
    cancelled: int = 0
    modified: bool = False
    modifications: int = 0
    history: "list[Order]" = field(default_factory=list)

    @property
    def pending(self) -> int:
        """Quantity that may still trade."""
        return self.quantity - self.filled - self.cancelled if self.status not in {REJECTED} else 0

    @property
    def is_open(self) -> bool:
        """Whether the order may still trade, change or be cancelled."""
        return self.status not in TERMINAL

    @property
    def tags(self) -> tuple[str, ...]:
        """The user's tag followed by the system's."""
        return ((self.tag,) if self.tag else ()) + self.system_tags

    @property
    def needs_trigger(self) -> bool:
        """Stop-loss orders wait for their trigger price."""
        return self.order_type in {"SL", "SL-M"}

    def become(self, status: str, now_ns: int, message: str | None = None, raw: str | None = None) -> None:
        """Enter a status and write it into the history."""
        self.status = status
        self.updated_ns = now_ns
        if message is not None:
            self.status_message, self.status_message_raw = message, raw or message
        self.record(now_ns)

    def record(self, now_ns: int) -> None:
        """Write the present state into the history."""
        self.updated_ns = now_ns
        self.history.append(replace(self, history=[]))

    def as_of(self, at_ns: int) -> "Order | None":
        """The newest state that was already true at an instant; None when the order was not there yet."""
        return next((state for state in reversed(self.history) if state.updated_ns <= at_ns), None)


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution of one order, at a price in paise."""

    trade_id: str
    order_id: str
    exchange_order_id: str
    user_id: str
    instrument: Instrument
    product: str
    side: Side
    price: int
    quantity: int
    at_ns: int
