"""A line passes everything on, and breaks in each of the ways it is told to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from twin.aws import Endpoint
from twin.chaos.proxy import Break, Line, Network
from twin.lines import Part, Side


class Echo:
    """A server that answers every piece with the same piece, and remembers what it heard."""

    def __init__(self) -> None:
        self.heard = b""
        self.endpoint = Endpoint("", 0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(1024):
                self.heard += piece
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    made = Echo()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.endpoint = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
    yield made
    server.close()


@pytest.fixture
async def line(echo: Echo) -> AsyncIterator[Line]:
    made = Line(echo.endpoint)
    await made.start()
    yield made
    await made.stop()


class Caller:
    """One connection through a line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def dial(cls, line: Line) -> Caller:
        return await cls.dial_at(line.endpoint)

    @classmethod
    async def dial_at(cls, endpoint: Endpoint) -> Caller:
        return cls(*await asyncio.open_connection(endpoint.host, endpoint.port))

    def say(self, text: bytes) -> None:
        self._writer.write(text)

    async def hear(self, seconds: float = 2.0) -> bytes:
        async with asyncio.timeout(seconds):
            return await self._reader.read(1024)

    async def ask(self, text: bytes) -> bytes:
        self.say(text)
        return await self.hear()

    async def is_reset(self) -> bool:
        try:
            return await self.hear() == b"" and self._writer.transport.is_closing()
        except ConnectionResetError:
            return True

    def end_speech(self) -> None:
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()


async def test_everything_passes_a_good_line(line: Line) -> None:
    caller = await Caller.dial(line)
    assert await caller.ask(b"one") == b"one"
    assert await caller.ask(b"two") == b"two"
    caller.close()


async def test_the_end_of_one_direction_is_passed_on(line: Line) -> None:
    caller = await Caller.dial(line)
    caller.say(b"last words")
    caller.end_speech()
    assert await caller.hear() == b"last words"
    assert await caller.hear() == b""
    caller.close()


async def test_a_reset_ends_open_connections_and_no_later_ones(line: Line) -> None:
    caller = await Caller.dial(line)
    await caller.ask(b"hello")

    line.strike(Break.RESET)

    with pytest.raises(ConnectionResetError):
        await caller.hear()
    again = await Caller.dial(line)
    assert await again.ask(b"again") == b"again"
    again.close()


async def test_a_refusing_line_resets_new_connections_until_healed(line: Line) -> None:
    line.strike(Break.REFUSE)
    refused = await Caller.dial(line)
    assert await refused.is_reset()

    line.heal(Break.REFUSE)

    caller = await Caller.dial(line)
    assert await caller.ask(b"hello") == b"hello"
    caller.close()


async def test_what_was_held_arrives_late_and_whole(line: Line, echo: Echo) -> None:
    caller = await Caller.dial(line)
    await caller.ask(b"a")
    line.strike(Break.HOLD)

    caller.say(b"b")
    with pytest.raises(TimeoutError):
        await caller.hear(0.1)
    assert echo.heard == b"a"
    line.heal(Break.HOLD)

    assert await caller.hear() == b"b"
    caller.close()


async def test_a_lost_answer_means_that_the_question_has_arrived(line: Line, echo: Echo) -> None:
    caller = await Caller.dial(line)
    line.strike(Break.LOSE_ANSWERS)

    with pytest.raises(ConnectionResetError):
        await caller.ask(b"buy")

    assert echo.heard == b"buy"


async def test_a_delayed_line_is_slow_in_both_directions(line: Line) -> None:
    caller = await Caller.dial(line)
    await caller.ask(b"warm")
    line.strike(Break.DELAY, delay_seconds=0.1)
    begun = time.monotonic()

    assert await caller.ask(b"slow") == b"slow"

    assert time.monotonic() - begun >= 0.2
    caller.close()


async def test_a_line_leads_to_where_its_part_has_moved(echo: Echo) -> None:
    network = Network()
    nowhere = Endpoint("127.0.0.1", 1)
    here = await network.lay(Side.WATCHER, Part.CACHE, nowhere)
    network.lead_to(Part.CACHE, echo.endpoint)

    caller = await Caller.dial_at(here)

    assert await caller.ask(b"found") == b"found"
    caller.close()
    await network.stop()


async def test_a_part_that_is_away_resets_its_callers() -> None:
    network = Network()
    here = await network.lay(Side.FUNCTIONS, Part.DATABASE, Endpoint("127.0.0.1", 1))

    caller = await Caller.dial_at(here)

    assert await caller.is_reset()
    await network.stop()
