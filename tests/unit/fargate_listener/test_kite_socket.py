"""What one read of the socket becomes: which frames are evaluated together, in which order, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from picows import WSError, WSMsgType

from fargate_listener.kite_socket import _MOST_AT_ONCE, LARGEST_FRAME, KiteSocket
from tests.unit.fargate_listener.examples import INFY, ltp_frame


@dataclass
class Frame:
    """As picows hands one over."""

    payload: bytes
    msg_type: WSMsgType = WSMsgType.BINARY
    fin: bool = True
    last_in_buffer: bool = False

    def get_payload_as_bytes(self) -> bytes:
        return self.payload


class Stand:
    """A socket, and what it handed over, in order."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.error: Exception | None = None
        self.socket = KiteSocket(on_frames=self.hear, on_text=self.told.append, monotonic=lambda: 0.0)

    def hear(self, frames: Sequence[bytes], _received: float) -> None:
        if self.error is not None:
            raise self.error
        self.told.append(list(frames))

    def read(self, *frames: Frame) -> None:
        for frame in frames:
            self.socket.on_ws_frame(None, frame)  # type: ignore[arg-type]


@pytest.fixture
async def stand() -> Stand:
    return Stand()


def tick(price: int) -> bytes:
    return ltp_frame((INFY, price))


async def test_an_exception_in_what_follows_a_read_closes_the_socket(stand: Stand) -> None:
    stand.error = ValueError("a fault of ours")

    stand.read(Frame(tick(1)), Frame(tick(2)), Frame(tick(3), last_in_buffer=True))
    await asyncio.sleep(0)

    assert not stand.socket.is_open


async def test_ticks_are_handed_over_before_the_frame_that_came_after_them(stand: Stand) -> None:
    long = bytes.fromhex("0100")

    stand.read(Frame(tick(1)), Frame(tick(2)), Frame(b"text", WSMsgType.TEXT), Frame(tick(3)), Frame(long))

    assert stand.told == [[tick(1), tick(2)], "text", [tick(3)], [long]]


async def test_of_a_flood_no_more_than_so_many_wait_for_each_other(stand: Stand) -> None:
    stand.read(*(Frame(tick(price)) for price in range(1, _MOST_AT_ONCE + 2)))
    assert [len(frames) for frames in stand.told] == [_MOST_AT_ONCE]

    await asyncio.sleep(0)
    assert [len(frames) for frames in stand.told] == [_MOST_AT_ONCE, 1]


async def test_fragments_that_become_too_much_are_no_message(stand: Stand) -> None:
    half = bytes(LARGEST_FRAME // 2)
    stand.read(Frame(half, fin=False), Frame(half, WSMsgType.CONTINUATION, fin=False))

    with pytest.raises(WSError, match="larger"):
        stand.read(Frame(b"x", WSMsgType.CONTINUATION))
