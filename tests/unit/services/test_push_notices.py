"""Pushes: to every phone at once, again while none was taken, and never again to a phone that is gone."""

from __future__ import annotations

from datetime import timedelta

import pytest

from algotrading.adapters.https_post import PostFailed
from algotrading.contracts.errands import DeliverErrand, PushReceiptsErrand
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import Channel, DeliveryState
from algotrading.domain.push import MOST_LOOKS, RECEIPTS_AFTER, Receipt
from algotrading.ports import DeliveryRefused
from tests.fakes.accounts import MemoryLogins
from tests.fakes.push import receipt_of
from tests.unit.services.test_deliver_notices import DeadlyErrands, Killed, Trader

ONE, TWO = "ExponentPushToken[one]", "ExponentPushToken[two]"


@pytest.fixture
def trader() -> Trader:
    """Somebody with two phones, and no other channel in the way."""
    made = Trader()
    made.has_phone(ONE)
    made.has_phone(TWO)
    return made


def phones(trader: Trader) -> set[str]:
    """The phones that the next push would go to."""
    trader.world.pushes.sent.clear()
    trader.hand_over(trader.is_told(text="who is there"))
    trader.world.notice_errands.asked.clear()
    trader.world.notice_errands.delays.clear()
    return {token for token, _ in trader.world.pushes.sent}


def test_every_phone_shows_the_notice_once(trader: Trader) -> None:
    number = trader.is_told()

    trader.hand_over(number)
    trader.hand_over(number)

    assert sorted(token for token, _ in trader.world.pushes.sent) == [ONE, TWO]
    [record] = trader.log(Channel.PUSH)
    assert (record.state, record.attempts) == (DeliveryState.DELIVERED, 1)


def test_a_long_text_is_cut_to_what_phones_take(trader: Trader) -> None:
    trader.hand_over(trader.is_told(NoticeKind.DAILY_SUMMARY, "ab" * 3000))

    _, push = trader.world.pushes.sent[0]
    assert (len(push.body), push.body[-1], push.title) == (900, "…", "Daily summary")


def test_steps_on_the_way_are_pushed_only_when_somebody_wants_them(trader: Trader) -> None:
    trader.hand_over(trader.is_told(NoticeKind.BUY_ACCEPTED))
    assert trader.world.pushes.sent == []

    trader.notifications.set_wishes(trader.user_id, {(NoticeKind.BUY_ACCEPTED, Channel.PUSH): True})
    trader.hand_over(trader.is_told(NoticeKind.BUY_ACCEPTED))
    assert len(trader.world.pushes.sent) == 2


def test_a_phone_that_is_gone_is_forgotten_and_the_other_is_told(trader: Trader) -> None:
    trader.world.pushes.dead = {ONE}

    trader.hand_over(trader.is_told())

    assert [token for token, _ in trader.world.pushes.sent] == [TWO]
    assert [each.state for each in trader.log(Channel.PUSH)] == [DeliveryState.DELIVERED]
    trader.world.pushes.dead = set()
    assert phones(trader) == {TWO}


def test_when_every_phone_is_gone_the_notice_is_given_up_and_the_next_is_not_begun(trader: Trader) -> None:
    trader.world.pushes.dead = {ONE, TWO}
    trader.hand_over(trader.is_told())
    trader.hand_over(trader.is_told())

    [record] = trader.log(Channel.PUSH)
    assert (record.state, record.attempts) == (DeliveryState.GIVEN_UP, 1)
    assert "switch pushes on again" in str(record.last_error)
    assert trader.world.notice_errands.asked == []


@pytest.mark.parametrize("how", ["out of reach", "refused for all phones"])
def test_pushes_that_nobody_took_are_tried_again(trader: Trader, how: str) -> None:
    if how == "out of reach":
        trader.world.pushes.faults = [PostFailed("the push service answered 503")]
    else:
        trader.world.pushes.failing = {ONE, TWO}
    trader.hand_over(trader.is_told())

    assert trader.world.notice_errands.asked == [DeliverErrand(user_id=trader.user_id, channel=Channel.PUSH)]
    assert trader.log(Channel.PUSH)[0].state is DeliveryState.WAITING
    assert ("503" if how == "out of reach" else "InvalidCredentials") in str(trader.log(Channel.PUSH)[0].last_error)
    assert ONE not in str(trader.log(Channel.PUSH))

    trader.world.pushes.failing = set()
    trader.retry()
    assert trader.log(Channel.PUSH)[0].state is DeliveryState.DELIVERED


def test_what_one_phone_took_is_not_sent_again_for_the_others_sake(trader: Trader) -> None:
    trader.world.pushes.failing = {TWO}

    trader.hand_over(trader.is_told())

    assert trader.log(Channel.PUSH)[0].state is DeliveryState.DELIVERED
    assert trader.world.meter.counts["PushesFailed"] == 1
    assert phones(trader) == {ONE}, "it goes on being tried"
    trader.world.pushes.failing = set()
    assert phones(trader) == {ONE, TWO}


def test_what_the_service_refuses_for_good_is_given_up(trader: Trader) -> None:
    trader.world.pushes.faults = [DeliveryRefused("the push service answered 400")]

    trader.hand_over(trader.is_told())

    assert trader.log(Channel.PUSH)[0].state is DeliveryState.GIVEN_UP


def test_a_phone_whose_login_ended_meanwhile_is_not_pushed_to(trader: Trader) -> None:
    trader.world.pushes.faults = [PostFailed("the push service answered 503")]
    trader.hand_over(trader.is_told())
    MemoryLogins(trader.world.database).end_all(trader.user_id, trader.world.clock.now())

    trader.retry()

    assert trader.world.pushes.sent == []
    assert trader.log(Channel.PUSH)[0].last_error == "no device takes pushes any more"


# --- what became of them ----------------------------------------------------------------------------


def pushed(trader: Trader) -> PushReceiptsErrand:
    """A notice is pushed to both phones; what is asked for then."""
    trader.hand_over(trader.is_told())
    [errand] = trader.world.notice_errands.asked
    assert isinstance(errand, PushReceiptsErrand)
    return errand


def test_a_phone_that_apple_or_google_know_no_more_is_forgotten_a_quarter_of_an_hour_later(trader: Trader) -> None:
    errand = pushed(trader)
    assert trader.world.notice_errands.delays == [RECEIPTS_AFTER] == [timedelta(minutes=15)]
    assert ONE not in errand.model_dump_json(), "no message of the queue holds a token"

    trader.world.pushes.known_receipts = {
        receipt_of(ONE): Receipt("DeviceNotRegistered", is_dead=True),
        receipt_of(TWO): Receipt(),
    }
    trader.retry()

    assert trader.world.notice_errands.asked == []
    assert phones(trader) == {TWO}


def test_a_phone_that_has_registered_anew_meanwhile_is_kept(trader: Trader) -> None:
    pushed(trader)
    trader.world.pushes.known_receipts = {
        receipt_of(each): Receipt("DeviceNotRegistered", is_dead=True) for each in (ONE, TWO)
    }
    trader.has_phone("ExponentPushToken[new]")

    trader.retry()

    assert phones(trader) == {"ExponentPushToken[new]"}


@pytest.mark.parametrize("how", ["not there yet", "out of reach"])
def test_receipts_that_are_not_told_are_asked_for_a_few_times(trader: Trader, how: str) -> None:
    pushed(trader)
    for look in range(1, MOST_LOOKS + 1):
        if how == "out of reach":
            trader.world.pushes.faults = [PostFailed("no answer")]
        [errand] = trader.world.notice_errands.asked
        assert isinstance(errand, PushReceiptsErrand)
        assert errand.looks == look
        trader.retry()

    assert trader.world.notice_errands.asked == []
    assert phones(trader) == {ONE, TWO}


def test_only_what_is_not_known_yet_is_asked_for_again(trader: Trader) -> None:
    pushed(trader)
    trader.world.pushes.known_receipts = {receipt_of(ONE): Receipt("MessageRateExceeded")}

    trader.retry()

    [errand] = trader.world.notice_errands.asked
    assert isinstance(errand, PushReceiptsErrand)
    assert [each.id for each in errand.tickets] == [receipt_of(TWO)]
    assert trader.world.meter.counts["PushesFailed"] == 1
    assert phones(trader) == {ONE, TWO}


def test_a_queue_that_is_away_does_not_have_pushes_sent_twice(trader: Trader) -> None:
    trader.world.notice_errands.is_away = True

    trader.hand_over(trader.is_told())

    assert len(trader.world.pushes.sent) == 2
    assert trader.log(Channel.PUSH)[0].state is DeliveryState.DELIVERED


def test_a_function_that_dies_over_a_push_leaves_it_to_the_message_that_comes_again(trader: Trader) -> None:
    number, alive = trader.is_told(), trader.world.notice_errands
    trader.world.notice_errands = DeadlyErrands()
    trader.delivery = trader.world.notice_delivery()
    with pytest.raises(Killed):
        trader.hand_over(number)

    trader.world.notice_errands = alive
    trader.delivery = trader.world.notice_delivery()
    trader.world.clock.sleep(120)
    trader.hand_over(number)

    assert trader.log(Channel.PUSH)[0].state is DeliveryState.DELIVERED
    assert len(trader.world.pushes.sent) == 4, "at least once: they had been taken before it died"
