"""What owners are told of who gets into their accounts. Plain words; what other people have named is quoted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from algotrading.domain.api_keys import ApiKey
from algotrading.domain.roles import ViewerGrant
from algotrading.domain.sessions import IST

_NOT_YOU: Final = "If that was not you, choose a new password at once, by the link below the login"
SECOND_FACTOR_ON: Final = f"a second factor was switched on: logins ask for its code from now on. {_NOT_YOU}"
SECOND_FACTOR_OFF: Final = (
    f"the second factor was switched off, with a code of it: your password alone is enough from now on. {_NOT_YOU}, and"
    " switch it on again"
)
ACCOUNT_LOCKED: Final = " ".join(
    (
        "your account was locked by support: nobody gets in any more, and every device was logged out. What runs goes",
        "on as it was left, stops and sell times too, but your broker login cannot be renewed here. Ask support",
    )
)
ACCOUNT_UNLOCKED: Final = "your account was unlocked: log in again, and look whether your broker login is still good"


@dataclass(frozen=True, slots=True)
class OtherWays:
    """What lets somebody into an account, or tells somebody of it, without its password."""

    api_keys: int
    viewers: int
    """Invitations that were not accepted yet, too."""
    channels: int
    """Webhook and Telegram."""


def key_made(key: ApiKey) -> str:
    """A program may do something in the owner's name."""
    scopes = ", ".join(sorted(key.scopes))
    until = key.expires_at.astimezone(IST)
    return (
        f'an API key "{key.name}" was made, good for {scopes} until {until:%d %B %Y}. {_NOT_YOU}, and revoke the key:'
        " it outlives the password"
    )


def viewer_joined(grant: ViewerGrant) -> str:
    """Somebody reads the owner's account from now on."""
    return (
        f'{grant.viewer_email} reads your account from now on, by your invitation "{grant.name}". You can end that at'
        f" any time. {_NOT_YOU}, and remove the viewer"
    )


def password_changed(left: OtherWays) -> str:
    """Every login has ended; `left` is what goes on."""
    told = "your password was changed by a link of an e-mail, and every device was logged out. "
    names = [
        _counted(left.api_keys, "API key"),
        _counted(left.viewers, "viewer"),
        _counted(left.channels, "channel", " outside of the app"),
    ]
    known = [name for name in names if name]
    if known:
        told += f"What goes on without it: {', '.join(known)}; look whether you know them all. "
    return f"{told}{_NOT_YOU}, and look at your second factor"


def _counted(count: int, name: str, more: str = "") -> str:
    return f"{count} {name}{'s' if count > 1 else ''}{more}" if count else ""
