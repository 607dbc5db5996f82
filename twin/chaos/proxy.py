"""TCP lines that can be cut: a small proxy between one side of the product and one thing it depends on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from enum import StrEnum

from twin.aws import Endpoint
from twin.lines import Part, Side

LOOPBACK = "127.0.0.1"
_CHUNK = 65_536
_LINGER_NOT = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: closing sends RST instead of FIN (socket(7))."""


class Break(StrEnum):
    """What a line can do to what passes."""

    RESET = "reset"
    """Every open connection is reset, once; new ones are good."""
    REFUSE = "refuse"
    """And new ones are reset as well, while it lasts."""
    HOLD = "hold"
    """Nothing passes, either way, and nobody is told; what was sent meanwhile arrives late, at the end."""
    DELAY = "delay"
    """Every piece takes longer."""
    LOSE_ANSWERS = "lose answers"
    """What is asked arrives; instead of the answer comes a reset."""


class _Cut(Exception):
    """This connection is to be reset."""


class Line:
    """Listens on a port of its own and passes everything on to `target`, which may be changed."""

    def __init__(self, target: Endpoint) -> None:
        self.target = target
        self.delay_seconds = 0.0
        self._broken: set[Break] = set()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._open: set[tuple[asyncio.StreamWriter, ...]] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self) -> Endpoint:
        """Listen on a free port of the loopback interface."""
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        return self.endpoint

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        assert self._server is not None
        return Endpoint(LOOPBACK, self._server.sockets[0].getsockname()[1])

    @property
    def is_broken(self) -> bool:
        """Whether any fault lasts."""
        return bool(self._broken)

    async def stop(self) -> None:
        """Listen no more, and hang up."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def strike(self, fault: Break, *, delay_seconds: float = 0.0) -> None:
        """Break the line in one way, until it is healed. Faults of several kinds add up."""
        if fault in {Break.RESET, Break.REFUSE}:
            for writers in tuple(self._open):
                _reset(*writers)
        if fault is not Break.RESET:
            self._broken.add(fault)
            self.delay_seconds = delay_seconds or self.delay_seconds
        self._tell()

    def heal(self, fault: Break) -> None:
        """Mend what one kind of fault broke; what was held goes on its way."""
        self._broken.discard(fault)
        self._tell()

    def heal_all(self) -> None:
        """Mend everything."""
        self._broken.clear()
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (_Cut, OSError):
            _reset(writer)
        finally:
            writer.close()
            self._serving.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if Break.REFUSE in self._broken:
            raise _Cut
        await self._pass()
        far_reader, far_writer = await asyncio.open_connection(self.target.host, self.target.port)
        pair = (writer, far_writer)
        self._open.add(pair)
        directions = [
            asyncio.ensure_future(self._pump(reader, far_writer, is_answer=False)),
            asyncio.ensure_future(self._pump(far_reader, writer, is_answer=True)),
        ]
        try:
            await asyncio.gather(*directions)
        except (_Cut, OSError):
            _reset(*pair)
        finally:
            for direction in directions:
                direction.cancel()
            self._open.discard(pair)
            far_writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_answer: bool) -> None:
        while piece := await source.read(_CHUNK):
            await self._pass()
            if is_answer and Break.LOSE_ANSWERS in self._broken:
                raise _Cut
            sink.write(piece)
            await sink.drain()
        await self._pass()
        with contextlib.suppress(OSError):
            sink.write_eof()

    async def _pass(self) -> None:
        """Wait until a piece may go on."""
        if Break.DELAY in self._broken:
            await asyncio.sleep(self.delay_seconds)
        while Break.HOLD in self._broken:
            await self._changed.wait()


def _reset(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        raw = writer.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        writer.transport.abort()


class Network:
    """Every line of a twin, by who uses it and where it leads."""

    def __init__(self) -> None:
        self._lines: dict[tuple[Side, Part], Line] = {}

    async def lay(self, side: Side, part: Part, endpoint: Endpoint, /) -> Endpoint:
        """A new line; where `side` is to connect."""
        line = self._lines[side, part] = Line(endpoint)
        return await line.start()

    def line(self, side: Side, part: Part) -> Line:
        """The line from one side to one part."""
        return self._lines[side, part]

    def lead_to(self, part: Part, endpoint: Endpoint) -> None:
        """A part has moved: from now on its lines end there."""
        for (_, where), line in self._lines.items():
            if where is part:
                line.target = endpoint

    def heal(self) -> None:
        """Mend every line."""
        for line in self._lines.values():
            line.heal_all()

    async def stop(self) -> None:
        """Take every line down."""
        await asyncio.gather(*(line.stop() for line in self._lines.values()))
