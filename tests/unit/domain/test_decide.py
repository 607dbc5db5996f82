"""The daily cycle, told as stories: what happened, and what the strategy did about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from algotrading.domain.cycle import Cycle, CycleState, ExitReason, IntentState, Position
from algotrading.domain.decide import decide
from algotrading.domain.effects import (
    CancelOrder,
    Decision,
    RaiseAlarm,
    ReadBook,
    RetryExit,
    SendOrder,
    StopStrategy,
    Tell,
)
from algotrading.domain.events import (
    Answered,
    BookRead,
    DayOver,
    EntryDue,
    EntryMissed,
    ExitBlocked,
    ExitDue,
    LastRead,
)
from algotrading.domain.instruments import Product
from algotrading.domain.orders import (
    Accepted,
    Answer,
    BookReading,
    BrokerStatus,
    Fill,
    Leg,
    OrderRow,
    Refused,
    Side,
    Unknown,
    make_tag,
)
from algotrading.domain.policy import Policy
from algotrading.domain.strategy import Plan

POLICY = Policy()
DAY = date(2026, 3, 2)
DUE = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
STRATEGY = UUID("00000000-0000-0000-0000-0000000000aa")
USER = UUID("00000000-0000-0000-0000-0000000000bb")
PLAN = Plan("NSE", "TCS", Product.MIS, time(9, 30), time(15, 0), Decimal("3500"), 10)
ACCOUNT = UUID("00000000-0000-0000-0000-0000000000cc")
IDLE = Cycle(STRATEGY, USER, ACCOUNT, DAY, PLAN, epoch=1)
LACK_OF_FUNDS = Refused("MarginException", "Insufficient funds.", retryable=True, raw={})
DEAD_TOKEN = Refused("TokenException", "Incorrect api_key or access_token.", retryable=False, raw={}, is_auth=True)
RATE_LIMIT = Refused("RATE_LIMITED", "Too many requests", retryable=True, raw={}, throttled=True)
TIMEOUT = Unknown("read timed out", {})


def after(seconds: float) -> datetime:
    return DUE + timedelta(seconds=seconds)


def entering(at: float = 0.0) -> Cycle:
    return decide(IDLE, EntryDue(after(at), DUE, None), POLICY).cycle


def answer(cycle: Cycle, tag: str, what: Answer, at: float = 0.1) -> Decision:
    return decide(cycle, Answered(after(at), tag, after(at), what), POLICY)


def row(tag: str, order_id: str, status: BrokerStatus, filled: int, quantity: int = 10) -> OrderRow:
    return OrderRow(
        broker_order_id=order_id,
        tags=frozenset({tag}),
        exchange="NSE",
        symbol="TCS",
        side=Side.BUY,
        product="MIS",
        quantity=quantity,
        filled_quantity=filled,
        average_price=Decimal("3510"),
        status=status,
        status_text=status.value,
        message="RMS says no" if status is BrokerStatus.REJECTED else None,
        raw={},
    )


def read(cycle: Cycle, *rows: OrderRow, at: float = 0.2, fills: tuple[Fill, ...] = ()) -> Decision:
    return decide(cycle, BookRead(after(at), BookReading(after(at), rows, fills)), POLICY)


def long(quantity: int = 10) -> Cycle:
    accepted = answer(entering(), tag(Leg.ENTRY), Accepted("E1", {})).cycle
    status = BrokerStatus.COMPLETE if quantity == 10 else BrokerStatus.CANCELLED
    return read(accepted, row(tag(Leg.ENTRY), "E1", status, quantity)).cycle


def want_exit(
    cycle: Cycle, held: int | None = 10, reason: ExitReason = ExitReason.STOPLOSS, at: float = 60
) -> Decision:
    return decide(cycle, ExitDue(after(at), after(at), reason, held), POLICY)


def tag(leg: Leg, attempt: int = 1) -> str:
    return make_tag(STRATEGY, DAY, leg, attempt)


def kinds(decision: Decision) -> list[str]:
    return [type(effect).__name__ for effect in decision.effects]


def told(decision: Decision) -> list[str]:
    return [effect.kind for effect in decision.effects if isinstance(effect, Tell)]


class TestEntry:
    def test_a_due_buy_is_written_down_and_sent_at_its_instant(self) -> None:
        decision = decide(IDLE, EntryDue(after(-0.2), DUE, Decimal("3600")), POLICY)

        assert decision.cycle.state is CycleState.ENTERING
        assert decision.cycle.intents[0].state is IntentState.PENDING
        assert decision.effects == (SendOrder(tag(Leg.ENTRY), DUE),)
        assert decision.cycle.is_armed

    def test_a_second_due_message_does_nothing(self) -> None:
        cycle = entering()

        assert decide(cycle, EntryDue(after(1), DUE, None), POLICY) == Decision(cycle)

    def test_within_the_grace_a_late_buy_leaves_at_once_and_its_lateness_stays_on_record(self) -> None:
        decision = decide(IDLE, EntryDue(after(119), DUE, None), POLICY)

        assert decision.effects == (SendOrder(tag(Leg.ENTRY), DUE),)
        assert decision.cycle.intents[0].due_at == DUE
        assert decision.cycle.intents[0].created_at == after(119)

    def test_the_last_moment_of_the_grace_is_within_it(self) -> None:
        assert decide(IDLE, EntryDue(after(120), DUE, None), POLICY).cycle.state is CycleState.ENTERING

    def test_a_try_that_its_worker_would_not_live_to_send_is_left_to_the_next(self) -> None:
        refused = Answered(after(0.1), tag(Leg.ENTRY), after(0.1), LACK_OF_FUNDS, until=after(0.5))

        decision = decide(entering(), refused, POLICY)

        assert decision.effects == ()
        assert [intent.state for intent in decision.cycle.intents] == [IntentState.REFUSED]

    def test_after_the_grace_it_is_missed_and_told_never_bought(self) -> None:
        decision = decide(IDLE, EntryDue(after(121), DUE, None), POLICY)

        assert decision.cycle.state is CycleState.FLAT
        assert told(decision) == ["entry_missed"]
        assert not decision.cycle.intents

    @pytest.mark.parametrize("price", ["3500", "3499.95"])
    def test_a_price_at_or_below_the_stop_is_not_bought(self, price: str) -> None:
        decision = decide(IDLE, EntryDue(after(0), DUE, Decimal(price)), POLICY)

        assert told(decision) == ["entry_skipped"]
        assert not decision.cycle.intents

    def test_an_entry_that_cannot_happen_is_recorded_once(self) -> None:
        missed = decide(IDLE, EntryMissed(after(0), "no broker login"), POLICY)

        assert missed.cycle.note == "no broker login"
        assert decide(missed.cycle, EntryMissed(after(1), "again"), POLICY) == Decision(missed.cycle)

    def test_a_complete_order_makes_the_cycle_long(self) -> None:
        cycle = long()

        assert (cycle.state, cycle.bought, cycle.position) == (CycleState.LONG, 10, Position.BOUGHT)
        assert cycle.last_action == "BUY"
        assert cycle.last_order_id(Side.BUY) == "E1"

    def test_quantities_come_from_trades(self) -> None:
        accepted = answer(entering(), tag(Leg.ENTRY), Accepted("E1", {})).cycle
        fills = (Fill("t1", "E1", "NSE", 4, Decimal("3510"), None), Fill("t2", "E1", "NSE", 2, Decimal("3513"), None))

        partly = read(accepted, row(tag(Leg.ENTRY), "E1", BrokerStatus.WORKING, 4), fills=fills)

        assert partly.cycle.bought == 6
        assert partly.cycle.intents[0].average_price == Decimal("3511.0000")
        assert partly.cycle.position is Position.BOUGHT
        assert kinds(partly) == ["Tell", "ReadBook"]
        assert told(partly) == ["partly_bought"]

    def test_an_entry_that_rests_too_long_has_its_remainder_cancelled_once(self) -> None:
        accepted = answer(entering(), tag(Leg.ENTRY), Accepted("E1", {})).cycle

        rested = read(accepted, row(tag(Leg.ENTRY), "E1", BrokerStatus.WORKING, 4), at=10)
        later = read(rested.cycle, row(tag(Leg.ENTRY), "E1", BrokerStatus.WORKING, 4), at=11)
        cancelled = read(later.cycle, row(tag(Leg.ENTRY), "E1", BrokerStatus.CANCELLED, 4), at=12)

        assert told(rested) == ["partly_bought"]
        assert rested.effects[1:] == (CancelOrder("E1"), ReadBook())
        assert later.effects == (ReadBook(),)
        assert (cancelled.cycle.state, cancelled.cycle.open_quantity) == (CycleState.LONG, 4)


class TestRefusedEntry:
    def test_three_proven_refusals_stop_the_strategy_and_tell(self) -> None:
        first = answer(entering(), tag(Leg.ENTRY, 1), LACK_OF_FUNDS)
        second = answer(first.cycle, tag(Leg.ENTRY, 2), LACK_OF_FUNDS)
        third = answer(second.cycle, tag(Leg.ENTRY, 3), LACK_OF_FUNDS)

        assert [kinds(d) for d in (first, second)] == [["SendOrder"], ["SendOrder"]]
        assert third.cycle.state is CycleState.FAILED
        assert third.effects[0] == StopStrategy("Insufficient funds.")
        assert told(third) == ["entry_refused"]
        assert len({intent.tag for intent in third.cycle.intents}) == 3

    def test_a_rejection_found_in_the_book_counts_as_a_refusal(self) -> None:
        accepted = answer(entering(), tag(Leg.ENTRY), Accepted("E1", {})).cycle

        rejected = read(accepted, row(tag(Leg.ENTRY), "E1", BrokerStatus.REJECTED, 0))

        assert kinds(rejected) == ["SendOrder"]
        assert rejected.cycle.intents[-1].attempt == 2

    def test_a_dead_token_is_not_tried_again_and_leaves_the_strategy_running(self) -> None:
        decision = answer(entering(), tag(Leg.ENTRY), DEAD_TOKEN)

        assert decision.cycle.state is CycleState.FLAT
        assert told(decision) == ["entry_missed"]
        assert kinds(decision) == ["Tell"]

    def test_an_order_that_can_only_be_refused_again_ends_the_matter(self) -> None:
        malformed = Refused("InputException", "Invalid quantity.", retryable=False, raw={})

        assert answer(entering(), tag(Leg.ENTRY), malformed).cycle.state is CycleState.FAILED

    def test_the_rate_limit_is_no_refusal_of_the_order(self) -> None:
        cycle = entering()
        for attempt in range(1, 6):
            decision = answer(cycle, tag(Leg.ENTRY, attempt), RATE_LIMIT, at=attempt)
            cycle = decision.cycle

        assert kinds(decision) == ["SendOrder"]
        assert cycle.state is CycleState.ENTERING

    def test_no_attempt_begins_after_the_grace(self) -> None:
        decision = answer(entering(), tag(Leg.ENTRY), LACK_OF_FUNDS, at=120)

        assert decision.cycle.state is CycleState.FLAT
        assert told(decision) == ["entry_missed"]


class TestWhatIsHeardTooLate:
    def test_a_book_of_another_day_proves_nothing(self) -> None:
        # Given an order of unknown fate, and books of the next morning that do not have it
        unsure = answer(entering(), tag(Leg.ENTRY), TIMEOUT).cycle

        for hours in (20, 21, 22):
            unsure_still = read(unsure, at=hours * 3600)

            # Then nothing is known of it that was not known before
            assert unsure_still == Decision(unsure)

    def test_an_answer_to_an_order_that_the_book_has_shown_already_changes_nothing(self) -> None:
        # Given a worker that waited so long for its answer that another one has read the fill
        bought = long()

        for late in (TIMEOUT, LACK_OF_FUNDS, Accepted("another", {})):
            assert answer(bought, tag(Leg.ENTRY), late, at=30) == Decision(bought)


class TestUnknownOutcome:
    def test_nothing_is_sent_again_while_unknown(self) -> None:
        unsure = answer(entering(), tag(Leg.ENTRY), TIMEOUT)
        looked = read(unsure.cycle, at=30)

        assert kinds(unsure) == ["RaiseAlarm", "Tell", "ReadBook"]
        assert told(unsure) == ["order_unknown"]
        assert kinds(looked) == ["ReadBook"]
        assert looked.cycle.intents[0].state is IntentState.UNKNOWN

    def test_the_book_adopts_an_order_whose_answer_was_lost(self) -> None:
        unsure = answer(entering(), tag(Leg.ENTRY), TIMEOUT).cycle

        found = read(unsure, row(tag(Leg.ENTRY), "E9", BrokerStatus.COMPLETE, 10), at=8)

        assert found.cycle.state is CycleState.LONG
        assert found.cycle.last_order_id(Side.BUY) == "E9"

    def test_absence_is_believed_after_the_window_and_two_clean_reads(self) -> None:
        unsure = answer(entering(), tag(Leg.ENTRY), TIMEOUT).cycle

        early = read(unsure, at=179).cycle
        once = read(early, at=181).cycle
        twice = read(once, at=185)

        assert early.intents[0].clean_reads == 0
        assert once.intents[0].state is IntentState.UNKNOWN
        assert twice.cycle.intents[0].state is IntentState.NOT_PLACED
        assert told(twice) == ["order_not_placed", "entry_missed"]

    def test_an_intent_left_by_a_dead_worker_is_treated_as_unknown(self) -> None:
        found = read(entering(), row(tag(Leg.ENTRY), "E1", BrokerStatus.COMPLETE, 10), at=20)

        assert found.cycle.state is CycleState.LONG

    def test_a_cancelled_entry_stays_cancelled_when_the_book_lags(self) -> None:
        partly = long(4)

        lagging = read(partly, row(tag(Leg.ENTRY), "E1", BrokerStatus.WORKING, 4), at=13)

        assert lagging.cycle.intents[0].state is IntentState.DONE
        assert lagging.cycle.intents[0].broker_status is BrokerStatus.CANCELLED

    def test_the_window_counts_from_the_instant_not_from_the_intent(self) -> None:
        early = decide(IDLE, EntryDue(after(-100), DUE, None), POLICY).cycle
        unsure = answer(early, tag(Leg.ENTRY), TIMEOUT).cycle

        assert read(unsure, at=100).cycle.intents[0].clean_reads == 0
        assert read(unsure, at=180).cycle.intents[0].clean_reads == 1

    def test_terminal_never_reopens_when_the_book_lags(self) -> None:
        lagging = read(long(), row(tag(Leg.ENTRY), "E1", BrokerStatus.WORKING, 3), at=1)

        assert (lagging.cycle.state, lagging.cycle.bought) == (CycleState.LONG, 10)


class TestExit:
    def test_a_stop_claims_the_exit_and_sells_what_is_held(self) -> None:
        decision = want_exit(long())

        assert decision.cycle.state is CycleState.EXITING
        assert decision.cycle.claim is ExitReason.STOPLOSS
        assert decision.effects == (SendOrder(tag(Leg.EXIT), after(60)),)
        assert decision.cycle.intents[-1].quantity == 10

    @pytest.mark.parametrize(("held", "sells"), [(10, 10), (4, 4), (25, 10), (None, 10)])
    def test_never_more_than_held_and_never_more_than_bought(self, held: int | None, sells: int) -> None:
        assert want_exit(long(), held=held).cycle.intents[-1].quantity == sells

    def test_one_claim_decides_among_many_who_want_the_exit(self) -> None:
        claimed = want_exit(long()).cycle

        second = want_exit(claimed, reason=ExitReason.SELL_TIME)

        assert kinds(second) == ["ReadBook"]
        assert second.cycle.claim is ExitReason.STOPLOSS

    def test_sold_out_is_flat_and_told(self) -> None:
        claimed = want_exit(long()).cycle
        accepted = answer(claimed, tag(Leg.EXIT), Accepted("X1", {}), at=60).cycle

        flat = read(accepted, row(tag(Leg.EXIT), "X1", BrokerStatus.COMPLETE, 10), at=61)

        assert (flat.cycle.state, flat.cycle.position) == (CycleState.FLAT, Position.SOLD)
        assert flat.cycle.last_action == "STOPLOSS"
        assert told(flat) == ["sold"]
        assert not flat.cycle.is_armed

    def test_a_refused_exit_releases_its_claim_alarms_and_is_wanted_again(self) -> None:
        refused = answer(want_exit(long()).cycle, tag(Leg.EXIT), LACK_OF_FUNDS, at=60)

        assert (refused.cycle.state, refused.cycle.claim) == (CycleState.LONG, None)
        assert refused.cycle.wanted is ExitReason.STOPLOSS
        assert kinds(refused) == ["RaiseAlarm", "Tell", "RetryExit"]
        assert refused.cycle.is_armed

    def test_a_partly_filled_exit_sells_the_rest(self) -> None:
        accepted = answer(want_exit(long()).cycle, tag(Leg.EXIT), Accepted("X1", {}), at=60).cycle
        resting = read(accepted, row(tag(Leg.EXIT), "X1", BrokerStatus.WORKING, 6), at=63)
        cancelled = read(resting.cycle, row(tag(Leg.EXIT), "X1", BrokerStatus.CANCELLED, 6), at=64)
        rest = want_exit(cancelled.cycle, held=4, at=65)

        assert told(resting) == ["partly_sold"]
        assert resting.effects[1:] == (CancelOrder("X1"), ReadBook())
        assert cancelled.effects == (RetryExit(ExitReason.STOPLOSS, 0.0),)
        assert rest.cycle.intents[-1].quantity == 4

    def test_an_exit_wanted_during_the_entry_cancels_it_and_then_sells_what_was_filled(self) -> None:
        accepted = answer(entering(), tag(Leg.ENTRY), Accepted("E1", {})).cycle
        working = read(accepted, row(tag(Leg.ENTRY), "E1", BrokerStatus.WORKING, 3)).cycle

        wanted = want_exit(working, at=1)
        cancelled = read(wanted.cycle, row(tag(Leg.ENTRY), "E1", BrokerStatus.CANCELLED, 3), at=2)

        assert wanted.effects == (CancelOrder("E1"), ReadBook())
        assert cancelled.effects[-1] == RetryExit(ExitReason.STOPLOSS, 0.0)

    def test_the_owner_stopping_before_the_buy_leaves_nothing_to_do(self) -> None:
        assert want_exit(IDLE, held=None, reason=ExitReason.USER) == Decision(IDLE)

    def test_a_sell_time_without_a_buy_ends_the_day_without_a_word(self) -> None:
        decision = want_exit(IDLE, held=None, reason=ExitReason.SELL_TIME)

        assert decision.cycle.state is CycleState.FLAT
        assert decision.effects == ()

    def test_an_exit_that_finds_nothing_held_looks_into_the_book_first(self) -> None:
        decision = want_exit(long(), held=0, at=600)

        assert kinds(decision) == ["ReadPosition"]
        assert (decision.cycle.state, decision.cycle.wanted) == (CycleState.LONG, ExitReason.STOPLOSS)

    def test_soon_after_the_fill_positions_may_lag_and_what_the_trades_say_is_sold(self) -> None:
        doubted = want_exit(long(), held=0, at=10).cycle

        decision = want_exit(doubted, held=0, at=10.1)

        assert kinds(decision) == ["RaiseAlarm", "SendOrder"]
        assert decision.cycle.intents[-1].quantity == 10

    def test_long_after_the_fill_it_waits_alarmed_and_told_once(self) -> None:
        doubted = want_exit(long(), held=0, at=600).cycle

        first = want_exit(doubted, held=0, at=605)
        second = want_exit(first.cycle, held=0, at=610)

        assert kinds(first) == ["RaiseAlarm", "Tell", "ReadPosition"]
        assert kinds(second) == ["RaiseAlarm", "ReadPosition"]

    def test_an_exit_without_a_broker_session_is_remembered_alarmed_and_told_once(self) -> None:
        first = decide(long(), ExitBlocked(after(60), ExitReason.STOPLOSS, "the broker login is over"), POLICY)
        second = decide(first.cycle, ExitBlocked(after(65), ExitReason.STOPLOSS, "the broker login is over"), POLICY)

        assert kinds(first) == ["RaiseAlarm", "Tell"]
        assert kinds(second) == ["RaiseAlarm"]
        assert second.cycle.wanted is ExitReason.STOPLOSS

    def test_a_cycle_that_is_over_ignores_everything(self) -> None:
        over = replace(long(), state=CycleState.FLAT)

        assert want_exit(over) == Decision(over)
        assert decide(over, EntryDue(after(1), DUE, None), POLICY) == Decision(over)


def test_an_unknown_exit_is_alarmed_and_looked_for() -> None:
    unsure = answer(want_exit(long()).cycle, tag(Leg.EXIT), TIMEOUT, at=60)

    assert unsure.cycle.state is CycleState.EXITING
    assert isinstance(unsure.effects[0], RaiseAlarm)
    assert want_exit(unsure.cycle).effects == (ReadBook(),)


class TestAnEntryThatCancellingDoesNotEnd:
    """Half of it was bought, two cancellations were answered and do not show, and the time to sell has come."""

    def wanted(self) -> Cycle:
        taken = answer(entering(), tag(Leg.ENTRY), Accepted("E1", {})).cycle
        half = read(taken, row(tag(Leg.ENTRY), "E1", BrokerStatus.WORKING, 5), at=1).cycle
        asked = want_exit(half, held=5, reason=ExitReason.SELL_TIME, at=60).cycle
        return read(asked, row(tag(Leg.ENTRY), "E1", BrokerStatus.WORKING, 5), at=120).cycle

    def after_the_sale(self, entry: OrderRow) -> Decision:
        long = read(self.wanted(), self.entry(BrokerStatus.WORKING, 5), at=121).cycle
        exiting = want_exit(long, held=5, reason=ExitReason.SELL_TIME, at=121).cycle
        taken = answer(exiting, tag(Leg.EXIT), Accepted("X1", {}), at=121.1).cycle
        return read(taken, entry, self.sale(1, 5), at=121.2)

    def sale(self, attempt: int, filled: int) -> OrderRow:
        sold = row(tag(Leg.EXIT, attempt), f"X{attempt}", BrokerStatus.COMPLETE, filled, quantity=filled)
        return replace(sold, side=Side.SELL)

    def entry(self, status: BrokerStatus, filled: int) -> OrderRow:
        return row(tag(Leg.ENTRY), "E1", status, filled)

    def test_what_it_bought_is_sold_without_saying_that_the_rest_was_not_filled(self) -> None:
        cycle = self.wanted()

        looked = read(cycle, self.entry(BrokerStatus.WORKING, 5), at=121)
        sold = want_exit(looked.cycle, held=5, reason=ExitReason.SELL_TIME, at=121)

        assert cycle.intents[0].cancels == 2
        assert told(looked) == []
        assert sold.cycle.state is CycleState.EXITING
        assert sold.cycle.intents[-1].quantity == 5

    def test_what_it_may_still_buy_stays_guarded_and_wanted(self) -> None:
        sold = self.after_the_sale(self.entry(BrokerStatus.WORKING, 5))

        cycle = sold.cycle
        assert (cycle.state, cycle.claim, cycle.wanted) == (CycleState.ENTERING, None, ExitReason.SELL_TIME)
        assert (cycle.is_armed, cycle.open_quantity) == (True, 0)
        assert told(sold) == ["sold_so_far"]
        assert kinds(sold)[-1] == "ReadBook"

    def test_its_cancellation_is_asked_for_again(self) -> None:
        cycle = self.after_the_sale(self.entry(BrokerStatus.WORKING, 5)).cycle

        later = read(cycle, self.entry(BrokerStatus.WORKING, 5), self.sale(1, 5), at=300)

        assert CancelOrder("E1") in later.effects
        assert SendOrder not in [type(effect) for effect in later.effects]

    def test_what_it_buys_after_all_is_sold_at_once(self) -> None:
        cycle = self.after_the_sale(self.entry(BrokerStatus.WORKING, 5)).cycle

        bought = read(cycle, self.entry(BrokerStatus.COMPLETE, 10), self.sale(1, 5), at=125)
        again = want_exit(bought.cycle, held=5, reason=ExitReason.SELL_TIME, at=125.1)
        taken = answer(again.cycle, tag(Leg.EXIT, 2), Accepted("X2", {}), at=125.2).cycle
        flat = read(taken, self.sale(2, 5), at=125.3)

        assert [effect.reason for effect in bought.effects if isinstance(effect, RetryExit)] == [ExitReason.SELL_TIME]
        assert told(bought) == ["bought"]
        assert again.cycle.intents[-1].quantity == 5
        assert (flat.cycle.state, flat.cycle.sold, told(flat)) == (CycleState.FLAT, 10, ["sold"])

    def test_the_day_is_over_once_the_book_shows_that_it_ended(self) -> None:
        cycle = self.after_the_sale(self.entry(BrokerStatus.WORKING, 5)).cycle

        ended = read(cycle, self.entry(BrokerStatus.CANCELLED, 5), self.sale(1, 5), at=125)

        assert (ended.cycle.state, ended.cycle.claim) == (CycleState.FLAT, ExitReason.SELL_TIME)
        assert told(ended) == ["bought", "sold"]

    def exiting(self) -> Cycle:
        long = read(self.wanted(), self.entry(BrokerStatus.WORKING, 5), at=121).cycle
        exiting = want_exit(long, held=5, reason=ExitReason.SELL_TIME, at=121).cycle
        return answer(exiting, tag(Leg.EXIT), Accepted("X1", {}), at=121.1).cycle

    def test_one_that_ends_while_the_sale_is_under_way_is_told_in_that_moment(self) -> None:
        ended = read(self.exiting(), self.entry(BrokerStatus.CANCELLED, 5), self.sale(1, 5), at=122)

        assert (ended.cycle.state, told(ended)) == (CycleState.FLAT, ["bought", "sold"])

    def test_one_that_the_last_reading_of_the_day_ends_is_told_as_well(self) -> None:
        reading = BookReading(after(21_000), (self.entry(BrokerStatus.CANCELLED, 5), self.sale(1, 5)), ())

        ended = decide(self.exiting(), LastRead(after(21_000), reading, 0), POLICY)

        assert (ended.cycle.state, told(ended)) == (CycleState.FLAT, ["bought", "sold"])

    def test_a_sale_that_sold_everything_is_not_called_one_that_the_market_does_not_take(self) -> None:
        cycle = self.after_the_sale(self.entry(BrokerStatus.WORKING, 5)).cycle
        cycle = read(cycle, self.entry(BrokerStatus.WORKING, 7), self.sale(1, 5), at=125).cycle
        cycle = want_exit(cycle, held=2, reason=ExitReason.SELL_TIME, at=125.1).cycle
        cycle = answer(cycle, tag(Leg.EXIT, 2), Accepted("X2", {}), at=125.2).cycle

        more = read(cycle, self.entry(BrokerStatus.WORKING, 9), self.sale(1, 5), self.sale(2, 2), at=125.3)

        assert told(more) == ["partly_bought"]
        assert [effect for effect in more.effects if isinstance(effect, RetryExit)] == [
            RetryExit(ExitReason.SELL_TIME, 0.0)
        ]

    def test_positions_that_lag_behind_what_it_bought_last_hold_no_sale_back(self) -> None:
        cycle = self.after_the_sale(self.entry(BrokerStatus.WORKING, 5)).cycle
        long = read(cycle, self.entry(BrokerStatus.COMPLETE, 10), self.sale(1, 5), at=130).cycle
        doubted = want_exit(long, held=0, reason=ExitReason.SELL_TIME, at=130.1)

        again = want_exit(doubted.cycle, held=0, reason=ExitReason.SELL_TIME, at=130.3)

        assert again.cycle.intents[-1].quantity == 5
        assert "SendOrder" in kinds(again)

    def test_a_sale_that_was_given_up_and_surfaces_beside_it_is_cancelled(self) -> None:
        cycle = self.exiting()
        given_up = replace(cycle.intents[-1], state=IntentState.NOT_PLACED, clean_reads=2, broker_order_id=None)
        cycle = replace(cycle, state=CycleState.LONG, claim=None, intents=(cycle.intents[0], given_up))
        cycle = want_exit(cycle, held=5, reason=ExitReason.SELL_TIME, at=400).cycle
        cycle = answer(cycle, tag(Leg.EXIT, 2), Accepted("X2", {}), at=400.1).cycle
        surfaced = replace(row(tag(Leg.EXIT), "X1", BrokerStatus.WORKING, 0, quantity=5), side=Side.SELL)

        entering = read(cycle, self.entry(BrokerStatus.WORKING, 5), self.sale(2, 5), at=401).cycle

        decision = read(entering, self.entry(BrokerStatus.WORKING, 5), surfaced, self.sale(2, 5), at=402)

        assert entering.state is CycleState.ENTERING
        assert CancelOrder("X1") in decision.effects


@pytest.mark.parametrize("what", [Accepted("X", {}), RATE_LIMIT, LACK_OF_FUNDS], ids=["rests", "throttled", "refused"])
def test_a_sale_refused_two_thousand_times_is_still_looked_after(what: Answer) -> None:
    # given a position whose sale the broker refused again and again
    first = want_exit(long()).cycle
    refused = replace(first.intents[-1], state=IntentState.REFUSED, sent_at=after(60), answered_at=after(60))
    tries = tuple(replace(refused, attempt=n, tag=tag(Leg.EXIT, n)) for n in range(1, 2001))
    last = replace(first.intents[-1], attempt=2001, tag=tag(Leg.EXIT, 2001))
    worn = replace(first, intents=(first.intents[0], *tries, last))

    # when the broker answers the next one, and the book is read
    heard = answer(worn, last.tag, what, at=61)
    shown = [row(last.tag, "X", BrokerStatus.WORKING, 0)] if isinstance(what, Accepted) else []
    looked = read(heard.cycle, *shown, at=62)

    # then the position is still the cycle's
    assert looked.cycle.open_quantity == 10
    assert looked.cycle.state in {CycleState.EXITING, CycleState.LONG}


def test_an_exit_that_ended_with_something_left_gives_its_claim_back_and_is_wanted_again() -> None:
    exiting = want_exit(long()).cycle
    accepted = answer(exiting, tag(Leg.EXIT), Accepted("X1", {}), at=60.1).cycle
    sale = replace(row(tag(Leg.EXIT), "X1", BrokerStatus.CANCELLED, 4), side=Side.SELL)

    after_it = read(accepted, sale, at=60.2)

    cycle = after_it.cycle
    assert (cycle.state, cycle.claim, cycle.wanted) == (CycleState.LONG, None, ExitReason.STOPLOSS)
    assert [e.reason for e in after_it.effects if isinstance(e, RetryExit)] == [ExitReason.STOPLOSS]


def test_the_end_of_its_day_speaks_only_of_orders_that_were_still_open() -> None:
    held = long()

    over = decide(held, DayOver(after(86_400)), POLICY).cycle

    assert over.state is CycleState.FAILED
    assert over.intents == held.intents


def test_what_the_last_reading_of_a_day_proves_never_to_have_been_placed_is_told() -> None:
    unsure = answer(want_exit(long()).cycle, tag(Leg.EXIT), TIMEOUT, at=60).cycle
    entry = row(tag(Leg.ENTRY), "E1", BrokerStatus.COMPLETE, 10)
    last = decide(unsure, LastRead(after(22_000), BookReading(after(22_000), (entry,), ()), 10), POLICY)

    final = decide(last.cycle, LastRead(after(22_060), BookReading(after(22_060), (entry,), ()), 10), POLICY)

    assert final.cycle.intents[-1].state is IntentState.NOT_PLACED
    assert "order_not_placed" in told(final)


def test_only_the_first_exit_that_did_not_sell_everything_is_followed_at_once() -> None:
    def end(cycle: Cycle, attempt: int, filled: int, at: float) -> Decision:
        order_id = f"X{attempt}"
        taken = answer(cycle, tag(Leg.EXIT, attempt), Accepted(order_id, {}), at=at).cycle
        ended = row(tag(Leg.EXIT, attempt), order_id, BrokerStatus.CANCELLED, filled)
        return read(taken, replace(ended, side=Side.SELL), at=at + 0.1)

    first = end(want_exit(long()).cycle, 1, 4, 60.1)
    second = end(want_exit(first.cycle, held=6, at=61).cycle, 2, 1, 61.1)

    pauses = [e.pause for one in (first, second) for e in one.effects if isinstance(e, RetryExit)]
    assert pauses == [0.0, 2 * POLICY.retry_pause]
