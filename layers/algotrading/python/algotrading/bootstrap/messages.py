"""Builds what reaches people outside of the app: account mails."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from algotrading.bootstrap import parts
from algotrading.settings import MailerSettings, MailSettings

if TYPE_CHECKING:
    from algotrading.adapters.ses_mailer import SesMailer
    from algotrading.services.account_mails import AccountMails


def build_mailer(settings: MailerSettings) -> Callable[[str], object]:
    """lambdas/mailer: takes a message of its queue."""
    from algotrading.contracts.errands import read_errand

    mails = cache(lambda: _account_mails(settings))
    return lambda text: mails().run(read_errand(text))


def _account_mails(settings: MailerSettings) -> AccountMails:
    from algotrading.adapters.clock import SystemClock
    from algotrading.adapters.postgres.email_links import PostgresEmailLinks
    from algotrading.adapters.postgres.users import PostgresUsers
    from algotrading.services.account_mails import AccountMails

    database = parts.database(settings)
    return AccountMails(
        users=PostgresUsers(database),
        links=PostgresEmailLinks(database),
        mailer=ses_mailer(settings),
        clock=SystemClock(),
        app_url=settings.app_url.rstrip("/"),
    )


def ses_mailer(settings: MailSettings) -> SesMailer:
    """The mail service, under the address that our mails come from."""
    from algotrading.adapters.ses_mailer import SesMailer

    return SesMailer(lambda: parts.client("sesv2"), settings.mail_sender)
