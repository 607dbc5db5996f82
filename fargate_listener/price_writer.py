"""Writes prices to Redis in a process of its own, so that making three thousand commands holds up no tick.

`python -m fargate_listener.price_writer HOST PORT tls|plain` reads messages from standard input, and answers each
message of prices with a line on standard output: how many prices Redis did not take. It ends when its input does, which
is when the watcher ends, however that came.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from array import array
from collections.abc import Sequence
from datetime import datetime
from struct import Struct
from typing import TYPE_CHECKING, BinaryIO, Final

from algotrading.adapters.redis_keys import price_line, price_moments
from algotrading.adapters.redis_scripts import PUT_PRICES
from fargate_listener.wire_prices import price_text

if TYPE_CHECKING:
    from redis import Redis

HEAD: Final = Struct(">cI")
"""Kind and length of what follows."""
NAMES: Final = b"N"
"""JSON: symbols by token; null where an instrument has none any more."""
PRICES: Final = b"P"
"""The moment in MOMENT_BYTES of ISO 8601 text, then token and wire price of each instrument in turn, 64-bit, in the
machine's own order."""
MOMENT_BYTES: Final = 40
AT_ONCE: Final = 200
"""Symbols in one call: Redis serves nobody else meanwhile, for about half a millisecond."""
ROUNDS: Final = 10
"""In each round the strategies of a tenth of the instruments are told their symbol's price, so that each is told once a
second: with tens of strategies on a symbol, telling all of them every time would leave Redis no time for locks."""
_NICENESS: Final = 10
"""Where both have one core, ticks come first."""


class PriceWriter:
    """Knows the names, and which strategies are still to be told."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._symbols: dict[int, str] = {}
        self._round = 0
        self._untold: list[dict[int, int]] = [{} for _ in range(ROUNDS)]
        """By the round in which they are told: prices that strategies were not told yet, by token."""

    def name(self, symbols: dict[str, str | None]) -> None:
        """Take over names of instruments; None for those that have none any more."""
        for token, symbol in symbols.items():
            if symbol is None:
                self._symbols.pop(int(token), None)
            else:
                self._symbols[int(token)] = symbol

    def write(self, moment: str, prices: Sequence[tuple[int, int]], *, tell_all: bool = False) -> int:
        """Write (token, wire price) pairs: how many Redis did not take. Instruments without a name are left out.
        `tell_all`: whoever was not told yet, too."""
        self._round = (self._round + 1) % ROUNDS
        for token, wire in prices:
            self._untold[_turn(token)][token] = wire
        turns = range(ROUNDS) if tell_all else (self._round,)
        told = {token: wire for turn in turns for token, wire in self._untold[turn].items()}
        for turn in turns:
            self._untold[turn].clear()
        lines = [
            price_line(symbol, price_text(token, wire), told=True)
            for token, wire in told.items()
            if (symbol := self._symbols.get(token)) is not None
        ]
        lines += [
            price_line(symbol, price_text(token, wire), told=False)
            for token, wire in prices
            if token not in told and (symbol := self._symbols.get(token)) is not None
        ]
        return self._send(moment, lines)

    def _send(self, moment: str, lines: Sequence[str]) -> int:
        from redis.exceptions import RedisError

        moments = price_moments(datetime.fromisoformat(moment))
        for begin in range(0, len(lines), AT_ONCE):
            try:
                self._redis.eval(PUT_PRICES, 0, *moments, "".join(lines[begin : begin + AT_ONCE]))
            except RedisError:
                # The next tick of each brings a better price.
                return len(lines) - begin
        return 0


def serve(source: BinaryIO, answers: BinaryIO, writer: PriceWriter) -> None:
    """Until `source` ends."""
    while len(head := source.read(HEAD.size)) == HEAD.size:
        kind, length = HEAD.unpack(head)
        body = source.read(length)
        if len(body) < length:
            return
        if kind == NAMES:
            writer.name(json.loads(body))
            continue
        moment = body[:MOMENT_BYTES].decode("ascii").strip()
        numbers = array("q", body[MOMENT_BYTES:])
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        answers.write(b"%d\n" % writer.write(moment, pairs, tell_all=not pairs))
        answers.flush()


def _turn(token: int) -> int:
    """The low byte is the segment, the same for most."""
    return (token >> 8) % ROUNDS


def main() -> None:
    """The process."""
    from algotrading.adapters.redis_runtime import make_redis_client

    # What ends the watcher reaches its whole group; there is a last message to come after it.
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    # A watcher that was given real-time priority has not given it for this.
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    os.nice(_NICENESS)
    host, port, tls = sys.argv[1:]
    serve(sys.stdin.buffer, sys.stdout.buffer, PriceWriter(make_redis_client(host, int(port), tls=tls == "tls")))


if __name__ == "__main__":
    main()
