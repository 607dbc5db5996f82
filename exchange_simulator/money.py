"""Prices and amounts: exact integer paise inside, rupees at the border."""

from decimal import Decimal, InvalidOperation


def paise(rupees: str | float | Decimal) -> int:
    """Convert rupees, as text or number, to integer paise.

    Raises ValueError for anything that is not a finite number of whole paise.
    """
    try:
        amount = Decimal(str(rupees)) * 100
        whole = amount.to_integral_value()
    except InvalidOperation as error:
        raise ValueError(f"not a price: {rupees!r}") from error
    if not amount.is_finite() or whole != amount:
        raise ValueError(f"not a whole number of paise: {rupees!r}")
    return int(whole)


def rupees(amount_paise: float) -> float:
    """Convert paise to the JSON number of rupees that Kite answers with."""
    return round(amount_paise / 100, 6)


def round_to_tick(amount_paise: float, tick: int) -> int:
    """The multiple of the tick nearest to a price, at least one tick."""
    return max(tick, round(amount_paise / tick) * tick)
