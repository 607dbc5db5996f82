"""What only dev may be set to."""

from __future__ import annotations

import pytest

from algotrading.domain.mobile_numbers import Country
from algotrading.domain.sms_templates import SmsTemplate
from algotrading.settings import (
    EVIDENCE_SECONDS,
    BrokerSettings,
    DatabaseSettings,
    DoorSettings,
    ListenerSettings,
    MailSettings,
    MigrateSettings,
    PushSettings,
    SettingsInvalid,
    SmsSettings,
    TelegramSettings,
    TimingSettings,
    WebhookSettings,
)


def test_the_evidence_window_is_the_safe_one_unless_set() -> None:
    assert TimingSettings.load({"STAGE": "prod"}).evidence_window_seconds == EVIDENCE_SECONDS


@pytest.mark.parametrize("stage", ["staging", "prod"])
def test_a_shorter_evidence_window_is_refused_where_money_moves(stage: str) -> None:
    with pytest.raises(SettingsInvalid, match="EVIDENCE_WINDOW_SECONDS"):
        TimingSettings.load({"STAGE": stage, "EVIDENCE_WINDOW_SECONDS": str(EVIDENCE_SECONDS - 1)})


def test_dev_may_shorten_it_and_everybody_may_lengthen_it() -> None:
    assert TimingSettings.load({"STAGE": "dev", "EVIDENCE_WINDOW_SECONDS": "40"}).evidence_window_seconds == 40
    assert TimingSettings.load({"STAGE": "prod", "EVIDENCE_WINDOW_SECONDS": "240"}).evidence_window_seconds == 240


LISTENER = {
    "STAGE": "prod",
    "DATABASE_HOST": "database",
    "DATABASE_NAME": "trading",
    "DATABASE_SECRET_ARN": "arn",
    "REDIS_HOST": "redis",
    "KMS_KEY_ID": "key",
    "ORDERS_QUEUE_URL": "https://sqs.ap-south-1.amazonaws.com/1/orders.fifo",
    "PRIORITY_QUEUE_URL": "https://sqs.ap-south-1.amazonaws.com/1/orders-priority.fifo",
    "FEED_ACCOUNT_EMAIL": "feed@trader.in",
}


def test_one_feed_account_or_several() -> None:
    assert ListenerSettings.load(LISTENER).feed_account_email == ("feed@trader.in",)
    several = ListenerSettings.load(LISTENER | {"FEED_ACCOUNT_EMAIL": "a@trader.in, b@trader.in"})
    assert several.feed_account_email == ("a@trader.in", "b@trader.in")


def test_sentinels_can_be_others() -> None:
    settings = ListenerSettings.load(LISTENER | {"FEED_SENTINELS": "260105,256265"})

    assert settings.feed_sentinels == (260105, 256265)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"FEED_ACCOUNT_EMAIL": ""}, "FEED_ACCOUNT_EMAIL"),
        ({"FEED_ACCOUNT_EMAIL": "a@trader.in,"}, "FEED_ACCOUNT_EMAIL"),
        ({"FEED_ACCOUNT_EMAIL": "a@trader.in b@trader.in"}, "FEED_ACCOUNT_EMAIL"),
        ({"FEED_ACCOUNT_EMAIL": "a@trader.in,A@trader.in"}, "names an account twice"),
        ({"FEED_ACCOUNT_EMAIL": "nobody"}, "FEED_ACCOUNT_EMAIL"),
        ({"FEED_SENTINELS": "NIFTY"}, "FEED_SENTINELS"),
        ({"FEED_SENTINELS": "408065"}, "must be indices"),
        ({"FEED_SENTINELS": "256265,256265"}, "names an instrument twice"),
        ({"FEED_ACCOUNT_EMAIL": "a@t.in,b@t.in", "FEED_SENTINELS": "256265"}, "fewer instruments"),
    ],
)
def test_nonsense_about_the_feeds_refuses_to_start(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsInvalid, match=reason):
        ListenerSettings.load(LISTENER | changes)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HEALTH_PORT", "0"),
        ("HEALTH_PORT", "99999"),
        ("REDIS_PORT", "65536"),
        ("DATABASE_PORT", "0"),
        ("SESSION_TABLE", "foo"),
        ("SESSION_TABLE", '{"name": "a table without hours"}'),
        ("KITE_SOCKET_URL", "http://ws.kite.trade"),
        ("KITE_SOCKET_URL", "ws.kite.trade"),
        ("KITE_API_URL", "wss://api.kite.trade"),
        ("KITE_API_URL", "https://"),
        ("PRIORITY_QUEUE_URL", "foo"),
        ("ORDERS_QUEUE_URL", "https://sqs:99999/orders"),
    ],
)
def test_an_address_that_leads_nowhere_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        ListenerSettings.load(LISTENER | {"STAGE": "dev", name: value})

    assert [problem.split(": ")[0] for problem in caught.value.problems] == [name]


BROKER = {
    "DATABASE_HOST": "database",
    "DATABASE_NAME": "trading",
    "DATABASE_SECRET_ARN": "arn",
    "REDIS_HOST": "redis",
    "JWT_SECRET_ARN": "arn",
    "KMS_KEY_ID": "key",
    "ORDERS_QUEUE_URL": "orders",
    "PRIORITY_QUEUE_URL": "priority",
}


@pytest.mark.parametrize("what", ["SECOND_FACTOR_REQUIRED", "EMAIL_VERIFICATION_REQUIRED"])
def test_what_guards_real_money_is_on_by_default_and_off_in_dev_only(what: str) -> None:
    assert getattr(BrokerSettings.load(BROKER | {"STAGE": "prod"}), what.lower())
    assert not getattr(BrokerSettings.load(BROKER | {"STAGE": "dev", what: "false"}), what.lower())
    for stage in ("staging", "prod"):
        with pytest.raises(SettingsInvalid, match=what):
            BrokerSettings.load(BROKER | {"STAGE": stage, what: "false"})


def test_links_of_mails_are_encrypted_outside_dev() -> None:
    mails = {"MAIL_SENDER": "mail@trader.in", "APP_URL": "http://app.trader.in"}

    assert MailSettings.load(mails | {"STAGE": "dev"}).app_url == mails["APP_URL"]
    with pytest.raises(SettingsInvalid, match="not encrypted"):
        MailSettings.load(mails | {"STAGE": "prod"})


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        (WebhookSettings, {"WEBHOOK_RELAY_URL": "http://127.0.0.1:1/webhook"}),
        (TelegramSettings, {"TELEGRAM_SECRET_ARN": "arn", "TELEGRAM_API_URL": "http://127.0.0.1:1"}),
        (PushSettings, {"PUSH_API_URL": "http://127.0.0.1:1"}),
        (SmsSettings, {"SMS_API_URL": "http://127.0.0.1:1"}),
    ],
)
def test_stand_ins_for_channels_are_for_dev_only(
    settings: type[WebhookSettings | TelegramSettings | PushSettings | SmsSettings], variables: dict[str, str]
) -> None:
    settings.load(variables | {"STAGE": "dev"})
    for stage in ("staging", "prod"):
        with pytest.raises(SettingsInvalid, match="dev only"):
            settings.load(variables | {"STAGE": stage})


TEXTS = {
    "STAGE": "prod",
    "SMS_SENDER_ID": "ALGOTR",
    "SMS_ENTITY_ID": "1101",
    "SMS_TEMPLATE_IDS": ", ".join(f"{name}=1107{number}" for number, name in enumerate(SmsTemplate)),
}


def test_without_a_sender_there_is_no_sms_and_numbers_are_of_india() -> None:
    settings = SmsSettings.load({"STAGE": "prod"})

    assert (settings.sms_sender_id, settings.sms_countries) == ("", (Country.IN,))


def test_sms_to_india_need_their_whole_registration() -> None:
    settings = SmsSettings.load(TEXTS)
    assert dict(settings.sms_template_ids)[SmsTemplate.KILLED] == "11078"
    assert hash(settings) == hash(SmsSettings.load(TEXTS)), "what is built of settings is kept by them"
    for name in ("SMS_ENTITY_ID", "SMS_TEMPLATE_IDS"):
        with pytest.raises(SettingsInvalid, match=name):
            SmsSettings.load({each: value for each, value in TEXTS.items() if each != name})
    one_less = TEXTS["SMS_TEMPLATE_IDS"].rpartition(",")[0]
    with pytest.raises(SettingsInvalid, match="SMS_TEMPLATE_IDS of notice"):
        SmsSettings.load(TEXTS | {"SMS_TEMPLATE_IDS": one_less})
    abroad = {"STAGE": "prod", "SMS_SENDER_ID": "ALGOTR", "SMS_COUNTRIES": "AE, SG"}
    assert SmsSettings.load(abroad).sms_countries == (Country.AE, Country.SG)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SMS_SENDER_ID", "AL"),
        ("SMS_SENDER_ID", "a name that is long"),
        ("SMS_COUNTRIES", "US"),
        ("SMS_COUNTRIES", ""),
        ("SMS_TEMPLATE_IDS", "unheard_of=1"),
        ("SMS_TEMPLATE_IDS", "code"),
        ("SMS_PER_USER", "101"),
    ],
)
def test_what_no_message_could_be_sent_as_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsInvalid, match=name):
        SmsSettings.load(TEXTS | {name: value})


@pytest.mark.parametrize(("name", "least"), [("REQUESTS_PER_MINUTE", 60), ("KEY_REQUESTS_PER_MINUTE", 10)])
def test_nobody_is_limited_to_less_than_the_app_needs(name: str, least: int) -> None:
    given = BROKER | {"STAGE": "prod"}

    assert getattr(DoorSettings.load(given | {name: str(least)}), name.lower()) == least
    with pytest.raises(SettingsInvalid, match=name):
        DoorSettings.load(given | {name: str(least - 1)})


LOGIN = {"STAGE": "dev", "DATABASE_HOST": "database", "DATABASE_NAME": "trading"}


@pytest.mark.parametrize(
    "login",
    [
        {"DATABASE_SECRET_ARN": "arn"},
        {"DATABASE_USER": "app_role"},
        {"DATABASE_USER": "", "DATABASE_SECRET_ARN": "arn"},
    ],
)
def test_the_database_is_logged_in_to_in_one_way(login: dict[str, str]) -> None:
    settings = DatabaseSettings.load(LOGIN | login)

    assert settings.database_user == login.get("DATABASE_USER", "")


@pytest.mark.parametrize(
    ("login", "reason"),
    [
        ({}, "one of DATABASE_SECRET_ARN and DATABASE_USER"),
        ({"DATABASE_SECRET_ARN": "arn", "DATABASE_USER": "app_role"}, "and not both"),
        ({"DATABASE_USER": "app_role", "DATABASE_TLS": "false"}, "must not travel in the clear"),
    ],
)
def test_two_logins_none_and_a_token_in_the_clear_refuse_to_start(login: dict[str, str], reason: str) -> None:
    with pytest.raises(SettingsInvalid, match=reason):
        DatabaseSettings.load(LOGIN | login)


def test_the_owner_logs_in_with_its_password() -> None:
    secrets = {"APP_SECRET_ARN": "arn", "SYSTEM_SECRET_ARN": "arn"}

    assert MigrateSettings.load(LOGIN | secrets | {"DATABASE_SECRET_ARN": "arn", "DATABASE_IAM": "true"}).database_iam
    with pytest.raises(SettingsInvalid, match="the owner logs in with its password"):
        MigrateSettings.load(LOGIN | secrets | {"DATABASE_USER": "algotrading"})
