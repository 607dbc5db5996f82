"""Which feed carries which instrument."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fargate_listener.shards import Dealt, Shards


def by_token(dealt: Dealt) -> dict[int, int]:
    """Feed by instrument; fails when two feeds carry one."""
    pairs = [(token, feed) for feed, hand in enumerate(dealt.hands) for token in hand]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_instruments_are_spread_evenly_and_each_hand_is_in_order_of_risk() -> None:
    dealt = Shards(3, room=100).deal([9, 4, 7, 1, 8, 2], away=())

    assert [len(hand) for hand in dealt.hands] == [2, 2, 2]
    assert all(hand == sorted(hand, key=[9, 4, 7, 1, 8, 2].index) for hand in dealt.hands)


def test_an_instrument_stays_where_it_is_whatever_comes_goes_and_matters_more() -> None:
    shards = Shards(2, room=10)
    first = by_token(shards.deal([1, 2, 3, 4], away=()))

    second = by_token(shards.deal([5, 4, 3, 6, 1], away=()))

    assert {token: second[token] for token in (1, 3, 4)} == {token: first[token] for token in (1, 3, 4)}


def test_what_does_not_fit_is_what_matters_least() -> None:
    shards = Shards(2, room=2)
    shards.deal([1, 2, 3, 4], away=())

    dealt = shards.deal([5, 1, 2, 3, 4], away=())

    assert dealt.left_out == [4]
    assert set(by_token(dealt)) == {1, 2, 3, 5}


def test_the_others_take_over_from_a_feed_that_is_away_and_give_back() -> None:
    shards = Shards(2, room=10)
    before = by_token(shards.deal([1, 2, 3, 4], away=()))

    during = by_token(shards.deal([1, 2, 3, 4], away={0}))
    after = by_token(shards.deal([1, 2, 3, 4], away=()))

    assert set(during.values()) == {1}
    assert after == before


def test_without_any_feed_each_keeps_its_own() -> None:
    shards = Shards(2, room=10)
    before = shards.deal([1, 2, 3, 4], away=())

    assert shards.deal([1, 2, 3, 4], away={0, 1}) == before


_dealings = st.lists(st.tuples(st.permutations(range(12)), st.integers(0, 12), st.sets(st.integers(0, 2))), max_size=12)


@given(_dealings)
def test_no_feed_carries_more_than_it_can_and_nothing_stays_out_while_there_is_room(
    dealings: list[tuple[list[int], int, set[int]]],
) -> None:
    shards = Shards(3, room=3)
    for order, count, away in dealings:
        wanted = order[:count]
        up = {0, 1, 2} - away or {0, 1, 2}

        dealt = shards.deal(wanted, away)

        now = by_token(dealt)
        assert all(len(hand) <= 3 for hand in dealt.hands)
        assert set(now.values()) <= up
        assert dealt.left_out == wanted[3 * len(up) :]
        assert set(now) == set(wanted[: 3 * len(up)])
