"""`python -m benchmarks.watcher.fuzz` throws broken frames at the compiled tick path, with every index checked.

numba leaves bounds unchecked in what it compiles for the product; here they are checked, so that a read beyond a buffer
is an error and not a wrong price. A read beyond a frame's end, but within the buffer, would show in another way: frames
are evaluated together and one by one, and what is known of every instrument afterwards must be the same.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from random import Random
from struct import pack, pack_into
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from fargate_listener.market_table import MarketTable
    from fargate_listener.stop_index import StopIndex, Threshold

TOKENS: Final = tuple((number << 8) | segment for number, segment in zip(range(1, 41), (1, 2, 3, 9) * 10, strict=True))
_LENGTHS: Final = (8, 28, 32, 44, 184)
_MOST_FRAMES: Final = 8
_READS: Final = 200
"""Until every threshold is set anew: by then most have been reached."""


class Found(Exception):
    """The tick path did what it must not; the message says what, the frames are in hexadecimal."""


class Subject:
    """A market table with thresholds of every kind on it."""

    def __init__(self) -> None:
        # Not before: the environment variable decides what numba compiles.
        from fargate_listener.market_table import MarketTable
        from fargate_listener.stop_index import Fall, Rise, StopIndex, TrailingFall, TrailingRise

        self.table: MarketTable = MarketTable()
        self.index: StopIndex = StopIndex(self.table)
        self.table.on_event = self._reached
        self.table.tell_time(now=1_800_000_000, oldest_stamp=1_799_950_000, ahead=5)
        for number, token in enumerate(TOKENS):
            middle = 10_000 + 100 * number
            kinds: tuple[Threshold, ...] = (
                Fall(middle - 50),
                Rise(middle + 50),
                TrailingFall(40, middle),
                TrailingRise(40, middle),
            )
            for kind, threshold in enumerate(kinds):
                self.index.arm(10 * number + kind, token, threshold)

    def known(self) -> list[list[int]]:
        """Of every instrument, but for the number of the read that told."""
        from fargate_listener.tick_kernel import Column

        rows = self.table.rows[: len(TOKENS)].copy()
        rows[:, Column.SEEN] = 0
        kept: list[list[int]] = rows.tolist()
        return kept

    def _reached(self, slot: int, price: int) -> None:
        self.index.advance(self.table.token_of(slot), price)


def make_frames(dice: Random) -> list[bytes]:
    """Good ones, good ones that were damaged, and none at all."""
    frames = []
    for _ in range(dice.randrange(1, _MOST_FRAMES)):
        made = _good(dice)
        kind = dice.randrange(4)
        if kind == 0:
            made = dice.randbytes(dice.randrange(200))
        elif kind == 1:
            made = made[: dice.randrange(len(made) + 1)] + dice.randbytes(dice.randrange(3))
        elif kind == 2:
            damaged = bytearray(made)
            for _ in range(dice.randrange(1, 6)):
                damaged[dice.randrange(len(damaged))] = dice.choice([0, 1, 8, 127, 128, 184, 255, dice.randrange(256)])
            made = bytes(damaged)
        frames.append(made)
    return frames


def _good(dice: Random) -> bytes:
    packets = []
    for _ in range(dice.randrange(1, 12)):
        length, number = dice.choice(_LENGTHS), dice.randrange(len(TOKENS))
        body = bytearray(dice.randbytes(length))
        pack_into(">II", body, 0, TOKENS[number], max(1, 10_000 + 100 * number + dice.randrange(-120, 120)))
        if length in {32, 184}:
            pack_into(">I", body, 28 if length == 32 else 60, 1_800_000_000 + dice.randrange(-60, 60))
        packets.append(pack(">H", length) + body)
    return pack(">H", len(packets)) + b"".join(packets)


def throw(together: Subject, single: Subject, frames: Sequence[bytes], dice: Random) -> None:
    """The same frames at two subjects that know the same. Raises Found."""
    try:
        together.table.on_frames(frames)
        for each in frames:
            single.table.on_frames([each, dice.randbytes(1)])  # a heartbeat's length, so it tells nothing
    except Exception as error:
        raise Found(f"{type(error).__name__}: {error}; frames {[each.hex() for each in frames]}") from error
    if together.known() != single.known():
        raise Found(f"a frame tells something else beside others; frames {[each.hex() for each in frames]}")


def fuzz(seconds: float, seed: int) -> int:
    """How many frames were thrown in that time. Raises Found."""
    dice, until, thrown = Random(seed), time.monotonic() + seconds, 0
    while time.monotonic() < until:
        together, single = Subject(), Subject()
        for _ in range(_READS):
            frames = make_frames(dice)
            throw(together, single, frames, dice)
            thrown += len(frames)
    return thrown


def main() -> int:
    """The exit code: 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.watcher.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # A cache of its own: what is kept for the product checks no bounds.
        os.environ |= {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": folder}
        try:
            thrown = fuzz(options.seconds, options.seed)
        except Found as found:
            print(found)
            return 1
    print(f"{thrown:,} frames in {options.seconds:g} s: none raised, none was read beyond its end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
