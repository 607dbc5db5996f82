"""Good-till-triggered orders: watched by the broker, sent as LIMIT orders when the price gets there."""

from dataclasses import dataclass, field
from typing import Any

from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.matching import Side

ACTIVE = "active"
TRIGGERED = "triggered"
DELETED = "deleted"
LIFETIME_DAYS = 365


@dataclass(slots=True)
class GttLeg:
    """The order one trigger value sends; `result` is filled when it was attempted."""

    side: Side
    quantity: int
    order_type: str
    product: str
    price: int
    result: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class GttTerms:
    """What the user asked for: `kind` is single or two-leg; prices are paise, trigger values ascending."""

    kind: str
    trigger_values: list[int]
    last_price: int
    legs: list[GttLeg]


@dataclass(slots=True)
class Gtt:
    """One trigger. Of a two-leg one, whichever value is reached first cancels the other."""

    trigger_id: int
    user_id: str
    instrument: Instrument
    terms: GttTerms
    created_ns: int
    updated_ns: int
    status: str = ACTIVE
    meta: dict[str, Any] = field(default_factory=dict)

    def reached(self, last: int) -> GttLeg | None:
        """The leg whose trigger value the last price has reached, None while none has."""
        if self.status != ACTIVE:
            return None
        terms = self.terms
        if terms.kind == "two-leg":
            lower, upper = terms.trigger_values
            if last <= lower:
                return terms.legs[0]
            return terms.legs[1] if last >= upper else None
        trigger = terms.trigger_values[0]
        fires = last >= trigger if trigger >= terms.last_price else last <= trigger
        return terms.legs[0] if fires else None
