"""Notices on their way to channels: once each, in order, again when it fails, and nobody who trades waits for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from algotrading.adapters.https_post import PostFailed
from algotrading.contracts.errands import ChatCodeErrand, DeliverErrand, NoticeErrand, read_delivery_errand
from algotrading.domain.delivery import PATIENCE, pause_after
from algotrading.domain.logins import LOGIN_LASTS, DeviceLogin
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import MOST_ATTEMPTS, Channel, ChannelSetup, DeliveryRecord, DeliveryState
from algotrading.domain.push import Push, PushDevice, push_token_hash
from algotrading.ports import DeliveryRefused
from algotrading.services.deliver_notices import WEBHOOK_SECRET
from algotrading.services.push_notices import PUSH_TOKEN
from tests.fakes.accounts import MemoryLogins
from tests.fakes.cloud import MemoryVault
from tests.fakes.examples import make_strategy
from tests.fakes.ledger import add_notice
from tests.fakes.mails import MemoryEmailLinks, MemoryErrands
from tests.fakes.notifications import MemoryDeliveries, MemoryNotifications
from tests.fakes.push import MemoryPushDevices
from tests.unit.api.world import ApiWorld

PHONE = "ExponentPushToken[one]"
URL, SECRET, CHAT = "https://hooks.in/x", "whsec_c2VjcmV0", "42"


class Trader:
    """Somebody who is told by every channel."""

    def __init__(self) -> None:
        self.world = ApiWorld()
        token = self.world.register()
        self.user_id = UUID(self.world.call("GET", "/account", token=token).body["user_id"])
        self.world.errands.asked.clear()
        self.notifications = MemoryNotifications(self.world.database)
        self.verify_email()
        now = self.world.clock.now()
        sealed = MemoryVault().seal(self.user_id, {WEBHOOK_SECRET: SECRET})[WEBHOOK_SECRET]
        self.notifications.save_setup(ChannelSetup(self.user_id, Channel.WEBHOOK, URL, now, sealed, confirmed_at=now))
        self.notifications.save_setup(ChannelSetup(self.user_id, Channel.TELEGRAM, CHAT, now, confirmed_at=now))
        self.delivery = self.world.notice_delivery()

    def has_phone(self, token: str = PHONE) -> DeviceLogin:
        """A phone that takes pushes; the login on it."""
        now = self.world.clock.now()
        login = DeviceLogin(uuid4(), self.user_id, "a phone", now, now, now + LOGIN_LASTS)
        MemoryLogins(self.world.database).begin(login, uuid4().bytes, self.world.database.users[self.user_id][1])
        sealed = MemoryVault().seal(self.user_id, {PUSH_TOKEN: token})[PUSH_TOKEN]
        devices = MemoryPushDevices(self.world.database)
        devices.register(PushDevice(self.user_id, login.device_id, push_token_hash(token), sealed, now))
        return login

    def verify_email(self) -> None:
        links, now = MemoryEmailLinks(self.world.database), self.world.clock.now()
        from algotrading.domain.email_links import LinkPurpose

        links.add(self.user_id, LinkPurpose.VERIFY_EMAIL, bytes(32), now=now, expires_at=now + timedelta(hours=1))
        links.verify_email(self.user_id, bytes(32), now)

    def is_told(
        self,
        kind: NoticeKind = NoticeKind.BOUGHT,
        text: str = "bought 10",
        strategy_id: UUID | None = None,
        account_id: UUID | None = None,
    ) -> int:
        """The notice is written, and has left the outbox; its number."""
        add_notice(self.world.database, self.user_id, strategy_id, kind, text, self.world.clock.now(), account_id)
        return self.world.database.notices[-1].notice_id

    def hand_over(self, notice_id: int) -> int:
        return self.delivery.run(NoticeErrand(user_id=self.user_id, notice_id=notice_id))

    def log(self, channel: Channel) -> list[DeliveryRecord]:
        """Of one channel, oldest first."""
        found = MemoryDeliveries(self.world.database).log(self.user_id, limit=99, before=None)
        return [each for each in reversed(found) if each.channel is channel]

    def retry(self) -> None:
        """Let the time pass that was asked for, and carry out what was."""
        errands = self.world.notice_errands
        errand, delay = errands.asked.pop(0), errands.delays.pop(0)
        self.world.clock.sleep(delay.total_seconds())
        self.delivery.run(read_delivery_errand(errand.model_dump_json()))

    @property
    def posted(self) -> list[str]:
        """The texts that the webhook was sent."""
        return [json.loads(body)["data"]["text"] for _, _, _, body in self.world.webhooks.posted]


@pytest.fixture
def trader() -> Trader:
    return Trader()


def test_a_notice_reaches_every_channel_once(trader: Trader) -> None:
    trader.has_phone()
    number = trader.is_told()

    assert trader.hand_over(number) == 4
    assert trader.hand_over(number) == 0, "the topic delivers at least once"

    [mail] = trader.world.mailer.sent
    [(url, secret, message_id, body)] = trader.world.webhooks.posted
    assert (mail.to, mail.subject) == ("trader@example.com", "Bought")
    assert "bought 10" in mail.text
    assert (url, secret, message_id) == (URL, SECRET, str(number))
    assert json.loads(body)["type"] == "bought"
    assert trader.world.chats.sent == [(CHAT, "Bought\nbought 10")]
    assert trader.world.pushes.sent == [(PHONE, Push("Bought", "bought 10", number, "bought", None))]
    assert {each.state for channel in Channel for each in trader.log(channel)} == {DeliveryState.DELIVERED}


@pytest.mark.parametrize("text", ["TCS: bought 10", "bought 10"])
def test_what_a_notice_is_about_is_said_once(trader: Trader, text: str) -> None:
    strategy = make_strategy(trader.user_id)
    trader.world.database.strategies[strategy.strategy_id] = strategy

    trader.hand_over(trader.is_told(text=text, strategy_id=strategy.strategy_id))

    [mail] = trader.world.mailer.sent
    assert mail.text.startswith("TCS: bought 10\n")
    assert trader.world.chats.sent == [(CHAT, "Bought\nTCS: bought 10")]


def test_of_which_account_a_notice_speaks_is_said_in_every_channel(trader: Trader) -> None:
    strategy, name = make_strategy(trader.user_id), "100% <b>'it'</b> {x}"
    trader.world.database.strategies[strategy.strategy_id] = strategy
    trader.has_phone()
    text = f"TCS ({name}): bought 10"

    trader.hand_over(trader.is_told(text=text, strategy_id=strategy.strategy_id, account_id=strategy.account_id))
    trader.hand_over(trader.is_told(NoticeKind.KILLED, "Nothing more is bought."))

    # word for word as its owner wrote it: each channel takes plain text
    assert trader.world.mailer.sent[0].text.startswith(f"{text}\n")
    assert trader.world.mailer.sent[0].subject == "TCS: bought"
    assert trader.world.chats.sent[0] == (CHAT, f"Bought\n{text}")
    assert trader.world.pushes.sent[0][1].body == text
    said = [json.loads(body)["data"] for _, _, _, body in trader.world.webhooks.posted]
    assert [(each["account_id"], each["text"]) for each in said] == [
        (str(strategy.account_id), text),
        (None, "Nothing more is bought."),
    ]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (NoticeKind.BUY_ACCEPTED, "the broker accepted the buy of 10; it is not filled yet"),
        (NoticeKind.BOUGHT, "bought 10 at 3520.25 on average"),
        (NoticeKind.ENTRY_REFUSED, "the broker refused the buy: Insufficient funds"),
    ],
)
def test_accepted_filled_and_refused_are_told_apart_in_every_channel(
    trader: Trader, kind: NoticeKind, text: str
) -> None:
    trader.has_phone()
    trader.notifications.set_wishes(trader.user_id, {(kind, channel): True for channel in Channel})

    trader.hand_over(trader.is_told(kind, text))

    [mail] = trader.world.mailer.sent
    title = kind.replace("_", " ").capitalize()
    assert (mail.subject, text in mail.text) == (title, True)
    assert trader.world.chats.sent == [(CHAT, f"{title}\n{text}")]
    [(_, push)] = trader.world.pushes.sent
    assert (push.title, push.body) == (title, text)
    said = json.loads(trader.world.webhooks.posted[0][3])
    assert (said["type"], said["data"]["text"]) == (kind, text)
    # As every answer of the API writes an instant.
    assert said["timestamp"] == "2026-11-20T02:30:00Z"


def test_steps_on_the_way_go_to_programs_alone_unless_somebody_wants_them(trader: Trader) -> None:
    trader.hand_over(trader.is_told(NoticeKind.BUY_ACCEPTED))
    assert (len(trader.posted), trader.world.mailer.sent, trader.world.chats.sent) == (1, [], [])

    trader.notifications.set_wishes(
        trader.user_id,
        {(NoticeKind.BUY_ACCEPTED, Channel.TELEGRAM): True, (NoticeKind.BUY_ACCEPTED, Channel.WEBHOOK): False},
    )
    trader.hand_over(trader.is_told(NoticeKind.BUY_ACCEPTED))
    assert (len(trader.posted), trader.world.mailer.sent, len(trader.world.chats.sent)) == (1, [], 1)


@pytest.mark.parametrize("kind", [NoticeKind.SOLD, NoticeKind.SOLD_SO_FAR])
def test_what_a_stop_or_a_sell_time_brought_goes_everywhere(trader: Trader, kind: NoticeKind) -> None:
    trader.has_phone()

    trader.hand_over(trader.is_told(kind))

    assert len(trader.posted) == 1
    assert (len(trader.world.mailer.sent), len(trader.world.chats.sent), len(trader.world.pushes.sent)) == (1, 1, 1)


@pytest.mark.parametrize(
    ("kind", "subject"),
    [
        (NoticeKind.PASSWORD_CHANGED, "Password changed"),
        (NoticeKind.SECOND_FACTOR_ON, "Second factor on"),
        (NoticeKind.SECOND_FACTOR_OFF, "Second factor off"),
        (NoticeKind.API_KEY_MADE, "API key made"),
        (NoticeKind.VIEWER_JOINED, "Viewer joined"),
        (NoticeKind.CHANNEL_SET, "Channel set"),
        (NoticeKind.ACCOUNT_LOCKED, "Account locked"),
        (NoticeKind.ACCOUNT_UNLOCKED, "Account unlocked"),
    ],
)
def test_who_gets_into_the_account_is_mailed_whatever_is_wished(trader: Trader, kind: NoticeKind, subject: str) -> None:
    trader.notifications.set_wishes(trader.user_id, {(kind, each): False for each in Channel})

    trader.hand_over(trader.is_told(kind))

    assert [mail.subject for mail in trader.world.mailer.sent] == [subject]
    assert (trader.posted, trader.world.chats.sent) == ([], [])
    assert "is set there" not in trader.world.mailer.sent[0].text


def test_a_mail_that_can_be_switched_off_says_where_in_the_apps_own_words(trader: Trader) -> None:
    trader.hand_over(trader.is_told())

    [mail] = trader.world.mailer.sent
    assert "Which notices come by mail is set there, under Inbox: What is sent where." in mail.text
    words = (Path(__file__).parents[3] / "mobile/src/words/en-notices.ts").read_text("utf-8")
    assert 'preferences: "What is sent where"' in words


def test_an_address_that_nobody_confirmed_and_a_chat_without_its_code_are_sent_nothing(trader: Trader) -> None:
    user, password_hash = trader.world.database.users[trader.user_id]
    trader.world.database.users[trader.user_id] = (type(user)(user.user_id, user.email, user.created_at), password_hash)
    now = trader.world.clock.now()
    trader.notifications.save_setup(ChannelSetup(trader.user_id, Channel.TELEGRAM, CHAT, now))

    trader.hand_over(trader.is_told())

    assert (trader.world.mailer.sent, trader.world.chats.sent, len(trader.posted)) == ([], [], 1)


def test_a_failed_delivery_is_tried_again_with_growing_pauses_and_holds_up_its_own_channel_alone(
    trader: Trader,
) -> None:
    trader.world.webhooks.faults = [PostFailed("it answered 503"), ConnectionResetError("cut")]
    first = trader.is_told(text="one")
    trader.hand_over(first)
    second = trader.is_told(text="two")
    trader.hand_over(second)

    assert trader.posted == []
    assert len(trader.world.mailer.sent) == len(trader.world.chats.sent) == 2
    assert trader.world.notice_errands.asked == [DeliverErrand(user_id=trader.user_id, channel=Channel.WEBHOOK)]
    assert trader.world.notice_errands.delays == [pause_after(1)]
    assert trader.log(Channel.WEBHOOK)[0].last_error == "PostFailed: it answered 503"

    trader.retry()
    assert (trader.posted, trader.world.notice_errands.delays) == ([], [pause_after(2)])
    trader.retry()
    assert trader.posted == ["one", "two"]
    assert trader.world.notice_errands.asked == []


def test_a_webhook_that_is_dead_is_given_up_and_the_log_says_why(trader: Trader) -> None:
    trader.world.webhooks.faults = [PostFailed("it answered 500")] * MOST_ATTEMPTS
    trader.hand_over(trader.is_told())
    while trader.world.notice_errands.asked:
        trader.retry()

    [record] = trader.log(Channel.WEBHOOK)
    assert (record.state, record.attempts) == (DeliveryState.GIVEN_UP, MOST_ATTEMPTS)
    assert record.last_error == "PostFailed: it answered 500"
    assert trader.world.meter.counts["DeliveriesGivenUp"] == 1


def test_one_message_that_never_gets_through_does_not_silence_the_channel(trader: Trader) -> None:
    trader.world.webhooks.faults = [PostFailed("it answered 500")] * PATIENCE
    trader.hand_over(trader.is_told(text="one"))
    trader.hand_over(trader.is_told(text="two"))
    for _ in range(PATIENCE - 1):
        trader.retry()

    # It has failed so often that the later one passes it.
    assert trader.posted == ["two"]
    trader.retry()
    assert trader.posted == ["two", "one"]


def test_what_is_refused_for_good_is_not_tried_again_and_the_next_one_is(trader: Trader) -> None:
    trader.world.webhooks.faults = [DeliveryRefused("the host is not on the public internet")]
    trader.hand_over(trader.is_told(text="one"))
    trader.hand_over(trader.is_told(text="two"))

    assert trader.posted == ["two"]
    assert trader.world.notice_errands.asked == []
    assert [each.state for each in trader.log(Channel.WEBHOOK)] == [DeliveryState.GIVEN_UP, DeliveryState.DELIVERED]
    assert trader.log(Channel.WEBHOOK)[0].last_error == "the host is not on the public internet"


def test_a_mail_that_the_service_refuses_is_given_up(trader: Trader) -> None:
    trader.world.mailer.refuses = True

    trader.hand_over(trader.is_told())

    assert [each.state for each in trader.log(Channel.EMAIL)] == [DeliveryState.GIVEN_UP]
    assert len(trader.posted) == 1


def test_a_channel_that_was_taken_away_is_given_up(trader: Trader) -> None:
    trader.world.webhooks.faults = [PostFailed("it answered 500")]
    trader.hand_over(trader.is_told())
    trader.notifications.remove_setup(trader.user_id, Channel.WEBHOOK, trader.world.clock.now())

    trader.retry()

    assert [each.state for each in trader.log(Channel.WEBHOOK)] == [DeliveryState.GIVEN_UP]


class Killed(BaseException):
    """The function is gone."""


class DeadlyErrands(MemoryErrands):
    """A queue at whose call the function dies."""

    def ask(self, errand: object, *, delay: timedelta = timedelta(0)) -> None:
        raise Killed


def test_a_function_that_dies_over_a_failure_leaves_it_to_the_message_that_comes_again(trader: Trader) -> None:
    trader.world.webhooks.faults = [PostFailed("it answered 500")]
    number, alive = trader.is_told(), trader.world.notice_errands
    trader.world.notice_errands = DeadlyErrands()
    trader.delivery = trader.world.notice_delivery()
    with pytest.raises(Killed):
        trader.hand_over(number)

    # SQS shows the message again after two minutes, when the lease is over.
    trader.world.notice_errands = alive
    trader.delivery = trader.world.notice_delivery()
    trader.world.clock.sleep(120)
    trader.hand_over(number)

    assert trader.posted == ["bought 10"]
    assert len(trader.world.mailer.sent) == 1


def test_many_notices_are_delivered_a_handful_at_a_time(trader: Trader) -> None:
    now = trader.world.clock.now()
    for number in range(45):
        add_notice(trader.world.database, trader.user_id, None, "bought", f"{number}", now)
    for notice in trader.world.database.notices[-45:]:
        MemoryDeliveries(trader.world.database).add(trader.user_id, notice.notice_id, [Channel.WEBHOOK], now)

    trader.delivery.run(DeliverErrand(user_id=trader.user_id, channel=Channel.WEBHOOK))
    assert len(trader.posted) == 20
    while trader.world.notice_errands.asked:
        trader.retry()

    assert trader.posted == [str(number) for number in range(45)]


def test_what_is_not_the_users_is_not_delivered(trader: Trader) -> None:
    number = trader.is_told()

    stranger = NoticeErrand(user_id=UUID(int=7), notice_id=number)
    assert trader.delivery.run(stranger) == 0
    assert trader.posted == []


def test_a_code_goes_to_a_chat_that_waits_for_one_and_to_no_other(trader: Trader) -> None:
    errand = ChatCodeErrand(user_id=trader.user_id)
    assert trader.delivery.run(errand) == 0

    now = trader.world.clock.now()
    trader.notifications.save_setup(ChannelSetup(trader.user_id, Channel.TELEGRAM, "43", now))
    assert trader.delivery.run(errand) == 1
    [(chat, text)] = trader.world.chats.sent
    assert chat == "43"
    assert text.partition("code is ")[2].partition(".")[0] not in str(trader.world.database.channel_setups)

    trader.world.chats.blocked = True
    assert trader.delivery.run(errand) == 0


def test_a_chat_named_while_a_code_goes_to_another_is_not_confirmed_by_it(trader: Trader) -> None:
    now = trader.world.clock.now()
    mine, theirs = (ChannelSetup(trader.user_id, Channel.TELEGRAM, chat, now) for chat in ("mine", "theirs"))
    trader.notifications.save_setup(mine)

    class Renamed(MemoryNotifications):
        """Names the other chat as soon as somebody has read which one waits."""

        def setups(self, user_id: UUID) -> Sequence[ChannelSetup]:
            found = super().setups(user_id)
            self.save_setup(theirs)
            return found

    renamed = replace(trader.delivery, notifications=Renamed(trader.world.database))
    assert renamed.run(ChatCodeErrand(user_id=trader.user_id)) == 0

    assert trader.world.chats.sent == []
    [setup] = [each for each in trader.notifications.setups(trader.user_id) if each.channel is Channel.TELEGRAM]
    assert (setup.target, setup.code_hash) == ("theirs", None)


def test_a_message_of_the_topic_is_read_as_sns_wraps_it() -> None:
    user_id = UUID(int=5)
    wrapped = {
        "Type": "Notification",
        "MessageId": "1",
        "TopicArn": "arn:aws:sns:ap-south-1:1:notifications",
        "Message": 'a text with "Type" and {"kind": "deliver"}',
        "Timestamp": "2026-11-20T02:30:00.000Z",
        "MessageAttributes": {
            "notice_id": {"Type": "String", "Value": "4711"},
            "user_id": {"Type": "String", "Value": str(user_id)},
            "kind": {"Type": "String", "Value": "bought"},
        },
    }

    assert read_delivery_errand(json.dumps(wrapped)) == NoticeErrand(user_id=user_id, notice_id=4711)


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"kind": "verify_email", "user_id": "x"}', '{"Type": "Other"}'])
def test_what_is_no_errand_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_delivery_errand(text)
