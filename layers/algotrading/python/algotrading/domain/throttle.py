"""How guessing is slowed down: after some tries that are free, every further one makes the next wait twice as long."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

LONGEST_WAIT_SECONDS: Final = 900.0
REMEMBERED_SECONDS: Final = 3600.0
"""After the last try."""
TOLD_FROM_SECONDS: Final = 60.0
"""The wait from which on an account's owner is told of it: six tries beyond the free ones are no slip of theirs."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """What tries are counted by. `digest` names it without telling who or where it is."""

    digest: str
    free: int
    """Tries without a wait."""
    is_cleared: bool
    """A success forgets the tries; otherwise it takes back only its own: somebody with an account of their own could
    else go on guessing at others' for ever."""


def suspects_of_login(email: str, address: str, *, on_known_device: bool = False) -> Sequence[Suspect]:
    """One account from one address, one account from anywhere, and one address at any account.

    `on_known_device`: one on which the account's owner is, or was, logged in. Tries there are counted apart from those
    elsewhere, so that whoever guesses elsewhere does not keep the owner out (OWASP, Slow Down Online Guessing Attacks
    with Device Cookies); of all such devices together, and as tightly as anywhere: they may be in a thief's hands."""
    return (
        *suspects_of_account(email, address, on_known_device=on_known_device),
        Suspect(_digest("address", address), free=100, is_cleared=False),
    )


def suspects_of_account(email: str, address: str, *, on_known_device: bool = False) -> Sequence[Suspect]:
    """Those of a login by which tries at this very account are counted."""
    account = email.lower()
    if on_known_device:
        return (Suspect(_digest("known devices", account), free=5, is_cleared=True),)
    return (
        Suspect(_digest("account at address", account, address), free=5, is_cleared=True),
        Suspect(_digest("account", account), free=20, is_cleared=True),
    )


def suspects_of_held_up_notice(email: str) -> Sequence[Suspect]:
    """Whoever goes on guessing while they have to wait has the owner told; not by every try."""
    return (Suspect(_digest("held up", email.lower()), free=1, is_cleared=False),)


def suspects_of_registration(email: str, address: str) -> Sequence[Suspect]:
    """Each try sends a mail to somebody who may not have asked for it, whether or not there is an account."""
    return _suspects_of_asked_mail("registration", email, address)


def suspects_of_opened_registration(address: str) -> Sequence[Suspect]:
    """What counts as good once the account is opened: an office of thirty does not wait. The mailbox goes on being
    counted, for a wait that ends before its time would tell that somebody has opened an account."""
    return suspects_of_registration("", address)[-1:]


def suspects_of_code(user_id: UUID) -> Sequence[Suspect]:
    """Whoever is logged in and guesses at the second factor."""
    return (Suspect(_digest("code", str(user_id)), free=5, is_cleared=True),)


def suspects_of_forgotten_password(email: str, address: str, *, on_known_device: bool = False) -> Sequence[Suspect]:
    """Each try may send a mail to somebody who did not ask for it. None of them ever counts as good. The
    owner's devices are counted apart, as at logins."""
    of_mailbox = _suspects_of_asked_mail("forgotten", email, address)
    if not on_known_device:
        return of_mailbox
    return (Suspect(_digest("forgotten on known devices", email.lower()), free=3, is_cleared=False), of_mailbox[-1])


def suspects_of_link(address: str) -> Sequence[Suspect]:
    """Whoever guesses at the links of e-mails."""
    return (Suspect(_digest("link", address), free=20, is_cleared=False),)


def suspects_of_key(address: str) -> Sequence[Suspect]:
    """Whoever shows keys of programs that are none. Only wrong ones are counted: a right one is asked for nothing."""
    return (Suspect(_digest("key", address), free=20, is_cleared=False),)


def suspects_of_mail(user_id: UUID) -> Sequence[Suspect]:
    """Whoever is logged in and has mails sent to the account's address."""
    return (Suspect(_digest("mail", str(user_id)), free=3, is_cleared=False),)


def wait_after(tries: int, free: int) -> float:
    """Seconds until the next try after so many."""
    return 0.0 if tries < free else min(2.0 ** (tries - free), LONGEST_WAIT_SECONDS)


def _suspects_of_asked_mail(why: str, email: str, address: str) -> Sequence[Suspect]:
    """One mailbox from one address, one mailbox from anywhere, and one address at any mailbox."""
    account = email.lower()
    return (
        Suspect(_digest(f"{why} at address", account, address), free=3, is_cleared=False),
        Suspect(_digest(why, account), free=10, is_cleared=False),
        Suspect(_digest(f"{why} from", address), free=20, is_cleared=False),
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
