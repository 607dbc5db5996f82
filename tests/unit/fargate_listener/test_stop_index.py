"""The stop index against a reference that is obviously right."""

from __future__ import annotations

from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fargate_listener.stop_index import StopIndex
from tests.unit.fargate_listener.examples import strategy_id

TOKENS = st.integers(1, 3)
NUMBERS = st.integers(0, 12)
PRICES = st.integers(1, 40)


def test_the_highest_stop_is_the_nearest() -> None:
    index = StopIndex()
    index.arm(strategy_id(1), 5, 100)
    index.arm(strategy_id(2), 5, 120)

    assert index.nearest == {5: 120}


def test_a_price_takes_every_stop_at_or_above_it_highest_first() -> None:
    index = StopIndex()
    for number, stop in enumerate([100, 120, 110, 90]):
        index.arm(strategy_id(number), 5, stop)

    taken = index.take(5, 100)

    assert taken == [strategy_id(1), strategy_id(2), strategy_id(0)]
    assert index.nearest == {5: 90}


def test_moving_a_stop_down_uncovers_the_next() -> None:
    index = StopIndex()
    index.arm(strategy_id(1), 5, 120)
    index.arm(strategy_id(2), 5, 100)

    index.arm(strategy_id(1), 5, 80)

    assert index.nearest == {5: 100}
    assert index.take(5, 100) == [strategy_id(2)]
    assert index.take(5, 80) == [strategy_id(1)]


def test_an_instrument_without_stops_is_forgotten() -> None:
    index = StopIndex()
    index.arm(strategy_id(1), 5, 120)

    index.disarm(strategy_id(1))

    assert index.nearest == {}
    assert index.take(5, 1) == []


def test_stops_moved_a_thousand_times_leave_no_rubbish_behind() -> None:
    # Given a stop that stays on top, so that nothing below it ever comes up to be thrown away
    index = StopIndex()
    index.arm(strategy_id(0), 5, 10_000)

    for stop in range(1, 1000):
        index.arm(strategy_id(1), 5, stop)

    assert sum(len(heap) for heap in index._heaps.values()) < 50
    assert index.take(5, 1) == [strategy_id(0), strategy_id(1)]


class IndexAgainstReference(RuleBasedStateMachine):
    """Any sequence of operations: the reference looks at every stop, every time."""

    def __init__(self) -> None:
        super().__init__()
        self.index = StopIndex()
        self.reference: dict[UUID, tuple[int, int]] = {}

    @rule(number=NUMBERS, token=TOKENS, stop=PRICES)
    def arm(self, number: int, token: int, stop: int) -> None:
        self.index.arm(strategy_id(number), token, stop)
        self.reference[strategy_id(number)] = (token, stop)

    @rule(number=NUMBERS)
    def disarm(self, number: int) -> None:
        self.index.disarm(strategy_id(number))
        self.reference.pop(strategy_id(number), None)

    @rule(token=TOKENS, price=PRICES)
    def tick(self, token: int, price: int) -> None:
        reached = {key for key, (on, stop) in self.reference.items() if on == token and price <= stop}
        for key in reached:
            del self.reference[key]

        taken = self.index.take(token, price)

        assert len(taken) == len(set(taken))
        assert set(taken) == reached

    @invariant()
    def nearest_is_the_highest_stop(self) -> None:
        highest: dict[int, int] = {}
        for token, stop in self.reference.values():
            highest[token] = max(stop, highest.get(token, stop))
        assert self.index.nearest == highest
        assert len(self.index) == len(self.reference)


TestIndexAgainstReference = IndexAgainstReference.TestCase
TestIndexAgainstReference.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
