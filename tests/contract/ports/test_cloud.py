"""ports.Schedules, Vault, Notifier, AuditRoots and Clock, on the fakes and on emulated AWS (moto). The queue has an
emulator of its own: test_order_queue.py."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import boto3
import pytest
from moto import mock_aws

from algotrading.adapters.clock import SystemClock
from algotrading.adapters.eventbridge_schedules import EventBridgeSchedules
from algotrading.adapters.kms_vault import KmsVault
from algotrading.adapters.s3_audit_roots import S3AuditRoots
from algotrading.adapters.sns_notifier import SnsNotifier
from algotrading.contracts.errands import NoticeErrand, read_delivery_errand
from algotrading.contracts.messages import OrderEvent, ScheduleInput
from algotrading.domain.audit import AuditHead
from algotrading.domain.errors import AccessDenied
from algotrading.ports import Alarm, AuditRoots, Clock, Notice, Notifier, Schedules, Vault
from tests.fakes.clock import VirtualClock
from tests.fakes.cloud import MemoryAuditRoots, MemoryNotifier, MemorySchedules, MemoryVault
from tests.fakes.examples import MOMENT

REGION = "ap-south-1"
NOT_RUNG = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Clients of an emulated AWS inside this process."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield lambda service: cast(Any, boto3.client)(service, region_name=REGION)


# --- schedules ------------------------------------------------------------------------------------


@pytest.fixture
def schedules_in_memory() -> Schedules:
    return MemorySchedules()


def scheduler_of(client: Any, **options: Any) -> EventBridgeSchedules:
    arn = f"arn:aws:lambda:{REGION}:123456789012"
    return EventBridgeSchedules(client, "strategies", f"{arn}:function:t", f"{arn}:role/r", f"{arn}:dlq", **options)


@pytest.fixture
def schedules_in_aws(aws: Callable[[str], Any]) -> Schedules:
    client = aws("scheduler")
    client.create_schedule_group(Name="strategies")
    return scheduler_of(client)


@pytest.fixture(params=["schedules_in_memory", "schedules_in_aws"])
def schedules(request: pytest.FixtureRequest) -> Schedules:
    return cast(Schedules, request.getfixturevalue(request.param))


def an_alarm(**changes: Any) -> Alarm:
    strategy_id = uuid4()
    payload = ScheduleInput(
        strategy_id=strategy_id,
        user_id=uuid4(),
        event=OrderEvent.BUY,
        at="09:30:00",
        strategy_version=3,
        scheduled_time=NOT_RUNG,
    )
    return replace(Alarm(f"{strategy_id}-BUY", 9, 28, payload), **changes)


def test_an_alarm_is_found_as_it_was_put(schedules: Schedules) -> None:
    alarm = an_alarm()
    schedules.put(alarm)

    assert schedules.find(alarm.name) == alarm
    assert schedules.find("another") is None


def test_putting_again_replaces_everything(schedules: Schedules) -> None:
    alarm = an_alarm()
    schedules.put(alarm)
    later = replace(
        alarm, hour=14, minute=5, payload=alarm.payload.model_copy(update={"at": "14:07:00", "strategy_version": 4})
    )

    schedules.put(later)

    assert schedules.find(alarm.name) == later


def test_the_moment_of_a_payload_is_not_part_of_what_is_scheduled(schedules: Schedules) -> None:
    alarm = an_alarm()
    schedules.put(replace(alarm, payload=alarm.payload.model_copy(update={"scheduled_time": MOMENT})))

    assert schedules.find(alarm.name) == alarm


def test_a_removed_alarm_is_gone_and_removing_it_again_is_fine(schedules: Schedules) -> None:
    gone, kept = an_alarm(), an_alarm()
    schedules.put(gone)
    schedules.put(kept)

    schedules.remove(gone.name)
    schedules.remove(gone.name)

    assert schedules.find(gone.name) is None
    assert schedules.names() == {kept.name}


def test_more_names_than_one_page_holds_are_all_listed(schedules: Schedules) -> None:
    alarms = [an_alarm() for _ in range(120)]
    for alarm in alarms:
        schedules.put(alarm)

    assert schedules.names() == {alarm.name for alarm in alarms}


# --- vault ----------------------------------------------------------------------------------------


@pytest.fixture
def vault_in_memory() -> Vault:
    return MemoryVault()


@pytest.fixture
def vault_in_aws(aws: Callable[[str], Any]) -> Vault:
    client = aws("kms")
    return KmsVault(client, client.create_key()["KeyMetadata"]["KeyId"])


@pytest.fixture(params=["vault_in_memory", "vault_in_aws"])
def vault(request: pytest.FixtureRequest) -> Vault:
    return cast(Vault, request.getfixturevalue(request.param))


SECRETS = {"api_secret": "s3cret", "access_token": "tök€n", "empty": ""}


def test_sealed_secrets_open_for_their_user(vault: Vault) -> None:
    user_id = uuid4()
    sealed = vault.seal(user_id, SECRETS)

    assert vault.unseal(user_id, sealed) == SECRETS
    assert vault.unseal(user_id, {"api_secret": sealed["api_secret"]}) == {"api_secret": "s3cret"}


def test_sealing_nothing_gives_nothing(vault: Vault) -> None:
    assert vault.unseal(uuid4(), vault.seal(uuid4(), {})) == {}


def test_another_users_secrets_do_not_open_even_after_their_owner_has_opened_them(vault: Vault) -> None:
    user_id = uuid4()
    sealed = vault.seal(user_id, SECRETS)
    vault.unseal(user_id, sealed)

    with pytest.raises(AccessDenied):
        vault.unseal(uuid4(), sealed)


def test_a_renamed_secret_does_not_open(vault: Vault) -> None:
    user_id = uuid4()
    sealed = vault.seal(user_id, SECRETS)

    with pytest.raises(AccessDenied):
        vault.unseal(user_id, {"access_token": sealed["api_secret"]})


@pytest.mark.parametrize("position", [0, 1, 3, 20, -30, -1])
def test_a_secret_with_one_byte_altered_does_not_open(vault: Vault, position: int) -> None:
    user_id = uuid4()
    blob = bytearray(base64.b64decode(vault.seal(user_id, SECRETS)["api_secret"]))
    blob[position] ^= 0x01

    with pytest.raises(AccessDenied):
        vault.unseal(user_id, {"api_secret": base64.b64encode(bytes(blob)).decode()})


@pytest.mark.parametrize("envelope", ["", "!", "AQ==", "AQAAAAAA", "AQ//AAAA", "plain text"])
def test_what_is_no_envelope_does_not_open(vault: Vault, envelope: str) -> None:
    with pytest.raises(AccessDenied):
        vault.unseal(uuid4(), {"api_secret": envelope})


# --- notifier -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice as whoever listens has it: what it is by, for subscriptions that filter, and its text."""

    notice_id: str
    user_id: str
    kind: str
    strategy_id: str | None
    account_id: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Listener:
    """A notifier's port with somebody who listens; `heard` has what came since it was asked last."""

    port: Notifier
    heard: Callable[[], list[Heard]]


@pytest.fixture
def notices_in_memory() -> Listener:
    notifier = MemoryNotifier()

    def heard() -> list[Heard]:
        found = [heard_of(notice) for notice in notifier.published]
        notifier.published.clear()
        return found

    return Listener(notifier, heard)


@pytest.fixture
def notices_in_aws(aws: Callable[[str], Any]) -> Listener:
    sns, sqs = aws("sns"), aws("sqs")
    topic = sns.create_topic(Name="notices")["TopicArn"]
    url = sqs.create_queue(QueueName="listener")["QueueUrl"]
    queue_arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn)

    def heard() -> list[Heard]:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [heard_in(message["Body"]) for message in answer.get("Messages", [])]

    return Listener(SnsNotifier(lambda: sns, topic), heard)


def heard_of(notice: Notice) -> Heard:
    strategy, account = (None if each is None else str(each) for each in (notice.strategy_id, notice.account_id))
    return Heard(str(notice.notice_id), str(notice.user_id), notice.kind, strategy, account, notice.text)


def heard_in(body: str) -> Heard:
    message = json.loads(body)
    said = {name: attribute["Value"] for name, attribute in message["MessageAttributes"].items()}
    heard = Heard(**{"strategy_id": None, "account_id": None} | said, text=message["Message"])
    # The function that takes notices on to their channels knows it by the same.
    errand = NoticeErrand(user_id=UUID(heard.user_id), notice_id=int(heard.notice_id))
    assert read_delivery_errand(body) == errand
    return heard


@pytest.fixture(params=["notices_in_memory", "notices_in_aws"])
def listener(request: pytest.FixtureRequest) -> Listener:
    return cast(Listener, request.getfixturevalue(request.param))


def test_a_notice_comes_word_for_word_with_all_that_it_is_filtered_by(listener: Listener) -> None:
    notice = Notice(7, uuid4(), uuid4(), "bought", "Bought 10 M&M at ₹3,520 <HUF>", MOMENT, account_id=uuid4())

    listener.port.publish(notice)

    assert listener.heard() == [heard_of(notice)]


def test_a_notice_of_no_strategy_and_no_account_names_none(listener: Listener) -> None:
    notice = Notice(8, uuid4(), None, "killed", "the kill switch is on", MOMENT)

    listener.port.publish(notice)

    assert listener.heard() == [heard_of(notice)]


def test_a_notice_that_is_published_again_bears_the_number_by_which_it_is_known(listener: Listener) -> None:
    notice = Notice(9, uuid4(), None, "killed", "the kill switch is on", MOMENT)

    listener.port.publish(notice)
    listener.port.publish(replace(notice, attempts=1))

    assert [each.notice_id for each in listener.heard()] == ["9", "9"]


# --- clock ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("clock", [SystemClock(), VirtualClock()], ids=["system", "virtual"])
def test_a_wait_until_an_instant_never_ends_before_it(clock: Clock) -> None:
    for microseconds in (1, 17, 999, 10_001):
        instant = clock.now() + timedelta(microseconds=microseconds)
        clock.sleep_until(instant)
        assert clock.now() >= instant


@pytest.mark.parametrize("clock", [SystemClock(), VirtualClock()], ids=["system", "virtual"])
def test_a_wait_for_a_while_lasts_that_long_and_a_negative_one_not_at_all(clock: Clock) -> None:
    before = clock.now()
    clock.sleep(0.01)
    clock.sleep(-1)
    clock.sleep_until(before)

    # A monotonic wait against a wall clock: allow it to be slewed by NTP.
    assert clock.now() - before >= timedelta(milliseconds=9)


def test_virtual_time_moves_exactly_as_far_as_asked() -> None:
    clock = VirtualClock(MOMENT)
    clock.sleep(1.5)
    clock.sleep_until(MOMENT + timedelta(seconds=2))

    assert clock.now() == MOMENT + timedelta(seconds=2)


@pytest.mark.parametrize("clock", [SystemClock(), VirtualClock()], ids=["system", "virtual"])
def test_instants_are_utc(clock: Clock) -> None:
    assert clock.now().utcoffset() == timedelta(0)


# --- audit roots ------------------------------------------------------------------------------------


@pytest.fixture
def roots_in_memory() -> AuditRoots:
    return MemoryAuditRoots()


@pytest.fixture
def roots_in_aws(aws: Callable[[str], Any]) -> AuditRoots:
    client = aws("s3")
    client.create_bucket(
        Bucket="roots",
        ObjectLockEnabledForBucket=True,
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    return S3AuditRoots(lambda: client, "roots")


@pytest.fixture(params=["roots_in_memory", "roots_in_aws"])
def roots(request: pytest.FixtureRequest) -> AuditRoots:
    return cast(AuditRoots, request.getfixturevalue(request.param))


def heads_at(seq: int) -> dict[UUID, AuditHead]:
    user_id = UUID(int=1)
    return {user_id: AuditHead(user_id, seq, bytes([seq]) * 32)}


def test_where_nothing_was_kept_there_are_no_heads(roots: AuditRoots) -> None:
    assert roots.newest(MOMENT) == {}


def test_the_heads_that_were_kept_last_come_back(roots: AuditRoots) -> None:
    for day in (2, 3, 1):
        roots.keep(heads_at(day), MOMENT + timedelta(days=day))

    assert roots.newest(MOMENT + timedelta(days=4)) == heads_at(3)


def test_heads_of_long_ago_are_not_held_against(roots: AuditRoots) -> None:
    roots.keep(heads_at(1), MOMENT)

    assert roots.newest(MOMENT + timedelta(days=59)) == heads_at(1)
    assert roots.newest(MOMENT + timedelta(days=61)) == {}


def test_more_heads_are_kept_than_one_page_of_names_shows(aws: Callable[[str], Any]) -> None:
    client = aws("s3")
    client.create_bucket(Bucket="roots", CreateBucketConfiguration={"LocationConstraint": REGION})
    roots = S3AuditRoots(lambda: client, "roots")
    for minute in range(1_002):
        client.put_object(
            Bucket="roots", Key=f"audit/heads/{MOMENT + timedelta(minutes=minute):%Y-%m-%dT%H-%M-%SZ}.json"
        )
    roots.keep(heads_at(9), MOMENT + timedelta(days=2))

    assert roots.newest(MOMENT + timedelta(days=3)) == heads_at(9)
