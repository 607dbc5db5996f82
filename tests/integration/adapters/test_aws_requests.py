"""What the AWS adapters ask for in so many words, and how they take refusals."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from algotrading.adapters.emf_meter import EmfMeter
from algotrading.adapters.eventbridge_schedules import EVERY_DAY, EventBridgeSchedules
from algotrading.adapters.kms_vault import KmsVault
from algotrading.adapters.secrets import SecretReader
from algotrading.adapters.ses_mailer import SesMailer
from algotrading.adapters.sqs_errands import SqsErrands
from algotrading.contracts.errands import (
    AccountDeletedErrand,
    Errand,
    LoginsHeldUpErrand,
    ResetPasswordErrand,
    VerifyEmailErrand,
    read_errand,
)
from algotrading.contracts.messages import OrderEvent, ScheduleInput
from algotrading.domain.errors import AccessDenied
from algotrading.domain.mail import Mail
from algotrading.ports import Alarm, MailRefused
from tests.fakes.clock import VirtualClock
from tests.fakes.examples import MOMENT

AwsClients = Callable[[str], Any]
HOURS = timedelta(hours=13)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsClients]:
    """Clients of an emulated AWS inside this process."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield lambda service: cast(Any, boto3.client)(service, region_name="ap-south-1")


class Ticker:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


# --- schedules ------------------------------------------------------------------------------------


def make_schedules(client: Any, **options: Any) -> EventBridgeSchedules:
    return EventBridgeSchedules(client, "strategies", "target-arn", "role-arn", "dlq-arn", **options)


@pytest.fixture
def scheduler(aws: AwsClients) -> Any:
    client = aws("scheduler")
    client.create_schedule_group(Name="strategies")
    return client


def an_alarm() -> Alarm:
    payload = ScheduleInput(
        strategy_id=uuid4(),
        user_id=uuid4(),
        event=OrderEvent.BUY,
        at="09:30:00",
        strategy_version=3,
        scheduled_time=datetime(1970, 1, 1, tzinfo=UTC),
    )
    return Alarm("alarm", 9, 28, payload)


def test_a_schedule_is_written_with_everything_that_keeps_an_order_from_being_late(scheduler: Any) -> None:
    alarm = an_alarm()
    make_schedules(scheduler).put(alarm)

    found = scheduler.get_schedule(GroupName="strategies", Name="alarm")
    assert found["ScheduleExpression"] == "cron(28 9 ? * MON-FRI *)"
    assert found["ScheduleExpressionTimezone"] == "Asia/Kolkata"
    assert found["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert found["Target"]["Arn"] == "target-arn"
    assert found["Target"]["RoleArn"] == "role-arn"
    assert found["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 120, "MaximumRetryAttempts": 2}
    assert found["Target"]["DeadLetterConfig"] == {"Arn": "dlq-arn"}
    assert json.loads(found["Target"]["Input"]) == {
        "version": 1,
        "strategy_id": str(alarm.payload.strategy_id),
        "user_id": str(alarm.payload.user_id),
        "event": "BUY",
        "at": "09:30:00",
        "strategy_version": 3,
        "scheduled_time": "<aws.scheduler.scheduled-time>",
    }


def test_an_exchange_that_never_closes_is_scheduled_every_day(scheduler: Any) -> None:
    make_schedules(scheduler, days=EVERY_DAY).put(an_alarm())

    assert scheduler.get_schedule(GroupName="strategies", Name="alarm")["ScheduleExpression"] == "cron(28 9 * * ? *)"


@pytest.mark.parametrize(
    "drift",
    [
        {"State": "DISABLED"},
        {"ScheduleExpressionTimezone": "UTC"},
        {"ScheduleExpression": "cron(28 9 ? * MON *)"},
        {"ScheduleExpression": "rate(1 minute)"},
        {"FlexibleTimeWindow": {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 5}},
        {"Target": {"Arn": "target-arn", "RoleArn": "role-arn", "Input": "not ours"}},
        {"Target": {"Arn": "target-arn", "RoleArn": "role-arn", "Input": "[]"}},
        {"Target": {"Arn": "target-arn", "RoleArn": "role-arn"}},
    ],
    ids=["disabled", "zone", "days", "rate", "window", "foreign input", "list input", "no input"],
)
def test_a_schedule_that_somebody_changed_is_not_found_and_put_right(scheduler: Any, drift: dict[str, Any]) -> None:
    # given a schedule that differs in one thing from what is written
    schedules, alarm = make_schedules(scheduler), an_alarm()
    schedules.put(alarm)
    stored = scheduler.get_schedule(GroupName="strategies", Name="alarm")
    names = ("GroupName", "Name", "ScheduleExpression", "ScheduleExpressionTimezone", "FlexibleTimeWindow", "Target")
    scheduler.update_schedule(**{**{name: stored[name] for name in names}, **drift})

    assert schedules.find("alarm") is None
    schedules.put(alarm)
    assert schedules.find("alarm") == alarm


# --- vault ----------------------------------------------------------------------------------------


def test_nothing_of_a_secret_is_in_its_envelope_and_no_two_are_alike(aws: AwsClients) -> None:
    kms = aws("kms")
    vault, user_id = KmsVault(kms, kms.create_key()["KeyMetadata"]["KeyId"]), uuid4()

    first, second = (vault.seal(user_id, {"a": "s3cret"})["a"] for _ in range(2))

    assert "s3cret" not in first
    assert first != second


def test_opened_data_keys_are_kept_for_minutes_and_for_their_user_only(aws: AwsClients) -> None:
    # given a vault, and every question it asks KMS
    kms, ticker, user_id = aws("kms"), Ticker(), uuid4()
    vault = KmsVault(kms, kms.create_key()["KeyMetadata"]["KeyId"], monotonic=ticker)
    sealed = vault.seal(user_id, {"a": "s3cret", "b": "other"})
    questions: list[object] = []
    kms.meta.events.register("before-call.kms.Decrypt", lambda **question: questions.append(question))

    # when it opens the same envelopes again and again
    vault.unseal(user_id, sealed)
    ticker.seconds = 299
    vault.unseal(user_id, sealed)
    within = len(questions)
    ticker.seconds = 300
    vault.unseal(user_id, sealed)

    # then it asks again only when the time is over; and another user's try is always asked about
    assert (within, len(questions)) == (1, 2)
    with pytest.raises(AccessDenied):
        vault.unseal(uuid4(), sealed)
    assert len(questions) == 3


def test_a_busy_kms_is_not_mistaken_for_a_forged_envelope(aws: AwsClients) -> None:
    kms = aws("kms")
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    user_id = uuid4()
    sealed = KmsVault(kms, key_id).seal(user_id, {"a": "s3cret"})
    busy = cast(Any, boto3.client)("kms", region_name="ap-south-1")

    vault = KmsVault(busy, key_id)

    with Stubber(busy) as stubber:
        stubber.add_client_error("decrypt", "ThrottlingException")
        with pytest.raises(ClientError, match="Throttling"):
            vault.unseal(user_id, sealed)


# --- secrets, notices, metrics --------------------------------------------------------------------


def test_a_secret_is_read_once_in_five_minutes(aws: AwsClients) -> None:
    client, ticker = aws("secretsmanager"), Ticker()
    arn = client.create_secret(Name="s", SecretString='{"password": "one"}')["ARN"]
    reader = SecretReader(client, monotonic=ticker)
    assert reader.json(arn) == {"password": "one"}

    client.put_secret_value(SecretId=arn, SecretString='{"password": "two"}')
    ticker.seconds = 299
    assert reader.json(arn) == {"password": "one"}
    ticker.seconds = 300
    assert reader.json(arn) == {"password": "two"}


def test_a_rotated_secret_has_the_value_before_beside_it_and_doubt_reads_it_soon(aws: AwsClients) -> None:
    client, ticker = aws("secretsmanager"), Ticker()
    arn = client.create_secret(Name="s", SecretString='{"key": "one"}')["ARN"]
    reader = SecretReader(client, monotonic=ticker)
    assert reader.generations(arn, overlap=HOURS) == [{"key": "one"}]

    client.put_secret_value(SecretId=arn, SecretString='{"key": "two"}')
    ticker.seconds = 9
    assert reader.generations(arn, overlap=HOURS, is_doubted=True) == [{"key": "one"}]
    ticker.seconds = 10
    assert reader.generations(arn, overlap=HOURS) == [{"key": "one"}]
    assert reader.generations(arn, overlap=HOURS, is_doubted=True) == [{"key": "two"}, {"key": "one"}]


def test_what_a_caller_does_to_a_secret_stays_with_the_caller(aws: AwsClients) -> None:
    client = aws("secretsmanager")
    reader = SecretReader(client)
    arn = client.create_secret(Name="s", SecretString='{"password": "one"}')["ARN"]

    reader.json(arn).clear()

    assert reader.json(arn) == {"password": "one"}


def test_a_metric_is_one_line_of_embedded_metric_format_at_once() -> None:
    stream = io.StringIO()
    meter = EmfMeter(namespace="N", service="executor", clock=VirtualClock(MOMENT), stream=stream)

    meter.count("RedisDown")
    meter.milliseconds("ReleaseError", 1.23456)

    counted, measured = (json.loads(line) for line in stream.getvalue().splitlines())
    assert counted == {
        "_aws": {
            "Timestamp": 1795147200000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "N",
                    "Dimensions": [[], ["service"]],
                    "Metrics": [{"Name": "RedisDown", "Unit": "Count"}],
                }
            ],
        },
        "service": "executor",
        "RedisDown": 1,
    }
    assert measured["ReleaseError"] == 1.235
    assert measured["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "ReleaseError", "Unit": "Milliseconds"}]


def test_several_durations_are_one_line_of_up_to_a_hundred_values() -> None:
    stream = io.StringIO()
    meter = EmfMeter(namespace="N", service="listener", clock=VirtualClock(MOMENT), stream=stream)

    meter.distribution("DecisionLatency", [])
    meter.distribution("DecisionLatency", [number + 0.00049 for number in range(150)])

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["DecisionLatency"] for line in lines] == [list(range(100)), list(range(100, 150))]
    assert lines[0]["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "DecisionLatency", "Unit": "Milliseconds"}]


def test_a_meter_takes_its_names_from_powertools_variables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Space")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "converge")

    EmfMeter().count("Repaired", 3)

    line = json.loads(capsys.readouterr().out)
    assert (line["service"], line["Repaired"]) == ("converge", 3)
    assert line["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Space"


# --- mails ----------------------------------------------------------------------------------------

A_MAIL = Mail("trader@example.com", "Confirm your e-mail", "Grüße und ein Link")


@pytest.fixture
def ses(aws: AwsClients) -> Any:
    client = aws("sesv2")
    client.create_email_identity(EmailIdentity="mail@trader.in")
    return client


def test_a_mail_goes_out_as_plain_text_from_our_own_address(ses: Any) -> None:
    with Stubber(ses) as stub:
        expected = {
            "FromEmailAddress": "mail@trader.in",
            "Destination": {"ToAddresses": [A_MAIL.to]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": A_MAIL.subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": A_MAIL.text, "Charset": "UTF-8"}},
                }
            },
        }
        stub.add_response("send_email", {"MessageId": "1"}, expected)

        SesMailer(lambda: ses, "mail@trader.in").send(A_MAIL)

        stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("MessageRejected", MailRefused),
        ("BadRequestException", MailRefused),
        ("TooManyRequestsException", ClientError),
        ("SendingPausedException", ClientError),
    ],
)
def test_a_mail_that_is_refused_for_good_is_told_from_one_that_can_be_tried_again(
    ses: Any, code: str, raised: type[Exception]
) -> None:
    with Stubber(ses) as stub:
        stub.add_client_error("send_email", code)

        with pytest.raises(raised):
            SesMailer(lambda: ses, "mail@trader.in").send(A_MAIL)


def test_an_errand_travels_through_its_queue_without_a_secret(aws: AwsClients) -> None:
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="mails")["QueueUrl"]
    errands = SqsErrands(lambda: sqs, url)
    asked: list[Errand] = [
        ResetPasswordErrand(email="trader@example.com"),
        VerifyEmailErrand(user_id=uuid4()),
        LoginsHeldUpErrand(email="trader@example.com"),
        AccountDeletedErrand(email="trader@example.com"),
    ]

    for errand in asked:
        errands.ask(errand)

    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert sorted(map(str, (read_errand(message["Body"]) for message in received))) == sorted(map(str, asked))
