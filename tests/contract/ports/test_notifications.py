"""ports.Notifications: an inbox that is the outbox, wishes, channels with their confirmation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from algotrading.domain.effects import Decision, Tell
from algotrading.domain.events import EntryMissed
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import CODE_REST, Channel, ChannelSetup
from algotrading.domain.strategy import Strategy
from tests.contract.ports.conftest import Stores
from tests.fakes.examples import MOMENT, TRADING_DAY

CODE = bytes(range(32))
SECOND = timedelta(seconds=1)


def tell(stores: Stores, user_id: UUID, times: int = 1) -> None:
    """Notices, by the shortest way that writes some: a summary for one day after another."""
    for number in range(times):
        day = TRADING_DAY + timedelta(days=number)
        assert stores.system_summaries.tell(
            user_id, day, NoticeKind.DAILY_SUMMARY, f"day {number}", MOMENT + number * SECOND
        )


def test_the_inbox_has_every_notice_the_newest_first_page_by_page(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    tell(stores, user.user_id, 5)
    tell(stores, other.user_id)

    first = stores.notifications.inbox(user.user_id, limit=2, before=None)
    second = stores.notifications.inbox(user.user_id, limit=2, before=first[-1].notice_id)
    rest = stores.notifications.inbox(user.user_id, limit=2, before=second[-1].notice_id)

    assert [each.text for each in (*first, *second, *rest)] == ["day 4", "day 3", "day 2", "day 1", "day 0"]
    assert {each.kind for each in first} == {"daily_summary"}
    assert stores.notifications.notice(user.user_id, first[0].notice_id) == first[0]
    assert stores.notifications.notice(other.user_id, first[0].notice_id) is None


def test_a_notice_about_a_strategy_says_what_it_trades(stores: Stores) -> None:
    cycle = stores.take_cycle()
    told = Decision(cycle, (Tell(NoticeKind.BOUGHT, "bought 10"),))
    stores.ledger.save(told, event=EntryMissed(MOMENT, "told"), now=MOMENT)

    [notice] = stores.notifications.inbox(cycle.user_id, limit=9, before=None)

    assert (notice.kind, notice.strategy_id, notice.symbol) == ("bought", cycle.strategy_id, cycle.plan.symbol)


def test_what_was_read_is_read_and_others_are_not(stores: Stores) -> None:
    user, other = stores.add_user(), stores.add_user()
    tell(stores, user.user_id, 3)
    tell(stores, other.user_id, 1)
    [newest, *_] = stores.notifications.inbox(user.user_id, limit=9, before=None)
    [hers] = stores.notifications.inbox(other.user_id, limit=9, before=None)
    assert stores.notifications.unread(user.user_id) == 3

    assert stores.notifications.mark_read(user.user_id, [newest.notice_id, hers.notice_id, 10**12], MOMENT) == 1
    assert stores.notifications.mark_read(user.user_id, [newest.notice_id], MOMENT + SECOND) == 0

    assert stores.notifications.unread(user.user_id) == 2
    assert stores.notifications.unread(user.user_id, [NoticeKind(newest.kind)]) < 2
    others = stores.notifications.inbox(user.user_id, limit=9, before=None, but=[NoticeKind(newest.kind)])
    assert newest.kind not in {each.kind for each in others}
    assert stores.notifications.unread(other.user_id) == 1
    assert [n.read_at for n in stores.notifications.inbox(user.user_id, limit=9, before=None)] == [MOMENT, None, None]
    assert stores.notifications.mark_read(user.user_id, None, MOMENT) == 2
    assert stores.notifications.unread(user.user_id) == 0


def test_wishes_replace_those_before(stores: Stores) -> None:
    user = stores.add_user()
    assert dict(stores.notifications.wishes(user.user_id)) == {}

    stores.notifications.set_wishes(user.user_id, {(NoticeKind.SOLD, Channel.EMAIL): False})
    stores.notifications.set_wishes(user.user_id, {(NoticeKind.BOUGHT, Channel.WEBHOOK): False})

    assert dict(stores.notifications.wishes(user.user_id)) == {(NoticeKind.BOUGHT, Channel.WEBHOOK): False}
    assert dict(stores.notifications.wishes(stores.add_user().user_id)) == {}


def webhook(user_id: UUID, target: str = "https://hooks.in") -> ChannelSetup:
    return ChannelSetup(user_id, Channel.WEBHOOK, target, MOMENT, sealed_secret="sealed", confirmed_at=MOMENT)


def test_a_channel_replaces_the_one_before_and_can_be_taken_away(stores: Stores) -> None:
    user = stores.add_user()
    stores.notifications.save_setup(webhook(user.user_id, "https://old.in"))
    stores.notifications.save_setup(webhook(user.user_id))

    assert list(stores.notifications.setups(user.user_id)) == [webhook(user.user_id)]
    assert stores.notifications.remove_setup(user.user_id, Channel.WEBHOOK, MOMENT)
    assert not stores.notifications.remove_setup(user.user_id, Channel.WEBHOOK, MOMENT)
    assert list(stores.notifications.setups(user.user_id)) == []


def chat(stores: Stores) -> UUID:
    user = stores.add_user()
    stores.notifications.save_setup(ChannelSetup(user.user_id, Channel.TELEGRAM, "42", MOMENT))
    stores.notifications.set_code(user.user_id, Channel.TELEGRAM, "42", CODE, MOMENT)
    return user.user_id


def test_a_chat_is_confirmed_once_by_its_code(stores: Stores) -> None:
    user_id = chat(stores)

    def confirm(code: bytes) -> bool:
        return stores.notifications.confirm(user_id, Channel.TELEGRAM, code, since=MOMENT - SECOND, now=MOMENT + SECOND)

    assert not confirm(bytes(32))
    assert confirm(CODE)
    assert not confirm(CODE)
    [setup] = stores.notifications.setups(user_id)
    assert (setup.confirmed_at, setup.code_hash) == (MOMENT + SECOND, None)


@pytest.mark.parametrize("whose", ["his, too old", "somebody else's", "a replaced one"])
def test_a_code_is_good_for_the_last_chat_of_its_user_for_a_while(stores: Stores, whose: str) -> None:
    user_id = chat(stores)
    since, who = MOMENT - SECOND, user_id
    if whose == "his, too old":
        since = MOMENT
    elif whose == "somebody else's":
        who = stores.add_user().user_id
    else:
        stores.notifications.save_setup(ChannelSetup(user_id, Channel.TELEGRAM, "43", MOMENT))

    assert not stores.notifications.confirm(who, Channel.TELEGRAM, CODE, since=since, now=MOMENT)
    assert stores.notifications.setups(user_id)[0].confirmed_at is None


def test_a_confirmed_chat_takes_no_other_code(stores: Stores) -> None:
    user_id = chat(stores)
    stores.notifications.confirm(user_id, Channel.TELEGRAM, CODE, since=MOMENT - SECOND, now=MOMENT)

    stores.notifications.set_code(user_id, Channel.TELEGRAM, "42", bytes(32), MOMENT)

    assert stores.notifications.setups(user_id)[0].code_hash is None


def test_a_code_that_goes_to_one_chat_is_not_set_of_the_one_named_in_its_place(stores: Stores) -> None:
    user_id = stores.add_user().user_id
    stores.notifications.save_setup(ChannelSetup(user_id, Channel.TELEGRAM, "42", MOMENT))
    stores.notifications.save_setup(ChannelSetup(user_id, Channel.TELEGRAM, "43", MOMENT))

    assert not stores.notifications.set_code(user_id, Channel.TELEGRAM, "42", CODE, MOMENT)
    assert not stores.notifications.confirm(user_id, Channel.TELEGRAM, CODE, since=MOMENT - SECOND, now=MOMENT)
    assert stores.notifications.set_code(user_id, Channel.TELEGRAM, "43", CODE, MOMENT)


def test_a_code_is_sent_to_a_chat_a_minute_after_the_last_whatever_became_of_that_chat(stores: Stores) -> None:
    user_id, other = stores.add_user().user_id, stores.add_user().user_id
    assert stores.notifications.spend_chat_code(user_id, MOMENT)

    stores.notifications.save_setup(ChannelSetup(user_id, Channel.TELEGRAM, "42", MOMENT))
    stores.notifications.remove_setup(user_id, Channel.TELEGRAM, MOMENT)

    assert not stores.notifications.spend_chat_code(user_id, MOMENT + CODE_REST - SECOND)
    assert stores.notifications.spend_chat_code(other, MOMENT)
    assert stores.notifications.spend_chat_code(user_id, MOMENT + CODE_REST)


def test_of_many_who_ask_for_a_chats_code_at_the_same_moment_one_may(stores: Stores) -> None:
    user_id = stores.add_user().user_id

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(lambda _: stores.notifications.spend_chat_code(user_id, MOMENT), range(8))) == 1


def test_a_day_is_told_once(stores: Stores) -> None:
    cycle = stores.take_cycle()
    assert list(stores.system_summaries.traders(TRADING_DAY)) == [cycle.user_id]
    assert list(stores.system_summaries.traders(TRADING_DAY + timedelta(days=1))) == []

    assert stores.system_summaries.tell(cycle.user_id, TRADING_DAY, NoticeKind.DAILY_SUMMARY, "text", MOMENT)
    assert not stores.system_summaries.tell(cycle.user_id, TRADING_DAY, NoticeKind.DAILY_SUMMARY, "again", MOMENT)

    assert list(stores.system_summaries.traders(TRADING_DAY)) == []
    assert [n.text for n in stores.notifications.inbox(cycle.user_id, limit=9, before=None)] == ["text"]
    assert stores.notifications.notice(uuid4(), 1) is None


def test_a_reminder_of_the_morning_does_not_stand_for_the_days_summary(stores: Stores) -> None:
    cycle = stores.take_cycle()

    assert stores.system_summaries.tell(cycle.user_id, TRADING_DAY, NoticeKind.NOT_READY, "log in", MOMENT)
    assert not stores.system_summaries.tell(cycle.user_id, TRADING_DAY, NoticeKind.NOT_READY, "log in", MOMENT)

    assert list(stores.system_summaries.traders(TRADING_DAY)) == [cycle.user_id]
    assert stores.system_summaries.tell(cycle.user_id, TRADING_DAY, NoticeKind.DAILY_SUMMARY, "a day", MOMENT)


def test_the_same_trouble_of_a_strategy_is_told_once_a_day_and_another_one_too(stores: Stores) -> None:
    user = stores.add_user()
    strategy, other = stores.add_strategy(user), stores.add_strategy(user, symbol="INFY")
    tomorrow = TRADING_DAY + timedelta(days=1)

    def tell(strategy: Strategy, trouble: str, day: date = TRADING_DAY) -> bool:
        return stores.summaries.tell(
            strategy.user_id,
            day,
            NoticeKind.NOT_READY,
            f"mend {trouble}",
            MOMENT,
            strategy_id=strategy.strategy_id,
            trouble=trouble,
        )

    assert stores.summaries.tell(strategy.user_id, TRADING_DAY, NoticeKind.NOT_READY, "the morning's", MOMENT)

    told = [tell(strategy, "funds"), tell(strategy, "funds"), tell(strategy, "broker_login,funds")]

    assert told == [True, False, True]
    assert [tell(other, "funds"), tell(strategy, "funds", tomorrow)] == [True, True]
    inbox = stores.notifications.inbox(strategy.user_id, limit=10, before=None)
    assert [(each.strategy_id, each.text) for each in reversed(inbox)] == [
        (None, "the morning's"),
        (strategy.strategy_id, "mend funds"),
        (strategy.strategy_id, "mend broker_login,funds"),
        (other.strategy_id, "mend funds"),
        (strategy.strategy_id, "mend funds"),
    ]


# --- its owner hears of every new place that notices go to


def told_of_channels(stores: Stores, user_id: UUID) -> list[str]:
    notices = stores.notifications.inbox(user_id, limit=9, before=None)
    assert {each.kind for each in notices} <= {NoticeKind.CHANNEL_SET}
    return [each.text for each in reversed(notices)]


def test_its_owner_is_told_of_a_webhook_by_its_host_and_not_of_the_same_again(stores: Stores) -> None:
    user = stores.add_user()

    def point_to(url: str) -> None:
        setup = ChannelSetup(user.user_id, Channel.WEBHOOK, url, MOMENT, sealed_secret="sealed", confirmed_at=MOMENT)
        stores.notifications.save_setup(setup)

    point_to("https://hooks.example.com/trades?key=hidden")
    point_to("https://hooks.example.com/trades?key=hidden")
    [first] = told_of_channels(stores, user.user_id)
    assert "to the webhook at hooks.example.com as well" in first
    assert "hidden" not in first

    point_to("https://elsewhere.example.net/")
    stores.notifications.remove_setup(user.user_id, Channel.WEBHOOK, MOMENT)
    [_, second] = told_of_channels(stores, user.user_id)
    assert "to the webhook at elsewhere.example.net as well" in second


@pytest.mark.parametrize(
    ("channel", "target", "place"),
    [
        (Channel.SMS, "+91******3210", "by SMS to the number that ends in 3210"),
        (Channel.TELEGRAM, "123456789", "to the Telegram chat 123456789"),
    ],
)
def test_its_owner_is_told_of_a_chat_or_number_once_notices_go_there(
    stores: Stores, channel: Channel, target: str, place: str
) -> None:
    user = stores.add_user()
    sealed = "sealed" if channel is Channel.SMS else None
    stores.notifications.save_setup(ChannelSetup(user.user_id, channel, target, MOMENT, sealed_secret=sealed))
    assert stores.notifications.set_code(user.user_id, channel, target, CODE, MOMENT)

    assert not stores.notifications.confirm(user.user_id, channel, bytes(32), since=MOMENT - SECOND, now=MOMENT)
    assert told_of_channels(stores, user.user_id) == []

    assert stores.notifications.confirm(user.user_id, channel, CODE, since=MOMENT - SECOND, now=MOMENT)
    [told] = told_of_channels(stores, user.user_id)
    assert place in told
    assert "If that was not you" in told
