"""Orders that a trader places by hand, at the simulated exchange."""

from __future__ import annotations

from urllib.parse import urlencode
from urllib.request import Request, urlopen

_PATIENCE = 30.0


def buy_by_hand(exchange_url: str, api_key: str, access_token: str | None, symbol: str = "TCS") -> None:
    """One share, bought at once, under a tag that is none of ours."""
    order = {
        "exchange": "NSE",
        "tradingsymbol": symbol,
        "transaction_type": "BUY",
        "quantity": "1",
        "product": "MIS",
        "order_type": "MARKET",
        "market_protection": "-1",
        "validity": "DAY",
        "tag": "byhand",
    }
    request = Request(f"{exchange_url}/orders/regular", urlencode(order).encode(), method="POST")
    request.add_header("Authorization", f"token {api_key}:{access_token}")
    with urlopen(request, timeout=_PATIENCE) as answer:
        assert answer.status == 200
