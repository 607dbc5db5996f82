"""Real prices through the watcher's tick path, every decision held against the plain reference, tick for tick.

`python -m benchmarks.watcher.replay FILE...` (`make replay-ticks TICKS=FILE`) plays a file through the simulated
exchange (replay_exchange.py). With `--direct` (`DIRECT=1`) the tick path is fed from memory: one to six instruments a
frame, each packet of any mode, several frames a read, without time stamps; several times as fast, and with more shapes
of frames. What a file holds: replay_stage.py.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from struct import pack

from benchmarks.watcher.replay_exchange import FramesLost, replay_through_exchange
from benchmarks.watcher.replay_stage import STOPS, Replayed, Sent, Stage, read_ticks
from exchange_simulator.wire.frames import frame

_LENGTHS = (8, 44, 184)
"""Of an ltp, a quote and a full packet."""


def replay(path: Path, *, stops: int = STOPS, seed: int = 1) -> Replayed:
    """Send every price of the file through both, from memory. Raises ValueError for a file that holds no prices."""
    ticks = read_ticks(path)
    first = {tick.symbol: tick.price for tick in reversed(ticks)}
    tokens = {symbol: (number << 8) | 1 for number, symbol in enumerate(first, start=1)}
    random, found = Random(seed), Replayed(path.name, instruments=len(tokens))
    stage = Stage(random, found)
    for symbol, price in first.items():
        stage.surround(tokens[symbol], price, stops)
    waiting = iter(ticks)
    while read := list(islice(waiting, random.randint(1, 24))):
        sent = [(tokens[tick.symbol], tick.price) for tick in read]
        stage.expect(sent)
        stage.take(list(_pack(sent, random)))
        stage.judge()
    return found


def _pack(ticks: Sequence[Sent], random: Random) -> Iterator[bytes]:
    begin = 0
    while begin < len(ticks):
        end = begin + random.randint(1, 6)
        yield frame(_packet(*tick, random.choice(_LENGTHS)) for tick in ticks[begin:end])
        begin = end


def _packet(token: int, price: int, length: int) -> bytes:
    """Of that length, without a time stamp: nobody has told the tick path the time of the file."""
    return pack(">II", token, price) + bytes(length - 8)


def main() -> int:
    """The exit code: 0 where every decision agrees, 1 where one does not or frames were lost, 2 for a wrong file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watcher.replay", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--direct", action="store_true", help="from memory, without the simulated exchange")
    options = parser.parse_args()
    code = 0
    for path in options.files:
        try:
            if options.direct:
                found = replay(path, seed=options.seed)
            else:
                found = asyncio.run(replay_through_exchange(path, seed=options.seed))
        except (OSError, ValueError) as fault:
            sys.stderr.write(f"{path}: {fault}\n")
            return 2
        except FramesLost as fault:
            sys.stderr.write(f"{path}: {fault}; nothing was judged\n")
            return 1
        way = "from memory" if options.direct else f"through the simulated exchange, {found.stamped:,} with its stamp"
        sys.stdout.write(
            f"{found.name}: {found.ticks:,} ticks ({way}) of {found.instruments} instruments, {found.reached:,} "
            f"thresholds reached, {len(found.differences)} reads decided otherwise than the reference; "
            f"{found.seconds:.2f} s in the tick path\n"
        )
        for difference in found.differences[:5]:
            sys.stdout.write(f"  {difference}\n")
        code = 1 if found.differences else code
    return code


if __name__ == "__main__":
    sys.exit(main())
