"""What is known of every watched instrument, one row each, and the door to the compiled tick path."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fargate_listener.tick_kernel import (
    BARS_COLUMNS,
    COLUMNS,
    HIGHEST_PRICE,
    NEVER_ABOVE,
    NEVER_BELOW,
    STATES,
    Bar,
    Column,
    State,
    evaluate,
    fill_tokens,
)

_FIRST_ROOM: Final = 256
_BARS: Final = 8_192

_EMPTY_ROW: Final = np.zeros(COLUMNS, np.int64)
_EMPTY_ROW[Column.FALL] = NEVER_BELOW
_EMPTY_ROW[Column.RISE] = NEVER_ABOVE
_EMPTY_ROW[Column.CREST] = NEVER_ABOVE
_EMPTY_ROW[Column.NEXT_CREST] = NEVER_ABOVE
_EMPTY_ROW[Column.FIXED_FALL] = NEVER_BELOW
_EMPTY_ROW[Column.TROUGH] = NEVER_BELOW
_EMPTY_ROW[Column.NEXT_TROUGH] = NEVER_BELOW
_EMPTY_ROW[Column.FIXED_RISE] = NEVER_ABOVE
_EMPTY_ROW[Column.LOWEST] = 1
_EMPTY_ROW[Column.HIGHEST] = HIGHEST_PRICE

_NO_ROW: Final = -1


@dataclass(slots=True)
class Counted:
    """What happened to packets since the last look."""

    ticks: int = 0
    invalid: int = 0
    malformed: int = 0
    stale: int = 0
    future: int = 0
    unwatched: int = 0


class MinuteBar(NamedTuple):
    """One minute of an instrument's ticks; prices in wire units, `minute` since the epoch."""

    token: int
    minute: int
    open: int
    high: int
    low: int
    close: int
    ticks: int


class MarketTable:
    """Rows by slot. `on_event` answers for a row whose threshold was reached: it gets the slot and the price."""

    def __init__(self) -> None:
        self.rows: NDArray[np.int64] = np.tile(_EMPTY_ROW, (_FIRST_ROOM, 1))
        self.on_event: Callable[[int, int], None] = _nobody_hears
        self._slots: dict[int, int] = {}
        self._tokens_by_slot: list[int] = []
        self._token_of_slot: NDArray[np.int64] = np.zeros(_FIRST_ROOM, np.int64)
        """The same as an array."""
        self._free: list[int] = []
        self._tokens: NDArray[np.int64] = np.full((8, 2), -1, np.int64)
        self._is_indexed = True
        self._news: NDArray[np.int64] = np.zeros(_FIRST_ROOM, np.int64)
        self._bars: NDArray[np.int64] = np.zeros((_BARS, BARS_COLUMNS), np.int64)
        self._ended: list[MinuteBar] = []
        self._events: NDArray[np.int64] = np.zeros((_FIRST_ROOM, 2), np.int64)
        """Room for one of each row: a row that waits for its answer gets no second one."""
        self._state: NDArray[np.int64] = np.zeros(STATES, np.int64)
        self._state[State.NEWEST_STAMP] = NEVER_ABOVE
        self._future_taken = 0

    def __contains__(self, token: int) -> bool:
        return token in self._slots

    def __len__(self) -> int:
        return len(self._slots)

    # --- instruments --------------------------------------------------------------------------------

    def watch(self, token: int) -> int:
        """The slot of an instrument, from now on watched."""
        slot = self._slots.get(token, _NO_ROW)
        if slot == _NO_ROW:
            slot = self._take_slot(token)
            self._slots[token] = slot
            self.rows[slot] = _EMPTY_ROW
            self._is_indexed = False
        return slot

    def unwatch(self, token: int) -> None:
        """Forget an instrument and everything known of it; no error when it was not watched."""
        slot = self._slots.pop(token, _NO_ROW)
        if slot != _NO_ROW:
            self._drop_news([slot])
            self._keep_bars()  # Ended ones name the slot, which will be another instrument's.
            self._close_bars([slot] if self.rows[slot, Column.MINUTE] else [])
            self.rows[slot] = _EMPTY_ROW
            self._free.append(slot)
            self._is_indexed = False

    def slot_of(self, token: int) -> int | None:
        """The slot of an instrument; None when it is not watched."""
        return self._slots.get(token)

    def slots_of(self, tokens: Collection[int]) -> NDArray[np.int64]:
        """The slots of many instruments at once; -1 for one that is not watched."""
        return np.fromiter(map(self._slots.get, tokens, repeat(_NO_ROW)), np.int64, len(tokens))

    @property
    def tokens(self) -> NDArray[np.int64]:
        """The instrument of each row, or the last one of a row that is free. To be read only."""
        return self._token_of_slot

    def tokens_at(self, chosen: NDArray[np.bool_]) -> list[int]:
        """The watched instruments of the rows that a mask chooses."""
        pairs = zip(np.flatnonzero(chosen).tolist(), self._token_of_slot[chosen].tolist(), strict=True)
        return [token for slot, token in pairs if self._slots.get(token) == slot]

    def token_of(self, slot: int) -> int:
        """The instrument of a slot."""
        return self._tokens_by_slot[slot]

    def limit(self, token: int, lowest: int, highest: int) -> None:
        """Believe no price of a watched instrument outside `lowest` .. `highest`, its circuit limits of the day."""
        slot = self._slots.get(token, _NO_ROW)
        if slot != _NO_ROW:
            self.rows[slot, Column.LOWEST] = max(1, lowest)
            self.rows[slot, Column.HIGHEST] = min(HIGHEST_PRICE, highest)

    # --- prices -------------------------------------------------------------------------------------

    def latest(self, token: int) -> int | None:
        """The last price since the feed was (re)connected."""
        slot = self._slots.get(token, _NO_ROW)
        return (int(self.rows[slot, Column.LAST]) or None) if slot != _NO_ROW else None

    def forget_prices(self, tokens: Sequence[int] | None = None) -> None:
        """Prices of `tokens` (all, after a disconnection) no longer say where the market stands."""
        slots = list(self._slots.values() if tokens is None else (self._slots[t] for t in tokens if t in self._slots))
        if slots:
            self._drop_news(slots)
            self.rows[slots, Column.LAST] = 0
            self.rows[slots, Column.STAMP] = 0

    @property
    def news(self) -> int:
        """Instruments whose price came since it was last taken."""
        return int(self._state[State.NEWS])

    def take_news(self) -> dict[int, int]:
        """Prices that came since they were last taken, by token."""
        pairs = np.frombuffer(self.take_news_pairs(), np.int64)
        return dict(zip(pairs[::2].tolist(), pairs[1::2].tolist(), strict=True))

    def take_news_pairs(self) -> bytes:
        """The same as token and price in turn, 64-bit numbers in the machine's order."""
        slots = self._news[: self._state[State.NEWS]]
        self._state[State.NEWS] = 0
        self.rows[slots, Column.IS_NEWS] = 0
        pairs = np.empty((len(slots), 2), np.int64)
        pairs[:, 0] = self._token_of_slot[slots]
        pairs[:, 1] = self.rows[slots, Column.LAST]
        return pairs.tobytes()

    def seen_since(self, batch: int) -> Iterator[int]:
        """The instruments that ticked in a batch of that number or a later one."""
        seen = self.rows[:, Column.SEEN] >= batch
        return (token for token, slot in self._slots.items() if seen[slot])

    # --- ticks --------------------------------------------------------------------------------------

    @property
    def batch(self) -> int:
        """The number of the newest batch."""
        return int(self._state[State.BATCH])

    @property
    def latest_stamp(self) -> int:
        """The newest time stamp of the exchange, Unix seconds; 0 before one came."""
        return int(self._state[State.LATEST_STAMP])

    @property
    def future_stamps(self) -> int:
        """How many stamps were too far ahead of our clock to be believed, ever."""
        return self._future_taken + int(self._state[State.FUTURE])

    def tell_time(self, *, now: float, oldest_stamp: int, ahead: int) -> None:
        """Which minute it is, and which stamps are believed: not those from before `oldest_stamp`, nor those more
        than `ahead` seconds after `now` (Unix seconds)."""
        self._state[State.NOW_MINUTE] = int(now) // 60
        self._state[State.OLDEST_STAMP] = oldest_stamp
        self._state[State.NEWEST_STAMP] = int(now) + ahead

    def on_frames(self, frames: Sequence[bytes]) -> None:
        """Evaluate what one read of the socket brought."""
        if not self._is_indexed:
            self._index()
        data = np.frombuffer(b"".join(frames), np.uint8)
        sizes = np.fromiter(map(len, frames), np.int64, len(frames))
        found = self._evaluate(data, sizes, begin_anew=True)
        while found != 0:
            is_done = found > 0
            self._answer(found if is_done else -1 - found)
            if is_done:
                return
            if self._state[State.BARS] == len(self._bars):
                self._keep_bars()
            found = self._evaluate(data, sizes, begin_anew=False)

    def _evaluate(self, data: NDArray[np.uint8], sizes: NDArray[np.int64], *, begin_anew: bool) -> int:
        state, rows, tokens = self._state, self.rows, self._tokens
        return evaluate(data, sizes, tokens, rows, self._news, self._bars, self._events, state, begin_anew)

    def _answer(self, waiting: int) -> None:
        events = self._events[:waiting]
        self.rows[events[:, 0], Column.PENDING] = 0
        for slot, price in events.tolist():
            self.on_event(slot, price)

    def take_counted(self) -> Counted:
        """Packets since the last call."""
        state = self._state[State.TICKED : State.UNWATCHED + 1]
        counted = Counted(*state.tolist())
        self._future_taken += counted.future
        state[:] = 0
        return counted

    # --- bars ---------------------------------------------------------------------------------------

    def take_bars(self, before_minute: int) -> list[MinuteBar]:
        """The bars of minutes `before_minute`, also of instruments that have not ticked since."""
        minutes = self.rows[:, Column.MINUTE]
        self._close_bars(np.flatnonzero((minutes > 0) & (minutes < before_minute)).tolist())
        self._keep_bars()
        ended, self._ended = self._ended, []
        return ended

    def _close_bars(self, slots: Sequence[int]) -> None:
        """In one sweep over the rows: thousands end with a minute, while ticks wait."""
        bars = self.rows[slots, Column.MINUTE : Column.CLOSE + 1].tolist()
        self.rows[slots, Column.MINUTE] = 0
        self._ended += [
            MinuteBar(self._tokens_by_slot[slot], minute, first, high, low, close, ticks)
            for slot, (minute, first, high, low, ticks, close) in zip(slots, bars, strict=True)
        ]

    def _keep_bars(self) -> None:
        for bar in self._bars[: self._state[State.BARS]].tolist():
            token = self._tokens_by_slot[bar[Bar.SLOT]]
            self._ended.append(MinuteBar(token, *bar[Bar.MINUTE :]))
        self._state[State.BARS] = 0

    # --- slots --------------------------------------------------------------------------------------

    def _take_slot(self, token: int) -> int:
        if self._free:
            slot = self._free.pop()
            self._tokens_by_slot[slot] = self._token_of_slot[slot] = token
            return slot
        slot = len(self._tokens_by_slot)
        self._tokens_by_slot.append(token)
        if slot == len(self.rows):
            self._token_of_slot = np.concatenate([self._token_of_slot, np.zeros(slot, np.int64)])
            self.rows = np.concatenate([self.rows, np.tile(_EMPTY_ROW, (slot, 1))])
            self._news = np.concatenate([self._news, np.zeros(slot, np.int64)])
            self._events = np.zeros((len(self.rows), 2), np.int64)
        self._token_of_slot[slot] = token
        return slot

    def _index(self) -> None:
        room = 16
        while room < 4 * len(self._slots):
            room *= 2
        if room != len(self._tokens):
            self._tokens = np.full((room, 2), -1, np.int64)
        count = len(self._slots)
        fill_tokens(
            self._tokens,
            np.fromiter(self._slots.keys(), np.int64, count),
            np.fromiter(self._slots.values(), np.int64, count),
        )
        self._is_indexed = True

    def _drop_news(self, slots: Sequence[int]) -> None:
        self.rows[slots, Column.IS_NEWS] = 0
        news = self._news[: self._state[State.NEWS]]
        kept = news[self.rows[news, Column.IS_NEWS] == 1]
        self._news[: len(kept)] = kept
        self._state[State.NEWS] = len(kept)


def _nobody_hears(_slot: int, _price: int) -> None:
    """Of a table without stops."""
