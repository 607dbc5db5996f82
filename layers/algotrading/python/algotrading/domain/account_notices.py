"""What owners are told of who gets into their accounts, and of logins. Plain words; what other people have named is
quoted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from algotrading.domain.api_keys import ApiKey
from algotrading.domain.logins import DeviceLogin
from algotrading.domain.notifications import Channel
from algotrading.domain.roles import ViewerGrant
from algotrading.domain.sessions import IST

_NOT_YOU: Final = "If that was not you, choose a new password at once, by the link below the login"
SECOND_FACTOR_ON: Final = (
    "a second factor was switched on: logins ask for its code from now on, or for a recovery code. Keep those where"
    f" you find them without the phone. {_NOT_YOU}, and ask whoever runs the service to take the second factor away:"
    " without a code of it nobody else can"
)
SECOND_FACTOR_OFF: Final = (
    "the second factor was switched off, with a code of it: your password alone is enough from now on, and every other"
    f" device was logged out. {_NOT_YOU}, and switch it on again"
)
SECOND_FACTOR_CLEARED: Final = (
    "the second factor was taken away by whoever runs the service, as somebody who cannot show it has asked for: your"
    " password alone is enough from now on, and every device was logged out; API keys go on. Log in, and switch it on"
    f" again. {_NOT_YOU}, and tell whoever runs the service"
)
ACCOUNT_LOCKED: Final = " ".join(
    (
        "your account was locked by whoever runs the service: nobody gets in any more, and every device was logged",
        "out. What runs goes on as it was left, stops and sell times too, but your broker login cannot be renewed",
        "here. Ask them why: an administrator of theirs can unlock it, and no password or code does",
    )
)
ACCOUNT_UNLOCKED: Final = "your account was unlocked: log in again, and look whether your broker login is still good"
LOGINS_HELD_UP: Final = " ".join(
    (
        "a wrong password or code was tried at your account again and again, so logins have to wait between tries, for",
        "a quarter of an hour at most. That ends by itself, and devices that are logged in go on. If it was not you,",
        "choose a password that you use nowhere else, and switch your second factor on",
    )
)
ERASED: Final = "what was said here was erased when the account was deleted"
"""In the place of every notice of an account that is gone: notices have names in them."""
CODE_REUSED: Final = (
    "right digits of your second factor came once more after they were used, or are older than some that were, and were"
    f" refused. Unless you entered them twice yourself, somebody has read them over your shoulder. {_NOT_YOU}"
)


@dataclass(frozen=True, slots=True)
class OtherWays:
    """What lets somebody into an account, or tells somebody of it, without its password."""

    api_keys: int
    viewers: int
    """Invitations that were not accepted yet, too."""
    channels: int
    """Webhook, Telegram and SMS."""


def login_refused(account_name: str | None, now: datetime) -> str:
    """The broker takes its login no more, since `now`; `account_name` None: its owner has one account."""
    where = "" if account_name is None else f" in the account {account_name}"
    return (
        f"the broker does not take the login{where} any more, since {now.astimezone(IST):%H:%M:%S} IST: a logout there"
        " or a login at another place ends it. Nothing is bought by it until you log in to the broker again. Selling"
        " goes on being tried, and what the broker still refuses is sold once you have logged in. Log in to the"
        f" broker{where} now"
    )


def key_made(key: ApiKey) -> str:
    """A program may do something in the owner's name."""
    scopes = ", ".join(sorted(key.scopes))
    until = key.expires_at.astimezone(IST)
    return (
        f'an API key "{key.name}" was made, good for {scopes} until {until:%d %B %Y}. {_NOT_YOU}, and revoke the key:'
        " it outlives the password"
    )


def new_device(login: DeviceLogin) -> str:
    """Somebody logged in who has the password, and the code where one is needed."""
    code = ", with a code of your second factor" if login.has_second_factor else ""
    return (
        f'a login began on a device that was not seen before, which calls itself "{login.name}"{code}. {_NOT_YOU}, and'
        " end the login in the app, under Settings"
    )


def login_copied(login: DeviceLogin) -> str:
    """A refresh token of the login came again after it was used."""
    return (
        f'the login of the device that calls itself "{login.name}" was ended: what keeps it going was used twice, so'
        f" somebody may have a copy of it, from that device or a backup. Log in there again. {_NOT_YOU}, and end the"
        " logins that you do not know, in the app, under Settings"
    )


def viewer_joined(grant: ViewerGrant) -> str:
    """Somebody reads the owner's account from now on. The e-mail is in the list of viewers alone: there it goes when
    the viewer's own account is deleted."""
    return (
        f'a viewer reads your account from now on, by your invitation "{grant.name}": your list of viewers has the'
        f" e-mail. You can end that at any time. {_NOT_YOU}, and remove the viewer"
    )


def channel_set(channel: Channel, target: str) -> str:
    """Notices go to a place that they did not go to before. `target`: see `ChannelSetup`."""
    return (
        f"what you are told of your account goes {_place(channel, target)} as well from now on, every trade with it."
        f" {_NOT_YOU}, and switch that channel off in the app, under Inbox: it outlives the password"
    )


def _place(channel: Channel, target: str) -> str:
    """As much of it as tells its owner which one it is: of an address the host, of a number its last digits."""
    match channel:
        case Channel.WEBHOOK:
            return f"to the webhook at {urlsplit(target).hostname}"
        case Channel.SMS:
            return f"by SMS to the number that ends in {target[-4:]}"
        case _:
            return f"to the {channel.capitalize()} chat {target}"


def password_changed(left: OtherWays) -> str:
    """By a link: every login has ended; `left` is what goes on."""
    told = "your password was changed by a link of an e-mail, and every device was logged out"
    return _with_new_password(told, left)


def password_changed_by_old_one(left: OtherWays) -> str:
    """Every login but the one that changed it has ended; `left` is what goes on."""
    told = "your password was changed on a device that was logged in, by the old one, and every other was logged out"
    return _with_new_password(told, left)


def _with_new_password(told: str, left: OtherWays) -> str:
    told += ". "
    ways = [
        (left.api_keys, _counted(left.api_keys, "API key"), "a key can be revoked (DELETE /account/keys/{id})"),
        (left.viewers, _counted(left.viewers, "viewer"), "a viewer can be removed (DELETE /account/viewers/{id})"),
        (
            left.channels,
            _counted(left.channels, "channel", " outside of the app"),
            "channels are switched off in the app, under Inbox",
        ),
    ]
    known = [(name, how) for count, name, how in ways if count]
    if known:
        names, hows = (", ".join(part) for part in zip(*known, strict=True))
        told += f"What goes on without it: {names}; look whether you know them all: {hows}. "
    if left.api_keys or left.viewers:
        told += "A password that is forgotten once more can end all keys and viewers with it. "
    return f"{told}{_NOT_YOU}, and look at your second factor"


def _counted(count: int, name: str, more: str = "") -> str:
    return f"{count} {name}{'s' if count > 1 else ''}{more}"
