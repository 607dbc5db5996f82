"""The official ticker in a process of its own, printing one line per tick: token, mode and last price.

It lives in Twisted's reactor, which cannot be started twice in one process.
"""

from __future__ import annotations

import sys
from typing import Any

from kiteconnect import KiteTicker


def main() -> None:
    url, api_key, access_token = sys.argv[1:4]
    ticker = KiteTicker(api_key, access_token, root=url, reconnect=False)

    def on_ticks(_socket: Any, ticks: list[dict[str, Any]]) -> None:
        for tick in ticks:
            sys.stdout.write(f"{tick['instrument_token']} {tick['mode']} {tick['last_price']!r}\n")
        sys.stdout.flush()

    ticker.on_ticks = on_ticks
    ticker.connect()


if __name__ == "__main__":
    main()
