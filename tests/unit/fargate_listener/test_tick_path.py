"""The compiled tick path with its index, against a reference that is obviously right: loops over all there is."""

from __future__ import annotations

from struct import pack

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from benchmarks.watcher.reference import Reference
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_index import Fall, Rise, StopIndex, Threshold, TrailingFall, TrailingRise
from fargate_listener.tick_kernel import Column
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


class TickPath(RuleBasedStateMachine):
    """Thresholds are set, changed and removed while frames come: every decision is the reference's, tick for tick."""

    def __init__(self) -> None:
        super().__init__()
        self.table = MarketTable()
        self.index = StopIndex(self.table)
        self.reference = Reference()
        self.found: list[tuple[int, int, set[int]]] = []
        self.table.on_event = self.hear

    def hear(self, slot: int, price: int) -> None:
        token = self.table.token_of(slot)
        reached = self.index.advance(token, price)
        if reached:
            assert len(reached) == len(set(reached))
            self.found.append((token, price, set(reached)))

    @rule(key=KEYS, token=TOKENS, threshold=THRESHOLDS)
    def arm(self, key: int, token: int, threshold: Threshold) -> None:
        self.index.arm(key, token, threshold)
        self.reference.arm(key, token, threshold)

    @rule(key=KEYS)
    def disarm(self, key: int) -> None:
        self.index.disarm(key)
        self.reference.disarm(key)

    @rule(frames=st.lists(st.lists(st.tuples(TOKENS, PRICES, KINDS), max_size=6), max_size=5))
    def ticks(self, frames: list[list[tuple[int, int, int]]]) -> None:
        self.found.clear()
        expected = []
        for packets in frames:
            for token, price, _ in packets:
                reached = self.reference.tick(token, price)
                if reached:
                    expected.append((token, price, reached))
        if frames:
            self.table.on_frames([frame([tick_packet(*packet) for packet in packets]) for packets in frames])

        assert in_order_of_each_token(self.found) == in_order_of_each_token(expected)

    @invariant()
    def as_many_are_armed(self) -> None:
        assert len(self.index) == len(self.reference.armed)


def tick_packet(token: int, price: int, length: int) -> bytes:
    """A packet of that kind, without a time stamp."""
    return pack(">II", token, price) + bytes(length - 8)


def in_order_of_each_token(found: list[tuple[int, int, set[int]]]) -> dict[int, list[tuple[int, set[int]]]]:
    """Between instruments the order of decisions within one read is free; within one it is not."""
    return {token: [(price, keys) for t, price, keys in found if t == token] for token in range(1, 4)}


TestTickPath = TickPath.TestCase
TestTickPath.settings = settings(max_examples=300, stateful_step_count=40, deadline=None)


@given(junk=st.lists(st.binary(max_size=60), min_size=1, max_size=6))
@settings(max_examples=500, deadline=None)
def test_no_bytes_make_it_raise_or_read_beyond_their_frame(junk: list[bytes]) -> None:
    # Given a frame behind the junk that tells whether the walk found its way
    table = MarketTable()
    table.watch(7)

    table.on_frames([*junk, frame([pack(">II", 7, 100)])])

    assert table.rows[table.slot_of(7), Column.LAST] == 100
