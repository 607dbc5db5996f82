"""What the watcher knows, and how it is repaired."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as draw
from pydantic import ValidationError

from algotrading.contracts.messages import StopChange
from fargate_listener.counters import Counters
from fargate_listener.market_table import MarketTable
from fargate_listener.stop_guard import Hit, StopGuard
from fargate_listener.watchlist import COMPARED_AT_ONCE, REPAIRED_AT_ONCE, Watchlist
from tests.unit.fargate_listener.examples import INFY, armed, ltp_frame, strategy_id

TCS = 2953217


class Desk:
    """A watchlist that remembers how often subscriptions changed, and what was hit."""

    def __init__(self) -> None:
        self.hits: list[Hit] = []
        self.table = MarketTable()
        self.guard = StopGuard(table=self.table, report=self.hits.extend, counters=Counters())
        self.watchlist = Watchlist(self.guard, lambda: 0.0)
        self.subscription_changes = 0
        self.watchlist.on_subscriptions_changed = self._count

    def _count(self) -> None:
        self.subscription_changes += 1

    def repair(self, *truth: StopChange, as_of: int | None = None) -> int:
        serial = self.watchlist.serial if as_of is None else as_of
        return max(self.watchlist.repair({change.strategy_id: change for change in truth}, as_of=serial), default=0)

    @property
    def hit_by_one(self) -> list[int]:
        """Numbers of the strategies that a price of one paisa hits."""
        self.guard.on_frames([ltp_frame((INFY, 1), (TCS, 1))], 0.0)
        return sorted(hit.stop.strategy_id.int - 1000 for hit in self.hits)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_order_of_risk_follows_every_change(desk: Desk) -> None:
    desk.watchlist.apply(armed(1, "1500", quantity=1))
    desk.watchlist.apply(armed(2, "3500", quantity=1, instrument_token=TCS, symbol="TCS"))
    wipro = (3787 << 8) | 1
    desk.watchlist.apply(watched(3, instrument_token=wipro, symbol="WIPRO"))
    assert desk.watchlist.tokens == [TCS, INFY, wipro]
    assert desk.watchlist.by_risk([wipro, INFY]) == [INFY, wipro]

    desk.watchlist.apply(armed(4, "1500", quantity=2))
    assert desk.watchlist.by_risk([wipro, TCS, INFY]) == [INFY, TCS, wipro]

    desk.watchlist.apply(armed(4, "1500", quantity=2, armed=False))
    assert desk.watchlist.by_risk([INFY, INFY]) == [INFY]
    assert desk.watchlist.tokens == [TCS, INFY, wipro]

    desk.watchlist.apply(armed(2, "3500", armed=False, watched=False))
    assert desk.watchlist.tokens == [INFY, wipro]


def watched(number: int, **changes: object) -> StopChange:
    return armed(number, "1500", armed=False, **changes)


def gone(number: int) -> StopChange:
    return armed(number, "1500", armed=False, watched=False)


def test_watched_instruments_are_subscribed_and_armed_ones_first(desk: Desk) -> None:
    desk.watchlist.apply(watched(1))
    desk.watchlist.apply(armed(2, "3500", instrument_token=TCS, symbol="TCS"))

    assert desk.watchlist.tokens == [TCS, INFY]
    assert desk.watchlist.symbol_of(TCS) == "TCS"


def test_an_instrument_is_subscribed_until_its_last_strategy_leaves(desk: Desk) -> None:
    desk.watchlist.apply(watched(1))
    desk.watchlist.apply(watched(2))
    assert desk.subscription_changes == 1

    desk.watchlist.apply(gone(1))
    assert desk.watchlist.watches(INFY)
    desk.watchlist.apply(gone(2))

    assert desk.watchlist.tokens == []
    assert desk.watchlist.symbol_of(INFY) is None
    assert desk.subscription_changes == 2


def test_a_strategy_that_moves_to_another_instrument_leaves_the_old_one(desk: Desk) -> None:
    desk.watchlist.apply(armed(1, "1500"))

    desk.watchlist.apply(armed(1, "3500", instrument_token=TCS, symbol="TCS"))

    assert desk.watchlist.tokens == [TCS]
    assert desk.watchlist.armed_tokens == {TCS}


def test_an_unwatched_strategy_is_never_hit(desk: Desk) -> None:
    desk.watchlist.apply(armed(1, "1500"))
    desk.watchlist.apply(gone(1))

    assert desk.hit_by_one == []


def test_a_price_from_an_earlier_subscription_hits_nothing(desk: Desk) -> None:
    # Given a tick that came after the instrument's last strategy had left
    desk.watchlist.apply(watched(1))
    desk.watchlist.apply(gone(1))
    desk.guard.on_frames([ltp_frame((INFY, 100))], 0.0)

    desk.watchlist.apply(armed(1, "1500"))

    assert desk.hits == []


def test_a_price_of_this_subscription_hits_at_once(desk: Desk) -> None:
    desk.watchlist.apply(watched(1))
    desk.guard.on_frames([ltp_frame((INFY, 100))], 0.0)

    desk.watchlist.apply(armed(1, "1500"))

    assert len(desk.hits) == 1


def test_the_full_check_brings_what_was_missed_and_removes_what_is_over(desk: Desk) -> None:
    desk.watchlist.apply(armed(1, "1500"))
    desk.watchlist.apply(watched(2))

    repaired = desk.repair(armed(2, "1500"), armed(3, "1500"))

    assert repaired == 3
    assert desk.hit_by_one == [2, 3]


def test_a_full_check_that_agrees_repairs_nothing(desk: Desk) -> None:
    desk.watchlist.apply(armed(1, "1500"))
    # An unarmed strategy's day and stop are nobody's business.
    desk.watchlist.apply(watched(2))

    assert desk.repair(armed(1, "1500.00"), watched(2, stop_loss="900")) == 0


def test_a_full_check_does_not_overwrite_what_became_newer_while_it_was_reading(desk: Desk) -> None:
    # Given a reading that began when strategy 1 was armed, 2 unknown and 3 unarmed
    desk.watchlist.apply(armed(1, "1500"))
    desk.watchlist.apply(watched(3))
    began = desk.watchlist.serial

    # When all three change before the reading is compared
    desk.watchlist.apply(gone(1))
    desk.watchlist.apply(armed(2, "1500"))
    desk.watchlist.apply(armed(3, "1500"))
    repaired = desk.repair(armed(1, "1500"), watched(3), as_of=began)

    # Then the changes stand
    assert repaired == 0
    assert desk.hit_by_one == [2, 3]


def test_the_next_full_check_may_correct_even_those(desk: Desk) -> None:
    began = desk.watchlist.serial
    desk.watchlist.apply(armed(1, "1500"))
    desk.repair(as_of=began)

    assert desk.repair() == 1
    assert desk.hit_by_one == []


def test_a_full_check_lets_others_run_and_leaves_alone_what_they_change(desk: Desk) -> None:
    # Given many strategies to remove, and many to arm
    for number in range(2 * COMPARED_AT_ONCE):
        desk.watchlist.apply(armed(number, "1500"))
    truth = {change.strategy_id: change for change in (armed(n, "1400") for n in range(1_000, 1_000 + 600))}
    check = desk.watchlist.repair(truth, as_of=desk.watchlist.serial)

    # When, after the first portion, one that would be removed changes, and one that would be armed comes and goes
    next(check)
    desk.watchlist.apply(armed(2 * COMPARED_AT_ONCE - 1, "1300"))
    desk.watchlist.apply(armed(1_599, "1500"))
    desk.watchlist.apply(gone(1_599))
    repaired = [0, *check]

    # Then these two are as they were changed, no portion is large, and the next check removes the first
    assert desk.hit_by_one == [2 * COMPARED_AT_ONCE - 1, *range(1_000, 1_599)]
    assert max(after - before for before, after in pairwise(repaired[1:])) <= COMPARED_AT_ONCE
    assert repaired[-1] == 2 * COMPARED_AT_ONCE - 1 + 599
    assert desk.repair(*truth.values()) == 2


def test_only_traders_with_an_armed_stop_have_something_at_stake(desk: Desk) -> None:
    other = UUID(int=99)
    desk.watchlist.apply(armed(1, "1500"))
    desk.watchlist.apply(armed(2, "1500", user_id=other))
    assert len(desk.watchlist.armed_users) == 2

    desk.watchlist.apply(watched(1))
    assert desk.watchlist.armed_users == {other}

    desk.watchlist.apply(gone(2))
    assert desk.watchlist.armed_users == set()


def test_what_the_truth_does_not_know_is_left_alone(desk: Desk) -> None:
    # Given a strategy whose instrument is missing from the broker's dump of this minute
    desk.watchlist.apply(armed(1, "1500"))

    list(desk.watchlist.repair({}, as_of=desk.watchlist.serial, unknown={strategy_id(1)}))

    assert desk.hit_by_one == [1]


def test_a_token_that_has_become_another_instruments_hits_nothing_of_the_old_one(desk: Desk) -> None:
    # Given an instrument that has left the dump, and a new one that has got its token
    desk.watchlist.apply(armed(1, "1500", symbol="EXPIRED"))
    new = armed(2, "1400", symbol="NEW")

    list(desk.watchlist.repair({new.strategy_id: new}, as_of=desk.watchlist.serial, unknown={strategy_id(1)}))

    assert desk.hit_by_one == [2]
    assert desk.watchlist.symbol_of(INFY) == "NEW"


def test_an_instrument_that_gives_its_token_away_and_gets_another_stays_guarded(desk: Desk) -> None:
    desk.watchlist.apply(armed(1, "1500", symbol="OLD"))

    new = armed(2, "1400", symbol="NEW")
    moved = armed(1, "1500", symbol="OLD", instrument_token=TCS)
    desk.repair(new, moved)

    assert desk.hit_by_one == [1, 2]
    assert [desk.watchlist.symbol_of(token) for token in (INFY, TCS)] == ["NEW", "OLD"]


def test_instruments_are_in_the_order_of_what_is_at_risk_there(desk: Desk) -> None:
    apply = desk.watchlist.apply
    apply(armed(1, "1500", quantity=10))
    apply(armed(2, "3500", instrument_token=TCS, symbol="TCS", quantity=5))
    assert desk.watchlist.tokens == [TCS, INFY]

    apply(armed(3, "1400", quantity=10))
    assert desk.watchlist.tokens == [INFY, TCS]

    apply(gone(1))
    apply(armed(3, "1400", quantity=1))
    assert desk.watchlist.tokens == [TCS, INFY]
    assert desk.watchlist.armed_tokens == {INFY, TCS}

    apply(watched(3))
    assert desk.watchlist.armed_tokens == {TCS}
    assert desk.watchlist.quote_key(TCS) == "NSE:TCS"
    assert desk.watchlist.quote_key(1) is None


def test_an_instrument_that_was_left_has_its_name_until_names_are_forgotten(desk: Desk) -> None:
    desk.watchlist.apply(armed(1, "1500"))
    assert desk.watchlist.name_of(INFY) == ("NSE", "INFY")

    desk.watchlist.apply(gone(1))
    assert desk.watchlist.name_of(INFY) == ("NSE", "INFY")

    desk.watchlist.forget_names()
    assert desk.watchlist.name_of(INFY) is None


@pytest.mark.parametrize("changes", [{"quantity": 500}, {"trading_day": date(2026, 3, 4)}, {"user_id": UUID(int=9)}])
def test_a_full_check_repairs_whatever_a_hit_would_tell(desk: Desk, changes: dict[str, object]) -> None:
    desk.watchlist.apply(armed(1, "1500"))

    assert desk.repair(true := armed(1, "1500", **changes)) == 1

    assert desk.hit_by_one == [1]
    assert desk.hits[0].stop == true


def test_an_instrument_that_was_left_takes_no_row_any_more(desk: Desk) -> None:
    desk.watchlist.apply(armed(1, "1500"))
    desk.watchlist.apply(armed(1, "1500", instrument_token=TCS, symbol="TCS"))
    assert (INFY in desk.table, TCS in desk.table) == (False, True)

    desk.watchlist.apply(gone(1))

    assert len(desk.table) == 0


def test_of_many_to_be_armed_one_that_has_changed_meanwhile_is_left_alone(desk: Desk) -> None:
    # Given a check of a watchlist that is not empty, so that it goes by small portions
    desk.watchlist.apply(watched(999))
    truth = {change.strategy_id: change for change in (watched(999), *(armed(n, "1500") for n in range(100)))}
    check = desk.watchlist.repair(truth, as_of=desk.watchlist.serial)
    next(check)
    assert next(check) == REPAIRED_AT_ONCE

    # When one of a later portion comes and goes before its turn
    desk.watchlist.apply(armed(90, "1500"))
    desk.watchlist.apply(gone(90))
    list(check)

    assert desk.hit_by_one == [number for number in range(100) if number != 90]


def test_strategies_that_were_left_are_forgotten_by_the_next_full_check(desk: Desk) -> None:
    for number in range(50):
        desk.watchlist.apply(armed(number, "1500"))
        desk.watchlist.apply(gone(number))

    desk.repair()

    assert desk.watchlist._left == {}


_ENTRIES = draw.fixed_dictionaries(
    {
        "stop_loss": draw.one_of(
            draw.decimals(allow_nan=True, allow_infinity=True).map(str),
            draw.sampled_from(["1e20", "9999999999.9999", "1e-999999", "1e999999", "0", "-1", "0.00001"]),
        ),
        "instrument_token": draw.one_of(
            draw.integers(-(2**64), 2**64), draw.integers(1, 300), draw.sampled_from([2**31, 2**32 - 1, 2**63])
        ),
        "quantity": draw.one_of(draw.integers(-(2**80), 2**80), draw.sampled_from([0, 2**31 - 1])),
        "symbol": draw.text(),
        "watched": draw.booleans(),
        "armed": draw.booleans(),
    }
)


@given(draw.lists(_ENTRIES, min_size=1, max_size=4))
def test_whatever_the_contract_lets_in_can_be_applied_and_taken_back(entries: list[dict[str, object]]) -> None:
    desk, applied = Desk(), []
    for entry in entries:
        try:
            change = StopChange.model_validate(armed(1, "1500").model_dump(mode="json") | entry)
        except ValidationError:
            continue
        desk.watchlist.apply(change)
        applied.append(change)

    for change in applied:
        desk.watchlist.apply(change.model_copy(update={"watched": False, "armed": False}))

    assert desk.guard.armed == 0
    assert desk.watchlist.tokens == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"stop_loss": Decimal("1e20")},
        {"stop_loss": Decimal(0)},
        {"instrument_token": 2**63},
        {"instrument_token": 0},
        {"quantity": -1},
        {"quantity": 2**63},
        {"symbol": ""},
        {"symbol": "INFY\nTCS"},
    ],
)
def test_the_contract_lets_in_nothing_that_cannot_be_counted_with(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        armed(1, "1500", **wrong)


def test_an_unknown_strategy_that_changed_since_the_reading_keeps_its_instrument(desk: Desk) -> None:
    desk.watchlist.apply(armed(1, "1500"))
    as_of = desk.watchlist.serial
    # Its token became another instrument's while the full check read, and both changes are newer than it.
    desk.watchlist.apply(armed(1, "1500", quantity=2))
    desk.watchlist.apply(armed(2, "1500", symbol="OTHER"))

    list(desk.watchlist.repair({}, as_of=as_of, unknown=[strategy_id(1)]))

    assert desk.guard.guards(strategy_id(1))
