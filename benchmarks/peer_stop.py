"""Peer of the stop benchmark: what a trader would write with the official client alone.

One process, the official ticker, and in its callback a comparison and a market order. No queue, no
ledger, no lock: nothing survives its crash, and nothing keeps it from selling twice. So it shows how much
of the product's latency is the price of those.

Run by the benchmark as `python -m benchmarks.peer_stop`; reads its task as JSON from standard input.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

DESCRIPTION = "official ticker and client in one process, order sent in the callback"


def main() -> None:
    """Watch for the task's seconds."""
    from kiteconnect import KiteConnect, KiteTicker

    task = json.load(sys.stdin)
    kite = KiteConnect(api_key=task["api_key"], access_token=task["access_token"], root=task["url"])
    kite.reqsession.get(f"{kite.root}/nothing-here", timeout=10)  # opens the connection
    stops = {int(token): (symbol, stop) for token, (symbol, stop) in task["stops"].items()}

    def on_connect(ticker: Any, _response: object) -> None:
        ticker.subscribe(list(stops))
        ticker.set_mode(ticker.MODE_LTP, list(stops))

    def on_ticks(_ticker: Any, ticks: list[dict[str, Any]]) -> None:
        for tick in ticks:
            token = tick["instrument_token"]
            if token in stops and tick["last_price"] <= stops[token][1]:
                symbol, _ = stops.pop(token)
                kite.place_order(
                    "regular", "NSE", symbol, "SELL", 1, "MIS", "MARKET", market_protection=-1, tag=f"peerstop{symbol}"
                )

    ticker = KiteTicker(task["api_key"], task["access_token"], root=task["socket_url"])
    ticker.on_connect, ticker.on_ticks = on_connect, on_ticks
    ticker.connect(threaded=True)
    deadline = time.monotonic() + task["seconds"]
    while stops and time.monotonic() < deadline:
        time.sleep(0.05)
    print(json.dumps([]))


if __name__ == "__main__":
    main()
