"""An e-mail of ours, and the words of those that are about an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from algotrading.domain.email_links import LASTS, LinkPurpose
from algotrading.domain.notifications import InboxNotice, is_always_mailed, title_of
from algotrading.domain.registrations import KEPT_FOR
from algotrading.domain.sessions import IST

PRODUCT: Final = "Algotrading"
"""By which whoever gets a mail, or looks at an authenticator app, knows what it is about."""


@dataclass(frozen=True, slots=True, repr=False)
class Mail:
    """Plain text to one address. `repr` shows none of it: it may hold a link that is as good as a password."""

    to: str
    subject: str
    text: str

    def __repr__(self) -> str:
        return "Mail(hidden)"


def reset_mail(to: str, app_url: str, token: str) -> Mail:
    """Brings a new password."""
    minutes = int(LASTS[LinkPurpose.RESET_PASSWORD].total_seconds() // 60)
    return Mail(
        to,
        "Choose a new password",
        f"Somebody asked for a new password of your {PRODUCT} account. If it was you, open this link and choose\n"
        "one:\n\n"
        f"  {app_url}/reset#{token}\n\n"
        f"It works once, within {minutes} minutes. In the app on a phone, paste this code instead:\n\n"
        f"  {token}\n\n"
        "A new password logs every device out. Your second factor stays as it is.\n"
        "If it was not you, do nothing: without this mail nobody can choose a password for you.\n",
    )


def notice_mail(to: str, notice: InboxNotice, app_url: str) -> Mail:
    """A notice, with what it is about."""
    about = f"{notice.symbol}: " if notice.symbol else ""
    how = (
        ""
        if is_always_mailed(notice.kind)
        else "Which notices come by mail is set there, under Inbox: What is sent where.\n"
    )
    return Mail(
        to,
        f"{about}{title_of(notice.kind).lower() if about else title_of(notice.kind)}",
        f"{notice.sentence}\n\n"
        f"{notice.created_at.astimezone(IST):%Y-%m-%d %H:%M:%S} IST, notice {notice.notice_id}.\n"
        f"Everything is in the app: {app_url}\n"
        f"{how}",
    )


def verification_mail(to: str, app_url: str, token: str) -> Mail:
    """Shows that mail to the address arrives."""
    hours = int(LASTS[LinkPurpose.VERIFY_EMAIL].total_seconds() // 3600)
    return Mail(
        to,
        "Confirm the e-mail of an account that is open",
        f"An {PRODUCT} account with this e-mail address was opened earlier, and whoever is logged in to it asks to\n"
        "confirm the address. If that is you, open this link, and enter the password of the account:\n\n"
        f"  {app_url}/verify#{token}\n\n"
        f"It works once, within {hours} hours. In the app on a phone, paste this code instead:\n\n"
        f"  {token}\n\n"
        "If you did not open this account, or are not logged in to it, do not open the link: somebody else may have\n"
        "opened it with your address. Choose a new password instead, which makes the account yours and ends every\n"
        f"login, key, viewer and channel of whoever had it: {app_url}/forgot\n",
    )


def registration_mail(to: str, app_url: str, token: str) -> Mail:
    """Opens an account, for who knows the password that was chosen with it."""
    hours = int(KEPT_FOR.total_seconds() // 3600)
    return Mail(
        to,
        "Confirm your e-mail",
        f"Somebody asked for an {PRODUCT} account with this e-mail address. If it was you, open this link, and\n"
        "enter the password that you chose:\n\n"
        f"  {app_url}/confirm#{token}\n\n"
        f"It works once, within {hours} hours. In the app on a phone, paste this code instead:\n\n"
        f"  {token}\n\n"
        "If it was not you, do nothing: without this mail no account is opened, and by tomorrow it is forgotten that\n"
        "one was asked for. You may register yourself at any time.\n",
    )


def registered_mail(to: str, app_url: str) -> Mail:
    """Somebody asked for an account with an address that has one."""
    return Mail(
        to,
        "You have an account already",
        f"Somebody asked for an {PRODUCT} account with this e-mail address, which has one already. Nothing was\n"
        "changed.\n\n"
        f"If it was you, log in: {app_url}/login\n"
        f"If you do not know the password any more, choose a new one: {app_url}/forgot\n\n"
        "If it was not you, do nothing: whoever it was did not learn that you have an account.\n",
    )


def deleted_mail(to: str) -> Mail:
    """The last one: nothing is kept by which another could be sent."""
    return Mail(
        to,
        "Your account was deleted",
        f"The {PRODUCT} account that had this e-mail address was deleted, with its password, and cannot be brought\n"
        "back.\n\n"
        "Your name, keys and devices are forgotten. What was traded is kept, as the law asks, under a number that\n"
        "names nobody. Nothing is bought or sold for you any more.\n\n"
        "If it was not you, end the API session at your broker, and change the password of your mailbox.\n",
    )
