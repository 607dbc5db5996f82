"""The compiled tick path with its index, against a reference that is obviously right: loops over all there is."""

from __future__ import annotations

from struct import pack, pack_into

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from benchmarks.watcher.reference import Belief, Reference, Told, packets_of
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_index import Fall, Rise, StopIndex, Threshold, TrailingFall, TrailingRise
from tests.unit.fargate_listener.examples import frame

TOKENS = st.integers(1, 3)
KEYS = st.integers(0, 14)
PRICES = st.integers(1, 40)
DISTANCES = st.integers(1, 15)
THRESHOLDS: st.SearchStrategy[Threshold] = st.one_of(
    st.builds(Fall, PRICES),
    st.builds(Rise, PRICES),
    st.builds(TrailingFall, DISTANCES, PRICES),
    st.builds(TrailingRise, DISTANCES, PRICES),
)
KINDS = st.sampled_from([8, 28, 32, 44, 184])
STAMP_AT = {184: 60, 32: 28}
TOLD = st.one_of(PRICES, st.sampled_from([0, 41, 2**31 - 1, 2**31, 2**32 - 1]))
"""Prices as the broker sends them: zero and absurd ones too."""
NOON = 1_800_000_000
STAMPS = st.one_of(st.just(0), st.integers(NOON - 6, NOON + 6))
"""In any order; 0 is a packet without one."""


class TickPath(RuleBasedStateMachine):
    """Thresholds are set, changed and removed, limits and time are told while frames come: every decision is the
    reference's, tick for tick. What is zero, absurd, stale or out of order reaches nothing and moves nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.table = MarketTable()
        self.index = StopIndex(self.table)
        self.reference, self.belief = Reference(), Belief()
        self.found: list[tuple[int, int, set[int]]] = []
        self.table.on_event = self.hear

    @initialize()
    def begin(self) -> None:
        for token in range(1, 4):
            self.table.watch(token)
        self.tell_time(oldest=NOON - 3, ahead=2)

    def hear(self, slot: int, price: int) -> None:
        token = self.table.token_of(slot)
        reached = self.index.advance(token, price)
        if reached:
            assert len(reached) == len(set(reached))
            self.found.append((token, price, set(reached)))

    @rule(oldest=st.integers(NOON - 6, NOON), ahead=st.integers(0, 4))
    def tell_time(self, oldest: int, ahead: int) -> None:
        self.table.tell_time(now=NOON, oldest_stamp=oldest, ahead=ahead)
        self.belief.oldest, self.belief.newest = oldest, NOON + ahead

    @rule(token=TOKENS, lowest=st.integers(0, 25), highest=st.one_of(st.integers(20, 45), st.just(2**32)))
    def limit(self, token: int, lowest: int, highest: int) -> None:
        self.table.limit(token, lowest, highest)
        self.belief.limits[token] = (lowest, highest)

    @rule()
    def lose_the_connection(self) -> None:
        self.table.forget_prices()
        self.belief.stamps.clear()

    @rule(key=KEYS, token=TOKENS, threshold=THRESHOLDS)
    def arm(self, key: int, token: int, threshold: Threshold) -> None:
        self.index.arm(key, token, threshold)
        self.reference.arm(key, token, threshold)

    @rule(key=KEYS)
    def disarm(self, key: int) -> None:
        self.index.disarm(key)
        self.reference.disarm(key)

    @rule(frames=st.lists(st.lists(st.tuples(TOKENS, TOLD, KINDS, STAMPS), max_size=6), max_size=5))
    def ticks(self, frames: list[list[tuple[int, int, int, int]]]) -> None:
        self.found.clear()
        self.table.take_counted()
        expected, believed, last = [], 0, {token: self.table.latest(token) for token in range(1, 4)}
        for packets in frames:
            for token, price, length, stamp in packets:
                if not self.belief.believes(Told(token, price, stamp if length in STAMP_AT else 0)):
                    continue
                believed += 1
                last[token] = price
                reached = self.reference.tick(token, price)
                if reached:
                    expected.append((token, price, reached))
        if frames:
            self.table.on_frames([frame([tick_packet(*packet) for packet in packets]) for packets in frames])

        assert in_order_of_each_token(self.found) == in_order_of_each_token(expected)
        assert self.table.take_counted().ticks == believed
        assert {token: self.table.latest(token) for token in range(1, 4)} == last

    @invariant()
    def as_many_are_armed(self) -> None:
        assert len(self.index) == len(self.reference.armed)


def tick_packet(token: int, price: int, length: int, stamp: int) -> bytes:
    """A packet of that kind, with its time stamp where it has one."""
    body = bytearray(pack(">II", token, price) + bytes(length - 8))
    if length in STAMP_AT:
        pack_into(">I", body, STAMP_AT[length], stamp)
    return bytes(body)


def in_order_of_each_token(found: list[tuple[int, int, set[int]]]) -> dict[int, list[tuple[int, set[int]]]]:
    """Between instruments the order of decisions within one read is free; within one it is not."""
    return {token: [(price, keys) for t, price, keys in found if t == token] for token in range(1, 4)}


TestTickPath = TickPath.TestCase
TestTickPath.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


@st.composite
def broken_frames(draw: st.DrawFn) -> bytes:
    """A frame that claims any number of packets, of which each claims any length; cut off anywhere."""
    lengths = draw(st.lists(st.one_of(KINDS, st.integers(0, 200)), max_size=4))
    bodies = [
        tick_packet(draw(TOKENS), draw(TOLD), length, draw(STAMPS)) if length >= 8 else bytes(length)
        for length in lengths
    ]
    claimed = draw(st.one_of(st.just(len(bodies)), st.integers(0, 9)))
    whole = pack(">H", claimed) + b"".join(pack(">H", len(body)) + body for body in bodies)
    return whole[: draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))]


def followed(frames: list[bytes]) -> tuple[int, dict[int, int]]:
    """How many prices the reference believes, and the last one of each instrument."""
    belief = Belief(oldest=NOON - 3, newest=NOON + 2)
    told = [each for frame in frames for each in packets_of(frame) if each.token in range(1, 4)]
    believed = [each for each in told if belief.believes(each)]
    return len(believed), {each.token: each.price for each in believed}


A_TICK = pack(">HHII", 1, 8, 1, 30)


@given(frames=st.lists(st.one_of(broken_frames(), st.binary(max_size=60)), min_size=1, max_size=6))
@example([A_TICK[:-1], A_TICK]).via("a packet whose last byte is the next frame's first")
@example([A_TICK[:4], A_TICK]).via("a packet that is only its length")
@example([pack(">HHII", 2, 8, 1, 30), A_TICK]).via("a frame that claims one packet more than it has")
@example([pack(">HHII", 1, 184, 1, 30), A_TICK]).via("a full packet without its stamp")
@settings(max_examples=500, deadline=None)
def test_no_bytes_make_it_raise_or_read_beyond_their_frame(frames: list[bytes]) -> None:
    # Given instruments that the frames may be of
    table = MarketTable()
    for token in range(1, 4):
        table.watch(token)
    table.tell_time(now=NOON, oldest_stamp=NOON - 3, ahead=2)

    # When they come in one read, so that behind each lies the next one
    table.on_frames(frames)

    # Then nothing is known but what the packets say that are whole within their frame
    count, last = followed(frames)
    assert table.take_counted().ticks == count
    assert {token: price for token in range(1, 4) if (price := table.latest(token))} == last


@pytest.mark.parametrize("cut", range(len(A_TICK)))
def test_a_packet_that_is_cut_off_anywhere_is_no_tick(cut: int) -> None:
    table = MarketTable()
    table.watch(1)

    table.on_frames([A_TICK[:cut], bytes(8)])

    assert table.latest(1) is None
