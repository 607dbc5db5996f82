"""ports.TextMessages and ports.SmsCodes, and what SMS asks of others: fakes, PostgreSQL, emulated SNS."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws
from moto.sns.models import sns_backends

from algotrading.adapters.sns_sms import SmsFailed, SnsTextMessages
from algotrading.domain.notices import NoticeKind
from algotrading.domain.notifications import MOST_CODE_TRIES, Channel, ChannelSetup
from algotrading.domain.sms import CodeLimits, code_sms, until_tomorrow
from algotrading.domain.sms_templates import SmsTemplate
from algotrading.ports import DeliveryRefused, TextMessages
from tests.contract.ports.conftest import Stores
from tests.contract.ports.test_notifications import tell
from tests.fakes.examples import MOMENT
from tests.fakes.notifications import MemoryTextMessages

REGION, NUMBER, SHOWN = "ap-south-1", "+919876543210", "+91******3210"
IDS = {template: f"1107{number:015}" for number, template in enumerate(SmsTemplate)}
SECOND = timedelta(seconds=1)


def sns_client() -> Any:
    return cast(Any, boto3.client)("sns", region_name=REGION, aws_access_key_id="none", aws_secret_access_key="none")


def sns_messages(client: Any, sender_id: str = "ALGOTR") -> SnsTextMessages:
    return SnsTextMessages(lambda: client, sender_id=sender_id, entity_id="1101", template_ids=IDS)


# --- sending ----------------------------------------------------------------------------------------


class Sent:
    """A port with a way to see what it sent, whatever is behind it."""

    def __init__(self, port: TextMessages, without: TextMessages, sent: Any) -> None:
        self.port, self.without, self.sent = port, without, sent


@pytest.fixture(params=["memory", "sns"])
def phone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sent]:
    if request.param == "memory":
        memory = MemoryTextMessages()
        yield Sent(memory, MemoryTextMessages(has_sender=False), lambda: memory.sent)
        return
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        client = sns_client()
        backend = sns_backends["123456789012"][REGION]
        yield Sent(sns_messages(client), sns_messages(client, ""), lambda: list(backend.sms_messages.values()))


def test_a_message_is_sent_as_it_is_registered(phone: Sent) -> None:
    phone.port.send(NUMBER, code_sms("204671"))

    assert phone.port.is_available()
    assert phone.sent() == [(NUMBER, code_sms("204671").text)]


def test_without_a_sender_nothing_is_sent(phone: Sent) -> None:
    assert not phone.without.is_available()
    with pytest.raises(DeliveryRefused):
        phone.without.send(NUMBER, code_sms("204671"))
    assert phone.sent() == []


@pytest.mark.parametrize(
    ("number", "extra"),
    [
        (NUMBER, {"AWS.MM.SMS.EntityId": "1101", "AWS.MM.SMS.TemplateId": IDS[SmsTemplate.CODE]}),
        ("+6581234567", {}),
    ],
)
def test_messages_to_india_say_what_they_are_registered_as(number: str, extra: dict[str, str]) -> None:
    client = sns_client()
    said = {"AWS.SNS.SMS.SMSType": "Transactional", "AWS.SNS.SMS.SenderID": "ALGOTR", **extra}
    asked = {
        "PhoneNumber": number,
        "Message": code_sms("204671").text,
        "MessageAttributes": {name: {"DataType": "String", "StringValue": value} for name, value in said.items()},
    }
    with Stubber(client) as stubber:
        stubber.add_response("publish", {"MessageId": "1"}, asked)
        sns_messages(client).send(number, code_sms("204671"))
        stubber.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "fault"),
    [("InvalidParameter", DeliveryRefused), ("Throttled", SmsFailed), ("AuthorizationError", SmsFailed)],
)
def test_an_error_names_what_sns_answered_and_never_the_number(code: str, fault: type[Exception]) -> None:
    client, sms = sns_client(), code_sms("204671")
    with Stubber(client) as stubber:
        stubber.add_client_error("publish", code, f"Invalid parameter: PhoneNumber Reason: {NUMBER} is not valid")
        with pytest.raises(fault) as raised:
            sns_messages(client).send(NUMBER, sms)

    # As a log has it: the error, and every one that it came from.
    told = "".join(traceback.format_exception(raised.value, limit=0))
    assert code in told
    for secret in (NUMBER, sms.variables["code"]):
        assert secret not in told


# --- counting codes ---------------------------------------------------------------------------------

MARK = 4095


def test_a_user_has_so_many_codes_a_day(stores: Stores) -> None:
    user_id = stores.add_user().user_id
    limits = CodeLimits(of_deployment=10_000, of_user=2, of_number=10_000)

    def spend(now: Any = MOMENT) -> bool:
        return stores.sms_codes.spend(user_id, MARK, limits, now)

    assert [spend(), spend(), spend()] == [True, True, False]
    assert not spend(MOMENT + until_tomorrow(MOMENT) - SECOND)
    assert spend(MOMENT + until_tomorrow(MOMENT))


def test_a_number_gets_so_many_codes_a_day_whoever_asks(stores: Stores) -> None:
    limits = CodeLimits(of_deployment=10_000, of_user=9, of_number=2)
    mark, day = 123, MOMENT + timedelta(days=10)
    users = [stores.add_user().user_id for _ in range(3)]

    assert [stores.sms_codes.spend(each, mark, limits, day) for each in users] == [True, True, False]
    assert stores.sms_codes.spend(users[2], 124, limits, day)


def test_a_deployment_sends_so_many_codes_a_day(stores: Stores) -> None:
    limits, day = CodeLimits(of_deployment=2, of_user=9, of_number=9), MOMENT + timedelta(days=20)
    users = [stores.add_user().user_id for _ in range(3)]

    said = [stores.sms_codes.spend(each, number, limits, day) for number, each in enumerate(users)]

    assert said == [True, True, False]


def test_of_many_at_the_same_moment_no_more_are_taken_than_there_are(stores: Stores) -> None:
    limits, day = CodeLimits(of_deployment=3, of_user=99, of_number=99), MOMENT + timedelta(days=30)
    user_id = stores.add_user().user_id

    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(lambda _: stores.sms_codes.spend(user_id, MARK, limits, day), range(8)))

    assert sorted(said) == [False] * 5 + [True] * 3


def test_when_a_users_last_code_was_counted_is_known(stores: Stores) -> None:
    user_id, other, limits = stores.add_user().user_id, stores.add_user().user_id, CodeLimits(10_000, of_number=10_000)
    assert stores.sms_codes.last_spent(user_id) is None

    for seconds in (0, 1):
        assert stores.sms_codes.spend(user_id, MARK, limits, MOMENT + seconds * SECOND)
    assert stores.sms_codes.spend(other, MARK, limits, MOMENT + 2 * SECOND)

    assert stores.sms_codes.last_spent(user_id) == MOMENT + SECOND
    assert not stores.sms_codes.spend(user_id, MARK, CodeLimits(0), MOMENT + 3 * SECOND)
    assert stores.sms_codes.last_spent(user_id) == MOMENT + SECOND, "what was refused is no code"


def test_a_moment_far_ahead_clears_nothing_that_still_counts(in_postgres: Stores) -> None:
    now, limits = datetime.now(UTC), CodeLimits(10_000, of_user=1, of_number=10_000)
    user_id, other = in_postgres.add_user().user_id, in_postgres.add_user().user_id
    assert in_postgres.sms_codes.spend(user_id, MARK, limits, now)

    assert in_postgres.sms_codes.spend(other, MARK, limits, now + timedelta(days=3650))

    assert in_postgres.sms_codes.last_spent(user_id) == now
    assert not in_postgres.sms_codes.spend(user_id, MARK, limits, now)


def test_nobodys_limits_begin_anew_by_deleting_an_account(stores: Stores) -> None:
    day = MOMENT + timedelta(days=40)
    first, second = stores.add_user().user_id, stores.add_user().user_id
    roomy = CodeLimits(of_deployment=9, of_user=9, of_number=9)
    assert stores.sms_codes.spend(first, MARK, roomy, day)

    stores.records.close(first, day)

    assert not stores.sms_codes.spend(second, MARK, CodeLimits(of_deployment=9, of_number=1), day)
    assert not stores.sms_codes.spend(second, 1, CodeLimits(of_deployment=1), day)
    assert stores.sms_codes.spend(second, MARK, roomy, day)


# --- codes of six digits ----------------------------------------------------------------------------


def waiting_number(stores: Stores) -> UUID:
    user_id = stores.add_user().user_id
    stores.notifications.save_setup(ChannelSetup(user_id, Channel.SMS, SHOWN, MOMENT, "sealed"))
    stores.notifications.set_code(user_id, Channel.SMS, SHOWN, bytes(32), MOMENT)
    return user_id


def confirm(stores: Stores, user_id: UUID, code: bytes) -> bool:
    return stores.notifications.confirm(user_id, Channel.SMS, code, since=MOMENT - SECOND, now=MOMENT + SECOND)


def test_a_number_is_kept_sealed_and_confirmed_by_its_code(stores: Stores) -> None:
    user_id = waiting_number(stores)

    assert not confirm(stores, user_id, b"x" * 32)
    assert confirm(stores, user_id, bytes(32))

    [setup] = stores.notifications.setups(user_id)
    assert (setup.target, setup.sealed_secret, setup.code_tries) == (SHOWN, "sealed", 2)
    assert (setup.confirmed_at, setup.code_hash) == (MOMENT + SECOND, None)


def test_the_right_code_is_worth_nothing_after_so_many_tries_and_a_new_one_is(stores: Stores) -> None:
    user_id = waiting_number(stores)

    assert not any(confirm(stores, user_id, b"x" * 32) for _ in range(MOST_CODE_TRIES))
    assert not confirm(stores, user_id, bytes(32))

    stores.notifications.save_setup(ChannelSetup(user_id, Channel.SMS, SHOWN, MOMENT, "sealed"))
    stores.notifications.set_code(user_id, Channel.SMS, SHOWN, bytes(32), MOMENT)
    assert confirm(stores, user_id, bytes(32))


def test_one_code_is_set_of_a_number_that_was_named_once(stores: Stores) -> None:
    user_id, later = stores.add_user().user_id, MOMENT + timedelta(microseconds=1)

    def is_set(named_at: Any) -> bool:
        return stores.notifications.set_code(user_id, Channel.SMS, SHOWN, bytes(32), MOMENT, first_since=named_at)

    assert not is_set(MOMENT), "there is no number"
    stores.notifications.save_setup(ChannelSetup(user_id, Channel.SMS, SHOWN, MOMENT, "sealed"))
    assert [is_set(later), is_set(MOMENT), is_set(MOMENT)] == [False, True, False]

    stores.notifications.save_setup(ChannelSetup(user_id, Channel.SMS, SHOWN, later, "sealed"))
    assert [is_set(MOMENT), is_set(later), is_set(later)] == [False, True, False]
    assert confirm(stores, user_id, bytes(32))
    assert not is_set(later), "it is confirmed"


def test_of_many_at_the_same_moment_one_code_is_set(stores: Stores) -> None:
    user_id = stores.add_user().user_id
    stores.notifications.save_setup(ChannelSetup(user_id, Channel.SMS, SHOWN, MOMENT, "sealed"))

    def is_set(number: int) -> bool:
        code = bytes([number]) * 32
        return stores.notifications.set_code(user_id, Channel.SMS, SHOWN, code, MOMENT, first_since=MOMENT)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(is_set, range(8))) == 1


def test_what_arrived_since_is_counted_channel_by_channel(stores: Stores) -> None:
    user = stores.add_user()
    tell(stores, user.user_id, 3)
    for notice in stores.notifications.inbox(user.user_id, limit=9, before=None):
        stores.deliveries.add(user.user_id, notice.notice_id, [Channel.SMS, Channel.EMAIL], MOMENT)

    def claim(channel: Channel) -> Any:
        return stores.deliveries.claim(user.user_id, channel, MOMENT, lease=SECOND)

    for after in range(2):
        stores.deliveries.mark_delivered(claim(Channel.SMS), MOMENT + after * SECOND)
    stores.deliveries.mark_failed(claim(Channel.SMS), "no", now=MOMENT, retry_at=None)
    stores.deliveries.mark_delivered(claim(Channel.EMAIL), MOMENT)

    def since(moment: Any, channel: Channel = Channel.SMS) -> int:
        return stores.deliveries.delivered_since(user.user_id, channel, moment)

    assert (since(MOMENT), since(MOMENT + SECOND), since(MOMENT + 2 * SECOND)) == (2, 1, 0)
    assert since(MOMENT, Channel.EMAIL) == 1
    assert stores.deliveries.delivered_since(stores.add_user().user_id, Channel.SMS, MOMENT) == 0


def test_wishes_about_sms_are_kept(stores: Stores) -> None:
    user_id = stores.add_user().user_id
    wishes = {(NoticeKind.KILLED, Channel.SMS): False, (NoticeKind.SOLD, Channel.SMS): True}

    stores.notifications.set_wishes(user_id, wishes)

    assert dict(stores.notifications.wishes(user_id)) == wishes
