"""The official ticker and ours see the same prices in the same frames, over the same wire."""

from __future__ import annotations

import asyncio
import random
import ssl
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from struct import pack

from fargate_listener.feed_account import FeedCredentials
from fargate_listener.kite_socket import KiteSocket, dial
from fargate_listener.market_table import MarketTable
from fargate_listener.wire_prices import to_price
from tests.integration.fargate_listener.desks import until
from tests.integration.fargate_listener.scripted_broker import ScriptedBroker, scripted_broker
from tests.unit.fargate_listener.examples import frame, ltp_frame

CREDENTIALS = FeedCredentials("key", "token")
OFFICIAL_TICKER = Path(__file__).parent / "official_ticker.py"
SEGMENTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12)
LENGTHS = (8, 28, 32, 44, 184)
STAMPED = (32, 184)
LAST = (0xFFFFFF << 8) | 1
"""Token of the tick that ends the test."""


class Instruments:
    """Instruments of any segment, each of which ticks once: so that the table's news tells every tick, in order."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.tokens = {LAST}

    def packet(self, length: int) -> bytes:
        """A new instrument at any price that is one."""
        token = LAST
        while token in self.tokens:
            token = (self._dice.randrange(1 << 23) << 8) | self._dice.choice(SEGMENTS)
        self.tokens.add(token)
        # Without a time stamp: those of random bytes would lie in the past, which only ours heeds.
        filler = bytes(length - 8) if length in STAMPED else self._dice.randbytes(length - 8)
        return pack(">II", token, self._dice.randrange(1, 1 << 31)) + filler

    def random_frame(self, packets: int) -> bytes:
        """Any kinds of packets."""
        return frame([self.packet(self._dice.choice(LENGTHS)) for _ in range(packets)])


def frames(instruments: Instruments, dice: random.Random) -> list[bytes]:
    """What a session can bring: small and large frames, heartbeats, and kinds of packets nobody knows."""
    mixed = [instruments.random_frame(dice.randrange(1, 9)) for _ in range(150)]
    ltp = [frame([instruments.packet(8) for _ in range(size)]) for size in (1, 5, 60)]
    unknown = frame([instruments.packet(8), bytes(12), instruments.packet(8)])
    return [b"\x00", *mixed, instruments.random_frame(3000), b"\x00", unknown, *ltp, b"\x01", ltp_frame((LAST, 100))]


async def official_prices(broker: ScriptedBroker) -> asyncio.Task[list[tuple[int, float]]]:
    """Connect the official ticker; the task ends with everything it saw."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(OFFICIAL_TICKER),
        broker.url,
        CREDENTIALS.api_key,
        CREDENTIALS.access_token,
        stdout=asyncio.subprocess.PIPE,
    )
    output = process.stdout
    assert output is not None

    async def collect() -> list[tuple[int, float]]:
        seen: list[tuple[int, float]] = []
        try:
            while not seen or seen[-1][0] != LAST:
                token, _, price = (await output.readline()).split()
                seen.append((int(token), float(price)))
        finally:
            process.terminate()
            await process.wait()
        return seen

    return asyncio.create_task(collect())


async def test_same_frames_same_prices() -> None:
    ours: list[tuple[int, float]] = []
    dice, table = random.Random(20260302), MarketTable()
    instruments = Instruments(dice)
    session = frames(instruments, dice)
    for token in instruments.tokens:
        table.watch(token)

    def on_frames(received: Sequence[bytes], _at: float) -> None:
        table.on_frames(received)
        ours.extend((token, float(to_price(token, price))) for token, price in table.take_news().items())

    async with scripted_broker() as broker:
        # Given both connected to the same server
        official = await official_prices(broker)
        await until(lambda: len(broker.sockets) == 1)
        socket = await dial(
            broker.url,
            CREDENTIALS,
            lambda: KiteSocket(on_frames=on_frames, on_text=lambda _: None, monotonic=time.monotonic),
            ssl.create_default_context(),
        )
        await until(lambda: len(broker.sockets) == 2)

        # When the server sends a session's worth of frames
        for each in session:
            broker.send(each)
            await asyncio.sleep(0)
        async with asyncio.timeout(60):
            theirs = await official
        await until(lambda: ours and ours[-1][0] == LAST)
        await socket.close()

    # Then both saw the same ticks in the same order
    assert len(ours) > 3500
    assert ours == theirs
