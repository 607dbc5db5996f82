"""Builds what reaches people outside of the app: account mails, notices, the day's summary."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from algotrading.bootstrap import parts
from algotrading.settings import (
    MailerSettings,
    MailSettings,
    NotificationsSettings,
    NotifierSettings,
    SmsSettings,
    SummarySettings,
    TelegramSettings,
    WebhookSettings,
)

if TYPE_CHECKING:
    from algotrading.adapters.kms_vault import KmsVault
    from algotrading.adapters.postgres.database import Database
    from algotrading.adapters.ses_mailer import SesMailer
    from algotrading.adapters.sns_sms import SnsTextMessages
    from algotrading.adapters.sqs_errands import SqsErrands
    from algotrading.adapters.telegram import TelegramChats
    from algotrading.adapters.webhooks import HttpWebhooks
    from algotrading.entrypoints.http import HttpDoor
    from algotrading.services.account_mails import AccountMails
    from algotrading.services.daily_summary import DailySummary
    from algotrading.services.deliver_notices import NoticeDelivery
    from algotrading.services.morning import MorningCheck
    from algotrading.services.notification_center import NotificationCenter
    from algotrading.services.push_notices import PushDelivery
    from algotrading.services.sms_notices import SmsDelivery
    from algotrading.services.sms_numbers import SmsNumbers


def build_mailer(settings: MailerSettings) -> Callable[[str], object]:
    """lambdas/mailer: takes a message of its queue."""
    from algotrading.contracts.errands import read_errand

    mails = cache(lambda: _account_mails(settings))
    return lambda text: mails().run(read_errand(text))


def build_notifier(settings: NotifierSettings) -> Callable[[str], object]:
    """lambdas/notifier: takes a message of its queue."""
    from algotrading.contracts.errands import read_delivery_errand

    delivery = cache(lambda: _notice_delivery(settings))
    return lambda text: delivery().run(read_delivery_errand(text))


def build_notifications(settings: NotificationsSettings) -> HttpDoor:
    """lambdas/notifications"""
    from algotrading.entrypoints.api.notifications import NotificationRoutes
    from algotrading.entrypoints.http import HttpDoor

    routes = NotificationRoutes(cache(lambda: _notification_center(settings)))
    return HttpDoor(
        routes.router(),
        admission=cache(lambda: parts.admission(settings)),
        keyed=cache(lambda: parts.keyed_requests(settings)),
        meter=parts.meter(),
    )


def build_summary(settings: SummarySettings) -> DailySummary:
    """lambdas/summary"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.ledger import PostgresLedger
    from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
    from algotrading.adapters.postgres.summaries import PostgresSummaries
    from algotrading.contracts.session_table import load_session_table
    from algotrading.services.daily_summary import DailySummary

    database = parts.database(settings)
    table = load_session_table(settings.session_table)
    ledger, named = PostgresLedger(database), PostgresNamedAccounts(database)
    return DailySummary(PostgresSummaries(database), ledger, named, SystemClock(), table)


def build_morning(settings: SummarySettings) -> MorningCheck:
    """lambdas/summary, before the open"""
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.broker_accounts import PostgresBrokerAccounts
    from algotrading.adapters.postgres.instruments import PostgresInstruments
    from algotrading.adapters.postgres.named_accounts import PostgresNamedAccounts
    from algotrading.adapters.postgres.risks import PostgresRisks
    from algotrading.adapters.postgres.strategies import PostgresStrategies
    from algotrading.adapters.postgres.summaries import PostgresSummaries
    from algotrading.adapters.redis_runtime import RedisRuntime, make_redis_client
    from algotrading.contracts.session_table import load_session_table
    from algotrading.services.check_plan import PlanChecker
    from algotrading.services.morning import MorningCheck
    from algotrading.services.preflight import PreflightReader

    database, clock = parts.database(settings), SystemClock()
    table = load_session_table(settings.session_table)
    strategies = PostgresStrategies(database)
    preflight = PreflightReader(
        strategies,
        PostgresBrokerAccounts(database),
        PostgresNamedAccounts(database),
        PostgresRisks(database),
        RedisRuntime(make_redis_client(settings.redis_host, settings.redis_port, tls=settings.redis_tls)),
        PlanChecker(PostgresInstruments(database), table),
        clock,
        settings.egress_bound,
    )
    return MorningCheck(strategies, preflight, PostgresSummaries(database), clock, table)


def _account_mails(settings: MailerSettings) -> AccountMails:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.email_links import PostgresEmailLinks
    from algotrading.adapters.postgres.registrations import PostgresRegistrations
    from algotrading.adapters.postgres.summaries import PostgresSummaries
    from algotrading.adapters.postgres.users import PostgresUsers
    from algotrading.services.account_mails import AccountMails

    database = parts.database(settings)
    return AccountMails(
        users=PostgresUsers(database),
        registrations=PostgresRegistrations(database),
        links=PostgresEmailLinks(database),
        summaries=PostgresSummaries(database),
        mailer=_mailer(settings),
        clock=SystemClock(),
        app_url=settings.app_url.rstrip("/"),
    )


def _notice_delivery(settings: NotifierSettings) -> NoticeDelivery:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.postgres.deliveries import PostgresDeliveries
    from algotrading.adapters.postgres.notifications import PostgresNotifications
    from algotrading.adapters.postgres.users import PostgresUsers
    from algotrading.adapters.sqs_errands import SqsErrands
    from algotrading.services.deliver_notices import NoticeDelivery

    database = parts.database(settings)
    vault = _channel_vault(settings.kms_key_id)
    errands = SqsErrands(lambda: parts.client("sqs"), settings.notice_queue_url)
    return NoticeDelivery(
        users=PostgresUsers(database),
        notifications=PostgresNotifications(database),
        deliveries=PostgresDeliveries(database),
        vault=vault,
        mailer=_mailer(settings),
        webhooks=_webhooks(settings),
        chats=_chats(settings),
        pushes=_push_delivery(settings.push_api_url, database, vault, errands),
        sms=_sms_delivery(settings, database, vault),
        errands=errands,
        clock=SystemClock(),
        meter=EmfMeter(),
        app_url=settings.app_url.rstrip("/"),
    )


def _push_delivery(url: str, database: Database, vault: KmsVault, errands: SqsErrands) -> PushDelivery:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.emf_meter import EmfMeter
    from algotrading.adapters.expo_push import ExpoPushes
    from algotrading.adapters.postgres.push_devices import PostgresPushDevices
    from algotrading.services.push_notices import PushDelivery

    devices = PostgresPushDevices(database)
    return PushDelivery(devices, vault, ExpoPushes(url), errands, SystemClock(), EmfMeter())


def _sms_delivery(settings: NotifierSettings, database: Database, vault: KmsVault) -> SmsDelivery:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.deliveries import PostgresDeliveries
    from algotrading.services.sms_notices import SmsDelivery

    return SmsDelivery(
        PostgresDeliveries(database), vault, build_text_messages(settings), SystemClock(), settings.sms_per_user
    )


def _notification_center(settings: NotificationsSettings) -> NotificationCenter:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.deliveries import PostgresDeliveries
    from algotrading.adapters.postgres.notifications import PostgresNotifications
    from algotrading.adapters.postgres.push_devices import PostgresPushDevices
    from algotrading.adapters.postgres.users import PostgresUsers
    from algotrading.adapters.sqs_errands import SqsErrands
    from algotrading.services.notification_center import NotificationCenter

    database = parts.database(settings)
    errands = SqsErrands(lambda: parts.client("sqs"), settings.notice_queue_url)
    vault = _channel_vault(settings.kms_key_id)
    return NotificationCenter(
        users=PostgresUsers(database),
        notifications=PostgresNotifications(database),
        deliveries=PostgresDeliveries(database),
        push_devices=PostgresPushDevices(database),
        vault=vault,
        webhooks=_webhooks(settings),
        chats=_chats(settings),
        sms=_sms_numbers(settings, database, vault, errands),
        errands=errands,
        clock=SystemClock(),
    )


def _sms_numbers(
    settings: NotificationsSettings, database: Database, vault: KmsVault, errands: SqsErrands
) -> SmsNumbers:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.notifications import PostgresNotifications
    from algotrading.adapters.postgres.sms_codes import PostgresSmsCodes
    from algotrading.adapters.postgres.users import PostgresUsers
    from algotrading.domain.sms import CodeLimits
    from algotrading.services.sms_numbers import SmsNumbers

    return SmsNumbers(
        users=PostgresUsers(database),
        notifications=PostgresNotifications(database),
        codes=PostgresSmsCodes(database),
        texts=build_text_messages(settings),
        vault=vault,
        errands=errands,
        clock=SystemClock(),
        countries=settings.sms_countries,
        limits=CodeLimits(settings.sms_codes_per_day),
    )


def _mailer(settings: MailSettings) -> SesMailer:
    from algotrading.adapters.ses_mailer import SesMailer

    return SesMailer(lambda: parts.client("sesv2"), settings.mail_sender)


def _channel_vault(key_id: str) -> KmsVault:
    from algotrading.adapters.kms_vault import WEBHOOK, KmsVault

    return KmsVault(parts.client("kms"), key_id, purpose=WEBHOOK)


def _webhooks(settings: WebhookSettings) -> HttpWebhooks:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.webhooks import HttpWebhooks

    return HttpWebhooks(SystemClock(), relay_url=settings.webhook_relay_url)


def _chats(settings: TelegramSettings) -> TelegramChats:
    from algotrading.adapters.telegram import TelegramChats

    return TelegramChats(
        lambda: str(parts.read_secret(settings.telegram_secret_arn)["token"]), settings.telegram_api_url
    )


def build_text_messages(settings: SmsSettings) -> SnsTextMessages:
    """What sends text messages, or says that the deployment sends none."""
    from algotrading.adapters.sns_sms import SnsTextMessages

    # Once: what timed out may have been taken, and each message costs money.
    return SnsTextMessages(
        lambda: parts.client("sns", attempts=1, url=settings.sms_api_url or None),
        sender_id=settings.sms_sender_id,
        entity_id=settings.sms_entity_id,
        template_ids=dict(settings.sms_template_ids),
    )
