"""The parameters of an order as a client sends them, read from form fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from exchange_simulator.engine.matching import Side
from exchange_simulator.errors import input_error
from exchange_simulator.money import paise

VARIETIES = frozenset({"regular", "amo", "co", "iceberg", "auction"})
ORDER_TYPES = frozenset({"MARKET", "LIMIT", "SL", "SL-M"})
PRODUCTS = frozenset({"CNC", "NRML", "MIS", "MTF", "CO"})
VALIDITIES = frozenset({"DAY", "IOC", "TTL"})
_SIDES = frozenset({"BUY", "SELL"})


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """A wish to trade. Prices are paise."""

    variety: str
    exchange: str
    symbol: str
    side: Side
    order_type: str
    product: str
    quantity: int
    price: int = 0
    trigger_price: int = 0
    validity: str = "DAY"
    validity_ttl: int = 0
    disclosed_quantity: int = 0
    market_protection: float | None = None
    iceberg_legs: int = 0
    iceberg_quantity: int = 0
    auction_number: str | None = None
    autoslice: bool = False
    algo_id: str | None = None
    tag: str | None = None

    @classmethod
    def parse(cls, variety: str, form: Mapping[str, Any]) -> "OrderRequest":
        """Read form fields; raises KiteError (InputException) naming the first bad one."""
        if variety not in VARIETIES:
            raise input_error(f"Invalid `variety`: {variety}.")
        return cls(
            variety=variety,
            exchange=_text(form, "exchange"),
            symbol=_text(form, "tradingsymbol"),
            side=cast(Literal["BUY", "SELL"], _one_of(form, "transaction_type", _SIDES)),
            order_type=_one_of(form, "order_type", ORDER_TYPES),
            product=_one_of(form, "product", PRODUCTS),
            quantity=whole(form, "quantity", required=True),
            price=price(form, "price"),
            trigger_price=price(form, "trigger_price"),
            validity=_one_of(form, "validity", VALIDITIES, default="DAY"),
            validity_ttl=whole(form, "validity_ttl"),
            disclosed_quantity=whole(form, "disclosed_quantity"),
            market_protection=percent(form, "market_protection"),
            iceberg_legs=whole(form, "iceberg_legs"),
            iceberg_quantity=whole(form, "iceberg_quantity"),
            auction_number=form.get("auction_number") or None,
            autoslice=str(form.get("autoslice", "")).lower() in {"true", "1"},
            algo_id=form.get("algo_id") or None,
            tag=form.get("tag") or None,
        )


def whole(form: Mapping[str, Any], name: str, *, required: bool = False) -> int:
    """A whole number; 0 when absent and not required."""
    raw = form.get(name)
    if raw in (None, ""):
        if required:
            raise input_error(f"Missing or empty field `{name}`")
        return 0
    try:
        return int(str(raw))
    except ValueError:
        raise input_error(f"Invalid `{name}`.") from None


def price(form: Mapping[str, Any], name: str) -> int:
    """A price in paise; 0 when absent."""
    raw = form.get(name)
    if raw in (None, ""):
        return 0
    try:
        return paise(str(raw))
    except ValueError:
        raise input_error(f"Invalid `{name}`. Kindly enter the price in the multiple of tick size.") from None


def percent(form: Mapping[str, Any], name: str) -> float | None:
    """The market protection: None when absent, -1 for automatic, else a percentage."""
    raw = form.get(name)
    if raw in (None, ""):
        return None
    try:
        value = float(str(raw))
    except ValueError:
        raise input_error(f"Invalid `{name}`.") from None
    if value != -1 and not 0 <= value <= 100:
        raise input_error(f"Invalid `{name}`.")
    return value


def _text(form: Mapping[str, Any], name: str) -> str:
    value = form.get(name)
    if not value:
        raise input_error(f"Missing or empty field `{name}`")
    return str(value)


def _one_of(form: Mapping[str, Any], name: str, allowed: frozenset[str], default: str | None = None) -> str:
    value = str(form.get(name) or default or "")
    if value not in allowed:
        raise input_error(f"Invalid `{name}`." if value else f"Missing or empty field `{name}`")
    return value
