"""A file's prices through the simulated exchange: its engine trades at them, its ticker packs and stamps them, and they
come over a WebSocket to the watcher's own socket and tick path.

The exchange's clock is set to the time of each tick, so that full packets carry the file's stamps, and the tick path is
told that time as the product tells it. A third of the instruments each is subscribed in mode ltp, quote and full. One
to six instruments leave in a frame; how many frames the socket reads at once is the machine's.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import islice
from operator import attrgetter
from pathlib import Path
from random import Random
from typing import Final

from aiohttp import web

from benchmarks.watcher.replay_stage import STOPS, Replayed, Stage, Tick, read_ticks
from exchange_simulator.clock import IST, NANOS
from exchange_simulator.engine.instruments import Instrument
from exchange_simulator.server import build_application
from exchange_simulator.simulator import Options, Simulator
from exchange_simulator.wire.frames import HEARTBEAT, Mode
from fargate_listener.feed_account import FeedCredentials
from fargate_listener.kite_socket import KiteSocket, dial
from fargate_listener.timekeeper import AHEAD_SECONDS

_MODES: Final[tuple[Mode, ...]] = ("ltp", "quote", "full")
_MOST_IN_A_FRAME: Final = 6
_PATIENCE_SECONDS: Final = 10.0
_PAISA: Final = 1


async def replay_through_exchange(path: Path, *, stops: int = STOPS, seed: int = 1) -> Replayed:
    """Play every price of the file, in order of time. Raises ValueError for a file that holds no prices,
    FramesLost when the exchange's frames do not arrive."""
    ticks = sorted(read_ticks(path), key=attrgetter("at"))
    exchange = _Exchange(ticks)
    found = Replayed(path.name, instruments=len(exchange.instruments))
    stage = Stage(Random(seed), found)
    line = _Line(stage.take)
    async with exchange.serve() as url, _connected(url, exchange, line) as socket:
        await line.wait_for(exchange.subscribe(socket))
        for instrument, price in exchange.first:
            stage.surround(instrument.token, price, stops)
        waiting = iter(ticks)
        while read := list(islice(waiting, stage.random.randint(1, 24))):
            stage.table.tell_time(now=read[-1].at, oldest_stamp=_midnight(read[0].at), ahead=AHEAD_SECONDS)
            stage.expect([(exchange.instruments[tick.symbol].token, tick.price) for tick in read])
            await line.wait_for(exchange.trade(read, stage.random))
            stage.judge()
    found.stamped = exchange.stamped(ticks)
    counted = stage.table.take_counted()
    if counted.ticks != found.ticks:
        # The last prices that answered the subscription came before anything was watched.
        found.differences.append(f"of {found.ticks} ticks {counted.ticks} were taken for such: {counted}")
    return found


class FramesLost(Exception):
    """What the exchange sent did not come out of the socket."""


class _Exchange:
    """The simulated exchange without its own prices: only the file's are traded at."""

    def __init__(self, ticks: Sequence[Tick]) -> None:
        self._simulator = Simulator(Options(rate_limits=False))
        self._set_clock(ticks[0].at)
        first: dict[str, int] = {}
        for tick in ticks:
            first.setdefault(tick.symbol, tick.price)
        master = self._simulator.venue.instruments
        self.instruments = {symbol: master.relist_equity(symbol, price, _PAISA) for symbol, price in first.items()}
        self.first: list[tuple[Instrument, int]] = [(self.instruments[symbol], first[symbol]) for symbol in first]
        self._account = self._simulator.accounts.create(user_id=None, cash=0)
        self._simulator.accounts.log_in(self._account)

    @property
    def credentials(self) -> FeedCredentials:
        """Of its one account."""
        assert self._account.access_token is not None
        return FeedCredentials(self._account.api_key, self._account.access_token)

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[str]:
        """Its sockets' address. `Simulator.run`, which moves prices, is not started."""
        runner = web.AppRunner(build_application(self._simulator), access_log=None, handle_signals=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await self._simulator.ticker.close()
            await self._simulator.courier.close()
            await runner.cleanup()

    def subscribe(self, socket: _Socket) -> int:
        """Everything, in its mode. How many frames answer."""
        socket.subscribe([instrument.token for instrument, _ in self.first])
        groups = [(mode, self._tokens_in(mode)) for mode in _MODES[1:]]
        for mode, tokens in groups:
            if tokens:
                socket.set_mode(mode, tokens)
        # The socket itself subscribes, then asks for mode ltp: each is answered with the last prices.
        return 2 + sum(bool(tokens) for _, tokens in groups)

    def trade(self, ticks: Sequence[Tick], random: Random) -> int:
        """At these prices, at their times. How many frames leave."""
        frames, together = 0, set[str]()
        room = random.randint(1, _MOST_IN_A_FRAME)
        for tick in ticks:
            if tick.symbol in together or len(together) == room:
                frames += self._flush()
                together, room = set(), random.randint(1, _MOST_IN_A_FRAME)
            self._set_clock(tick.at)
            self._simulator.venue.set_price(self.instruments[tick.symbol], tick.price, hold=True)
            together.add(tick.symbol)
        return frames + self._flush()

    def stamped(self, ticks: Sequence[Tick]) -> int:
        """How many of them left in packets with a stamp."""
        full = set(self._tokens_in("full"))
        return sum(self.instruments[tick.symbol].token in full for tick in ticks)

    def _flush(self) -> int:
        self._simulator.ticker.flush()
        return 1

    def _tokens_in(self, mode: Mode) -> list[int]:
        return [instrument.token for instrument, _ in self.first[_MODES.index(mode) :: len(_MODES)]]

    def _set_clock(self, at: float) -> None:
        self._simulator.clock.offset_ns = int(at * NANOS) - time.time_ns()


class _Socket(KiteSocket):
    """The watcher's, which may ask for other modes as well."""

    def set_mode(self, mode: Mode, tokens: Sequence[int]) -> None:
        """See the broker's protocol (Kite Connect documentation, WebSocket streaming)."""
        self._send({"a": "mode", "v": [mode, list(tokens)]})


class _Line:
    """Counts what comes out of the socket."""

    def __init__(self, take: Callable[[Sequence[bytes]], None]) -> None:
        self._take = take
        self._owed = 0
        self._has_all = asyncio.Event()

    def on_frames(self, frames: Sequence[bytes], _at: float) -> None:
        """See KiteSocket."""
        self._take(frames)
        self._owed -= sum(each != HEARTBEAT for each in frames)
        if self._owed == 0:
            self._has_all.set()

    async def wait_for(self, frames: int) -> None:
        """Until so many more have come, none of which can come before this waits. Raises FramesLost."""
        self._owed += frames
        self._has_all.clear()
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await self._has_all.wait()
        except TimeoutError:
            raise FramesLost(f"{self._owed} of {frames} frames did not come") from None


@asynccontextmanager
async def _connected(url: str, exchange: _Exchange, line: _Line) -> AsyncIterator[_Socket]:
    def make() -> _Socket:
        return _Socket(on_frames=line.on_frames, on_text=lambda _text: None, monotonic=time.monotonic)

    socket = await dial(url, exchange.credentials, make, ssl.create_default_context())
    assert isinstance(socket, _Socket)
    try:
        yield socket
    finally:
        await socket.close()


def _midnight(at: float) -> int:
    """The beginning of India's day, Unix seconds: what is older is of another session."""
    return int(datetime.fromtimestamp(at, IST).replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
