"""Notices by SMS: in registered words, to a confirmed number, and so many a day."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from algotrading.contracts.errands import SmsCodeErrand
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import Channel, ChannelSetup, DeliveryRecord, DeliveryState
from algotrading.ports import DeliveryRefused
from algotrading.services.sms_notices import make_code, sealed_number
from tests.fakes.cloud import MemoryVault
from tests.unit.services.test_deliver_notices import Trader

NUMBER = "+919876543210"


def trader_with_number(*, per_day: int = 10, is_confirmed: bool = True) -> Trader:
    trader = Trader()
    trader.world.sms_per_user = per_day
    trader.delivery = trader.world.notice_delivery()
    now = trader.world.clock.now()
    sealed = sealed_number(MemoryVault(), trader.user_id, NUMBER)
    confirmed_at = now if is_confirmed else None
    setup = ChannelSetup(trader.user_id, Channel.SMS, "+91******3210", now, sealed, confirmed_at=confirmed_at)
    trader.notifications.save_setup(setup)
    return trader


def code_errand(trader: Trader) -> SmsCodeErrand:
    return SmsCodeErrand(user_id=trader.user_id, named_at=trader.world.clock.now())


def last(trader: Trader) -> DeliveryRecord:
    return trader.log(Channel.SMS)[-1]


def test_a_kill_arrives_in_the_words_that_are_registered() -> None:
    trader = trader_with_number()

    trader.hand_over(trader.is_told(NoticeKind.KILLED, "the kill switch is on: words of the moment"))

    [(number, text)] = trader.world.texts.sent
    assert number == NUMBER
    assert text.startswith("AlgoTrading: your kill switch went on at ")
    assert last(trader).state is DeliveryState.DELIVERED


def test_what_is_not_chosen_is_not_sent_and_what_is_chosen_is() -> None:
    trader = trader_with_number()
    trader.hand_over(trader.is_told(NoticeKind.BOUGHT))
    assert trader.world.texts.sent == []

    trader.notifications.set_wishes(trader.user_id, {(NoticeKind.BOUGHT, Channel.SMS): True})
    trader.hand_over(trader.is_told(NoticeKind.BOUGHT))
    assert "Bought, about your account, at " in trader.world.texts.sent[0][1]


def test_nothing_is_sent_to_a_number_that_is_not_confirmed() -> None:
    trader = trader_with_number(is_confirmed=False)

    trader.hand_over(trader.is_told(NoticeKind.KILLED))

    assert (trader.world.texts.sent, trader.log(Channel.SMS)) == ([], [])


def test_beyond_the_days_messages_the_log_says_so_and_the_next_day_begins_anew() -> None:
    trader = trader_with_number(per_day=2)

    for _ in range(3):
        trader.hand_over(trader.is_told(NoticeKind.KILLED))

    assert len(trader.world.texts.sent) == 2
    assert (last(trader).state, last(trader).attempts) == (DeliveryState.GIVEN_UP, 1)
    assert last(trader).last_error == "the day's 2 text messages are used up: the inbox has this notice"
    assert len(trader.world.mailer.sent) == 3, "the other channels have it"
    trader.world.clock.sleep(24 * 3600)
    trader.hand_over(trader.is_told(NoticeKind.KILLED))
    assert len(trader.world.texts.sent) == 3


def test_what_the_service_did_not_take_is_tried_again_and_uses_nothing_up() -> None:
    trader = trader_with_number(per_day=1)
    trader.world.texts.faults = [ConnectionResetError("cut")]

    trader.hand_over(trader.is_told(NoticeKind.KILLED))
    assert (last(trader).state, trader.world.texts.sent) == (DeliveryState.WAITING, [])
    trader.retry()

    assert (last(trader).state, len(trader.world.texts.sent)) == (DeliveryState.DELIVERED, 1)


def test_what_is_refused_for_good_is_given_up_at_once() -> None:
    trader = trader_with_number()
    trader.world.texts.faults = [DeliveryRefused("the SMS service answered InvalidParameter")]

    trader.hand_over(trader.is_told(NoticeKind.KILLED))

    assert (last(trader).state, last(trader).attempts) == (DeliveryState.GIVEN_UP, 1)


def test_a_code_goes_to_the_number_that_waits_and_is_stored_as_a_hash(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    trader = trader_with_number(is_confirmed=False)

    assert trader.delivery.run(code_errand(trader)) == 1

    [(number, text)] = trader.world.texts.sent
    code = text.partition("code is ")[2].partition(".")[0]
    assert (number, len(code), code.isdigit()) == (NUMBER, 6, True)
    assert trader.world.chats.sent == [], "the chat is confirmed, and gets no code of the number's"
    for said in (caplog.text, str(trader.world.database.channel_setups)):
        assert code not in said
        assert NUMBER not in said


@pytest.mark.parametrize("fault", [None, ConnectionResetError("cut")])
def test_a_code_that_was_counted_once_is_sent_once_however_often_its_message_comes(fault: Exception | None) -> None:
    trader = trader_with_number(is_confirmed=False)
    errand = code_errand(trader)
    if fault is not None:
        # It may have been taken all the same.
        trader.world.texts.faults = [fault]
        with pytest.raises(type(fault)):
            trader.delivery.run(errand)

    assert [trader.delivery.run(errand) for _ in range(3)] == [int(fault is None), 0, 0]
    assert len(trader.world.texts.sent) == int(fault is None)


def test_a_message_about_a_number_that_was_named_again_since_sends_nothing() -> None:
    trader = trader_with_number(is_confirmed=False)
    old = code_errand(trader)
    trader.world.clock.sleep(60)
    [setup] = [each for each in trader.notifications.setups(trader.user_id) if each.channel is Channel.SMS]
    trader.notifications.save_setup(replace(setup, created_at=trader.world.clock.now()))

    assert trader.delivery.run(old) == 0
    assert trader.delivery.run(code_errand(trader)) == 1


def test_a_number_that_takes_no_code_fails_no_message_of_the_queue(caplog: pytest.LogCaptureFixture) -> None:
    trader = trader_with_number(is_confirmed=False)
    trader.world.texts.faults = [DeliveryRefused("the SMS service answered OptedOut")]

    assert trader.delivery.run(code_errand(trader)) == 0
    assert NUMBER not in caplog.text
    trader.notifications.remove_setup(trader.user_id, Channel.SMS, trader.world.clock.now())
    assert trader.delivery.run(code_errand(trader)) == 0


def test_codes_have_six_digits_whatever_they_begin_with() -> None:
    codes = {make_code() for _ in range(2000)}

    assert all(len(code) == 6 and code.isdigit() for code in codes)
    assert len(codes) > 1900, "they are drawn at random"
    assert any(code.startswith("0") for code in codes)
