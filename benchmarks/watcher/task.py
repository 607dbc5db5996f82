"""What one process of the watcher's benchmark is asked to do, as it travels to it over standard input."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from struct import pack
from typing import Self

INSTRUMENTS = 3_000
"""What one socket of the broker may subscribe to."""
LENGTHS = {"ltp": 8, "full": 184}
HIGHEST_STOP = 1_999
"""Wire units. Every price of the benchmark is above, so that no stop is hit where none should be."""
_CLOCK_BITS = 30


@dataclass(frozen=True, slots=True)
class Task:
    """One scenario. The sender and the client of a run get the same one."""

    kind: str = "ltp"
    """Of packet: a key of LENGTHS."""
    packets: int = 5
    """Per frame."""
    stops: int = 100_000
    pace: int = 0
    """Ticks a second; 0 is a flood."""
    tls: str = "no"
    """`no`; `full`: records filled by as many frames as fit; `frame`: one frame in each record."""
    warm_seconds: float = 1.0
    seconds: float = 3.0
    port: int = 0
    certificate: str = ""
    """Path of the sender's certificate, which the client trusts."""
    key: str = ""
    redis_port: int = 0
    core: int | None = None
    """Which core the process is pinned to."""
    extra: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where the client finds the sender."""
        return f"{'ws' if self.tls == 'no' else 'wss'}://127.0.0.1:{self.port}"

    @property
    def frame_bytes(self) -> int:
        """Length of a frame's payload."""
        return 2 + self.packets * (2 + LENGTHS[self.kind])

    def dump(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls) -> Self:
        """From standard input."""
        return cls(**json.loads(sys.stdin.readline()))


def tokens() -> list[int]:
    """The instruments, all of NSE."""
    return [(number << 8) | 1 for number in range(1, INSTRUMENTS + 1)]


def price_at(micros: int) -> int:
    """The wire price that carries an instant of the monotonic clock, microseconds."""
    return HIGHEST_STOP + 1 + micros % (1 << _CLOCK_BITS)


def age_of(price: int, micros: int) -> int:
    """Microseconds since the instant that a price carries."""
    return (micros - (price - HIGHEST_STOP - 1)) % (1 << _CLOCK_BITS)


def packet(kind: str, token: int, price: int) -> bytes:
    """With its length before it."""
    return pack(">HII", LENGTHS[kind], token, price) + bytes(LENGTHS[kind] - 8)


def frame(packets: list[bytes]) -> bytes:
    """A binary frame's payload."""
    return pack(">H", len(packets)) + b"".join(packets)


def message(payload: bytes) -> bytes:
    """A server's WebSocket message with that payload (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return pack(">BB", 0x82, size) + payload
    if size < 1 << 16:
        return pack(">BBH", 0x82, 126, size) + payload
    return pack(">BBQ", 0x82, 127, size) + payload
