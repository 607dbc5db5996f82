"""The tick path, compiled: frames as the broker sends them, walked and compared with every threshold in one call.

Layout of a frame, big-endian (Kite Connect documentation, WebSocket streaming): `u16` packet count, then for each
packet a `u16` length and its bytes. Every kind of packet (ltp 8 bytes, index quote 28, index full 32, quote 44, full
184) starts with the instrument token and the last price, both `u32`; the length alone tells the kind. The exchange's
time stamp, `u32` Unix seconds, stands at byte 60 of a full packet and at byte 28 of a full index packet. A frame of
one byte is a heartbeat.

Nothing here makes a Python object for a tick. What needs one - a threshold that was reached, trailing levels that
must be joined - is handed back as an event, and the call ends where it cannot go on without an answer; called again,
it goes on from there. So decisions are those of a loop over single ticks, exactly.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numba import types

from fargate_listener.kept_code import kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

HIGHEST_PRICE: Final = 2**31 - 1
"""Wire prices are signed 32-bit at the broker: anything above is a negative number or garbage."""
NEVER_ABOVE: Final = 2**62
"""A level that no price reaches from below."""
NEVER_BELOW: Final = 0
"""A level that no price reaches from above: prices are positive."""


class Column(IntEnum):
    """What an instrument's row holds. Prices in wire units."""

    LAST = 0
    """The last price, 0 while none is known."""
    FALL = 1
    """The highest level that a price at or below it reaches."""
    RISE = 2
    """The lowest level that a price at or above it reaches."""
    CREST = 3
    """The high that the youngest trailing levels below the market follow; a price above it moves them."""
    NEXT_CREST = 4
    """The next older high: a price at or above it joins the two."""
    TIGHT_FALL = 5
    """The smallest distance of a level that follows CREST."""
    FIXED_FALL = 6
    """The highest level below the market that does not follow CREST."""
    TROUGH = 7
    NEXT_TROUGH = 8
    TIGHT_RISE = 9
    FIXED_RISE = 10
    """The same four above the market, for levels that follow a low."""
    LOWEST = 11
    HIGHEST = 12
    """Prices outside these limits are not believed."""
    STAMP = 13
    """The exchange's time of the last price, Unix seconds; 0 where the packets carry none."""
    PENDING = 14
    """1 while an event of the row waits for its answer."""
    IS_NEWS = 15
    """1 while the last price stands in the news."""
    MINUTE = 16
    OPEN = 17
    HIGH = 18
    LOW = 19
    TICKS = 20
    CLOSE = 21
    """The bar of the present minute (epoch minutes)."""
    SEEN = 22
    """The batch in which the instrument ticked last."""


class State(IntEnum):
    """What a table's calls share: where to go on, what was counted, and what the caller tells."""

    FRAME = 0
    AT = 1
    LEFT = 2
    END = 3
    """Frame, byte, packets left and the frame's end, where the next call goes on."""
    NEWS = 4
    """Rows in the news."""
    BARS = 5
    """Bars that have ended."""
    OLDEST_STAMP = 6
    NEWEST_STAMP = 7
    """Told by the caller, Unix seconds: a price from before the one is stale, a stamp after the other not believed."""
    NOW_MINUTE = 8
    """Told by the caller: the epoch minute that ticks belong to."""
    BATCH = 9
    """The number of the present batch, the frames of one read."""
    LATEST_STAMP = 10
    """The newest stamp that was believed."""
    TICKED = 11
    INVALID = 12
    MALFORMED = 13
    STALE = 14
    FUTURE = 15
    UNWATCHED = 16
    """Counted: prices accepted; zero, absurd or beyond the limits; packets that are none; prices out of order or from
    before today; with a stamp of the future; of instruments that nobody watches."""


class Bar(IntEnum):
    """A minute's bar that has ended."""

    SLOT = 0
    MINUTE = 1
    OPEN = 2
    HIGH = 3
    LOW = 4
    CLOSE = 5
    TICKS = 6


COLUMNS: Final = 24
"""Three cache lines a row."""
STATES: Final = 17
BARS_COLUMNS: Final = 7
_MIXER: Final = 0x9E3779B1
"""Knuth's multiplicative hash: tokens are dense in places and sparse in others."""

# The compiler knows plain integers best.
_LAST, _FALL, _RISE, _CREST, _NEXT_CREST = (int(c) for c in list(Column)[0:5])
_TIGHT_FALL, _FIXED_FALL, _TROUGH, _NEXT_TROUGH, _TIGHT_RISE, _FIXED_RISE = (int(c) for c in list(Column)[5:11])
_LOWEST, _HIGHEST, _STAMP, _PENDING, _IS_NEWS = (int(c) for c in list(Column)[11:16])
_MINUTE, _OPEN, _HIGH, _LOW, _TICKS, _CLOSE, _SEEN = (int(c) for c in list(Column)[16:23])
_S_FRAME, _S_AT, _S_LEFT, _S_END, _S_NEWS, _S_BARS = (int(s) for s in list(State)[0:6])
_S_OLDEST, _S_NEWEST, _S_MINUTE, _S_BATCH, _S_LATEST = (int(s) for s in list(State)[6:11])
_S_TICKED, _S_INVALID, _S_MALFORMED, _S_STALE, _S_FUTURE, _S_UNWATCHED = (int(s) for s in list(State)[11:17])


_bytes = types.Array(types.uint8, 1, "C", readonly=True)
_vector = types.Array(types.int64, 1, "C")
_matrix = types.Array(types.int64, 2, "C")


@kept(types.int64(_bytes, types.int64), inline="always")
def _u32(data: Any, at: Any) -> Any:
    return (
        (np.int64(data[at]) << 24)
        | (np.int64(data[at + 1]) << 16)
        | (np.int64(data[at + 2]) << 8)
        | np.int64(data[at + 3])
    )


@kept(types.int64(_matrix, types.int64), inline="always")
def _find(tokens: Any, token: Any) -> Any:
    """The slot of a token in the open-addressing table, -1 when it is not in it. Half of the table is always free."""
    mask = tokens.shape[0] - 1
    at = ((token * _MIXER) >> 16) & mask
    while tokens[at, 1] >= 0:
        if tokens[at, 0] == token:
            return np.int64(tokens[at, 1])
        at = (at + 1) & mask
    return -1


@kept(types.void(_matrix, _vector, _vector))
def fill_tokens(tokens: NDArray[np.int64], keys: NDArray[np.int64], slots: NDArray[np.int64]) -> None:
    """Make the table of tokens anew: a power of two of rows (token, slot), at least twice as many as keys."""
    mask = tokens.shape[0] - 1
    tokens[:, 1] = -1
    for number in range(keys.shape[0]):
        at = ((keys[number] * _MIXER) >> 16) & mask
        while tokens[at, 1] >= 0:
            at = (at + 1) & mask
        tokens[at, 0] = keys[number]
        tokens[at, 1] = slots[number]


@kept(
    types.int64(_bytes, _vector, _matrix, _matrix, _vector, _matrix, _matrix, _vector, types.boolean),
    nogil=False,
    boundscheck=False,
)
def evaluate(  # noqa: C901, PLR0912, PLR0915, PLR0917 - one loop without calls is what makes it fast
    data: NDArray[np.uint8],
    sizes: NDArray[np.int64],
    tokens: NDArray[np.int64],
    rows: NDArray[np.int64],
    news: NDArray[np.int64],
    bars: NDArray[np.int64],
    events: NDArray[np.int64],
    state: NDArray[np.int64],
    begin_anew: bool,
) -> int:
    """Walk the frames in `data`, which are of those `sizes`: from the first one, or from where the last call ended.

    Returns how many `events` (slot, price) wait for their answer: PENDING is set in their rows, and whoever answers
    clears it. When there is more to walk after that, the answer is that number's complement (-1 - number). Never
    reads beyond a frame, and takes no packet that ends beyond it.
    """
    if begin_anew:
        frame, at, left, end = np.int64(0), np.int64(0), np.int64(-1), np.int64(0)
        state[_S_BATCH] += 1
    else:
        frame, at, left, end = state[_S_FRAME], state[_S_AT], state[_S_LEFT], state[_S_END]
    waiting = 0
    while frame < sizes.shape[0]:
        if left < 0:
            at = end
            end = at + sizes[frame]
            if end - at < 2:
                frame += 1
                continue
            left = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
            at += 2
        while left > 0:
            if at + 2 > end:
                state[_S_MALFORMED] += 1
                at, left = end, np.int64(0)
                break
            length = (np.int64(data[at]) << 8) | np.int64(data[at + 1])
            begin = at + 2
            if begin + length > end:
                state[_S_MALFORMED] += 1
                at, left = end, np.int64(0)
                break
            if length != 8 and length != 184 and length != 44 and length != 32 and length != 28:  # noqa: PLR1714
                state[_S_MALFORMED] += 1
                at = begin + length
                left -= 1
                continue
            token = _u32(data, begin)
            price = _u32(data, begin + 4)
            slot = _find(tokens, token)
            if slot < 0:
                state[_S_UNWATCHED] += 1
                at = begin + length
                left -= 1
                continue
            if rows[slot, _PENDING] != 0:
                # Where its levels stand is not known before the event is answered.
                state[_S_FRAME], state[_S_AT], state[_S_LEFT], state[_S_END] = frame, at, left, end
                return -1 - waiting
            if price < rows[slot, _LOWEST] or price > rows[slot, _HIGHEST]:
                state[_S_INVALID] += 1
                at = begin + length
                left -= 1
                continue
            if length == 184 or length == 32:  # noqa: PLR1714
                stamp = _u32(data, begin + (60 if length == 184 else 28))
                if stamp > 0:
                    if stamp < rows[slot, _STAMP] or stamp < state[_S_OLDEST]:
                        state[_S_STALE] += 1
                        at = begin + length
                        left -= 1
                        continue
                    if stamp > state[_S_NEWEST]:
                        state[_S_FUTURE] += 1
                    else:
                        rows[slot, _STAMP] = stamp
                        state[_S_LATEST] = max(state[_S_LATEST], stamp)
            minute = rows[slot, _MINUTE]
            if minute != state[_S_MINUTE]:
                if minute != 0:
                    if state[_S_BARS] == bars.shape[0]:
                        state[_S_FRAME], state[_S_AT], state[_S_LEFT], state[_S_END] = frame, at, left, end
                        return -1 - waiting
                    bar = state[_S_BARS]
                    bars[bar, 0] = slot
                    bars[bar, 1] = minute
                    bars[bar, 2] = rows[slot, _OPEN]
                    bars[bar, 3] = rows[slot, _HIGH]
                    bars[bar, 4] = rows[slot, _LOW]
                    bars[bar, 5] = rows[slot, _CLOSE]
                    bars[bar, 6] = rows[slot, _TICKS]
                    state[_S_BARS] = bar + 1
                rows[slot, _MINUTE] = state[_S_MINUTE]
                rows[slot, _OPEN] = price
                rows[slot, _HIGH] = price
                rows[slot, _LOW] = price
                rows[slot, _TICKS] = 1
            else:
                rows[slot, _HIGH] = max(rows[slot, _HIGH], price)
                rows[slot, _LOW] = min(rows[slot, _LOW], price)
                rows[slot, _TICKS] += 1
            state[_S_TICKED] += 1
            rows[slot, _LAST] = price
            rows[slot, _CLOSE] = price
            rows[slot, _SEEN] = state[_S_BATCH]
            if rows[slot, _IS_NEWS] == 0:
                rows[slot, _IS_NEWS] = 1
                news[state[_S_NEWS]] = slot
                state[_S_NEWS] += 1
            at = begin + length
            left -= 1
            if price <= rows[slot, _FALL] or price >= rows[slot, _RISE]:
                pass
            elif price > rows[slot, _CREST]:
                if price < rows[slot, _NEXT_CREST]:
                    rows[slot, _CREST] = price
                    rows[slot, _FALL] = max(rows[slot, _FIXED_FALL], price - rows[slot, _TIGHT_FALL])
                    if price >= rows[slot, _TROUGH]:
                        continue
                    # A high and a low at once is for the slow path; it finds the high followed already.
            elif price >= rows[slot, _TROUGH]:
                continue
            elif price > rows[slot, _NEXT_TROUGH]:
                rows[slot, _TROUGH] = price
                rows[slot, _RISE] = min(rows[slot, _FIXED_RISE], price + rows[slot, _TIGHT_RISE])
                continue
            events[waiting, 0] = slot
            events[waiting, 1] = price
            rows[slot, _PENDING] = 1
            waiting += 1
        if at < end:
            state[_S_MALFORMED] += 1
        frame += 1
        left = np.int64(-1)
    return waiting
