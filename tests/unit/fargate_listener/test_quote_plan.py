"""Which instruments a request names, and how long each waits for its turn."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from fargate_listener.quote_plan import LIMITS_AT_ONCE, MOST_AT_ONCE, RESERVED, Needs, QuotePlan


def test_nothing_is_asked_without_a_need() -> None:
    assert QuotePlan().next(Needs()).tokens == ()


def test_each_need_comes_after_those_of_more_risk_and_shares_their_request() -> None:
    request = QuotePlan().next(Needs(doubtful=[5, 3], crossed=[4], limits=[2], untraded=[6], compared=[1]))

    assert request.covered == (5, 3, 4, 6)
    assert request.limits == (2,)
    assert request.compared == (1,)
    assert request.tokens == (5, 3, 4, 6, 2, 1)


def test_an_instrument_with_several_needs_is_asked_for_once() -> None:
    request = QuotePlan().next(Needs(doubtful=[5, 5], crossed=[5], limits=[5, 2], untraded=[5], compared=[2, 5]))

    assert request.tokens == (5, 2)


def test_however_much_is_in_doubt_limits_are_read() -> None:
    limits = range(10_000, 10_300)

    request = QuotePlan().next(Needs(doubtful=range(3_000), crossed=range(4_000, 4_900), limits=limits))

    assert request.covered == tuple(range(MOST_AT_ONCE - RESERVED))
    assert request.limits == tuple(limits[:RESERVED])


def test_where_nothing_is_in_doubt_an_answer_is_short() -> None:
    assert len(QuotePlan().next(Needs(limits=range(3_000))).tokens) == LIMITS_AT_ONCE


def test_what_a_sweep_leaves_free_goes_to_the_most_at_risk_again() -> None:
    plan = QuotePlan()
    doubtful = range(MOST_AT_ONCE + 10)
    plan.next(Needs(doubtful=doubtful))

    request = plan.next(Needs(doubtful=doubtful))

    assert request.covered == (*doubtful[MOST_AT_ONCE:], *doubtful[: MOST_AT_ONCE - 10])


@given(
    doubtful=st.integers(1, 3_000),
    limits=st.integers(0, 3_000),
    crossed=st.integers(0, 600),
    begun=st.integers(0, 12),
    lost=st.sets(st.integers(0, 2_999), max_size=50),
)
def test_whatever_is_in_doubt_has_its_turn_within_one_sweep(
    doubtful: int, limits: int, crossed: int, begun: int, lost: set[int]
) -> None:
    # Given a sweep that has come somewhere, over more instruments than are in doubt now
    plan = QuotePlan()
    for _ in range(begun):
        plan.next(Needs(doubtful=range(3_000)))
    wanted = [token for token in range(doubtful) if token not in lost]
    needs = Needs(wanted, range(5_000, 5_000 + crossed), range(10_000, 10_000 + limits))

    # Then a whole sweep, after what was left of the last one, names them all
    room = MOST_AT_ONCE - min(limits, RESERVED)
    requests = [plan.next(needs) for _ in range(2 * math.ceil(len(wanted) / room))]

    assert set(wanted) <= {token for request in requests for token in request.covered}
    assert all(len(set(request.tokens)) == len(request.tokens) <= MOST_AT_ONCE for request in requests)


@given(doubtful=st.integers(1, 3_000), limits=st.integers(0, 3_000))
def test_what_falls_into_doubt_at_once_is_named_in_the_order_of_risk(doubtful: int, limits: int) -> None:
    plan = QuotePlan()
    needs = Needs(range(doubtful), limits=range(10_000, 10_000 + limits))
    room = MOST_AT_ONCE - min(limits, RESERVED)

    named = [token for _ in range(math.ceil(doubtful / room)) for token in plan.next(needs).covered]

    assert named[:doubtful] == list(range(doubtful))
