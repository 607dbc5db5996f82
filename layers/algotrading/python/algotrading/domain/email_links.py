"""Links in e-mails: what each is good for, and for how long."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class LinkPurpose(StrEnum):
    """What a link may do; for nothing else is it worth anything. Stored: add, never rename."""

    RESET_PASSWORD = "reset_password"  # noqa: S105 - a name, no password
    VERIFY_EMAIL = "verify_email"


LASTS: Final[Mapping[LinkPurpose, timedelta]] = MappingProxyType(
    {LinkPurpose.RESET_PASSWORD: timedelta(minutes=30), LinkPurpose.VERIFY_EMAIL: timedelta(hours=24)}
)
"""From the sending of the mail."""
WRONG_OWNER: Final = (
    "that is not the password of the account that this link is for: if you did not open that account, choose a new"
    " password instead of confirming it"
)
"""What is told of a link that came with another password."""
LINK_IS_OVER: Final = "this link was used, is too old, or is not one of ours: ask for a new one"
