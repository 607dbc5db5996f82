"""Runs the official ticker in a process of its own and prints what its callbacks see, one JSON object a line.

The ticker lives in Twisted's reactor, which cannot be started twice in one process.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from kiteconnect import KiteTicker


def say(event: str, **facts: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **facts}, default=str) + "\n")
    sys.stdout.flush()


def main() -> None:
    url, api_key, access_token = sys.argv[1:4]
    ticker = KiteTicker(api_key, access_token, root=url, reconnect_max_tries=3)

    def on_connect(socket: Any, _response: Any) -> None:
        say("connect")
        socket.subscribe([408065, 256265])
        socket.set_mode(socket.MODE_FULL, [408065])

    ticker.on_connect = on_connect
    ticker.on_ticks = lambda _socket, ticks: say("ticks", ticks=ticks)
    ticker.on_order_update = lambda _socket, data: say("order", data=data)
    ticker.on_error = lambda _socket, code, reason: say("error", code=code, reason=reason)
    ticker.on_close = lambda _socket, code, reason: say("close", code=code, reason=reason)
    ticker.connect()


if __name__ == "__main__":
    main()
