"""What the API refuses before an order exists (HTTP 400), and what the exchange rejects afterwards (a REJECTED row)."""

from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.engine.market import Market
from exchange_simulator.engine.matching import Side
from exchange_simulator.engine.order_request import OrderRequest
from exchange_simulator.errors import input_error
from exchange_simulator.money import rupees

NO_PROTECTION = (
    "Market orders without market protection are not allowed via API. "
    "Please set market protection or use a Limit order."
)
MAX_TAG = 20
MAX_SLICES = 10
ICEBERG_LEGS = range(2, 11)
MAX_TTL_MINUTES = 750


def check_request(request: OrderRequest, instrument: Instrument) -> None:
    """The API's own checks of a new order; raises KiteError and leaves no trace in the order book."""
    if instrument.is_index:
        raise input_error("The instrument is not tradable.")
    if request.tag is not None and len(request.tag) > MAX_TAG:
        raise input_error("Invalid `tag`. Maximum allowed length is 20 characters.")
    _check_product(request, instrument)
    _check_quantity(request.quantity, request.disclosed_quantity, instrument)
    check_prices(request.order_type, request.price, request.trigger_price, instrument)
    check_protection(request.order_type, request.market_protection)
    if request.validity == "TTL" and not 1 <= request.validity_ttl <= MAX_TTL_MINUTES:
        raise input_error("Invalid `validity_ttl`.")
    if request.variety == "iceberg":
        _check_iceberg(request, instrument)
    if request.variety == "co" and (request.trigger_price <= 0 or request.order_type not in {"MARKET", "LIMIT"}):
        raise input_error("Trigger price is required for cover orders of type MARKET or LIMIT.")


def check_protection(order_type: str, protection: float | None) -> None:
    """Since April 2026 MARKET and SL-M orders need a non-zero market protection."""
    if order_type in {"MARKET", "SL-M"} and not protection:
        raise input_error(NO_PROTECTION)


def check_prices(order_type: str, price: int, trigger_price: int, instrument: Instrument) -> None:
    """Which prices an order type needs, and that they lie on the instrument's tick."""
    if order_type in {"LIMIT", "SL"} and price <= 0:
        raise input_error("Price is required for the given order type.")
    if order_type in {"SL", "SL-M"} and trigger_price <= 0:
        raise input_error("Trigger price is required for the given order type.")
    for value in (price, trigger_price):
        if value < 0 or value % instrument.tick:
            raise input_error(
                f"Tick size for this script is {rupees(instrument.tick):.2f}. "
                "Kindly enter price in the multiple of tick size for this script"
            )


def check_stop(order_type: str, side: Side, trigger_price: int, price: int, market: Market) -> None:
    """A stop must lie on the far side of the last price, or it would fire at once."""
    if order_type not in {"SL", "SL-M"}:
        return
    if side == "SELL" and trigger_price >= market.last:
        raise input_error("Trigger price for stoploss sell orders should be lower than the last traded price")
    if side == "BUY" and trigger_price <= market.last:
        raise input_error("Trigger price for stoploss buy orders should be higher than the last traded price")
    if order_type == "SL" and (price < trigger_price if side == "BUY" else price > trigger_price):
        raise input_error("Limit price of a stoploss order cannot be inside its trigger price.")


def exchange_rejection(price: int, quantity: int, market: Market) -> tuple[str, str] | None:
    """Why risk management or the exchange would reject: (status_message, status_message_raw), or None."""
    instrument = market.instrument
    if quantity > instrument.freeze:
        place = "CASH" if instrument.is_equity else "FNO"
        raw = f"RMS:Rule: Check freeze quantity for {instrument.exchange} {place}"
        return f"Order quantity exceeds the freeze quantity of {instrument.freeze} for {instrument.symbol}.", raw
    if price and not market.lower_circuit <= price <= market.upper_circuit:
        low, high = rupees(market.lower_circuit), rupees(market.upper_circuit)
        message = f"The order price is out of the circuit limits. Place it between {low:.2f} and {high:.2f}."
        return message, "17070 : The Price is out of the current execution range"
    return None


def _check_product(request: OrderRequest, instrument: Instrument) -> None:
    allowed = {"CNC", "MIS", "MTF", "CO"} if instrument.is_equity else {"NRML", "MIS", "CO"}
    if request.product not in allowed:
        raise input_error(f"Invalid `product` {request.product} for {instrument.exchange}.")


def _check_quantity(quantity: int, disclosed: int, instrument: Instrument) -> None:
    if quantity <= 0:
        raise input_error("Quantity should be a positive number.")
    if quantity % instrument.lot:
        raise input_error(f"Quantity should be in multiples of the lot size {instrument.lot}.")
    if disclosed < 0 or disclosed > quantity or (disclosed and disclosed * 10 < quantity):
        raise input_error("Disclosed quantity should be at least 10% and at most all of the quantity.")


def _check_iceberg(request: OrderRequest, instrument: Instrument) -> None:
    if request.iceberg_legs not in ICEBERG_LEGS:
        raise input_error("Invalid `iceberg_legs`. Allowed values are between 2 and 10.")
    if request.iceberg_quantity <= 0 or request.iceberg_quantity % instrument.lot:
        raise input_error("Invalid `iceberg_quantity`.")
    if request.iceberg_quantity * request.iceberg_legs < request.quantity:
        raise input_error("`iceberg_quantity` times `iceberg_legs` should cover the quantity.")
    if request.order_type not in {"LIMIT", "MARKET"} or request.validity == "IOC":
        raise input_error("Iceberg orders can only be LIMIT or MARKET with validity DAY or TTL.")
